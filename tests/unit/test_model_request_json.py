"""A request goes through JSON and back, for another process to submit; nothing else is read."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import attrs
import pytest
from support import NOON, job

import motionkit as mk
from motionkit.errors import InvalidRequest
from motionkit.model.media import File, Remote
from motionkit.model.probe import Facts
from motionkit.provider import registry
from motionkit.testing import samples

URL = "https://cdn.example/clip.mp4?signature=1"
MIMIC = '{"operation":"mimic","version":1,"image":{"path":"/a.png"},"video":{"url":"%s"}%s}'


def whole(kind: type[mk.Request]) -> mk.Request:
    """Return a request with every field given."""
    hints, media = get_type_hints(kind), kind.media_kinds()
    given: dict[str, Any] = {}
    for number, field in enumerate(attrs.fields(kind)):
        name, hint = field.name, hints[field.name]
        several = get_origin(hint) is tuple
        if name in media:
            refs = [Path(f"/media/{number}.bin"), URL, mk.Uploaded("up-1"), mk.Generated("123")]
            given[name] = refs if several else refs[number % len(refs)]
        elif name == "extra":
            given[name] = {"vendor": {"list": [1, 2.5, None, True], "text": "ü", "x": {"y": 1}}}
        elif name == "start":
            given[name] = 2 if kind.clip_argument() else None
        elif name == "seconds":
            given[name] = 1.5 if kind.clip_argument() else None
        elif "bool" in str(hint):
            given[name] = True
        elif "int" in str(hint):
            given[name] = [3, 4] if several else 3
        elif "float" in str(hint):
            given[name] = 2
        else:
            given[name] = ["one", "zwei"] if several else f"{name} ü\n"
    return kind(**given)


@pytest.mark.parametrize("kind", registry.operations(), ids=lambda kind: kind.verb)
def test_a_request_of_every_operation_comes_back_the_same(kind: type[mk.Request]) -> None:
    request = whole(kind)
    text = request.to_json()
    assert "\n" not in text
    for reader in (mk.Request, kind):
        read = reader.from_json(text)
        assert type(read) is kind
        assert [getattr(read, one.name) for one in attrs.fields(kind)] == [
            getattr(request, one.name) for one in attrs.fields(kind)
        ]
        assert read.to_json() == text
        facts = {name: Facts("a file") for name in request.media()}
        assert read.fingerprint(facts) == request.fingerprint(facts)


def test_only_what_was_given_is_written_and_in_one_order() -> None:
    request = mk.Mimic("/a.png", URL, quality="540p")
    assert request.to_json() == (
        '{"image":{"path":"/a.png"},"operation":"mimic","quality":"540p","version":1,'
        f'"video":{{"url":"{URL}"}}}}'
    )


def test_a_job_that_made_a_clip_comes_with_it() -> None:
    made = job("42", submitted_at=NOON, data={"a": 1})
    request = mk.Extend(mk.Generated(made), "on")
    read = mk.Extend.from_json(request.to_json())
    assert read == request
    assert isinstance(read.video, mk.Generated)
    assert read.video.job == made


def test_a_relative_path_means_the_same_file_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = mk.Mimic("hero.png", "sub/../dance.mp4").to_json()
    monkeypatch.chdir("/")
    read = mk.Mimic.from_json(text)
    assert (read.image, read.video) == (File(tmp_path / "hero.png"), File(tmp_path / "dance.mp4"))


def test_a_path_that_is_not_utf8_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "\udcff.png"
    assert mk.Mimic.from_json(mk.Mimic(path, URL).to_json()).image == File(path)


def test_bytes_are_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidRequest) as caught:
        mk.Mimic(b"secret bytes", URL).to_json()
    error = caught.value
    assert (error.field, error.value) == ("image", "<12 bytes>")
    assert "image is bytes in memory" in error.message
    assert error.hint == "save them to a file, and give its path"


@pytest.mark.parametrize("value", [{1}, object(), float("nan"), float("inf"), b"x"])
def test_a_value_that_is_not_json_is_refused(value: Any) -> None:
    request = mk.Mimic("/a.png", URL, extra={"vendor": {"field": value}})
    with pytest.raises(InvalidRequest, match="the request holds a value that is not JSON"):
        request.to_json()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "the request is not JSON"),
        ("[" * 100_000, "the request is not JSON"),
        ("[]", "the request is not a JSON object"),
        ("{}", "the request has no valid field 'version'"),
        ('{"version":true,"operation":"mimic"}', "no valid field 'version'"),
        ('{"version":2,"operation":"mimic"}', "version 2; this motionkit reads version 1"),
        ('{"version":1}', "no operation that is installed here"),
        ('{"version":1,"operation":["mimic"]}', "no operation that is installed here"),
        ('{"version":1,"operation":"teleport"}', "no operation that is installed here"),
        ('{"version":1,"operation":"mimic"}', "required field missing @ $.image"),
        (MIMIC % (URL, ',"foo":1'), "unknown fields (foo)"),
        (MIMIC % (URL, ',"quality":540'), "expected text @ $.quality"),
        (MIMIC % (URL, ',"seed":"7"'), "expected a whole number @ $.seed"),
        (MIMIC % (URL, ',"seed":true'), "expected a whole number @ $.seed"),
        (MIMIC % (URL, ',"fit":1'), "expected true or false @ $.fit"),
        (MIMIC % (URL, ',"start":"2"'), "expected a number @ $.start"),
        (MIMIC % (URL, ',"start":-1'), "start=-1 is not a number of seconds"),
        (MIMIC % (URL, ',"seconds":NaN'), "seconds=nan is not a number of seconds"),
        (MIMIC % (URL, ',"extra":{"vendor":1}'), "expected an object @ $.extra['vendor']"),
        (MIMIC % (URL, ',"image":"/a.png"'), "expected an object with path, url, upload,"),
        (MIMIC % (URL, ',"image":{"path":"/a","url":"x"}'), "expected an object with path, url,"),
        (MIMIC % (URL, ',"image":{"path":""}'), "expected an object with path, url, upload,"),
        (MIMIC % (URL, ',"image":{"path":7}'), "expected an object with path, url, upload,"),
        (MIMIC % (URL, ',"image":{"bytes":"x"}'), "expected an object with path, url, upload,"),
        (MIMIC % (URL, ',"image":{"job":{}}'), "the job has no valid field 'version'"),
        (
            '{"version":1,"operation":"modify","prompt":"p","video":{"path":"/v"},"masks":"abc"}',
            "expected a list @ $.masks",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        mk.Request.from_json(text)
    assert said in caught.value.message
    assert "signature" not in caught.value.message


def test_a_class_reads_its_own_operation_only() -> None:
    text = mk.Mimic("/a.png", URL).to_json()
    with pytest.raises(InvalidRequest, match="the request is mimic, not modify"):
        mk.Modify.from_json(text)


def test_reading_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(samples.PICTURE)
    text = mk.Mimic(path, URL).to_json()
    mk.Request.from_json(text)  # what is imported is imported
    opened: list[Any] = []

    def noted(call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **more: opened.append(args) or call(*args, **more)

    monkeypatch.setattr("motionkit.model.request._kinds", lambda: {"mimic": mk.Mimic})
    monkeypatch.setattr(io, "open", noted(io.open))
    for name in ("open", "stat", "exists", "is_file"):
        monkeypatch.setattr(Path, name, noted(getattr(Path, name)))
    read = mk.Request.from_json(text)
    assert opened == []
    assert read.media()["image"] == File(path)
    assert isinstance(read.media()["video"], Remote)


def test_a_fresh_process_reads_every_operation() -> None:
    texts = [whole(kind).to_json() for kind in registry.operations()]
    code = (
        "import json, sys; from motionkit.model.request import Request\n"
        "print(*(Request.from_json(one).operation for one in json.load(sys.stdin)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == [kind.operation for kind in registry.operations()]
