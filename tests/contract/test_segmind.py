"""Segmind keeps the contract, from cassettes and against the live sandbox."""

from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation
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
