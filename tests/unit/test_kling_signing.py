"""Tokens of Kling's legacy API: the contract's vector, and clocks that are fast or slow."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any

import attrs
import pytest
import scripted

from motionkit.errors import AuthenticationError, Billed, ProviderUnavailable
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.model.job import Job, State
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import Secret
from motionkit_kling.adapter import Kling, Settings
from motionkit_kling.signing import Signer, token

VECTOR = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJBSy10ZXN0IiwiZXhwIjoxNzkwOTQ0MjAwLCJuYmYiOjE3OTA5NDIzOTV9."
    "KiA9Cwkg1r8RhD6J3WwnXUfDHu3Rr9HCGHlPvtbQuqA"
)
"""iss AK-test, secret SK-test, made at 1790942400."""
NOW = 1_790_942_400.0
ID, ATTEMPT = "893605946402811985", "5f0c2d5e-0000-4000-8000-000000000001"
PATH = "/v1/videos/motion-control"
MINUTES = 60.0


def test_the_token_is_the_one_of_the_contract() -> None:
    assert token(Secret("AK-test"), Secret("SK-test"), NOW) == VECTOR
    assert token(Secret("AK-test"), Secret("SK-test"), NOW + 0.9) == VECTOR


@attrs.define
class Vendor:
    """Verifies tokens against its own clock, as the legacy API does, and counts its submits."""

    now: float = NOW
    dated: bool = True
    calls: list[str] = attrs.field(factory=list)
    tokens: list[str] = attrs.field(factory=list)
    tasks: dict[str, str] = attrs.field(factory=dict)
    breaks: bool = False

    def send(self, _: Session, call: Call, headers: dict[str, str] | None = None) -> Response:
        self.calls.append(f"{call.method} {call.path}")
        if self.breaks and not call.paid:
            raise ProviderUnavailable("no complete response")
        scheme, _, sent = (headers or {})["Authorization"].partition(" ")
        assert scheme == "Bearer"
        self.tokens.append(sent)
        code, text, data = self.refusal(sent), "no", None
        if code == 0 and call.method == "POST":
            self.tasks[call.json["external_task_id"]] = ID
            data = {"task_id": ID, "task_status": "submitted"}
        elif code == 0 and call.path.startswith(f"{PATH}/"):
            wanted = call.path.rpartition("/")[2]
            if wanted in {*self.tasks, *self.tasks.values()}:
                data = {"task_id": ID, "task_status": "processing"}
            else:
                code, text = 1201, f"Task not found by id/external id: {wanted}"
        status = {0: 200, 1201: 400}.get(code, 401)
        body = {"code": code, "message": text, "data": data}
        when = dt.datetime.fromtimestamp(self.now, dt.UTC)
        dates = {"date": format_datetime(when, usegmt=True)} if self.dated else {}
        return Response(status, dates, json.dumps(body).encode())

    def refusal(self, sent: str) -> int:
        head, claims, signature = sent.split(".")
        digest = hmac.digest(b"planted-secret", f"{head}.{claims}".encode(), hashlib.sha256)
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != signature:
            return 1002
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert said["iss"] == "planted-access"
        return 1003 if self.now < said["nbf"] else 1004 if self.now >= said["exp"] else 0


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    made = Vendor()
    monkeypatch.setattr(Session, "send", lambda http, *call, **rest: made.send(http, *call, **rest))  # noqa: PLW0108 - binds
    return made


class _Uploads:
    limiter = None
    timeout = 60.0
    stage = None


def settings(**other: Any) -> Settings:
    return Settings(api_key="planted-secret", access_key="planted-access", **other)


def adapter(clock: float) -> Kling:
    """Return an adapter on a machine whose clock shows that."""
    made = Kling("studio", settings(), _Uploads())  # type: ignore[arg-type]
    assert made._signer is not None
    made._signer.clock = lambda: clock
    return made


@pytest.fixture
def kling() -> Iterator[Kling]:
    made = adapter(NOW)
    yield made
    made.close()


def order(token: str | None = None) -> Submission:
    paid = Call("POST", PATH, json={"model_name": "kling-v3"}, paid=True)
    return Submission("kling", "studio", "mimic", "kling-v3", paid, token=token)


def job() -> Job:
    return order().job(ID, fingerprint="f", attempt_id=ATTEMPT, data={"path": PATH})


CLOCKS = [
    -24 * 60 * MINUTES,
    -31 * MINUTES,
    -10 * MINUTES,
    0.0,
    6.0,
    10 * MINUTES,
    24 * 60 * MINUTES,
]


@pytest.mark.parametrize("off", CLOCKS, ids=lambda off: f"{off:+.0f} s")
def test_a_submit_works_whatever_this_machines_clock_shows(off: float, vendor: Vendor) -> None:
    kling = adapter(NOW + off)
    assert kling.submit(order(), ATTEMPT).id == ID
    assert vendor.calls.count(f"POST {PATH}") == 1, "the paid call leaves once, with a valid token"
    assert vendor.tasks == {ATTEMPT: ID}


@pytest.mark.parametrize("off", CLOCKS, ids=lambda off: f"{off:+.0f} s")
def test_a_poll_works_whatever_this_machines_clock_shows(off: float, vendor: Vendor) -> None:
    vendor.tasks[ATTEMPT] = ID
    kling = adapter(NOW + off)
    assert kling.poll(job()).state is State.RUNNING
    assert len(vendor.calls) <= 2


def test_a_clock_that_is_right_costs_one_free_call_for_all_submits(
    vendor: Vendor, kling: Kling
) -> None:
    for number in range(3):
        kling.submit(order(), f"attempt-{number}")
    assert vendor.calls == [f"GET {PATH}", *[f"POST {PATH}"] * 3]


def test_each_call_has_a_token_of_its_own_time(vendor: Vendor, kling: Kling) -> None:
    vendor.tasks[ATTEMPT] = ID
    kling.poll(job())
    assert kling._signer is not None
    vendor.now = NOW + 3 * 3600
    kling._signer.clock = lambda: NOW + 3 * 3600
    assert kling.poll(job()).state is State.RUNNING, "no token is kept until it expires"
    assert len(set(vendor.tokens)) == 2


def test_a_clock_that_jumps_between_polls_is_measured_anew(vendor: Vendor, kling: Kling) -> None:
    vendor.tasks[ATTEMPT] = ID
    kling.poll(job())
    assert kling._signer is not None
    kling._signer.clock = lambda: NOW - 3600.0
    assert kling.poll(job()).state is State.RUNNING


@pytest.mark.parametrize("off", [-31 * MINUTES, 10 * MINUTES])
def test_without_a_date_the_error_says_what_to_do_and_nothing_was_bought(
    off: float, vendor: Vendor
) -> None:
    vendor.dated = False
    kling = adapter(NOW + off)
    with pytest.raises(AuthenticationError, match="no time to compare") as caught:
        kling.submit(order(), ATTEMPT)
    assert caught.value.billed is Billed.NO
    assert "set this machine's clock" in (caught.value.hint or "")
    assert vendor.tasks == {}


@pytest.mark.parametrize(("ahead", "said"), [(600.0, "600 s slow"), (-600.0, "600 s fast")])
def test_an_error_of_the_clock_names_how_far_it_is_off(ahead: float, said: str) -> None:
    signer = Signer(Secret("planted-access"), Secret("planted-secret"), lambda: NOW, ahead)
    assert said in signer.off


def test_a_time_that_cannot_be_read_leaves_the_submit_to_this_machines_clock(
    vendor: Vendor, kling: Kling
) -> None:
    vendor.breaks = True
    assert kling.submit(order(), ATTEMPT).id == ID


def test_a_wrong_secret_is_not_blamed_on_the_clock(vendor: Vendor) -> None:
    made = Kling(
        "studio",
        Settings(api_key="another-secret", access_key="planted-access"),
        _Uploads(),  # type: ignore[arg-type]
    )
    with pytest.raises(AuthenticationError) as caught:
        made.poll(job())
    assert "clock" not in caught.value.message


def test_a_lost_submit_is_found_under_the_path_of_its_product(vendor: Vendor, kling: Kling) -> None:
    assert kling.find(order(ATTEMPT), 0.0) == NotSeen()
    kling.submit(order(), ATTEMPT)
    found = kling.find(order(ATTEMPT), 0.0)
    assert isinstance(found, Found)
    assert found.job.id == ID
    assert vendor.calls[-1] == f"GET {PATH}/{ATTEMPT}"


def test_a_list_in_place_of_one_task_names_no_job_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vendor = scripted.scripted(scripted.Vendor(), monkeypatch)
    kling = adapter(NOW)
    vendor.will(200, {"code": 0, "data": [{"task_id": "77", "task_status": "succeed"}]})
    assert kling.find(order(ATTEMPT), 0.0) == NotSeen()


def test_a_token_that_the_vendor_repeats_is_masked_in_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vendor = scripted.scripted(scripted.Vendor(), monkeypatch)
    made = token(Secret("planted-access"), Secret("planted-secret"), NOW)
    kling = adapter(NOW)
    vendor.will(401, {"code": 1002, "message": f"bad token {made}"})
    with pytest.raises(AuthenticationError, match="bad token") as caught:
        kling.poll(job())
    assert made not in f"{caught.value.to_dict()} {caught.value.raw}"


def test_the_keys_show_nowhere_and_tell_accounts_apart(vendor: Vendor, kling: Kling) -> None:
    kling.submit(order(), ATTEMPT)
    shown = f"{settings()!r} {kling._signer!r} {kling.__dict__!r} {kling.fingerprint}"
    assert "planted" not in shown
    other = Kling("studio", Settings(api_key="planted-secret"), _Uploads())  # type: ignore[arg-type]
    assert other.fingerprint != kling.fingerprint
    assert adapter(0.0).fingerprint == kling.fingerprint
    assert not any(sent in shown for sent in vendor.tokens)


def test_an_empty_access_key_is_refused() -> None:
    with pytest.raises(Exception, match="access_key is empty"):
        Settings(api_key="planted-secret", access_key="  ")
