"""Webhooks of PixVerse's sandbox: what is sent, how it is signed, how often it is tried."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from patience import PATIENCE, bounded, until
from sandbox_bodies import PATHS
from sandbox_support import Client, Stage

from motionkit.sandbox import Sandbox
from motionkit_pixverse.sandbox import PixVerseSandbox

SECRET = "only for these tests"


class Receiver:
    """Take what is posted and answer as told; `ok` once nothing more is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                status, answer = receiver.answers.pop(0) if receiver.answers else (200, b"ok")
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def news(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def sandbox(receiver: Receiver) -> Iterator[Sandbox]:
    told = {"id": 7, "url": receiver.url, "secret": SECRET}
    with Sandbox(apps=[PixVerseSandbox], speed=0.001, job_seconds=100, webhooks=[told]) as running:
        yield running  # its time stands still but for `advance`


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as talking:
        yield talking


def start(client: Client, hook: object = "7") -> int:
    return client.start({**client.order("360p"), "webhook_id": hook})


def attempts(sandbox: Sandbox) -> list[int | None]:
    (delivery,) = sandbox.webhooks()["deliveries"]
    return [attempt["status"] for attempt in delivery["attempts"]]


def signed(headers: dict[str, str], payload: str) -> bool:
    text = f"{headers['Webhook-Timestamp']}\n{headers['Webhook-Nonce']}\n{payload}"
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return headers["Webhook-Signature"] == base64.b64encode(digest).decode()


def test_the_end_of_a_job_is_told_when_it_comes(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    number = start(client)
    sandbox.advance(99)
    assert receiver.got == []
    sandbox.advance(2)
    (news,) = receiver.news()
    told = client.result(number)
    assert list(news) == ["id", "status", "url", "size", "has_audio", "credits"]
    assert (news["id"], news["status"], news["url"]) == (str(number), 1, told["url"])
    assert (news["has_audio"], news["credits"]) == (False, 18)
    assert isinstance(news["size"], float)
    assert requests.get(news["url"], timeout=PATIENCE).content[4:8] == b"ftyp"
    assert sandbox.webhooks()["deliveries"][0]["state"] == "delivered"
    sandbox.advance(100_000)
    assert len(receiver.got) == 1


def test_timestamp_nonce_and_sorted_fields_are_signed(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    client.submit({**client.order("360p"), "webhook_id": 7}, "the trace")
    sandbox.advance(101)
    headers, body = receiver.got[0]
    news = json.loads(body)
    url = news["url"].replace("%", "%25").replace(":", "%3A").replace("/", "%2F")
    payload = (
        f"credits=18&has_audio=false&id={news['id']}&size={json.dumps(news['size'])}"
        f"&status=1&url={url}"
    )
    assert signed(headers, payload)
    assert not signed(headers, payload.replace("18", "19"))
    assert len(headers["Webhook-Nonce"]) == 32
    assert headers["Webhook-Timestamp"].isdecimal()
    assert (headers["Content-Type"], headers["Ai-Trace-Id"]) == ("application/json", "the trace")


def test_the_fields_are_signed_in_the_given_order_when_the_switch_says_so(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    sandbox.add_webhook("given", receiver.url, SECRET, order="given")
    sandbox.fault("fail:submit")
    number = start(client, "given")
    sandbox.advance(101)
    headers, _ = receiver.got[0]
    assert signed(headers, f"id={number}&status=8&url=&size=0.0&has_audio=false&credits=18")


@pytest.mark.parametrize(("fault", "word"), [("fail", 8), ("moderate", 7)])
def test_a_job_that_comes_to_nothing_is_told_too(
    sandbox: Sandbox, client: Client, receiver: Receiver, fault: str, word: int
) -> None:
    sandbox.fault(f"{fault}:submit")
    start(client)
    sandbox.advance(101)
    (news,) = receiver.news()
    assert (news["status"], news["url"], news["size"]) == (word, "", 0.0)


def test_only_ok_under_200_is_an_acknowledgement(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    receiver.answers = [(500, b"ok"), (201, b"ok"), (200, b'{"ok":true}'), (200, b"ok\n")]
    start(client)
    sandbox.advance(100 + 2 + 10 + 30 + 60 + 1)
    assert attempts(sandbox) == [500, 201, 200, 200, 200]
    assert len({headers["Webhook-Nonce"] for headers, _ in receiver.got}) == 5
    assert len({body for _, body in receiver.got}) == 1
    assert sandbox.webhooks()["deliveries"][0]["next"] is None


def test_eight_retries_follow_with_growing_pauses_and_then_none(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    receiver.answers = [(200, b"no")] * 100
    start(client)
    sandbox.advance(101)
    for count, pause in enumerate((2, 10, 30, 60, 300, 900, 3600, 14400), 1):
        sandbox.advance(pause - 2)
        assert len(receiver.got) == count
        sandbox.advance(2)
        assert len(receiver.got) == count + 1
    sandbox.advance(1_000_000)
    assert len(receiver.got) == 9
    assert sandbox.webhooks()["deliveries"][0]["state"] == "given up"


def test_a_leap_of_the_clock_makes_every_attempt_within_it(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    receiver.answers = [(200, b"no")] * 8
    start(client)
    told = requests.post(
        f"{sandbox.url}/_sandbox/clock", json={"advance": 30_000}, timeout=PATIENCE
    )
    (delivery,) = told.json()["webhooks"]["deliveries"]
    assert (len(receiver.got), delivery["state"]) == (9, "delivered")


def test_a_receiver_that_is_not_there_is_tried_again(receiver: Receiver) -> None:
    receiver.close()
    told = {"id": "7", "url": receiver.url, "secret": SECRET}
    with (
        Sandbox(apps=[PixVerseSandbox], speed=0.001, job_seconds=100, webhooks=[told]) as sandbox,
        Client(sandbox) as client,
    ):
        start(client)
        sandbox.advance(103)
        assert attempts(sandbox) == [None, None]
        (delivery,) = sandbox.ledger()["webhooks"]["deliveries"]
        assert delivery["attempts"][0]["error"] == "the connection failed"


def test_without_a_push_the_clock_alone_delivers(receiver: Receiver) -> None:
    told = {"id": "7", "url": receiver.url, "secret": SECRET}
    receiver.answers = [(500, b"")] * 3
    with (
        Sandbox(apps=[PixVerseSandbox], speed=2000, job_seconds=100, webhooks=[told]) as sandbox,
        Client(sandbox) as client,
    ):
        start(client)
        until(lambda: len(receiver.got) == 4)


def test_a_webhook_can_be_lost(sandbox: Sandbox, client: Client, receiver: Receiver) -> None:
    sandbox.fault("webhook_lost:submit")
    lost, fine = start(client), start(client)
    sandbox.advance(1000)
    assert [news["id"] for news in receiver.news()] == [str(fine)]
    assert client.result(lost)["status"] == 1


def test_a_stuck_job_and_a_twin_are_never_told(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    sandbox.fault("stuck:submit")
    sandbox.fault("twin:submit:after=1")
    start(client)
    number = start(client)
    sandbox.advance(100_000)
    assert [news["id"] for news in receiver.news()] == [str(number)]


def test_a_submit_without_a_known_webhook_tells_nobody(
    sandbox: Sandbox, client: Client, receiver: Receiver
) -> None:
    client.start()
    answer = client.submit({**client.order(), "webhook_id": "8"})
    assert answer.json()["ErrCode"] == 400017
    sandbox.advance(1000)
    assert receiver.got == []


TOLD = (
    *("text", "img", "effect", "transition", "multi", "extend", "lip sync", "fusion", "restyle"),
    *("swap", "sound", "mimic", "modify", "upscale"),
)


def test_the_operations_on_the_vendor_s_list_take_a_webhook(receiver: Receiver) -> None:
    with Stage() as stage:
        stage.ask("/audio/verification", {"audio_media_id": "$song"})
        stage.sandbox.add_webhook("7", receiver.url, SECRET)
        names: dict[str, str] = {}
        for name, (path, body) in PATHS.items():
            answer = stage.ask(path, {**body, "webhook_id": "7"})
            names[str(answer.get("video_id"))] = name
        told = {names[one["job"]] for one in stage.sandbox.webhooks()["deliveries"]}
        assert told == {*TOLD, "effect of two", "say"}


def test_webhooks_are_registered_over_http_and_show_no_secret(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/_sandbox/webhooks"
    hook = {"id": "new", "url": "http://localhost:1/x", "secret": SECRET, "order": "given"}
    told = requests.post(url, json=hook, timeout=PATIENCE)
    assert told.json()["registered"][-1] == {key: hook[key] for key in ("id", "url", "order")}
    assert SECRET not in told.text + requests.get(url, timeout=PATIENCE).text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "http://example.org/x"}, "loopback"),
        ({"url": "https://127.0.0.1/x"}, "loopback"),
        ({"url": "file:///etc/passwd"}, "loopback"),
        ({"url": "http://[::1"}, "loopback"),
        ({"id": None}, "id"),
        ({"secret": ""}, "secret"),
        ({"order": "random"}, "order"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_not_registered(
    sandbox: Sandbox, change: dict[str, Any], word: str
) -> None:
    hook = {"id": "new", "url": "http://127.0.0.1:1/x", "secret": SECRET, **change}
    answer = requests.post(f"{sandbox.url}/_sandbox/webhooks", json=hook, timeout=PATIENCE)
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert [one["id"] for one in sandbox.webhooks()["registered"]] == ["7"]
    with pytest.raises(ValueError, match=word):
        Sandbox(apps=[PixVerseSandbox], webhooks=[hook])


def test_a_registered_webhook_hides_its_secret(sandbox: Sandbox) -> None:
    assert SECRET not in repr(sandbox.webhooks())
    assert SECRET not in str(sandbox.ledger())


def test_the_command_line_says_what_its_webhook_is_called(receiver: Receiver) -> None:
    command = [sys.executable, "-m", "motionkit", "sandbox", "--port", "0", "--webhook"]
    refused = subprocess.run(
        [*command, "http://example.org/x"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert refused.returncode == 2
    assert "loopback" in refused.stderr
    with (
        subprocess.Popen(
            [*command, receiver.url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as serving,
        bounded(serving),
    ):
        assert serving.stderr is not None
        told = next(line for line in serving.stderr if line.startswith("webhooks are sent to"))
    assert receiver.url in told
    assert "webhook_id = 'sandbox-webhook'" in told
