"""Make the pictures of the README and the pages: what commands print, in colour.

Run by hand, whenever that changes: ``python tests/docs/screenshots.py``. It needs Chromium
(``apt-get install chromium``) and, of the extra ``dev``, pyte and Pillow.

The commands run in a terminal of their own, in an empty folder, against the sandbox. pyte plays the
terminal, rich draws what is on its screen as SVG, Chromium renders that. The notebook is executed,
and Chromium shows it, driven by Playwright; so it shows the board.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from socket import gethostname
from tempfile import TemporaryDirectory
from unittest.mock import patch

import notebooks
import pyte
from attrs import evolve, frozen
from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

import motionkit as mk
from motionkit.errors import MotionKitError
from motionkit.report.board import board_of, serve
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

IMAGES = Path(__file__).parents[2] / "docs" / "img"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--mute-audio", "--autoplay-policy=no-user-gesture-required"),
)
PLAY = """async () => {
  for (const film of document.querySelectorAll("video")) {
    await film.play();
    await new Promise((shown) => film.requestVideoFrameCallback(shown));
    film.pause();
  }
}"""
"""Plays every film up to its first picture."""
AT_A_TIME = """async (keys) => {
  const section = [...document.querySelectorAll(".request")].at(-1);
  section.scrollIntoView();
  const pause = (time) => new Promise((done) => setTimeout(done, time));
  const films = section.group.films;
  section.querySelector("h2 a").focus({ preventScroll: true });
  for (const key of keys) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }
  for (const film of films) film.load("auto");
  while (!films.every((film) => film.ready)) await pause(20);
  section.group.seek(1.6);
  await pause(20);
  while (!films.every((film) => film.ready)) await pause(20);
  await pause(500);
  section.scrollIntoView();
  document.activeElement.blur();
  await pause(200);
}"""
"""Shows the films of the last request at the same time of each."""
SHOWN = "/home/ada/work"
"""What the working folder is called in pictures; as long, so that lines break as they would."""
LARGEST = 150_000
"""Bytes of a picture: the README has to load quickly."""
COLOURS = 128

SANDBOX = "motionkit sandbox --"
SLOW = "motionkit sandbox --speed 5 --"
MIMIC = "motionkit mimic --image hero.png --video dance.mp4"
SUBMIT = "motionkit submit mimic --video dance.mp4 >/dev/null 2>&1"
THREE = " && sleep 3 && ".join(
    f"{SUBMIT} --image chars/{key}.png --key {key} --via {via}"
    for key, via in (("anna", "pixverse"), ("ben", "pixverse"), ("cleo", "segmind/pixverse-mimic"))
)
CHARS = ("anna.png", "ben.png", "cleo.png", "dora.png")
CLIPS = ("jig.mp4", "wave.mp4")
PORT = 8787
"""Where `motionkit init --sandbox` serves."""


@frozen
class Shot:
    """A picture to make.

    Attributes:
        command: The command that is shown, and run.
        columns: The width of the terminal.
        rows: Its height; what scrolls out of it is not in the picture.
        sandbox: The command that runs it, if it needs a sandbox of its own.
        before: Commands that are run before it, and not shown.
        typed: What is typed, once a text is on the screen.
        until: When the picture of a command that goes on is taken: this is on the screen.
        history: Whether the user has an account and bought many jobs.
        folder: Where it runs, below the working folder.
    """

    command: str
    columns: int = 100
    rows: int = 100
    sandbox: str = ""
    before: str = ""
    typed: tuple[str, bytes] | None = None
    until: str | None = None
    history: bool = False
    folder: str = "."


SHOTS = {
    "demo": Shot("motionkit demo", 134),
    "compare": Shot(
        "motionkit compare mimic --image hero.png --video dance.mp4 --quality 540p",
        132,
        sandbox=SANDBOX,
    ),
    "shootout": Shot(
        "motionkit shootout --images chars --videos clips/jig.mp4 "
        "--via pixverse segmind/pixverse-mimic --dry-run",
        106,
        sandbox=SANDBOX,
    ),
    "batch": Shot(
        "motionkit batch run --image 'chars/*.png' --video 'clips/*.mp4' --via pixverse "
        "--out films --max-usd 9 --yes",
        124,
        sandbox=SLOW,
        until=r"[3-7] of 8 done.*\bends\b",
    ),
    "init": Shot(
        "motionkit init --sandbox",
        typed=("first film now?", b"y\r"),
    ),
    "doctor": Shot(
        "motionkit doctor --offline",
        before="motionkit init --sandbox >/dev/null 2>&1",
        folder="motionkit-trial",
    ),
    "bar": Shot(f"{MIMIC} --out film.mp4", sandbox=SLOW, until=r"running .*about 1\d s left"),
    "wait": Shot(
        "motionkit wait anna ben cleo",
        before=THREE,
        sandbox=SLOW,
        until=r"(?s)anna .*ben .*cleo .*3 jobs left: .*3 running",
    ),
    "jobs": Shot("motionkit jobs", history=True),
    "spend": Shot("motionkit spend --by model", history=True),
    "budget": Shot("motionkit budget", history=True),
}
"""Name of a picture to what it shows."""


@frozen
class PageShot:
    """A picture of a page.

    Attributes:
        width: Of the window, in pixels.
        theme: ``light`` or ``dark``.
        begins: The heading that is at the top, as a selector.
        ends: The heading before which the picture ends.
    """

    width: int
    theme: str
    begins: str
    ends: str


NOTEBOOK = {
    "notebook": PageShot(1280, "light", "#Compare", "#Several-at-once"),
    "notebook-dark": PageShot(1280, "dark", "#Compare", "#Several-at-once"),
    "notebook-phone": PageShot(390, "light", "#Submit-and-wait", "#Jobs-and-money"),
    "notebook-phone-dark": PageShot(390, "dark", "#Submit-and-wait", "#Jobs-and-money"),
}
"""The pictures of docs/notebook.ipynb."""

BOARD = {
    "board": PageShot(1280, "light", "header", "#films li:nth-child(4)"),
    "board-dark": PageShot(1280, "dark", "header", "#films li:nth-child(4)"),
    "board-phone": PageShot(390, "light", "header", "#films li:nth-child(3)"),
    "board-phone-dark": PageShot(390, "dark", "header", "#films li:nth-child(3)"),
}
"""The pictures of the board, over the history."""


@frozen
class ReportShot:
    """A picture of a report.

    Attributes:
        width: Of the window, in pixels.
        height: The same.
        theme: ``light`` or ``dark``.
        keys: What is pressed before.
    """

    width: int
    height: int
    theme: str
    keys: tuple[str, ...] = ()


REPORT = {
    "report": ReportShot(1280, 900, "light"),
    "report-dark": ReportShot(1280, 900, "dark"),
    "report-wipe": ReportShot(1280, 900, "light", ("w",)),
    "report-wipe-dark": ReportShot(1280, 900, "dark", ("w",)),
    "report-phone": ReportShot(390, 844, "light"),
    "report-phone-dark": ReportShot(390, 844, "dark"),
}
"""The pictures of docs/reports.md: the films of a request, in the middle of their play."""
REPORTED = "motionkit report --label project=spring --title 'Spring campaign' --out report"


def main() -> None:
    """Make every picture, or those that are named; with --columns N in that width."""
    options = ArgumentParser()
    options.add_argument("names", nargs="*", choices=[*SHOTS, *NOTEBOOK, *REPORT, *BOARD, []])
    options.add_argument("--columns", type=int, help="Look at another width; not for the pages.")
    options.add_argument("--to", type=Path, default=IMAGES)
    asked = options.parse_args()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit("no Chromium found: apt-get install chromium")
    asked.to.mkdir(exist_ok=True)
    for name in [one for one in asked.names or SHOTS if one in SHOTS]:
        shot = SHOTS[name] if asked.columns is None else evolve(SHOTS[name], columns=asked.columns)
        with TemporaryDirectory(prefix="m", dir="/tmp") as folder, home(Path(folder), shot) as own:
            screen = run(shot, Path(folder), own)
            lines = [Text.assemble(("$ ", "green"), (shot.command, "bold")), *shown(screen)]
            lines = [Text(SHOWN).join(line.split(folder)) for line in lines]
            picture = render(browser, draw(lines, shot.columns, Path(folder)))
        save(asked.to, name, picture, "\n".join(line.plain for line in lines))
    wanted = {name: NOTEBOOK[name] for name in asked.names or NOTEBOOK if name in NOTEBOOK}
    if wanted:
        for name, picture, seen in of_notebook(browser, wanted):
            save(asked.to, name, picture, seen)
    pages = {name: REPORT[name] for name in asked.names or REPORT if name in REPORT}
    if pages:
        for name, picture, seen in of_report(browser, pages):
            save(asked.to, name, picture, seen)
    wanted = {name: BOARD[name] for name in asked.names or BOARD if name in BOARD}
    if wanted:
        for name, picture, seen in of_board(browser, wanted):
            save(asked.to, name, picture, seen)


def save(folder: Path, name: str, picture: bytes, seen: str) -> None:
    """Write a picture, unless it is large or shows something of this machine."""
    secret = next((one for one in ("/tmp/", sys.prefix, gethostname()) if one in seen), None)  # noqa: S108 - a part of paths
    if secret is not None or len(picture) > LARGEST:
        sys.exit(f"{name}: it shows {secret}, or has {len(picture):,} bytes:\n{seen}")
    (folder / f"{name}.png").write_bytes(picture)
    print(f"{name}.png: {len(picture):,} bytes")  # noqa: T201 - what was made


def of_notebook(browser: str, shots: Mapping[str, PageShot]) -> Iterator[tuple[str, bytes, str]]:
    """Execute the notebook; yield each picture of it with its name and the text in it."""
    with TemporaryDirectory(prefix="m", dir="/tmp") as folder, sync_playwright() as playwright:
        notebook = notebooks.executed(Path(folder))
        started = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        for name, shot in shots.items():
            text = notebooks.page(notebook, shot.theme)
            text = re.sub(r"/tmp/[\w-]+", SHOWN, text)  # noqa: S108 - a part of paths
            file = Path(folder) / f"{name}.html"
            file.write_text(text, "utf-8")
            window = {"width": shot.width, "height": 900}
            page = started.new_page(viewport=window, color_scheme=shot.theme)
            page.goto(file.as_uri())
            page.evaluate(PLAY)
            top, bottom = (
                page.locator(one).bounding_box()["y"] for one in (shot.begins, shot.ends)
            )
            clip = {"x": 0, "y": top - 12, "width": shot.width, "height": bottom - top}
            drawn = page.screenshot(full_page=True, clip=clip)
            # The colour of a page's ground stays what it is.
            small = few_colours(Image.open(io.BytesIO(drawn)), Image.Quantize.FASTOCTREE)
            yield name, small, page.inner_text("body")
        started.close()


def of_report(browser: str, shots: Mapping[str, ReportShot]) -> Iterator[tuple[str, bytes, str]]:
    """Write a report; yield each picture of it with its name and the text in it."""
    shot = Shot(REPORTED, history=True)
    with (
        TemporaryDirectory(prefix="m", dir="/tmp") as folder,
        home(Path(folder), shot) as own,
        sync_playwright() as playwright,
    ):
        run(shot, Path(folder), own)
        started = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        for name, wanted in shots.items():
            window = {"width": wanted.width, "height": wanted.height}
            page = started.new_page(viewport=window, color_scheme=wanted.theme)
            page.goto((Path(folder) / "report" / "index.html").as_uri())
            page.evaluate(AT_A_TIME, [*wanted.keys])
            picture = Image.open(io.BytesIO(page.screenshot()))
            yield name, few_colours(picture, Image.Quantize.FASTOCTREE), page.inner_text("body")
        started.close()


def of_board(browser: str, shots: Mapping[str, PageShot]) -> Iterator[tuple[str, bytes, str]]:
    """Serve the board of a user with a history; yield each picture with its name and its text."""
    with (
        TemporaryDirectory(prefix="m", dir="/tmp") as folder,
        home(Path(folder), Shot("", history=True)) as own,
        mk.Client(own / ".config" / "motionkit" / "motionkit.toml") as client,
        board_of(client, acts=True) as board,
        sync_playwright() as playwright,
    ):
        addresses: SimpleQueue[str] = SimpleQueue()
        serving = threading.Thread(target=serve, args=(board, "127.0.0.1", 0, addresses.put))
        serving.start()
        started = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        address = addresses.get()
        for name, shot in shots.items():
            window = {"width": shot.width, "height": 900}
            page = started.new_page(viewport=window, color_scheme=shot.theme)
            page.goto(address)
            page.wait_for_selector('#live[data-state="live"]')
            page.evaluate(
                f"document.querySelector('.where').textContent = '{SHOWN}/journal.db'; ({PLAY})()"
            )
            top, bottom = (
                page.locator(one).bounding_box()["y"] for one in (shot.begins, shot.ends)
            )
            clip = {"x": 0, "y": top, "width": shot.width, "height": bottom - top - 12}
            drawn = page.screenshot(full_page=True, clip=clip)
            small = few_colours(Image.open(io.BytesIO(drawn)), Image.Quantize.FASTOCTREE)
            yield name, small, page.inner_text("body")
        started.close()
        board.stop()
        serving.join()


@contextmanager
def home(work: Path, shot: Shot) -> Iterator[Path]:
    """Fill a working folder; yield a home. With a history, serve the sandbox it was bought in."""
    (work / ".venv").symlink_to(sys.prefix)
    (work / "hero.png").write_bytes(sample_picture())
    (work / "dance.mp4").write_bytes(sample_clip())
    (work / "chars").mkdir()
    (work / "clips").mkdir()
    for number, name in enumerate(CHARS):  # each another picture
        picture = Image.open(io.BytesIO(sample_picture()))
        picture.resize((picture.width - 2 * number, picture.height)).save(work / "chars" / name)
    for number, name in enumerate(CLIPS):
        (work / "clips" / name).write_bytes(sample_clip(4.0 + number))
    with TemporaryDirectory() as folder:
        if not shot.history:
            yield Path(folder)
            return
        with Sandbox(speed=1, job_seconds=60) as served:
            buy(served, Path(folder), work)
            yield Path(folder)


CONFIG = """\
journal = "{journal}"

[defaults]
budget_usd = {{ month = "50.00" }}

[routes.trailers]
targets = ["studio", "segmind/pixverse-mimic"]
budget_usd = {{ day = "5.00" }}

[accounts.studio]
provider = "pixverse"
api_key = "{PIXVERSE_API_KEY}"
base_url = "{PIXVERSE_BASE_URL}"

[accounts.segmind]
api_key = "{SEGMIND_API_KEY}"
base_url = "{SEGMIND_BASE_URL}"
"""


LOST = ("accept_then_reset:submit:times=0", "refuse:history:status=503:times=0")
BOUGHT = (
    # key, hours ago, account and model, project, faults at the submit and at the end
    ("teaser-1", 290, "studio", "teaser", "", ""),
    ("teaser-2", 289, "studio", "teaser", "", ""),
    ("teaser-3", 266, "segmind/p-video-animate", "teaser", "", ""),
    ("teaser-4", 241, "studio", "teaser", "fail:submit", ""),
    ("teaser-5", 240, "studio", "teaser", "", ""),
    ("anna-jig", 167, "studio", "spring", "", ""),
    ("anna-wave", 167, "studio", "spring", "moderate:submit", ""),
    ("ben-jig", 120, "segmind/pixverse-mimic", "spring", "", ""),
    ("ben-wave", 119, "segmind/pixverse-mimic", "spring", "fail:submit", ""),
    ("cleo-jig", 96, "studio", "spring", "refuse:submit:code=400017", ""),
    ("cleo-jig-2", 95.9, "studio", "spring", "", ""),
    ("cleo-wave", 72, "studio", "spring", "", "expire:poll"),
    ("dora-jig", 50, "segmind/p-video-animate", "spring", "", ""),
    ("dora-wave", 26, "segmind/pixverse-mimic", "spring", " ".join(LOST), ""),
    ("order-15", 5, "trailers", "trailers", "", "kept"),
    ("order-16", 3, "trailers", "trailers", "", ""),
    ("order-17", 0.7, "trailers", "trailers", "", ""),
    ("order-18", 0.6, "segmind/p-video-animate", "trailers", "", ""),
    ("order-19", 0.02, "trailers", "trailers", "", "runs"),
    ("order-20", 0.01, "segmind/pixverse-mimic", "trailers", "", "runs"),
    ("order-21", 0.001, "trailers", "trailers", "", "queued"),
)
"""What the user has bought, and how it ended."""


def buy(served: Sandbox, folder: Path, work: Path) -> None:
    """Buy many jobs of all endings, some of them days ago."""
    own = folder / ".config" / "motionkit" / "motionkit.toml"
    own.parent.mkdir(parents=True)
    own.write_text(CONFIG.format(journal=folder / "journal.db", **served.environment), "utf-8")
    own.chmod(0o600)
    passed = [0.0]  # seconds of which the client believes that it slept
    begun = time.time()
    logging.getLogger("stamina").disabled = True

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    client = mk.Client(own, clock=lambda: passed[0], sleep=sleep)
    with (
        client,
        patch("motionkit._support.backoff.FIRST_PAUSE", 0.0),
        patch("motionkit.purchase.submit.RESEND_PAUSE", 0.0),
        patch("motionkit.purchase.submit.resend_at", lambda *_: 0.0),
        patch("motionkit.journal.database.SQLiteStore.now") as now,
    ):
        for key, hours, via, project, faults, ending in BOUGHT:
            now.side_effect = lambda ago=hours * 3600: begun - ago
            request = mk.Mimic(
                image=work / "hero.png",
                video=work / "clips" / ("wave.mp4" if "wave" in key else "jig.mp4"),
            )
            job = None
            for fault in faults.split():
                served.fault(fault)
            with suppress(MotionKitError):  # such is its ending
                job = client.submit(request, via=via, key=key, labels={"project": project})
            served.clear_faults()
            if job is None or ending == "queued":
                continue
            if ending != "runs":
                served.advance(300)
            if ending.startswith("expire"):
                served.fault(ending)
            if not client.poll(job).state.terminal or ending:
                served.clear_faults()
                continue
            with suppress(MotionKitError):
                client.download(client.wait(job, timeout=60), work / "films" / f"{key}.mp4")


def run(shot: Shot, work: Path, home: Path) -> pyte.Screen:
    """Run a command in a terminal; return what is on the screen in the end, or at that text."""
    command = f"exec {shot.command}"
    if shot.before or shot.sandbox:
        command = " && ".join(filter(None, [shot.before, command]))
    if shot.folder != ".":
        command = command.replace("exec ", f"cd {shot.folder} && exec ")
    if shot.sandbox:
        command = f"exec {shot.sandbox} sh -c {shlex.quote(command)}"
    program = home / "bin" / "motionkit"  # so that it is of the working folder's environment
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {work}/.venv/bin/python3 -m motionkit "$@"\n', "utf-8")
    program.chmod(0o700)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", shot.rows, shot.columns, 0, 0))
    with subprocess.Popen(
        ["sh", "-c", command],  # noqa: S607 - of the user's PATH
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=work,
        env=environment,
        start_new_session=True,
    ) as running:
        os.close(theirs)
        screen = pyte.Screen(shot.columns, shot.rows)
        stream = pyte.ByteStream(screen)
        waited = shot.typed
        try:
            while told := os.read(ours, 65536):
                stream.feed(told)
                now = "\n".join(screen.display)
                if waited is not None and waited[0] in now:
                    os.write(ours, waited[1])
                    waited = None
                if shot.until is not None and re.search(shot.until, now):
                    os.killpg(running.pid, signal.SIGINT)
                    return screen
        except OSError:  # Linux says so when the other end is closed
            pass
        finally:
            os.close(ours)
    if running.returncode:
        sys.exit(
            f"{command} ended with {running.returncode}:\n" + "\n".join(screen.display).rstrip()
        )
    return screen


def shown(screen: pyte.Screen) -> list[Text]:
    """Return a screen's lines, up to the last that has anything."""
    lines = []
    for number in range(screen.lines):
        row = [screen.buffer[number][column] for column in range(screen.columns)]
        line = Text()
        for look, cells in groupby(row, lambda cell: (cell.fg, cell.bold)):
            colour = None if look[0] == "default" else look[0].replace("brown", "yellow")
            colour = f"#{colour}" if re.fullmatch("[0-9a-f]{6}", colour or "") else colour
            line.append("".join(cell.data for cell in cells), Style(color=colour, bold=look[1]))
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return [*lines, Text()]  # the drawing cuts what reaches below its last line


def draw(lines: list[Text], columns: int, folder: Path) -> Path:
    """Draw lines as SVG, with a font of the machine instead of one from a server."""
    console = Console(record=True, width=columns, file=io.StringIO(), color_system="truecolor")
    for line in lines:
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    svg = console.export_svg(title="", theme=SVG_EXPORT_THEME)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    file = folder / "shot.svg"
    file.write_text(svg.replace("Fira Code", "DejaVu Sans Mono"), "utf-8")
    return file


def render(browser: str, svg: Path) -> bytes:
    """Render an SVG as a PNG with few colours."""
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text("utf-8"))
    assert size is not None
    width, height = (round(float(one)) for one in size.groups())
    file = svg.with_suffix(".png")
    subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--default-background-color=00000000", f"--window-size={width},{height}"),
            *(f"--screenshot={file}", svg.as_uri()),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return few_colours(Image.open(file), Image.Quantize.MAXCOVERAGE)


def few_colours(picture: Image.Image, how: Image.Quantize) -> bytes:
    """Return a picture as a small PNG."""
    small = io.BytesIO()
    picture.convert("RGB").quantize(COLOURS, how).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
