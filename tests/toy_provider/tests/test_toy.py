"""Toy Theatre keeps the contract, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_theatre import KEY, Theatre, opened
from motionkit_toy import _tables
from motionkit_toy.adapter import Settings, Toy

from motionkit.errors import (
    AuthenticationError,
    Billed,
    Busy,
    ContentBlocked,
    InsufficientCredits,
    InvalidRequest,
    JobNotFound,
    MediaRejected,
    MotionKitError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from motionkit.model.job import State
from motionkit.provider import AccountSettings, Provider, Secret
from motionkit.testing.contract import ProviderContract
from motionkit.testing.stage import ACCOUNT, Situation, client_for, sample_request


class TheatreStage:
    """An account at a theatre on loopback."""

    def __init__(self, theatre: Theatre) -> None:
        self.provider_class: type[Provider] = Toy
        self.settings: AccountSettings = Settings(api_key=Secret(KEY), base_url=theatre.url)
        self.theatre = theatre

    def bought(self) -> int:
        return len(self.theatre.plays)

    def arrange(self, situation: Situation) -> None:
        self.theatre.arranged.append(situation)

    def pass_time(self, seconds: float) -> None:
        self.theatre.now += seconds

    def wrong_key(self) -> AccountSettings:
        return Settings(api_key=Secret("wrong-key-0123456789"), base_url=self.theatre.url)


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    with opened() as made:
        yield made


class TestToy(ProviderContract):
    @pytest.fixture
    def stage(self, theatre: Theatre) -> TheatreStage:
        return TheatreStage(theatre)


def test_a_prop_is_handed_in_once_for_two_plays(theatre: Theatre, tmp_path: Path) -> None:
    with client_for(TheatreStage(theatre), tmp_path) as client:
        client.submit(sample_request(), via=ACCOUNT)
        client.submit(sample_request(quality="360p"), via=ACCOUNT)
    assert theatre.seen.count("POST /v1/props") == 2
    assert theatre.seen.count("POST /v1/plays") == 2


def test_the_words_are_these() -> None:
    assert _tables.ACTS == {
        "backstage": (State.QUEUED, Billed.UNKNOWN),
        "onstage": (State.RUNNING, Billed.UNKNOWN),
        "applause": (State.SUCCEEDED, Billed.YES),
        "tangled": (State.FAILED, Billed.NO),
        "curtain": (State.BLOCKED, Billed.UNKNOWN),
        "swept": (State.GONE, Billed.UNKNOWN),
    }


def test_the_codes_are_these_and_only_refusals_bought_nothing() -> None:
    codes: dict[str, tuple[type[MotionKitError], bool]] = {
        "who-goes-there": (AuthenticationError, True),
        "odd-size": (InvalidRequest, True),
        "torn-prop": (MediaRejected, True),
        "not-for-children": (ContentBlocked, True),
        "gallery-only": (PermissionDenied, True),
        "empty-purse": (InsufficientCredits, True),
        "full-house": (Busy, True),
        "hush": (RateLimited, True),
        "no-such-play": (JobNotFound, False),
        "fire": (ProviderUnavailable, False),
    }
    assert {code: (row.error, row.refuses) for code, row in _tables.OOPS.items()} == codes
