"""The pages of the providers say what the adapters' tables say."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from blocks import ROOT

import motionkit_pixverse._tables as pixverse
import motionkit_segmind._tables as segmind
from motionkit.provider import ErrorRow
from motionkit_segmind.adapter import HOSTS, Segmind

_ROW = re.compile(
    r"^\| `?(?P<code>(?:HTTP )?\d{3,6})`? \| `(?P<error>\w+)` \| (?P<meaning>.+) \|"
    r" (?P<refused>yes|no: unknown) \|$",
    re.MULTILINE,
)


def page(name: str) -> str:
    return (ROOT / "docs" / "providers" / f"{name}.md").read_text("utf-8")


def rows(table: Mapping[int, ErrorRow], before: str = "") -> set[tuple[str, str, str, str]]:
    return {
        (
            f"{before}{code}",
            row.error.__name__,
            row.meaning,
            "yes" if row.refuses else "no: unknown",
        )
        for code, row in table.items()
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pixverse", rows(pixverse.ERRORS) | rows(pixverse.STATUSES, "HTTP ")),
        ("segmind", rows(segmind.STATUSES)),
    ],
)
def test_a_providers_page_has_every_error_code_and_its_meaning(
    name: str, expected: set[tuple[str, str, str, str]]
) -> None:
    found = _ROW.findall(page(name))
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("name", "words"), [("pixverse", pixverse.STATES), ("segmind", segmind.STATES)]
)
def test_a_providers_page_has_every_status_and_its_state(
    name: str, words: Mapping[object, tuple[object, object]]
) -> None:
    text = page(name)
    for word, (state, _) in words.items():
        state_name = getattr(state, "name", "")
        assert re.search(rf"^\| `{word}`.* \| `{state_name}`", text, re.MULTILINE), word


def test_segminds_page_has_every_model_and_host() -> None:
    text = page("segmind")
    assert {offer.model for offer in Segmind.offers if f"`{offer.model}`" not in text} == set()
    assert {host for host in HOSTS.values() if host not in text} == set()
