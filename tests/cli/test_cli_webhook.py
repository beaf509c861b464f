"""The receiver: from the vendor's delivery to a wait that asks nobody."""

from __future__ import annotations

import base64
import hmac
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from cli_support import Account, Cli, ended, process, read_until
from patience import PATIENCE, until

SECRET = "the-secret-of-the-console"


@pytest.fixture
def configured(slow_account: Account, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose submits name a webhook, and that has its secret."""
    file = own_place.parent / "mine.toml"
    file.write_text(
        f'[accounts.pixverse]\napi_key = "{slow_account.key}"\n'
        f'base_url = "{slow_account.sandbox.url}"\n'
        f'webhook_secret = "{SECRET}"\nwebhook_id = "{slow_account.label}"\n'
    )
    file.chmod(0o600)
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(file))
    return slow_account


@contextmanager
def receiver(account: Account, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a receiver that the vendor knows."""
    with process("webhook", "--port", "0", *options) as running:
        found = re.search(r"http://\S+?(?=;)", read_until(running, "receiving webhooks of"))
        assert found is not None
        account.sandbox.add_webhook(account.label, found[0], SECRET)
        yield running, found[0]


def test_a_job_that_ended_by_webhook_is_fetched_without_a_poll(
    cli: Cli, configured: Account, media: list[str]
) -> None:
    with receiver(configured, "--json") as (running, _):
        assert cli("submit", "mimic", *media, "--key", "order-17").code == 0
        configured.finish_jobs()  # returns when the webhooks due by then have left
        told = cli("wait", "order-17", "--out", "out.mp4", "--json")
        running.send_signal(signal.SIGINT)
        last = ended(running)

    assert (told.code, last.code) == (0, 0)
    assert configured.ledger["polls"] == 0
    assert Path("out.mp4").stat().st_size > 1000
    assert last.one == {
        "account": "pixverse",
        "job": told.one["job"],
        "key": "order-17",
        "known": True,
        "operation": "mimic",
        "repeated": False,
        "state": "succeeded",
    }
    assert "the receiver stopped" in last.err
    (delivery,) = deliveries(configured)
    assert (delivery["state"], delivery["attempts"][0]["answer"]) == ("delivered", "ok")


def test_resume_polls_none_of_the_jobs_that_ended_by_webhook(
    cli: Cli, configured: Account, media: list[str]
) -> None:
    with receiver(configured):
        for key in ("order-17", "order-18"):
            assert cli("submit", "mimic", *media, "--key", key).code == 0
        configured.finish_jobs()
        told = cli("resume", "--json")

    assert told.code == 0
    assert {row["key"] for row in told.data} == {"order-17", "order-18"}
    assert configured.ledger["polls"] == 0


def deliveries(account: Account) -> list[dict[str, object]]:
    told = account.sandbox.webhooks()["deliveries"]
    return [one for one in told if one["webhook"] == account.label]


def test_while_the_receiver_is_away_a_job_is_polled_and_the_retry_is_a_repetition(
    cli: Cli, configured: Account, media: list[str]
) -> None:
    configured.sandbox.add_webhook(configured.label, "http://127.0.0.1:9", SECRET)
    cli("submit", "mimic", *media, "--key", "order-17")
    configured.finish_jobs()
    assert cli("wait", "order-17", "--out", "out.mp4").code == 0
    assert configured.ledger["polls"] == 1


def test_each_delivery_is_a_line(cli: Cli, configured: Account, media: list[str]) -> None:
    with receiver(configured) as (running, _):
        cli("submit", "mimic", *media, "--key", "order-17")
        configured.finish_jobs()
        until(lambda: deliveries(configured)[0]["state"] == "delivered")
        running.send_signal(signal.SIGTERM)
        last = ended(running)
    (line,) = last.out.splitlines()
    assert re.fullmatch(r"succeeded job \d+ at pixverse: mimic, key order-17", line)


def test_what_is_not_the_vendors_is_refused_with_401_and_told(configured: Account) -> None:
    body = json.dumps({"id": "1", "status": 1, "url": "https://h/x.mp4"})
    forged = {
        "Webhook-Timestamp": "1",
        "Webhook-Nonce": "n",
        "Webhook-Signature": "c2lnbmF0dXJl",
    }
    with receiver(configured) as (running, url):
        without = requests.post(url, data=body, timeout=PATIENCE)
        wrong = requests.post(f"{url}/any/path", data=body, headers=forged, timeout=PATIENCE)
        large = requests.post(url, data=b"x" * 70_000, headers=forged, timeout=PATIENCE)
        read = requests.get(url, timeout=PATIENCE)
        running.send_signal(signal.SIGINT)
        last = ended(running)

    assert [one.status_code for one in (without, wrong, large, read)] == [401, 401, 413, 405]
    assert last.out == ""
    assert last.err.count("webhook refused: ") == 2
    assert SECRET not in last.err


def test_a_header_that_stands_twice_proves_nothing(configured: Account) -> None:
    fields = {"id": "1", "status": "1", "url": "https://h/x.mp4"}
    stamp, nonce = str(int(time.time())), "n" * 32
    signed = f"{stamp}\n{nonce}\n{urlencode(fields)}".encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
    headers = [("Webhook-Timestamp", stamp), ("Webhook-Nonce", nonce)]
    with receiver(configured) as (_, url):
        twice = posted(url, fields, [*headers, *[("Webhook-Signature", signature)] * 2])
        once = posted(url, fields, [*headers, ("Webhook-Signature", signature)])
    assert (twice, once) == (401, 200)


def posted(url: str, fields: dict[str, str], headers: list[tuple[str, str]]) -> int:
    """Deliver with these headers, each of them as often as it stands there."""
    body = json.dumps(fields).encode()
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)) as connection:
        connection.putrequest("POST", "/")
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status


@pytest.mark.parametrize(
    ("lines", "options", "sentence"),
    [
        ("", (), "has no webhook_secret"),
        ('webhook_secret = ""', (), "webhook_secret is empty"),
        ("", ("--account", "nobody"), "there is no account 'nobody'"),
    ],
)
def test_a_receiver_that_could_take_nothing_does_not_start(
    cli: Cli, own_place: Path, lines: str, options: tuple[str, ...], sentence: str
) -> None:
    (own_place / "mine.toml").write_text(
        f'[accounts.pixverse]\napi_key = "some-key-0123456789"\n{lines}\n'
    )
    told = cli("webhook", "--port", "0", "--config", "mine.toml", *options)
    assert told.code == 2
    assert sentence in told.err


def test_without_an_account_that_has_webhooks_it_says_so(cli: Cli) -> None:
    told = cli("webhook", "--port", "0")
    assert told.code == 2
    assert "no configured account has webhooks" in told.err


def test_a_taken_port_is_told(cli: Cli, configured: Account) -> None:
    with receiver(configured) as (_, url):
        told = cli("webhook", "--port", url.rpartition(":")[2])
    assert told.code == 2
    assert "is in use" in told.err
