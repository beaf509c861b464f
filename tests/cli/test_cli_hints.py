"""Python users read hints in Python, users of the command line read commands."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import motionkit
from motionkit import errors
from motionkit.cli.exit_codes import CODES
from motionkit.cli.hints import COMMANDS, HINTS, hint_of, sentence
from motionkit.cli.screen import error_data

CORE = Path(motionkit.__file__).parent
COMMAND = re.compile(r"['`]motionkit [a-z]+|(?<![\w-])--(via|max-usd|yes|config|out)\b")
SHELL = {"cli", "mcp", "report", "sandbox", "__main__.py"}
ONLY_A_COMMAND = {
    "config/credentials.py",
    "config/trust.py",
    "journal/copying.py",
    "journal/entries.py",
}
"""What a command alone does: a key is asked for, a file is trusted, without a question to the
program that reads it, and a journal is copied or checked."""


def strings(path: Path) -> list[str]:
    """Return a file's texts without its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_no_error_of_the_core_speaks_of_commands_or_options() -> None:
    found = {
        f"{path.relative_to(CORE)}: {text}"
        for path in CORE.rglob("*.py")
        if path.relative_to(CORE).parts[0] not in SHELL
        and str(path.relative_to(CORE)) not in ONLY_A_COMMAND
        for text in strings(path)
        if COMMAND.search(text)
    }
    assert not found


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_no_hint_on_the_command_line_speaks_python(kind: type[errors.MotionKitError]) -> None:
    assert "client." not in (hint_of(kind("it broke")) or "")


@pytest.mark.parametrize("kind", HINTS, ids=lambda kind: kind.__name__)
def test_the_commands_hint_replaces_that_of_the_class(kind: type[errors.MotionKitError]) -> None:
    error = kind("it broke")
    assert hint_of(error) == error_data(error)["hint"] == HINTS[kind]
    assert sentence(error) == f"it broke ({HINTS[kind]})"


def test_an_errors_own_hint_stays() -> None:
    assert hint_of(errors.DownloadFailed("it broke", hint="make room")) == "make room"
    assert hint_of(errors.JobNotFound("it broke")) is None
    assert sentence(errors.JobNotFound("it broke")) == "it broke"


@pytest.mark.parametrize("call", COMMANDS)
def test_a_call_in_an_errors_own_hint_becomes_a_command(call: str) -> None:
    error = errors.BudgetExceeded("too much", hint=f"{call} shows it")
    assert hint_of(error) == f"{COMMANDS[call]} shows it"
