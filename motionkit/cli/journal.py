"""The verbs `jobs` and `jobs show`: the content of the journal."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import PurePath
from typing import Annotated, Any

import motionkit as mk
from motionkit._support.text import duration, many
from motionkit.cli import exit_codes
from motionkit.cli.format import (
    age,
    beginnings,
    brief,
    charged,
    in_world,
    plain,
    quoted,
    request_line,
    short,
    state_of,
    target,
)
from motionkit.cli.options import ConfigFile, Json, Reference
from motionkit.cli.parameters import Option
from motionkit.cli.screen import PIPE_WIDTH, Screen, Styled, decided, styled
from motionkit.cli.tables import one_format, write_csv
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.journal import GIVEN_UP, UNDELIVERED, PurchaseRecord
from motionkit.model import codec
from motionkit.model.job import KeyState, State
from motionkit.model.labels import read_labels, shown_labels
from motionkit.model.money import CostBasis, both, dollars, shown
from motionkit.model.rating import MOST_STARS

_PART = 500
"""Jobs that are written at once."""
_NEWEST = 50
"""Jobs that are listed where no other number is asked for."""
_CANDIDATES = 20
"""Jobs that are listed where a reference means several."""
_ABOUT = "about "
"""The prefix of a quote without bounds; the '~' replaces it here."""
_ROOMY = 110
"""Columns of a terminal from which on each job's request is shown."""
_LEAST = 12
"""Columns of a file's name, at least."""
_HEADS = ("KEY", "STATE", "AGE", "COST", "TARGET", "FILE", "WHAT")

_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "blocked": "red",
    "gone": "red",
    "refused": "dim",
    "running": "cyan",
    "queued": "cyan",
    "given up": "dim",
}
"""The colour of each state; what needs its owner's attention is yellow."""

_COLUMNS = (
    *("key", "state", "open", "uncertain", "created", "target", "route", "sandbox"),
    *("cost", "unit", "usd", "basis", "labels", "file", "job", "request", "error"),
)
"""The columns of the CSV."""


def jobs(
    *,
    open_only: Annotated[
        bool,
        Option("--open", help="Show only jobs that are running, uncertain or not downloaded."),
    ] = False,
    state: Annotated[
        list[str] | None,
        Option(
            metavar="STATE",
            help="Show only jobs in this state: intended, uncertain, refused, queued, running, "
            "unknown, succeeded, failed, blocked or gone. Repeatable.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        Option(
            metavar="WHEN",
            help="Show only jobs that were submitted since then: an age such as 12h or 30d, a date "
            "or an ISO time (UTC where no zone is named).",
        ),
    ] = None,
    account: Annotated[
        str | None, Option(metavar="NAME", help="Show only jobs of this account.")
    ] = None,
    route: Annotated[
        str | None, Option(metavar="NAME", help="Show only jobs of this route.")
    ] = None,
    label: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Show only jobs with this label. Repeatable."),
    ] = None,
    search: Annotated[
        str | None,
        Option(
            metavar="TEXT",
            help="Show only jobs with this text in key, request, target, labels, error or file, or "
            "with this job id.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        Option(min=1, metavar="N", help="Show only the newest N jobs. Default: 50."),
    ] = None,
    every: Annotated[bool, Option("--all", help="Show all of them.")] = False,
    as_csv: Annotated[bool, Option("--csv", help="Output CSV for spreadsheets.")] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List the jobs in the journal, newest last.

    Options narrow the list; all of them hold together. AGE is the time since the submit. A COST
    with '~' is the quote: the actual cost is unknown. A TARGET with '*' is in a sandbox. The
    exit code is 11 where a job is corrupt in the journal; the others are listed.

    Examples:
      motionkit jobs --open
      motionkit jobs --state failed --state blocked --since 7d
      motionkit jobs --account studio --label project=spring --all --csv
      motionkit jobs --search "make it snow" --limit 10
    """
    one_format(json=json, csv=as_csv)
    if every and limit is not None:
        raise InvalidRequest("--all and --limit exclude each other", field="limit")
    given = {"state": state, "since": since, "account": account, "route": route, "search": search}
    filters: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if label:
        filters["label"] = read_labels(label)
    screen, codes = Screen(json=json), [exit_codes.DONE]
    corrupt = screen.errors_into(codes)
    with mk.Client(config) as client:
        size = limit or _NEWEST
        listed: Iterable[PurchaseRecord]
        if every:
            listed = client.jobs.each(open_only=open_only, on_corrupt=corrupt, **filters)
        else:
            listed = client.jobs.list(
                open_only=open_only, limit=size, on_corrupt=corrupt, **filters
            )
        if as_csv:
            write_csv(_COLUMNS, (_csv_row(entry) for entry in listed))
            found = size
        else:
            found = _show(screen, client, listed)
        if not found and not codes[1:]:
            screen.note(_nothing(filters, open_only=open_only))
        if not every and found >= size:
            _say_rest(screen, client.jobs.count(open_only=open_only, **filters), size)
    return max(codes)


def _nothing(filters: Any, *, open_only: bool) -> str:
    if filters:
        return "no job matches"
    return "no unfinished jobs" if open_only else "no jobs yet"


def _say_rest(screen: Screen, total: int, size: int) -> None:
    if total > size:
        screen.note(
            f"{total - size:,} older of {many(total, 'job')} not shown: --all or --limit N shows "
            "more; --state, --since, --search narrow the list"
        )


def _show(screen: Screen, client: mk.Client, listed: Iterable[PurchaseRecord]) -> int:
    """Write jobs part by part, and return how many there were: a journal may have a million."""
    left, width = iter(listed), screen.columns
    widths: list[int] = []
    found, marked = 0, False
    while part := list(islice(left, _PART)):
        if screen.json:
            screen.rows([_data(entry) for entry in part], [], [])
        else:
            ambiguous = client.jobs.ambiguous(beginnings(entry.key for entry in part))
            rows = [_row(entry, ambiguous, width) for entry in part]
            heads = _HEADS[: len(rows[0])]
            screen.rows([], heads, _fitted(rows, width), widths)
        marked = marked or any(entry.sandbox for entry in part)
        found += len(part)
    if marked and width < PIPE_WIDTH and not screen.json:
        screen.note("* in a SANDBOX on this machine", style="dim")
    return found


def show(ref: Reference, json: Json = False, config: ConfigFile = None) -> int:
    """Print everything that the journal has about one job.

    Where several jobs begin like REF, they are listed, and the exit code is 2.
    """
    screen = Screen(json=json)
    with mk.Client(config) as client:
        try:
            entry = client.jobs.get(ref)
        except InvalidRequest:
            several = client.jobs.candidates(ref, _CANDIDATES)
            if len(several) > 1 and not json:
                _show(screen, client, several)
            raise
        rating = client.jobs.rating(entry.key)
    details = _details(entry)
    if rating is not None:
        note = f": {rating.note}" if rating.note else ""
        details.append(("rating", f"{rating.stars} of {MOST_STARS}{note}"))
    lines = [f"{name:<10} {plain(text)}" for name, text in details if text]
    data = {**_data(entry), "rating": None if rating is None else rating.to_dict()}
    screen.answer(data, "\n".join(lines))
    return exit_codes.DONE


def _kept_until(entry: PurchaseRecord) -> datetime | None:
    """Return when the vendor may delete the file of a job that is not downloaded yet.

    None if there is nothing to download, or if the vendor documents no date.
    """
    job = entry.job
    if entry.state is not State.SUCCEEDED or entry.delivered or job is None or "spool" in job.data:
        return None
    keeps = _keeps_files(job.provider)
    return None if keeps is None else job.submitted_at + keeps


@lru_cache  # a list asks for each of its jobs, and looking for a provider reads the disk
def _keeps_files(name: str) -> timedelta | None:
    from motionkit.client import ExpiresFiles, registry  # noqa: PLC0415 - it loads an adapter

    try:
        provider = registry.load(name)
    except ConfigError:
        return None
    return provider.keeps_files if isinstance(provider, ExpiresFiles) else None


def _row(entry: PurchaseRecord, ambiguous: Container[str], width: int) -> list[Any]:
    """Return the cells of a job: all of it in a pipe, in short on a terminal."""
    key, seconds = short(entry.key, ambiguous), max(0.0, time.time() - entry.created)
    what = brief(entry.description)
    if width >= PIPE_WIDTH:
        until = _kept_until(entry)
        kept = [] if until is None else [f"file kept until {until.date().isoformat()}"]
        state: list[Any] = [[state_of(entry), *kept], duration(seconds), _whole_cost(entry)]
        return [key, *state, in_world(target(entry), entry.sandbox), entry.delivered, what]
    word = _word(entry)
    cells = [key, styled(word, _STYLES.get(word, "yellow")), age(seconds), _cost(entry)]
    cells += [target(entry) + "*" * bool(entry.sandbox), _file(entry)]
    return [*cells, what] if width >= _ROOMY else cells


def _fitted(rows: list[list[Any]], width: int) -> list[list[Any]]:
    """Cut the last cells, so that no row needs a second line."""
    if width >= PIPE_WIDTH:
        return rows
    heads = len(_HEADS) - 1
    before = [
        max(len(_HEADS[place]), *(_length(row[place]) for row in rows)) + 2
        for place in range(heads - 1)
    ]
    left = width - sum(before)
    if left < _LEAST:  # the target gives way to the file
        room = max(len(_HEADS[heads - 2]), before[-1] - 2 - (_LEAST - left))
        for row in rows:
            name = row[heads - 2].removesuffix("*")
            mark = row[heads - 2][len(name) :]
            row[heads - 2] = _cut(name, room - len(mark)) + mark
        left = _LEAST
    if len(rows[0]) == heads:
        return [[*row[:-1], _cut(row[-1], left)] for row in rows]
    files = min(left // 2, max(len(_HEADS[-2]), *(len(row[-2]) for row in rows)))
    return [[*row[:-2], _cut(row[-2], files), _cut(row[-1], left - files - 2)] for row in rows]


def _length(cell: Any) -> int:
    return len(cell.text if isinstance(cell, Styled) else str(cell))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


def _word(entry: PurchaseRecord) -> str:
    """Return the state of a purchase in two words at most."""
    state = state_of(entry)
    if state == UNDELIVERED:
        return "not downloaded"
    if state == GIVEN_UP:
        return "given up"
    if entry.open and state.endswith((", uncertain", ", stalled")):
        return state.rpartition(", ")[2]
    return state


def _cost(entry: PurchaseRecord) -> str:
    """Return what a purchase cost, in dollars where they are known; its quote with a '~'."""
    cost, quote = entry.cost, entry.quote
    if cost is not None:
        if cost.basis is CostBasis.REFUNDED:
            return "refunded"
        about = "~" if cost.basis is CostBasis.ASSUMED else ""
        return about + (shown(cost.amount, cost.unit) if cost.usd is None else dollars(cost.usd))
    if entry.state is KeyState.REFUSED and not entry.ambiguous:
        return "none"
    if quote is None or quote.likely is None:
        return "unknown"
    if quote.usd_likely is None:
        return f"~{shown(quote.likely, quote.unit)}"
    return f"~{dollars(quote.usd_likely)}"


def _whole_cost(entry: PurchaseRecord) -> str:
    paid = entry.cost
    if paid is None:
        return f"~{quoted(entry.quote).removeprefix(_ABOUT)}"
    return both(paid.amount, paid.unit, paid.usd)


def _file(entry: PurchaseRecord) -> str:
    """Return the name of a purchase's file, in the folder that it is in."""
    if entry.delivered is None:
        return ""
    return plain(PurePath(entry.delivered.rstrip("/")).name)


def _csv_row(entry: PurchaseRecord) -> list[Any]:
    cost, error = entry.cost, entry.error or {}
    return [
        entry.key,
        entry.state.value,
        entry.open,
        entry.ambiguous,
        _moment(entry.created),
        target(entry),
        entry.route,
        entry.sandbox,
        cost and cost.amount,
        cost and cost.unit.value,
        cost and cost.usd,
        cost and cost.basis.value,
        shown_labels(entry.labels),
        entry.delivered,
        entry.job and entry.job.id,
        request_line(entry.description),
        error.get("message"),
    ]


def _data(entry: PurchaseRecord) -> dict[str, Any]:
    until = _kept_until(entry)
    return {
        "key": entry.key,
        "state": entry.state.value,
        "open": entry.open,
        "uncertain": entry.ambiguous,
        "job": entry.job.id if entry.job else None,
        "via": entry.via,
        "route": entry.route,
        "target": target(entry),
        "sandbox": entry.sandbox,
        "request": entry.description,
        "labels": entry.labels,
        "take": entry.take,
        "quote": codec.unstructure(entry.quote),
        "cost": codec.unstructure(entry.cost),
        "word": entry.word,
        "error": entry.error,
        "out": entry.out,
        "delivered": entry.delivered,
        "given_up": None if entry.forgotten is None else _moment(entry.forgotten),
        "file_kept_until": until.isoformat(timespec="seconds") if until else None,
        "decision": entry.decision,
        "created": _moment(entry.created),
        "updated": _moment(entry.updated),
        "attempts": [
            {name: getattr(one, name) for name in ("id", "account", "state", "sends", "error")}
            | {"job": one.job.id if one.job else None}
            for one in entry.attempts
        ],
    }


def _details(entry: PurchaseRecord) -> list[tuple[str, str]]:
    quote, until = entry.quote, _kept_until(entry)
    details = [
        ("key", entry.key),
        ("state", state_of(entry) + (f" (vendor status {entry.word})" if entry.word else "")),
        ("request", request_line(entry.description)),
        ("take", "" if entry.take is None else str(entry.take)),
        ("labels", shown_labels(entry.labels)),
        ("at", in_world(target(entry), entry.sandbox)),
        ("job", entry.job.id if entry.job else ""),
        ("quote", str(quote) if quote else "unknown"),
        ("cost", charged(entry.cost)),
        ("error", str(entry.error.get("message", "")) if entry.error else ""),
        ("output", entry.out or ""),
        ("file", entry.delivered or ""),
        ("given up", "" if entry.forgotten is None else _moment(entry.forgotten)),
        ("kept until", until.isoformat(timespec="seconds") if until else ""),
        ("submitted", _moment(entry.created)),
        ("updated", _moment(entry.updated)),
    ]
    details += [("route", decided(row)) for row in entry.decision]
    for number, attempt in enumerate(entry.attempts, 1):
        text = f"{attempt.state} at {attempt.account}, sent {attempt.sends}x, id {attempt.id}"
        details.append((f"attempt {number}", text))
    return details


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")
