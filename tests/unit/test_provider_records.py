"""Records of vendors: states by table, outputs in any shape, times, pages, matches."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import attrs
import pytest
from support import job

from motionkit.errors import Billed
from motionkit.model.job import Output, State, UnknownReason
from motionkit.model.money import Cost, CostBasis, Unit
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import (
    has_input,
    moment,
    not_found,
    observed,
    only_match,
    outputs_of,
    read_pages,
    succeeded,
)

STATES = {
    "working": (State.RUNNING, Billed.UNKNOWN),
    "broken": (State.FAILED, Billed.NO),
}
FILM, OTHER = "https://media.invalid/a.mp4", "https://media.invalid/b.mp4"


def test_a_word_of_the_table_has_its_state() -> None:
    status = observed("broken", STATES, {"why": "x"}, message="torn", code="7")
    assert (status.state, status.word, status.billed) == (State.FAILED, "broken", Billed.NO)
    assert (status.message, status.code, status.doubt) == ("torn", "7", None)
    assert status.raw == {"why": "x"}


@pytest.mark.parametrize("word", ["WORKING", "", None, 7, ["working"], {}])
def test_any_other_word_is_unknown(word: Any) -> None:
    status = observed(word, STATES, {})
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.STRANGE_WORD)
    assert status.billed is Billed.UNKNOWN


def test_a_job_that_is_done_has_its_result() -> None:
    one = Cost(Decimal(1), Unit.USD, Decimal(1), CostBasis.REPORTED)
    status = succeeded(job("t-1"), (Output(FILM),), "done", {"a": 1}, one)
    assert (status.state, status.billed, status.word) == (State.SUCCEEDED, Billed.YES, "done")
    assert status.result is not None
    assert (status.result.url, status.result.cost) == (FILM, one)
    assert status.result.seconds is not None


def test_a_job_that_ended_long_ago_has_no_duration() -> None:
    status = succeeded(job("t-1"), (Output(FILM),), "done", {}, late=True)
    assert status.result is not None
    assert status.result.seconds is None


def test_a_job_that_is_not_found_is_unknown() -> None:
    status = not_found("404", "no such task", {"a": 1})
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NOT_FOUND)
    assert (status.word, status.message, status.raw) == ("404", "no such task", {"a": 1})


def test_done_without_outputs_is_unknown() -> None:
    status = succeeded(job("t-1"), (), "done", {})
    assert (status.state, status.doubt) == (State.UNKNOWN, UnknownReason.NO_OUTPUT)
    assert status.result is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (FILM, [Output(FILM)]),
        ([FILM, OTHER, FILM], [Output(FILM), Output(OTHER)]),
        ({"url": FILM}, [Output(FILM)]),
        (
            [{"url": FILM, "content_type": "video/mp4", "file_size": 12}, {"url": OTHER}],
            [Output(FILM, content_type="video/mp4", size=12), Output(OTHER)],
        ),
        ({"url": FILM, "content_type": 7, "file_size": -1}, [Output(FILM)]),
        ({"url": FILM, "file_size": "9" * 16}, [Output(FILM)]),
        ("data:video/mp4;base64,AAAA", [Output("data:video/mp4;base64,AAAA")]),
        ("ftp://media.invalid/a.mp4", []),
        ("javascript:alert(1)", []),
        ([[FILM]], []),
        ([None, 7, {"url": 7}, {}], []),
        (None, []),
        (7, []),
    ],
)
def test_outputs_are_read_in_any_usual_shape(value: Any, expected: list[Output]) -> None:
    assert list(outputs_of(value)) == expected


def test_outputs_have_the_kind_of_their_place() -> None:
    assert outputs_of([FILM], "image") == (Output(FILM, "image"),)


NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-26T12:00:00Z",
        "2026-11-26T12:00:00",
        "2026-11-26T13:00:00+01:00",
        " 2026-11-26 12:00:00 ",
        1_795_694_400,
        "1795694400",
        "1795694400.0",
        1_795_694_400_000,
        "1795694400000",
    ],
)
def test_a_moment_is_aware_and_in_utc(value: Any) -> None:
    found = moment(value)
    assert found == NOON
    assert found is not None
    assert found.utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", "9" * 400, -1, {}, [], "1e400", "0001-01-01T00:00:00+23:00"]
)
def test_anything_else_is_no_moment(value: Any) -> None:
    assert moment(value) is None


def listing(*pages: tuple[Any, str | None, bool]) -> tuple[list[Any], bool, list[str | None]]:
    left, asked = list(pages), []

    def fetch(cursor: str | None) -> tuple[Any, str | None, bool]:
        asked.append(cursor)
        return left.pop(0)

    rows, complete = read_pages(fetch, 3)
    return rows, complete, asked


def test_pages_are_read_to_the_end() -> None:
    first, second = {"id": 1}, {"id": 2}
    assert listing(([first, "x", None], "b", True), ([second], None, False)) == (
        [first, second],
        True,
        [None, "b"],
    )


@pytest.mark.parametrize(
    "pages",
    [
        [([], "b", True), ([], "c", True), ([], "d", True)],
        [([], "b", True), ([], "b", True)],
        [([], None, True)],
        [({}, "b", True)],
        [(None, None, False)],
    ],
)
def test_a_list_that_cannot_be_read_to_its_end_is_incomplete(pages: list[Any]) -> None:
    rows, complete, asked = listing(*pages)
    assert (rows, complete) == ([], False)
    assert len(asked) == len(pages)


def test_an_input_is_ours_if_it_has_all_of_our_fields() -> None:
    assert has_input({"image": FILM, "seed": 1}, {"image": FILM})
    assert not has_input({"image": OTHER}, {"image": FILM})
    assert not has_input({}, {"image": FILM})
    assert not has_input([], {"image": FILM})


SUBMISSION = Submission("toy", "studio", "mimic", "m", Call("POST", "/", json={}), token=FILM)


def test_the_only_match_is_found() -> None:
    one = job("t-1")
    assert only_match([None, one, one], SUBMISSION, complete=True) == Found(one)


def test_matches_are_candidates_where_they_prove_nothing() -> None:
    one, other = job("t-1"), job("t-2")
    plain = attrs.evolve(SUBMISSION, token=None)
    assert only_match([one, other], SUBMISSION, complete=True) == NotSeen((one, other))
    assert only_match([one], SUBMISSION, complete=False) == NotSeen((one,))
    assert only_match([one], plain, complete=True) == NotSeen((one,))
    assert only_match([None], SUBMISSION, complete=True) == NotSeen()
