"""Kling's callbacks from the sandbox into a client, and results whose address expires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sandbox_kling_support import JOB_SECONDS, MONTH, Inbox, receiver

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import ConfigError, DownloadFailed, SignatureError
from motionkit.sandbox import Sandbox
from motionkit_kling.sandbox import KlingSandbox, signature
from motionkit_kling.sandbox.app import SECRET

OTHER = "whsec_YW5vdGhlci1zZWNyZXQtb2Ytc29tZWJvZHktZWxzZQ=="
REQUEST = mk.Mimic("https://media.invalid/face.png", "https://media.invalid/dance.mp4")
Delivered = tuple[Mapping[str, str], bytes]


class Shop:
    """A client whose account has its callbacks sent to an inbox."""

    def __init__(self, sandbox: Sandbox, client: Client, inbox: Inbox) -> None:
        self.sandbox = sandbox
        self.client = client
        self.inbox = inbox

    def ended(self) -> mk.Job:
        """Buy, and let the job end."""
        job = self.client.submit(REQUEST, via="kling", key="order-17")
        self.sandbox.advance(JOB_SECONDS + 5)
        return job

    def receive(self, delivered: Delivered) -> Any:
        return self.client.parse_webhook("kling", *delivered)

    @property
    def polls(self) -> int:
        found = self.sandbox.ledger()["vendors"]["kling"]["accounts"]["default"]["polls"]
        assert isinstance(found, int)
        return found


@contextmanager
def shop(folder: Path, secret: str = SECRET, **switches: Any) -> Iterator[Shop]:
    with (
        receiver() as inbox,
        Sandbox(
            apps=[lambda world: KlingSandbox(world, **switches)], job_seconds=JOB_SECONDS
        ) as sandbox,
    ):
        file = folder / "motionkit.toml"
        line = f'webhook_secret = "{secret}"\n' if secret else ""
        file.write_text(
            f'journal = "{folder / "journal.db"}"\n[accounts.kling]\n'
            f'api_key = "{sandbox.environment["KLING_API_KEY"]}"\nbase_url = "{sandbox.url}"\n'
            f'webhook = "{inbox.url}"\n{line}'
        )
        file.chmod(0o600)
        with Client(file, sleep=sandbox.advance) as client:
            yield Shop(sandbox, client, inbox)


def test_a_job_that_ended_by_callback_is_polled_once_for_its_signed_address(tmp_path: Path) -> None:
    with shop(tmp_path) as made:
        job = made.ended()
        started, over = (made.receive(one) for one in made.inbox.seen)
        assert (started.state, over.state) == (mk.State.RUNNING, mk.State.SUCCEEDED)
        assert (over.job, over.repeated) == (job, False)
        assert made.polls == 0
        result = made.client.wait(job)
        assert made.polls == 1, "a signed address is a secret, and not kept"
        assert result.cost is not None
        assert str(result.cost.amount) == "4.5"
        film = made.client.download(result, tmp_path / "out.mp4")
        assert film.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("course", ["twice", "backwards"])
def test_callbacks_that_repeat_or_come_backwards_leave_the_end_as_it_is(
    course: str, tmp_path: Path
) -> None:
    with shop(tmp_path, course=course) as made:
        job = made.ended()
        for one in [*made.inbox.seen, *reversed(made.inbox.seen)]:
            made.receive(one)
        assert made.client.jobs.get("order-17").state is mk.State.SUCCEEDED
        assert made.client.wait(job).url
        assert made.polls == 1


def _forged(delivered: Delivered, how: str) -> Delivered:
    headers, body = delivered
    name, stamp = headers["webhook-id"], headers["webhook-timestamp"]
    old = str(int(stamp) - 301)
    changed = {
        "another body": (headers, body.replace(b"succeeded", b"failed")),
        "another secret": (
            {**headers, "webhook-signature": signature(OTHER, name, stamp, body)},
            body,
        ),
        "another id": ({**headers, "webhook-id": "1"}, body),
        "an older time": ({**headers, "webhook-timestamp": old}, body),
        "a replay after five minutes": (
            {
                **headers,
                "webhook-timestamp": old,
                "webhook-signature": signature(SECRET, name, old, body),
            },
            body,
        ),
        "another version": (
            {**headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
            body,
        ),
        "no signature": ({"content-type": "application/json"}, body),
    }
    return changed[how]


FORGERIES = (
    *("another body", "another secret", "another id", "an older time"),
    *("a replay after five minutes", "another version", "no signature"),
)


@pytest.mark.parametrize("how", FORGERIES)
def test_what_does_not_prove_itself_is_refused_and_changes_nothing(
    how: str, tmp_path: Path
) -> None:
    with shop(tmp_path) as made:
        job = made.ended()
        with pytest.raises(SignatureError):
            made.receive(_forged(made.inbox.seen[-1], how))
        assert made.client.jobs.get("order-17").open
        assert made.client.wait(job).url
        assert made.polls > 0, "the vendor was asked, not the forgery believed"


def test_two_signatures_of_a_rotation_are_both_enough(tmp_path: Path) -> None:
    with shop(tmp_path, secrets=(OTHER, SECRET)) as made:
        made.ended()
        assert made.receive(made.inbox.seen[-1]).state is mk.State.SUCCEEDED


def test_unsigned_callbacks_are_not_believed(tmp_path: Path) -> None:
    with shop(tmp_path, secrets=()) as made:
        made.ended()
        with pytest.raises(SignatureError):
            made.receive(made.inbox.seen[-1])
        assert made.client.jobs.get("order-17").open


def test_without_a_secret_of_ours_the_error_says_so(tmp_path: Path) -> None:
    with shop(tmp_path, secret="") as made:
        made.ended()
        with pytest.raises(ConfigError, match="webhook_secret"):
            made.receive(made.inbox.seen[-1])


def test_a_callback_that_never_comes_changes_nothing(tmp_path: Path) -> None:
    with shop(tmp_path) as made:
        made.sandbox.fault("webhook_lost:submit")
        job = made.ended()
        assert made.inbox.seen == []
        assert made.client.wait(job).url


def test_an_address_that_expired_is_asked_for_anew_and_a_month_later_the_file_is_gone(
    tmp_path: Path,
) -> None:
    with shop(tmp_path, link_life=3600.0) as made:
        job = made.ended()
        result = made.client.wait(job)
        made.sandbox.advance(2 * 3600)
        film = made.client.download(result, tmp_path / "late.mp4")
        assert film.read_bytes()[4:8] == b"ftyp"
        made.sandbox.advance(MONTH)
        with pytest.raises(DownloadFailed):
            made.client.download(result, tmp_path / "gone.mp4")
