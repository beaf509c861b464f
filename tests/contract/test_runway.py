"""Runway keeps the contract, from cassettes and against the live sandbox, in rows that differ."""

from typing import Any, ClassVar

import motionkit as mk
from motionkit.model.request import Request
from motionkit.testing import samples
from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation, sample_request
from motionkit_runway.adapter import Runway

FAULTS = {
    Situation.JOB_FAILS: ["fail:submit"],
    Situation.JOB_BLOCKED: ["moderate:submit"],
    Situation.JOB_GONE: ["expire:poll"],
    Situation.STRANGE_WORD: ["unknown_word:poll:word=PAUSED"],
    Situation.NOT_FOUND: ["not_found:poll"],
    Situation.NO_OUTPUT: ["shape:poll:shape=no_output"],
    Situation.INVALID: ["refuse:submit:status=400"],
    Situation.FORBIDDEN: ["refuse:submit:status=403"],
    Situation.NO_CREDITS: [
        "refuse:submit:status=400:message=You do not have enough credits to run this task."
    ],
    Situation.RATE_LIMITED: ["refuse:submit:status=429"],
    Situation.SUBMIT_5XX: ["accept_then_http:submit:status=502"],
    Situation.SUBMIT_GARBAGE: ["truncate:submit"],
    Situation.POLL_5XX: ["http:poll:status=503"],
    Situation.POLL_GARBAGE: ["truncate:poll"],
    Situation.POLL_RATE_LIMITED: ["http:poll:status=429"],
}

REFUSED = "test_a_refused_submit_bought_nothing"
FAILURES = "https://docs.dev.runwayml.com/errors/task-failures"
XFAILS = {
    f"{REFUSED}[MEDIA_REJECTED]": f"media are judged while the task runs: {FAILURES}",
    f"{REFUSED}[CONTENT_BLOCKED]": f"content is judged while the task runs: {FAILURES}",
    f"{REFUSED}[BUSY]": "tasks above the limit wait as THROTTLED: "
    "https://docs.dev.runwayml.com/usage/tiers",
}


class _ActTwo:
    """A clip of four seconds, in the one quality that the model has."""

    provider_class = Runway
    faults = FAULTS
    xfails = XFAILS
    unsupported: ClassVar[dict[str, Any]] = {"orientation": "image"}

    def request_for(self, **values: Any) -> Request:
        return sample_request(long=True, **values)


class TestRunwayReplayed(_ActTwo, CassetteContract):
    pass


class TestRunwaySandbox(_ActTwo, SandboxContract):
    pass


class _Gen:
    """A film from a picture, in seconds that the request names."""

    provider_class = Runway
    faults = FAULTS
    xfails = XFAILS
    unsupported: ClassVar[dict[str, Any]] = {"negative_prompt": "rain"}

    def request_for(self, **values: Any) -> Request:
        return mk.ImageToVideo(samples.PICTURE, "she waves", **values)


class TestGenSandbox(_Gen, SandboxContract):
    pass
