"""fal keeps the contract, from cassettes and against the live sandbox, in rows that differ."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from motionkit.model.request import Request
from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation, sample_request
from motionkit_fal.adapter import Fal

FAULTS = {
    Situation.JOB_FAILS: ["fail:submit"],
    Situation.JOB_BLOCKED: ["moderate:submit"],
    Situation.JOB_GONE: ["expire:poll:times=0", "refuse:history:status=404:times=0"],
    Situation.STRANGE_WORD: ["unknown_word:poll:word=PAUSED"],
    Situation.NOT_FOUND: ["not_found:poll"],
    Situation.NO_OUTPUT: ["shape:result:shape=absent"],
    Situation.INVALID: ["refuse:submit:status=422"],
    Situation.FORBIDDEN: ["refuse:submit:status=403"],
    Situation.NO_CREDITS: [
        "refuse:submit:status=403:message=User is locked. Reason: Exhausted balance."
    ],
    Situation.RATE_LIMITED: ["refuse:submit:status=429"],
    Situation.SUBMIT_5XX: ["accept_then_http:submit:status=502"],
    Situation.SUBMIT_GARBAGE: ["truncate:submit"],
    Situation.POLL_5XX: ["http:poll:status=503"],
    Situation.POLL_GARBAGE: ["truncate:poll"],
    Situation.POLL_RATE_LIMITED: ["http:poll:status=429"],
}

REFUSED = "test_a_refused_submit_bought_nothing"
QUEUE = "https://fal.ai/docs/documentation/model-apis/request-errors"
XFAILS = {
    f"{REFUSED}[MEDIA_REJECTED]": f"media are judged while the job runs: {QUEUE}",
    f"{REFUSED}[CONTENT_BLOCKED]": f"content is judged while the job runs: {QUEUE}",
    f"{REFUSED}[BUSY]": "queued jobs wait: "
    "https://fal.ai/docs/documentation/model-apis/concurrency-limits",
}
NO_LIMIT: Mapping[str, Any] = {"orientation": "image"}


class TestFalReplayed(CassetteContract):
    provider_class = Fal
    response_headers = frozenset({"x-fal-billable-units"})
    faults = FAULTS
    xfails = XFAILS
    unsupported = NO_LIMIT


class TestFalSandbox(SandboxContract):
    provider_class = Fal
    faults = FAULTS
    xfails = XFAILS
    unsupported = NO_LIMIT


def selling(model: str) -> type[Fal]:
    """Return the adapter whose bare account means this model."""
    rows = tuple(attrs.evolve(row, default=row.model == model) for row in Fal.offers)
    return type("Fal", (Fal,), {"offers": rows})


class _Kling:
    """A model without qualities, with an orientation, whose clip is a URL of unknown length."""

    provider_class = selling("fal-ai/kling-video/v3/pro/motion-control")
    faults = FAULTS
    xfails = XFAILS | {
        "test_a_quote_says_low_likely_high_with_source_and_date": "a clip of unknown length has no "
        "total: https://fal.ai/docs/documentation/model-apis/pricing"
    }
    unsupported: ClassVar[Mapping[str, Any]] = {"seed": 7}

    def request_for(self, **values: Any) -> Request:
        request = sample_request(**{"quality": None, **values})
        return attrs.evolve(
            request,
            image="https://example.com/hero.png",
            video="https://example.com/dance.mp4",
        )


class _Dancer:
    """A model that delivers 576p for 540p, without a price."""

    provider_class = selling("fal-ai/steady-dancer")
    faults = FAULTS
    xfails = XFAILS | {
        "test_a_quote_says_low_likely_high_with_source_and_date": "no price is on record: "
        "https://fal.ai/models/fal-ai/steady-dancer"
    }
    unsupported: ClassVar[Mapping[str, Any]] = {"orientation": "image"}


class TestKlingSandbox(_Kling, SandboxContract):
    pass


class TestDancerSandbox(_Dancer, SandboxContract):
    pass
