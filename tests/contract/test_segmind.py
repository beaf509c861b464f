"""Segmind keeps the contract, from cassettes and against the live sandbox, in rows that differ."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from motionkit.model.request import Request
from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation, sample_request
from motionkit_segmind.adapter import Segmind

FAULTS = {
    Situation.JOB_FAILS: ["fail:submit"],
    Situation.JOB_BLOCKED: ["moderate:submit"],
    Situation.JOB_GONE: ["expire:poll:times=0", "expire:result:times=0"],
    Situation.STRANGE_WORD: ["unknown_word:poll:word=PAUSED"],
    Situation.NOT_FOUND: ["not_found:poll"],
    Situation.NO_OUTPUT: ["shape:result:shape=absent"],
    Situation.INVALID: ["refuse:submit:status=400"],
    Situation.FORBIDDEN: ["refuse:submit:status=403"],
    Situation.NO_CREDITS: ["refuse:submit:status=406:message=Insufficient credits"],
    Situation.RATE_LIMITED: ["refuse:submit:status=429"],
    Situation.SUBMIT_5XX: ["accept_then_http:submit:status=502"],
    Situation.SUBMIT_GARBAGE: ["truncate:submit"],
    Situation.POLL_5XX: ["http:poll:status=503"],
    Situation.POLL_GARBAGE: ["truncate:poll"],
    Situation.POLL_RATE_LIMITED: ["http:poll:status=429"],
}

REFUSED = "test_a_refused_submit_bought_nothing"
XFAILS = {
    f"{REFUSED}[MEDIA_REJECTED]": "media are judged while the job runs, then FAILED: "
    "https://www.segmind.com/models/pixverse-mimic/api",
    f"{REFUSED}[CONTENT_BLOCKED]": "'Content / RAI blocks surface as FAILED': "
    "https://www.segmind.com/models/pixverse-mimic/api",
    f"{REFUSED}[BUSY]": "no concurrency limit is documented, calls a minute are: "
    "https://docs.segmind.com/api-reference/rate-limits",
}


class TestSegmindReplayed(CassetteContract):
    provider_class = Segmind
    faults = FAULTS
    xfails = XFAILS


class TestSegmindSandbox(SandboxContract):
    provider_class = Segmind
    faults = FAULTS
    xfails = XFAILS


def selling(model: str) -> type[Segmind]:
    """Return the adapter whose bare account means this model."""
    rows = tuple(attrs.evolve(row, default=row.model == model) for row in Segmind.offers)
    return type("Segmind", (Segmind,), {"offers": rows})


NO_BOUNDS = {
    "test_a_quote_says_low_likely_high_with_source_and_date": "an average is all that is public: "
    "https://www.segmind.com/llms.txt"
}


class _Kling:
    """A model without qualities, whose prompt has to be there, and whose clip is a URL."""

    provider_class = selling("kling-2.6-pro-motion-control")
    faults = FAULTS
    xfails = XFAILS | NO_BOUNDS
    label = "kling"

    def request_for(self, **values: Any) -> Request:
        request = sample_request(**{"quality": None, **values})
        return attrs.evolve(request, video="https://example.com/dance.mp4")


class _Replace:
    """A model that takes a list of pictures, keeps the sound or not, and lists no qualities."""

    provider_class = selling("p-video-replace")
    faults = FAULTS
    xfails = (
        XFAILS
        | NO_BOUNDS
        | {
            "test_a_quality_that_is_not_offered_is_refused_with_what_is": "its qualities are not "
            "listed: https://www.segmind.com/models/p-video-replace/api"
        }
    )
    unsupported: ClassVar[Mapping[str, Any]] = {"orientation": "image"}


class _Scail:
    """A model that delivers 576p for 540p, and has other names for its media."""

    provider_class = selling("scail")
    faults = FAULTS
    xfails = XFAILS | NO_BOUNDS
    unsupported: ClassVar[Mapping[str, Any]] = {"keep_audio": True}


class TestKlingReplayed(_Kling, CassetteContract):
    pass


class TestKlingSandbox(_Kling, SandboxContract):
    pass


class TestReplaceSandbox(_Replace, SandboxContract):
    pass


class TestScailSandbox(_Scail, SandboxContract):
    pass
