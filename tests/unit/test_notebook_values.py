"""Every public value in a notebook: escaped, without secrets, as an accessible table."""

from __future__ import annotations

import enum
import inspect
import json
import pickle
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
from public_values import EVIL, KEY, NOW, SERVICES, SIGNED, TEXTLESS, make, public

import motionkit as mk
from motionkit._support import html
from motionkit._support.displayed import Displayed
from motionkit._support.redaction import Secret
from motionkit.errors import InvalidRequest
from motionkit.model.job import utcnow
from motionkit.model.listing import Listing, Records
from motionkit.model.money import Unit
from motionkit.provider import Offer


class Page(HTMLParser):
    """What a parser finds in a page: tags that are balanced, and the text outside of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.heads: list[str | None] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, f"unclosed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "th":
            self.heads.append(dict(attributes).get("scope"))
        if tag not in {"br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check(shown: str) -> Page:
    """Assert what holds for every value in a notebook."""
    page = Page(shown)
    assert set(page.tags) <= {
        *("div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
        *("details", "summary", "p", "br", "video", "audio", "img"),
    }
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert KEY not in shown
    assert "SIGNATURE" not in shown
    assert "color" not in shown  # the theme's own colours, dark or light
    assert page.tags.count("table") == page.tags.count("caption")
    assert all(scope in {"row", "col"} for scope in page.heads)
    return page


@pytest.fixture(autouse=True)
def key() -> Secret:
    return Secret(KEY)


@pytest.mark.parametrize("kind", list(public()), ids=lambda kind: kind.__name__)
def test_a_public_value_renders_escaped_and_without_secrets(kind: type) -> None:
    value = make(kind)
    page = check(value._repr_html_())
    assert "table" in page.tags
    assert (EVIL in page.text) is (kind not in TEXTLESS)
    # In a list, and as data, it shows no more.
    listed = Listing([value])
    assert "table" in check(listed._repr_html_()).tags
    json.dumps(listed.to_dict())


def test_every_public_name_is_looked_at() -> None:
    named = {kind.__name__ for kind in public()}
    words = {
        name
        for name in mk.__all__
        if inspect.isclass(getattr(mk, name)) and issubclass(getattr(mk, name), enum.Enum)
    }
    assert set(mk.__all__) - SERVICES - words <= named
    assert set(mk.__all__) >= SERVICES


def test_the_markup_of_each_text_is_shown_as_text() -> None:
    shown = make(mk.Comparison)._repr_html_()
    assert "&lt;script&gt;" in shown
    assert EVIL in Page(shown).text


def test_a_configuration_shows_its_accounts_and_no_key() -> None:
    config = mk.Config.of(
        accounts={"studio": {"provider": "pixverse", "api_key": KEY}},
        routes={"trailers": {"targets": ["studio"]}},
        defaults={"budget_usd": {"day": "50.00"}},
        journal="postgresql://ada:pass-word-0123@db.example/motionkit",
    )
    page = check(config._repr_html_())
    assert "account studio" in page.text
    assert "route trailers" in page.text
    assert "50.00 USD a day" in page.text
    assert "pass-word-0123" not in config._repr_html_()


def test_a_long_value_is_folded_under_its_beginning() -> None:
    shown = mk.Mimic("a.png", "b.mp4", prompt="snow " * 200)._repr_html_()
    page = check(shown)
    assert page.tags.count("details") == page.tags.count("summary") == 1
    assert "snow " * 200 in page.text
    assert "details" not in Page(mk.Mimic("a.png", "b.mp4", prompt="snow")._repr_html_()).tags


# Lists.


def test_a_list_is_a_list_and_its_parts_are_drawn_too() -> None:
    rows = Listing([1, 2, 3], title="numbers")
    assert isinstance(rows, list)
    assert rows == [1, 2, 3]
    assert repr(rows) == "[1, 2, 3]"
    assert rows[0] == 1
    assert isinstance(rows[:2], Listing)
    assert "Numbers (2)" in rows[:2]._repr_html_()
    again = pickle.loads(pickle.dumps(rows))  # noqa: S301 - of this test
    assert (again, again.title) == (rows, "numbers")
    lot = Records((1, 2), title="voices")
    assert isinstance(lot, tuple)
    assert lot == (1, 2)
    assert "Voices (2)" in lot._repr_html_()
    assert Listing(title="jobs")._repr_html_() == "<p>no jobs</p>"


def test_a_long_list_is_cut_and_says_so() -> None:
    page = check(Listing(range(1000), title="numbers")._repr_html_())
    assert page.tags.count("tr") == html.LONGEST_LIST + 1
    assert "940 more rows" in page.text
    assert "Numbers (1,000)" in page.text


def test_results_and_errors_share_one_table() -> None:
    job = mk.Job("7", "fake", "shop", "f" * 16, "mimic", "m1", "k-1", "a", utcnow())
    made = mk.Result(job, (mk.Output(SIGNED),), seconds=12.0)
    failed = mk.errors.JobFailed("no face", job=job, billed=mk.Billed.YES)
    rows = Listing([made, failed], title="results")
    page = check(rows._repr_html_())
    assert "JobFailed" in page.text
    assert "no face" in page.text
    data = rows.to_dict()
    assert [row["state"] for row in data] == ["succeeded", None]
    assert [row["message"] for row in data] == [None, "no face"]
    assert data[0].keys() == data[1].keys()


# Data.


def spend(name: str, amount: str) -> mk.Spend:
    amounts = mk.Amounts(charged=Decimal(amount))
    return mk.Spend(
        by="day", name=name, unit=Unit.USD, sandbox=False, jobs=1, unpriced=0,
        amounts=amounts, usd=amounts,
    )  # fmt: skip


def test_a_dictionary_has_money_and_times_as_text() -> None:
    budget = mk.BudgetStatus(
        name="defaults.budget_usd.day", period="day", limit=Decimal("50.00"), spent=Decimal("0.40"),
        held=Decimal(0), since=NOW, until=None,
    )  # fmt: skip
    (row,) = Listing([budget]).to_dict()
    assert row["spent_usd"] == "0.40"
    assert row["left_usd"] == "49.60"
    assert row["since"] == "2026-11-27T20:15:00+00:00"
    assert row["until"] is None
    assert json.loads(json.dumps(row)) == row


COLUMNED = [mk.Comparison, mk.PurchaseRecord, mk.Spend, mk.BudgetStatus, Offer]


@pytest.mark.parametrize("kind", COLUMNED)
def test_the_named_columns_are_those_of_a_row(kind: type) -> None:
    assert set(kind.__columns__) == set(make(kind).__record__())  # type: ignore[attr-defined]


def test_a_data_frame_has_decimals_and_aware_times() -> None:
    pandas = pytest.importorskip("pandas")
    frame = Listing([spend("2026-11-26", "0.10"), spend("2026-11-27", "0.20")]).to_dataframe()
    assert frame["charged"].sum() == Decimal("0.30")  # exact: a float would be 0.30000000000000004
    assert all(isinstance(one, Decimal) for one in frame["charged_usd"])
    assert list(frame["name"]) == ["2026-11-26", "2026-11-27"]
    assert frame["jobs"].sum() == 2
    assert pandas.api.types.is_integer_dtype(frame["jobs"])
    record = make(mk.PurchaseRecord)
    jobs = Listing([record, attrs.evolve(record, finished=None)]).to_dataframe()
    assert str(jobs["created"].dt.tz) == "UTC"
    assert jobs["finished"].isna().tolist() == [False, True]
    assert isinstance(jobs["created"].iloc[0], pandas.Timestamp)


def test_an_empty_list_has_the_columns_of_its_kind() -> None:
    pytest.importorskip("pandas")
    frame = Listing(kind=mk.PurchaseRecord).to_dataframe()
    assert tuple(frame.columns) == mk.PurchaseRecord.__columns__
    assert len(frame) == 0
    assert Listing(kind=mk.PurchaseRecord).to_dict() == []


def test_a_data_frame_without_pandas_is_an_error_that_names_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(mk.errors.ConfigError, match="needs the package pandas") as caught:
        Listing([1]).to_dataframe()
    assert "pip install pandas" in str(caught.value)


# Films.

JOB = mk.Job("7", "fake", "shop", "f" * 16, "mimic", "m1", "k", "a", NOW)


def result(*files: Path) -> mk.Result:
    made = mk.Result(JOB, tuple(mk.Output(SIGNED) for _ in files) or (mk.Output(SIGNED),))
    made.files.update(enumerate(files))
    return made


def test_a_result_plays_its_file_from_the_page_itself(tmp_path: Path) -> None:
    film = tmp_path / 'a "<script>.mp4'
    film.write_bytes(b"film")
    shown = result(film)._repr_html_()
    page = check(shown)
    assert page.tags.count("video") == 1
    assert ("src", "data:video/mp4;base64,ZmlsbQ==") in page.attributes
    assert ("controls", None) in page.attributes
    assert ("aria-label", film.name) in page.attributes
    assert str(film) in page.text


def test_a_result_that_was_not_downloaded_has_no_player_and_no_address() -> None:
    page = check(result()._repr_html_())
    assert "video" not in page.tags
    assert "client.download(result, path) saves it" in page.text
    assert "h.example" not in page.text


def test_a_file_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    page = check(result(tmp_path / "gone.mp4")._repr_html_())
    assert "video" not in page.tags
    assert "gone.mp4 is not there any more" in page.text
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    assert "is not a file" in check(result(folder)._repr_html_()).text


def test_a_large_file_is_named_beside_the_notebook_where_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "films" / "a b.mp4"
    film.parent.mkdir()
    with film.open("wb") as stream:
        stream.truncate(html.EMBEDDED + 1)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    unknown = check(result(film)._repr_html_())
    assert "video" not in unknown.tags
    assert "larger than 10 MB" in unknown.text
    assert str(film) in unknown.text
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "trial.ipynb"))
    assert ("src", "films/a%20b.mp4") in check(result(film)._repr_html_()).attributes
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "elsewhere" / "trial.ipynb"))
    assert "video" not in check(result(film)._repr_html_()).tags


def test_pictures_and_sounds_have_their_own_players(tmp_path: Path) -> None:
    for name, tag in (("a.png", "img"), ("a.webp", "img"), ("a.mp3", "audio"), ("a.bin", None)):
        (tmp_path / name).write_bytes(b"x")
        page = check(result(tmp_path / name)._repr_html_())
        assert [one for one in page.tags if one in {"img", "audio", "video"}] == [
            one for one in (tag,) if one
        ]
        assert name in page.text


def test_a_purchase_plays_its_file_and_one_in_a_store_is_named(tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    film.write_bytes(b"film")
    record = attrs.evolve(make(mk.PurchaseRecord), delivered=str(film))
    assert "video" in check(record._repr_html_()).tags
    stored = check(attrs.evolve(record, delivered="s3://bucket/a.mp4")._repr_html_())
    assert "video" not in stored.tags
    assert "s3://bucket/a.mp4" in stored.text


RECORDS = [one for one in public() if issubclass(one, Displayed) and attrs.has(one)]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_record_is_written_by_its_base_with_its_fields(kind: type) -> None:
    assert "__repr__" not in vars(kind), "made with repr=False, it is imported faster"
    value = make(kind)
    written = repr(value)
    assert written.startswith(f"{kind.__name__}(")
    assert written.endswith(")")
    for field in attrs.fields(kind):
        text = f"{field.name}={getattr(value, field.name)!r}"
        assert (text in written) is (field.repr is True) or callable(field.repr), field.name


def test_a_record_is_written_as_attrs_does() -> None:
    @attrs.frozen(repr=False)
    class Ours(Displayed):
        name: str
        masked: str = attrs.field(default="key", repr=lambda _: "...")
        hidden: str = attrs.field(default="raw", repr=False)

    def theirs() -> object:
        @attrs.frozen
        class Ours:
            name: str
            masked: str = attrs.field(default="key", repr=lambda _: "...")
            hidden: str = attrs.field(default="raw", repr=False)

        return Ours("a\n'b'")

    assert repr(Ours("a\n'b'")) == repr(theirs())


def test_an_error_is_written_as_errors_are() -> None:
    assert repr(InvalidRequest("no")) == "InvalidRequest('no')"
