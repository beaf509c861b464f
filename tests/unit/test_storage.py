"""Where results go: placeholders, folders, and stores behind URLs."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import attrs
import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from motionkit._support.system import state_folder
from motionkit.client.client import Client
from motionkit.errors import Billed, ConfigError, DownloadFailed, InvalidRequest
from motionkit.journal import Journal
from motionkit.model.job import Output, Result
from motionkit.storage import PLACEHOLDERS, Out, Place, literal
from motionkit.testing import samples
from motionkit.testing.stage import ACCOUNT, sample_request

VALUES = {
    "key": "order-17",
    "model": "mimic",
    "account": "studio",
    "provider": "pixverse",
    "target": "studio-mimic",
    "operation": "mimic",
    "job": "400000001",
    "date": "2026-11-27",
    "time": "174501",
    "inputs": "hero-dance",
    "take": "1",
    "label:project": "spring",
}


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield
    MemoryFileSystem.store.clear()


def filled(text: str, suffix: str = ".mp4", **values: str) -> str:
    return Path(Out.parse(text).fill({**VALUES, **values}, suffix)).name


def test_every_placeholder_is_filled_in() -> None:
    text = "-".join(f"{{{name}}}" for name in PLACEHOLDERS if name not in {"ext", "label:NAME"})
    assert filled(f"{text}-{{label:project}}.{{ext}}") == (
        "order-17-mimic-studio-pixverse-studio-mimic-mimic-400000001-2026-11-27-174501-hero-dance-"
        "1-spring.mp4"
    )
    assert filled("{key}") == "order-17.mp4"
    assert filled("{key}.v2") == "order-17.v2.mp4"
    assert filled("{key}.mov", ".mp4") == "order-17.mov"
    assert filled("{{{key}}}.{ext}", ".webm") == "{order-17}.webm"
    assert filled("{label:shot}-{key}") == "-order-17.mp4"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("../../etc/passwd", "etc_passwd.mp4"),
        ("/abs", "abs.mp4"),
        ("..", "order-17.mp4"),
        ("a\\b:c\0d\ne", "a_b_c_d_e.mp4"),
        (".hidden", "hidden.mp4"),
        ("b/7", "b_7.mp4"),
        ("é 東京", "é_東京.mp4"),
        ("x" * 500, "x" * 80 + ".mp4"),
    ],
)
def test_a_value_stays_within_the_name(value: str, expected: str) -> None:
    assert filled("films/{label:project}", **{"label:project": value}) == expected
    whole = Out.parse("films/{label:project}").fill({**VALUES, "label:project": value}, ".mp4")
    assert Path(whole).parent == Path.cwd() / "films"


def test_long_names_that_differ_at_their_ends_only_are_different_names() -> None:
    text = "{label:scene}-{inputs}-{label:shot}.{ext}"
    values = {"label:scene": "s" * 90, "inputs": "i" * 90}
    names = [filled(text, **values, **{"label:shot": shot}) for shot in ("1", "2")]
    assert len(set(names)) == 2
    assert all(len(name) == 160 + len(".mp4") for name in names)


@pytest.mark.parametrize(
    "text", ["{keys}.mp4", "{}.mp4", "{label:}.mp4", "{key!r}.mp4", "{key:>9}.mp4", "{key", "a}b"]
)
def test_an_unknown_placeholder_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Out.parse(text)
    assert caught.value.field == "out"
    assert caught.value.limit is not None


def test_a_folder_is_one_that_exists_or_ends_with_a_slash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert Out.parse("there").fill(VALUES, ".mp4") == str(tmp_path / "there/hero-dance.mp4")
    assert Out.parse("new/").fill(VALUES, ".png") == str(tmp_path / "new/hero-dance.png")
    assert Out.parse("new").path == tmp_path / "new"
    assert (
        Out.parse("s3://bucket/films/").fill(VALUES, ".mp4") == "s3://bucket/films/hero-dance.mp4"
    )
    assert Out.parse("s3://bucket/{date}/a.mp4").folder == "s3://bucket"
    assert Out.parse(literal("{odd}.mp4")).path == tmp_path / "{odd}.mp4"
    assert Out.recorded("/films/{odd}.mp4").path == Path("/films/{odd}.mp4")


# Delivered by a client.


@pytest.fixture
def result(client: Client) -> Result:
    job = client.submit(sample_request(), via=ACCOUNT, key="order/17", labels={"shot": "4"})
    return enclosed(client.wait(job))


def enclosed(result: Result) -> Result:
    """Return a result whose file is in its URL: it needs no file host."""
    content = base64.b64encode(samples.CLIP).decode()
    return attrs.evolve(result, outputs=(Output(f"data:video/mp4;base64,{content}"),))


def objects() -> dict[str, bytes]:
    system = fsspec.filesystem("memory")
    return {name: system.cat(name) for name in system.find("/")}


def kept() -> list[Path]:
    folder = state_folder() / "results"
    return [one for one in folder.rglob("*") if one.is_file()] if folder.exists() else []


def test_a_result_gets_its_name_and_a_number_where_that_is_taken(
    client: Client, result: Result, tmp_path: Path
) -> None:
    out = str(tmp_path / "films" / "{key}-{label:shot}.{ext}")
    first, second = client.deliver(result, out), client.deliver(result, out)
    assert Path(first.place) == first.path == tmp_path / "films" / "order_17-4.mp4"
    assert second.path == tmp_path / "films" / "order_17-4-2.mp4"
    record = client.jobs.get("order/17")
    assert (record.delivered, record.sha256) == (second.place, second.sha256)
    third = client.deliver(result, out, overwrite=True)
    assert third.path == first.path


def test_a_file_of_a_chosen_name_is_never_replaced_silently(
    client: Client, result: Result, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"mine")
    with pytest.raises(InvalidRequest, match="exists"):
        client.deliver(result, tmp_path / "a.mp4")
    fsspec.filesystem("memory").pipe("/b/a.mp4", b"mine")
    with pytest.raises(InvalidRequest, match="exists"):
        client.deliver(result, "memory://b/a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == objects()["/b/a.mp4"] == b"mine"


def test_an_object_appears_whole_and_the_journal_has_its_url_and_digest(
    client: Client, result: Result
) -> None:
    saved = client.deliver(result, "memory://bucket/films/{key}.{ext}")
    assert saved.place == "memory://bucket/films/order_17.mp4"
    assert saved.path is None
    (content,) = objects().values()
    assert hashlib.sha256(content).hexdigest() == saved.sha256
    record = client.jobs.get("order/17")
    assert (record.delivered, record.sha256) == (saved.place, saved.sha256)
    assert kept() == []
    again = client.deliver(result, "memory://bucket/films/{key}.{ext}")
    assert again.place == "memory://bucket/films/order_17-2.mp4"


def film(client: Client, key: str, content: bytes) -> Result:
    """Return a result with content of its own."""
    made = client.wait(client.submit(sample_request(), via=ACCOUNT, key=key))
    encoded = base64.b64encode(samples.CLIP + content).decode()
    return attrs.evolve(made, outputs=(Output(f"data:video/mp4;base64,{encoded}"),))


def test_two_results_that_are_delivered_at_once_never_share_an_object(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = film(client, "one", b"1" * 9), film(client, "two", b"2" * 9)
    out, put, between = "memory://bucket/{model}.{ext}", Place.put, []

    def late(self: Place, file: Path, name: str, **how: Any) -> str:
        if not between:  # another delivery begins and ends between the look and the write
            between.append(client)
            between.append(client.deliver(second, out).place)
        return put(self, file, name, **how)

    monkeypatch.setattr(Place, "put", late)
    saved = client.deliver(first, out)
    assert saved.place == "memory://bucket/memory.mp4"
    assert between[1] == "memory://bucket/memory-2.mp4"
    assert len(objects()) == 2


def test_a_chosen_name_that_another_delivery_writes_is_left_to_it_and_the_file_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = film(client, "one", b"1" * 9), film(client, "two", b"2" * 9)
    out, put, raised = "memory://bucket/film.mp4", Place.put, []

    def late(self: Place, file: Path, name: str, **how: Any) -> str:
        if not raised:
            raised.append(client)
            with pytest.raises(DownloadFailed, match="delivery; the file is kept") as caught:
                client.deliver(second, out)
            raised.append(caught.value)
        return put(self, file, name, **how)

    monkeypatch.setattr(Place, "put", late)
    client.deliver(first, out)
    assert raised[1].billed is Billed.YES
    with pytest.raises(InvalidRequest, match="exists"):
        client.deliver(second, out)
    assert client.deliver(second, "memory://bucket/other.mp4").sha256
    assert len(objects()) == 2


@pytest.fixture
def other_machine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let another machine write each name that is looked for, once, just after the look."""
    has, written = Place.has, list[str]()

    def late(self: Place, name: str) -> bool:
        found = has(self, name)
        if not found and name not in written and len(written) < 2:
            written.append(name)
            MemoryFileSystem().pipe_file(f"/bucket/{name}", b"of another machine")
        return found

    monkeypatch.setattr(Place, "has", late)
    return written


def test_a_name_that_another_machine_takes_meanwhile_is_left_to_it(
    client: Client, other_machine: list[str]
) -> None:
    saved = client.deliver(film(client, "one", b"1" * 9), "memory://bucket/{model}.{ext}")
    assert other_machine == ["memory.mp4", "memory-2.mp4"]
    assert saved.place == "memory://bucket/memory-3.mp4"
    assert [objects()[f"/bucket/{one}"] for one in other_machine] == [b"of another machine"] * 2


def test_a_chosen_name_that_another_machine_takes_meanwhile_keeps_the_paid_file_here(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    has, looks = Place.has, list[str]()

    def late(self: Place, name: str) -> bool:
        found = has(self, name)
        looks.append(name)
        if len(looks) == 2:  # before the download, and before the write
            MemoryFileSystem().pipe_file(f"/bucket/{name}", b"of another machine")
        return found

    monkeypatch.setattr(Place, "has", late)
    with pytest.raises(DownloadFailed, match="by another machine meanwhile; the file is kept as"):
        client.deliver(film(client, "one", b"1" * 9), "memory://bucket/film.mp4")
    assert objects() == {"/bucket/film.mp4": b"of another machine"}
    assert len(kept()) == 1


def test_a_store_that_cannot_refuse_an_object_gets_it_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, opened = tmp_path / "film.mp4", MemoryFileSystem._open
    file.write_bytes(b"x" * 1000)
    modes: list[str] = []

    def plain(self: Any, path: str, mode: str = "rb", **options: Any) -> Any:
        modes.append(mode)
        if mode == "xb":
            raise NotImplementedError("A header you provided implies functionality that is not")
        return opened(self, path, mode, **options)

    monkeypatch.setattr(MemoryFileSystem, "_open", plain)
    Place("memory://bucket").put(file, "film.mp4", new=True)
    assert modes == ["xb", "wb"]
    assert objects() == {"/bucket/film.mp4": b"x" * 1000}


@pytest.mark.parametrize("name", ["film.mp4", "{key}.{ext}"])
def test_an_object_that_a_killed_delivery_wrote_is_taken_as_delivered(
    client: Client, result: Result, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def killed(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "delivered", killed)
        with pytest.raises(KeyboardInterrupt):
            client.deliver(result, f"memory://bucket/{name}")
    saved = client.deliver(result, f"memory://bucket/{name}")
    assert len(objects()) == 1
    assert client.jobs.get("order/17").delivered == saved.place
    assert kept() == []


def test_a_kept_file_that_another_delivery_removes_first_is_no_error(
    client: Client, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = Journal.delivered

    def then_removed(self: Journal, *args: Any) -> None:
        delivered(self, *args)
        (path,) = kept()
        shutil.rmtree(path.parent)

    monkeypatch.setattr(Journal, "delivered", then_removed)
    saved = client.deliver(result, "memory://bucket/{key}.{ext}")
    assert client.jobs.get("order/17").delivered == saved.place
    assert kept() == []


def test_what_a_store_did_not_take_is_kept_here_and_sent_without_another_download(
    client: Client, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, data: bytes) -> int:
        MemoryFile.__base__.write(self, data[: len(data) // 2])  # type: ignore[union-attr]
        raise OSError("connection reset")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFile, "write", broken)
        with pytest.raises(DownloadFailed, match="reset; the file is kept as") as caught:
            client.deliver(result, "memory://bucket/{key}.{ext}")
    assert caught.value.billed is Billed.YES
    assert caught.value.job == result.job
    assert objects() == {}
    (path,) = kept()
    assert str(path) in caught.value.message
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    assert client.jobs.get("order/17").delivered is None
    monkeypatch.setattr(Client, "_fetch", lambda *_, **__: pytest.fail("downloaded again"))
    saved = client.deliver(result, "memory://bucket/{key}.{ext}")
    assert saved.sha256 == path.stem
    assert list(objects()) == ["/bucket/order_17.mp4"]
    assert kept() == []


def test_a_kept_file_that_was_damaged_is_downloaded_again(
    client: Client, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise DownloadFailed("no")

    with monkeypatch.context() as patch:
        patch.setattr(Place, "put", refuse)
        with pytest.raises(DownloadFailed):
            client.deliver(result, "memory://bucket/{key}.{ext}")
    (path,) = kept()
    path.write_bytes(b"damaged")
    saved = client.deliver(result, "memory://bucket/{key}.{ext}")
    (content,) = objects().values()
    assert hashlib.sha256(content).hexdigest() == saved.sha256


def test_the_place_of_the_submit_is_used_where_none_is_named(
    client: Client, tmp_path: Path
) -> None:
    job = client.submit(
        sample_request(), via=ACCOUNT, key="order-18", out=tmp_path / "{operation}-{key}"
    )
    assert client.jobs.get("order-18").out == str(tmp_path / "{operation}-{key}")
    saved = client.deliver(enclosed(client.wait(job)))
    assert saved.path == tmp_path / "mimic-order-18.mp4"


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        ("films/{keys}.mp4", InvalidRequest, "no placeholder"),
        ("films/{key}.png", InvalidRequest, "the result is a video"),
        ("nosuchstore://bucket/a.mp4", ConfigError, "nosuchstore"),
        ("s3://user:secret@bucket/a.mp4", InvalidRequest, "credentials"),
        ("simplecache::memory://user:secret@bucket/{key}.mp4", InvalidRequest, "credentials"),
        ("zip://a.mp4::memory://user:secret@bucket/a.zip", InvalidRequest, "credentials"),
        ("", InvalidRequest, "a path, a folder or a URL"),
        ("/proc/{key}/a.mp4", InvalidRequest, "cannot be written"),
    ],
)
def test_a_place_that_takes_no_result_is_refused_before_anything_is_bought(
    client: Client, out: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        client.submit(sample_request(), via=ACCOUNT, out=out)
    assert client.jobs.list() == []


def test_without_fsspec_the_error_names_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(ConfigError, match="needs fsspec") as caught:
        client.submit(sample_request(), via=ACCOUNT, out="memory://bucket/")
    assert caught.value.hint == "install it: pip install 'motionkit[storage]'"


def test_a_store_that_shows_files_while_they_grow_gets_them_by_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(b"x" * 1000)
    seen: list[str] = []
    local = fsspec.get_filesystem_class("file")
    put = local.put_file
    monkeypatch.setattr(
        local, "put_file", lambda self, a, b, **more: seen.append(b) or put(self, a, b, **more)
    )
    monkeypatch.setattr(Place, "folder", None)
    Place(f"local://{tmp_path}/store").put(file, "a/film.mp4")
    assert [os.path.basename(one) for one in seen] == ["film.mp4.part"]  # noqa: PTH119 - a text
    assert [one.name for one in (tmp_path / "store" / "a").iterdir()] == ["film.mp4"]


def test_a_job_that_the_journal_does_not_have_is_delivered_too(
    client: Client, result: Result
) -> None:
    other = attrs.evolve(result.job, id="17", key="")
    saved = client.deliver(attrs.evolve(result, job=other), "memory://b/{account}/{key}-{inputs}")
    assert saved.place == "memory://b/stage/17-mimic.mp4"


def test_a_store_without_folders_is_not_asked_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of S3 would make the bucket that a misspelt address names."""
    file = tmp_path / "film.mp4"
    file.write_bytes(b"x" * 1000)
    monkeypatch.setattr(MemoryFileSystem, "makedirs", lambda *_, **__: pytest.fail("made"))
    Place("memory://bucket/films").put(file, "film.mp4")
    assert list(objects()) == ["/bucket/films/film.mp4"]
