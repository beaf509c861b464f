"""Each account's adapter, made once when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import attrs

from motionkit import http
from motionkit._support import process
from motionkit.config import Config
from motionkit.journal import Caches, Journal
from motionkit.provider import LONGEST_UPLOAD, CarefulUploads, Provider, load_provider


@attrs.frozen(eq=False, repr=False)
class Accounts:
    """The adapters and rate limiters of a configuration's accounts.

    Attributes:
        config: The accounts.
        classes: Adapter classes by provider name, over the installed ones.
        caches: Where uploads are remembered.
        clock: Monotonic seconds.
        sleep: How a call waits for the rate limit.
        journal: Where all processes count an account's calls; None counts this process's alone.
    """

    config: Config
    classes: Mapping[str, type[Provider]]
    caches: Caches
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    journal: Journal | None = None
    _made: dict[str, Provider] = attrs.field(factory=dict, init=False)
    _limiters: Mapping[str, http.RateLimiter | None] = attrs.field(init=False)
    _locks: Mapping[str, process.Lock] = attrs.field(init=False)
    """Each is held while its account's key is fetched, so a slow key delays that account only."""

    @_limiters.default
    def _limited(self) -> dict[str, http.RateLimiter | None]:
        return {
            name: None if one.rpm is None else http.RateLimiter(one.rpm, self.clock, self.sleep)
            for name, one in self.config.accounts.items()
        }

    @_locks.default
    def _unlocked(self) -> dict[str, process.Lock]:
        return {name: process.Lock() for name in self.config.accounts}

    def of(self, account: str) -> Provider:
        """Return an account's adapter.

        Raises:
            ConfigError: There is no such account, or it has no key.
        """
        if account in self._made:
            return self._made[account]
        known = self.config.accounts.get(account) or self.config.account(account)
        with self._locks[account]:
            if account not in self._made:
                kind = self.classes.get(known.provider) or load_provider(known.provider)
                wanted = self.config.defaults.upload_timeout
                timeout = LONGEST_UPLOAD if wanted is None else wanted
                limiter = self._limiters[account]
                care = CarefulUploads(self.caches, limiter, timeout, self.config.defaults.stage)
                made = kind(account, known.settings, care)
                if limiter is not None and self.journal is not None:
                    # The adapter alone knows the fingerprint; nothing was called before this.
                    limiter.shared = self.journal.calls(made.fingerprint, http.WINDOW, self.clock)
                self._made[account] = made
            return self._made[account]

    def keyless(self, account: str) -> Provider:
        """Return an adapter with a stand-in for the account's key: for what sends nothing.

        Raises:
            ConfigError: There is no such account, and no provider of its name for want of a key.
        """
        known = self.config.known(account)
        kind = self.classes.get(known.provider) or load_provider(known.provider)
        return kind(
            account, known.keyless, CarefulUploads(self.caches, stage=self.config.defaults.stage)
        )

    def limiter(self, account: str) -> http.RateLimiter | None:
        """Return an account's rate limiter; None where no ``rpm`` is set.

        Raises:
            ConfigError: There is no such account.
        """
        if account not in self._limiters:
            self.config.account(account)
        return self._limiters[account]

    def close(self) -> None:
        """Close the adapters' connections."""
        for adapter in self._made.values():
            adapter.close()
