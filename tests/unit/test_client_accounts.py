"""Adapters: each account by itself, and every session of an account under its rate limit."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest
from engine_support import PATIENCE
from support import Clock, FakeProvider, FakeSettings

from motionkit._support.redaction import Secret
from motionkit.client.accounts import Accounts
from motionkit.config import Account, Config, Defaults
from motionkit.http.rate_limit import RateLimiter
from motionkit.http.session import Session
from motionkit.journal.journal import Journal
from motionkit.provider import Uploads


class Slow(FakeProvider):
    """An account whose key takes as long as it likes."""

    asked: ClassVar[threading.Event]
    answer: ClassVar[threading.Event]

    def __init__(self, account: str, settings: Any, uploads: Any) -> None:
        super().__init__(account, settings, uploads)
        if account == "slow":
            self.asked.set()
            assert self.answer.wait(PATIENCE)


class Late(FakeProvider):
    """An adapter that makes its session at the first call."""

    def __init__(self, account: str, settings: Any, uploads: Uploads) -> None:
        super().__init__(account, settings, uploads)
        self.uploads = uploads

    def session(self) -> Session:
        return Session(
            provider="fake",
            account=self.account,
            origins={"api": "http://127.0.0.1:1"},
            auth={},
            limiter=self.uploads.limiter,
        )


def adapters(kind: type[FakeProvider], **rpm: int | None) -> Accounts:
    accounts = {
        name: Account(name, "fake", FakeSettings(api_key=Secret("k" * 10), rpm=number))
        for name, number in rpm.items()
    }
    config = Config(accounts=accounts, defaults=Defaults(), journal=None)
    clock = Clock(1000.0)
    return Accounts(config, {"fake": kind}, Journal(None).caches, clock, clock.sleep)


def test_an_account_whose_key_is_slow_keeps_no_other_account_waiting() -> None:
    Slow.asked, Slow.answer = threading.Event(), threading.Event()
    made = adapters(Slow, slow=None, fast=None)
    first = threading.Thread(target=made.of, args=("slow",))
    first.start()
    assert Slow.asked.wait(PATIENCE)
    other = threading.Thread(target=made.of, args=("fast",))
    other.start()
    other.join(PATIENCE)
    waited_in_vain = other.is_alive()
    Slow.answer.set()
    first.join(PATIENCE)
    other.join(PATIENCE)
    assert not waited_in_vain


def test_threads_that_want_one_account_at_once_share_its_adapter() -> None:
    Slow.asked, Slow.answer = threading.Event(), threading.Event()
    made = adapters(Slow, slow=None)
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(made.of("slow"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    Slow.answer.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(got) == 4
    assert len({id(one) for one in got}) == 1


def test_an_adapter_gets_its_accounts_rate_limiter() -> None:
    made = adapters(Late, shop=5, other=None)
    shop, other = made.of("shop"), made.of("other")
    assert isinstance(shop, Late)
    assert isinstance(other, Late)
    assert shop.session()._limiter is made.limiter("shop") is not None
    assert other.session()._limiter is None


def test_two_clients_limit_an_account_of_the_same_name_apart() -> None:
    limits = []
    for rpm in (5, 9):
        shop = adapters(Late, shop=rpm).of("shop")
        assert isinstance(shop, Late)
        limits.append(shop.session()._limiter)
    assert [one.rpm for one in limits if one] == [5, 9]


def test_a_session_cannot_forget_the_rate_limit() -> None:
    with pytest.raises(TypeError, match="limiter"):
        Session(provider="fake", account="shop", origins={}, auth={})  # type: ignore[call-arg]


def test_a_rate_limit_is_made_once_whatever_asks_for_it(monkeypatch: Any) -> None:
    constructed = []
    init = RateLimiter.__init__

    def counted(self: RateLimiter, *args: Any) -> None:
        constructed.append(args)
        init(self, *args)

    monkeypatch.setattr(RateLimiter, "__init__", counted)
    made = adapters(FakeProvider, shop=5)
    first = made.limiter("shop")
    assert all(made.limiter("shop") is first for _ in range(100))
    made.of("shop")
    assert len(constructed) == 1


def test_a_rate_limit_asks_for_no_key() -> None:
    account = Account("shop", "fake", FakeSettings(api_key=Secret("k" * 10), rpm=7))
    object.__setattr__(account, "key", _NeverAsked())
    config = Config(accounts={"shop": account}, defaults=Defaults(), journal=None)
    limiter = Accounts(config, {}, Journal(None).caches).limiter("shop")
    assert limiter is not None
    assert limiter.rpm == 7


class _NeverAsked:
    def resolve(self) -> Secret:
        raise AssertionError("the key was asked for")
