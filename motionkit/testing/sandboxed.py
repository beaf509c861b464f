"""The contract over the sandbox: live over loopback, or recorded from it and replayed."""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from motionkit.config import documented, from_environment
from motionkit.errors import ConfigError
from motionkit.provider import AccountSettings, Provider, Secret
from motionkit.sandbox import Sandbox
from motionkit.testing import cassettes
from motionkit.testing.contract import ProviderContract
from motionkit.testing.stage import JOB_SECONDS, Situation, Stage

RECORDING_PORT = 8799
"""The sandbox's port while cassettes are recorded; it is part of what they match."""
REPLAY_KEY = "replayed-key-0123456789"
_WRONG_KEY = "wrong-key-0123456789"


@attrs.define
class SandboxStage:
    """A stage whose vendor is the sandbox, or a recording of it."""

    provider_class: type[Provider]
    settings: AccountSettings
    faults: Mapping[Situation, Sequence[str]]
    fault: Callable[[str], object]
    pass_time: Callable[[float], None]
    bought: Callable[[], int | None] = lambda: None

    def arrange(self, situation: Situation) -> None:
        """Make the vendor behave so next.

        Raises:
            LookupError: It cannot be arranged at this vendor.
        """
        if situation not in self.faults:
            raise LookupError(f"{self.provider_class.name} cannot be arranged: {situation.value}")
        for spec in self.faults[situation]:
            self.fault(spec)

    def wrong_key(self) -> AccountSettings:
        """Return settings with an invalid key."""
        return attrs.evolve(self.settings, api_key=Secret(_WRONG_KEY))


class _VendorStages:
    """The vendor of both kinds of stages.

    Attributes:
        provider_class: The adapter.
        faults: The sandbox's faults for each situation.
    """

    provider_class: ClassVar[type[Any]]
    faults: ClassVar[Mapping[Situation, Sequence[str]]]


class SandboxStages(_VendorStages):
    """Stages on the live sandbox over loopback."""

    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        """Return a stage on a sandbox of its own."""
        with Sandbox(job_seconds=JOB_SECONDS) as sandbox:
            yield sandbox_stage(self.provider_class, self.faults, sandbox)


class CassetteStages(_VendorStages):
    """Stages on cassettes, with sockets blocked; ``--record`` records them again.

    Attributes:
        label: Distinguishes these recordings from others of the same provider.
        response_headers: Headers of responses that the adapter reads, in lower case, beyond
            `cassettes.RESPONSE_HEADERS`.
    """

    label: ClassVar[str] = ""
    response_headers: ClassVar[frozenset[str]] = frozenset()

    @pytest.fixture
    def stage(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Stage]:
        """Return a stage that replays, or records.

        Attempts are numbered: some vendors have their ids in bodies and queries, which are matched.
        """
        numbers = itertools.count(1)
        monkeypatch.setattr(
            "motionkit.purchase.submit.new_attempt_id",
            lambda: str(uuid.UUID(int=next(numbers), version=4)),
        )
        mode: str | None = request.config.getoption("--record")
        named: str | None = request.config.getoption("--cassettes")
        folder = Path(named) if named else request.config.rootpath / "cassettes"
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{request.node.name}-{self.label}").strip("-")
        path = folder / self.provider_class.name / f"{name}.yaml"
        recording = partial(cassettes.recording, path, headers=self.response_headers)
        with ExitStack() as stack:
            if mode == "sandbox":
                sandbox = stack.enter_context(Sandbox(port=RECORDING_PORT, job_seconds=JOB_SECONDS))
                made = sandbox_stage(self.provider_class, self.faults, sandbox)
                stack.enter_context(recording(where="motionkit sandbox", origin=sandbox.url))
            elif mode == "live":
                made = self._live_stage()
                origin = made.settings.base_url or "the vendor's own"
                stack.enter_context(recording(where="live service", origin=origin))
            else:
                made = self._replayed_stage(path)
                stack.enter_context(cassettes.replaying(path, self.response_headers))
            yield made

    def _live_stage(self) -> SandboxStage:
        name = self.provider_class.name
        return SandboxStage(
            self.provider_class,
            from_environment().account(name).settings,
            faults={},  # a live vendor cannot be asked to misbehave
            fault=lambda _: None,
            pass_time=time.sleep,
        )

    def _replayed_stage(self, path: Path) -> SandboxStage:
        try:
            origin = cassettes.head(path)["origin"]
        except ConfigError as error:
            pytest.fail(str(error))
        base = {"base_url": origin} if origin.startswith("http") else {}
        return SandboxStage(
            self.provider_class,
            self.provider_class.settings(api_key=REPLAY_KEY, **base),
            self.faults,
            fault=lambda _: None,
            pass_time=lambda _: None,
        )


class SandboxContract(SandboxStages, ProviderContract):
    """The contract against the live sandbox over loopback."""


class CassetteContract(CassetteStages, ProviderContract):
    """The contract from cassettes, with sockets blocked; ``--record`` records them again."""


def sandbox_stage(
    provider_class: type[Any], faults: Mapping[Situation, Sequence[str]], sandbox: Sandbox
) -> SandboxStage:
    """Return a stage on a running sandbox."""
    key, origin = documented(provider_class.name)
    settings = provider_class.settings(
        api_key=sandbox.environment[key], base_url=sandbox.environment[origin]
    )

    def bought() -> int:
        accounts = sandbox.ledger()["vendors"][provider_class.name]["accounts"]
        return sum(len(account["jobs"]) for account in accounts.values())

    return SandboxStage(provider_class, settings, faults, sandbox.fault, sandbox.advance, bought)
