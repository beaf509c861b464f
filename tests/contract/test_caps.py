"""Every way to spend more, against every cap: the vendors' own books are the witness."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from ledger import change

import motionkit as mk
from motionkit.cli import main
from motionkit.client.client import Client
from motionkit.errors import MotionKitError
from motionkit.sandbox import Sandbox

CAP = Decimal("0.36")
"""US dollars; the cheap request below costs 0.35."""
CHEAP = mk.TextToVideo(prompt="a cat", quality="540p", duration=5)
DEAR = mk.TextToVideo(prompt="a cat", quality="1080p", duration=5)
CREDIT = {"pixverse:default": "0.01", "pixverse:dear": "0.02", "segmind:default": "1"}
"""What one unit of each account's money is worth."""
OVER = "BudgetExceeded"
NOON = 1_795_953_600.0
"""Epoch seconds of a noon in UTC: a budget of a day must not end during a test."""

Caps = Mapping[str, str]
LIMIT = f'{{ day = "{CAP}" }}'
CAPS: dict[str, Caps] = {
    "max_usd": {"max_usd": str(CAP)},
    "route's budget": {"route": f"budget_usd = {LIMIT}"},
    "budget of everything": {"defaults": f"budget_usd = {LIMIT}"},
}


@attrs.define
class Spender:
    """Somebody who tries to spend more than the cap allows.

    Attributes:
        sandbox: The vendors.
        folder: Where configuration and journal are.
        caps: What is capped, and how.
        outcomes: Of each attempt: ``bought``, or the class of the error.
        before: Jobs whose charges are no part of the attempt.
    """

    sandbox: Sandbox
    folder: Path
    caps: Caps
    outcomes: list[str] = attrs.field(factory=list)
    before: set[str] = attrs.field(factory=set)
    _client: Client | None = None

    @property
    def config(self) -> Path:
        return self.folder / "motionkit.toml"

    def configure(self) -> None:
        self.close()
        keys = self.sandbox.accounts
        accounts = {
            "pixverse": ("pixverse", keys["pixverse"]["default"], ""),
            "dear": ("pixverse", keys["pixverse"]["dear"], 'usd_per_credit = "0.02"'),
            "segmind": ("segmind", keys["segmind"]["default"], ""),
        }
        lines = [f'journal = "{self.folder / "journal.db"}"', "[defaults]", "wait_for_slot = 0"]
        lines.append(self.caps.get("defaults", ""))
        for name, (provider, key, more) in accounts.items():
            lines += [f"[accounts.{name}]", f'provider = "{provider}"', f'api_key = "{key}"']
            lines += [f'base_url = "{self.sandbox.url}"', more]
        routes = {"one": ["pixverse/v6"], "valued": ["dear/v6"]}
        routes["both"] = ["pixverse/v6", "dear/v6", "segmind/pixverse-v6"]
        for name, targets in routes.items():
            lines += [f"[routes.{name}]", f"targets = {targets}", self.caps.get("route", "")]
        self.config.write_text("\n".join(lines))
        self.config.chmod(0o600)

    def via(self, route: str) -> str:
        """Return a route, or its account where the route itself is not what is tested."""
        direct = {"one": "pixverse/v6", "valued": "dear/v6"}
        return route if "route" in self.caps else direct.get(route, route)

    @property
    def client(self) -> Client:
        """The client of this configuration."""
        if self._client is None:
            self._client = Client(self.config)
        return self._client

    def close(self) -> None:
        """Close the client; the next one reads the configuration anew."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def spend(self, key: str, request: mk.Request = CHEAP, route: str = "one") -> None:
        """Try to buy with Python, and see the job end."""
        self.outcomes.append(self.outcome(self.client, key, request, route))

    def outcome(self, client: Client, key: str, request: mk.Request, route: str = "one") -> str:
        cap = self.caps.get("max_usd")
        try:
            client.wait(client.submit(request, via=self.via(route), key=key, max_usd=cap))
        except MotionKitError as error:
            return type(error).__name__
        return "bought"

    def type(self, *options: str) -> None:
        """Try to buy with the command line."""
        line = ["submit", "generate", "--prompt", "a cat", "--config", str(self.config)]
        line += ["--quality", "540p", "--duration", "5", "--via", self.via("one"), "--yes"]
        cap = self.caps.get("max_usd")
        code = main([*line, *options, *(() if cap is None else ("--max-usd", cap))])
        self.outcomes.append({0: "bought", 4: OVER}[code])

    def poison(self, amount: str) -> None:
        """Let the vendor have reported this for every job so far."""
        cost = f'{{"amount":"{amount}","basis":"reported","unit":"credit","usd":"{amount}"}}'
        place = self.folder / "journal.db"
        assert change(place, "UPDATE purchases SET cost=:cost, counted=NULL", cost=cost) > 0
        change(place, "DELETE FROM spent")

    def jobs(self) -> dict[str, Decimal]:
        """Return what the vendors kept for each job, in US dollars."""
        return {
            job["id"]: (Decimal(job["charge"]) - Decimal(job["refund"]))
            * Decimal(CREDIT[f"{vendor}:{label}"])
            for vendor, of in self.sandbox.ledger()["vendors"].items()
            for label, account in of["accounts"].items()
            for job in account["jobs"]
            if job["id"] not in self.before
        }


def extra_in_python(spender: Spender) -> None:
    for number, value in enumerate([{"duration": 15}, {"quality": "1080p"}, {"unheard": 1}]):
        spender.spend(f"k{number}", attrs.evolve(CHEAP, extra={"pixverse": value}))


def extra_in_the_command_line(spender: Spender) -> None:
    spender.type("--extra", "duration=15", "--key", "k1")
    spender.type("--extra", "pixverse.quality=1080p", "--key", "k2")
    spender.type("--extra", "unheard=1", "--key", "k3")


def dear_credits(spender: Spender) -> None:
    spender.spend("k1", route="valued")
    spender.spend("k2", route="valued")


def costs_of_nothing(spender: Spender) -> None:
    """Free credits paid for five jobs; the sixth is paid for."""
    caps, spender.caps = spender.caps, {}
    spender.configure()
    for number in range(5):
        spender.spend(f"free{number}", DEAR)
    spender.poison("0")
    spender.before = set(spender.jobs())
    spender.caps = caps
    spender.configure()
    spender.spend("k1", DEAR)
    spender.spend("k2")
    spender.spend("k3", DEAR)
    spender.spend("k4", DEAR)


def impossible_costs(amount: str) -> Callable[[Spender], None]:
    def way(spender: Spender) -> None:
        spender.spend("k1")
        spender.poison(amount)
        spender.spend("k2", DEAR)
        spender.spend("k3", attrs.evolve(CHEAP, duration=15))
        spender.spend("k4")

    return way


def refunds(spender: Spender) -> None:
    """A blocked job frees its budget, once."""
    for number in range(2):
        spender.sandbox.fault("moderate:submit:vendor=pixverse")
        spender.spend(f"blocked{number}")
    assert spender.outcomes == ["ContentBlocked"] * 2
    spender.spend("k1", DEAR)
    spender.spend("k2")
    spender.spend("k3", DEAR)
    spender.spend("k4", DEAR)


def fallbacks(spender: Spender) -> None:
    for number in range(2):
        spender.sandbox.fault("refuse:submit:vendor=pixverse:code=500090")
        spender.spend(f"k{number}", route="both")
    spender.spend("k2", DEAR, route="both")


def refused_keys(spender: Spender) -> None:
    for number in range(3):
        spender.sandbox.fault("refuse:submit:vendor=pixverse:code=500090")
        spender.spend(f"k{number}")
        spender.client.reset_circuits("pixverse")
    assert set(spender.outcomes) <= {"InsufficientCredits", "NoTargetLeft"}
    for number in range(3):
        spender.spend(f"k{number}")
    spender.spend("k3", DEAR)


WAYS: dict[str, Callable[[Spender], None]] = {
    "--extra": extra_in_the_command_line,
    "extra=": extra_in_python,
    "usd_per_credit": dear_credits,
    "costs of zero before": costs_of_nothing,
    "negative costs before": impossible_costs("-1000"),
    "absurd costs before": impossible_costs("1e22"),
    "refunds before": refunds,
    "fallbacks": fallbacks,
    "keys that were refused": refused_keys,
}

BUYS = WAYS.keys() - {"--extra", "extra=", "usd_per_credit", "fallbacks"}
"""The ways in which a purchase that the cap holds is made as well."""


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(speed=1000, job_seconds=1) as running:
        yield running


@pytest.fixture
def spender(served: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spender]:
    served.clear_faults()
    served.add_account("pixverse", "dear-pixverse-key", label="dear", balance="5000")
    served.add_account(
        "pixverse", served.accounts["pixverse"]["default"], label="default", balance="5000"
    )
    monkeypatch.setattr(time, "time", _at(NOON))
    made = Spender(served, tmp_path, {})
    yield made
    made.close()


def _at(began: float, real: Callable[[], float] = time.time) -> Callable[[], float]:
    since = real()
    return lambda: began + real() - since


def check(spender: Spender, cap: str, limit: Decimal = CAP) -> None:
    kept = spender.jobs().values()
    assert OVER in {*spender.outcomes} or "NoTargetLeft" in spender.outcomes, spender.outcomes
    assert max(kept, default=Decimal(0)) <= CAP
    if cap != "max_usd":
        assert sum(kept) <= limit


@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_passes_any_cap(spender: Spender, way: str, cap: str) -> None:
    spender.caps = CAPS[cap]
    spender.configure()
    WAYS[way](spender)
    check(spender, cap)
    assert any(spender.jobs().values()) == (way in BUYS), spender.outcomes


@pytest.mark.parametrize("cap", ["route's budget", "budget of everything"])
def test_keys_refused_before_midnight_are_bought_from_the_budget_of_the_next_day(
    spender: Spender, cap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spender.caps = CAPS[cap]
    spender.configure()
    refused_keys(spender)
    monkeypatch.setattr(time, "time", _at(NOON + 86_400))
    for number in range(4):
        spender.spend(f"k{number}")
    check(spender, cap, limit=2 * CAP)
    assert sum(spender.jobs().values()) == Decimal("0.70"), "one job a day"


@pytest.mark.parametrize("cap", CAPS)
def test_twelve_threads_at_once_pass_no_cap(spender: Spender, cap: str) -> None:
    spender.caps = CAPS[cap]
    spender.configure()
    start = threading.Barrier(12)

    def spend(number: int) -> None:
        with Client(spender.config) as client:
            start.wait()
            request = DEAR if number % 2 else CHEAP
            spender.outcomes.append(spender.outcome(client, f"k{number}", request))

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bought = 6 if cap == "max_usd" else 1
    assert spender.outcomes.count("bought") == bought
    assert list(spender.jobs().values()) == [Decimal("0.35")] * bought


@pytest.mark.soak
@pytest.mark.parametrize("cap", CAPS)
def test_thirty_processes_at_once_pass_no_cap(spender: Spender, cap: str) -> None:
    """Every second one asks for more than the cap holds; by their own clocks, so in total."""
    spender.caps = {name: text.replace("day", "total") for name, text in CAPS[cap].items()}
    spender.configure()
    line = [sys.executable, "-m", "motionkit", "submit", "generate", "--prompt", "a cat"]
    line += ["--config", str(spender.config), "--duration", "5", "--via", spender.via("one")]
    line += ["--max-usd", str(CAP)] if cap == "max_usd" else ["--yes"]
    running = [
        subprocess.Popen(
            [*line, "--key", f"k{number}", "--quality", "1080p" if number % 2 else "540p"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(30)
    ]
    codes = [one.wait(timeout=600) for one in running]
    bought = 15 if cap == "max_usd" else 1
    assert sorted(codes) == [0] * bought + [4] * (30 - bought)
    assert list(spender.jobs().values()) == [Decimal("0.35")] * bought
