"""Ratings come into the journal from the files that pages and spreadsheets write."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from motionkit.batch import InvalidRows, safe_cell, unsafe_cell
from motionkit.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.rating import LONGEST_NOTE, Rated, Rating
from motionkit.report import import_ratings, ratings
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

AT = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
TEXT = "2026-11-27T12:00:00Z"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with three results, ``k1`` to ``k3``."""
    stage = MemoryStage()
    with client_for(stage, tmp_path) as made:
        for number in range(1, 4):
            made.run(sample_request(), via=ACCOUNT, key=f"k{number}")
        yield made


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "utcnow", lambda: AT)


def row(key: str = "k1", stars: Any = 4, note: Any = "", rated_at: Any = TEXT) -> dict[str, Any]:
    return {"key": key, "stars": stars, "note": note, "rated_at": rated_at}


CSV = f'key,stars,note,rated_at\r\nk1,4,good,{TEXT}\r\nk2,2,"a, b\r\nc",{TEXT}\r\n'
EXPECTED = [Rating("k1", 4, "good", AT), Rating("k2", 2, "a, b\nc", AT)]


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        CSV.encode("utf-8-sig"),
        CSV.encode("utf-16"),
        CSV.replace("k1,4", "k1,4.0").replace("key,", " KEY ,").encode(),
        f'sep=;\nkey;stars;note;rated_at\nk1;4;good;{TEXT}\nk2;2;"a, b\nc";{TEXT}\n'.encode(),
        f'rated_at;note;stars;key\n{TEXT};good;4;k1\n;;;\n{TEXT};"a, b\nc";2;k2\n'.encode(),
        json.dumps([row(note="good"), row("k2", 2.0, "a, b\nc")]).encode(),
        json.dumps([row(note="good"), row("k2", "2", "a, b\r\nc")], indent=1).encode("utf-8-sig"),
        "\n".join(json.dumps(one.to_dict()) for one in EXPECTED).encode(),
    ],
)
def test_a_file_of_ratings_is_read_as_pages_and_spreadsheets_write_it(
    client: Client, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "ratings"
    file.write_bytes(content)
    assert import_ratings(client, file).rated == Rated(new=2)
    assert client.jobs.ratings() == EXPECTED
    assert import_ratings(client, io.BytesIO(content)).rated == Rated(unchanged=2)


def test_mappings_are_read_and_a_note_may_be_left_out(client: Client) -> None:
    found = import_ratings(client, [{"key": "k1", "stars": 5, "rated_at": TEXT}])
    assert found.rated == Rated(new=1)
    assert client.jobs.ratings() == [Rating("k1", 5, "", AT)]


def test_every_wrong_row_is_named_with_field_value_and_limit_and_nothing_is_written(
    client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(
        "key,stars,note,rated_at\n"
        f"k1,4,,{TEXT}\n"
        f"k1,6,,{TEXT}\n"
        f",4,,{TEXT}\n"
        "k2,many,,yesterday\n"
        "k2,3,,2026-11-27T12:00:00\n"
        f"k2,3,{'x' * (LONGEST_NOTE + 1)},{TEXT}\n"
        "k2,3,,2026-11-29T12:00:00Z\n"
        f"k3,3,,{TEXT}\n"
        f"k3,4,,{TEXT}\n"
        f"nobody,4,,{TEXT}\n"
        f"k1,4,,{TEXT},more\n"
    )
    with pytest.raises(InvalidRows) as caught:
        import_ratings(client, file)
    found = {(one.rows, one.column): one.message for one in caught.value.problems}
    when = "a time with its zone, such as 2026-11-27T12:00:00Z, in the years 1970 to 9998"
    assert found == {
        (("row 3",), "stars"): "'6' is not a whole number from 1 to 5",
        (("row 4",), "key"): "it is missing",
        (("row 5",), "stars"): "'many' is not a whole number from 1 to 5",
        (("row 5",), "rated_at"): f"'yesterday' is not {when}",
        (("row 6",), "rated_at"): f"'2026-11-27T12:00:00' is not {when}",
        (("row 7",), "note"): f"'{'x' * 59}... is not text of at most 2,000 characters",
        (("row 8",), "rated_at"): "'2026-11-29T12:00:00Z' is in the future",
        (("row 10",), "rated_at"): "row 9 has another rating of the key at that time",
        (("row 11",), "key"): "'nobody': the journal does not have it",
        (("row 12",), None): "cell 5 has no column: 'more'",
    }
    assert "ratings.csv: 10 problems in 9 rows" in caught.value.message
    assert client.jobs.ratings() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "row 1: not an object with the fields of a rating"),
        ('{"key": "k1"}\n{', "line 2: not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('[{"key": "k1"', "is not JSON"),
        ('[{"key": ["k1"], "stars": true, "rated_at": 5}]', '["k1"] is not the key of a job'),
        ("key,stars\nk1,4\n", "row 2, column rated_at: it is missing"),
        ('key,stars,note,rated_at\n"k1,4', "check the quotes"),
        (b"key,stars,note,rated_at\nk1,4,\xff,x", "is not UTF-8"),
        (b"k\0e\0y\0", "neither UTF-8 nor UTF-16"),
        ("key,key\nk1,k2\n", "row 1, column key: the column is there twice"),
    ],
)
def test_what_is_no_file_of_ratings_is_refused_in_a_sentence(
    client: Client, content: str | bytes, message: str
) -> None:
    given = content.encode() if isinstance(content, str) else content
    with pytest.raises(InvalidRequest) as caught:
        import_ratings(client, io.BytesIO(given))
    assert message in f"{caught.value.message} {caught.value.hint}"
    assert client.jobs.ratings() == []


@pytest.mark.parametrize("content", ["", "\n\n", "key,stars,note,rated_at\n", "[]"])
def test_a_file_without_ratings_changes_nothing(client: Client, content: str) -> None:
    assert import_ratings(client, io.BytesIO(content.encode())).rated == Rated()


def test_a_file_that_cannot_be_read_or_is_too_large_is_refused(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (tmp_path / "none.csv", tmp_path, "a\0b"):
        with pytest.raises(InvalidRequest, match="cannot be read") as caught:
            import_ratings(client, place)
        assert (caught.value.field, caught.value.value) == ("ratings", str(place))
    monkeypatch.setattr(ratings, "MOST_BYTES", 1024 * 1024)
    with pytest.raises(InvalidRequest, match="at most 1 MiB"):
        import_ratings(client, io.BytesIO(b" " * (1024 * 1024 + 1)))
    with pytest.raises(InvalidRequest, match="expected a path, a stream, or mappings"):
        import_ratings(client, 5)  # type: ignore[arg-type]


def test_unknown_jobs_are_left_out_where_that_is_asked_for(client: Client) -> None:
    given = [row("k1"), row("nobody"), row("k2", 1) | {"target": "studio/m1"}]
    with pytest.raises(InvalidRows, match="'nobody': the journal does not have it"):
        import_ratings(client, given)
    found = import_ratings(client, given, skip_unknown=True)
    assert found.rated == Rated(new=2)
    assert found.skipped == {"nobody": "the journal does not have it"}
    assert found.columns == ("target",)


def test_a_cell_that_was_made_safe_for_spreadsheets_is_read_as_it_was(client: Client) -> None:
    notes = ["=1+1", " +x", "@name", "-1;=2", "a\tb", "'quoted'", "plain", "x;-y\n=z"]
    for number, note in enumerate(notes):
        assert unsafe_cell(safe_cell(note)) == note
        given = row("k1", 3, safe_cell(note), f"2026-11-27T11:00:{number:02}Z")
        text = "key;stars;note;rated_at\n" + ";".join(
            '"{}"'.format(str(one).replace('"', '""')) for one in given.values()
        )
        assert import_ratings(client, io.BytesIO(text.encode())).rated.older == 0
        assert client.jobs.ratings()[0].note == note.strip()
