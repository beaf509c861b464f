"""Offers are data: read with a path in every complaint, fitted, and priced."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import attrs
import pytest
from support import clip, picture

import motionkit as mk
from motionkit.errors import Billed, ConfigError, InvalidRequest, Unsupported
from motionkit.model.media import Generated
from motionkit.model.money import Basis, Quote, Rates, Unit
from motionkit.model.operations import LipSync, Mimic
from motionkit.model.probe import Facts
from motionkit.model.request import _is_whole
from motionkit.provider import MediaField, Offer, Price, PriceRule, fit, offers, quote
from motionkit_pixverse.adapter import PixVerse

TEXT = """
[[offer]]
operation = "mimic"
model = "m1"
path = "/buy"
source = "https://vendor.example/mimic"
default = true
fields = { quality = "q", seed = "seed" }
fixed = { mode = "std" }
defaults = { quality = "540p" }
allowed = { quality = ["360p", "540p"] }
expected_seconds = 90

[offer.media.image]
field = "img"
kind = "image"
formats = ["png"]

[offer.price]
unit = "credit"
basis = "listed"
source = "https://vendor.example/prices"
as_of = 2026-11-21
seconds_of = "video"
cells = [{ when = { quality = "540p" }, per = "second", amount = "1.50" }]
"""
READ = Offer(
    operation="mimic",
    model="m1",
    path="/buy",
    source="https://vendor.example/mimic",
    default=True,
    fields={"quality": "q", "seed": "seed"},
    fixed={"mode": "std"},
    defaults={"quality": "540p"},
    allowed={"quality": ("360p", "540p")},
    media={"image": MediaField("img", "image", ("png",))},
    price=Price(
        Unit.CREDIT,
        Basis.LISTED,
        "https://vendor.example/prices",
        dt.date(2026, 11, 21),
        (PriceRule(Decimal("1.50"), "second", {"quality": "540p"}),),
        seconds_of="video",
    ),
    expected_seconds=90.0,
)
SOLD = Offer(
    operation="mimic",
    model="m1",
    path="/buy",
    source="https://vendor.example/mimic",
    fields={"quality": "q", "seed": "seed", "prompt": "text"},
    fixed={"mode": "std", "q": "overridden by the request"},
    defaults={"quality": "540p"},
    allowed={"quality": ("360p", "540p"), "seed": (1, 2)},
    media={
        "image": MediaField(
            "img", "image", ("png", "jpeg"), max_bytes=1000, warn_bytes=500, max_side=100
        ),
        "video": MediaField("vid", "video", ("mp4",), generated="source_id", max_seconds=30),
    },
)
IMAGE = Facts("hero.png", "image", "png", "png", 100, 100, None, 500, "aa")
VIDEO = Facts("dance.mp4", "video", "mp4", "h264", 1000, 1000, 30.0, 10**9, "bb")
FACTS = {"image": IMAGE, "video": VIDEO}


def wanted(**values: Any) -> Mimic:
    return Mimic(
        **{"image": "https://h.example/i.png", "video": "https://h.example/v.mp4"} | values
    )


# Reading.


def test_an_offer_is_read_as_it_is_written() -> None:
    assert offers.parse_offers(TEXT, name="x/offers.toml") == (READ,)


def test_a_file_without_offers_sells_nothing() -> None:
    assert offers.parse_offers("# nothing yet", name="x") == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "/buy"', "", "required field missing @ $[0].path"),
        ('path = "/buy"', "path = 7", "expected text @ $[0].path"),
        ('path = "/buy"', 'path = "/buy"\nspeed = 3', "unknown fields (speed) @ $[0]"),
        ('kind = "image"', 'kind = "film"', "@ $[0].media['image'].kind"),
        ('formats = ["png"]', "formats = [7]", "@ $[0].media['image'].formats[0]"),
        ('amount = "1.50"', "amount = 1.5", "@ $[0].price.cells[0].amount"),
        ('amount = "1.50"', 'amount = "cheap"', "@ $[0].price.cells[0].amount"),
        ('per = "second"', 'per = "hour"', "@ $[0].price.cells[0].per"),
        ('unit = "credit"', 'unit = "euro"', "@ $[0].price.unit"),
        ("as_of = 2026-11-21", 'as_of = "soon"', "@ $[0].price.as_of"),
        ("default = true", "default = 1", "@ $[0].default"),
        ("[[offer]]", "[[offer", "(at line 2"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_file_and_path(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        offers.parse_offers(TEXT.replace(old, new), name="shop/offers.toml")
    assert caught.value.message.startswith("shop/offers.toml: ")
    assert said in caught.value.message


# Picking.


def row(operation: str, model: str, default: bool = False) -> Offer:
    return attrs.evolve(SOLD, operation=operation, model=model, default=default)


ROWS = (row("mimic", "m1"), row("mimic", "m2", True), row("modify", "m1", True), row("swap", "s"))


@pytest.mark.parametrize(
    ("operation", "model", "expected"),
    [
        ("mimic", None, ROWS[1]),
        ("mimic", "m1", ROWS[0]),
        ("mimic", "m2", ROWS[1]),
        ("modify", None, ROWS[2]),
        ("modify", "m1", ROWS[2]),
        ("swap", "s", ROWS[3]),
    ],
)
def test_a_target_means_one_row(operation: str, model: str | None, expected: Offer) -> None:
    assert offers.pick(ROWS, operation, model, target="shop") == expected


@pytest.mark.parametrize(
    ("operation", "model", "said"),
    [
        ("mimic", "m9", "shop/m9 does not offer mimic with m9; it has m1, m2"),
        ("swap", None, "shop has no default model for swap; name one: shop/s"),
        ("upscale", None, "shop does not offer upscale"),
    ],
)
def test_what_is_not_sold_is_unsupported_and_says_what_is(
    operation: str, model: str | None, said: str
) -> None:
    target = f"shop/{model}" if model else "shop"
    with pytest.raises(Unsupported) as caught:
        offers.pick(ROWS, operation, model, target=target)
    assert caught.value.message == said
    assert (caught.value.field, caught.value.value) == ("via", target)


# Fitting.


def test_a_fit_fills_defaults_and_maps_to_the_vendors_fields() -> None:
    fitted = fit.fit(wanted(seed=2, prompt="dance"), SOLD, FACTS)
    assert fitted.values == {"quality": "540p", "seed": 2, "prompt": "dance"}
    assert fitted.body == {"mode": "std", "q": "540p", "seed": 2, "text": "dance"}
    assert fitted.offer is SOLD
    assert fitted.facts is FACTS
    assert fitted.warnings == ()


def test_a_request_overrides_a_default() -> None:
    assert fit.fit(wanted(quality="360p"), SOLD, FACTS).body["q"] == "360p"


@pytest.mark.parametrize(
    ("values", "field", "value"),
    [
        ({"keep_audio": True}, "keep_audio", "True"),
        ({"keep_audio": False}, "keep_audio", "False"),
        ({"orientation": "image"}, "orientation", "image"),
    ],
)
def test_a_field_that_the_target_cannot_express_is_unsupported(
    values: dict[str, Any], field: str, value: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        fit.fit(wanted(**values), SOLD, FACTS)
    assert (caught.value.field, caught.value.value) == (field, value)
    assert caught.value.limit == "image, prompt, quality, seed, video"
    assert caught.value.billed is Billed.NO


def test_a_media_argument_that_the_target_does_not_take_is_unsupported() -> None:
    offer = attrs.evolve(SOLD, media={"image": SOLD.media["image"]})
    with pytest.raises(Unsupported, match="m1 takes no video") as caught:
        fit.fit(wanted(), offer, FACTS)
    assert caught.value.field == "video"


@pytest.mark.parametrize(
    ("values", "field", "value", "limit"),
    [
        ({"quality": "8k"}, "quality", "8k", "360p, 540p"),
        ({"seed": 3}, "seed", "3", "1, 2"),
    ],
)
def test_a_value_that_the_target_does_not_take_is_refused_with_what_it_takes(
    values: dict[str, Any], field: str, value: str, limit: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(wanted(**values), SOLD, FACTS)
    assert type(caught.value) is InvalidRequest
    assert (caught.value.field, caught.value.value, caught.value.limit) == (field, value, limit)


@pytest.mark.parametrize(
    ("bounds", "limit"),
    [
        ((0.1, 0.95), "0.1 to 0.95"),
        ((0.0, 0.4), "0 to 0.4"),
        ((1, 2_000_000), "1 to 2,000,000"),
        ((1.0, 1234567.5), "1 to 1,234,567.5"),
    ],
)
def test_a_range_is_named_with_its_bounds_as_they_are(
    bounds: tuple[float, float], limit: str
) -> None:
    offer = attrs.evolve(SOLD, allowed={}, ranges={"seed": bounds})
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(wanted(seed=99_999_999), offer, FACTS)
    assert caught.value.limit == limit


@pytest.mark.parametrize(
    ("name", "change", "value", "limit"),
    [
        ("image", {"container": "heic"}, "heic", "png, jpeg"),
        ("image", {"kind": "video", "container": "mp4"}, "mp4", "png, jpeg"),
        ("image", {"size": 1001}, "1001 bytes", "at most 1,000 bytes"),
        ("image", {"width": 101}, "101 pixels", "at most 100 pixels"),
        ("image", {"height": 101}, "101 pixels", "at most 100 pixels"),
        ("video", {"seconds": 30.001}, "30.001 seconds", "at most 30 seconds"),
        ("video", {"container": "webm"}, "webm", "mp4"),
    ],
)
def test_media_beyond_a_limit_are_refused_with_the_limit(
    name: str, change: dict[str, Any], value: str, limit: str
) -> None:
    offer = attrs.evolve(
        SOLD, media={**SOLD.media, "video": attrs.evolve(SOLD.media["video"], max_seconds=30.0)}
    )
    facts = FACTS | {name: attrs.evolve(FACTS[name], **change)}
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(wanted(), offer, facts)
    assert (caught.value.field, caught.value.value, caught.value.limit) == (name, value, limit)
    assert facts[name].label in caught.value.message


@pytest.mark.parametrize(
    ("width", "height", "refused"),
    [(100, 40, False), (40, 100, False), (100, 39, True), (39, 100, True), (None, None, False)],
)
def test_a_picture_has_sides_of_a_ratio(
    *, width: int | None, height: int | None, refused: bool
) -> None:
    slot = attrs.evolve(SOLD.media["image"], max_ratio=2.5)
    offer = attrs.evolve(SOLD, media={**SOLD.media, "image": slot})
    facts = FACTS | {"image": attrs.evolve(IMAGE, width=width, height=height)}
    if not refused:
        assert fit.fit(wanted(), offer, facts).facts == facts
        return
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(wanted(), offer, facts)
    assert (caught.value.field, caught.value.limit) == ("image", "1:2.5 to 2.5:1")
    assert caught.value.value == f"{width} x {height} pixels"


BY_QUALITY = attrs.evolve(
    SOLD.media["video"], max_seconds=30, seconds_by={"quality": {"360p": (2, 10)}}
)
"""A clip whose seconds depend on another value; `SOLD` calls the field of the quality otherwise."""


@pytest.mark.parametrize(
    ("options", "seconds", "limit"),
    [
        ({"quality": "360p"}, 10.5, "at most 10 seconds with quality '360p'"),
        ({"quality": "360p"}, 1.5, "at least 2 seconds with quality '360p'"),
        ({"quality": "540p"}, 10.5, None),
        ({"quality": "540p"}, 30.5, "at most 30 seconds"),
        ({}, 30.5, "at most 30 seconds"),
    ],
)
def test_seconds_of_a_clip_may_depend_on_another_value(
    options: dict[str, Any], seconds: float, limit: str | None
) -> None:
    offer = attrs.evolve(SOLD, media={**SOLD.media, "video": BY_QUALITY})
    facts = FACTS | {"video": attrs.evolve(FACTS["video"], seconds=seconds)}
    if limit is None:
        assert fit.fit(wanted(**options), offer, facts).facts["video"].seconds == seconds
        return
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(wanted(**options), offer, facts)
    assert (caught.value.field, caught.value.limit) == ("video", limit)


@pytest.mark.parametrize(("sent", "fits"), [("360p", False), ("odd", True), ([], True)])
def test_they_depend_on_the_vendors_own_option_before_the_neutral_value(
    sent: Any, *, fits: bool
) -> None:
    offer = attrs.evolve(SOLD, media={**SOLD.media, "video": BY_QUALITY})
    facts = FACTS | {"video": attrs.evolve(FACTS["video"], seconds=20.0)}
    extra = {SOLD.fields["quality"]: sent}
    if fits:
        assert fit.fit(wanted(quality="540p"), offer, facts, extra=extra).extra == extra
        return
    with pytest.raises(InvalidRequest, match="at most 10 seconds with quality '360p'"):
        fit.fit(wanted(quality="540p"), offer, facts, extra=extra)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("image", {"size": 1000}),
        ("image", {"width": 100, "height": 100}),
        ("image", {"container": "jpeg"}),
        ("video", {"seconds": 30.0}),
        ("video", {"size": 10**12}),
    ],
)
def test_media_at_a_limit_pass(name: str, change: dict[str, Any]) -> None:
    facts = FACTS | {name: attrs.evolve(FACTS[name], **change)}
    assert fit.fit(wanted(), SOLD, facts).facts[name] == facts[name]


@pytest.mark.parametrize(
    ("size", "warnings"),
    [
        (500, ()),
        (501, ("image: 501 bytes; one of the vendor's pages limits it to 500 bytes",)),
    ],
)
def test_a_size_on_which_the_vendors_pages_disagree_is_warned_about(
    size: int, warnings: tuple[str, ...]
) -> None:
    facts = FACTS | {"image": attrs.evolve(IMAGE, size=size)}
    assert fit.fit(wanted(), SOLD, facts).warnings == warnings


def test_what_could_not_be_measured_is_warned_about_and_passes() -> None:
    unmeasured = attrs.evolve(
        VIDEO, seconds=None, width=None, height=None, missing="measuring it needs motionkit[media]"
    )
    fitted = fit.fit(wanted(), SOLD, FACTS | {"video": unmeasured})
    assert fitted.warnings == (
        "video: pixels and seconds are unchecked: measuring it needs motionkit[media]",
    )


def test_what_is_not_here_passes_unchecked() -> None:
    request = wanted()
    assert fit.fit(request, SOLD, fit.inspect(request)).warnings == ()


def test_a_generated_video_goes_only_where_the_vendor_takes_one() -> None:
    request = wanted(video=Generated("42"))
    assert fit.fit(request, SOLD, fit.inspect(request)).body["q"] == "540p"
    request = wanted(image=Generated("42"))
    with pytest.raises(Unsupported) as caught:
        fit.fit(request, SOLD, fit.inspect(request))
    assert (caught.value.field, caught.value.value) == ("image", "job 42")


def test_inspect_looks_at_every_media_argument_and_names_the_field() -> None:
    facts = fit.inspect(Mimic(image=picture(), video=clip(1.0)))
    assert {name: (f.kind, f.seconds) for name, f in facts.items()} == {
        "image": ("image", None),
        "video": ("video", 1.0),
    }
    with pytest.raises(InvalidRequest) as caught:
        fit.inspect(Mimic(image=picture(), video=b"text"))
    assert caught.value.field == "video"


# Pricing: literal cases of a published price.

ROUNDED = "9.4 s are quoted as 10 s: rounding up is inferred"
PAGE = "https://docs.platform.pixverse.ai/motion-controlmimic-1982936m0"


def priced(
    seconds: float | None, quality: str | None = None, rates: Rates | None = None, missing: str = ""
) -> Quote:
    offer = offers.pick(PixVerse.offers, "mimic", None, target="pixverse")
    image = Facts("hero.png", "image", "png", "png", 512, 512, None, 1000, "aa")
    video = Facts(
        "dance.mp4", "video", "mp4", "h264", 640, 480, seconds, 1000, "bb", missing=missing
    )
    fitted = fit.fit(wanted(quality=quality), offer, {"image": image, "video": video})
    quoted = quote.quote(fitted, rates or Rates(credit=Decimal("0.01")))
    assert quoted is not None
    return quoted


@pytest.mark.parametrize(
    ("seconds", "quality", "low", "high", "usd", "notes"),
    [
        (4.0, "540p", "40", "40", "0.40", ()),
        (4.0, None, "40", "40", "0.40", ()),
        (9.4, "540p", "94", "100", "1.00", (ROUNDED,)),
        (30.0, "720p", "360", "360", "3.60", ()),
        (5.0, "360p", "45", "45", "0.45", ()),
        (0.1, "540p", "1", "10", "0.10",
         ("0.1 s are quoted as 1 s: rounding up is inferred",)),
    ],
)  # fmt: skip
def test_a_published_price_gives_these_amounts(  # noqa: PLR0917 - the columns of a table
    seconds: float, quality: str | None, low: str, high: str, usd: str, notes: tuple[str, ...]
) -> None:
    quoted = priced(seconds, quality)
    assert (quoted.low, quoted.likely, quoted.high) == (Decimal(low), Decimal(high), Decimal(high))
    assert (quoted.usd_likely, quoted.usd_high) == (Decimal(usd), Decimal(usd))
    assert quoted.usd_low == Decimal(low) / 100
    assert quoted.unit is Unit.CREDIT
    assert quoted.basis is Basis.LISTED
    assert quoted.source == PAGE
    assert quoted.as_of == dt.date(2026, 11, 21)
    assert quoted.notes == notes


def test_amounts_are_shown_without_an_exponent() -> None:
    quoted = priced(10.0)
    assert [str(quoted.low), str(quoted.likely), str(quoted.high)] == ["100", "100", "100"]


def test_unknown_seconds_give_no_amount_and_say_the_rate() -> None:
    quoted = priced(None, missing="measuring it needs motionkit[media]")
    assert (quoted.low, quoted.likely, quoted.high) == (None, None, None)
    assert (quoted.usd_low, quoted.usd_likely, quoted.usd_high) == (None, None, None)
    assert quoted.notes == (
        (
            "the seconds of video are unknown (measuring it needs motionkit[media]); "
            "10 credits per second"
        ),
    )


def test_an_accounts_own_rate_makes_its_dollars() -> None:
    assert priced(4.0, rates=Rates(credit=Decimal("0.005"))).usd_high == Decimal("0.200")
    unknown = priced(4.0, rates=Rates())
    assert (unknown.high, unknown.usd_high) == (Decimal(40), None)


ESTIMATED = Price(
    Unit.USD,
    Basis.ESTIMATED,
    "https://vendor.example/average",
    dt.date(2026, 11, 1),
    (
        PriceRule(Decimal("0.10"), "second", {"quality": "540p"}, "low"),
        PriceRule(Decimal("0.15"), "second", {"quality": "540p"}, "high"),
        PriceRule(Decimal("2.03"), "run", bound="likely"),
    ),
    seconds_of="video",
    note="an average over all clips",
)


def estimated(seconds: float | None) -> Quote | None:
    offer = attrs.evolve(SOLD, price=ESTIMATED)
    facts = FACTS | {"video": attrs.evolve(VIDEO, seconds=seconds)}
    return quote.quote(fit.fit(wanted(), offer, facts), Rates())


@pytest.mark.parametrize(
    ("seconds", "low", "high"),
    [(9.4, "0.94", "2.03"), (14.0, "1.40", "2.10"), (30.0, "2.03", "4.5")],
)
def test_an_estimates_bounds_are_widened_until_the_likely_amount_lies_between(
    seconds: float, low: str, high: str
) -> None:
    quoted = estimated(seconds)
    assert quoted is not None
    amounts = (Decimal(low), Decimal("2.03"), Decimal(high))
    assert (quoted.low, quoted.likely, quoted.high) == amounts
    assert (quoted.usd_low, quoted.usd_likely, quoted.usd_high) == amounts


def test_an_estimate_says_so_and_why() -> None:
    quoted = estimated(9.4)
    assert quoted is not None
    assert (quoted.basis, quoted.unit) == (Basis.ESTIMATED, Unit.USD)
    assert quoted.notes == (ROUNDED, "an average over all clips")


def test_an_estimate_per_run_needs_no_seconds_but_its_bounds_do() -> None:
    quoted = estimated(None)
    assert quoted is not None
    assert (quoted.low, quoted.likely, quoted.high) == (None, Decimal("2.03"), None)
    assert quoted.notes[0].startswith("the seconds of video are unknown")


@pytest.mark.parametrize(("fractional", "expected"), [(False, "5"), (True, "4.5")])
def test_fractions_of_a_credit_are_quoted_where_the_vendor_charges_them(
    fractional: bool, expected: str
) -> None:
    cells = (PriceRule(Decimal("0.9"), "second"),)
    price = Price(
        Unit.CREDIT,
        Basis.LISTED,
        "https://vendor.example/prices",
        dt.date(2026, 11, 21),
        cells,
        seconds_of="video",
        fractional=fractional,
    )
    facts = {**FACTS, "video": attrs.evolve(VIDEO, seconds=5.0)}
    fitted = fit.fit(wanted(), attrs.evolve(SOLD, price=price), facts)
    found = quote.quote(fitted, Rates(credit=Decimal("0.14")))
    assert found is not None
    assert (found.likely, found.high) == (Decimal(expected), Decimal(expected))


def test_no_price_is_no_quote() -> None:
    assert quote.quote(fit.fit(wanted(), SOLD, FACTS), Rates()) is None


def test_values_that_no_price_covers_give_no_amount() -> None:
    price = attrs.evolve(ESTIMATED, cells=ESTIMATED.cells[:2])
    fitted = fit.fit(wanted(quality="360p"), attrs.evolve(SOLD, price=price), FACTS)
    quoted = quote.quote(fitted, Rates())
    assert quoted is not None
    assert (quoted.low, quoted.likely, quoted.high) == (None, None, None)


SHARED = """
[slot.picture]
field = "img"
kind = "image"
formats = ["png"]

[price.usual]
unit = "usd"
basis = "listed"
source = "page"
as_of = 2026-01-01
cells = [{ per = "run", amount = "1.5" }]

[[offer]]
operation = "animate"
model = "a"
path = "/a"
source = "page"
price = "usual"
media = { image = "picture" }

[[offer]]
operation = "animate"
model = "b"
path = "/b"
source = "page"
price = "usual"
media = { image = "picture" }
"""


def test_what_rows_share_stands_once_and_is_named() -> None:
    first, second = offers.parse_offers(SHARED, name="x")
    assert first.price == second.price
    assert first.price is not None
    assert first.price.cells[0].amount == Decimal("1.5")
    assert first.media["image"] == second.media["image"]
    assert first.media["image"].field == "img"


def test_what_rows_share_all_but_a_few_keys_is_named_and_the_rest_is_said() -> None:
    text = SHARED.replace(
        'price = "usual"',
        'price = { like = "usual", cells = [{ per = "run", amount = "2" }] }',
        1,
    ).replace('image = "picture"', 'image = { like = "picture", field = "other", many = true }', 1)
    first, second = offers.parse_offers(text, name="x")
    assert first.price is not None
    assert second.price is not None
    assert first.price.cells == (PriceRule(Decimal(2), "run"),)
    assert attrs.evolve(first.price, cells=second.price.cells) == second.price
    slot = first.media["image"]
    assert (slot.field, slot.many) == ("other", True)
    assert attrs.evolve(slot, field="img", many=False) == second.media["image"]


def test_a_medium_that_may_be_left_out_can_be_what_a_target_needs() -> None:
    spoken = Offer(
        operation="lip_sync",
        model="m1",
        path="/buy",
        source="page",
        required=("audio",),
        media={
            "video": MediaField("v", "video", ("mp4",)),
            "audio": MediaField("a", "audio", ("mp3",)),
        },
    )
    video, audio = "https://h.example/v.mp4", "https://h.example/a.mp3"
    heard = LipSync(video, audio=audio)
    assert fit.fit(heard, spoken, fit.inspect(heard)).body == {}
    silent = LipSync(video)
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(silent, spoken, fit.inspect(silent))
    assert caught.value.field == "audio"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('price = "usual"', 'price = { like = "cheap" }', "price 'cheap' is not in the file"),
        ('price = "usual"', 'price = "cheap"', "price 'cheap' is not in the file; it has usual"),
        ('image = "picture"', 'image = "clip"', "media.image 'clip' is not in the file"),
        ("[[offer]]", "[[offers]]", "'offers' is neither offer, base, slot nor price"),
    ],
)
def test_a_name_that_stands_for_nothing_is_told_with_its_place(
    old: str, new: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        offers.parse_offers(SHARED.replace(old, new), name="x")


# Odd files and numbers.


def test_a_container_longer_than_its_film_widens_the_quote_and_says_so() -> None:
    offer = offers.pick(PixVerse.offers, "mimic", None, target="pixverse")
    video = attrs.evolve(VIDEO, size=1000, seconds=4.0, seconds_high=9.0)
    fitted = fit.fit(wanted(), offer, {"image": attrs.evolve(IMAGE, width=512), "video": video})
    quoted = quote.quote(fitted, Rates(credit=Decimal("0.01")))
    assert quoted is not None
    assert (quoted.low, quoted.likely, quoted.high) == (40, 90, 90)
    assert quoted.notes == (
        "dance.mp4 runs 9.0 s and its film 4.0 s: which of them the vendor counts is inferred",
    )


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("video", attrs.evolve(VIDEO, kind="image", container="avif"), "a picture, avif"),
        ("video", attrs.evolve(VIDEO, kind="audio", container="m4a"), "sound, m4a"),
        ("video", attrs.evolve(VIDEO, kind="audio", container="mp4"), "sound, mp4"),
    ],
)
def test_media_of_another_kind_are_refused_whatever_the_container(
    name: str, facts: Facts, said: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fit.fit(wanted(), SOLD, {**FACTS, name: facts})
    assert caught.value.message == (f"video: dance.mp4 is {said}; the vendor takes a film as mp4")


def test_a_whole_number_may_be_written_as_a_decimal() -> None:
    assert fit.fit(wanted(seed=2.0), SOLD, FACTS).body["seed"] == 2
    assert type(fit.fit(wanted(seed=2.0), SOLD, FACTS).body["seed"]) is int


def test_only_types_of_whole_numbers_refuse_fractions() -> None:
    for annotation, whole in (
        ("int | None", True),
        ("<class 'int'>", True),
        ("int", True),
        ("int | float", False),
        ("float", False),
        ("Point", False),
    ):
        assert _is_whole(annotation) is whole


@pytest.mark.parametrize("value", [5.5, float("nan"), float("inf")])
def test_a_fraction_is_refused_where_a_whole_number_is_wanted(value: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        mk.ImageToVideo(image="a.png", prompt="x", duration=value)  # type: ignore[arg-type]
    assert caught.value.message == f"duration={value} is not a whole number"
    assert (caught.value.field, caught.value.limit) == ("duration", "a whole number")
