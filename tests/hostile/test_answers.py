"""Whatever a vendor's server sends: an error of ours, soon, in bounded memory, and honest."""

from __future__ import annotations

import datetime as dt
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from answers import ADDRESSES, CONTROL, HERE, IDS, JOB_ID, LOOKS, TEXT, WIRE, Row
from patience import PATIENCE
from rawhost import RawHost, http
from vendors import VENDORS

from motionkit import errors
from motionkit.errors import Billed, DownloadFailed, MotionKitError
from motionkit.http.download import download
from motionkit.http.session import Session
from motionkit.model.job import Job
from motionkit.model.submission import Call, Submission
from motionkit.provider import Provider

KEY = "hostile-key-0123456789"
DEADLINE = 0.3
"""Seconds after which a call that drips is given up here."""
MEMORY = 64 << 20
"""Bytes that any one answer may cost while it is read."""


@attrs.frozen
class _NoUploads:
    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bounds on size end what has no end: the deadline comes too late for that."""
    monkeypatch.setitem(Session.send.__kwdefaults__ or {}, "timeout", PATIENCE)


@contextmanager
def vendor_at(name: str, url: str) -> Iterator[Provider]:
    vendor = VENDORS[name]
    settings = vendor.account(api_key=KEY, base_url=url)
    provider: Provider = vendor.adapter("hostile", settings, _NoUploads())
    try:
        yield provider
    finally:
        provider.close()


def order(provider: Provider) -> Submission:
    paid = Call("POST", "/paid", json={"quality": "540p"}, paid=True)
    return Submission(provider.name, "hostile", "mimic", "mimic", paid)


def job_of(provider: Provider) -> Job:
    made = order(provider).job(JOB_ID, fingerprint=provider.fingerprint, attempt_id="a-1")
    return attrs.evolve(made, submitted_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))


def check(error: MotionKitError, expected: str) -> None:
    assert type(error) is getattr(errors, expected), error
    assert len(str(error)) < 1000
    assert len(repr(error)) < 1000
    assert "\x1b" not in str(error)
    assert KEY not in str(error)
    assert "deadline" not in str(error), "a bound on size ends it"
    if error.retry_after is not None:
        assert 0 <= error.retry_after <= 86_400


@contextmanager
def bounded() -> Iterator[None]:
    """Hold what happens inside to memory."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak / 2**20:.0f} MiB"


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("row", [*WIRE, *TEXT, *IDS], ids=lambda row: row.name)
def test_a_paid_call_that_is_answered_with_it_may_have_been_billed(row: Row, vendor: str) -> None:
    known = VENDORS[vendor]
    with RawHost(lambda _: row.pieces(known)) as host, vendor_at(vendor, host.url) as provider:
        if row.name in known.adopted:
            assert provider.submit(order(provider), "a-1").id == "7"
            return
        with bounded(), pytest.raises(MotionKitError) as caught:
            provider.submit(order(provider), "a-1")
        assert len(host.heads) == 1
    check(caught.value, row.expected("submit", known))
    refused = row.name in known.refused
    assert caught.value.billed is (Billed.NO if refused else Billed.UNKNOWN)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("row", [*WIRE, *TEXT, *LOOKS], ids=lambda row: row.name)
def test_a_look_that_is_answered_with_it_ends_no_job(row: Row, vendor: str) -> None:
    known = VENDORS[vendor]
    expected = row.expected("poll", known)
    with RawHost(lambda _: row.pieces(known)) as host, vendor_at(vendor, host.url) as provider:
        job = job_of(provider)
        with bounded():
            if expected == "UNKNOWN":
                status = provider.poll(job)
                assert status.state.name == "UNKNOWN"
                assert not status.state.terminal
                assert status.doubt is not None
                assert len(status.word) < 1000
                return
            with pytest.raises(MotionKitError) as caught:
                provider.poll(job)
    check(caught.value, expected)
    assert not isinstance(caught.value, errors.JobFailed | errors.JobGone | errors.ContentBlocked)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("row", [*WIRE, *TEXT], ids=lambda row: row.name)
def test_a_balance_that_is_answered_with_it_is_a_number_or_an_error(row: Row, vendor: str) -> None:
    known = VENDORS[vendor]
    with RawHost(lambda _: row.pieces(known)) as host, vendor_at(vendor, host.url) as provider:
        balance, failed = None, None
        with bounded():
            try:
                balance = provider.balance()
            except MotionKitError as error:
                failed = error
    if failed is not None:
        assert failed.billed is Billed.NO
        assert len(str(failed)) < 1000
    else:
        assert balance is not None
        assert balance.amount.is_finite()


def test_the_table_is_large_enough() -> None:
    names = [row.name for row in [*WIRE, *TEXT, *IDS, *LOOKS]]
    assert len(set(names)) == len(names) >= 40
    for vendor in VENDORS.values():
        own = {name.partition(" ")[2] for name in vendor.expected}
        assert own | vendor.adopted | vendor.refused <= set(names), vendor.name


LONG = 3000
"""Bytes of a drip: it takes minutes, and then it is a whole answer."""
DRIPS = [
    (http(length=LONG), b" ", b""),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", b"0\r\n\r\n"),
    (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a", b"\r\nContent-Length: 0\r\n\r\n"),
]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("parts", DRIPS, ids=["body", "chunks", "header"])
def test_a_drip_ends_with_the_deadline(
    parts: tuple[bytes, bytes, bytes], vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Session.send.__kwdefaults__ or {}, "timeout", DEADLINE)
    given_up = threading.Event()
    head, drop, end = parts

    def drip(_: bytes) -> Iterator[bytes]:
        for byte in head:
            yield bytes([byte])
        for _ in range(LONG):
            yield drop
            if given_up.wait(0.05):  # meant to expire: the drip itself
                return
        yield end

    with RawHost(drip) as host, vendor_at(vendor, host.url) as provider:
        with pytest.raises(errors.ProviderUnavailable) as caught:
            provider.submit(order(provider), "a-1")
        given_up.set()
    assert caught.value.billed is Billed.UNKNOWN


def test_terminal_codes_of_a_failed_job_do_not_reach_the_error() -> None:
    body = b'{"status":"FAILED","error":"\\u001b[2J\\u001b]0;x\\u0007policy violation\\r"}'
    with (
        RawHost(lambda _: [http(body, "422 Unprocessable")]) as host,
        vendor_at("segmind", host.url) as provider,
    ):
        status = provider.poll(job_of(provider))
        error = status.error(job_of(provider))
    assert CONTROL[0] not in str(error)
    assert "policy violation" in str(error)


# Addresses.


@pytest.mark.parametrize(("name", "address"), ADDRESSES, ids=[name for name, _ in ADDRESSES])
def test_an_address_that_a_vendor_may_not_name_is_refused(
    name: str, address: str, tmp_path: Path
) -> None:
    target = tmp_path / "folder" / "out.mp4"
    with pytest.raises(DownloadFailed) as caught:
        download(address, target, origin="https://vendor.example")
    assert list(target.parent.iterdir()) == []
    assert "planted" not in str(caught.value)
    assert len(caught.value.message) < 300
    assert "client.download" in str(caught.value)


ABROAD = [row for row in ADDRESSES[:24] if row[0] not in HERE]


@pytest.mark.parametrize(("name", "address"), ABROAD, ids=[name for name, _ in ABROAD])
def test_a_vendor_on_loopback_may_name_loopback_and_no_more(
    name: str, address: str, tmp_path: Path
) -> None:
    moved = http(b"", "302 Found", Location=address)
    with RawHost(lambda _: [moved]) as host, pytest.raises(DownloadFailed):
        download(f"{host.url}/v.mp4", tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []
