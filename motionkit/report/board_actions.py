"""Cancel, resume and retry for the board: asked first, done once, by the client's own rules.

A click has a name that the page chooses. The same click again, sent twice by a browser or pressed
twice, is answered with what the first one came to; nothing is done a second time.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs

from motionkit._support.redaction import redact
from motionkit.client import (
    CancelOutcome,
    CancelPlan,
    CancelResult,
    Client,
    RetryPlan,
    alone,
    journal_of,
    plan_cancel,
    plan_retry,
    retry,
)
from motionkit.errors import Billed, InvalidRequest, MotionKitError, WaitTimeout
from motionkit.journal import PurchaseRecord
from motionkit.model.job import Job, KeyState, State
from motionkit.model.money import dollars, rests_on

log = logging.getLogger("motionkit")

ACTIONS = ("cancel", "resume", "retry")
_THREADS = 8
"""Actions that run at once: an action waits for the vendor's answer."""
_FOLLOWED = 64
"""Jobs that are followed to their ends at once."""
_REMEMBERED = 256
"""Clicks that are remembered; the page shows the newest of them."""
_SHOWN = 8
_AGREED = 600.0
"""Seconds for which a question can be agreed to: after that, its price may be another one."""
_LONGEST_NAME = 100

_CHARGED = {
    Billed.NO: "Nothing is charged.",
    Billed.YES: "It is charged all the same.",
    Billed.UNKNOWN: "It may be charged all the same.",
}
_WAS_CHARGED = {
    Billed.NO: "nothing is charged",
    Billed.YES: "it was charged, or will be",
    Billed.UNKNOWN: "it may have been charged",
}


@attrs.define
class Click:
    """One click, and what became of it.

    Attributes:
        name: Chosen by the page, the same where a click is sent again.
        action: A word of `ACTIONS`.
        key: The purchase.
        state: ``working``, ``asking``, ``done`` or ``failed``.
        text: What it came to, or the question.
        quote: What the confirmation has to repeat; empty where nothing is asked.
        at: When it last changed, in epoch seconds.
    """

    name: str
    action: str
    key: str
    state: str = "working"
    text: str = ""
    quote: str = ""
    at: float = attrs.field(factory=time.time)
    asked: float = 0.0
    plan: CancelPlan | RetryPlan | PurchaseRecord | None = None
    first: Future[None] | None = None
    second: Future[None] | None = None

    def answer(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        names = ("action", "key", "state", "text", "quote")
        return {"click": self.name, **{name: getattr(self, name) for name in names}}


class Actions:
    """What acts for a board.

    Args:
        client: The client; the caller closes it, after `stop` and before `join`.
        changed: Called from any thread when there is something new to show.
        clock: Monotonic seconds; for tests.
        folder: Where a film goes whose submit named no place; the current one when None.
    """

    def __init__(
        self,
        client: Client,
        changed: Callable[[], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        folder: Path | None = None,
    ) -> None:
        self._client, self._changed, self._clock = client, changed, clock
        self._folder = Path.cwd() if folder is None else folder
        self._clicks: OrderedDict[str, Click] = OrderedDict()
        self._following: set[str] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="motionkit-board")
        self._followers = ThreadPoolExecutor(_FOLLOWED, thread_name_prefix="motionkit-follow")

    async def post(self, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        """Begin an action, or do the one whose question is agreed to.

        Args:
            wanted: ``click`` and ``quote`` to agree; else ``click``, ``action`` and ``key``.

        Returns:
            The click's `Click.answer`, once there is something to say.

        Raises:
            InvalidRequest: It names no action, no question, or another price than was asked.
        """
        texts = {name: wanted.get(name, "") for name in ("click", "action", "key", "quote")}
        for name, text in texts.items():
            if not isinstance(text, str):
                raise InvalidRequest.expected(name, text, "text")
        if not 0 < len(texts["click"]) <= _LONGEST_NAME:
            raise InvalidRequest.expected("click", texts["click"], f"1 to {_LONGEST_NAME} letters")
        agrees = bool(texts["quote"])
        if agrees:
            click, future = self._agree(texts["click"], texts["quote"])
        else:
            click, future = self._begin(texts["click"], texts["action"], texts["key"])
        # A page that goes away ends the wait, not the action.
        await asyncio.shield(asyncio.wrap_future(future))
        return click.answer()

    def shown(self) -> list[Click]:
        """Return the newest clicks whose outcome is to be shown, newest first."""
        with self._lock:
            found = [one for one in self._clicks.values() if one.state != "asking"]
        return found[: -_SHOWN - 1 : -1]

    @property
    def busy(self) -> bool:
        """Whether something is being done: this process may write to the journal."""
        with self._lock:
            return bool(self._following) or any(
                one.state == "working" for one in self._clicks.values()
            )

    def stop(self) -> None:
        """Begin nothing new."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._followers.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what runs: a submit that has begun comes to its end."""
        self._pool.shutdown(wait=True)
        self._followers.shutdown(wait=True)

    def _begin(self, name: str, action: str, key: str) -> tuple[Click, Future[None]]:
        if action not in ACTIONS:
            raise InvalidRequest.expected("action", action, " or ".join(ACTIONS))
        with self._lock:
            click = self._clicks.get(name)
            if click is None:
                click = self._clicks[name] = Click(name, action, key)
                while len(self._clicks) > _REMEMBERED:
                    self._clicks.popitem(last=False)
                click.first = self._submit(click, getattr(self, f"_{action}"))
            elif (click.action, click.key) != (action, key):
                raise InvalidRequest.expected("click", name, "a new name for another action")
        assert click.first is not None  # noqa: S101 - for the type checker
        return click, click.first

    def _agree(self, name: str, quote: str) -> tuple[Click, Future[None]]:
        with self._lock:
            click = self._clicks.get(name)
            if click is None:
                raise InvalidRequest.expected("click", name, "a click that this board has asked")
            if click.second is None:
                if click.state != "asking" or quote != click.quote:
                    raise InvalidRequest.expected("quote", quote, "what was asked")
                if self._clock() > click.asked + _AGREED:
                    raise InvalidRequest(
                        "the question is too old: its price may have changed; ask again",
                        field="quote",
                        value=quote,
                        limit=f"{_AGREED:.0f} s",
                    )
                click.state, click.text = "working", ""
                click.second = self._submit(click, self._agreed)
            return click, click.second

    def _submit(self, click: Click, work: Callable[[Click], None]) -> Future[None]:
        try:
            return self._pool.submit(self._run, click, work)
        except RuntimeError as error:  # it is shut down
            raise InvalidRequest("the board stops; nothing was done", field="action") from error

    def _run(self, click: Click, work: Callable[[Click], None]) -> None:
        """Do work for a click; whatever it raises is what the click came to."""
        try:
            work(click)
        except MotionKitError as error:
            self._say(click, "failed", _error_text(error))
        except Exception:
            log.exception("the board could not %s %s", click.action, click.key)
            self._say(
                click, "failed", "something unexpected went wrong; the terminal shows details"
            )

    def _say(self, click: Click, state: str, text: str, quote: str = "") -> None:
        with self._lock:
            click.state, click.text, click.quote = state, redact(text), quote
            click.at, click.asked = time.time(), self._clock()
        self._changed()

    # Cancel.

    def _cancel(self, click: Click) -> None:
        entry = self._client.jobs.get(click.key)
        if entry.job is None and not entry.unsent:
            ended = f"{entry.key} is {entry.state.value}: there is no job to cancel"
            unknown = (
                f"{entry.key} may have been sent, and may be charged: there is nothing to cancel "
                "before its job is known. Resume looks for it."
            )
            self._say(click, "failed", unknown if entry.open or entry.ambiguous else ended)
            return
        if entry.job is None:
            click.plan = entry
            text = f"Cancel {entry.key}? Nothing has been sent: nothing is charged."
            self._say(click, "asking", text, "unsent")
            return
        plan = plan_cancel(self._client, entry.job)
        if isinstance(plan, CancelResult):
            self._say(click, "done", _cancelled(plan))
            return
        click.plan = plan
        note = f" {plan.terms.note}" if plan.terms.note else ""
        text = (
            f"Cancel job {plan.job.id} at {plan.job.account}? It is {plan.status.state.value}, "
            f"{plan.cost}. {_CHARGED[plan.billed]}{note}"
        )
        self._say(click, "asking", text, f"cancel, {plan.billed.value}")

    # Retry.

    def _retry(self, click: Click) -> None:
        plan = plan_retry(self._client, self._client.jobs.get(click.key))
        click.plan = plan
        quote = plan.quote
        upto = "" if quote.usd_low == quote.usd_high else "up to "
        before = "" if plan.entry.state is KeyState.REFUSED else _paid_before(plan.entry)
        sandbox = " (sandbox: no money)" if plan.sandbox else ""
        known = "" if plan.known is None else _bought_too(plan.known)
        warned = "".join(f" {one}." for one in plan.warnings)
        text = (
            f"Buy {plan.entry.key} again at {plan.target}{sandbox} for {upto}{dollars(plan.cap)} "
            f"({rests_on(quote)})?{before}{known}{warned}"
        )
        self._say(click, "asking", text, dollars(plan.cap))

    def _agreed(self, click: Click) -> None:
        """Do what a question was agreed to."""
        plan = click.plan
        if isinstance(plan, RetryPlan):
            job = retry(self._client, plan)
            bought = job.key == plan.key
            what = "was bought" if bought else "was bought before; nothing was bought now"
            self._say(click, "done", f"{job.key} {what}: job {job.id} at {job.account}")
            self._follow(click, job)
        elif isinstance(plan, CancelPlan):
            self._say(click, "done", _cancelled(self._client.cancel(plan.job)))
        elif plan is not None:
            sent = self._client.jobs.cancel_unsent(plan).job
            if sent is None:
                text = f"{plan.key} was cancelled: it had not been sent, and nothing is charged"
                self._say(click, "done", text)
            else:  # agreed to was a cancel that costs nothing, and this one may
                text = f"{plan.key} was sent meanwhile: job {sent.id} at {sent.account} runs"
                self._say(click, "failed", f"{text}; nothing was cancelled")

    # Resume.

    def _resume(self, click: Click) -> None:
        entry = self._client.jobs.get(click.key)
        if not entry.open:
            self._say(click, "done", f"{entry.key} is {entry.state.value}: nothing is left to do")
            return
        job = self._client.jobs.resume(entry)
        self._say(
            click, "done", f"job {job.id} at {job.account} is followed until its film is here"
        )
        self._follow(click, job)

    def _follow(self, click: Click, job: Job) -> None:
        """Follow a job in a thread of its own, and save its film."""
        with self._lock:
            if job.key in self._following:
                return
            self._following.add(job.key)
        try:
            self._followers.submit(self._run, click, lambda one: self._fetch(one, job))
        except RuntimeError:  # the board stops; the job runs on, and the journal has it
            with self._lock:
                self._following.discard(job.key)

    def _fetch(self, click: Click, job: Job) -> None:
        try:
            result = self._client.wait(job)
            with alone(journal_of(self._client), job):  # another command may save it at this moment
                entry = self._client.jobs.get(job.key)
                if entry.delivered is None:
                    more = len(result.outputs) - 1
                    rest = f"; 'motionkit wait {job.key}' has {more} more of its files" * bool(more)
                    saved = self._client.deliver(result, self._place(entry))
                    told = f"is saved: {saved.place}{rest}"
                else:
                    told = f"was saved: {entry.delivered}"
            self._say(click, "done", f"the film of {job.key} {told}")
        except WaitTimeout:
            text = f"job {job.id} still runs; the board no longer follows it"
            self._say(click, "done", text)
        finally:
            with self._lock:
                self._following.discard(job.key)
            self._changed()

    def _place(self, entry: PurchaseRecord) -> str | None:
        """Return where a film goes: as the submit said; None where that is free."""
        if entry.out is None:
            return f"{_literal(str(self._folder))}/{{inputs}}.{{ext}}"
        path = Path(entry.out)
        if "{" in entry.out or "://" in entry.out or not path.exists():
            return None
        # A file of that name is there, and not this purchase's.
        return f"{_literal(str(path.with_suffix('')))}-{{job}}{_literal(path.suffix)}"


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _paid_before(entry: PurchaseRecord) -> str:
    """Return what is known of the money for the purchase that ended without a film."""
    cost = entry.cost
    if cost is None:
        return f" What it cost the first time is unknown: it is {entry.state.value}."
    if not cost.amount:
        return " The first time cost nothing."
    return f" The first time: {cost}."


def _bought_too(entry: PurchaseRecord) -> str:
    return (
        f" The same request was bought as {entry.key}, which is {entry.state.value}: this buys it "
        "once more."
    )


def _cancelled(result: CancelResult) -> str:
    """Return the outcome of asking a vendor to cancel a job."""
    assert result.job is not None  # noqa: S101 - for the type checker
    job = f"job {result.job.id} at {result.job.account}"
    money = f"cost {result.cost}" if result.cost is not None else _WAS_CHARGED[result.billed]
    if result.outcome is CancelOutcome.CANCELLED:
        return f"{job} is cancelled: {money}"
    if result.outcome is CancelOutcome.TOO_LATE:
        had = "succeeded" if result.state is State.SUCCEEDED else "ended"
        return f"{job} had {had} before: {money}"
    return f"{job} was asked to stop; the vendor has not confirmed it, and it may still run"


def _error_text(error: MotionKitError) -> str:
    """Return an error for the page: what happened, and what helps, unless that is Python."""
    text, hint = error.message.rstrip("."), error.hint
    if not hint or hint in text or "client." in hint or "mk." in hint:
        return text
    return f"{text}. {hint[0].upper()}{hint[1:]}"
