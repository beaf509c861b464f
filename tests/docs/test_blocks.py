"""Every code block of the README and of the documentation runs, or says why it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from blocks import ROOT, UnrunError, environment, pages, parse

import motionkit as mk
from motionkit.sandbox.faults import KINDS, PHASES


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_runs_or_is_marked_as_an_excerpt(page: Path, accounts: Any) -> None:
    run(page)


def run(page: Path) -> None:
    """Run a page from top to bottom; a failure names the line."""
    document = parse(page)
    with environment():
        try:
            for block in document:
                try:
                    block.evaluate()
                except BaseException as error:
                    error.add_note(f"in the block at {page}, line {block.line}")
                    raise
        finally:
            close(document.namespace)


def close(namespace: dict[str, Any]) -> None:
    """Close the clients that a page's Python left open, as its process would at its end."""
    for value in namespace.values():
        if isinstance(value, mk.Client):
            value.close()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Return a function that makes a page of some text."""

    def made(text: str) -> Path:
        page = tmp_path / "page.md"
        page.write_text(text, "utf-8")
        return page

    return made


@pytest.mark.parametrize(
    "fence",
    ["```text\nout.mp4\n```\n", "~~~\nout.mp4\n~~~\n", '=== "A"\n\n    ```json\n    {}\n    ```\n'],
)
def test_a_block_that_is_neither_run_nor_marked_fails(write: Any, fence: str) -> None:
    with pytest.raises(UnrunError, match="excerpt: why"):
        run(write(fence))


@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_a_block_that_is_marked_is_not_run(write: Any, between: str) -> None:
    run(write(f"<!-- excerpt: it always fails -->{between}```python\nraise RuntimeError\n```\n"))


def test_a_mark_counts_for_the_next_block_only_and_needs_a_reason(write: Any) -> None:
    text = "```python\nraise RuntimeError\n```\n"
    with pytest.raises(RuntimeError):
        run(write(f"<!-- excerpt: it fails -->\n{text}\n{text}"))
    with pytest.raises(RuntimeError):
        run(write(f"<!-- excerpt: -->\n{text}"))


def test_a_failing_command_fails_its_page(write: Any, accounts: Any) -> None:
    for command in ("motionkit jobs show nowhere", "motionkit jobs | grep nowhere", "false; true"):
        with pytest.raises(AssertionError, match="exit code"):
            run(write(f"```sh\n{command}\n```\n"))


def test_output_that_was_not_printed_fails_its_page(write: Any, accounts: Any) -> None:
    command = "motionkit compare mimic --image hero.png --video dance.mp4 --quality 540p --offline"
    right = "pixverse/mimic ... 40 credits = 0.40 USD ... listed, 3 d old ..."
    run(write(f"```console\n$ {command}\n{right}\n```\n"))
    with pytest.raises(AssertionError, match="was not printed"):
        run(write(f"```console\n$ {command}\n{right.replace('40', '41')}\n```\n"))


def test_a_configuration_with_an_unknown_key_fails_its_page(write: Any, accounts: Any) -> None:
    with pytest.raises(mk.errors.ConfigError):
        run(write("```toml\n[accounts.pixverse]\napi_kee = 'x'\n```\n"))


def test_a_configuration_with_its_files_name_is_used_by_the_rest_of_the_page(
    write: Any, accounts: Any
) -> None:
    team = '[accounts.team]\nprovider = "pixverse"\napi_key = "${PIXVERSE_API_KEY}"\n'
    used = (
        '```python\nimport motionkit as mk\n\nassert "team" in mk.Client().config.accounts\n```\n'
    )
    run(write(f'```toml title="motionkit.toml"\n{team}```\n\n{used}'))
    with pytest.raises(AssertionError):
        run(write(f"```toml\n{team}```\n\n{used}"))


def test_the_page_on_the_sandbox_has_every_fault_and_phase() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text("utf-8")
    names = {row.removeprefix("accept_then_") for row in KINDS}
    assert {name for name in names if f"\n| `{name}` |" not in page} == set()
    assert {phase for phase in PHASES if f"`{phase}`" not in page} == set()


def test_python_blocks_of_a_page_share_their_names(write: Any) -> None:
    hidden = "<!-- invisible-code: python\nx = 1\n-->\n"
    run(write(f"{hidden}```python\ny = x\n```\n\n```python\nassert y == 1\n```\n"))
