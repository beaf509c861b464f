"""Runway's uploads: a form in two steps without the key, small files inside the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from sandbox_runway_support import KEY, account

import motionkit as mk
from motionkit.errors import (
    Billed,
    InvalidRequest,
    MotionKitError,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    Unsupported,
)
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.journal.caches import UPLOAD_LIFETIME
from motionkit.model import media, probe
from motionkit.model.submission import Call, Submission
from motionkit.provider import fit_at, pick_offer
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit.testing import samples
from motionkit.testing.sandboxed import sandbox_stage
from motionkit.testing.stage import ACCOUNT, client_for
from motionkit_runway.adapter import Runway, Settings
from motionkit_runway.sandbox import RunwaySandbox

PICTURE, CLIP = sample_picture(), sample_clip(3.0, height=64)


class _Uploads:
    """Upload at once, and share all."""

    limiter = None
    timeout = 60.0

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        assert sha256 is not None, "every upload may be shared: there is no history to search"
        return self.held.setdefault(sha256, self.held.get(sha256) or send())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[RunwaySandbox], job_seconds=100) as running:
        yield running


@pytest.fixture
def runway(sandbox: Sandbox) -> Iterator[Runway]:
    made = Runway("studio", Settings(api_key=KEY, base_url=sandbox.url), _Uploads())
    yield made
    made.close()


def prepared(runway: Runway, request: mk.Request) -> Submission:
    offer = pick_offer(runway.offers, request.operation, None, target="studio")
    return runway.prepare(fit_at(runway, request, offer, probe.inspect_all(request.media())))


def calls(sandbox: Sandbox) -> dict[str, int]:
    found = account(sandbox)["calls"]
    assert isinstance(found, dict)
    return found


def test_a_file_goes_to_the_storage_in_the_fields_of_its_form_and_without_the_key(
    runway: Runway, sandbox: Sandbox
) -> None:
    made = prepared(runway, mk.Mimic(PICTURE, CLIP))
    body = made.call.json
    assert body["character"]["uri"].startswith("runway://")
    assert body["reference"]["uri"].startswith("runway://")
    assert [call.path for call in made.calls] == [
        *("/v1/uploads", "/v1/uploads", "/v1/organization", "/v1/character_performance"),
    ]
    runway.submit(made, "a")  # the sandbox's storage refuses a key, and a field that is missing
    sandbox.advance(200)
    (job,) = account(sandbox)["jobs"]
    assert job["charge"] == "15", "the clip was read: three seconds"


def test_the_same_file_is_uploaded_once(runway: Runway, sandbox: Sandbox) -> None:
    first, second = (prepared(runway, mk.Mimic(PICTURE, CLIP)) for _ in range(2))
    assert first.call.json == second.call.json
    assert calls(sandbox)["upload"] == 2


def test_an_upload_is_used_again_for_less_than_the_day_that_it_lives() -> None:
    assert UPLOAD_LIFETIME < 24 * 3600


def test_nothing_tells_two_submissions_apart_so_there_is_no_token(runway: Runway) -> None:
    assert prepared(runway, mk.Mimic(PICTURE, CLIP)).token is None


def test_a_file_below_the_least_upload_is_part_of_the_request(
    runway: Runway, sandbox: Sandbox
) -> None:
    assert len(samples.PICTURE) < 512
    made = prepared(runway, mk.Mimic(samples.PICTURE, CLIP))
    assert made.call.json["character"]["uri"].startswith("data:image/png;base64,iVBOR")
    assert calls(sandbox)["upload"] == 1
    assert runway.submit(made, "a").id


@pytest.mark.parametrize(("size", "inline"), [(511, True), (512, False)])
def test_the_least_upload_has_512_bytes(
    size: int, inline: bool, runway: Runway, sandbox: Sandbox
) -> None:
    picture = samples.PICTURE + bytes(size - len(samples.PICTURE))
    uri = prepared(runway, mk.Mimic(picture, CLIP)).call.json["character"]["uri"]
    assert uri.startswith("data:") is inline
    assert calls(sandbox)["upload"] == (1 if inline else 2)


def test_urls_are_passed_on_and_uploads_of_the_account_too(
    runway: Runway, sandbox: Sandbox
) -> None:
    request = mk.Mimic("https://h.example/hero.png", mk.Uploaded("runway://0a0a"))
    body = prepared(runway, request).call.json
    assert body["character"]["uri"] == "https://h.example/hero.png"
    assert body["reference"]["uri"] == "runway://0a0a"
    assert calls(sandbox).get("upload", 0) == 0


@pytest.mark.parametrize("held", [mk.Uploaded("7"), mk.Generated("1d9a1a9e-0000")])
def test_an_id_that_is_no_address_is_refused(held: Any, runway: Runway) -> None:
    with pytest.raises(Unsupported) as caught:
        prepared(runway, mk.Mimic(PICTURE, held))
    assert caught.value.field == "video"


def test_a_file_that_changes_while_it_is_sent_is_not_stored(runway: Runway, tmp_path: Path) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(CLIP)
    request = mk.Mimic(samples.PICTURE, clip)
    offer = pick_offer(runway.offers, "mimic", None, target="studio")
    fitted = fit_at(runway, request, offer, probe.inspect_all(request.media()))
    clip.write_bytes(CLIP[:-1] + b"?")
    with pytest.raises(InvalidRequest, match="changed while it was sent"):
        runway.prepare(fitted)


def test_an_upload_that_is_too_old_is_sent_again_and_nothing_was_bought_by_the_first_try(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with client_for(sandbox_stage(Runway, {}, sandbox), tmp_path) as client:
        client.submit(mk.Mimic(PICTURE, CLIP), via=ACCOUNT, key="first")
        sandbox.advance(25 * 3600)  # the journal's clock does not move: it has the upload still
        job = client.submit(mk.Mimic(PICTURE, CLIP, seed=1), via=ACCOUNT, key="second")
        assert job.id
    assert len(account(sandbox)["jobs"]) == 2
    assert calls(sandbox)["upload"] == 4
    assert calls(sandbox)["submit"] == 3


FORM = {
    "uploadUrl": "https://storage.example/put",
    "fields": {"key": "a"},
    "runwayUri": "runway://b",
}
REPLIES: list[dict[str, Any]] = [
    {},
    FORM | {"runwayUri": None},
    FORM | {"runwayUri": "https://h.example/a"},
    FORM | {"fields": None},
    FORM | {"uploadUrl": 7},
    FORM | {"uploadUrl": ""},
    FORM | {"uploadUrl": "http://storage.example/put"},
    FORM | {"uploadUrl": "https://203.0.113.7/put"},
    FORM | {"uploadUrl": "https://user:word@storage.example/put"},
    FORM | {"uploadUrl": "http://127.0.0.1:9/put"},
    FORM | {"uploadUrl": "https://[broken"},
]


@attrs.define
class Storage:
    """Answers the announcement of an upload, then its form."""

    reply: Any
    status: int = 204
    sent: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)

    def send(self, session: Session, call: Call, **more: Any) -> Response:
        body = more.get("body")
        more["content"] = b"" if body is None else body.read()
        more["auth"] = dict(session._auth)
        self.sent.append((session.url(call), more))
        if call.path == "/v1/uploads":
            return Response(200, {}, json.dumps(self.reply).encode())
        return Response(self.status, {}, b"<Error><Code>AccessDenied</Code></Error>")

    def upload(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(Session, "send", lambda *call, **more: self.send(*call, **more))  # noqa: PLW0108 - binds
        made = Runway("studio", Settings(api_key=KEY), _Uploads())
        content = media.Data(CLIP)
        facts = probe.inspect(content, "video")
        try:
            return made._storage.send(made._storage.call(facts), content, facts)
        finally:
            made.close()


def test_the_file_is_the_last_part_of_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(FORM | {"fields": {"key": "a/b", "policy": "p", "n": 7}})
    assert storage.upload(monkeypatch) == "runway://b"
    (url, announced), (target, posted) = storage.sent
    assert url == "https://api.dev.runwayml.com/v1/uploads"
    assert announced["auth"]
    assert target == "https://storage.example/put"
    assert posted["auth"] == {}
    boundary = posted["headers"]["Content-Type"].partition("boundary=")[2].encode()
    parts = posted["content"].split(b"--" + boundary)
    names = [part.partition(b'name="')[2].partition(b'"')[0] for part in parts[1:-1]]
    assert names == [b"key", b"policy", b"n", b"file"]
    assert parts[4].endswith(CLIP + b"\r\n")
    assert b'filename="upload.mp4"' in parts[4]
    assert b"Content-Type: video/mp4" in parts[4]
    assert parts[5] == b"--\r\n"


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: str(reply.get("uploadUrl")))
def test_an_announcement_that_cannot_be_followed_is_an_error_before_a_byte_is_sent(
    reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(reply)
    with pytest.raises(ProtocolError) as caught:
        storage.upload(monkeypatch)
    assert caught.value.billed is Billed.NO
    assert len(storage.sent) == 1


@pytest.mark.parametrize("status", [302, 400, 403, 500, 503])
def test_a_storage_that_refuses_is_an_error_and_nothing_was_bought(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MotionKitError) as caught:
        Storage(FORM, status).upload(monkeypatch)
    assert caught.value.billed is Billed.NO


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("refuse:upload:status=429", RateLimited),
        ("refuse:upload:status=403", PermissionDenied),
        ("truncate:upload", ProtocolError),
    ],
)
def test_an_upload_that_is_refused_buys_nothing(
    fault: str, kind: type[MotionKitError], runway: Runway, sandbox: Sandbox
) -> None:
    sandbox.fault(f"{fault}:times=0")
    with pytest.raises(kind) as caught:
        prepared(runway, mk.Mimic(PICTURE, CLIP))
    assert caught.value.billed is Billed.NO
    assert account(sandbox)["jobs"] == []
