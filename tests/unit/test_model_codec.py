"""Records made without cattrs, and written without it, are those that cattrs makes and writes."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest

from motionkit.errors import InvalidRequest
from motionkit.journal.spending import Paid
from motionkit.model import codec
from motionkit.model.job import Job
from motionkit.model.media import MediaRecord
from motionkit.model.money import Basis, Cost, CostBasis, Quote, Unit
from motionkit.model.submission import Call, Submission
from motionkit.provider import Offer, registry
from motionkit.routing.circuit_breaker import Breaker

COST = Cost(Decimal("1.50"), Unit.CREDIT, usd=Decimal("0.15"), basis=CostBasis.REPORTED)
CALL = Call("POST", "/paid", headers={"a": "b"}, json={"n": [1, 2.5, None, True]}, paid=True)
RECORDS = (
    COST,
    Quote(
        *(Decimal("0.10"), Decimal("0.10"), Decimal("2E+1"), Unit.USD),
        *(Decimal("0.10"), None, Decimal("2E+1")),
        basis=Basis.LISTED,
        source="https://vendor.example/prices",
        as_of=dt.date(2026, 8, 13),
    ),
    Submission("p", "a", "mimic", "m", CALL, calls=(CALL,), expected_seconds=40.0, warnings=("w",)),
    Job(
        *("7", "p", "a", "f" * 8, "mimic", "m", "key"),
        attempt_id="8",
        submitted_at=dt.datetime(2026, 8, 13, 1, 2, 3, 4, tzinfo=dt.UTC),
        cost=COST,
        data={"x": [1]},
    ),
    Breaker("credits", 2, 1e9, at=5.5, reason="no credits"),
)


def offers() -> Iterator[Offer]:
    for name in ("pixverse", "segmind"):
        yield from registry.load(name).offers


def outcome(data: Any, kind: Any, **by: Any) -> str:
    """Return what comes of data, to the letter: 1, 1.0 and True are equal and not the same."""
    try:
        return repr(codec.structure(copy.deepcopy(data), kind, **by))
    except InvalidRequest as error:
        return f"refused: {error}"
    except Exception as error:  # noqa: BLE001 - cattrs lets some errors of records pass
        return f"{type(error).__name__}: {error}"


def changed(data: Any) -> Iterator[Any]:
    """Return the data with one value replaced, left out, or added, in every way."""
    odd: tuple[Any, ...] = (None, "", "word", "1", "NaN", 1, 0, 1.5, True, [], ["x"], {}, {"x": 1})
    yield from odd
    if isinstance(data, dict):
        yield {**data, "unknown": 1}
        for name, value in data.items():
            yield {other: one for other, one in data.items() if other != name}
            yield from ({**data, name: one} for one in changed(value))
    elif isinstance(data, list):
        yield [*data, "more"]
        for place, value in enumerate(data):
            yield from ([*data[:place], one, *data[place + 1 :]] for one in changed(value))


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: type(one).__name__)
def test_a_record_is_written_and_read_as_cattrs_does(record: Any) -> None:
    plain = codec.converter().unstructure(record)
    assert codec.pack(record, version=1) == codec.dumps({**plain, "version": 1})
    data = codec.unstructure(record)
    assert data == json.loads(codec.dumps(plain))
    assert codec._maker(type(record))(data) == record
    assert outcome(data, type(record)) == repr(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: type(one).__name__)
def test_data_that_do_not_fit_come_to_what_cattrs_makes_of_them(record: Any) -> None:
    kind = type(record)
    for data in changed(json.loads(codec.pack(record))):
        assert outcome(data, kind) == outcome(data, kind, by=codec.converter()), data


@pytest.mark.parametrize("kind", [Offer, MediaRecord, Paid, Job, Submission, Quote, Cost, Breaker])
def test_the_records_of_a_purchase_need_no_cattrs(kind: type) -> None:
    assert attrs.has(kind)
    assert codec._maker(kind)


def test_every_offer_is_made_as_cattrs_does() -> None:
    for offer in offers():
        plain = json.loads(codec.pack(offer))
        assert repr(codec._maker(Offer)(plain)) == repr(codec.converter().structure(plain, Offer))


def test_a_spoiled_offer_is_refused_in_the_words_of_cattrs() -> None:
    plain = json.loads(codec.pack(next(offers())))
    for data in changed(plain):
        assert outcome([data], tuple[Offer, ...]) == outcome(
            [data], tuple[Offer, ...], by=codec.converter()
        ), data


def test_a_type_that_is_left_to_cattrs_is_made_by_it() -> None:
    assert codec.structure(["x"], frozenset[str]) == frozenset("x")
    with pytest.raises(InvalidRequest, match=r"invalid value|expected"):
        codec.structure([1], frozenset[str])
    with pytest.raises(InvalidRequest):
        codec.structure({"x": 1}, type(pytest))
