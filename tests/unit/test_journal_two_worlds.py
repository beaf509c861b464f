"""Accounts in a sandbox and real ones share no budget and no circuit, even in one journal."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from ledger import Place, change

from motionkit._support.redaction import Secret
from motionkit.client.client import Client
from motionkit.config import Account, Config, Route
from motionkit.config.defaults import Defaults
from motionkit.errors import AuthenticationError, Billed, BudgetExceeded
from motionkit.http import at_loopback
from motionkit.journal import Journal
from motionkit.journal.databases import located
from motionkit.model.submission import Call
from motionkit.provider import Provider, in_sandbox, registry
from motionkit.provider.uploads import CarefulUploads
from motionkit.purchase.circuits import Circuits
from motionkit.testing.memory import Memory, Settings, Vendor
from motionkit.testing.stage import sample_request

KEY = "memory-key-0123456789"
LOOPBACK = "http://127.0.0.1:8787"


class Local(Memory):
    """The same vendor, served on this machine."""

    name = "local"

    def url(self, call: Call) -> str:
        """Return a call's whole URL."""
        return LOOPBACK + call.path


@pytest.fixture
def client(database: Place) -> Iterator[Client]:
    """A real account and one in a sandbox, one journal, and 0.50 USD; a job costs 0.20 USD."""
    vendor = Vendor()
    real = Settings(api_key=Secret(KEY), vendor=vendor)
    local = Settings(api_key=Secret(KEY), vendor=vendor, base_url=LOOPBACK)
    limit = {"total": Decimal("0.50")}
    config = Config(
        accounts={
            "real": Account("real", "memory", real),
            "local": Account("local", "local", local),
        },
        defaults=Defaults(wait_for_slot=0, budget_usd=limit),
        journal=located(database),
        routes={
            "r": Route(name="r", targets=("real", "local"), budget_usd=limit),
            "s": Route(name="s", targets=("local", "real"), budget_usd=limit),
        },
    )
    with Client(config, provider_classes={"memory": Memory, "local": Local}) as made:
        yield made


def submitted(client: Client, via: str, times: int) -> list[str]:
    """Return where these submits went, or what refused them."""
    went = []
    for _ in range(times):
        try:
            went.append(client.submit(sample_request(), via=via, again=True).account)
        except BudgetExceeded:
            went.append("refused")
    return went


def held(client: Client) -> list[tuple[str, bool, str]]:
    return [(one.name, one.sandbox, f"{one.spent + one.held:.2f}") for one in client.budget()]


@pytest.mark.parametrize("order", [("real", "local"), ("local", "real")])
def test_purchases_of_one_world_use_up_no_budget_of_the_other(
    client: Client, order: tuple[str, str]
) -> None:
    went = [submitted(client, via, 3) for via in order]

    assert went == [[via, via, "refused"] for via in order]
    everything = [row for row in held(client) if row[0] == "defaults.budget_usd"]
    assert [row[1:] for row in everything] == [(False, "0.40"), (True, "0.40")]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("r", ["real", "real", "local", "local", "refused"]),
        ("s", ["local", "local", "real", "real", "refused"]),
    ],
)
def test_a_route_over_both_worlds_spends_each_budget_on_its_own(
    client: Client, route: str, expected: list[str]
) -> None:
    assert submitted(client, route, 5) == expected
    assert [row for row in held(client) if row[0] == f"routes.{route}.budget_usd"] == [
        (f"routes.{route}.budget_usd", False, "0.40"),
        (f"routes.{route}.budget_usd", True, "0.40"),
    ]


def test_a_refusal_says_which_world_spent_the_budget(client: Client) -> None:
    submitted(client, "local", 2)
    submitted(client, "real", 2)

    for via, said in (("local", "0.40 USD held in the sandbox)"), ("real", "0.40 USD held)")):
        with pytest.raises(BudgetExceeded) as caught:
            client.submit(sample_request(), via=via, again=True)
        assert said in caught.value.message


def test_what_an_older_version_wrote_counts_as_real(client: Client) -> None:
    submitted(client, "local", 2)
    change(client._journal, "UPDATE purchases SET sandbox=NULL, counted=NULL")
    change(client._journal, "DELETE FROM spent")

    assert submitted(client, "real", 1) == ["refused"]
    assert submitted(client, "local", 1) == ["local"]


@pytest.mark.parametrize("name", registry.names())
def test_a_key_has_no_circuit_at_the_vendor_for_a_failure_in_the_sandbox(
    database: Place, name: str
) -> None:
    with Journal(database) as journal:

        def adapter(base_url: str | None) -> Provider:
            kind = registry.load(name)
            settings = kind.settings(api_key=Secret(KEY), base_url=base_url)
            return kind("shop", settings, CarefulUploads(journal.caches))

        real, local = adapter(None), adapter(LOOPBACK)
        assert (in_sandbox(real), in_sandbox(local)) == (False, True)
        refused = AuthenticationError("wrong key", billed=Billed.NO)
        circuits = Circuits(journal.caches)

        circuits.failed("shop", local.fingerprint, refused)

        assert list(circuits.of("shop", local.fingerprint)) == ["authentication"]
        assert circuits.of("shop", real.fingerprint) == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8787/v1", True),
        ("http://[::1]:8787", True),
        ("http://localhost", True),
        ("https://127.0.0.1.example", False),
        ("https://localhost@vendor.example", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_an_address_on_this_machine_is_known_by_its_host(
    url: str | None, *, expected: bool
) -> None:
    assert at_loopback(url) is expected
