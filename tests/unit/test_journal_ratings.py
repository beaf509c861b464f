"""Ratings of results are kept in the journal, on both databases, and go where purchases go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from ledger import Place, change
from support import NOON, job, submission

import motionkit as mk
from motionkit.client import Client
from motionkit.errors import InvalidRequest, JournalError
from motionkit.journal import (
    Filter,
    Journal,
    NewPurchase,
    check_journal,
    copy_journal,
    located,
    ratings,
)
from motionkit.model.job import State, Status
from motionkit.model.rating import LONGEST_NOTE, Rated, Rating, Stars
from motionkit.purchase import Comparison, Jobs, with_ratings
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

LATER = NOON + dt.timedelta(minutes=1)


@pytest.fixture
def journal(database: Place) -> Iterator[Journal]:
    with Journal(database) as opened:
        yield opened


def bought(
    journal: Journal,
    key: str,
    state: State = State.SUCCEEDED,
    *,
    account: str = "shop",
    **more: Any,
) -> None:
    """Buy something whose job ends in a state."""
    made = NewPurchase(key=key, request=key, via="shop", description={}, again=True, **more)
    attempt = journal.intend(
        made, f"a-{key}", attrs.evolve(submission(), account=account), "f" * 16
    )
    running = attrs.evolve(job(f"v-{key}", key=key, attempt_id=attempt.id), account=account)
    assert journal.accepted(attempt, running)
    journal.observed(running, Status(state, "5", NOON))


def jobs_of(journal: Journal) -> Jobs:
    def none() -> Any:
        raise AssertionError("a rating needs no account")

    return Jobs(journal, none)


def test_a_rating_is_kept_and_a_newer_one_wins(journal: Journal) -> None:
    bought(journal, "k1")
    jobs = jobs_of(journal)
    first = Rating("k1", 2, "the hand slips", NOON)
    assert jobs.rate_all([first]) == Rated(new=1)
    assert jobs.rate_all([first]) == Rated(unchanged=1)
    assert jobs.rate_all([Rating("k1", 5, "", LATER)]) == Rated(changed=1)
    assert jobs.rate_all([first]) == Rated(older=1)
    assert jobs.ratings() == [Rating("k1", 5, "", LATER)]
    # At the same moment the one that is there stays: the same file gives the same journal.
    assert jobs.rate_all([Rating("k1", 1, "", LATER)]) == Rated(older=1)
    assert jobs.ratings() == [Rating("k1", 5, "", LATER)]


def test_of_several_ratings_of_a_key_in_one_import_the_newest_is_kept(journal: Journal) -> None:
    bought(journal, "k1")
    given = [Rating("k1", 3, "", LATER), Rating("k1", 1, "", NOON)]
    assert jobs_of(journal).rate_all(given) == Rated(new=1, older=1)
    assert jobs_of(journal).rate_all(reversed(given)) == Rated(older=1, unchanged=1)
    assert [one.stars for one in jobs_of(journal).ratings()] == [3]


def test_a_rating_has_its_moment_in_any_zone(journal: Journal) -> None:
    bought(journal, "k1")
    zone = dt.timezone(dt.timedelta(hours=5, minutes=45))
    at = dt.datetime(2026, 11, 27, 12, 0, 0, 123457, zone)
    jobs_of(journal).rate_all([Rating("k1", 4, "", at)])
    assert jobs_of(journal).ratings()[0].rated_at == at
    assert jobs_of(journal).rate_all([Rating("k1", 4, "", at)]) == Rated(unchanged=1)


def test_only_a_result_that_the_journal_has_is_rated_and_else_nothing_is_written(
    journal: Journal,
) -> None:
    bought(journal, "k1")
    bought(journal, "k2", State.FAILED)
    jobs = jobs_of(journal)
    assert jobs.unrateable(["k1", "k2", "k3", "k3"]) == {
        "k2": "it has no result: it is failed",
        "k3": "the journal does not have it",
    }
    for key, why in (("k2", "no result: it is failed"), ("k3", "the journal does not have it")):
        with pytest.raises(InvalidRequest, match=f"{key}: .*{why}"):
            jobs.rate_all([Rating("k1", 4), Rating(key, 4)])
        assert jobs.ratings() == []
    with pytest.raises(InvalidRequest, match="k2 has failed; only a result is rated"):
        jobs.rate("k2", 4)


def test_ratings_are_written_in_pages(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "PAGE", 2)
    for number in range(5):
        bought(journal, f"k{number}")
    given = [Rating(f"k{n}", n % 5 + 1, "", NOON + dt.timedelta(hours=n)) for n in range(5)]
    assert jobs_of(journal).rate_all(given) == Rated(new=5)
    assert jobs_of(journal).ratings() == given
    assert journal.ratings_of(["k3", "none"]) == {"k3": given[3]}


def test_ratings_are_found_by_the_filters_of_jobs(journal: Journal) -> None:
    bought(journal, "k1", labels={"project": "spring"})
    bought(journal, "k2", account="studio")
    given = [Rating("k1", 1, "", NOON), Rating("k2", 5, "", LATER)]
    jobs_of(journal).rate_all(given)
    assert jobs_of(journal).ratings(label={"project": "spring"}) == given[:1]
    assert journal.ratings(Filter(account="studio")) == given[1:]
    assert journal.ratings() == given


def test_the_mean_of_a_target_is_for_one_operation_and_one_world(journal: Journal) -> None:
    for number in range(4):
        bought(journal, f"k{number}", sandbox=number == 3)
    bought(journal, "other", account="studio")
    stars = {"k0": 5, "k1": 4, "k2": 4, "k3": 1, "other": 2}
    jobs_of(journal).rate_all(Rating(key, given) for key, given in stars.items())
    made = submission()
    assert journal.mean_ratings(made.operation) == {
        ("shop", made.model, False): Stars(13 / 3, 3),
        ("shop", made.model, True): Stars(1.0, 1),
        ("studio", made.model, False): Stars(2.0, 1),
    }
    assert journal.mean_ratings("another") == {}
    rows = [Comparison(f"{account}/{made.model}") for account in ("shop", "studio", "third")]
    means = journal.mean_ratings(made.operation)
    real = with_ratings(rows, means, lambda _: False)
    assert [(row.rating, row.ratings) for row in real] == [(13 / 3, 3), (2.0, 1), (None, 0)]
    sandbox = with_ratings(rows, means, lambda account: account == "shop")
    assert [(row.rating, row.ratings) for row in sandbox] == [(1.0, 1), (2.0, 1), (None, 0)]


def test_a_pruned_purchase_takes_its_rating_with_it(journal: Journal, database: Place) -> None:
    bought(journal, "k1", out="/a.mp4")
    bought(journal, "k2")
    jobs_of(journal).rate_all([Rating("k1", 4), Rating("k2", 5)])
    journal.delivered(job("v-k1", key="k1", attempt_id="a-k1"), Path("/a.mp4"), "0" * 64)
    assert journal.prune(journal.now() + 10).jobs == 1
    assert [one.key for one in journal.ratings()] == ["k2"]
    assert change(journal, "DELETE FROM ratings WHERE key='k1'") == 0
    assert check_journal(located(database)).problems == ()


def test_a_check_finds_a_rating_that_is_wrong(journal: Journal, database: Place) -> None:
    bought(journal, "k1")
    jobs_of(journal).rate_all([Rating("k1", 4)])
    change(journal, "UPDATE ratings SET stars=9 WHERE key='k1'")
    found = check_journal(located(database)).problems
    assert found == ("a rating that is not from 1 to 5 stars: k1",)
    with pytest.raises(JournalError, match=r"the rating of 'k1' is corrupt: .*stars: 9"):
        journal.ratings()


def test_a_copy_has_the_ratings_and_one_that_differs_is_refused(
    journal: Journal, database: Place, tmp_path: Path
) -> None:
    for number in range(3):
        bought(journal, f"k{number}")
    given = [Rating(f"k{n}", n + 1, f"note {n}", NOON) for n in range(3)]
    jobs_of(journal).rate_all(given)
    target = tmp_path / "copy.db"
    assert copy_journal(located(database), target).new["ratings"] == 3
    assert copy_journal(located(database), target).new["ratings"] == 0
    with Journal(target) as copied:
        assert copied.ratings() == given
        jobs_of(copied).rate("k1", 5)
    with pytest.raises(JournalError, match=r"ratings with the same key but other content.*k1"):
        copy_journal(located(database), target)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("stars", 0, "a whole number from 1 to 5"),
        ("stars", 6, "a whole number from 1 to 5"),
        ("stars", True, "a whole number from 1 to 5"),
        ("stars", 4.0, "a whole number from 1 to 5"),
        ("stars", "4", "a whole number from 1 to 5"),
        ("key", "", "the key of a job"),
        ("key", "a\0b", "the key of a job"),
        ("note", "x" * (LONGEST_NOTE + 1), "text of at most 2,000 characters"),
        ("note", None, "text of at most 2,000 characters"),
        ("rated_at", dt.datetime(2026, 11, 27, 12), "a time with its zone"),  # noqa: DTZ001
        ("rated_at", dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC), "in the years 1970 to 9998"),
        ("rated_at", 5, "a time with its zone"),
    ],
)
def test_a_value_that_is_no_rating_is_refused_with_field_value_and_limit(
    field: str, value: Any, limit: str
) -> None:
    given: dict[str, Any] = {"key": "k", "stars": 3, field: value}
    with pytest.raises(InvalidRequest, match=f"invalid value for {field}") as caught:
        Rating(**given)
    assert caught.value.field == field
    assert limit in (caught.value.limit or "")


def test_a_note_keeps_lines_and_loses_secrets_and_escape_sequences() -> None:
    link = "https://cdn.example/film.mp4?Signature=abcdef"
    note = Rating("k", 3, f"  one\r\ntwo \x1b[31mred\x1b[0m {link} \N{FAMILY}\u200d\N{BOY} ").note
    assert note == "one\ntwo red https://cdn.example/film.mp4?*** \N{FAMILY}\u200d\N{BOY}"


def test_the_client_rates_a_result_by_the_beginning_of_its_key(
    stage: MemoryStage, tmp_path: Path
) -> None:
    with client_for(stage, tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT, key="order-17")
        made: mk.Rating = client.jobs.rate("order", 4, note="good")
        assert (made.key, made.stars, made.note) == ("order-17", 4, "good")
        old = client.jobs.rate("order-17", 1, rated_at=NOON - dt.timedelta(days=3650))
        assert old == made
        assert client.jobs.ratings() == [made]
        row = next(one for one in client.compare(sample_request()) if one.ratings)
        assert (row.account, row.rating, row.ratings) == (ACCOUNT, 4.0, 1)


def test_a_comparison_has_no_rating_before_a_result_is_rated(
    stage: MemoryStage, tmp_path: Path
) -> None:
    client: Client
    with client_for(stage, tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT)
        assert {(one.rating, one.ratings) for one in client.compare(sample_request())} == {
            (None, 0)
        }
