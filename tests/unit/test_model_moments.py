"""Ages and moments as people write them."""

from __future__ import annotations

import datetime as dt

import pytest

from motionkit.errors import InvalidRequest
from motionkit.model.moments import Since, age, moment

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "before"),
    [
        ("90s", HOUR / 40),
        ("90m", 1.5 * HOUR),
        ("12h", 12 * HOUR),
        (" 30d ", 720 * HOUR),
        ("4w", 672 * HOUR),
        ("0d", 0 * HOUR),
        (2 * HOUR, 2 * HOUR),
        ("2026-11-27", 12 * HOUR),
        (dt.date(2026, 11, 27), 12 * HOUR),
        ("2026-11-27T11:00", HOUR),
        ("2026-11-27T11:00:00Z", HOUR),
        ("2026-11-27T13:00+02:00", HOUR),
        (dt.datetime(2026, 11, 27, 11), HOUR),  # noqa: DTZ001 - a time without a zone is in UTC
        (dt.datetime(2026, 11, 27, 13, tzinfo=dt.timezone(2 * HOUR)), HOUR),
    ],
)
def test_a_moment_is_an_age_before_now_a_date_or_a_time_in_utc(
    given: Since, before: dt.timedelta
) -> None:
    assert moment("since", given, NOW.timestamp()) == (NOW - before).timestamp()


@pytest.mark.parametrize(
    "given", ["", "30", "d", "1.5d", "-3d", "yesterday", "2026-13-01", 7, None]
)
def test_what_is_no_moment_is_refused_with_what_is(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"invalid value for since: .*such as 90m") as told:
        moment("since", given, NOW.timestamp())  # type: ignore[arg-type]
    assert told.value.field == "since"


def test_an_age_is_no_date() -> None:
    assert age("older_than", "90d") == 90 * 86_400
    for given in ("2026-11-01", dt.timedelta(-1)):
        with pytest.raises(InvalidRequest, match="older_than"):
            age("older_than", given)
