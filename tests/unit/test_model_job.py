"""Values cross borders as JSON without losing anything."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import NOON, job

from motionkit.errors import Billed, ContentBlocked, InvalidRequest, JobFailed, JobGone
from motionkit.model import codec
from motionkit.model.job import Job, KeyState, Output, Result, State, Status
from motionkit.model.money import Cost, CostBasis, Rates, Unit

FULL = Job(
    id="900719925474099312",
    provider="fake",
    account="shop",
    fingerprint="0123456789abcdef",
    operation="mimic",
    model="m1",
    key="order-17",
    attempt_id="a1",
    submitted_at=NOON,
    cost=Cost(Decimal("40.50"), Unit.CREDIT, Decimal("0.4050"), CostBasis.REPORTED),
    expected_seconds=132.5,
    data={"status_url": "https://h.example/s/1", "n": 9007199254740993, "deep": [1, None]},
)
WRITTEN = (
    '{"account":"shop","attempt_id":"a1",'
    '"cost":{"amount":"40.50","basis":"reported","unit":"credit","usd":"0.4050"},'
    '"data":{"deep":[1,null],"n":9007199254740993,"status_url":"https://h.example/s/1"},'
    '"expected_seconds":132.5,"fingerprint":"0123456789abcdef","id":"900719925474099312",'
    '"key":"order-17","model":"m1","operation":"mimic","provider":"fake",'
    '"submitted_at":"2026-11-01T12:00:00+00:00","version":1}'
)


def changed(**changes: Any) -> str:
    data = json.loads(WRITTEN)
    for name, value in changes.items():
        if value is ...:
            del data[name]
        else:
            data[name] = value
    return json.dumps(data)


def test_a_job_is_written_as_one_line_of_versioned_json() -> None:
    assert FULL.to_json() == WRITTEN


def test_a_job_is_read_back_equal() -> None:
    back = Job.from_json(WRITTEN)
    assert back == FULL
    assert back.cost is not None
    assert str(back.cost.amount) == "40.50"
    assert back.submitted_at.tzinfo is not None
    assert back.data["n"] == 9007199254740993


def test_an_eighteen_digit_id_stays_text() -> None:
    back = Job.from_json(job("123456789012345678").to_json())
    assert back.id == "123456789012345678"
    assert '"id":"123456789012345678"' in back.to_json()


def test_what_is_optional_may_be_left_out() -> None:
    back = Job.from_json(changed(cost=..., expected_seconds=..., data=...))
    assert (back.cost, back.expected_seconds, back.data) == (None, None, {})


@pytest.mark.parametrize("version", [2, 99, 0, -1, "1", 1.0, None, True])
def test_a_version_that_we_do_not_know_is_refused(version: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Job.from_json(changed(version=version))
    assert caught.value.field == "version"
    assert caught.value.value == str(version)
    assert caught.value.limit == "1 to 1"


def test_a_job_without_a_version_is_refused() -> None:
    with pytest.raises(
        InvalidRequest, match="no valid field 'version'; this motionkit reads version 1"
    ):
        Job.from_json(changed(version=...))


RAW_PYTHON = re.compile(r"\b(str|int|float|dict|list|tuple|NoneType|Decimal|datetime)\b|Error|[<>]")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": 900719925474099312}, "$.id"),
        ({"id": None}, "$.id"),
        ({"key": 7}, "$.key"),
        ({"expected_seconds": "132.5"}, "$.expected_seconds"),
        ({"expected_seconds": True}, "$.expected_seconds"),
        ({"submitted_at": 5}, "$.submitted_at"),
        ({"submitted_at": "yesterday"}, "$.submitted_at"),
        ({"submitted_at": "2026-11-01T12:00:00"}, "$.submitted_at"),
        ({"cost": {"amount": 40.5, "unit": "credit", "usd": None, "basis": "reported"}},
         "$.cost.amount"),
        ({"cost": {"amount": "many", "unit": "credit", "usd": None, "basis": "reported"}},
         "$.cost.amount"),
        ({"cost": {"amount": "NaN", "unit": "credit", "usd": None, "basis": "reported"}},
         "$.cost.amount"),
        ({"cost": {"amount": "1", "unit": "euro", "usd": None, "basis": "reported"}},
         "$.cost.unit"),
        ({"data": [["a", 1]]}, "$.data"),
        ({"data": "text"}, "$.data"),
        ({"id": ...}, "$.id"),
        ({"secret": "x"}, "$"),
    ],
)  # fmt: skip
def test_what_has_the_wrong_type_is_refused_with_its_path(
    changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Job.from_json(changed(**changes))
    assert caught.value.message.startswith("not a Job: ")
    assert caught.value.message.endswith(f" @ {path}")
    assert caught.value.field == "Job"
    assert not RAW_PYTHON.search(caught.value.message)


def test_an_unknown_word_is_refused_with_the_known_ones() -> None:
    cost = {"amount": "1", "unit": "euro", "usd": None, "basis": "reported"}
    with pytest.raises(InvalidRequest) as caught:
        Job.from_json(changed(cost=cost))
    assert caught.value.message == "not a Job: expected one of credit, usd @ $.cost.unit"


@pytest.mark.parametrize(
    "text",
    ["", "{", "not json", "[]", '"text"', "null", "7", "[" * 100_000, '{"a":' * 100_000],
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Job.from_json(text)
    assert caught.value.field == "job"
    assert caught.value.billed is Billed.NO


_texts = st.text(max_size=20)
_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_money = st.decimals(allow_nan=False, allow_infinity=False)
_costs = st.builds(
    Cost, _money, st.sampled_from(Unit), st.none() | _money, st.sampled_from(CostBasis)
)
_jobs = st.builds(
    Job,
    id=_texts,
    provider=_texts,
    account=_texts,
    fingerprint=_texts,
    operation=_texts,
    model=_texts,
    key=_texts,
    attempt_id=_texts,
    submitted_at=st.datetimes(timezones=st.just(dt.UTC)),
    cost=st.none() | _costs,
    expected_seconds=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    data=st.dictionaries(_texts, _plain, max_size=3),
)


@settings(deadline=None, max_examples=60, database=None)
@given(_jobs)
def test_any_job_survives_json(made: Job) -> None:
    text = made.to_json()
    back = Job.from_json(text)
    assert back == made
    assert back.to_json() == text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("state", "terminal"),
    [
        (State.QUEUED, False),
        (State.RUNNING, False),
        (State.UNKNOWN, False),
        (State.SUCCEEDED, True),
        (State.FAILED, True),
        (State.BLOCKED, True),
        (State.GONE, True),
    ],
)
def test_only_a_last_word_is_terminal(state: State, terminal: bool) -> None:
    assert state.terminal is terminal


def test_the_words_of_states_are_fixed_because_journals_hold_them() -> None:
    assert [state.value for state in State] == [
        "queued", "running", "unknown", "succeeded", "failed", "blocked", "gone",
    ]  # fmt: skip
    assert [state.value for state in KeyState] == ["intended", "uncertain", "refused"]


@pytest.mark.parametrize(
    ("state", "kind", "what"),
    [
        (State.FAILED, JobFailed, "failed"),
        (State.BLOCKED, ContentBlocked, "was blocked by moderation"),
        (State.GONE, JobGone, "is no longer kept by the vendor"),
    ],
)
def test_a_terminal_failure_becomes_its_error(
    state: State, kind: type[Exception], what: str
) -> None:
    status = Status(state, "8", NOON, billed=Billed.NO, message="no person seen", raw={"s": 8})
    error = status.error(FULL)
    assert type(error) is kind
    assert error.message == (
        f"job 900719925474099312 at shop {what} (vendor status 8): no person seen"
    )
    assert (error.provider, error.account, error.code, error.job) == ("fake", "shop", "8", FULL)
    assert error.billed is Billed.NO
    assert error.raw == {"s": 8}


def test_the_vendors_own_code_goes_before_its_word() -> None:
    assert Status(State.FAILED, "8", NOON, code="500063").error(FULL).code == "500063"


@pytest.mark.parametrize(
    ("rates", "unit", "usd"),
    [
        (Rates(), Unit.USD, Decimal(1)),
        (Rates(), Unit.CREDIT, None),
        (Rates(credit=Decimal("0.01")), Unit.CREDIT, Decimal("0.01")),
    ],
)
def test_a_rate_is_known_or_said_to_be_unknown(
    rates: Rates, unit: Unit, usd: Decimal | None
) -> None:
    assert rates.usd(unit) == usd


def test_values_are_frozen_and_the_raw_answer_takes_no_part_in_comparing() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        FULL.id = "2"  # type: ignore[misc]  # that is the point
    one = Result(FULL, (Output("https://h.example/v.mp4?sig=planted"),), raw={"a": 1})
    two = attrs.evolve(one, raw={"b": 2})
    assert one == two
    assert one.url == "https://h.example/v.mp4?sig=planted"
    assert "planted" not in repr(one)
    assert "raw" not in repr(one)
    assert len({FULL, Job.from_json(WRITTEN)}) == 1


@pytest.mark.parametrize(
    ("data", "kind"),
    [(7, str), ("7", int), (1.0, int), (True, int), (1, bool), (None, str), ("1", float)],
)
def test_nothing_is_turned_into_another_type_on_reading(data: Any, kind: type) -> None:
    with pytest.raises(InvalidRequest):
        codec.structure([data], list[kind])  # type: ignore[valid-type]


def test_json_is_written_compact_sorted_and_exact() -> None:
    assert codec.dumps({"b": Decimal("0.10"), "a": dt.date(2026, 11, 1), "c": NOON}) == (
        '{"a":"2026-11-01","b":"0.10","c":"2026-11-01T12:00:00+00:00"}'
    )
    with pytest.raises(TypeError, match="bytes is not JSON"):
        codec.dumps({"a": b""})
