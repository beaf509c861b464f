"""Play one case of the matrix, and compare what the vendor's ledger and our journal say of it."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from ledger import Place, change, options_at, seen_outside
from machine import Machine, closed, on
from matrix import Case, End
from patience import PATIENCE
from requests.structures import CaseInsensitiveDict
from summary import Tally
from urllib3.connectionpool import HTTPConnectionPool
from vendors import VENDORS, Vendor

from motionkit._support.redaction import Secret
from motionkit.client.client import Client
from motionkit.errors import Billed, MotionKitError, SubmitUncertain
from motionkit.http import download, session
from motionkit.journal.entries import PurchaseRecord
from motionkit.journal.journal import Journal
from motionkit.model.job import KeyState, State, utcnow
from motionkit.model.operations import Request
from motionkit.model.submission import Call
from motionkit.sandbox import Sandbox
from motionkit.sandbox.faults import Fault
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for

JOB_SECONDS = 5.0
SYNC_SPEED = 100.0
"""Vendor seconds in one of ours while a blocking call waits for a job."""
CALL_SECONDS = PATIENCE
"""Wall seconds that a whole call may take."""
IMPATIENT_CALL_SECONDS = 0.3
"""The same where a fault hangs: what such a case costs."""
IMPATIENT_SUBMIT_SECONDS = 1.5
"""The same of a paid call that hangs; it has to reach the vendor within that, on any machine."""
WAIT_SECONDS = 300.0
KEY = "order-17"
_OWN_KEY = "fault-matrix-key-0123456789"


@attrs.define
class Wire:
    """Everything that left, as the pools of connections were given it.

    Attributes:
        case: The case that is played.
        journal: The journal's place, looked into at the moment of each paid call.
        origin: The only place that a key may go to.
        paid: The trace id of each paid call, in order; empty text where the vendor has none.
        free: The trace ids of all other calls.
        strayed: URLs that a key went to and should not have.
        unwritten: Paid calls that the journal did not hold when they left.
    """

    case: Case
    journal: Place
    origin: str
    machine: Machine
    paid: list[str] = attrs.field(factory=list)
    free: list[str] = attrs.field(factory=list)
    strayed: list[str] = attrs.field(factory=list)
    unwritten: list[str] = attrs.field(factory=list)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """See every request on its way out."""
        real = HTTPConnectionPool.urlopen

        def urlopen(pool: HTTPConnectionPool, method: str, url: str, **options: Any) -> Any:
            paid = self._note(f"{pool.scheme}://{pool.host}:{pool.port}", method, url, options)
            if not paid:
                pool = closed(pool) if self.machine.is_cut else pool
                return real(pool, method, url, **options)
            cut = self.machine.before_paid()
            if cut or len(self.paid) in self.case.unreachable:
                pool = closed(pool)
            return self.machine.around_paid(lambda: real(pool, method, url, **options))

        patch.setattr(HTTPConnectionPool, "urlopen", urlopen)

    def _note(self, origin: str, method: str, url: str, options: Mapping[str, Any]) -> bool:
        """Write down what leaves; return whether it is a paid call."""
        vendor = VENDORS[self.case.provider]
        headers = CaseInsensitiveDict(options["headers"])
        if vendor.key_header in headers and origin != self.origin:
            self.strayed.append(origin + url)
        trace = vendor.attempt_id(headers, options.get("body"))
        paid = vendor.sync_path if self.case.sync else vendor.paid_path
        if method != "POST" or urlsplit(url).path != paid:
            if trace:
                self.free.append(trace)
            return False
        self.paid.append(trace)
        written = {id_: state for id_, state, sends in _attempts(self.journal) if sends}
        held = trace in written if trace else bool(written)
        if not held:
            self.unwritten.append(trace or "(a call without an id)")
        return True


def _attempts(place: Place) -> list[tuple[Any, ...]]:
    """Return what another process would see in the journal now."""
    return seen_outside(place, "SELECT id, state, sends FROM attempts")


@attrs.frozen
class Act:
    """How one run of the command ended."""

    error: MotionKitError | None
    file: Path | None


@attrs.define
class Play:
    """One case on its way: a sandbox, a client, and what was seen."""

    case: Case
    folder: Path
    journal: Place
    sandbox: Sandbox
    client: Client
    wire: Wire
    patch: pytest.MonkeyPatch
    stage: Any
    before: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def vendor(self) -> Vendor:
        """What the tests know of the vendor."""
        return VENDORS[self.case.provider]

    def request(self) -> Request:
        """Return what is bought."""
        return self.vendor.request(remote=self.case.remote)

    def run(self, out: str, *, fetch: bool = True) -> Act:
        """Do what a program does: submit, wait, download."""
        target = self.folder / out
        try:
            job = self.client.submit(
                self.request(), via=self.vendor.via, key=KEY, wait_for_slot=self.case.slot
            )
            self.idle()
            result = self.client.wait(job, timeout=WAIT_SECONDS)
            return Act(None, self.client.download(result, target) if fetch else None)
        except MotionKitError as error:
            return Act(error, None)

    def idle(self) -> None:
        """Let time pass between the submit and the wait, for the vendor and for us."""
        if self.case.idle:
            self.sandbox.advance(self.case.idle)
            later = dt.timedelta(seconds=self.case.idle)
            for name, module in list(sys.modules.items()):
                if name.startswith(self.vendor.package) and hasattr(module, "utcnow"):
                    self.patch.setattr(module, "utcnow", lambda: utcnow() + later)

    def neighbour(self) -> None:
        """Make an identical job before ours."""
        if self.case.neighbour == "own":
            self.client.submit(self.request(), via=self.vendor.via, key="the-one-before")
        elif self.case.neighbour == "foreign":
            self._foreign_job()

    def _foreign_job(self) -> None:
        """Buy the same thing as another program with the same key would: no journal of ours."""
        with contextlib.ExitStack() as stack:
            elsewhere = self.folder / "elsewhere"
            elsewhere.mkdir()
            other = stack.enter_context(client_for(_stage(self.case, self.sandbox), elsewhere))
            other.submit(self.request(), via=self.vendor.via, key=KEY)

    def ledger(self) -> Mapping[str, Any]:
        """Return what the vendor has counted for our account."""
        vendor = self.sandbox.ledger()["vendors"][self.case.provider]
        label = "unknown" if self.case.wrong_key else self.label
        account: Mapping[str, Any] = vendor["accounts"][label]
        return account

    @property
    def label(self) -> str:
        """The account's name in the ledger."""
        return "matrix" if self.case.account else "default"

    def jobs(self) -> list[Mapping[str, Any]]:
        """Return the jobs that this purchase made: no twins, none from before."""
        old = {job["id"] for job in self.before.get("jobs", ())}
        return [job for job in self.ledger()["jobs"] if job["id"] not in old and not job["twin"]]

    def entry(self) -> PurchaseRecord | None:
        """Return what the journal has of the purchase."""
        return next((e for e in self.client.jobs.list() if e.key == KEY), None)


def _stage(case: Case, sandbox: Sandbox) -> Any:
    vendor = VENDORS[case.provider]
    stage = sandbox_stage(vendor.adapter, {}, sandbox)
    stage = attrs.evolve(stage, settings=attrs.evolve(stage.settings, **vendor.settings))
    if case.account and not case.wrong_key:
        stage = attrs.evolve(stage, settings=attrs.evolve(stage.settings, api_key=Secret(_OWN_KEY)))
    if case.sync:
        blocking = attrs.evolve(stage.settings, mode="sync", sync_timeout=_limit(case))
        stage = attrs.evolve(stage, settings=blocking)
    if case.wrong_key:
        stage = attrs.evolve(stage, settings=stage.wrong_key())
    return stage


@contextlib.contextmanager
def playing(case: Case, folder: Path, journal: Place) -> Iterator[Play]:
    """Set a case up: a vendor of its own, a journal of its own, time that nobody waits for."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Sandbox(
            apps=[VENDORS[case.provider].sandbox],
            job_seconds=JOB_SECONDS,
            speed=SYNC_SPEED if case.sync else 1.0,
        ) as sandbox,
    ):
        in_force: list[Fault] = []
        shorten(patch, case, in_force)
        if case.account:
            fields = dict(case.account)
            sandbox.add_account(case.provider, _OWN_KEY, label="matrix", **fields)
        stage = _stage(case, sandbox)
        options, machine = on(
            options_at(stage, folder, journal), functools.partial(Machine, case, sandbox, journal)
        )
        machine.install(patch)
        with Client(**options) as client:
            wire = Wire(case, journal, sandbox.url, machine)
            play = Play(case, folder, journal, sandbox, client, wire, patch, stage)
            play.neighbour()
            play.before = play.ledger()
            wire.watch(patch)
            in_force += [sandbox.fault(fault) for fault in case.faults]
            yield play


def _hangs(fault: str, case: Case) -> bool:
    words = ("hang", "slow", "stuck") if case.sync else ("hang", "slow")
    return any(word in fault for word in words)


def _limit(case: Case) -> float:
    hangs = any(_hangs(fault, case) for fault in case.faults)
    return IMPATIENT_CALL_SECONDS if hangs else CALL_SECONDS


def shorten(patch: pytest.MonkeyPatch, case: Case, in_force: Sequence[Fault]) -> None:
    """Let a call that hangs fail soon.

    A paid call that does not hang keeps the long limit: on a loaded machine it may take as long as
    one that does, and would be sent once more.

    Args:
        patch: Puts the limits in place.
        case: Whose calls they are.
        in_force: The sandbox's faults; a paid call hangs until those of submits are spent.
    """
    patch.setattr(download, "DOWNLOAD_TIMEOUT", _limit(case))
    real = session.Session.send

    def send(self: session.Session, call: Call, **options: Any) -> Any:
        seconds = _limit(case)
        if call.paid:
            hangs = any(
                fault.phase == "submit" and _hangs(fault.name, case) and not fault.spent
                for fault in in_force
            )
            seconds = IMPATIENT_SUBMIT_SECONDS if hangs else CALL_SECONDS
        limit = min(seconds, options.pop("timeout", seconds))
        return real(self, call, timeout=limit, **options)

    patch.setattr(session.Session, "send", send)


def age_attempts(place: Place, seconds: float) -> None:
    """Make the journal's attempts older, as if the program had been away."""
    change(place, "UPDATE attempts SET first_sent = first_sent - :seconds", seconds=seconds)


def perform(case: Case, folder: Path, journal: Place, tally: Tally) -> None:
    """Play a case to its end and hold it against what the matrix expects.

    Act one is the command under faults. Act two is the same command again, after the faults.
    """
    with playing(case, folder, journal) as play:
        tally.cases += 1
        tally.jobs_expected += case.expected.jobs
        tally.charges_expected += case.expected.charges
        _ask_balance(play)
        play.wire.machine.before_submit()
        first = play.run("first.mp4")
        play.wire.machine.recover()
        play.sandbox.advance(JOB_SECONDS)
        seen = play.ledger()
        tally.jobs_seen += len(play.jobs())
        tally.charges_seen += _charges(play)
        _count(play, tally)
        if case.broken_promise:
            tally.broken_promises += 1
            tally.beyond_prevention += len(play.jobs()) - 1
        _check_first(play, first, seen)
        _check_wire(play)
        _check_again(play, tally)
        _check_wire(play)


def _ask_balance(play: Play) -> None:
    if play.case.wrong_key or not any(":balance" in fault for fault in play.case.faults):
        return
    if play.case.balance is None:
        assert play.client.balance(ACCOUNT).amount > 0
        return
    with pytest.raises(play.case.balance) as caught:
        play.client.balance(ACCOUNT)
    assert type(caught.value) is play.case.balance
    assert caught.value.billed is Billed.NO


def _check_first(play: Play, act: Act, seen: Mapping[str, Any]) -> None:
    expected, case = play.case.expected, play.case
    told = f"{type(act.error).__name__}: {act.error}" if act.error else "no error"
    least, most = expected.submits
    submits = seen["submits"] - play.before["submits"]
    assert least <= submits <= most, f"{submits} paid calls ({told})"
    assert len(play.jobs()) == expected.jobs, told
    assert _charges(play) == expected.charges, told
    if expected.error is None:
        assert act.error is None, told
    else:
        kinds = expected.error if isinstance(expected.error, tuple) else (expected.error,)
        known = {kind.__name__ for kind in kinds}
        names = {kind.__name__ for kind in type(act.error).__mro__[:2]} if act.error else set()
        assert known & names, told  # NotSent is the one private subclass that may come out
        assert act.error is not None
        assert act.error.billed is expected.billed, told
        if expected.end in {End.OPEN, End.ENDED} and not case.broken_promise:
            assert act.error.job is not None
            assert act.error.job.id == play.jobs()[0]["id"]
    _check_entry(play, expected.end, act)


def _check_entry(play: Play, end: End, act: Act) -> None:
    entry = play.entry()
    jobs = play.jobs()
    if end is End.REFUSED:
        assert entry is None or (entry.state is KeyState.REFUSED and not entry.ambiguous)
        return
    assert entry is not None
    if end is End.UNCERTAIN:
        assert entry.state is KeyState.UNCERTAIN
        assert entry.ambiguous
        assert entry.open
        assert entry.job is None
        return
    if play.case.journal.startswith("deleted"):
        return  # what follows the payment is kept beside it, and the next run reads it
    assert entry.job is not None
    assert entry.job.id in {job["id"] for job in jobs}
    assert not entry.ambiguous
    if end is End.OPEN:
        assert entry.open
    elif end is End.ENDED:
        assert not entry.open
        assert isinstance(entry.state, State)
        assert entry.state.terminal
        assert entry.state is not State.SUCCEEDED
    else:
        _check_file(entry, act)


def _check_file(entry: PurchaseRecord, act: Act) -> None:
    assert entry.state is State.SUCCEEDED
    assert not entry.open
    assert entry.cost is not None
    assert entry.delivered is not None
    content = Path(entry.delivered).read_bytes()
    assert content[4:8] == b"ftyp"
    assert hashlib.sha256(content).hexdigest() == entry.sha256
    assert act.file is not None
    assert not act.file.with_name(act.file.name + ".part").exists()


def _check_wire(play: Play) -> None:
    """Hold what left against invariants 1, 3, 5, 6 and 10."""
    wire, entry = play.wire, play.entry()
    assert not wire.unwritten, "a paid call left before the journal held it"
    assert not wire.strayed
    books = play.sandbox.ledger()
    assert books["keys_sent_elsewhere"] == 0
    assert books["vendors"][play.case.provider]["keys_sent_to_files"] == 0
    if not play.vendor.resends:
        if entry is not None:
            assert len(wire.paid) <= len(entry.attempts)
        return
    assert all(wire.paid), "a paid call without an attempt id"
    assert play.vendor.traces or not wire.free, "a free call with an attempt id"
    assert len(set(wire.free)) == len(wire.free), "a free call repeats a trace id"
    assert not set(wire.free) & set(wire.paid)
    written = [] if entry is None else [attempt.id for attempt in entry.attempts]
    assert [key for key, _ in itertools.groupby(wire.paid)] == written[: len(set(wire.paid))]
    assert play.ledger()["reused_trace_ids"] <= len(wire.paid) - len(set(wire.paid))


def _check_again(play: Play, tally: Tally) -> None:
    """The same command again, when the faults are over: it buys only what was never bought."""
    case, end = play.case, play.case.expected.end
    paid, jobs = list(play.wire.paid), len(play.jobs())
    play.sandbox.clear_faults()
    play.wire.case = attrs.evolve(case, unreachable=frozenset())
    if case.aged:
        age_attempts(play.journal, case.aged)
        play.sandbox.advance(case.aged)
    if case.wrong_key or (case.account and case.again is not End.DELIVERED):
        return  # the account itself is what is wrong
    if case.account:
        play.sandbox.advance(JOB_SECONDS)
    act = play.run("again.mp4", fetch=end is not End.DELIVERED)
    play.sandbox.advance(JOB_SECONDS)
    told = f"{type(act.error).__name__}: {act.error}" if act.error else "no error"
    before = (tally.doubled, tally.lost)
    _count(play, tally)
    assert (tally.doubled, tally.lost) == before, told
    if end is End.REFUSED:
        assert len(play.wire.paid) == len(paid) + 1, "a refused purchase can be bought again"
        assert len(play.jobs()) == 1, told
        assert act.error is None, told
        if play.vendor.resends:
            assert play.wire.paid[-1] not in paid, "after a refusal the attempt id is a new one"
        return
    assert set(play.wire.paid) <= set(paid), "nothing new may be bought"
    if not play.vendor.resends:
        assert len(play.wire.paid) == len(paid), "without deduplication nothing is sent twice"
    assert len(play.jobs()) <= max(jobs, 1), told
    if end in {End.DELIVERED, End.ENDED} or (end is End.OPEN and case.again is None):
        assert len(play.wire.paid) == len(paid)
        assert len(play.jobs()) == jobs
    _check_ending(play, act, told)


def _check_ending(play: Play, act: Act, told: str) -> None:
    case, end, entry = play.case, play.case.expected.end, play.entry()
    assert entry is not None
    wanted = case.again or (End.DELIVERED if end is End.OPEN else end)
    if end is End.UNCERTAIN and case.again is None:
        assert act.error is None or isinstance(act.error, SubmitUncertain), told
        wanted = End.UNCERTAIN if act.error else End.DELIVERED
    if wanted is End.ENDED:
        assert type(act.error) is case.expected.error, told
        return
    if wanted is End.DELIVERED:
        assert act.error is None, told
        assert entry.delivered is not None
        assert Path(entry.delivered).exists()
    elif wanted is End.UNCERTAIN:
        assert isinstance(act.error, SubmitUncertain), told
        assert entry.state is KeyState.UNCERTAIN
    elif wanted is End.OPEN:
        assert entry.open


def _charges(play: Play) -> int:
    """Count what was paid for, refunds off, twins and neighbours left out."""
    vendor = play.vendor
    price = vendor.remote_price if play.case.remote or vendor.remote_only else vendor.price
    paid = sum((Decimal(job["charge"]) - Decimal(job["refund"]) for job in play.jobs()), Decimal(0))
    count = paid / price
    assert count == int(count), f"{paid} is no multiple of {price}"
    return int(count)


def _count(play: Play, tally: Tally) -> None:
    """Add what was doubled and what was lost, and the jobs that nobody could prevent."""
    jobs, entry = play.jobs(), play.entry()
    extra = max(0, len(jobs) - 1)
    unknown = [job for job in jobs if not known(job, entry)]
    if play.case.broken_promise:
        return
    tally.doubled += extra
    tally.lost += len(unknown)


def known(job: Mapping[str, Any], entry: PurchaseRecord | None) -> bool:
    """Tell whether the journal can lead its reader to a vendor's job."""
    if entry is None:
        return False
    if entry.job is not None:
        return bool(entry.job.id == job["id"])
    ids = {attempt.id for attempt in entry.attempts}
    traced = not job["trace_id"] or job["trace_id"] in ids
    return traced and entry.state in {KeyState.INTENDED, KeyState.UNCERTAIN}


def find_entry(place: Place, key: str) -> PurchaseRecord | None:
    """Return a purchase from a journal."""
    with Journal(place) as journal:
        return next((entry for entry in journal.entries() if entry.key == key), None)
