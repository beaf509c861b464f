"""The official SDK, unmodified, against the sandbox.

It speaks TLS to literal hosts, so a proxy leads every host to the sandbox, under a certificate that
the SDK is told to trust. It has no verification of webhooks: the one that the vendor's page
describes is made here.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import importlib.metadata
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import requests
import trustme
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from patience import PATIENCE

from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_fal.sandbox import FalSandbox

fal_client = pytest.importorskip("fal_client")
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""The SDK never closes the connections of its uploads."""

KEY = "0f0e0d0c-sandbox:0123456789abcdef"
MODEL = "fal-ai/wan/v2.2-14b/animate/move"
INPUT = {
    "image_url": "https://h.example/hero.png",
    "video_url": "https://h.example/dance.mp4",
    "resolution": "580p",
}
HOSTS = {"queue.fal.run", "rest.fal.ai", "v3.fal.media", "v3b.fal.media"}
"""Every host that the SDK calls."""


@attrs.define
class Proxy:
    """A proxy that ends TLS and leads every host to one port, each byte unchanged."""

    target: tuple[str, int]
    context: ssl.SSLContext
    hosts: set[str] = attrs.field(factory=set)
    threads: list[threading.Thread] = attrs.field(factory=list)
    clients: list[socket.socket] = attrs.field(factory=list)
    listener: socket.socket = attrs.field(
        factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=64)
    )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._lead, args=(client,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _lead(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = client.recv(1)
                if not piece:
                    return
                head += piece
            self.hosts.add(head.split()[1].decode().rpartition(":")[0])
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                self.context.wrap_socket(client, server_side=True) as secure,
                socket.create_connection(self.target) as server,
            ):
                self.clients.append(server)
                back = threading.Thread(target=_copy, args=(server, secure), daemon=True)
                back.start()
                _copy(secure, server)
                back.join(PATIENCE)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for server in self.clients:  # the SDK leaves the connections of its uploads open
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(PATIENCE)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    except (OSError, ValueError):
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[FalSandbox], speed=1000, job_seconds=100) as running:
        yield running


@pytest.fixture
def proxy(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    certificate = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(certificate))
    parts = urlsplit(sandbox.url)
    proxy = Proxy((parts.hostname or "", parts.port or 0), context)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("FAL_KEY", KEY)
    serving = threading.Thread(target=proxy.serve, daemon=True)
    serving.start()
    yield proxy
    proxy.close()
    serving.join(PATIENCE)
    gc.collect()  # what the SDK leaves open is found now, and not in another test
    assert proxy.hosts <= HOSTS


@contextlib.contextmanager
def another(key: str) -> Iterator[Any]:
    """Return the SDK's client for a key, and close its connections."""
    client = fal_client.SyncClient(key=key)
    yield client
    client._client.close()


@pytest.fixture
def sdk(proxy: Proxy) -> Iterator[Any]:
    with another(KEY) as client:
        yield client


def account(sandbox: Sandbox) -> Mapping[str, Any]:
    found: Mapping[str, Any] = sandbox.ledger()["vendors"]["fal"]["accounts"]["default"]
    return found


def test_submit_answers_with_a_request_and_its_three_addresses(sdk: Any, sandbox: Sandbox) -> None:
    handle = sdk.submit(MODEL, INPUT)
    assert handle.request_id == account(sandbox)["jobs"][0]["id"]
    one = f"https://queue.fal.run/fal-ai/wan/requests/{handle.request_id}"
    assert (handle.response_url, handle.status_url) == (one, f"{one}/status")
    assert handle.cancel_url == f"{one}/cancel"


def test_status_has_the_three_words_in_order(sdk: Any, sandbox: Sandbox) -> None:
    handle = sdk.submit(MODEL, INPUT)
    first = handle.status()
    assert isinstance(first, fal_client.Queued | fal_client.InProgress | fal_client.Completed)
    sandbox.advance(200)
    done = handle.status(with_logs=True)
    assert isinstance(done, fal_client.Completed)
    assert done.metrics["inference_time"] == 100
    assert done.error is None
    assert done.logs[0]["message"] == "running"


def test_result_by_id_is_the_models_output(sdk: Any, sandbox: Sandbox) -> None:
    request_id = sdk.submit(MODEL, INPUT).request_id
    sandbox.advance(200)
    video = sdk.result(MODEL, request_id)["video"]
    assert video["url"].startswith("https://v3b.fal.media/files/b/")
    assert video["content_type"] == "video/mp4"
    assert video["file_size"] > 1000


def test_subscribe_polls_until_the_result(sdk: Any, sandbox: Sandbox) -> None:
    words: list[str] = []
    result = sdk.subscribe(
        MODEL, INPUT, on_queue_update=lambda status: words.append(type(status).__name__)
    )
    assert result["video"]["url"]
    assert words[-1] == "Completed"
    assert account(sandbox)["submits"] == 1


def test_get_waits_for_the_result_of_a_handle(sdk: Any) -> None:
    assert sdk.submit(MODEL, INPUT).get()["video"]["url"]


def test_iterated_events_end_with_completed(sdk: Any) -> None:
    events = list(sdk.submit(MODEL, INPUT).iter_events(interval=0.01))
    assert isinstance(events[-1], fal_client.Completed)


def test_cancel_ends_a_queued_job_without_a_charge(sdk: Any, sandbox: Sandbox) -> None:
    handle = sdk.submit(MODEL, {**INPUT})
    try:
        handle.cancel()
    except fal_client.FalClientHTTPError as error:  # the job was faster
        assert error.status_code == 400  # noqa: PT017 - either end is right
        return
    sandbox.advance(200)
    assert handle.status().error_type == "client_cancelled"
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.get()
    assert caught.value.status_code == 499
    assert account(sandbox)["charged"] == "0"


def test_a_rejected_input_ends_the_job_and_not_the_submit(sdk: Any, sandbox: Sandbox) -> None:
    handle = sdk.submit(MODEL, {**INPUT, "resolution": "4k"})
    sandbox.advance(200)
    assert isinstance(handle.status(), fal_client.Completed)
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.get()
    assert caught.value.status_code == 422
    assert "literal_error" in caught.value.response.text


def test_a_failed_job_says_so_in_its_status(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.fault("fail:submit")
    handle = sdk.submit(MODEL, INPUT)
    sandbox.advance(200)
    status = handle.status()
    assert (status.error, status.error_type) == ("Runner disconnected", "runner_disconnected")
    with pytest.raises(fal_client.FalClientHTTPError):
        handle.get()


def test_a_start_timeout_ends_a_job_that_did_not_start(sdk: Any, sandbox: Sandbox) -> None:
    handle = sdk.submit(MODEL, INPUT, start_timeout=2)
    sandbox.advance(200)
    assert handle.status().error_type == "request_timeout"


def test_a_locked_account_is_refused_with_403(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.add_account("fal", "poor:key", balance="0")
    with another("poor:key") as poor, pytest.raises(fal_client.FalClientHTTPError) as caught:
        poor.submit(MODEL, INPUT)
    assert caught.value.status_code == 403
    assert "Exhausted balance" in str(caught.value)


def test_a_wrong_key_is_refused_with_401(sdk: Any, sandbox: Sandbox) -> None:
    with another("wrong:key") as wrong, pytest.raises(fal_client.FalClientHTTPError) as caught:
        wrong.submit(MODEL, INPUT)
    assert caught.value.status_code == 401


def test_an_upload_is_used_by_a_job(sdk: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    clip = tmp_path / "dance.mp4"
    clip.write_bytes(sample_clip(2.0, height=64))
    video = sdk.upload_file(clip)
    image = sdk.upload(sample_picture(), "image/png", file_name="hero.png")
    assert video.startswith("https://v3b.fal.media/files/b/")
    sdk.submit(MODEL, {**INPUT, "video_url": video, "image_url": image})
    sandbox.advance(200)
    assert account(sandbox)["charged"] == "0.12"  # two seconds at 580p


def test_the_sdks_other_upload_sends_the_key_to_a_signed_address_which_refuses_it(
    sdk: Any,
) -> None:
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        sdk.upload(sample_picture(), "image/png", repository="fal")
    assert caught.value.status_code == 403
    assert "SignatureDoesNotMatch" in str(caught.value)


def test_the_sdk_sends_a_lost_submit_again_and_pays_twice(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.fault("accept_then_reset:submit")
    sdk.submit(MODEL, INPUT)
    assert account(sandbox)["submits"] == 2
    assert len(account(sandbox)["jobs"]) == 2


def test_the_async_client_does_the_same(proxy: Proxy, sandbox: Sandbox) -> None:
    async def run() -> Any:
        client = fal_client.AsyncClient(key=KEY)
        handle = await client.submit(MODEL, INPUT)
        return await handle.get()

    assert asyncio.run(run())["video"]["url"]


class _Receiver(BaseHTTPRequestHandler):
    seen: list[tuple[Mapping[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((dict(self.headers), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_webhook_is_verified_as_the_vendors_page_says(sdk: Any, sandbox: Sandbox) -> None:
    seen: list[tuple[Mapping[str, str], bytes]] = []
    handler = type("Receiver", (_Receiver,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        handle = sdk.submit(MODEL, INPUT, webhook_url=url)
        sandbox.advance(200)
        server.shutdown()
    headers, body = seen[0]
    assert json.loads(body)["request_id"] == handle.request_id
    assert json.loads(body)["status"] == "OK"
    names = ("Request-Id", "User-Id", "Timestamp")
    lines = [headers[f"X-Fal-Webhook-{name}"] for name in names]
    message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    jwks = requests.get(f"{sandbox.url}/.well-known/jwks.json", timeout=PATIENCE).json()
    x = jwks["keys"][0]["x"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    signature = bytes.fromhex(headers["X-Fal-Webhook-Signature"])
    public.verify(signature, message)
    with pytest.raises(InvalidSignature):
        public.verify(signature, message + b" ")


def test_the_sdk_is_the_version_that_was_read() -> None:
    assert importlib.metadata.version("fal-client") == "1.0.3"
