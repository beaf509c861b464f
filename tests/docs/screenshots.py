"""Make the pictures of the README and the pages: what commands print, in colour.

Run by hand, whenever that changes: ``python tests/docs/screenshots.py``. It needs Chromium
(``apt-get install chromium``) and, of the extra ``dev``, pyte and Pillow.

The commands run in a terminal of their own, in an empty folder, against the sandbox. pyte plays the
terminal, rich draws what is on its screen as SVG, Chromium renders that.
"""

from __future__ import annotations

import fcntl
import io
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
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import pyte
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from motionkit.sandbox import sample_clip, sample_picture

IMAGES = Path(__file__).parents[2] / "docs" / "img"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LARGEST = 150_000
"""Bytes of a picture: the README has to load quickly."""
ROWS = 100
COLOURS = 128

SANDBOX = ["motionkit", "sandbox", "--"]
SLOW = ["motionkit", "sandbox", "--speed", "5", "--"]
FILES = ["--image", "chars/*.png", "--video", "clips/*.mp4"]
BATCH = ["batch", "run", *FILES, "--via", "pixverse", "--out", "films", "--max-usd", "9", "--yes"]
CHARS = ("anna.png", "ben.png", "cleo.png", "dora.png")
CLIPS = ("jig.mp4", "wave.mp4")
COMPARE = ["compare", "mimic", "--image", "hero.png", "--video", "dance.mp4", "--quality", "540p"]
SHOTS = {
    "demo": ([], ["motionkit", "demo"], 124),
    "compare": (SANDBOX, ["motionkit", *COMPARE], 124),
    "batch": (SLOW, ["motionkit", *BATCH], 124),
}
"""Name of a picture to what is run before the command, the command, and columns."""
WHILE = {"batch": re.compile(r"[3-7] of 8 done.*\bends\b")}
"""What is on the screen when a picture is taken of a command that goes on."""


def main() -> None:
    """Make every picture."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit("no Chromium found: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    for name, (before, command, columns) in SHOTS.items():
        with TemporaryDirectory() as folder:
            screen = run(before + command, columns, Path(folder), WHILE.get(name))
            lines = [Text.assemble(("$ ", "green"), (shlex.join(command), "bold")), *shown(screen)]
            lines = [Text("/home/ada").join(line.split(f"{folder}/work")) for line in lines]
            picture = render(browser, draw(lines, columns, Path(folder)))
        if folder in "\n".join(line.plain for line in lines) or len(picture) > LARGEST:
            sys.exit(f"{name}: it shows a path of this machine, or has {len(picture)} bytes")
        (IMAGES / f"{name}.png").write_bytes(picture)
        print(f"docs/img/{name}.png: {len(picture):,} bytes")  # noqa: T201 - what was made


def run(
    command: list[str], columns: int, folder: Path, until: re.Pattern[str] | None
) -> pyte.Screen:
    """Run a command in a terminal; return what is on the screen in the end, or at that text."""
    work = folder / "work"
    work.mkdir()
    (work / "hero.png").write_bytes(sample_picture())
    (work / "dance.mp4").write_bytes(sample_clip())
    (work / "chars").mkdir()
    (work / "clips").mkdir()
    for number, name in enumerate(CHARS):  # each another picture
        picture = Image.open(io.BytesIO(sample_picture()))
        picture.resize((picture.width - 2 * number, picture.height)).save(work / "chars" / name)
    for number, name in enumerate(CLIPS):
        (work / "clips" / name).write_bytes(sample_clip(4.0 + number))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=work,
        env=environment,
        start_new_session=True,
    ) as running:
        os.close(theirs)
        screen = pyte.Screen(columns, ROWS)
        stream = pyte.ByteStream(screen)
        try:
            while told := os.read(ours, 65536):
                stream.feed(told)
                if until is not None and until.search("\n".join(screen.display)):
                    os.killpg(running.pid, signal.SIGINT)
                    return screen
        except OSError:  # Linux says so when the other end is closed
            pass
        finally:
            os.close(ours)
    if running.returncode:
        sys.exit(f"{command} ended with {running.returncode}:\n" + "\n".join(screen.display))
    return screen


def shown(screen: pyte.Screen) -> list[Text]:
    """Return a screen's lines, up to the last that has anything."""
    lines = []
    for number in range(ROWS):
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
    small = io.BytesIO()
    Image.open(file).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(
        small, "PNG", optimize=True
    )
    return small.getvalue()


if __name__ == "__main__":
    main()
