"""The table of verbs says of each verb what its function says."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import click
import pytest

from motionkit._support.plugins import entry_points
from motionkit.cli import front
from motionkit.cli import operations as operation_verbs
from motionkit.cli.app import app
from motionkit.cli.verbs import OPERATIONS, ROWS, Group, Verb
from motionkit.model import operations


def verbs() -> Iterator[tuple[str, Verb]]:
    for name, row in ROWS.items():
        if isinstance(row, Verb):
            yield name, row
        if isinstance(row, Group):
            yield from ((f"{name} {one}", verb) for one, verb in row.verbs.items())
            if row.target:
                yield name, Verb(row.target, row.summary)


@pytest.mark.parametrize(("name", "row"), [*verbs()], ids=[name for name, _ in verbs()])
def test_a_verb_has_the_first_line_of_its_docstring_in_the_table(name: str, row: Verb) -> None:
    module, _, function = row.target.partition(":")
    found = getattr(importlib.import_module(f"motionkit.cli.{module}"), function)
    assert (inspect.getdoc(found) or "").partition("\n")[0] == row.summary


def test_an_operation_has_the_first_line_of_its_docstring_in_the_table() -> None:
    assert {
        kind.verb: (inspect.getdoc(kind) or "").partition("\n")[0] for kind in operations.OPERATIONS
    } == OPERATIONS


def test_the_command_line_knows_the_class_of_each_operation() -> None:
    found = {kind.verb: kind.__name__ for kind in operations.OPERATIONS}
    assert found == operation_verbs.CLASSES


def test_the_providers_tables_of_verbs_say_what_their_operations_say() -> None:
    found: dict[str, str] = {}
    for point in entry_points(group="motionkit.verbs"):
        found |= point.load()
    assert found == operation_verbs.vendors() == front.vendors()


@pytest.mark.parametrize("name", [name for name, _ in verbs()])
def test_a_verb_has_a_command_and_explains_each_option(name: str) -> None:
    ctx: click.Context = click.Context(app)
    command: click.Command | None = app
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(ctx, word)
    assert command is not None
    assert not [one.name for one in command.params if not one.declared.help]  # type: ignore[attr-defined]
