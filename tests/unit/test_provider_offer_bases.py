"""Rows that are like others, and prices that come on top."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model.media import Generated, Uploaded
from motionkit.model.money import Basis, Quote, Rates
from motionkit.model.operations import Mimic, TextToVideo
from motionkit.provider import fit, offers, quote

TEXT = """
[price.run]
unit = "credit"
basis = "listed"
source = "page"
as_of = 2026-01-01
seconds_of = "duration"
text_of = "speech"
cells = [
  { when = { quality = "720p" }, per = "run", amount = "10" },
  { adds = "speech", per = "byte", step = 15, amount = "4", doubtful = true },
  { adds = "audio", per = "second", amount = "1.5" },
]

[base.words]
operation = "text_to_video"
path = "/words"
source = "page"
fields = { prompt = "prompt", quality = "quality" }
defaults = { quality = "720p" }
price = { basis = "estimated", note = "assumed" }

[base.new]
fields = { speech = "says", duration = "duration", audio = "sound" }
defaults = { quality = "540p", duration = 5 }
price = "run"

[[offer]]
like = ["words", "new"]
model = "a"
fields = { quality = "q" }
"""


def row(text: str = TEXT) -> offers.Offer:
    return offers.parse_offers(text, name="x")[0]


def test_a_row_takes_over_what_it_leaves_out_and_what_stands_first_counts() -> None:
    made = row()
    assert (made.operation, made.path, made.model) == ("text_to_video", "/words", "a")
    assert made.fields == {
        "prompt": "prompt",
        "quality": "q",
        "speech": "says",
        "duration": "duration",
        "audio": "sound",
    }
    assert made.defaults == {"quality": "720p", "duration": 5}
    assert made.price is not None
    assert (made.price.basis, made.price.note) == (Basis.ESTIMATED, "assumed")
    assert made.price.cells[0].amount == Decimal(10)


def test_a_base_is_not_changed_by_the_rows_that_are_like_it() -> None:
    second = '\n[[offer]]\nlike = ["words", "new"]\nmodel = "b"\n'
    made = offers.parse_offers(TEXT + second, name="x")[1]
    assert made.fields["quality"] == "quality"


def test_a_base_that_is_not_there_is_told_with_its_place() -> None:
    told = "x: offer 0 (None a): like 'old' is not in the file; it has words, new"
    with pytest.raises(ConfigError, match=re.escape(told)):
        row(TEXT.replace('"words", "new"', '"old", "new"'))


def test_offers_are_read_from_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices, _, rows = TEXT.partition("[base.words]")
    package = tmp_path / "several_files"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "offers.toml").write_text("[base.words]" + rows, "utf-8")
    (package / "offers_prices.toml").write_text(prices, "utf-8")
    (package / "notoffers.toml").write_text("nonsense", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = offers.load_offers("several_files")
    assert tuple(found) == (row(),)
    assert len(found) == 1
    assert found[-1] is found[0]
    assert found[:5] == (found[0],)
    with pytest.raises(IndexError):
        found[1]


def test_a_spoiled_offer_is_named_when_it_is_used_and_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled = '\n[[offer]]\noperation = "upscale"\nmodel = "m"\npath = 7\nsource = "s"\n'
    package = tmp_path / "one_spoiled"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "offers.toml").write_text(TEXT + spoiled, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = offers.load_offers("one_spoiled")
    assert offers.pick(found, row().operation, row().model, target="x") == row()
    said = r"^one_spoiled/offers.toml: expected text @ \$\[1\]\.path$"
    with pytest.raises(ConfigError, match=said):
        offers.parse_offers(TEXT + spoiled, name="one_spoiled/offers.toml")
    for use in (lambda: list(found), lambda: offers.pick(found, "upscale", None, target="x")):
        with pytest.raises(ConfigError, match=said):
            use()


def quoted(**values: object) -> Quote:
    request = TextToVideo("a fox", **values)  # type: ignore[arg-type]  # of any field
    found = quote.quote(fit.fit(request, row(), {}), Rates())
    assert found is not None
    return found


def test_what_adds_to_a_price_is_counted_where_it_is_asked_for() -> None:
    assert quoted().likely == 10
    assert quoted(audio=False).likely == 10
    assert quoted(speech="x" * 16).likely == 18
    assert quoted(speech="x" * 16, duration=4, audio=True).likely == 24


def test_credits_are_whole_but_at_the_least() -> None:
    found = quoted(audio=True, duration=5)
    assert (found.low, found.likely, found.high) == (Decimal("17.5"), 18, 18)


def test_a_combination_without_a_price_has_no_amount_and_says_so() -> None:
    found = quoted(quality="1080p", audio=True)
    assert (found.low, found.likely, found.high) == (None, None, None)
    assert "no price is listed for this combination" in found.notes


@pytest.mark.parametrize("held", [Uploaded("abc"), Generated("12x"), Uploaded("")])
def test_an_id_that_is_no_number_is_refused_before_anything_is_uploaded(
    held: Uploaded | Generated,
) -> None:
    slot = offers.MediaField("video_id", "video", ("mp4",), generated="source_id", integer=True)
    image = offers.MediaField("img", "image", ("png",))
    offer = offers.Offer("mimic", "m", "/m", "page", media={"video": slot, "image": image})
    request = Mimic(Uploaded("1"), held)
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(request, offer, fit.inspect(request))
    assert (caught.value.field, caught.value.limit) == ("video", "a whole number")
