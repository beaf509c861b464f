"""PixVerse keeps the contract, from cassettes and against the live sandbox."""

from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation
from motionkit_pixverse.adapter import PixVerse

FAULTS = {
    Situation.JOB_FAILS: ["fail:submit"],
    Situation.JOB_BLOCKED: ["moderate:submit"],
    Situation.JOB_GONE: ["expire:poll:times=0"],
    Situation.STRANGE_WORD: ["unknown_word:poll:word=9"],
    Situation.NOT_FOUND: ["not_found:poll"],
    Situation.NO_OUTPUT: ["empty_url:poll"],
    Situation.INVALID: ["refuse:submit:code=400017"],
    Situation.MEDIA_REJECTED: ["refuse:submit:code=701002"],
    Situation.CONTENT_BLOCKED: ["refuse:submit:code=500063"],
    Situation.FORBIDDEN: ["refuse:submit:code=500020"],
    Situation.NO_CREDITS: ["refuse:submit:code=500090"],
    Situation.BUSY: ["refuse:submit:code=500044"],
    Situation.RATE_LIMITED: ["http:submit:status=429:retry_after=5"],
    Situation.SUBMIT_5XX: ["accept_then_http:submit:status=502"],
    Situation.SUBMIT_GARBAGE: ["truncate:submit"],
    Situation.POLL_5XX: ["http:poll:status=503"],
    Situation.POLL_GARBAGE: ["truncate:poll"],
    Situation.POLL_RATE_LIMITED: ["http:poll:status=429"],
}


class TestPixVerseReplayed(CassetteContract):
    provider_class = PixVerse
    faults = FAULTS


class TestPixVerseSandbox(SandboxContract):
    provider_class = PixVerse
    faults = FAULTS
