"""Tests pass on a loaded machine: long waits for others, no real clock, no sleep."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parents[2]
LEAST = 120.0
"""Seconds that a test waits at least for another process or thread."""
EXPIRES = "meant to expire"
"""What a comment says of a shorter limit that the test wants to see passed."""
WAITS = frozenset({"wait", "join", "communicate", "acquire", "get", "put"})
"""Methods of processes, threads, events, locks and queues."""
CALLS = frozenset({"get", "post", "put", "patch", "delete", "head", "request", "urlopen"}) | {
    "create_connection",
    "HTTPConnection",
    "Barrier",
}
STARTS = frozenset({"run", "check_output", "check_call", "call"})
"""Functions of `subprocess`."""
CLOCKS = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"})

MEASURING = (
    "tests/bench/",
    "tests/faults/child.py",
    "tests/faults/cutter.py",
    "tests/patience.py",
    "tests/postgres.py",
)
"""Whose purpose is real time."""
SOURCES = [
    path
    for folder in ("tests", "motionkit/testing")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not str(path.relative_to(ROOT)).startswith(MEASURING)
]


def _number(node: ast.expr | None, names: Mapping[str, float]) -> float | None:
    """Return the seconds that an expression stands for, where that is plain to see."""
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return float(node.value)
    return names.get(node.id) if isinstance(node, ast.Name) else None


def _limit(call: ast.Call) -> ast.expr | None:
    """Return the limit of a call that waits for another process or thread."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
    named = next((word.value for word in call.keywords if word.arg == "timeout"), None)
    if name in CALLS or (name in STARTS and owner == "subprocess"):
        return named
    if name not in WAITS:
        return None
    if name in {"wait", "join"} and call.args:  # `client.wait(job, 60)` has a clock of its own
        return call.args[0]
    return named


def _expiring(source: str) -> set[int]:
    """Return the lines whose comment says that their limit is meant to expire."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        one.start[0] for one in tokens if one.type == tokenize.COMMENT and EXPIRES in one.string
    }


def _constants(tree: ast.Module) -> Mapping[str, float]:
    """Return the numbers that a module names at its top."""
    names = {"PATIENCE": PATIENCE}
    for one in tree.body:
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            number = _number(one.value, {})
            if number is not None:
                names[one.targets[0].id] = number
    return names


def _limits(node: ast.AST) -> list[ast.expr | None]:
    """Return the limits that a call or a dictionary of options sets."""
    if isinstance(node, ast.Call):
        return [_limit(node)]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [value for key, value in pairs if getattr(key, "value", "") == "timeout"]
    return []


def _clock(node: ast.AST) -> str:
    """Return the name of the real clock that a call looks at; empty for any other."""
    if not isinstance(node, ast.Call):
        return ""
    text = ast.unparse(node.func)
    module, _, name = text.partition(".")
    sleeping = text == "asyncio.sleep" and _number(node.args[0], {}) != 0.0
    return text if sleeping or (module == "time" and name in CLOCKS) else ""


def impatient(source: str) -> Iterator[str]:
    """Find limits that are too short, and looks at a real clock."""
    tree = ast.parse(source)
    excused, names = _expiring(source), _constants(tree)
    for node in ast.walk(tree):
        if clock := _clock(node):
            yield f"{node.lineno}: {clock} is a real clock"
        for limit in _limits(node):
            seconds = _number(limit, names)
            if limit is None or seconds is None or not 0 < seconds < LEAST:
                continue
            if excused.isdisjoint(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
                yield f"{limit.lineno}: waits {seconds:g} s"


def test_no_test_is_impatient() -> None:
    assert len(SOURCES) > 100
    assert not [
        f"{path.relative_to(ROOT)}:{one}"
        for path in SOURCES
        for one in impatient(path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(
    "source",
    [
        "process.communicate(timeout=20)",
        "process.wait(timeout=30)",
        "process.wait(30)",
        "thread.join(5)",
        "queue.get(timeout=1.5)",
        "SHORT = 20.0\nevent.wait(SHORT)",
        "requests.get(url, timeout=5)",
        "options = {'timeout': 5}",
        "subprocess.run(\n    command,\n    timeout=60,\n)",
        "threading.Barrier(2, timeout=20)",
        "begun = time.monotonic()",
        "time.sleep(0.1)",
        "await asyncio.sleep(0.1)",
    ],
)
def test_an_impatient_test_is_found(source: str) -> None:
    assert list(impatient(source))


@pytest.mark.parametrize(
    "source",
    [
        "process.communicate(timeout=120)",
        "thread.join()",
        "thread.join(PATIENCE)",
        "queue.get(timeout=PATIENCE)",
        "requests.post(url, timeout=0.2)  # meant to expire",
        "requests.post(\n    url,\n    timeout=0.2,  # meant to expire\n)",
        "client.wait(job, timeout=60)",
        "client.run(request, timeout=60)",
        "client.submit(request, wait_for_slot=5)",
        "mapping.get('timeout', 5)",
        "', '.join(words)",
        "vendor = Vendor(time.monotonic)",
        "await asyncio.sleep(0)",
    ],
)
def test_a_patient_test_is_left_alone(source: str) -> None:
    assert not list(impatient(source))
