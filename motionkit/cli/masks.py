"""Select masks first: what ``--select`` of a verb that takes masks stands for.

The selection is a purchase of its own, under a key that the same clip gives again: repeating the
command does not pay for it again.
"""

from __future__ import annotations

import itertools
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import attrs
import typer

from motionkit.cli import checkout, delivery
from motionkit.cli.delivery import FRAME
from motionkit.cli.format import quoted, short
from motionkit.cli.options import REQUEST_PANEL, Ordering, Running
from motionkit.cli.screen import Screen
from motionkit.client import BuyOptions, Client, Explanation, check_target, inspect_media, registry
from motionkit.errors import BudgetExceeded, InvalidRequest, Unsupported
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.job import Output, Result, State
from motionkit.model.money import dollars
from motionkit.model.request import Request

OPERATION = "mask_selection"

Select = Annotated[
    list[int] | None,
    typer.Option(
        "--select",
        metavar="N",
        min=0,
        help="What @selection0 of the prompt means: a mask by its number; a second one is "
        "@selection1. The masks are selected first, for a price of its own, and saved beside the "
        "file. 'motionkit mask' shows them alone. Repeatable.",
        rich_help_panel=REQUEST_PANEL,
    ),
]


@attrs.frozen(kw_only=True)
class SelectingRun(Running):
    """What a verb takes that can select masks, buy, wait and fetch."""

    select: Select = None


@attrs.frozen(kw_only=True)
class SelectingOrder(Ordering):
    """What a verb takes that can select masks, buy and leave."""

    select: Select = None


Selecting = SelectingRun | SelectingOrder
Options = TypeVar("Options", SelectingRun, SelectingOrder)


def takes_masks(kind: type[Request]) -> bool:
    """Tell whether masks can be selected for an operation: it has masks and their frame."""
    return {"masks", "keyframe"} <= {field.name for field in attrs.fields(kind)}


@attrs.frozen
class Plan:
    """Both requests, as far as they can be told before the masks are known.

    Attributes:
        wanted: What the masks are for, with stand-ins for them.
        explained: What that would do.
        selection: The selection of the masks.
        selecting: What that would do.
        key: Of the selection.
        bought: The selection, where it was bought before.
    """

    wanted: Request
    explained: Explanation
    selection: Request
    selecting: Explanation
    key: str
    bought: PurchaseRecord | None = None

    @property
    def first(self) -> Decimal | None:
        """US dollars that the selection did cost or may cost; None when nobody knows."""
        if self.bought is not None:
            return _spent(self.bought)
        return None if self.selecting.quote is None else self.selecting.quote.usd_high


def plan(client: Client, request: Any, options: Selecting) -> Plan:
    """Check both requests before anything is paid.

    Raises:
        Unsupported: Nobody selects masks there.
        InvalidRequest: One of them does not fit.
    """
    BuyOptions(key=options.key)  # a blank one is refused before the selection is paid, too
    if request.masks:
        raise InvalidRequest("give either --select or --mask", field="select")
    stand_ins = tuple(f"<mask {number}>" for number in options.select or ())
    wanted = attrs.evolve(request, masks=stand_ins)
    explained = client.explain(wanted, via=options.via, limited=False)
    kinds = [kind for kind in registry.operations() if kind.operation == OPERATION]
    if not kinds:
        raise Unsupported("no installed provider selects masks", field="select")
    made: Any = kinds[0]
    selection: Request = made(video=request.video, keyframe=request.keyframe)
    try:
        selecting = client.explain(selection, via=options.via, limited=False)
    except Unsupported as error:
        error.hint = "select the masks elsewhere and give them with --mask"
        raise
    key = _key(client, selection, selecting, options)
    bought = client.bought_before(selection, via=options.via, key=key)
    planned = Plan(wanted, explained, selection, selecting, key, bought)
    # Where the masks are there, what they are for may be, too: then no limit refuses it.
    planned = planned if bought else limited(client, planned, options)
    accounts = {_account(planned.explained), _account(planned.selecting)}
    if len(accounts) > 1:
        raise InvalidRequest(
            f"the masks would be selected at {_account(planned.selecting)} and used at "
            f"{_account(planned.explained)}, which does not know them",
            field="via",
            hint="name one account with --via",
        )
    return planned


def limited(client: Client, planned: Plan, options: Selecting) -> Plan:
    """Return a plan with the targets that caps and budgets leave; the budgets have to hold both.

    Raises:
        BudgetExceeded: They leave none.
    """
    via, cap, selecting = options.via, options.max_usd, planned.selecting
    if planned.bought is None:
        selecting = client.explain(planned.selection, via=via, max_usd=cap)
    planned = attrs.evolve(planned, selecting=selecting)
    besides = planned.first if planned.bought is None else None
    explained = client.explain(planned.wanted, via=via, max_usd=cap, besides=besides)
    return attrs.evolve(planned, explained=explained)


def _check(screen: Screen, planned: Plan, options: Selecting) -> None:
    """Refuse what the caps, the budgets or the user do not allow, before anything is paid."""
    _within(planned, options)
    if planned.bought is None:
        quotes = [planned.selecting.quote, planned.explained.quote]
        refused = planned.selecting.refused or planned.explained.refused
    else:
        quotes, refused = [planned.explained.quote], planned.explained.refused
    if refused is not None:
        raise refused
    checkout.confirm(screen, quotes, options)


def dry_run(
    screen: Screen, client: Client, request: Any, options: Selecting, out: Path | None
) -> None:
    """Print both requests, and raise what the real run would raise before it pays.

    Keys and signatures are left out.
    """
    planned = plan(client, request, options)
    if out is not None and planned.bought is None:
        check_target(out, overwrite=isinstance(options, Running) and options.overwrite)
    bought = planned.bought
    if bought is None:
        checkout.dry_run(screen, planned.selection, planned.selecting, options)
    else:
        planned = limited(client, planned, options)
        screen.note(f"the masks were selected before, as {short(planned.key)}")
        checkout.dry_resume(screen, planned.selection, bought)
    checkout.dry_run(screen, planned.wanted, planned.explained, options)
    _check(screen, planned, options)


def select(
    screen: Screen, client: Client, request: Any, options: Options
) -> tuple[Request, Options]:
    """Buy the selection, or go on with it; show and save the masks; return what to buy with them.

    Returns:
        The request with its masks, and the options with what the selection leaves of --max-usd.

    Raises:
        InvalidRequest: There is no mask of that number.
        MotionKitError: As `spend.buy`.
    """
    planned = plan(client, request, options)
    key, bought = planned.key, planned.bought
    if bought is None:
        if options.out is not None:  # else what the masks are for may have been delivered there
            check_target(options.out, overwrite=isinstance(options, Running) and options.overwrite)
        _check(screen, planned, options)
        screen.fact("first", "the masks are selected, which is paid for apart")
        screen.fact("then", f"{request.operation}: {quoted(planned.explained.quote)}")
        options = attrs.evolve(options, yes=True)
    out = options.out or delivery.default_target(request.describe())
    own = attrs.evolve(options, key=key, new=False)
    picture = _picture(out, "mask-0", ".png")
    job = checkout.buy(screen, client, planned.selection, own, out=picture, earlier=bought)
    result = delivery.wait(screen, client, job, timeout=getattr(options, "timeout", None))
    pictures = [] if bought and bought.delivered else _save(screen, client, result, out)
    masks = [output for output in result.outputs if output.label != FRAME]
    _show(screen, result, masks, pictures, options)
    chosen = [_chosen(masks, number) for number in options.select or ()]
    found = attrs.evolve(request, masks=tuple(chosen), keyframe=_frame(result, request.keyframe))
    return found, _left(screen, client.jobs.get(job.key), options)


def _left(screen: Screen, selection: PurchaseRecord, options: Options) -> Options:
    """Return the options with what the selection leaves of --max-usd.

    Raises:
        BudgetExceeded: Nobody knows what the selection cost.
    """
    if options.max_usd is None:
        return options
    spent = _spent(selection)
    if spent is None:
        raise BudgetExceeded(
            f"what selecting the masks cost is unknown, and max_usd is {dollars(options.max_usd)}"
        )
    left = max(options.max_usd - spent, Decimal(0))
    screen.fact("left", f"{dollars(left)} of --max-usd, after the selection's {dollars(spent)}")
    return attrs.evolve(options, max_usd=left)


def _spent(entry: PurchaseRecord) -> Decimal | None:
    """Return the US dollars that a purchase did cost, or else may have cost at most."""
    if entry.cost is not None and entry.cost.usd is not None:
        return entry.cost.usd
    return None if entry.quote is None else entry.quote.usd_high


def _account(explanation: Explanation) -> str:
    return explanation.target.partition("/")[0]


def _key(client: Client, selection: Request, selecting: Explanation, options: Selecting) -> str:
    """Return the key of a selection: the same for the same clip, frame and target.

    The target counts and not the word for it. Keys that earlier versions made hold the word; where
    the journal has one, it stays.
    """
    if options.key is not None:
        return f"{options.key}-masks"
    if options.new:
        return f"masks-{uuid.uuid4()}"
    facts = inspect_media(selection)
    earlier, key = (
        f"masks-{selection.fingerprint(facts, word)[:16]}"
        for word in (options.via or "", selecting.target)
    )
    if _held(client, selection, options, earlier):
        return earlier
    numbered = itertools.chain([key], (f"{key}-{number}" for number in itertools.count(2)))
    return next(one for one in numbered if _held(client, selection, options, one) is not False)


def _held(client: Client, selection: Request, options: Selecting, key: str) -> bool | None:
    """Tell whether a key has a selection that gave something or may still; None without one."""
    entry = client.bought_before(selection, via=options.via, key=key)
    if entry is None:
        return None
    ended = isinstance(entry.state, State) and entry.state.terminal
    return not ended or entry.state is State.SUCCEEDED


def _within(planned: Plan, options: Selecting) -> None:
    """Refuse what both together could cost too much, before either is paid."""
    if options.max_usd is None:
        return
    quote, first = planned.explained.quote, planned.first
    high = None if quote is None else quote.usd_high
    total = None if high is None or first is None else first + high
    if total is None or total > options.max_usd:
        shown = "an unknown price" if total is None else dollars(total)
        raise BudgetExceeded(
            f"selecting the masks and {planned.wanted.operation} together cost up to {shown}; "
            f"max_usd is {dollars(options.max_usd)}"
        )


def _picture(out: Path, name: object, ending: str) -> Path:
    return out.with_name(f"{out.stem}-{name}{ending}")


def _save(screen: Screen, client: Client, result: Result, out: Path) -> list[Path]:
    """Fetch the pictures beside the file, the first one last: that one delivers the selection."""
    saved = []
    for number in reversed(range(len(result.outputs))):
        output = result.outputs[number]
        name = FRAME if output.label == FRAME else f"mask-{number}"
        path = delivery.free(_picture(out, name, delivery.suffix(output)))
        with screen.busy(f"fetching {path.name}"):
            saved.append(client.download(result, path, output=number))
    return saved[::-1]


def _show(
    screen: Screen,
    result: Result,
    masks: list[Output],
    pictures: list[Path],
    options: Selecting,
) -> None:
    wanted = options.select or ()
    width = max((len(mask.label or "") for mask in masks), default=0)
    rows = []
    for number, mask in enumerate(masks):
        place = pictures[number] if number < len(pictures) else None
        chosen = "selected" if number in wanted else ""
        text = f"{mask.label or '':<{width}}  {chosen:<8}  id {mask.id}"
        screen.fact(f"mask {number}", text + (f"  {place}" if place else "  saved before"))
        rows.append(
            {
                "number": number,
                "label": mask.label,
                "id": mask.id,
                "file": str(place.absolute()) if place else None,
                "selected": bool(chosen),
            }
        )
    for frame in pictures[len(masks) :]:
        screen.fact("frame", str(frame))
    if screen.json:
        cost = codec.unstructure(result.cost) if result.cost else None
        told = {"key": result.job.key, "operation": OPERATION, "cost": cost, "masks": rows}
        screen.answer(told, "")


def _chosen(masks: list[Output], number: int) -> str:
    if number >= len(masks) or not masks[number].id:
        listed = ", ".join(f"{n} ({mask.label})" for n, mask in enumerate(masks) if mask.id)
        raise InvalidRequest(
            f"select: there is no mask {number}; there are {listed or 'none'}",
            field="select",
            value=str(number),
            limit=listed,
            hint="the selection is paid for; the same command with another number goes on with it",
        )
    return str(masks[number].id)


def _frame(result: Result, asked: int | None) -> int | None:
    """Return the frame that the vendor selected on, else the one that was asked for."""
    frames = [output.id or "" for output in result.outputs if output.label == FRAME]
    return int(frames[0]) if frames and frames[0].isdecimal() else asked
