"""Caps and budgets against attempts to spend more; the sandbox's ledger is the witness."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from three_accounts import SECOND_KEY, configured

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import BudgetExceeded, Busy, MotionKitError
from motionkit.purchase import Checkout
from motionkit.sandbox import Sandbox
from motionkit.testing import samples
from motionkit.testing.stage import JOB_SECONDS, sample_request

PRICE = Decimal("0.20")
"""US dollars of two seconds at 540p at PixVerse."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(job_seconds=JOB_SECONDS) as made:
        made.add_account("pixverse", SECOND_KEY, label="second", balance="5000")
        yield made


def charged(sandbox: Sandbox) -> dict[str, Decimal]:
    """Return what each account was charged, in its vendor's unit."""
    return {
        f"{vendor}:{label}": Decimal(account["charged"])
        for vendor, of in sandbox.ledger()["vendors"].items()
        for label, account in of["accounts"].items()
        if account["jobs"]
    }


def outcome(client: Client, word: str, key: str) -> str:
    """Return what became of a submit: ``bought``, or the class of a refusal that cost nothing."""
    try:
        client.submit(sample_request(), via=word, key=key, wait_for_slot=0)
    except MotionKitError as error:
        return type(error).__name__ if error.billed is mk.Billed.NO else "billed"
    return "bought"


def uploads(sandbox: Sandbox) -> int:
    return sum(
        account["calls"].get("upload", 0)
        for of in sandbox.ledger()["vendors"].values()
        for account in of["accounts"].values()
    )


EVERYTHING = '[defaults]\nwait_for_slot = 0\nbudget_usd = { total = "0.50" }\n'
ROUTE = '[routes.r]\ntargets = ["pixverse"]\nbudget_usd = { total = "0.50" }\n'


@pytest.mark.parametrize("words", [("pixverse",), ("pixverse", "team", "pixverse/mimic")])
def test_the_budget_of_everything_holds_whatever_via_says(
    sandbox: Sandbox, tmp_path: Path, words: tuple[str, ...]
) -> None:
    with configured(sandbox, tmp_path, EVERYTHING + ROUTE) as client:
        for number, word in enumerate((*words, "r", *words)):
            try:
                client.submit(sample_request(), via=word, key=f"k{number}")
            except BudgetExceeded as error:
                refused = error.message
        with pytest.raises(BudgetExceeded, match="unknown"):
            client.submit(sample_request(), via="segmind/wan-animate", key="average")
    assert sum(charged(sandbox).values()) == 40
    assert "0.10 USD of 0.50 USD in total left (0.40 USD spent" in refused
    assert "this may cost 0.20 USD" in refused


def test_nothing_is_uploaded_for_what_no_budget_holds(sandbox: Sandbox, tmp_path: Path) -> None:
    rules = '[defaults]\nbudget_usd = { total = "0.19" }\n[routes.r]\ntargets = ["pixverse"]\n'
    with configured(sandbox, tmp_path, rules) as client:
        for word in ("pixverse", "r"):
            with pytest.raises(BudgetExceeded, match=r"defaults\.budget_usd: 0\.19 USD of 0\.19"):
                client.submit(sample_request(), via=word)
    assert (charged(sandbox), uploads(sandbox)) == ({}, 0)


def test_a_free_job_passes_an_exhausted_budget_and_a_paid_one_does_not(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rules = EVERYTHING.replace("0.50", "0.00")
    with configured(sandbox, tmp_path, rules) as client:
        with pytest.raises(BudgetExceeded):
            client.submit(sample_request(), via="pixverse")
        provider: Any = client.account("pixverse")
        free = provider.rates.__class__(credit=Decimal(0))
        provider.rates = free
        client.submit(sample_request(), via="pixverse")
        (status,) = client.budget()
    assert (status.spent, status.held, status.left) == (0, 0, 0)


@pytest.mark.parametrize(("rule", "jobs"), [("", 3), ('[defaults]\nroute_budgets = "always"\n', 2)])
def test_a_routes_budget_holds_for_its_accounts_when_the_defaults_say_so(
    sandbox: Sandbox, tmp_path: Path, rule: str, jobs: int
) -> None:
    with configured(sandbox, tmp_path, rule + ROUTE) as client:
        client.submit(sample_request(), via="r", key="k1")
        client.submit(sample_request(), via="pixverse", key="k2")
        third = outcome(client, "pixverse/mimic", "k3")
        assert third == ("bought" if jobs == 3 else "BudgetExceeded")
        client.submit(sample_request(), via="team", key="k4")  # no account of the route
        (status,) = client.budget()
    assert charged(sandbox) == {"pixverse:default": 20 * jobs, "pixverse:second": 20}
    assert status.spent + status.held == (PRICE if jobs == 3 else 2 * PRICE)


def test_a_key_refused_and_then_bought_does_not_pass_a_budget(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rules = EVERYTHING.replace("0.50", "0.25")
    with configured(sandbox, tmp_path, rules) as client:
        for number in range(4):
            sandbox.fault("refuse:submit:vendor=pixverse:code=500044")
            with pytest.raises(Busy):
                client.submit(sample_request(), via="pixverse", key=f"k{number}", wait_for_slot=0)
        outcomes = [outcome(client, "pixverse", f"k{number % 4}") for number in range(8)]
    assert outcomes == ["bought", *["BudgetExceeded"] * 3] * 2  # the key k0 returns its job
    assert charged(sandbox) == {"pixverse:default": 20}


@pytest.mark.parametrize("word", ["pixverse", "r"])
def test_a_budget_spent_by_the_same_request_meanwhile_returns_its_job(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Two processes submit one request at once, and the budget holds it once."""
    rules = EVERYTHING.replace("0.50", "0.25") + ROUTE
    with (
        configured(sandbox, tmp_path, rules) as client,
        Client(tmp_path / "motionkit.toml") as other,
    ):
        patience, faster = Checkout._patience, []

        def late(desk: Checkout, *given: Any) -> float:
            if desk is client._checkout and not faster:  # after the look for an identical request
                faster.append(other.submit(sample_request(), via=word))
            return patience(desk, *given)

        monkeypatch.setattr(Checkout, "_patience", late)
        assert client.submit(sample_request(), via=word).id == faster[0].id
    assert charged(sandbox) == {"pixverse:default": 20}


def test_a_fallback_passes_neither_cap_nor_budget(sandbox: Sandbox, tmp_path: Path) -> None:
    rules = """
[defaults]
budget_usd = { total = "0.25" }
[routes.both]
targets = ["pixverse", "segmind/pixverse-mimic"]
max_usd = "0.25"
[routes.uncapped]
targets = ["pixverse", "segmind/pixverse-mimic"]
"""
    sandbox.fault("refuse:submit:vendor=pixverse:code=500090:times=0")
    with configured(sandbox, tmp_path, rules) as client:
        for number, (word, cap) in enumerate(
            [("both", None), ("uncapped", None), ("uncapped", "0.25"), ("uncapped", "9")]
        ):
            with pytest.raises(MotionKitError) as caught:
                client.submit(sample_request(), via=word, key=f"k{number}", max_usd=cap)
            assert caught.value.billed is mk.Billed.NO
    assert charged(sandbox) == {}


def test_twenty_threads_with_a_client_each_share_the_budget_of_everything(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """0.50 USD hold two jobs of 0.20 USD, and no third, whoever is first."""
    rules = EVERYTHING + ROUTE
    configured(sandbox, tmp_path, rules).close()
    start, outcomes = threading.Barrier(20), []

    def spend(number: int) -> None:
        word = ("pixverse", "team", "r", "pixverse/mimic")[number % 4]
        with Client(tmp_path / "motionkit.toml") as client:
            start.wait()
            outcomes.append(outcome(client, word, f"k{number}"))

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(charged(sandbox).values()) == 40
    assert sorted(outcomes) == ["BudgetExceeded"] * 18 + ["bought"] * 2


WITH_FALLBACK = """
[defaults]
wait_for_slot = 0
budget_usd = { total = "1.10" }
[routes.r]
targets = ["pixverse", "segmind/pixverse-mimic"]
budget_usd = { total = "0.50" }
"""
WORDS = ("pixverse", "team", "r")


def commands(folder: Path, keys: Sequence[str], cap: str) -> list[int]:
    """Submit these keys at once, each in a process of its own, and return the exit codes."""
    (folder / "hero.png").write_bytes(samples.PICTURE)
    (folder / "dance.mp4").write_bytes(samples.CLIP)
    line = [sys.executable, "-m", "motionkit", "submit", "mimic", "--quality", "540p"]
    line += ["--image", "hero.png", "--video", "dance.mp4", "--config", "motionkit.toml"]
    running = [
        subprocess.Popen(
            [*line, "--max-usd", cap, "--key", key, "--via", WORDS[number % len(WORDS)]],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number, key in enumerate(keys)
    ]
    return [one.wait(timeout=600) for one in running]


@pytest.mark.soak
def test_thirty_processes_at_once_pass_neither_caps_nor_budgets(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """1.10 USD hold five jobs of 0.20 USD, two of them through the route; no fallback fits."""
    configured(sandbox, tmp_path, WITH_FALLBACK).close()
    keys = [f"k{number}" for number in range(30)]
    sandbox.fault("refuse:submit:vendor=pixverse:code=500044:times=4")
    sandbox.fault("refuse:submit:vendor=pixverse:code=500090:times=4")

    first = commands(tmp_path, keys, "0.25")
    assert set(first) <= {0, 4, 7, 8}, "bought, over a cap or a budget, busy, or no target left"
    assert sum(charged(sandbox).values()) == 20 * first.count(0) <= 100
    sandbox.clear_faults()
    second = commands(tmp_path, keys, "0.25")  # the refused keys again, and the bought ones

    assert set(second) <= {0, 4, 8}
    assert second.count(0) == 5, "the bought keys return their jobs, and no budget holds a sixth"
    assert all(code == 0 for code, before in zip(second, first, strict=True) if before == 0)
    assert charged(sandbox).keys() <= {"pixverse:default", "pixverse:second"}
    assert sum(charged(sandbox).values()) == 100
    with Client(tmp_path / "motionkit.toml") as client:
        everything, route = client.budget()
    assert (everything.spent, everything.held, everything.left) == (
        Decimal("1.00"),
        Decimal(0),
        Decimal("0.10"),
    )
    assert route.spent + route.held <= Decimal("0.40")
    assert set(commands(tmp_path, ["n1", "n2", "n3"], "0.19")) == {4}
