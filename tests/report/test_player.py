"""In a browser: films load lazily and play in step, the wipe works, vendor text is text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import wait_for
from shelf import Shelf

import motionkit as mk
from motionkit.report import import_ratings, write_report
from motionkit.sandbox import sample_clip, sample_picture

EVIL = "<script>alert(1)</script>"
STEP = 0.05
"""Seconds by which films that play in step may be apart."""
GROUP = "document.querySelector('.request').group"
IN_STEP = f"""(() => {{
  const group = {GROUP};
  const now = performance.now();
  const films = group.films.filter((one) => !one.broken);
  const good = films.every((one) => one.usable && !one.video.seeking) && !group.held
    && group.spread <= {STEP};
  if (!good) window.since = null;
  else window.since ??= now;
  return window.since !== null && now - window.since >= 500;
}})()"""
"""Whether the films were in step whenever that was asked for half a second."""
THERE = f"{GROUP}.films.every((one) => one.ready)"
"""Whether each film shows what it was sent to."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films that differ in length, size and rate of pictures."""
    folder = tmp_path_factory.mktemp("clips")
    for name, seconds, height, fps in (
        ("dance", 15.0, 160, 30),
        ("a", 15.0, 480, 30),
        ("b", 13.0, 240, 24),
        ("c", 14.0, 720, 12),
    ):
        (folder / f"{name}.mp4").write_bytes(sample_clip(seconds, height=height, fps=fps))
    (folder / "hero.png").write_bytes(sample_picture())
    return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.client.close()


@pytest.fixture
def three(shelf: Shelf, clips: Path, tmp_path: Path) -> str:
    """The address of a report on one request with three results."""
    media = {"clip": clips / "dance.mp4", "picture": clips / "hero.png"}
    shelf.add("k1", film=clips / "a.mp4", target="studio/m1", decided=True, **media)
    shelf.add("k2", film=clips / "b.mp4", target="other/m2", **media)
    shelf.add("k3", film=clips / "c.mp4", target="third/m3", **media)
    shelf.add("k4", state=mk.State.FAILED, message=f"no <b>face</b> {EVIL}", **media)
    return write_report(shelf.client, tmp_path / "report").file.as_uri()


def opened(page: Any, address: str) -> Any:
    page.goto(address)
    wait_for(page, f"{GROUP}.films.every((one) => !one.near || one.video.readyState >= 2)")
    return page


def in_step(page: Any) -> None:
    page.evaluate("window.since = null")
    wait_for(page, IN_STEP)


def times(page: Any) -> list[float]:
    """Return where the films are once each shows what it was sent to."""
    wait_for(page, THERE)
    found: list[float] = page.evaluate(f"{GROUP}.films.map((one) => one.video.currentTime)")
    return found


@pytest.mark.parametrize("shape", ["tall", "upright", "square", "flat", "wide"])
def test_clip_picture_and_two_results_are_side_by_side_on_a_laptop(
    new_page: Callable[..., Any], shelf: Shelf, clips: Path, tmp_path: Path, shape: str
) -> None:
    media = {"clip": clips / "dance.mp4", "picture": clips / "hero.png"}
    shelf.add("k1", film=clips / "a.mp4", **media)
    shelf.add("k2", film=clips / "b.mp4", target="other/m2", **media)
    page = new_page()
    page.goto(write_report(shelf.client, tmp_path / "report").file.as_uri())
    page.evaluate(f"document.querySelector('.grid').className = 'grid {shape}'")
    tops = page.evaluate("[...document.querySelectorAll('.grid > *')].map((one) => one.offsetTop)")
    assert len(tops) == 4
    assert len(set(tops)) == 1


def test_films_load_and_play_and_stay_in_step_through_pauses_scrubs_and_speeds(
    new_page: Callable[..., Any], three: str
) -> None:
    page = opened(new_page(), three)
    play = page.get_by_role("button", name="Play", exact=True)
    play.click()
    in_step(page)
    wait_for(page, f"{GROUP}.time > 3")
    in_step(page)
    page.get_by_role("button", name="Pause").click()
    places = times(page)
    assert max(places) - min(places) <= STEP
    assert min(places) > 3
    page.get_by_role("slider", name="Position").fill("8")
    assert times(page) == pytest.approx([8.0] * 4, abs=STEP)
    play.click()
    in_step(page)
    page.locator(".transport select").select_option("1.5")
    in_step(page)
    wait_for(page, f"{GROUP}.time > 11")
    in_step(page)
    page.get_by_role("slider", name="Position").fill("2")  # while it plays
    page.locator(".transport select").select_option("0.5")
    in_step(page)
    wait_for(page, f"{GROUP}.playing && {GROUP}.time > 2.5 && {GROUP}.time < 8")
    page.keyboard.press("Space")
    places = times(page)
    assert max(places) - min(places) <= STEP


def test_a_film_that_is_pushed_out_of_step_comes_back(
    new_page: Callable[..., Any], three: str
) -> None:
    page = opened(new_page(), three)
    page.keyboard.press("Space")
    in_step(page)
    for push in (-0.15, 0.2, -1.5, 3.0):  # by its speed, and by a start of all
        page.evaluate(
            f"""(push) => {{
              const video = {GROUP}.films[2].video;
              video.currentTime = {GROUP}.time + push;
            }}""",
            push,
        )
        wait_for(page, f"{GROUP}.spread > {STEP} || !{GROUP}.films[2].video.seeking")
        in_step(page)


def test_a_shorter_film_waits_at_its_end_and_all_begin_again_together(
    new_page: Callable[..., Any], three: str
) -> None:
    page = opened(new_page(), three)
    page.get_by_role("slider", name="Position").fill("12.5")
    times(page)
    page.keyboard.press("Space")
    wait_for(page, f"{GROUP}.time > 13.5 && {GROUP}.films[2].video.currentTime > 12.9")
    wait_for(page, f"{GROUP}.playing && {GROUP}.time < 5")  # the loop
    in_step(page)
    page.keyboard.press("l")
    page.get_by_role("slider", name="Position").fill("14.5")
    wait_for(page, f"!{GROUP}.playing && {GROUP}.position > 14.9")
    assert page.get_by_role("button", name="Play", exact=True).is_visible()


def test_a_file_that_is_no_film_says_so_and_the_others_play(
    new_page: Callable[..., Any], shelf: Shelf, clips: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film at all")
    for name, film in (("k1", clips / "a.mp4"), ("k2", tmp_path / "broken.mp4")):
        shelf.add(name, film=film, clip=clips / "dance.mp4", target=f"{name}/m")
    page = new_page()
    page.goto(write_report(shelf.client, tmp_path / "report").file.as_uri())
    wait_for(page, f"{GROUP}.films.some((one) => one.broken)")
    assert "cannot play the file" in page.locator(".result[data-key=k2] .screen").inner_text()
    page.keyboard.press("Space")
    in_step(page)
    assert page.evaluate(f"{GROUP}.films.filter((one) => !one.video.paused).length") == 2


def test_keys_step_by_frames_and_seconds(new_page: Callable[..., Any], three: str) -> None:
    page = opened(new_page(), three)
    for key, frames in ((".", 1), (".", 2), (".", 3), (",", 2)):
        page.keyboard.press(key)
        assert times(page) == pytest.approx([(frames + 0.5) / 30] * 4, abs=0.002)
    page.keyboard.press("ArrowRight")
    assert times(page)[0] == pytest.approx(1 + 2.5 / 30, abs=0.002)
    page.keyboard.press("End")
    assert times(page) == pytest.approx([15, 15, 13, 14], abs=0.1)
    page.keyboard.press("Home")
    assert times(page) == [0, 0, 0, 0]
    page.keyboard.press(">")
    assert page.evaluate(f"{GROUP}.rate") == 1.5
    page.locator("#keys").click()
    page.get_by_label("use these keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("<")
    assert page.evaluate(f"{GROUP}.rate") == 1.5


def test_the_sound_of_one_film_at_a_time(new_page: Callable[..., Any], three: str) -> None:
    page = opened(new_page(), three)
    heard = f"{GROUP}.films.map((one) => !one.video.muted)"
    assert page.evaluate(heard) == [False] * 4
    page.get_by_role("button", name="Sound of studio/m1").click()
    assert page.evaluate(heard) == [False, True, False, False]
    page.keyboard.press("3")
    assert page.evaluate(heard) == [False, False, True, False]
    page.keyboard.press("3")
    assert page.evaluate(heard) == [False] * 4


def test_the_wipe_moves_by_mouse_and_by_keys(
    new_page: Callable[..., Any], shelf: Shelf, clips: Path, tmp_path: Path
) -> None:
    from PIL import Image

    for name, colour in (("red", (220, 0, 0)), ("blue", (0, 0, 220))):
        (tmp_path / f"{name}.mp4").write_bytes(plain(colour))
        shelf.add(name, film=tmp_path / f"{name}.mp4", clip=clips / "dance.mp4", target=f"{name}/m")
    page = opened(new_page(), write_report(shelf.client, tmp_path / "report").file.as_uri())
    page.get_by_role("button", name="Wipe between two films").click()
    page.locator(".wipe").scroll_into_view_if_needed()
    slider = page.get_by_role("slider", name="Wipe position")
    canvas = page.locator(".wipe canvas")

    def share() -> int:
        """Return which part of the canvas is red, in percent."""
        picture = Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")
        row = [picture.getpixel((x, picture.height // 4)) for x in range(picture.width)]
        assert any(blue > 150 for _, _, blue in row)
        return round(100 * sum(red > 150 > blue for red, _, blue in row) / len(row))

    assert share() == pytest.approx(50, abs=4)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 40)
    page.mouse.up()
    assert slider.input_value() == "20"
    assert share() == pytest.approx(20, abs=4)
    page.keyboard.press("]")
    page.keyboard.press("]")
    assert slider.input_value() == "30"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "31"
    assert share() == pytest.approx(31, abs=4)
    page.keyboard.press("w")
    assert not canvas.count()


def plain(colour: tuple[int, int, int]) -> bytes:
    """Return a film of one colour."""
    from PIL import Image

    from motionkit.sandbox.media import _film

    return _film((Image.new("RGB", (180, 320), colour) for _ in range(30)), (180, 320), 30)


def test_films_are_loaded_only_near_the_screen_and_let_go_again(
    new_page: Callable[..., Any], shelf: Shelf, clips: Path, tmp_path: Path
) -> None:
    for number in range(100):
        shelf.add(f"k{number}", film=clips / "b.mp4", description={"prompt": str(number)})
    page = new_page()
    page.goto(write_report(shelf.client, tmp_path / "report").file.as_uri())
    loaded = "[...document.querySelectorAll('video')].map((one) => one.readyState > 0)"
    wait_for(page, f"{loaded}[0]")
    assert 1 <= sum(page.evaluate(loaded)) < 20
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    wait_for(page, f"{loaded}[99] && !{loaded}[0]")
    assert sum(page.evaluate(loaded)) < 20
    page.evaluate("window.scrollTo(0, 0)")
    wait_for(page, f"{loaded}[0] && !{loaded}[99]")


def test_names_and_vendor_text_with_markup_show_as_text(
    new_page: Callable[..., Any], shelf: Shelf, clips: Path, tmp_path: Path
) -> None:
    film = tmp_path / "<b>&amp;.mp4"
    film.write_bytes((clips / "b.mp4").read_bytes())
    markup = f"<img src=x onerror=alert(2)>{EVIL}"
    shelf.add(EVIL, film=film, labels={"project": EVIL}, description={"prompt": markup})
    shelf.add("k2", state=mk.State.FAILED, message=markup)
    for inline in (False, True):
        page = new_page()
        asked: list[str] = []
        page.on("dialog", lambda dialog, asked=asked: asked.append(dialog.message))
        made = write_report(
            shelf.client,
            tmp_path / ("report.html" if inline else "report"),
            inline=inline,
            title=EVIL,
        )
        page.goto(made.file.as_uri())
        wait_for(page, "document.querySelector('video').readyState >= 2")
        page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        text = page.locator("body").inner_text()
        assert page.title() == EVIL
        assert text.count(EVIL) >= 5
        assert markup in text
        assert not page.locator("main img").count()
        assert not asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_serious_fault_of_accessibility(
    new_page: Callable[..., Any],
    violations: Callable[[Any], list[str]],
    three: str,
    scheme: str,
    width: int,
) -> None:
    page = opened(
        new_page(
            color_scheme=scheme,
            viewport={"width": width, "height": 844},
            reduced_motion="reduce",
        ),
        three,
    )
    page.keyboard.press("?")
    page.keyboard.press("w")
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_without_javascript_everything_is_read_and_each_film_has_its_controls(
    new_page: Callable[..., Any], three: str
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(three)
    text = page.locator("body").inner_text()
    for words in ("studio/m1", "48 credits = 0.48 USD", "540p", "failed", "Keyboard", EVIL):
        assert words in text, words
    assert page.locator("video[controls]").count() == 4
    assert not page.locator(".transport, .rate:visible, .tools:visible").count()
    page.locator("details.path summary").first.click()
    assert "It is the cheapest" in page.locator("body").inner_text()


def test_ratings_stay_in_the_browser_and_are_exported_as_the_journal_takes_them(
    new_page: Callable[..., Any], shelf: Shelf, three: str, tmp_path: Path
) -> None:
    page = opened(new_page(), three)
    first = page.locator(".result[data-key=k1]")
    first.get_by_label("4 of 5").check(force=True)
    first.get_by_label("Note on studio/m1").fill('=1+1; "hands", <b>fine</b>')
    first.get_by_label("Note on studio/m1").blur()
    page.locator(".result[data-key=k2]").get_by_label("2 of 5").check(force=True)
    assert page.locator("#rated").inner_text() == "2 rated here"
    page.reload()
    wait_for(page, f"{GROUP} !== undefined")
    assert page.locator("#rated").inner_text() == "2 rated here"
    for form in ("json", "csv"):
        with page.expect_download() as download:
            page.locator(f"[data-export={form}]").click()
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        assert file.name == f"ratings.{form}"
    rows = json.loads((tmp_path / "ratings.json").read_text("utf-8"))
    assert [(one["key"], one["stars"]) for one in rows] == [("k1", 4), ("k2", 2)]
    cells = list(csv.reader(io.StringIO((tmp_path / "ratings.csv").read_text("utf-8"))))
    assert cells[0] == ["key", "stars", "note", "rated_at"]
    assert cells[1][2].startswith("'=")
    assert import_ratings(shelf.client, tmp_path / "ratings.csv").rated.new == 2
    assert import_ratings(shelf.client, tmp_path / "ratings.json").rated.unchanged == 2
    kept = shelf.client.jobs.rating("k1")
    assert kept is not None
    assert (kept.stars, kept.note) == (4, '=1+1; "hands", <b>fine</b>')
    page.locator(".result[data-key=k1]").get_by_role("button", name="Clear the rating").click()
    assert page.locator("#rated").inner_text() == "1 rated here"


def test_a_search_hides_the_requests_that_have_none_of_the_words(
    new_page: Callable[..., Any], shelf: Shelf, clips: Path, tmp_path: Path
) -> None:
    shelf.add("k1", film=clips / "b.mp4", description={"prompt": "snow on the roof"})
    shelf.add("k2", description={"prompt": "a walk by the sea"})
    page = new_page()
    page.goto(write_report(shelf.client, tmp_path / "report").file.as_uri())
    page.locator("#find").fill("SNOW roof")
    assert page.locator(".request:visible").count() == 1
    assert page.locator("#found").inner_text() == "1 of 2 requests"
    page.locator("#find").fill("")
    page.get_by_label("with films only").check()
    assert page.locator(".request:visible h2").all_inner_texts() == ["mimic"]
