"""Kling keeps the contract, from cassettes and against the live sandbox, in rows that differ."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from motionkit.model.request import Request
from motionkit.testing.sandboxed import CassetteContract, SandboxContract
from motionkit.testing.stage import Situation, sample_request
from motionkit_kling.adapter import Kling

FAULTS = {
    Situation.JOB_FAILS: ["fail:submit"],
    Situation.JOB_BLOCKED: ["moderate:submit"],
    Situation.JOB_GONE: ["expire:poll:times=0"],
    Situation.STRANGE_WORD: ["unknown_word:poll:word=paused"],
    Situation.NOT_FOUND: ["not_found:poll"],
    Situation.NO_OUTPUT: ["empty_url:poll"],
    Situation.INVALID: ["refuse:submit:code=1201:status=400"],
    Situation.MEDIA_REJECTED: ["refuse:submit:code=1201:status=400"],
    Situation.CONTENT_BLOCKED: ["refuse:submit:code=1301:status=400"],
    Situation.FORBIDDEN: ["refuse:submit:code=1103:status=403"],
    Situation.NO_CREDITS: ["refuse:submit:code=1102:status=429"],
    Situation.BUSY: ["refuse:submit:code=1303:status=429"],
    Situation.RATE_LIMITED: ["refuse:submit:code=1302:status=429"],
    Situation.SUBMIT_5XX: ["accept_then_http:submit:status=502"],
    Situation.SUBMIT_GARBAGE: ["truncate:submit"],
    Situation.POLL_5XX: ["http:poll:status=503"],
    Situation.POLL_GARBAGE: ["truncate:poll"],
    Situation.POLL_RATE_LIMITED: ["refuse:poll:code=1302:status=429"],
}

CODES = "https://kling.ai/document-api/api/get-started/error-codes"
MOTION = "https://kling.ai/document-api/api/video/motion-control"
XFAILS = {
    "test_a_refused_submit_bought_nothing[MEDIA_REJECTED]": "a medium that is refused is a "
    f"parameter like any other, under one code: {CODES}",
    "test_a_quote_says_low_likely_high_with_source_and_date": "clips are at URLs, and one of "
    f"unknown length has no total: {MOTION}",
}


class _Kling:
    """Media are at URLs: the vendor has no uploads, and the samples are too small for it."""

    provider_class = Kling
    faults = FAULTS
    xfails = XFAILS
    refused_quality = "4k"

    def request_for(self, **values: Any) -> Request:
        return attrs.evolve(
            sample_request(**values),
            image="https://example.com/hero.png",
            video="https://example.com/dance.mp4",
        )


class TestKlingReplayed(_Kling, CassetteContract):
    pass


class TestKlingSandbox(_Kling, SandboxContract):
    pass


class _Legacy(_Kling):
    """The legacy API by an API key: flat fields, one task by its path, other words."""

    provider_class = type(
        "Kling",
        (Kling,),
        {"offers": [attrs.evolve(one, default=one.model == "kling-v3") for one in Kling.offers]},
    )
    unsupported: ClassVar[Mapping[str, Any]] = {"seed": 7}


class TestLegacySandbox(_Legacy, SandboxContract):
    pass
