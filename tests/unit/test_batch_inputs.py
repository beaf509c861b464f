"""Rows of a batch: tables as spreadsheets and programs write them, mappings, matrices."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from batch_support import media, problems, rows_of, table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import motionkit as mk
from motionkit.batch import cells, inputs
from motionkit.batch.inputs import InvalidRows
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model.media import File, Remote
from motionkit.model.request import Request


def values(source: Any) -> list[Mapping[str, Any]]:
    return [row.values for row in rows_of(source)]


def made(row: Mapping[str, Any], kind: type[Request] = mk.Mimic, folder: str = "/in") -> Request:
    request, wrong = cells.make(row, kind, Path(folder), _no_job)
    assert not wrong
    assert request is not None
    return request


def wrong_with(row: Mapping[str, Any], kind: type[Request] = mk.Mimic) -> list[Any]:
    request, wrong = cells.make(row, kind, Path("/in"), _no_job)
    assert request is None
    return wrong


def _no_job(reference: str) -> mk.Job:
    raise InvalidRequest(f"no job matches {reference!r}")


MEDIA = "a path, an https:// URL, or a reference; batches take no bytes"
OBJECT = 'a JSON object such as {"PROVIDER": {"FIELD": 1}}'


# CSV.

CELL = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=12
)
ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(st.tuples(CELL, CELL, CELL), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example(
    cells=[("=1+1", 'a "b"; c', "x\ny"), (";", ",", "\t")],
    delimiter=";",
    encoding="utf-16-le",
    newline="\r\n",
    quoting=csv.QUOTE_MINIMAL,
)
def test_a_table_in_any_dialect_gives_the_cells_that_were_written(  # noqa: PLR0917 - of one table
    tmp_path: Path,
    cells: list[tuple[str, str, str]],
    delimiter: str,
    encoding: str,
    newline: str,
    quoting: Any,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerows([("image", "prompt", "key"), *cells])
    content = text.getvalue().encode(encoding.removesuffix("-sig"))
    path = tmp_path / "items.csv"
    path.write_bytes(ENCODINGS[encoding] + content)
    expected = [
        {
            name: cell
            for name, cell in zip(("image", "prompt", "key"), row, strict=True)
            if cell.strip()
        }
        for row in cells
    ]
    assert values(path) == [row for row in expected if row]


def test_a_table_of_a_german_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    lines = "Image;Video;Keep Audio;Prompt", 'a.png;b.mp4;WAHR;"tanzt; größer"', ";;;", "c.png;;;"
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert values(path) == [
        {"image": "a.png", "video": "b.mp4", "keep_audio": "WAHR", "prompt": "tanzt; größer"},
        {"image": "c.png"},
    ]
    assert made(values(path)[0]).keep_audio is True  # type: ignore[attr-defined]


def test_a_separator_that_the_file_names_counts(tmp_path: Path) -> None:
    path = table(tmp_path, "sep=|", "prompt|image", "a;b|c")
    assert values(path) == [{"prompt": "a;b", "image": "c"}]


def test_what_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    path = table(tmp_path, "prompt,key", "=1+1,-5", "'=x,@a")
    assert values(path) == [{"prompt": "=1+1", "key": "-5"}, {"prompt": "'=x", "key": "@a"}]


def test_rows_are_called_as_a_spreadsheet_and_an_editor_number_them(tmp_path: Path) -> None:
    path = table(tmp_path, "prompt,key", '"a', 'b",1', ",", "c,2", name="items.csv")
    assert [(row.n, row.place) for row in rows_of(path)] == [
        (1, "row 2"),
        (2, "row 4 (line 5)"),
    ]


def test_a_table_without_its_quotes_closed_is_refused_with_the_row(tmp_path: Path) -> None:
    path = table(tmp_path, "prompt,key", "a,1", '"b,2', "c,3")
    with pytest.raises(InvalidRequest, match="cannot be read after row 2: unexpected end of data"):
        rows_of(path)


@pytest.mark.parametrize(
    "content",
    ["prompt\nfür\n".encode("cp1252"), "prompt\nx\n".encode("utf-16-le")],
    ids=["cp1252", "utf-16 without a mark"],
)
def test_a_table_in_another_encoding_is_refused_with_what_helps(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"UTF-8.*CSV UTF-8"):
        rows_of(path)


def test_cells_without_a_column_and_columns_that_are_there_twice_are_refused(
    tmp_path: Path,
) -> None:
    path = table(tmp_path, "prompt,,prompt", "a,,c", "a,lost,c,too many,")
    with pytest.raises(InvalidRows) as raised:
        rows_of(path)
    assert problems(raised.value) == [
        (("row 1",), "prompt", "the column is there twice"),
        (("row 3",), None, "cell 2 has no column: 'lost'"),
        (("row 3",), None, "cell 4 has no column: 'too many'"),
    ]


def test_an_empty_table_has_no_rows(tmp_path: Path) -> None:
    for lines in [(), ("image,video",), ("", ",,", "image,video", ",")]:
        assert rows_of(table(tmp_path, *lines)) == []


# Other files.


def test_json_lines_keep_their_types_and_their_line_numbers(tmp_path: Path) -> None:
    path = table(tmp_path, '{"seed": 5, "prompt": null}', "", '{"seed": "6"}', name="items.jsonl")
    assert [(row.place, dict(row.values)) for row in rows_of(path)] == [
        ("line 1", {"seed": 5}),
        ("line 3", {"seed": "6"}),
    ]


def test_lines_that_are_no_json_objects_are_all_listed(tmp_path: Path) -> None:
    path = table(tmp_path, '{"seed": 5}', "{", "[1]", name="items.jsonl")
    with pytest.raises(InvalidRows) as raised:
        rows_of(path)
    assert [rows for rows, _, _ in problems(raised.value)] == [("line 2",), ("line 3",)]


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "items.parquet"
    rows = [{"image": "a.png", "seed": 5, "extra": None}, {"image": "b.png", "seed": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    assert values(path) == [{"image": "a.png", "seed": 5}, {"image": "b.png"}]


def test_parquet_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    path = tmp_path / "items.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"motionkit\[parquet\]"):
        rows_of(path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidRequest, match="cannot be read as Parquet"):
        rows_of(path)


@pytest.mark.parametrize("name", ["items.xlsx", "items", "missing.csv"])
def test_what_is_no_table_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        inputs.read(tmp_path / name)


def test_mappings_are_rows_and_anything_else_is_refused() -> None:
    assert values([{"seed": 1, "prompt": float("nan")}, {"seed": 2}]) == [{"seed": 1}, {"seed": 2}]
    assert values({"seed": n} for n in (1, 2)) == [{"seed": 1}, {"seed": 2}]
    with pytest.raises(InvalidRows, match="row 2: expected a mapping, not int"):
        rows_of([{"seed": 1}, 5])
    for given_rows in (5, None, {"seed": 1}):
        with pytest.raises(InvalidRequest, match="invalid value for rows"):
            inputs.read(given_rows)  # type: ignore[arg-type]


# A matrix.


def test_a_matrix_has_each_image_with_each_video_in_order(home: Path) -> None:
    media(home, "chars/b.png", "chars/a.png", "clips/2.mp4", "clips/1.mp4", "chars/x.txt")
    found = values(inputs.matrix({"image": ["chars/*.png"], "video": ["clips/*.mp4"]}))
    assert [(row["image"], row["video"]) for row in found] == [
        ("chars/a.png", "clips/1.mp4"),
        ("chars/a.png", "clips/2.mp4"),
        ("chars/b.png", "clips/1.mp4"),
        ("chars/b.png", "clips/2.mp4"),
    ]


def test_a_folder_of_a_matrix_stands_for_the_media_files_in_it(home: Path) -> None:
    media(home, "chars/b.png", "chars/a.JPG", "chars/x.txt", "chars/.c.png", "chars/deep/d.png")
    found = values(inputs.matrix({"image": ["chars"]}))
    assert [row["image"] for row in found] == ["chars/a.JPG", "chars/b.png"]


def test_a_matrix_takes_urls_and_files_whose_names_look_like_patterns(home: Path) -> None:
    media(home, "a[1].png", "a1.png")
    found = values(inputs.matrix({"image": ["a[1].png", "https://x.test/*.png", "a[1].png"]}))
    assert [row["image"] for row in found] == ["a[1].png", "https://x.test/*.png"]


@pytest.mark.parametrize(
    "files", [{"image": ["none/*.png"]}, {"image": ["empty"]}, {"image": []}, {}]
)
def test_a_matrix_without_a_file_is_refused(home: Path, files: Any) -> None:
    (home / "empty").mkdir()
    with pytest.raises(InvalidRequest, match=r"no file matches|give a table"):
        inputs.matrix(files)


# Values.


def test_a_row_makes_a_request_with_paths_from_the_tables_folder() -> None:
    request = made({"image": " chars/a.png ", "video": "https://x.test/b.mp4", "seed": "7.0"})
    assert request == mk.Mimic(
        File(Path("/in/chars/a.png")), Remote("https://x.test/b.mp4"), seed=7
    )


def test_fields_that_take_several_values_are_lists_in_one_cell() -> None:
    row = {"video": "v.mp4", "prompt": "x"}
    for images in ("a.png|b.png", '["a.png", "b.png"]', ["a.png", "b.png"]):
        request = made({**row, "images": images}, mk.Modify)
        assert [one.label for one in request.images] == ["a.png", "b.png"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("seed", "5.5", "'5.5' is not a whole number"),
        ("seed", 5.5, "5.5 is not a whole number"),
        ("seed", True, "True is not a whole number"),
        ("seed", "=5", "'=5' is not a whole number"),
        ("keep_audio", "maybe", "'maybe' is not true or false"),
        ("keep_audio", 2, "2 is not true or false"),
        ("prompt", 5, "5 is not text"),
        ("quality", ["540p"], "['540p'] is not text"),
        ("image", 5, f"5 is not {MEDIA}"),
        ("image", b"png", f"b'png' is not {MEDIA}"),
        ("image", "job:nothing", "no job matches 'nothing'"),
        ("image", "upload:", "'upload:' is not upload: with what it names"),
        ("extra", "x", f"'x' is not {OBJECT}"),
        ("extra", {"memory": 5}, f"{{'memory': 5}} is not {OBJECT}"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_named_with_its_column(
    column: str, value: Any, message: str
) -> None:
    row = {"image": "a.png", "video": "b.mp4", column: value}
    assert wrong_with(row) == [(column, message)]


def test_everything_that_is_wrong_with_a_row_is_named_at_once() -> None:
    columns = [column for column, _ in wrong_with({"seed": "x", "duration": "5", "image": 1})]
    assert columns == ["seed", "duration", "image", "video"]


@pytest.mark.parametrize(
    "request_of_a_row",
    [
        mk.Mimic(File(Path("/a b/ü.png")), Remote("https://x.test/b.mp4?sig=1"), seed=0),
        mk.Mimic(File(Path("/a://b.png")), mk.Uploaded("17"), keep_audio=False, prompt="x"),
        mk.Modify(mk.Generated("g1"), "x", images=("/a.png", "/b.png"), masks=("m",), keyframe=3),
        mk.TextToVideo(prompt="x\ny", extra={"memory": {"a": [1, {"b": None}]}}),
        mk.TextToVideo(prompt="x", allow_undocumented=True),
        mk.LipSync(File(Path("/v.mp4")), text="hello", voice="v1"),
    ],
)
def test_a_request_is_the_same_after_it_was_an_item(request_of_a_row: Request) -> None:
    again = cells.request_of(cells.packed(request_of_a_row))
    assert again == request_of_a_row
    assert again.allow_undocumented == request_of_a_row.allow_undocumented


@pytest.mark.parametrize("text", ["{}", "x", "[1]", '{"operation": "nothing"}'])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        cells.request_of(text)


# Names of files.


@given(st.integers(1, 10**7), st.one_of(st.none(), st.text(max_size=300)))
@settings(max_examples=100, deadline=None)
def test_a_default_name_can_be_a_file_below_the_folder(n: int, key: str | None) -> None:
    name = cells.default_out(n, key, mk.Mimic(File(Path("/ü/..x/=a.png")), Remote("https://x/b")))
    assert cells.checked_out(name) == name
    assert f"{n:06d}" in name
    assert name.count("/") == (n >= 10_000)


@pytest.mark.parametrize(
    "name",
    ["../a.mp4", "/a.mp4", "a//b", "a/../b", "~/a", "C:\\a", "a\\b", "a\nb", "results.csv",
     "Results.CSV", "s3://a/b", "x" * 201, "c:a", " / a", 5],
)  # fmt: skip
def test_a_name_that_leaves_the_folder_or_replaces_the_results_is_refused(name: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        cells.checked_out(name)


# Problems.


def test_equal_problems_are_one_line_and_many_are_counted() -> None:
    found = inputs.Problems()
    for n in range(2, 1002):
        found.add(f"row {n}", "video", "there is no file 'x'")
        found.add(f"row {n}", "key", f"key {n} is wrong")
    with pytest.raises(InvalidRows) as raised:
        found.raise_if_any("items.csv")
    lines = str(raised.value).splitlines()
    assert lines[0] == "items.csv: 2,000 problems in 1,000 rows"
    assert lines[1] == "  row 2, row 3, row 4 and 997 more, column video: there is no file 'x'"
    assert lines[-1] == "  and 981 other problems"
    assert len(raised.value.problems) == inputs.MOST_PROBLEMS
    assert raised.value.to_dict()["count"] == 2000
