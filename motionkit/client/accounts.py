"""Each account's adapter, made once when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import attrs

from motionkit._support import process
from motionkit.config import Config
from motionkit.http import RateLimiter
from motionkit.journal import Caches
from motionkit.provider import LONGEST_UPLOAD, CarefulUploads, Provider, registry


@attrs.frozen
class Accounts:
    """The adapters of a configuration's accounts, and what counts their calls.

    Attributes:
        config: The accounts.
        classes: Adapter classes by provider name, over the installed ones.
        caches: Where uploads are remembered.
        clock: Monotonic seconds.
        sleep: How a call waits for its turn.
    """

    config: Config
    classes: Mapping[str, type[Provider]]
    caches: Caches
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _made: dict[str, Provider] = attrs.field(factory=dict, init=False)
    _limiters: dict[str, RateLimiter] = attrs.field(factory=dict, init=False)
    _locks: dict[str, process.Lock] = attrs.field(factory=dict, init=False)
    _lock: process.Lock = attrs.field(factory=process.Lock, init=False)
    """Held while a rate limiter is made; an account's own lock is held while its key is fetched."""

    def of(self, account: str) -> Provider:
        """Return an account's adapter.

        Raises:
            ConfigError: There is no such account.
        """
        made = self._made.get(account)
        if made is not None:
            return made
        known = self.config.account(account)
        with self._locks.setdefault(account, process.Lock()):
            if account not in self._made:
                kind = self.classes.get(known.provider) or registry.load(known.provider)
                timeout = self.config.defaults.upload_timeout or LONGEST_UPLOAD
                care = CarefulUploads(self.caches, self.limiter(account), timeout)
                self._made[account] = kind(account, known.settings, care)
            return self._made[account]

    def limiter(self, account: str) -> RateLimiter | None:
        """Return what counts an account's calls a minute; None where no ``rpm`` is set."""
        if account in self._limiters:
            return self._limiters[account]
        rpm = self.config.account(account).rpm
        if rpm is None:
            return None
        with self._lock:
            if account not in self._limiters:
                self._limiters[account] = RateLimiter(rpm, self.clock, self.sleep)
            return self._limiters[account]

    def close(self) -> None:
        """Close the adapters' connections."""
        for adapter in self._made.values():
            adapter.close()
