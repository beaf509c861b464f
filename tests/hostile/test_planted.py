"""A key, a webhook secret and signed links are planted; nothing that runs leave behind holds them.

Thirty runs: twenty succeed, ten fail in different ways. All are at debug level, with http.client's
own debugging on. Errors are pickled, shown, and printed as tracebacks with locals, by the standard
library and by rich.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import http.client
import io
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE
from rawhost import RawHost
from rawhost import http as raw
from rich.traceback import Traceback

import motionkit as mk
from motionkit._support.redaction import Secret
from motionkit.cli import main
from motionkit.client.client import Client
from motionkit.errors import MotionKitError, SignatureError
from motionkit.http.response import Response
from motionkit.http.session import Session
from motionkit.model.submission import Call
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_pixverse.adapter import PixVerse

KEYS = {"pixverse": "planted-key-of-pixverse-5d41", "segmind": "SG_planted_key_of_segmind_4c1b"}
HOOK = "planted-webhook-secret-77ac"
HOOKS = {"pixverse": f'webhook_secret = "{HOOK}"\n', "segmind": ""}
SIGNATURE = "planted-signature-9b3f"
QUERY = f"?Expires=1893456000&Signature={SIGNATURE}"
PROXY = "planted-proxy-password-1e0d"
PLANTED = (*KEYS.values(), HOOK, SIGNATURE, PROXY)

FAILING = [
    ("pixverse", "refuse:submit:code=400017:message=" + HOOK, "InvalidRequest"),
    ("pixverse", "refuse:submit:code=99999:times=0:message=" + KEYS["pixverse"], "SubmitUncertain"),
    ("pixverse", "reset:submit:times=0", "SubmitUncertain"),
    ("pixverse", "accept_then_html:submit:times=0", "SubmitUncertain"),
    ("pixverse", "truncate:submit:cut=body:times=0", "SubmitUncertain"),
    ("pixverse", "http:download:status=403:times=0", "DownloadFailed"),
    ("pixverse", "reset:download:times=0", "DownloadFailed"),
    ("segmind", "refuse:submit:status=401:message=" + KEYS["segmind"], "AuthenticationError"),
    ("segmind", "fail:submit:message=" + KEYS["segmind"], "JobFailed"),
    (
        "segmind",
        "redirect:download:to=http://h.example/v.mp4" + QUERY.replace("=", "%3D"),
        "DownloadFailed",
    ),
]
"""Vendor and fault of the runs that fail, and the error that each ends with."""


@attrs.define
class Left:
    """Everything that was left behind, as bytes."""

    found: dict[str, bytes] = attrs.field(factory=dict, repr=False)

    def add(self, name: str, what: str | bytes) -> None:
        data = what if isinstance(what, bytes) else what.encode("utf-8", "replace")
        self.found[f"{len(self.found)}: {name}"] = data

    def add_error(self, error: BaseException) -> None:
        """Keep every way of showing an error, with whatever hangs on it.

        The tests' own frames are left out: what is planted stands there.
        """
        for one in _behind(error):
            below = one.__traceback__
            while below is not None and below.tb_frame.f_code.co_filename == __file__:
                below = below.tb_next
            one.__traceback__ = below
        self.add("repr", repr(error))
        self.add("str", str(error))
        self.add("vars", repr(vars(error)))
        self.add("pickle", pickle.dumps(error))
        self.add("copy", repr(vars(copy.copy(error))))
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        self.add("traceback", "".join(told.format()))
        self.add("rich", _shown_by_rich(error))
        for inner in _behind(error):
            self.add("behind", repr(inner) + str(inner) + repr(vars(inner)))
            for frame, _ in traceback.walk_tb(inner.__traceback__):
                self.add("locals", repr(frame.f_locals))
        if isinstance(error, MotionKitError):
            self.add("dict", repr(error.to_dict()))
            self.add("raw", repr(error.raw))

    def add_folder(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            self.add(f"name {path}", str(path))
            if path.is_file() and path.suffix not in {".mp4", ".png", ".toml"}:
                self.add(f"file {path}", path.read_bytes())

    def search(self) -> list[str]:
        return [
            f"{planted} in {name}"
            for name, data in self.found.items()
            for planted in PLANTED
            if planted.encode() in data
        ]


def _shown_by_rich(error: BaseException) -> str:
    """Return all words of the traceback that rich would draw; drawing them takes a minute."""
    shown = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=None,  # type: ignore[arg-type]  # rich.pretty takes it
        locals_max_string=10_000,
    )
    words = []
    for stack in shown.trace.stacks:
        words.append(f"{stack.exc_type}: {stack.exc_value}")
        for frame in stack.frames:
            words += [f"{name} = {node}" for name, node in (frame.locals or {}).items()]
    return "\n".join(words)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Give an error and all that led to it, whether it would be shown or not."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, one.__context__]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox with the planted keys; the links in what is read from it are signed."""
    real = Session.send

    def signing(self: Session, call: Call, **options: Any) -> Response:
        answer = real(self, call, **options)
        if call.method != "GET":
            return answer
        body = answer.body.replace(b'.mp4"', f'.mp4{QUERY}"'.encode())
        return attrs.evolve(answer, body=body)

    monkeypatch.setattr(Session, "send", signing)
    with Sandbox(speed=1000, job_seconds=1) as running:
        for vendor, key in KEYS.items():
            running.add_account(vendor, key, label="planted", balance="9000")
        yield running


def configuration(folder: Path, sandbox: Sandbox) -> Path:
    path = folder / "motionkit.toml"
    accounts = "".join(
        f'[accounts.{vendor}]\napi_key = "{key}"\nbase_url = "{sandbox.url}"\n{HOOKS[vendor]}'
        for vendor, key in KEYS.items()
    )
    path.write_text(f'journal = "{folder / "journal.db"}"\n{accounts}')
    path.chmod(0o600)
    return path


def forged_headers() -> dict[str, str]:
    """Return what only the right secret tells from a delivery of the vendor's."""
    signature = base64.b64encode(bytes(32)).decode()
    return {
        "Webhook-Timestamp": str(int(time.time())),
        "Webhook-Nonce": "n" * 32,
        "Webhook-Signature": signature,
    }


def buying(client: Client, vendor: str, folder: Path, number: int) -> None:
    request = mk.Mimic(image=folder / "hero.png", video=folder / "dance.mp4", quality="540p")
    job = client.submit(request, via=vendor, key=f"run-{number}")
    result = client.wait(job, timeout=PATIENCE)
    assert SIGNATURE in result.url
    client.download(result, folder / f"out-{number}.mp4")


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def left() -> Left:
    return Left()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Log everything at debug level, as a program may that looks for a fault."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)


def test_nothing_that_runs_leave_behind_holds_a_secret(  # noqa: PLR0917 - fixtures
    sandbox: Sandbox,
    tmp_path: Path,
    left: Left,
    logged: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(sample_clip(2.0, height=64))
    config = configuration(tmp_path, sandbox)
    runs = [(vendor, "", "") for _ in range(10) for vendor in KEYS] + FAILING
    ended: list[str] = []
    with Client(config, sleep=lambda _: None) as client:
        for number, (vendor, fault, _) in enumerate(runs):
            if fault:
                sandbox.fault(f"{fault}:vendor={vendor}")
            try:
                buying(client, vendor, tmp_path, number)
                ended.append("")
            except MotionKitError as error:
                ended.append(type(error).__name__)
                left.add_error(error)
            sandbox.clear_faults()
        with pytest.raises(SignatureError) as forged:
            client.parse_webhook("pixverse", forged_headers(), b'{"id":"1","status":1}')
        left.add_error(forged.value)
        for entry in client.jobs.list():
            left.add("entry", repr(entry))
        for name in KEYS:
            provider = client.account(name)
            left.add("provider", repr(vars(provider)) + repr(vars(provider._http)))  # type: ignore[attr-defined]
    assert ended == [error for _, _, error in runs]
    assert (len(runs), ended.count("")) == (30, 20)
    told = logged.getvalue()
    assert "urllib3.connectionpool" in told  # debugging was on
    left.add("logs", told)
    printed = capfd.readouterr()
    left.add("printed", printed.out + printed.err)
    left.add_folder(tmp_path)
    assert left.search() == []


@pytest.mark.parametrize("when", ["sending", "reading"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_an_interrupt_in_the_middle_of_a_call_shows_no_secret(  # noqa: PLR0917 - fixtures
    when: str,
    kind: type[BaseException],
    sandbox: Sandbox,
    tmp_path: Path,
    left: Left,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from motionkit.http import connection

    def strike(*_: object, **__: object) -> None:
        raise kind("struck")

    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(sample_clip(2.0, height=64))
    with Client(configuration(tmp_path, sandbox)) as client:
        for vendor in KEYS:
            with monkeypatch.context() as patch:
                if when == "sending":
                    patch.setattr(http.client.HTTPConnection, "send", strike)
                else:
                    patch.setattr(connection._BoundedReader, "readinto", strike)
                with pytest.raises(kind) as caught:
                    client.balance(vendor)
            left.add_error(caught.value)
    assert left.search() == []


def test_an_interrupted_download_shows_no_signed_link(
    sandbox: Sandbox, tmp_path: Path, left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    from motionkit.http import connection

    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(sample_clip(2.0, height=64))
    with Client(configuration(tmp_path, sandbox), sleep=lambda _: None) as client:
        request = mk.Mimic(image=tmp_path / "hero.png", video=tmp_path / "dance.mp4")
        result = client.run(request, via="pixverse")
        assert SIGNATURE in result.url
        left.add("result", repr(result))
        monkeypatch.setattr(connection._BoundedReader, "readinto", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            client.download(result, tmp_path / "out.mp4")
    left.add_error(caught.value)
    assert left.search() == []


@pytest.mark.parametrize("vendor", KEYS)
def test_a_file_host_is_sent_no_key(
    vendor: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = sample_clip(2.0, height=64)
    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(clip)
    signing = Session.send
    with RawHost(lambda _: [raw(clip)]) as host:
        to = raw(b"", "302 Found", Location=f"{host.url}/moved{QUERY}")
        with RawHost(lambda _: [to]) as first:

            def elsewhere(self: Session, call: Call, **options: Any) -> Response:
                answer = signing(self, call, **options)
                there = f'"{first.url}/v.mp4?'.encode()
                body = re.sub(rb'"http://[^"]*\.mp4\?', there, answer.body)
                return attrs.evolve(answer, body=body)

            monkeypatch.setattr(Session, "send", elsewhere)
            with Client(configuration(tmp_path, sandbox), sleep=lambda _: None) as client:
                buying(client, vendor, tmp_path, 1)
        heads = first.heads + host.heads
    assert [head.split(b" ")[1] for head in heads] == [
        f"/v.mp4{QUERY}".encode(),
        f"/moved{QUERY}".encode(),
    ]
    for head in heads:
        named = {line.partition(b":")[0].lower() for line in head.splitlines()[1:] if line}
        assert named == {b"host", b"user-agent", b"accept-encoding"}
        assert not any(key.encode() in head for key in KEYS.values())


@pytest.mark.parametrize("vendor", KEYS)
def test_media_given_by_address_are_passed_on_and_not_fetched(
    vendor: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        RawHost(lambda _: [raw(b"")]) as host,
        Client(configuration(tmp_path, sandbox), sleep=lambda _: None) as client,
    ):
        request = mk.Mimic(image=f"{host.url}/a.png", video=f"{host.url}/a.mp4", quality="540p")
        job = client.submit(request, via=vendor)
        assert client.wait(job, timeout=PATIENCE).url
        assert host.heads == []


@pytest.mark.parametrize("options", [[], ["--debug"], ["--debug", "--json"]])
def test_a_crash_of_the_command_line_prints_no_secret(  # noqa: PLR0917 - fixtures
    options: list[str],
    sandbox: Sandbox,
    tmp_path: Path,
    left: Left,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def crash(_: object) -> None:
        raise ZeroDivisionError(f"{KEYS['pixverse']} at https://h.example/v.mp4{QUERY}")

    monkeypatch.setenv("MOTIONKIT_CONFIG", str(configuration(tmp_path, sandbox)))
    monkeypatch.setattr(PixVerse, "balance", crash)
    before = [one for one in options if one != "--json"]
    code = main([*before, "balance", "pixverse", *(one for one in options if one == "--json")])
    assert code == 1
    printed = capfd.readouterr()
    assert "*** at https://h.example/v.mp4?***" in printed.err
    assert ("Traceback" in printed.err) is bool(before)
    left.add("printed", printed.out + printed.err)
    assert left.search() == []


ONE_AFTER_THE_OTHER = """
import json, sys
from motionkit.cli import main
from motionkit.model.submission import SameId
from motionkit_pixverse.adapter import PixVerse
PixVerse.resend = SameId(window=1.0, times=1)
print(json.dumps([main(command) for command in json.loads(sys.argv[1])]))
"""
COMMANDS = [
    ["--debug", "mimic", "--json"],
    ["--debug", "balance", "--json"],
    ["mimic", "--explain"],
    ["mimic", "--dry-run", "--json"],
    ["jobs", "--json"],
    ["config", "check"],
]


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        ("", [0, 0, 0, 0, 0, 0]),
        ("refuse:submit:code=99999:times=0:message=", [10, 0]),
        ("reset:balance", [0, 0]),
    ],
)
def test_the_command_line_prints_no_secret(
    fault: str, ends: list[int], sandbox: Sandbox, tmp_path: Path, left: Left
) -> None:
    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(sample_clip(2.0, height=64))
    config = configuration(tmp_path, sandbox)
    environment = {
        **{name: value for name, value in os.environ.items() if "_API_KEY" not in name},
        "MOTIONKIT_CONFIG": str(config),
        "HTTPS_PROXY": f"http://somebody:{PROXY}@127.0.0.1:9",
        "HOME": str(tmp_path),
    }
    if fault:
        sandbox.fault(fault + (KEYS["pixverse"] if fault.endswith("=") else ""))
    media = ["--image", "hero.png", "--video", "dance.mp4"]
    commands = [
        [*command, *media, "--max-usd", "3"] if "mimic" in command else command
        for command in COMMANDS[: len(ends)]
    ]
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)],
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        timeout=PATIENCE,
        check=False,
    )
    codes = json.loads(done.stdout.splitlines()[-1])
    assert codes == ends, done.stderr
    left.add("printed", done.stdout + done.stderr)
    left.add_folder(tmp_path)
    assert left.search() == []


SHOWING: list[Callable[[object], str]] = [repr, str, lambda value: repr(vars(value))]


def test_what_a_call_leaves_in_memory_shows_no_secret(tmp_path: Path, left: Left) -> None:
    from motionkit.http.response import Response
    from motionkit.model.media import Remote

    link = f"https://h.example/v.mp4{QUERY}"
    body = f'{{"url": "{link}", "list": [["{link}"]], "note": "{HOOK}"}}'.encode()
    Secret(HOOK)
    answer = Response(302, {"location": link}, body)
    left.add("answer", repr(answer))
    left.add("json", repr(answer.json()))
    left.add("remote", repr(Remote(link)))
    with contextlib.suppress(MotionKitError):
        mk.Mimic(image=link, video=f"http://plain.example/{QUERY}").media()
    left.add("request", repr(mk.Mimic(image=link, video=link)))
    assert answer.json()["url"] == link
    assert answer.json()["list"] == [[link]]
    assert Remote(link).url == link
    assert left.search() == []
