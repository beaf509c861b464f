"""Results of a batch: what each item cost and gave, as files that no spreadsheet takes for code."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from batch_support import drafted, media, mimic
from hypothesis import example, given
from hypothesis import strategies as st

import motionkit as mk
from motionkit.batch import results
from motionkit.batch.results import COLUMNS, FORMATS, ItemResult, safe, save, write
from motionkit.batch.tables import Batches, BatchRecord, ItemState
from motionkit.client import Client
from motionkit.client.expecting import journal_of
from motionkit.errors import ConfigError, InvalidRequest, JobFailed
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import Situation, client_for, sample_request

ONE = ItemResult(item=1, key="b-1/1", request="{}", state="done")


@pytest.fixture
def client(stage: MemoryStage, tmp_path: Path) -> Iterator[Client]:
    with client_for(stage, tmp_path) as made:
        yield made


@pytest.fixture
def batches(client: Client) -> Batches:
    return Batches.of(journal_of(client))


@pytest.fixture
def record(client: Client, home: Path) -> BatchRecord:
    media(home, "a.png", "b.mp4")
    rows = [mimic(prompt=None, quality=one) for one in ("360p", "540p", "720p")]
    with drafted(client, rows, "out") as found:
        return found.save()


def found(client: Client, record: BatchRecord, *states: ItemState) -> list[ItemResult]:
    journal = journal_of(client)
    wanted = states or None
    return list(results.results(Batches.of(journal), journal, record.id, wanted))


def bought(client: Client, key: str) -> mk.Job:
    return client.submit(sample_request(), key=key)


def failed(client: Client, stage: MemoryStage, key: str) -> None:
    stage.arrange(Situation.JOB_FAILS)
    job = bought(client, key)
    stage.vendor.pending.clear()
    with pytest.raises(JobFailed):
        client.wait(job)


def test_an_item_that_was_not_bought_has_its_number_key_request_and_state(
    client: Client, record: BatchRecord
) -> None:
    one = found(client, record)[0]
    assert (one.item, one.key, one.state) == (1, f"{record.id}/1", "planned")
    assert json.loads(one.request) == {
        "operation": "mimic", "image": "a.png", "video": "b.mp4", "quality": "360p",
    }  # fmt: skip
    assert (one.job, one.usd, one.basis, one.file, one.error) == (None,) * 5


def test_an_item_that_is_done_says_what_it_cost_how_long_it_took_and_where_its_file_is(
    client: Client, record: BatchRecord, batches: Batches
) -> None:
    job = bought(client, f"{record.id}/2")
    client.wait(job)
    batches.put(record.id, 2, ItemState.DONE)
    (one,) = found(client, record, ItemState.DONE)
    assert (one.target, one.job, one.cost, one.unit, one.usd, one.basis, one.file) == (
        "stage/memory", job.id, Decimal("0.20"), "usd", Decimal("0.20"), "reported",
        "000002-a-b.mp4",
    )  # fmt: skip
    assert one.seconds is not None


def test_an_unfinished_item_says_what_it_should_cost(client: Client, record: BatchRecord) -> None:
    bought(client, f"{record.id}/1")
    one = found(client, record)[0]
    assert (one.usd, one.basis) == (Decimal("0.20"), "quoted")


def test_an_item_that_was_bought_again_says_what_all_its_purchases_cost(
    client: Client, record: BatchRecord, batches: Batches, stage: MemoryStage
) -> None:
    failed(client, stage, f"{record.id}/1")
    batches.put(record.id, 1, ItemState.FAILED, error=JobFailed("it failed", hint="try again"))
    one = found(client, record)[0]
    assert (one.state, one.error, one.hint) == ("failed", "it failed", "try again")
    before = one.usd
    assert before is not None
    assert batches.retry(record.id, [ItemState.FAILED]) == 1
    again = batches.item(record.id, 1).key
    assert again == f"{record.id}/1~2"
    job = bought(client, again)
    client.wait(job)
    one = found(client, record)[0]
    assert (one.key, one.job) == (again, job.id)
    assert one.usd == before + Decimal("0.20")


def test_a_retry_takes_no_key_under_which_a_route_has_bought_it_again(
    client: Client, record: BatchRecord, batches: Batches, stage: MemoryStage
) -> None:
    for key in (f"{record.id}/1", f"{record.id}/1~2"):
        failed(client, stage, key)
    batches.put(record.id, 1, ItemState.FAILED)
    assert batches.retry(record.id, [ItemState.FAILED]) == 1
    assert batches.item(record.id, 1).key == f"{record.id}/1~3"


def test_an_item_whose_purchase_a_route_repeats_goes_on_with_it(
    client: Client, record: BatchRecord, batches: Batches, stage: MemoryStage
) -> None:
    failed(client, stage, f"{record.id}/1")
    bought(client, f"{record.id}/1~2")
    batches.put(record.id, 1, ItemState.FAILED)
    assert batches.retry(record.id, [ItemState.FAILED]) == 1
    assert batches.item(record.id, 1).key == f"{record.id}/1"
    assert found(client, record)[0].key == f"{record.id}/1~2"


def test_results_are_read_in_pages(
    client: Client, record: BatchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_PAGE", 2)
    assert [one.item for one in found(client, record)] == [1, 2, 3]


# Files.

SIGN = st.sampled_from("=+-@;\t\r\n \"',\uff1d")
FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@given(st.text(st.one_of(st.characters(exclude_categories=("Cs",)), SIGN), max_size=20))
@example("=")
@example("\t")
def test_no_cell_begins_like_a_formula_wherever_a_spreadsheet_splits_it(text: str) -> None:
    stream = io.BytesIO()
    write([attrs.evolve(ONE, key=text, error=f"x{text}", hint=f"\t{text}")], stream, "csv")
    content = stream.getvalue().decode("utf-8-sig")
    _, cells = csv.reader(io.StringIO(content, newline=""))
    for cell in cells:
        for part in re.split(r"[;\t\r\n]", cell):
            assert not re.match(r"[=+\-@\uff1d\uff0b\uff0d\uff20]", part)
        assert not FORMULA.match(cell)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-5", "'-5"),
        (" =1", "' =1"),
        ("a;=1", "a;'=1"),
        ("a\n- b", "a\n'- b"),
        ("a-b=c", "a-b=c"),
        (Decimal("0.20"), "0.20"),
        (Decimal("1E+3"), "1000"),
        (Decimal(-1), "'-1"),
        (None, ""),
        (1.5, "1.5"),
    ],
)
def test_a_cell_gets_an_apostrophe_only_where_a_formula_could_begin(value: Any, cell: str) -> None:
    assert safe(value) == cell


def test_json_lines_have_every_value_as_it_is() -> None:
    stream = io.BytesIO()
    row = attrs.evolve(ONE, key="=1+1", error="ü\ud800", usd=Decimal("0.20"), seconds=1.5)
    write([row], stream, "jsonl")
    line = json.loads(stream.getvalue())
    assert (line["key"], line["usd"], line["seconds"], line["file"]) == ("=1+1", "0.20", 1.5, None)
    assert list(line) == list(COLUMNS)


def test_parquet_has_every_value_as_it_is(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "results.parquet"
    row = attrs.evolve(ONE, key="=1", usd=Decimal("0.20"))
    with path.open("wb") as stream:
        write([row] * 3, stream, "parquet")
    rows = parquet.read_table(path).to_pylist()
    assert [(row["item"], row["key"], row["usd"]) for row in rows] == [(1, "=1", "0.20")] * 3


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="csv, jsonl, parquet"):
        write([], io.BytesIO(), "xlsx")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_results_is_replaced_as_a_whole_or_not_at_all(
    record: BatchRecord, form: results.Format
) -> None:
    def breaks() -> Iterator[ItemResult]:
        yield ONE
        raise InvalidRequest("the journal is gone")

    path = Path(save([ONE], record, form))
    before = path.read_bytes()
    with pytest.raises(InvalidRequest, match="the journal is gone"):
        save(breaks(), record, form)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [f"results.{form}"]


def test_results_go_to_a_url_through_fsspec(record: BatchRecord) -> None:
    fsspec = pytest.importorskip("fsspec")
    place = save([ONE], attrs.evolve(record, out="memory://bucket/run"))
    assert place == "memory://bucket/run/results.csv"
    with fsspec.open(place, "rb") as stream:
        assert stream.read().startswith(b"\xef\xbb\xbfitem,key,request")


def test_a_url_without_fsspec_names_the_extra(
    record: BatchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigError, match=r"motionkit\[batch\]"):
        save([ONE], attrs.evolve(record, out="memory://bucket/run"))


def test_a_folder_that_takes_no_file_is_named(record: BatchRecord, home: Path) -> None:
    (home / "file").write_text("x")
    with pytest.raises(InvalidRequest, match=r"results\.csv.*cannot be written"):
        save([ONE], attrs.evolve(record, out=str(home / "file" / "out")))
