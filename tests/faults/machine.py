"""What befalls the machine that the program runs on: its network, its clocks, its journal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from ledger import Outage, Place, Writer
from matrix import Case
from urllib3.connectionpool import HTTPConnectionPool

from motionkit._support import process
from motionkit._support.process import Moment
from motionkit.journal import database, pending, postgres
from motionkit.sandbox import Sandbox

CLOSED_PORT = ("127.0.0.1", 9)
LOCKED_SECONDS = 0.3
"""Wall seconds for which another process holds the journal for a while."""
SHORT_PATIENCE = 0.2
"""Wall seconds that the program waits, at each step, for a journal that stays locked."""


@attrs.define
class Machine:
    """The case's time, which passes when somebody sleeps, and what goes wrong in it.

    Attributes:
        case: The case that is played.
        sandbox: The vendor, whose time goes along.
        journal: The journal's place.
        clock: Monotonic seconds of the case; gone to by sleeping.
        sleeping: Lets them pass.
        over: Whether nothing goes wrong any more.
    """

    case: Case
    sandbox: Sandbox
    journal: Place
    clock: Callable[[], float]
    sleeping: Callable[[float], None]
    over: bool = False
    _began: float = attrs.field(factory=time.time)
    _first: float | None = None
    _wall: float = 0.0
    _uptime: float = 0.0
    _struck: bool = False
    _lock: Writer | None = None
    _outage: Outage | None = None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let the program read this machine's clocks."""
        patch.setattr(process, "moment", self.moment)
        away = self.case.journal.startswith("deleted") and not isinstance(self.journal, Path)
        if self._locked_for_good or away:
            for module in (database, postgres):
                patch.setattr(module, "BUSY_TIMEOUT", SHORT_PATIENCE)
            for name in ("FIRST_TRY", "KEPT_TRY", "SHARED_TRY", "LAST_TRY", "PAUSE"):
                patch.setattr(pending, name, SHORT_PATIENCE)

    def moment(self) -> Moment:
        """Return the present on both clocks."""
        now = self.clock()
        return Moment(self._began + now + self._wall, now + self._uptime, "boot-1")

    def sleep(self, seconds: float) -> None:
        """Let time pass; the first time after a paid call left, something befalls the clocks."""
        self.sleeping(seconds)
        if self._first is None or self._struck:
            return
        self._struck = True
        if self.case.event == "set back":
            self._wall -= 3600.0
        elif self.case.event == "set forward":
            self._wall += 3600.0
        elif self.case.event == "suspended":
            self._wall += 125.0
            self._uptime += 125.0
            self.sandbox.advance(125.0)
        elif self.case.event == "restarted":
            self._uptime = -self.clock()

    def before_paid(self) -> bool:
        """Strike right before a paid call; return whether the network is cut."""
        if self._first is None:
            self._first = self.clock()
            return False
        if self.case.gateway and self._is_out:
            self.sandbox.fault(f"http:submit:status={self.case.gateway}")
        return self.is_cut

    @property
    def is_cut(self) -> bool:
        """Whether nothing can connect now."""
        return self._is_out and not self.case.gateway

    @property
    def _is_out(self) -> bool:
        if self.over or self._first is None:
            return False
        return self.clock() - self._first < self.case.outage

    def around_paid(self, call: Callable[[], Any]) -> Any:
        """Make a paid call, and strike the journal while the vendor works on it."""
        if self.over or not self.case.journal.endswith("in the call"):
            return call()
        if self.case.journal.startswith("deleted"):
            try:
                return call()
            finally:
                self.take_journal()
        self.lock_journal(None if self._locked_for_good else LOCKED_SECONDS)
        return call()

    def before_submit(self) -> None:
        """Strike the journal before the program begins."""
        if self.case.journal == "deleted before":
            self.take_journal()
        elif self.case.journal == "locked a while":
            self.lock_journal(LOCKED_SECONDS)
        elif self.case.journal == "locked for good":
            self.lock_journal()

    def take_journal(self) -> None:
        """Take the journal's files away, or let its database refuse all connections."""
        if not isinstance(self.journal, Path):
            self._outage = Outage(self.journal)
            return
        for path in self._parts():
            if path.exists():
                path.rename(path.with_name(f"away-{path.name}"))

    def lock_journal(self, seconds: float | None = None) -> None:
        """Hold the journal as another process does that writes, for some wall seconds."""
        self._lock = Writer(self.journal)
        if seconds is not None:
            threading.Timer(seconds, self._lock.release).start()

    def recover(self) -> None:
        """Bring everything back."""
        self.over = True
        if self._outage is not None:
            self._outage.end()
        for path in self._parts():
            away = path.with_name(f"away-{path.name}")
            if away.exists():
                away.rename(path)
        if self._lock is not None and self._locked_for_good:
            self._lock.release()

    @property
    def _locked_for_good(self) -> bool:
        return self.case.journal.startswith("locked for good")

    def _parts(self) -> list[Path]:
        if not isinstance(self.journal, Path):
            return []
        return [
            self.journal.with_name(self.journal.name + suffix) for suffix in ("", "-wal", "-shm")
        ]


def closed(pool: HTTPConnectionPool) -> HTTPConnectionPool:
    """Return a pool like another one, whose host is not to be reached."""
    return type(pool)(*CLOSED_PORT)


def on(
    options: Mapping[str, Any], machine: Callable[..., Machine]
) -> tuple[dict[str, Any], Machine]:
    """Return a client's options on a machine, and the machine."""
    made = machine(clock=options["clock"], sleeping=options["sleep"])
    return {**options, "sleep": made.sleep}, made
