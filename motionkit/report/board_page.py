"""What the board shows: the journal's present, as pieces of HTML."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from motionkit._support.text import many
from motionkit.client import Circuit, Client, journal_of, usual
from motionkit.errors import ConfigError, JournalError, MotionKitError
from motionkit.journal import PurchaseRecord
from motionkit.model.budget import BudgetStatus, period_words
from motionkit.model.job import Job, KeyState, State
from motionkit.model.money import both, dollars
from motionkit.model.spending import Amounts, Spend
from motionkit.report.board_feed import PROBLEM, Feed, Pieces
from motionkit.report.views import PurchaseView, Tone, purchase_view, seconds_text, size_text

QUEUE = 100
"""Unfinished purchases that are shown, the newest."""
FILMS = 24
"""Films that are shown, the newest."""
ENDED = 12
"""Purchases without a film that are shown, the newest of a week."""
RELOADS = 10
"""Seconds after which the page reloads where the browser runs no script."""
_PIECES = (
    *("tiles", "queue-note", "films-note", "ended-note"),
    *("spend", "budgets", "circuits", "activity"),
)
_LISTS = ("queue", "films", "ended")
"""The ids of the page's pieces and lists."""
_WEEK = 7 * 86_400.0

_RUNNING = frozenset({State.QUEUED, State.RUNNING, State.UNKNOWN})
_WITHOUT_FILM = (State.FAILED, State.BLOCKED, State.GONE, KeyState.REFUSED)


class Acting(Protocol):
    """What the page shows of actions."""

    def shown(self) -> Sequence[Any]:
        """Return what became of the newest actions."""
        ...


@attrs.frozen(kw_only=True)
class Row:
    """One purchase in a list.

    Attributes:
        id: The id of its element.
        view: What is shown of it.
        since: When its job was submitted, in epoch seconds.
        half: When half of all such jobs have ended; None where unknown, or where it has ended.
        nine: When nine of ten have.
        actions: What can be done with it here.
        film: Its film's name in addresses; empty without one on this machine.
        again: The key under which it was bought again; empty where it was not.
    """

    id: str
    view: PurchaseView
    since: float
    half: float | None = None
    nine: float | None = None
    actions: tuple[str, ...] = ()
    film: str = ""
    again: str = ""

    @property
    def brief(self) -> str:
        """The request in a line: its media, else its prompt."""
        words = [one.label for one in self.view.media]
        return " · ".join(words) or dict(self.view.values).get("prompt", "")


@attrs.define
class BoardReader:
    """Read the journal for the board.

    Attributes:
        client: The accounts and the journal.
        film_name: Returns the name of a purchase's film in addresses, by its key.
        acting: What acts for the page; None for a board that only shows.
    """

    client: Client
    film_name: Any
    acting: Acting | None = None
    _parts: Any = attrs.field(init=False, repr=False)
    _env: Environment = attrs.field(init=False, repr=False)
    _rows: dict[str, tuple[Row, Any, str]] = attrs.field(factory=dict, repr=False)
    """By the id of a row: what it is made of, the macro that makes it, and its HTML."""

    def __attrs_post_init__(self) -> None:
        self._env = Environment(
            loader=PackageLoader("motionkit.report"),
            autoescape=True,  # all that a vendor or a user has written is text
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters |= {
            "clock": clock_text,
            "iso": iso_text,
            "both": both,
            "dollars": dollars,
            "size": size_text,
            "seconds": seconds_text,
            "many": many,
            "period": period_words,
            "sums": amounts_of,
        }
        self._parts = self._env.get_template("board_parts.html").module

    def page(self, feed: Feed) -> str:
        """Return the whole page, with what the feed has read last."""
        pieces, journal = feed.pieces(), journal_of(self.client)
        empty = {
            name: f'<div id="{name}"></div>' for name in _PIECES
        }  # where no read succeeded yet
        texts, now = {**empty, **pieces.html}, journal.now()
        for name, (row, macro, _) in self._rows.copy().items():
            if row.half is not None and name in texts:  # without a script, its age is this one's
                texts[name] = str(macro(row, now, progress_text))
        html = {name: Markup(text) for name, text in texts.items()}  # noqa: S704 - of our templates
        return self._env.get_template("board.html").render(
            html=html,
            lists={**dict.fromkeys(_LISTS, ()), **pieces.lists},
            position=feed.position,
            now=now,
            acts=self.acting is not None,
            reloads=RELOADS,
            journal=journal.store.place,
        )

    def problem(self, error: MotionKitError) -> str:
        """Return the element that says why the journal cannot be read."""
        return str(self._parts.problem(error.message, error.hint))

    def film(self, key: str) -> str | None:
        """Return the path that a purchase's film was delivered to; None without one."""
        entry = journal_of(self.client).get(key)
        if entry is None or entry.delivered is None or "://" in entry.delivered:
            return None
        return entry.delivered

    def read(self) -> Pieces:
        """Return all that the page shows.

        Raises:
            JournalError: The journal cannot be read.
        """
        journal = journal_of(self.client)
        now = journal.now()
        midnight = math.floor(now / 86_400) * 86_400.0
        day = dt.datetime.fromtimestamp(midnight, dt.UTC).date()
        parts, jobs = self._parts, self.client.jobs
        corrupt: list[JournalError] = []
        unfinished = jobs.list(open_only=True, limit=QUEUE, on_corrupt=corrupt.append)
        queue = sorted((self._queue_row(one, now) for one in unfinished), key=_by_end)
        films = [self._film_row(one, now) for one in self._delivered()]
        week = dt.datetime.fromtimestamp(now - _WEEK, dt.UTC)
        ended = [
            self._ended_row(one, now)
            for one in reversed(
                jobs.list(state=_WITHOUT_FILM, since=week, limit=ENDED, on_corrupt=corrupt.append)
            )
        ]
        counts = self._counts(midnight, week)
        spend = [one for one in self.client.spend("day", since=day) if one.jobs]
        html: dict[str, str] = {
            PROBLEM: str(
                parts.problem("; ".join(one.message for one in corrupt), None, "Not shown:")
            ),
            "tiles": str(parts.tiles(counts, _charged(spend))),
            "spend": str(parts.spend(spend, day)),
            "budgets": str(parts.budgets([_used(one) for one in self.client.budget()])),
            "circuits": str(parts.circuits(self._circuits(), now)),
            "queue-note": str(parts.queue_note(len(queue), counts["unfinished"])),
            "films-note": str(parts.films_note(len(films), counts["films"])),
            "ended-note": str(parts.ended_note(len(ended), counts["ended"])),
        }
        if self.acting is not None:
            html["activity"] = str(parts.activity(self.acting.shown()))
        lists: dict[str, tuple[str, ...]] = {}
        for name, rows, macro in (
            ("queue", queue, parts.queue_row),
            ("films", films, parts.film_row),
            ("ended", ended, parts.ended_row),
        ):
            lists[name] = tuple(row.id for row in rows)
            html |= {row.id: self._html(row, now, macro) for row in rows}
        self._rows = {name: kept for name, kept in self._rows.items() if name in html}
        return Pieces(html, lists)

    def _html(self, row: Row, now: float, macro: Any) -> str:
        """Return a row's HTML, made anew only where something differs: the age is not it."""
        kept = self._rows.get(row.id)
        if kept is None or kept[0] != row:
            kept = self._rows[row.id] = (row, macro, str(macro(row, now, progress_text)))
        return kept[2]

    def _delivered(self) -> list[PurchaseRecord]:
        """Return the newest purchases with a film, the newest first."""
        journal = journal_of(self.client)
        keys = [key for key, _ in journal.succeeded(2 * FILMS)]
        found = {one.key: one for one in journal.readable(keys)}
        kept = [found[key] for key in keys if key in found and found[key].delivered is not None]
        return kept[:FILMS]

    def _counts(self, midnight: float, week: dt.datetime) -> Mapping[str, int]:
        jobs = self.client.jobs
        today = dt.datetime.fromtimestamp(midnight, dt.UTC)
        without = (State.FAILED, State.BLOCKED, State.GONE)
        return {
            "unfinished": jobs.count(open_only=True),
            "running": jobs.count(open_only=True, state=State.RUNNING),
            "queued": jobs.count(open_only=True, state=(State.QUEUED, KeyState.INTENDED)),
            "doubtful": jobs.count(
                open_only=True, state=(State.SUCCEEDED, State.UNKNOWN, KeyState.UNCERTAIN)
            ),
            "submitted": jobs.count(since=today),
            "succeeded": jobs.count(since=today, state=State.SUCCEEDED),
            "failed": jobs.count(since=today, state=without),
            "films": jobs.count(state=State.SUCCEEDED),
            "ended": jobs.count(since=week, state=_WITHOUT_FILM),
        }

    def _queue_row(self, entry: PurchaseRecord, now: float) -> Row:
        job, half, nine = entry.job, None, None
        since = entry.submitted
        if job is not None and entry.state in _RUNNING:
            since = job.submitted_at.timestamp()
            half, nine = self._ends(job, since)
        return Row(
            id=f"q-{_digest(entry.key)}",
            view=purchase_view(entry, now=now, headers=False),
            since=since,
            half=half,
            nine=nine,
            actions=self._actions(entry),
        )

    def _film_row(self, entry: PurchaseRecord, now: float) -> Row:
        view = purchase_view(entry, now=now)
        here = view.film is not None and view.film.present
        return Row(
            id=f"f-{_digest(entry.key)}",
            view=view,
            since=entry.submitted,
            film=self.film_name(entry.key) if here else "",
        )

    def _ended_row(self, entry: PurchaseRecord, now: float) -> Row:
        later = journal_of(self.client).retries(entry.key)
        again = next((one.key for one in later[::-1] if one.state is not KeyState.REFUSED), "")
        return Row(
            id=f"e-{_digest(entry.key)}",
            view=purchase_view(entry, now=now, headers=False),
            since=entry.submitted,
            actions=() if again else self._actions(entry),
            again=again,
        )

    def _actions(self, entry: PurchaseRecord) -> tuple[str, ...]:
        """Return what can be done with a purchase here; a batch's workers do it for theirs."""
        if self.acting is None or entry.batch is not None:
            return ()
        if not entry.open:
            again = entry.state in _WITHOUT_FILM and not entry.ambiguous and entry.media is not None
            return ("retry",) if again else ()
        job = entry.job
        if job is None:
            return ("cancel", "resume") if entry.unsent else ("resume",)
        cancels = entry.state in _RUNNING and self._cancels(job)
        return ("cancel", "resume") if cancels else ("resume",)

    def _ends(self, job: Job, since: float) -> tuple[float | None, float | None]:
        """Return when half and nine of ten such jobs have ended, in epoch seconds."""
        if self._ready(job.account):
            with contextlib.suppress(ConfigError):  # its settings do not fit any more
                half, nine = usual(self.client, job)
                return since + half, since + nine
        return (None if job.expected_seconds is None else since + job.expected_seconds), None

    def _cancels(self, job: Job) -> bool:
        """Return whether a job's vendor can cancel it, as far as known."""
        if not self._ready(job.account):
            return False
        with contextlib.suppress(ConfigError):
            return hasattr(self.client.account(job.account), "cancel")
        return False

    def _ready(self, name: str) -> bool:
        """Return whether an account's key is at hand: no command is run, and no key store asked."""
        account = self.client.config.accounts.get(name)
        return account is not None and (account.key is None or account.key.ready is not None)

    def _circuits(self) -> list[tuple[str, str, bool, list[Circuit]]]:
        """Return each account: name, provider, whether in the sandbox, and its circuits."""
        found: dict[str, list[Circuit]] = {}
        for one in self.client.circuits():
            found.setdefault(one.account, []).append(one)
        return [
            (name, account.provider, account.in_sandbox, found.get(name, []))
            for name, account in self.client.config.accounts.items()
        ]


def _by_end(row: Row) -> tuple[bool, float, float]:
    """Return what the queue is in order of: what needs its owner, then what ends first."""
    attention = row.view.tone is Tone.DOUBT
    return not attention, math.inf if row.half is None else row.half, row.since


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _charged(rows: Iterable[Spend]) -> list[tuple[str, bool]]:
    """Return what was charged, as text, and whether in the sandbox; in dollars where possible."""
    worlds: dict[bool, list[Spend]] = {}
    for row in rows:
        worlds.setdefault(row.sandbox, []).append(row)
    found = []
    for sandbox, several in sorted(worlds.items()):
        usd = [one.usd.charged for one in several if one.usd is not None]
        if len(usd) == len(several):
            found.append((dollars(sum(usd, Decimal(0))), sandbox))
        else:
            found += [(both(one.amounts.charged, one.unit, None), sandbox) for one in several]
    return found


def _used(budget: BudgetStatus) -> dict[str, Any]:
    """Return a budget with the shares of its limit that are spent and held, in percent."""
    spent = _percent(budget.spent, budget.limit)
    held = min(_percent(budget.held, budget.limit), 100 - spent)
    return {"budget": budget, "spent": spent, "held": held}


def _percent(part: Decimal, whole: Decimal) -> float:
    if whole <= 0:
        return 100.0 if part > 0 else 0.0
    return float(min(max(part / whole * 100, Decimal(0)), Decimal(100)))


def amounts_of(row: Spend) -> Iterable[tuple[str, Decimal, Decimal | None]]:
    """Yield the sums of a row that are not 0, in its unit and in US dollars."""
    for name in ("charged", "held", "uncertain", "refunded"):
        value = getattr(row.amounts, name)
        if value or name == "charged":
            yield name, value, _in(row.usd, name)


def _in(amounts: Amounts | None, name: str) -> Decimal | None:
    found: Decimal | None = None if amounts is None else getattr(amounts, name)
    return found


def clock_text(at: dt.datetime | float, now: float | None = None) -> str:
    """Return a moment for people, in UTC; with its day where that is not today's."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC) if isinstance(at, int | float) else at
    today = None if now is None else dt.datetime.fromtimestamp(now, dt.UTC).date()
    form = "%H:%M:%S UTC" if today == moment.date() else "%Y-%m-%d %H:%M UTC"
    return f"{moment:{form}}"


def iso_text(at: float) -> str:
    """Return a moment for programs, in UTC; `at` is in epoch seconds."""
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="seconds")


def short_text(seconds: float) -> str:
    """Return a duration that is shown while it grows; `board.js` writes it in the same way."""
    whole = max(0, math.floor(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def progress_text(age: float, half: float | None, nine: float | None) -> str:
    """Return a job's age, and when it is expected to end; all in seconds of age."""
    if half is None:
        return short_text(age)
    if age < half:
        return f"{short_text(age)}, about {short_text(half - age)} left"
    if nine is not None and age < nine:
        return f"{short_text(age)}, 9 of 10 end by {short_text(nine)}"
    return f"{short_text(age)}, longer than usual"
