"""What an account holds is told as PixVerse says it, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from motionkit.errors import Billed, ProtocolError
from motionkit.http import Response
from motionkit_pixverse.adapter import PixVerse, Settings


class Once:
    """Uploads that are simply sent."""

    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        return send()


def adapter(monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]) -> PixVerse:
    """Return an adapter that is always given this content."""
    made = PixVerse("acme", Settings(api_key="key-0123456789"), Once())
    body = json.dumps({"ErrCode": 0, "ErrMsg": "success", "Resp": content}).encode()
    monkeypatch.setattr(made._http, "send", lambda *_, **__: Response(200, {}, body))
    return made


def test_both_pools_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    held = adapter(monkeypatch, {"credit_monthly": 7, "credit_package": "0"}).balance()
    assert held.pools == {"monthly": Decimal(7), "package": Decimal(0)}
    assert (held.amount, held.usd) == (Decimal(7), Decimal("0.07"))


def test_fractions_of_credits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    held = adapter(monkeypatch, {"credit_monthly": 7.25, "credit_package": "0.5"}).balance()
    assert held.pools == {"monthly": Decimal("7.25"), "package": Decimal("0.5")}
    assert (held.amount, held.usd) == (Decimal("7.75"), Decimal("0.0775"))


@pytest.mark.parametrize("told", ["NaN", None, "many", True, [7]])
@pytest.mark.parametrize("pool", ["credit_monthly", "credit_package"])
def test_a_pool_that_cannot_be_read_is_not_told_as_nothing(
    monkeypatch: pytest.MonkeyPatch, pool: str, told: Any
) -> None:
    content = {"credit_monthly": 7, "credit_package": 7, pool: told}
    with pytest.raises(ProtocolError, match=f"acme: the answer has no usable {pool}") as caught:
        adapter(monkeypatch, content).balance()
    assert caught.value.billed is Billed.NO
    assert caught.value.raw == content


@pytest.mark.parametrize("pool", ["credit_monthly", "credit_package"])
def test_a_pool_that_is_missing_is_not_told_as_nothing(
    monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    content = {"credit_monthly": 7, "credit_package": 7}
    del content[pool]
    with pytest.raises(ProtocolError, match=pool):
        adapter(monkeypatch, content).balance()
