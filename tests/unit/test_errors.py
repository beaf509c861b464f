"""Errors carry fields, survive pickling, and show no secret."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from support import job

from motionkit import errors
from motionkit._support.redaction import Secret
from motionkit.errors import Billed, MotionKitError
from motionkit.model import probe
from motionkit.model.media import File, ref

CORE = Path(errors.__file__).parent

TREE = {
    "ConfigError": "MotionKitError",
    "InvalidRequest": "MotionKitError",
    "Unsupported": "InvalidRequest",
    "MediaRejected": "MotionKitError",
    "ContentBlocked": "MotionKitError",
    "AuthenticationError": "MotionKitError",
    "PermissionDenied": "MotionKitError",
    "InsufficientCredits": "MotionKitError",
    "BudgetExceeded": "MotionKitError",
    "Busy": "MotionKitError",
    "RateLimited": "MotionKitError",
    "ProviderUnavailable": "MotionKitError",
    "ProtocolError": "MotionKitError",
    "SubmitUncertain": "MotionKitError",
    "NoTargetLeft": "MotionKitError",
    "JobFailed": "MotionKitError",
    "JobCancelled": "JobFailed",
    "JobGone": "MotionKitError",
    "JobNotFound": "MotionKitError",
    "NotReady": "MotionKitError",
    "WaitTimeout": "MotionKitError",
    "DownloadFailed": "MotionKitError",
    "JournalError": "MotionKitError",
    "SignatureError": "MotionKitError",
}
OWN_FIELDS: dict[str, dict[str, Any]] = {
    "InvalidRequest": {"field": "quality", "value": "8k", "limit": "360p, 540p"},
    "Unsupported": {"field": "seed", "value": "3", "limit": "quality"},
    "SubmitUncertain": {"key": "order-17"},
}
SECRET = "sk-planted-0123456789"
SIGNED = "https://host.example/clip.mp4?Signature=c2lnbmVk&Expires=1"


def kind(name: str) -> type[MotionKitError]:
    found: type[MotionKitError] = getattr(errors, name)
    return found


def classes() -> dict[str, type[MotionKitError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, MotionKitError)
    }


def test_the_tree_has_these_classes_under_these_parents() -> None:
    found = {name: value.__base__.__name__ for name, value in classes().items() if value.__base__}
    assert found.pop("MotionKitError") == "Exception"
    assert found == TREE


def test_the_docstring_draws_every_class_once() -> None:
    drawn = re.findall(r"(?m)^ {4}[|` -]*(\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(["MotionKitError", *TREE])


@pytest.mark.parametrize("name", TREE)
def test_a_class_says_in_its_docstring_when_it_is_raised(name: str) -> None:
    assert kind(name).__doc__ != kind(TREE[name]).__doc__


@pytest.mark.parametrize("name", ["MotionKitError", *TREE])
def test_an_error_survives_pickling_with_every_field(name: str) -> None:
    fields: dict[str, Any] = {
        "provider": "fake",
        "account": "shop",
        "code": "500044",
        "http_status": 429,
        "hint": "wait a little",
        "billed": Billed.UNKNOWN,
        "retry_after": 2.5,
        "job": job(key="order-17"),
        "raw": {"ErrCode": 500044, "list": [1, "two"]},
        **OWN_FIELDS.get(name, {}),
    }
    error = kind(name)("what happened", **fields)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is kind(name)
    assert back.message == "what happened"
    assert back.args == ("what happened",)
    assert str(back) == "what happened (wait a little)"
    assert {field: getattr(back, field) for field in fields} == fields


def test_no_target_left_keeps_each_attempt_over_pickling() -> None:
    first = errors.Busy("full", account="a", billed=Billed.NO, retry_after=3.0)
    second = errors.InvalidRequest("bad", account="b", field="seed")
    error = errors.NoTargetLeft("nothing left", attempts=[first, second])
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert [(type(e).__name__, e.account, e.message) for e in back.attempts] == [
        ("Busy", "a", "full"),
        ("InvalidRequest", "b", "bad"),
    ]
    assert back.attempts[0].retry_after == 3.0
    assert back.attempts[1].field == "seed"


def test_fields_are_empty_and_nothing_is_billed_unless_said() -> None:
    error = MotionKitError("what happened")
    assert error.billed is Billed.NO
    assert vars(error) == {
        "message": "what happened",
        "provider": None,
        "account": None,
        "code": None,
        "http_status": None,
        "hint": None,
        "billed": Billed.NO,
        "retry_after": None,
        "job": None,
        "raw": None,
        "stale": False,
        "passing": False,
        "decision": (),
    }


def test_an_uncertain_submit_is_billed_unknown_unless_said_otherwise() -> None:
    assert errors.SubmitUncertain("lost").billed is Billed.UNKNOWN
    assert errors.SubmitUncertain("lost", billed=Billed.YES).billed is Billed.YES


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (MotionKitError("it broke"), "it broke"),
        (MotionKitError("it broke", hint="mend it"), "it broke (mend it)"),
        (errors.Busy("full"), "full (wait for a running job to end, then try again)"),
        (errors.Busy("full", hint="call us"), "full (call us)"),
    ],
)
def test_the_text_ends_with_the_hint(error: MotionKitError, shown: str) -> None:
    assert str(error) == shown


def test_fill_sets_what_is_empty_and_overwrites_nothing() -> None:
    error = MotionKitError("x", account="first", retry_after=0.0, billed=Billed.YES)
    same = error.fill(
        account="second",
        provider="fake",
        job=job("1"),
        retry_after=9.0,
        billed=Billed.NO,
        hint="mend it",
    )
    assert same is error
    assert (error.account, error.provider, error.retry_after) == ("first", "fake", 0.0)
    assert error.billed is Billed.YES
    assert error.hint == "mend it"
    assert error.job is not None
    assert error.job.id == "1"
    error.fill(job=job("2"))
    assert error.job.id == "1"


def test_to_dict_is_plain_and_leaves_out_what_is_empty() -> None:
    error = errors.InvalidRequest(
        "bad", field="seed", value="x", limit="0", job=job("42"), code="400013", http_status=400
    )
    assert error.to_dict() == {
        "error": "InvalidRequest",
        "message": "bad",
        "code": "400013",
        "http_status": 400,
        "billed": "no",
        "job": "42",
        "field": "seed",
        "value": "x",
        "limit": "0",
    }
    assert errors.SubmitUncertain("lost", key="order-17").to_dict()["key"] == "order-17"


@pytest.mark.parametrize("planted", [SECRET, SIGNED])
def test_no_secret_and_no_signed_query_is_shown_or_kept(planted: str) -> None:
    Secret(SECRET)
    error = errors.InvalidRequest(
        f"could not use {planted}",
        value=planted,
        hint=f"try {planted}",
        raw={"echo": [planted, {"deep": (planted, 7)}], "n": 7},
    )
    empty = MotionKitError("x").fill(hint=f"look at {planted}", raw={"echo": planted})
    for shown in (
        str(error),
        repr(error),
        repr(vars(error)),
        pickle.dumps(error, 0).decode("latin-1"),
        repr(error.to_dict()),
        str(empty),
        repr(vars(empty)),
        pickle.dumps(empty, 0).decode("latin-1"),
    ):
        assert "planted" not in shown
        assert "c2lnbmVk" not in shown
    assert error.raw["n"] == 7


def test_the_original_stays_reachable_as_the_cause() -> None:
    def fail() -> None:
        try:
            TREE["inner"]
        except KeyError as inner:
            raise errors.ProtocolError("outer") from inner

    with pytest.raises(errors.ProtocolError) as caught:
        fail()
    assert isinstance(caught.value.__cause__, KeyError)


ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.MotionKitError)
}


@pytest.mark.parametrize("room", sorted(path.name for path in CORE.iterdir() if path.is_dir()))
def test_no_message_of_an_error_shows_a_class_of_python(room: str) -> None:
    found = []
    for path in sorted((CORE / room).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) in ERRORS and call.args):
                continue
            message = ast.unparse(call.args[0])
            if "has the adapter" in message:
                continue  # the caller passed a class
            if "__name__" in message or "__class__" in message or "type(" in message:
                found.append(f"{path.name}:{call.lineno}: {message}")
    assert not found


def test_a_damaged_picture_is_refused_without_an_object_of_python(tmp_path: Path) -> None:
    picture = tmp_path / "hero.jpg"
    picture.write_bytes(b"\xff\xd8\xff" + bytes(64))
    with pytest.raises(errors.InvalidRequest) as caught:
        probe.inspect(File(picture), "image")
    assert caught.value.message == (
        "image: hero.jpg looks like jpeg but cannot be read as image: it is damaged"
    )


@pytest.mark.parametrize("value", [5, None, object(), {"a": 1}])
def test_an_argument_that_is_no_media_is_refused_in_words(value: Any) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        ref(value)
    assert caught.value.message == (
        "media must be a path, an https:// URL, bytes, Uploaded(...) or Generated(...)"
    )
