"""The pages that list verbs, exit codes and errors list all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from blocks import ROOT

import motionkit as mk
from motionkit import errors, provider
from motionkit.cli import exit_codes, main

COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text("utf-8")
ERRORS = (ROOT / "docs" / "errors.md").read_text("utf-8")


def test_the_command_line_page_names_every_verb(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["--help"]) == 0
    verbs = re.findall(r"^  ([a-z][a-z-]+) {2,}", capsys.readouterr().out, re.MULTILINE)
    assert len(verbs) > 20
    missing = [verb for verb in verbs if not re.search(rf"`{verb}\b[^`]*`", COMMAND_LINE)]
    assert not missing


def test_the_command_line_page_explains_every_exit_code() -> None:
    shown = COMMAND_LINE.split("## Exit codes")[1]
    rows = [int(code) for code in re.findall(r"^\| (\d+) \|", shown, re.MULTILINE)]
    assert rows == sorted(exit_codes.MEANINGS)


def test_the_errors_page_draws_every_class_and_no_other() -> None:
    drawn = re.findall(r"[├└]─ (\w+)", ERRORS)
    kinds = [
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.MotionKitError)
    ]
    assert sorted(["MotionKitError", *drawn]) == sorted(kinds)


def test_the_errors_page_says_what_to_do_and_the_exit_code_of_each() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d+) \|", ERRORS, re.MULTILINE)
    told = {name: int(code) for names, code in rows for name in re.findall(r"\w+", names)}
    assert told == {
        kind.__name__: code
        for kind, code in exit_codes.CODES.items()
        if kind is not errors.MotionKitError
    }


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 140


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_the_links_of_the_pages_that_mkdocs_does_not_build_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text):
        target = ROOT / (path or name)
        assert target.exists(), path
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{path}#{anchor}"


@pytest.mark.parametrize(
    ("page", "module"), [("motionkit.md", mk), ("provider.md", provider)], ids=["mk", "provider"]
)
def test_the_api_reference_has_every_public_name(page: str, module: Any) -> None:
    text = (ROOT / "docs" / "api" / page).read_text("utf-8")
    shown = re.findall(rf"^::: {re.escape(module.__name__)}\.(\w+)$", text, re.MULTILINE)
    elsewhere = {"MotionKitError", "errors"}  # on the page of errors
    assert sorted(shown) == sorted(set(module.__all__) - elsewhere)
