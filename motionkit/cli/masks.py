"""Select masks first: what ``--select`` of a verb that takes masks stands for.

The selection is a purchase of its own, under a key that the same clip gives again: repeating the
command does not pay for it again.
"""

from __future__ import annotations

import itertools
import uuid
from pathlib import Path
from typing import Annotated, Any, TypeVar

import attrs
import typer

from motionkit import codec, fitting, registry
from motionkit.cli import delivery, spend
from motionkit.cli.delivery import FRAME
from motionkit.cli.options import REQUEST_PANEL, Ordering, Running
from motionkit.cli.show import Screen
from motionkit.cli.words import quoted
from motionkit.client import Client
from motionkit.download import check_target
from motionkit.errors import BudgetExceeded, InvalidRequest, Unsupported
from motionkit.model import Output, Result, State
from motionkit.orders import Explanation, Wish
from motionkit.request import Request

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
    """

    wanted: Request
    explained: Explanation
    selection: Request
    selecting: Explanation


def plan(client: Client, request: Any, options: Selecting) -> Plan:
    """Check both requests before anything is paid.

    Raises:
        Unsupported: Nobody selects masks there.
        InvalidRequest: One of them does not fit.
    """
    Wish(key=options.key)  # a blank one is refused before the selection is paid, too
    if request.masks:
        raise InvalidRequest("give either --select or --mask", field="select")
    stand_ins = tuple(f"<mask {number}>" for number in options.select or ())
    wanted = attrs.evolve(request, masks=stand_ins)
    explained = client.explain(wanted, via=options.via)
    kinds = [kind for kind in registry.operations() if kind.operation == OPERATION]
    if not kinds:
        raise Unsupported("no installed provider selects masks", field="select")
    made: Any = kinds[0]
    selection: Request = made(video=request.video, keyframe=request.keyframe)
    try:
        selecting = client.explain(selection, via=options.via)
    except Unsupported as error:
        error.hint = "select the masks elsewhere and give them with --mask"
        raise
    accounts = {_account(explained), _account(selecting)}
    if len(accounts) > 1:
        raise InvalidRequest(
            f"the masks would be selected at {_account(selecting)} and used at "
            f"{_account(explained)}, which does not know them",
            field="via",
            hint="name one account with --via",
        )
    return Plan(wanted, explained, selection, selecting)


def dry_run(screen: Screen, planned: Plan) -> None:
    """Print both requests; keys and signatures are left out."""
    spend.dry_run(screen, planned.selection, planned.selecting)
    spend.dry_run(screen, planned.wanted, planned.explained)


def select(
    screen: Screen, client: Client, request: Any, options: Options
) -> tuple[Request, Options]:
    """Buy the selection, or go on with it; show and save the masks; return what to buy with them.

    Raises:
        InvalidRequest: There is no mask of that number.
        MotionKitError: As `spend.buy`.
    """
    planned = plan(client, request, options)
    key = _key(client, planned, options)
    bought = client.bought_before(planned.selection, via=options.via, key=key)
    if bought is None:
        if options.out is not None:  # else what the masks are for may have been delivered there
            check_target(options.out, overwrite=isinstance(options, Running) and options.overwrite)
        _within(planned, options)
        spend.confirm(screen, planned.explained.quote, options)
        screen.fact("first", "the masks are selected, which is paid for apart")
        screen.fact("then", f"{request.operation}: {quoted(planned.explained.quote)}")
        options = attrs.evolve(options, yes=True)
    out = options.out or delivery.default_target(request.describe())
    own = attrs.evolve(options, key=key, new=False)
    picture = _picture(out, "mask-0", ".png")
    job = spend.buy(screen, client, planned.selection, own, out=picture, earlier=bought)
    result = delivery.wait(screen, client, job, timeout=getattr(options, "timeout", None))
    pictures = [] if bought and bought.delivered else _save(screen, client, result, out)
    masks = [output for output in result.outputs if output.label != FRAME]
    _show(screen, result, masks, pictures, options)
    chosen = [_chosen(masks, number) for number in options.select or ()]
    found = attrs.evolve(request, masks=tuple(chosen), keyframe=_frame(result, request.keyframe))
    return found, options


def _account(explanation: Explanation) -> str:
    return explanation.target.partition("/")[0]


def _key(client: Client, planned: Plan, options: Selecting) -> str:
    """Return the key of a selection: the same for the same clip, frame and target.

    The target counts and not the word for it. Keys that earlier versions made hold the word; where
    the journal has one, it stays.
    """
    if options.key is not None:
        return f"{options.key}-masks"
    if options.new:
        return f"masks-{uuid.uuid4()}"
    facts = fitting.inspect(planned.selection)
    earlier, key = (
        f"masks-{planned.selection.fingerprint(facts, word)[:16]}"
        for word in (options.via or "", planned.selecting.target)
    )
    if _held(client, planned, options, earlier):
        return earlier
    numbered = itertools.chain([key], (f"{key}-{number}" for number in itertools.count(2)))
    return next(one for one in numbered if _held(client, planned, options, one) is not False)


def _held(client: Client, planned: Plan, options: Selecting, key: str) -> bool | None:
    """Tell whether a key has a selection that gave something or may still; None without one."""
    entry = client.bought_before(planned.selection, via=options.via, key=key)
    if entry is None:
        return None
    ended = isinstance(entry.state, State) and entry.state.terminal
    return not ended or entry.state is State.SUCCEEDED


def _within(planned: Plan, options: Selecting) -> None:
    """Refuse what both together could cost too much, before either is paid."""
    if options.max_usd is None:
        return
    highs = [
        None if one.quote is None else one.quote.usd_high
        for one in (planned.selecting, planned.explained)
    ]
    known = [high for high in highs if high is not None]
    if len(known) < len(highs) or sum(known) > options.max_usd:
        shown = f"{sum(known)} USD" if len(known) == len(highs) else "an unknown price"
        raise BudgetExceeded(
            f"selecting the masks and {planned.wanted.operation} together cost up to {shown}; "
            f"max_usd is {options.max_usd} USD"
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
