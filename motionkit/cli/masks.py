"""Select masks first: ``--select`` of a verb that takes masks.

The selection is a separate purchase. Its key is derived from the clip, so that repeating the
command does not pay for it again.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from motionkit.cli import checkout, delivery
from motionkit.cli.delivery import FRAME
from motionkit.cli.format import quoted, short
from motionkit.cli.records import Running
from motionkit.cli.screen import Screen
from motionkit.client import BuyOptions, Client, Explanation, registry
from motionkit.errors import BudgetExceeded, InvalidRequest, Unsupported
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.job import Output, Result, State
from motionkit.model.money import dollars, possible
from motionkit.model.probe import Facts
from motionkit.model.request import Placeholder, Request
from motionkit.storage import suffix

OPERATION = "mask_selection"


@attrs.frozen
class Plan:
    """Both requests, before the masks are known.

    Attributes:
        wanted: The main request, with placeholders for the masks.
        explained: Its explanation.
        selection: The selection of the masks.
        selecting: Its explanation.
        key: The key of the selection.
        facts: The facts of the main request's media.
        earlier: The selection's purchase, if there is one.
    """

    wanted: Request
    explained: Explanation
    selection: Request
    selecting: Explanation
    key: str
    facts: Mapping[str, Facts]
    earlier: PurchaseRecord | None = None

    @property
    def first(self) -> Decimal | None:
        """The cost of the selection, or its upper bound, in US dollars; None when unknown."""
        if self.earlier is not None:
            return _spent(self.earlier)
        return None if self.selecting.quote is None else self.selecting.quote.usd_high


def plan(client: Client, request: Any, options: Running, facts: Mapping[str, Facts]) -> Plan:
    """Check both requests before anything is submitted.

    Raises:
        Unsupported: The target does not select masks.
        InvalidRequest: One of the requests is invalid.
    """
    BuyOptions(key=options.key)  # refuse a blank key before the selection is paid
    if request.masks:
        raise InvalidRequest("pass either --select or --mask, not both", field="select")
    placeholders = tuple(Placeholder(f"<mask {number}>") for number in options.select or ())
    wanted = attrs.evolve(request, masks=placeholders)
    target: dict[str, Any] = {"via": options.via, "choose": options.choose, "limited": False}
    explained = client.explain(wanted, **target, facts=facts)
    kinds = [kind for kind in registry.operations() if kind.operation == OPERATION]
    if not kinds:
        raise Unsupported("no installed provider selects masks", field="select")
    kind: Any = kinds[0]
    cut = {"fit": request.fit, "start": request.start, "seconds": request.seconds}
    selection: Request = kind(video=request.video, keyframe=request.keyframe, **cut)
    try:
        clip = {"video": facts["video"]}
        selecting = client.explain(selection, **target, facts=clip)
    except Unsupported as error:
        error.hint = "select the masks elsewhere and pass them with --mask"
        raise
    if wanted.keyframe is None:
        wanted = attrs.evolve(wanted, keyframe=_default_frame(client, selecting))
        explained = client.explain(wanted, **target, facts=facts)
    key = _key(client, selection, selecting, options, clip)
    earlier = client.bought_before(selection, via=options.via, key=key, facts=clip)
    planned = Plan(wanted, explained, selection, selecting, key, facts, earlier)
    # If the selection exists, the main job may exist too, and limits must not refuse it.
    planned = planned if earlier else limited(client, planned, options)
    both = (planned.selecting, planned.explained)
    selecting_at, used_at = (one.target.partition("/")[0] for one in both)
    if selecting_at != used_at:
        raise InvalidRequest(
            f"masks selected at {selecting_at} are unknown at {used_at}",
            field="via",
            hint="choose one account with --via",
        )
    return planned


def _default_frame(client: Client, selecting: Explanation) -> int | None:
    """Return the frame that a selection uses unless the request names one."""
    account, _, model = selecting.target.partition("/")
    offers = registry.load(client.config.known(account).provider).offers
    rows = [one for one in offers if (one.operation, one.model) == (OPERATION, model)]
    return next((one.defaults.get("keyframe") for one in rows), None)


def limited(client: Client, planned: Plan, options: Running) -> Plan:
    """Return the plan within caps and budgets, which must cover both purchases.

    Raises:
        BudgetExceeded: No target is left.
    """
    selecting = planned.selecting
    target: dict[str, Any] = {
        "via": options.via,
        "choose": options.choose,
        "max_usd": options.max_usd,
    }
    if planned.earlier is None:
        clip = {"video": planned.facts["video"]}
        selecting = client.explain(planned.selection, **target, facts=clip)
    planned = attrs.evolve(planned, selecting=selecting)
    besides = planned.first if planned.earlier is None else None
    explained = client.explain(planned.wanted, **target, besides=besides, facts=planned.facts)
    return attrs.evolve(planned, explained=explained)


def _check(screen: Screen, planned: Plan, options: Running) -> None:
    """Apply caps, budgets and the user's confirmation before anything is submitted."""
    cap, quote, first = options.max_usd, planned.explained.quote, planned.first
    high = None if quote is None else quote.usd_high
    total = None if high is None or first is None else first + high
    if cap is not None and (total is None or total > cap):
        shown = "an unknown amount" if total is None else dollars(total)
        raise BudgetExceeded(
            f"selecting the masks and {planned.wanted.operation} together cost up to {shown}; "
            f"max_usd is {dollars(cap)}"
        )
    ahead = (
        [planned.selecting, planned.explained] if planned.earlier is None else [planned.explained]
    )
    for one in ahead:
        if one.refused is not None:
            raise one.refused
    checkout.confirm(screen, [one.quote for one in ahead], options)


def dry_run(
    screen: Screen, client: Client, request: Any, options: Running, facts: Mapping[str, Facts]
) -> None:
    """Print both requests without keys and signatures; raise the errors of a real run."""
    planned = plan(client, request, options, facts)
    if planned.earlier is None:
        delivery.place(options.out, overwrite=options.overwrite, kind=request.delivers)
    earlier = planned.earlier
    if earlier is None:
        checkout.dry_run(screen, planned.selection, planned.selecting, options)
    else:
        planned = limited(client, planned, options)
        screen.note(f"the masks were selected earlier, as {short(planned.key)}")
        checkout.dry_resume(screen, planned.selection, earlier)
    checkout.dry_run(screen, planned.wanted, planned.explained, options)
    _check(screen, planned, options)


def select(
    screen: Screen, client: Client, request: Any, options: Running, facts: Mapping[str, Facts]
) -> tuple[Request, Running]:
    """Submit the selection or resume it; show and save the masks.

    Returns:
        The request with its masks, and the options with the rest of --max-usd.

    Raises:
        InvalidRequest: There is no mask with that number.
        MotionKitError: As `checkout.buy`.
    """
    planned = plan(client, request, options, facts)
    key, earlier = planned.key, planned.earlier
    if earlier is None:
        # Otherwise the main job may have been delivered there.
        delivery.place(options.out, overwrite=options.overwrite, kind=request.delivers)
        _check(screen, planned, options)
        screen.fact("first", "masks are selected first and billed separately")
        screen.fact("then", f"{request.operation}: {quoted(planned.explained.quote)}")
        options = attrs.evolve(options, yes=True)
    named = delivery.parsed(options.out)
    # The names of a store and of placeholders are the film's: masks are small, and stay here.
    out = named if isinstance(named, Path) else delivery.default_target(request.describe())
    own = attrs.evolve(options, key=key, new=False)
    picture = _picture(out, "mask-0", ".png")
    clip = {"video": planned.facts["video"]}
    job = checkout.buy(
        screen,
        client,
        planned.selection,
        own,
        out=delivery.text_of(picture),
        facts=clip,
        earlier=earlier,
    )
    result = delivery.wait(screen, client, job, timeout=options.timeout)
    pictures = [] if earlier and earlier.delivered else _save(screen, client, result, out)
    masks = [output for output in result.outputs if output.label != FRAME]
    _show(screen, result, masks, pictures, options)
    chosen = [_chosen(masks, number) for number in options.select or ()]
    found = attrs.evolve(request, masks=tuple(chosen), keyframe=_frame(result, request.keyframe))
    return found, _left(screen, client.jobs.get(job.key), options)


def _left(screen: Screen, selection: PurchaseRecord, options: Running) -> Running:
    """Return the options with the rest of --max-usd.

    Raises:
        BudgetExceeded: The cost of the selection is unknown.
    """
    if options.max_usd is None:
        return options
    spent = _spent(selection)
    if spent is None:
        raise BudgetExceeded(
            f"the cost of selecting the masks is unknown; max_usd is {dollars(options.max_usd)}"
        )
    left = max(options.max_usd - spent, Decimal(0))
    screen.fact("left", f"{dollars(left)} of --max-usd, after the selection's {dollars(spent)}")
    return attrs.evolve(options, max_usd=left)


def _spent(entry: PurchaseRecord) -> Decimal | None:
    """Return the cost of a purchase in US dollars, else its upper bound."""
    if entry.cost is not None and entry.cost.usd is not None and possible(entry.cost):
        return entry.cost.usd
    return None if entry.quote is None else entry.quote.usd_high


def _key(
    client: Client,
    selection: Request,
    selecting: Explanation,
    options: Running,
    facts: Mapping[str, Facts],
) -> str:
    """Return the key of a selection: the same for the same clip, frame and target.

    It is derived from the resolved target. Earlier versions used the text of --via; such a key
    stays valid if the journal has it.
    """
    if options.key is not None:
        return f"{options.key}-masks"
    if options.new:
        return f"masks-{uuid.uuid4()}"
    earlier, key = (
        f"masks-{selection.fingerprint(facts, word)[:16]}"
        for word in (options.via or "", selecting.target)
    )
    if _held(client, selection, options, earlier, facts):
        return earlier
    numbered = itertools.chain([key], (f"{key}-{number}" for number in itertools.count(2)))
    return next(
        one for one in numbered if _held(client, selection, options, one, facts) is not False
    )


def _held(
    client: Client, selection: Request, options: Running, key: str, facts: Mapping[str, Facts]
) -> bool | None:
    """Return whether the selection of a key succeeded or may still succeed; None without one."""
    entry = client.bought_before(selection, via=options.via, key=key, facts=facts)
    if entry is None:
        return None
    ended = isinstance(entry.state, State) and entry.state.terminal
    return not ended or entry.state is State.SUCCEEDED


def _picture(out: Path, name: object, ending: str) -> Path:
    return delivery.renamed(out, f"-{name}{ending}")


def _save(screen: Screen, client: Client, result: Result, out: Path) -> list[Path]:
    """Download the images beside the file; the first is last, because it marks delivery."""
    saved = []
    for number in reversed(range(len(result.outputs))):
        output = result.outputs[number]
        name = FRAME if output.label == FRAME else f"mask-{number}"
        path = delivery.free(_picture(out, name, suffix(output)))
        with screen.busy(f"downloading {path.name}"):
            saved.append(client.download(result, path, output=number))
    return saved[::-1]


def _show(
    screen: Screen, result: Result, masks: list[Output], pictures: list[Path], options: Running
) -> None:
    wanted = options.select or ()
    width = max((len(mask.label or "") for mask in masks), default=0)
    rows = []
    for number, mask in enumerate(masks):
        place = pictures[number] if number < len(pictures) else None
        chosen = "selected" if number in wanted else ""
        text = f"{mask.label or '':<{width}}  {chosen:<8}  id {mask.id}"
        screen.fact(f"mask {number}", text + (f"  {place}" if place else "  saved earlier"))
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
        cost = codec.unstructure(result.cost)
        data = {"key": result.job.key, "operation": OPERATION, "cost": cost, "masks": rows}
        screen.answer(data, "")


def _chosen(masks: list[Output], number: int) -> str:
    if number >= len(masks) or not masks[number].id:
        listed = ", ".join(f"{n} ({mask.label})" for n, mask in enumerate(masks) if mask.id)
        raise InvalidRequest(
            f"select: mask {number} does not exist; found {listed or 'no mask'}",
            field="select",
            value=str(number),
            limit=listed,
            hint="the selection is paid; repeat the command with another number to use it",
        )
    return str(masks[number].id)


def _frame(result: Result, asked: int | None) -> int | None:
    """Return the frame that the vendor used, else the requested one."""
    frames = [output.id or "" for output in result.outputs if output.label == FRAME]
    return int(frames[0]) if frames and frames[0].isdecimal() else asked
