"""Replicate keeps the contract, from cassettes and against its sandbox, in rows that differ."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from motionkit.model.request import Request
from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation, sample_request
from motionkit_replicate.adapter import Replicate

FAULTS = {
    Situation.JOB_FAILS: ["fail:submit"],
    Situation.JOB_BLOCKED: ["moderate:submit"],
    Situation.JOB_GONE: ["expire:poll:times=0"],
    Situation.STRANGE_WORD: ["unknown_word:poll:word=paused"],
    Situation.NOT_FOUND: ["not_found:poll"],
    Situation.NO_OUTPUT: ["shape:poll:shape=absent"],
    Situation.INVALID: ["refuse:submit:status=422"],
    Situation.FORBIDDEN: ["refuse:submit:status=403"],
    Situation.NO_CREDITS: ["refuse:submit:status=402"],
    Situation.RATE_LIMITED: ["refuse:submit:status=429"],
    Situation.SUBMIT_5XX: ["accept_then_http:submit:status=502"],
    Situation.SUBMIT_GARBAGE: ["truncate:submit"],
    Situation.POLL_5XX: ["http:poll:status=503"],
    Situation.POLL_GARBAGE: ["truncate:poll"],
    Situation.POLL_RATE_LIMITED: ["http:poll:status=429"],
}

REFUSED = "test_a_refused_submit_bought_nothing"
QUOTED = "test_a_quote_says_low_likely_high_with_source_and_date"
XFAILS = {
    f"{REFUSED}[MEDIA_REJECTED]": "media are judged while the job runs: "
    "https://replicate.com/docs/topics/predictions/input-files",
    f"{REFUSED}[CONTENT_BLOCKED]": "content is judged while the job runs: "
    "https://replicate.com/docs/reference/error-codes",
    f"{REFUSED}[BUSY]": "jobs wait as 'starting': "
    "https://replicate.com/docs/topics/predictions/lifecycle",
    "test_the_balance_is_a_decimal_with_a_unit": "the API shows none: "
    "https://replicate.com/docs/topics/billing/prepaid-credit",
}


def selling(model: str) -> type[Replicate]:
    """Return the adapter whose bare account means this model."""
    rows = tuple(attrs.evolve(row, default=row.model == model) for row in Replicate.offers)
    return type("Replicate", (Replicate,), {"offers": rows})


class _Wan:
    """A model whose media have no smallest side, so that the suite's tiny ones fit."""

    provider_class = selling("wan-video/wan-2.2-animate-replace")
    faults = FAULTS
    xfails = XFAILS
    unsupported: ClassVar[Mapping[str, Any]] = {"orientation": "image"}


class TestReplicateReplayed(_Wan, CassetteContract):
    pass


class TestReplicateSandbox(_Wan, SandboxContract):
    pass


class TestKlingSandbox(SandboxContract):
    """The default: its clip is a URL of unknown length."""

    provider_class = Replicate
    faults = FAULTS
    xfails: ClassVar[Mapping[str, str]] = XFAILS | {
        QUOTED: "a clip of unknown length has no total: "
        "https://replicate.com/docs/topics/models/official-models"
    }
    refused_quality: ClassVar[str] = "4k"

    def request_for(self, **values: Any) -> Request:
        return attrs.evolve(
            sample_request(**values),
            image="https://example.com/hero.png",
            video="https://example.com/dance.mp4",
        )


class TestVersionSandbox(SandboxContract):
    """A model that is not official: by its version, priced by the time of its run."""

    provider_class = selling("wan-video/wan-2.2-animate-animation")
    faults = FAULTS
    xfails: ClassVar[Mapping[str, str]] = XFAILS
    unsupported: ClassVar[Mapping[str, Any]] = {"orientation": "image"}


class TestPrunaSandbox(SandboxContract):
    """A model that takes a list of pictures, without a price."""

    provider_class = selling("prunaai/p-video-replace")
    faults = FAULTS
    xfails: ClassVar[Mapping[str, str]] = XFAILS | dict.fromkeys(
        (QUOTED, "test_a_finished_job_gives_an_address_and_a_cost"),
        "no price is on record: https://replicate.com/prunaai/p-video-replace",
    )
    unsupported: ClassVar[Mapping[str, Any]] = {"orientation": "image"}
    refused_quality: ClassVar[str] = "4k"
