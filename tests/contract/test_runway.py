"""Runway keeps the contract, from cassettes and against the live sandbox, in rows that differ."""

import base64
import zlib
from typing import Any, ClassVar

import attrs

import motionkit as mk
from motionkit.model.request import Request
from motionkit.testing import samples
from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation, sample_request
from motionkit_runway.adapter import Runway

CLIP = zlib.decompress(
    base64.b64decode(
        "eNp9Vc2LHEUUr9ndhJAoWeIm5LBiLa6CsDPb3TM7xiGNOy7BEQwIYpAYbKqrqqfb6e6qraqZncklOSwoiichhxWJ"
        "V0HxInhR8OAf4YIHk4MYBM0xOWw6r3pm3cnGpKiq9+p9/F6996pnEEI4MiOZaJEhNIMsheWRAXUz2XARQscixTno"
        "7meMGKA3jx4pii9/v3Dn5z93Oz/eWPkN7774z79Dr9nAVUyF4thtrgHbqYFo9eI7F96sNnD70gboGKeg2BBylPLI"
        "YM9x6lXP8ax1bIxsra5ubW3VBgnjIiV5TajuqsWtxSZLwUZIk4hctzAlIaG+ixWP/DpmPEwF7fluy2k5mOQkHWnu"
        "O8N6yxm6bh1n3I/5EOt+CNyrWOoRuMIeKOa7NQecYMNZMuQssIgueASK5F3uu01MYyUyEoCri43iaZpo4M4NzzFq"
        "gKGbme/AFQi7KnLue+6K6+KIaBNI3UuktRgDbMpARJHmxq962MQKPCxQKkSPxHAIDmQ6TSg/EDg4V2UMmmTE2Hsk"
        "ueEqJWAE8jDtKzIKqMgkMXCmUCKjSJIDBBgqYm0iRTKuoVhhIEfAJ8z3gCeMSJtFGIQJsZFYoniZ1xZPurEJgROS"
        "50FXSNCOhRJce3wE2L635kzYIEtye3XKc077xm84uAxuK6q4jsFb0eC/bK1eUZ+qCGchlNVmBQd/DRqCN20uvlNr"
        "AistbknJ0G++Bow2XPoNnEjoEbwHaCFgkU1ov20mug5P9ln+yTY6XZw68UGx/ek1EJxs7yyl7eDBxw9eKIqfXr8L"
        "olPtnTfOL33xyvbpYiz+fg+k8+0d+tatky+/O3O82NM3r/2C0Ox6JsQAdGk2iBl6ZMz+Bdhfowqy82BUHrU6fF5H"
        "Tx0zMD+C0vWAv2J6ZczZx9EgLnp6nP+NOz9ZCC1zZjTQRZ5qc+Bhca9PfCu3M5YQYHDGDue+Xtq892t5qMYsVfsa"
        "+wFPW16yH3SH5Czl1qbyOfQ0AmZhkJWg09dcZmPdIoOHM5XGM32V4jFfuahNmAL/nTaaTdl8ZX+1nlAKm/Q86gDt"
        "PNHi8DhbFLDXAXWjwtDx4hY60wX67e6H27Yjc3Y7dr5z4/0KOhr//Qdf+Wzv3j3ruABPelLRI7f3wbQpq70fem7S"
        "jwVIYlpu11n6mK191mgRbOkh27kJXQbd1anLg3zmB6DPwTpj44xjUTHl78AK+8zYDl/OeEntWJruJrwARaRMpytT"
        "TcZP5qVvjLCAz8NfA9mv6dtkEDW9mgvT8R4CnuNy9g=="
    )
)
"""MP4, 16x16, H.264, 4.0 s: act_two takes clips from 3 seconds on."""

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
        return attrs.evolve(sample_request(**values), video=CLIP)


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
