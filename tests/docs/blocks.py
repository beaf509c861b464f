"""Find the code blocks of the documentation and run them.

Each page is run from top to bottom, as a reader would: in an empty folder that holds the media the
pages name, with accounts of its own at the sandbox. Python blocks of a page share their names.

A block that cannot be run says why, in a comment right before it that no reader sees:

    <!-- excerpt: it installs packages -->

Python that a page needs and does not show is in a comment that begins with
``<!-- invisible-code: python``.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from patience import PATIENCE
from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.abstract import AbstractCodeBlockParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer

import motionkit as mk
from motionkit.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"

_EXCERPT = re.compile(r"<!-- excerpt: \S.* -->\s*\Z")
_FENCE = RawFencedCodeBlockLexer(re.compile(r"[ ]*(?P<language>[\w-]*)(?P<options>[^\n]*)\n"))
_TITLE = re.compile(r'title="motionkit\.toml"')
_HIDDEN = AbstractCodeBlockParser(
    [DirectiveInHTMLCommentLexer("invisible-code", ".+")], "python", PythonEvaluator()
)
_INCLUDED = re.compile(
    r"--8<--\n(?P<file>(?:docs/examples|tests/toy_provider)/[\w/.]+)(?::\w+)?\n--8<--\s*"
)
"""Files that tests of their own run: test_web_services.py, test_containers.py, and
tests/meta/test_toy_provider.py."""


class UnrunError(AssertionError):
    """A block is neither run nor marked as an excerpt."""


def pages() -> list[Path]:
    """Return the pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def parse(page: Path) -> Document:
    """Return a page with every one of its fenced blocks."""
    return Document.parse(str(page), _fenced, _HIDDEN)


def _fenced(page: Document) -> Iterable[Region]:
    for region in _FENCE(page):
        region.parsed = region.lexemes["source"]
        if _EXCERPT.search(page.text[: region.start]):
            region.evaluator = None
        elif _INCLUDED.fullmatch(region.parsed):
            region.evaluator = _included
        else:
            region.evaluator = RUNNERS.get(region.lexemes["language"], _unrun)
        yield region


def _unrun(block: Example) -> None:
    language = block.region.lexemes["language"] or "no language"
    raise UnrunError(
        f"a block of {language} is not run: mark it with a line '<!-- excerpt: why -->' before it"
    )


def _included(block: Example) -> None:
    included = _INCLUDED.fullmatch(block.parsed)
    assert included is not None
    assert (ROOT / included["file"]).is_file()


# Python.


def _python(block: Example) -> None:
    with redirect_stdout(io.StringIO()):
        PythonEvaluator()(block)


# Configurations.


def _toml(block: Example) -> None:
    """Load a configuration as one that its user wrote.

    With the title motionkit.toml it is what the rest of the page runs with.
    """
    for name in re.findall(r"\$\{(\w+)\}", block.parsed):
        os.environ.setdefault(name, "a-secret-of-the-reader")
    file = Path("motionkit.toml")
    file.write_text(block.parsed, "utf-8")
    file.chmod(0o600)
    with environment():
        for name in [name for name in os.environ if name.endswith("_BASE_URL")]:
            del os.environ[name]  # a block may name addresses of its own
        mk.Client(file).close()
    if _TITLE.search(block.region.lexemes["options"]):
        os.environ["MOTIONKIT_CONFIG"] = str(file.absolute())
    else:
        file.unlink()


@contextmanager
def environment() -> Iterator[None]:
    """Put the environment back in the end."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# The shell.


def _sh(block: Example) -> None:
    commands = list(_commands(block.parsed.splitlines()))
    if all(_argv(command) for command in commands):
        for command in commands:
            _run(command)
    else:
        _run(block.parsed)


def _console(block: Example) -> None:
    """Run what follows each prompt, and compare what it prints with what the page shows."""
    told = re.split(r"^\$ ", block.parsed, flags=re.MULTILINE)
    assert not told[0].strip(), "a console block begins with a prompt"
    for one in told[1:]:
        lines = one.splitlines()
        command = next(_commands(lines))
        _compare(lines[command.count("\n") + 1 :], _run(command))


def _commands(lines: list[str]) -> Iterator[str]:
    """Yield whole commands: a line and, as long as the shell wants more, what follows it."""
    command = ""
    for line in lines:
        command += ("\n" if command else "") + line
        if not command.strip():
            command = ""
        elif not line.endswith("\\") and _is_whole(command):
            yield command
            command = ""
    assert not command, f"the shell does not understand {command!r}"


def _is_whole(command: str) -> bool:
    if _argv(command):
        return True
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)  # noqa: S607 - the shell of the reader
    return checked.returncode == 0


def _argv(command: str) -> list[str] | None:
    """Return the arguments of a motionkit command that needs no shell, None for any other.

    The sandbox does: what its command prints does not pass through this process.
    """
    words = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    try:
        argv = list(words)
    except ValueError:  # a quotation that goes on in the next line
        return None
    if (
        argv[:1] != ["motionkit"]
        or argv[1:2] == ["sandbox"]
        or any(re.search(r"[$`*?<>|&;()]", one) for one in argv)
    ):
        return None
    return argv[1:]


_QUICK = """
motionkit() {
  if [ "$1" = sandbox ]; then shift; set -- sandbox --speed 10000 "$@"; fi
  command motionkit "$@"
}
"""
"""The sandbox's time is fast, unless a page says how fast: nobody waits for a test."""


def _run(command: str) -> str:
    """Run a command and return what it printed; one that fails, fails the test."""
    argv = _argv(command)
    if argv is None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _QUICK + command],  # noqa: S607 - the shell of the reader
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        code, said = done.returncode, done.stdout
    else:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
            code = main(argv)
        said = out.getvalue()
    assert code == 0, f"exit code {code} from {command!r}:\n{said}"
    return said


_VARIES = re.compile(r"(?P<price>\d[\d.,]* (?:credits?|USD)\b)|\b[0-9a-f]{8,}\b|\S*\d\S*")
_ELLIPSIS = re.compile(r"(?:\\ )?\\\.\\\.\\\.(?:\\ )?")


def _compare(shown: list[str], said: str) -> None:
    """Check that what a page shows was printed, in that order.

    Prices have to be right; other words with a digit (ids, times, ages) have to be there. An
    ellipsis stands for anything.
    """
    printed = iter(said.splitlines())
    for line in shown:
        wanted = _ELLIPSIS.sub(".*", re.escape(_constant(line)))
        if wanted not in {"", ".*"}:
            assert any(re.fullmatch(wanted, _constant(one)) for one in printed), (
                f"the page shows {line!r}, which was not printed (there):\n{said}"
            )


def _constant(line: str) -> str:
    """Return a line without what differs from run to run."""
    return " ".join(_VARIES.sub(lambda one: one["price"] or "#", line).split())


RUNNERS: Mapping[str, Callable[[Example], None]] = {
    "console": _console,
    "python": _python,
    "sh": _sh,
    "toml": _toml,
}
"""How a block of each language is run."""

SHELL_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
"""Where the shell finds the `motionkit` of this interpreter."""
