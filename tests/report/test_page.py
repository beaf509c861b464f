"""A report is whole or not there, replaces nothing of anybody else's, and says what is missing."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from shelf import Shelf

import motionkit as mk
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.report import page, write_report
from motionkit.sandbox import sample_clip, sample_picture

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.client.close()


@pytest.fixture
def media(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "dance.mp4").write_bytes(sample_clip(1.0, height=64))
    (tmp_path / "hero.png").write_bytes(sample_picture())
    return {"clip": tmp_path / "dance.mp4", "picture": tmp_path / "hero.png"}


def film(tmp_path: Path, name: str = "out.mp4") -> Path:
    (tmp_path / "films").mkdir(exist_ok=True)
    path = tmp_path / "films" / name
    path.write_bytes(sample_clip(1.0, height=64))
    return path


def text_of(made: page.Report) -> str:
    return made.file.read_text("utf-8")


def sources(text: str) -> list[str]:
    return re.findall(r'(?:src|href)="(?!#)([^"]*)"', text)


def test_a_folder_has_a_page_a_style_and_a_script_and_links_films_relatively(
    shelf: Shelf, media: dict[str, Path], tmp_path: Path
) -> None:
    shelf.add("k1", film=film(tmp_path), **media)
    made = write_report(shelf.client, tmp_path / "report")
    assert (made.requests, made.jobs, made.films, made.missing) == (1, 1, 1, 0)
    assert sorted(one.name for one in made.file.parent.iterdir()) == [
        *("index.html", "player.js", "style.css")
    ]
    found = sources(text_of(made))
    assert {"../films/out.mp4", "../dance.mp4", "../hero.png"} <= set(found)
    assert made.size == sum(one.stat().st_size for one in made.file.parent.iterdir())


def test_a_film_elsewhere_is_linked_by_its_whole_path(
    shelf: Shelf, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("else where")
    path = elsewhere / "100% & more.mp4"
    path.write_bytes(sample_clip(1.0, height=64))
    shelf.add("k1", film=path)
    found = sources(text_of(write_report(shelf.client, tmp_path / "a" / "report")))
    assert path.as_uri() in found


def test_copies_make_a_folder_that_names_no_other_place(
    shelf: Shelf, media: dict[str, Path], tmp_path: Path
) -> None:
    shelf.add("k1", film=film(tmp_path), **media)
    shelf.add("k2", film=film(tmp_path, "two.mp4"), target="other/m2", **media)
    made = write_report(shelf.client, tmp_path / "report", copy=True)
    text = text_of(made)
    links = [one for one in sources(text) if not one.startswith(("https://prices.test", "data:"))]
    assert all((made.file.parent / one).is_file() for one in links)
    assert len([one for one in links if one.startswith("films/")]) == 2
    assert len({one for one in links if one.startswith("media/")}) == 2
    assert str(tmp_path) not in text


def test_copies_of_an_earlier_report_are_kept_and_counted(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("k1", film=film(tmp_path))
    shelf.add("k2", film=film(tmp_path, "two.mp4"))
    place = tmp_path / "report"
    assert write_report(shelf.client, place, ["k1"], copy=True).others == 0
    assert write_report(shelf.client, place, ["k1"], copy=True).others == 0
    assert write_report(shelf.client, place, ["k2"], copy=True).others == 1
    assert len(list((place / "films").iterdir())) == 2


def test_names_of_copies_say_no_folder_of_their_owner(
    shelf: Shelf, media: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "a client's name"
    folder.mkdir()
    twin = media["picture"].rename(folder / "hero.png")
    (tmp_path / "hero.png").write_bytes(sample_picture())
    shelf.add("k1", picture=twin)
    shelf.add("k2", picture=tmp_path / "hero.png")
    made = write_report(shelf.client, tmp_path / "report", copy=True)
    names = [one.name for one in (made.file.parent / "media").iterdir()]
    assert [re.sub("[0-9a-f]{8}", "#", name) for name in names] == ["hero-#.png"] * 2


def test_one_file_holds_its_films_style_and_script(
    shelf: Shelf, media: dict[str, Path], tmp_path: Path
) -> None:
    shelf.add("k1", film=film(tmp_path), **media)
    made = write_report(shelf.client, tmp_path / "films.html", inline=True)
    text = text_of(made)
    assert list(tmp_path.glob("*.html")) == [made.file]
    assert text.count("data:video/mp4;base64,") == 2
    assert 'src="player.js"' not in text
    assert str(tmp_path) not in text
    assert "script-src 'sha256-" in unescape(text)


def test_films_that_are_too_large_for_one_file_are_refused_before_anything_is_written(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add("k1", film=film(tmp_path))
    monkeypatch.setattr(page, "LARGEST_INLINE", 100)
    with pytest.raises(InvalidRequest, match="one file holds at most 100 B") as caught:
        write_report(shelf.client, tmp_path / "films.html", inline=True)
    assert (caught.value.field, caught.value.limit) == ("inline", "100 bytes")
    assert not (tmp_path / "films.html").exists()


def test_vendor_text_names_and_labels_are_text(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(
        EVIL,
        state=mk.State.FAILED,
        message=f"<img src=x onerror=alert(2)> {EVIL}",
        description={"prompt": f'"><b>{EVIL}'},
        labels={"project": EVIL},
        film=None,
    )
    text = text_of(write_report(shelf.client, tmp_path / "report", title=EVIL))
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_failed_uncertain_refused_unfinished_and_lost_results_are_shown_as_such(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add("failed", state=mk.State.FAILED, message="no person in the clip")
    shelf.add("uncertain", state=mk.KeyState.UNCERTAIN)
    shelf.add("refused", state=mk.KeyState.REFUSED)
    shelf.add("running", state=mk.State.RUNNING)
    shelf.add("kept")
    shelf.add("gone", film=tmp_path / "gone.mp4")
    shelf.add("store", film="s3://films/k.mp4")
    made = write_report(shelf.client, tmp_path / "report")
    text = text_of(made)
    assert (made.films, made.missing) == (0, 2)
    for words in (
        "no person in the clip",
        "succeeded, not downloaded",
        "the film is not there any more",
        "the film is in a store",
        "it may have been charged",
        "may still be charged",
        "it was refused",
    ):
        assert words in text, words
    assert "<video" not in text


def test_the_decision_path_quote_and_cost_are_there_with_their_reasons(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add("k1", film=film(tmp_path), decided=True, route="best")
    text = text_of(write_report(shelf.client, tmp_path / "report"))
    for words in (
        "Why this target",
        "It is the cheapest that can take the request now.",
        "not tried",
        "48 credits = 0.48 USD, from 40 credits = 0.40 USD to 60 credits = 0.60 USD",
        "listed, read 2026-11-01",
        "reported by the vendor",
    ):
        assert words in text, words


def test_keys_beginnings_labels_batches_and_states_choose_jobs(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add("order-1", labels={"project": "spring"})
    shelf.add("order-17", batch="b1", item=1)
    shelf.add("other", state=mk.State.FAILED, route="best")

    def jobs(*keys: str, **filters: Any) -> int:
        return write_report(shelf.client, tmp_path / "report", keys, **filters).jobs

    assert jobs() == 3
    assert jobs("order-1") == 1
    assert jobs("order") == 2
    assert jobs("order-17", "order", "v3") == 3
    assert jobs(label={"project": "spring"}) == 1
    assert jobs(batch="b1") == 1
    assert jobs(state="failed") == 1
    assert jobs(route="best", since="1h") == 1


@pytest.mark.parametrize(
    ("keys", "filters", "named"),
    [
        ((), {"label": {"project": "autumn"}, "since": "30d"}, "label project=autumn, since 30d"),
        ((), {"state": ["failed", "gone"]}, "state failed or gone"),
        (("nothing",), {}, "'nothing'"),
    ],
)
def test_where_no_job_matches_the_error_names_what_was_asked_for(
    shelf: Shelf, tmp_path: Path, keys: tuple[str, ...], filters: dict[str, Any], named: str
) -> None:
    shelf.add("k1")
    with pytest.raises(InvalidRequest, match=f"no job matches {named}"):
        write_report(shelf.client, tmp_path / "report", keys, **filters)
    assert not (tmp_path / "report").exists()


def test_an_empty_journal_and_keys_with_filters_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no jobs yet"):
        write_report(shelf.client, tmp_path / "report")
    with pytest.raises(InvalidRequest, match="exclude each other"):
        write_report(shelf.client, tmp_path / "report", ["k1"], since="1d")


def test_an_earlier_report_is_replaced_and_anything_else_is_not(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add("k1")
    folder = tmp_path / "report"
    write_report(shelf.client, folder)
    assert write_report(shelf.client, folder).jobs == 1
    for name in ("index.html", "style.css", "player.js"):
        other = tmp_path / f"with-{name}"
        other.mkdir()
        (other / name).write_text("my own page")
        with pytest.raises(InvalidRequest, match="not a report's; it is not overwritten"):
            write_report(shelf.client, other)
        assert [one.name for one in other.iterdir()] == [name]
        assert (other / name).read_text() == "my own page"
        assert write_report(shelf.client, other, overwrite=True).jobs == 1


@pytest.mark.parametrize("inline", [False, True])
def test_a_report_that_breaks_off_leaves_the_earlier_one_as_it_was(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    shelf.add("k1")
    place = tmp_path / ("report.html" if inline else "report")
    made = write_report(shelf.client, place, inline=inline)
    before = text_of(made)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page.views, "request_view", broken)
    with pytest.raises(InvalidRequest, match="cannot be written: No space left on device"):
        write_report(shelf.client, place, inline=inline)
    assert text_of(made) == before
    assert not [one for one in made.file.parent.iterdir() if one.name.startswith(".")]


def test_a_folder_that_is_a_file_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("k1")
    (tmp_path / "report").write_text("a file")
    with pytest.raises(InvalidRequest, match="is a file, not a folder"):
        write_report(shelf.client, tmp_path / "report")


def test_without_jinja_the_error_says_what_to_install(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(ConfigError) as caught:
        write_report(shelf.client, tmp_path / "report")
    assert "motionkit[report]" in str(caught.value)


def test_a_rating_of_the_journal_is_on_the_page_and_only_results_can_be_rated(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.add("k1", film=film(tmp_path))
    shelf.add("k2", state=mk.State.FAILED)
    shelf.client.jobs.rate("k1", 4, note="hands <b>good</b>")
    text = text_of(write_report(shelf.client, tmp_path / "report"))
    assert "Rated 4 of 5." in text
    assert "hands &lt;b&gt;good&lt;/b&gt;" in text
    assert text.count('class="rate"') == 1


def test_many_jobs_are_written_with_little_memory(shelf: Shelf, tmp_path: Path) -> None:
    for number in range(300):
        shelf.add(f"k{number}", description={"prompt": f"{number} " + "x" * 2000})
    tracemalloc.start()
    try:
        write_report(shelf.client, tmp_path / "warm", ["k1"])
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        made = write_report(shelf.client, tmp_path / "report")
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert made.jobs == 300
    assert made.size > 1_000_000
    assert peak < 6_000_000
