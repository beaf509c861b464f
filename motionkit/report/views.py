"""What a page shows of a purchase: values, and the one place that makes them of a record.

Texts are plain: nothing is escaped here, and a template has to (Jinja2 with ``autoescape``).
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import attrs

from motionkit._support.text import verdict_text
from motionkit.journal import GIVEN_UP, UNDELIVERED, PurchaseRecord, retried
from motionkit.model import codec, containers
from motionkit.model.job import KeyState, State
from motionkit.model.money import Cost, CostBasis, Quote, amounts, both
from motionkit.model.rating import Rating

_OLDER = "an older motionkit wrote this job: the paths of its media are unknown"


class Tone(enum.StrEnum):
    """How a state is coloured; its text says the same."""

    GOOD = "good"
    BAD = "bad"
    BUSY = "busy"
    DOUBT = "doubt"
    """Its owner has something to do, or its outcome is unknown."""
    QUIET = "quiet"


_TONES: Mapping[State | KeyState, Tone] = {
    KeyState.INTENDED: Tone.BUSY,
    KeyState.UNCERTAIN: Tone.DOUBT,
    KeyState.REFUSED: Tone.QUIET,
    State.QUEUED: Tone.BUSY,
    State.RUNNING: Tone.BUSY,
    State.UNKNOWN: Tone.DOUBT,
    State.SUCCEEDED: Tone.GOOD,
    State.FAILED: Tone.BAD,
    State.BLOCKED: Tone.BAD,
    State.GONE: Tone.BAD,
}

_BASES: Mapping[CostBasis, str] = {
    CostBasis.REPORTED: "reported by the vendor",
    CostBasis.REFUNDED: "refunded",
    CostBasis.ASSUMED: "assumed from quote or price: the vendor reported no charge",
}
_ORDER = {"video": 0, "image": 1, "audio": 2}
_KINDS = {
    suffix: kind for kind, suffixes in containers.RESULT_SUFFIXES.items() for suffix in suffixes
}


@attrs.frozen(kw_only=True)
class _FileView:
    """What is known of a file.

    Attributes:
        present: Whether it is on this machine now; it may have changed since it was written.
        size: Bytes; None where it is not present.
        width: Pixels of a film as shown, by its own headers; None where those do not say.
        height: As `width`.
        seconds: A film's duration, by its own headers; None where those do not say.
        rate: A film's frames per second, by its own headers; None where those do not say.
    """

    present: bool = False
    size: int | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    rate: float | None = None

    @property
    def pixels(self) -> str:
        """Its size in pixels, as text: ``540 x 960``; empty where unknown."""
        return f"{self.width} × {self.height}" if self.width and self.height else ""  # noqa: RUF001


@attrs.frozen(kw_only=True)
class MediaView(_FileView):
    """One medium of a request.

    Attributes:
        field: The request's argument: ``video``, ``images[0]``.
        kind: ``image``, ``video`` or ``audio``; None where an older motionkit wrote the job.
        label: A file's name, or an address without its query.
        path: The file, absolute; None for media elsewhere, and where it is unknown.
        sha256: The digest of what was sent.
    """

    field: str
    kind: str | None
    label: str
    path: str | None = None
    sha256: str | None = None


@attrs.frozen(kw_only=True)
class FilmView(_FileView):
    """A purchase's file.

    Attributes:
        place: Its path, or its address in a store.
        path: The path; None for a file in a store.
        name: The file's name.
        kind: ``video``, ``image`` or ``audio``, by the name's ending.
    """

    place: str
    path: str | None
    name: str
    kind: str


@attrs.frozen(kw_only=True)
class MoneyView:
    """A quote or a cost.

    Attributes:
        text: The amount with its unit: ``48 credits = 0.48 USD``.
        basis: How it is known, as the journal has it: ``listed``, ``estimated`` or ``observed`` of
            a quote, ``reported``, ``refunded`` or ``assumed`` of a cost.
        basis_text: The same for people.
        unit: ``credit`` or ``usd``.
        amount: The likely amount in that unit; None where unknown.
        usd: The same in US dollars; None where unknown.
        source: The page behind a quote's price; empty for a cost.
        as_of: The day on which that page was read.
        notes: What a quote leaves open.
    """

    text: str
    basis: str
    basis_text: str
    unit: str
    amount: Decimal | None
    usd: Decimal | None
    source: str = ""
    as_of: dt.date | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class DecisionView:
    """Why a route chose, skipped or left a target.

    Attributes:
        target: Account and model.
        verdict: What became of it, for people: ``chosen``, ``failed``, ``not tried``, ``ruled out``
            or ``waiting``.
        reason: The journal's word for why.
        sentence: Why, for people.
        note: What the vendor or the price said, if anything.
        at: When; None where unknown.
    """

    target: str
    verdict: str
    reason: str
    sentence: str
    note: str = ""
    at: dt.datetime | None = None


@attrs.frozen(kw_only=True)
class PurchaseView:
    """One purchase, as a page shows it.

    Attributes:
        key: Its key.
        group: The same for purchases of the same request; an anchor's name.
        operation: The neutral name: ``mimic``.
        values: The request's other arguments, as text, by name.
        media: The request's media.
        media_note: Why the media's files are unknown; empty where they are known.
        target: Account and model; what the user named where there is no job.
        account: The account that it was last sent to; None where it never had one.
        model: The vendor's model; None where it was not sent.
        route: The route that chose the target; None for a direct target.
        sandbox: Whether it went to a sandbox on this machine.
        state: The stored state: a `motionkit.State` or `motionkit.KeyState` value.
        state_text: The state for people: ``succeeded, not downloaded``.
        tone: How to colour it.
        open: Whether it is unfinished.
        uncertain: Whether a submit may have arrived without confirmation.
        vendor_status: The vendor's last status, as it words it.
        problem: What went wrong, in a sentence; None where nothing did.
        billed: Whether what went wrong was charged: ``yes``, ``no`` or ``unknown``.
        job: The vendor's id of the job.
        quality_asked: The quality that the request names; None for the target's default.
        quality_sent: The quality that was ordered, as the target names it.
        seconds_asked: Seconds of film that the request or its clip means; None where unknown.
        submitted: When it was sent, or written.
        finished: When its job ended, as observed.
        updated: When its record last changed.
        seconds_taken: From submit to the observed end; None where that was not observed.
        seconds_expected: How long a job of that target usually takes; None in a sandbox, and where
            unknown.
        quote: What it was expected to cost; None where no price was known.
        cost: What it cost; None where that is not known, or it was never charged.
        free: Whether it is certain that it cost nothing, because it was refused.
        decision: Why which target was taken, in order; empty for a direct target.
        path: The targets that were tried, in order.
        film: The file; None where none was saved.
        given_up: Whether its owner gave up the file.
        labels: The user's own marks.
        batch: The batch that it was made for.
        item: That batch's row.
        take: Which of several takes it is, from 1.
        family: The key of its takes together.
        retry_of: The key that it is a paid retry of.
        rating: A person's rating; None where there is none.
        rateable: Whether it has a result that can be rated.
    """

    key: str
    group: str
    operation: str
    values: tuple[tuple[str, str], ...]
    media: tuple[MediaView, ...]
    media_note: str
    target: str
    account: str | None
    model: str | None
    route: str | None
    sandbox: bool
    state: str
    state_text: str
    tone: Tone
    open: bool
    uncertain: bool
    vendor_status: str | None
    problem: str | None
    billed: str | None
    job: str | None
    quality_asked: str | None
    quality_sent: str | None
    seconds_asked: float | None
    submitted: dt.datetime
    finished: dt.datetime | None
    updated: dt.datetime
    seconds_taken: float | None
    seconds_expected: float | None
    quote: MoneyView | None
    cost: MoneyView | None
    free: bool
    decision: tuple[DecisionView, ...]
    path: tuple[str, ...]
    film: FilmView | None
    given_up: bool
    labels: tuple[tuple[str, str], ...]
    batch: str | None
    item: int | None
    take: int | None
    family: str | None
    retry_of: str | None
    rateable: bool
    rating: Rating | None = None

    @property
    def price_text(self) -> str:
        """The cost, else the quote, with what it is: ``48 credits (quoted)``."""
        if self.cost is not None:
            return f"{self.cost.text} ({self.cost.basis})"
        if self.free:
            return "nothing: it was refused"
        return "unknown" if self.quote is None else f"{self.quote.text} (quoted)"


@attrs.frozen(kw_only=True)
class RequestView:
    """A request, with every purchase of it.

    Attributes:
        group: An anchor's name, the same in every report.
        title: Operation and media in one line.
        operation: The neutral name.
        values: Arguments that all its purchases share, as text, by name.
        media: The media, those whose files are known first.
        media_note: Why the media's files are unknown; empty where they are known.
        purchases: Its purchases, oldest first.
    """

    group: str
    title: str
    operation: str
    values: tuple[tuple[str, str], ...]
    media: tuple[MediaView, ...]
    media_note: str
    purchases: tuple[PurchaseView, ...]


def purchase_view(
    record: PurchaseRecord, *, now: float, headers: bool = True, rating: Rating | None = None
) -> PurchaseView:
    """Return what a page shows of a purchase.

    Args:
        record: The purchase, from `Client.jobs`.
        now: Epoch seconds; tells what is stalled.
        headers: Whether to read the headers of its film for pixels and seconds.
        rating: A person's rating of it, from `Journal.ratings_of`.
    """
    job, attempt = record.job, record.attempts[-1] if record.attempts else None
    submission = None if attempt is None else attempt.submission
    values = _values(record)
    error = record.error or {}
    text = record.state_text(now)
    return PurchaseView(
        key=record.key,
        group=group_of(record),
        operation=str(record.description.get("operation", "?")),
        values=tuple(values.items()),
        media=_media(record, headers=headers),
        media_note=_OLDER if record.media is None else "",
        target=f"{job.account}/{job.model}" if job else record.via,
        account=None if attempt is None else attempt.account,
        model=None if submission is None else submission.model,
        route=record.route,
        sandbox=bool(record.sandbox),
        state=record.state.value,
        state_text=text,
        tone=_tone(record, text),
        open=record.open,
        uncertain=record.ambiguous,
        vendor_status=record.word,
        problem=str(error["message"]) if error.get("message") else None,
        billed=error.get("billed"),
        job=None if job is None else job.id,
        quality_asked=values.get("quality"),
        quality_sent=None if submission is None else submission.quality,
        seconds_asked=_seconds_asked(record),
        submitted=_moment(record.submitted),
        finished=None if record.finished is None else _moment(record.finished),
        updated=_moment(record.updated),
        seconds_taken=_seconds_taken(record),
        # A sandbox runs at a speed of its own, which the journal does not have.
        seconds_expected=None if job is None or record.sandbox else job.expected_seconds,
        quote=None if record.quote is None else quote_view(record.quote),
        cost=None if record.cost is None else cost_view(record.cost),
        free=record.state is KeyState.REFUSED and not record.ambiguous,
        decision=tuple(_decisions(record.decision)),
        path=record.path,
        film=None if record.delivered is None else film_view(record.delivered, headers=headers),
        given_up=record.forgotten is not None and record.delivered is None,
        labels=tuple(record.labels.items()),
        batch=record.batch,
        item=record.item,
        take=record.take,
        family=record.family,
        retry_of=retried(record.key),
        rateable=record.state is State.SUCCEEDED,
        rating=rating,
    )


def request_views(
    records: Iterable[PurchaseRecord],
    *,
    now: float,
    headers: bool = True,
    ratings: Mapping[str, Rating] | None = None,
) -> Iterator[RequestView]:
    """Yield the purchases by their requests, in the order of each request's first purchase.

    It holds all records: for many, group their keys by `group_of` first.

    Args:
        records: Purchases, oldest first.
        now: As in `purchase_view`.
        headers: As in `purchase_view`.
        ratings: The ratings of purchases, by key.
    """
    groups: dict[str, list[PurchaseRecord]] = {}
    for record in records:
        groups.setdefault(group_of(record), []).append(record)
    for found in groups.values():
        yield request_view(found, now=now, headers=headers, ratings=ratings)


def request_view(
    records: Sequence[PurchaseRecord],
    *,
    now: float,
    headers: bool = True,
    ratings: Mapping[str, Rating] | None = None,
) -> RequestView:
    """Return a request of its purchases; the arguments are those of `request_views`."""
    rated = ratings or {}
    views = tuple(
        purchase_view(one, now=now, headers=headers, rating=rated.get(one.key)) for one in records
    )
    first, *others = (dict(one.values) for one in views)
    shared = {
        name: text
        for name, text in first.items()
        if all(other.get(name) == text for other in others)
    }
    known = max(views, key=lambda one: sum(medium.present for medium in one.media))
    names = [medium.label for medium in known.media]
    return RequestView(
        group=views[0].group,
        title=" · ".join([views[0].operation.replace("_", " "), *names]),
        operation=views[0].operation,
        values=tuple(shared.items()),
        media=known.media,
        media_note=known.media_note,
        purchases=views,
    )


def group_of(record: PurchaseRecord) -> str:
    """Return what purchases of the same request share: operation, media's content, arguments.

    Takes share it too, although each has a seed of its own.
    """
    if record.media is None:
        asked: Any = record.request
    else:
        fields = {one.field for one in record.media}
        asked = {name: one for name, one in record.description.items() if name not in fields}
        if record.take is not None:
            asked.pop("seed", None)
        asked = [asked, [(one.field, one.sha256 or one.label) for one in record.media]]
    return "r" + hashlib.sha256(codec.dumps(asked).encode()).hexdigest()[:12]


def quote_view(quote: Quote) -> MoneyView:
    """Return what a page shows of a quote."""
    basis = f"{quote.basis.value} from {quote.n} past jobs" if quote.n else quote.basis.value
    return MoneyView(
        text=amounts(quote),
        basis=quote.basis.value,
        basis_text=basis,
        unit=quote.unit.value,
        amount=quote.likely,
        usd=quote.usd_likely,
        source=quote.source,
        as_of=quote.as_of,
        notes=quote.notes,
    )


def cost_view(cost: Cost) -> MoneyView:
    """Return what a page shows of a cost."""
    return MoneyView(
        text=both(cost.amount, cost.unit, cost.usd),
        basis=cost.basis.value,
        basis_text=_BASES[cost.basis],
        unit=cost.unit.value,
        amount=cost.amount,
        usd=cost.usd,
    )


def film_view(place: str, *, headers: bool = True) -> FilmView:
    """Return what a page shows of a delivered file.

    Args:
        place: Its path, or its address in a store.
        headers: As in `purchase_view`.
    """
    local = "://" not in place
    name = PurePath(place.rstrip("/")).name
    kind = _KINDS.get(PurePath(name).suffix.lower(), "video")
    facts = _facts(place, headers=headers and kind == "video") if local else {}
    return FilmView(place=place, path=place if local else None, name=name, kind=kind, **facts)


def seconds_text(seconds: float | None) -> str:
    """Return a duration for people; empty where it is unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def size_text(size: int | None) -> str:
    """Return a number of bytes for people; empty where it is unknown."""
    if size is None:
        return ""
    for limit, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size} B"


def _tone(record: PurchaseRecord, text: str) -> Tone:
    if text == UNDELIVERED or (record.open and text.endswith((", uncertain", ", stalled"))):
        return Tone.DOUBT
    if text == GIVEN_UP or record.cancelled:
        return Tone.QUIET
    return Tone.DOUBT if record.ambiguous else _TONES[record.state]


def _values(record: PurchaseRecord) -> dict[str, str]:
    media = {one.field for one in record.media or ()}
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in record.description.items()
        if name != "operation" and name not in media
    }


def _media(record: PurchaseRecord, *, headers: bool) -> tuple[MediaView, ...]:
    """Return the media, the reference clip first."""
    return tuple(
        MediaView(
            field=one.field,
            kind=one.kind,
            label=one.label,
            path=one.path,
            sha256=one.sha256,
            **(_facts(one.path, headers=headers and one.kind == "video") if one.path else {}),
        )
        for one in sorted(record.media or (), key=lambda one: _ORDER[one.kind])
    )


def _facts(path: str, *, headers: bool) -> dict[str, Any]:
    """Return what is known of a file; nothing where it is gone or cannot be read."""
    try:
        if not Path(path).is_file():  # opening a pipe would wait for its writer
            return {}
        with Path(path).open("rb") as stream:
            found = {"present": True, "size": stream.seek(0, 2)}
            return {**found, **containers.film_header(stream)._asdict()} if headers else found
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return {}


def _seconds_asked(record: PurchaseRecord) -> float | None:
    for name in ("duration", "seconds"):
        value = record.description.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    submission = record.attempts[-1].submission if record.attempts else None
    return None if submission is None else submission.clip_seconds


def _seconds_taken(record: PurchaseRecord) -> float | None:
    if record.finished is None or record.job is None or not record.timed:
        return None
    seconds = record.finished - record.job.submitted_at.timestamp()
    return seconds if seconds >= 0 else None  # two clocks that do not agree tell nothing


def _decisions(rows: Iterable[Mapping[str, Any]]) -> Iterator[DecisionView]:
    for row in rows:
        at = row.get("at")
        yield DecisionView(
            target=str(row.get("target", "")),
            verdict=verdict_text(str(row.get("verdict", ""))),
            reason=str(row.get("reason", "")),
            sentence=str(row.get("sentence", "")),
            note=str(row.get("note") or ""),
            at=_moment(at) if isinstance(at, int | float) else None,
        )


def _moment(epoch: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch, dt.UTC)
