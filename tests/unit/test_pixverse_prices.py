"""PixVerse's prices as literals: model x quality x seconds x sound, and what has no model."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

import motionkit as mk
from motionkit.model.money import Basis, Quote, Rates
from motionkit.model.operations import (
    Extend,
    ImageToVideo,
    LipSync,
    Mimic,
    Modify,
    Request,
    Restyle,
    Swap,
    TextToVideo,
    Transition,
    Upscale,
)
from motionkit.model.probe import Facts
from motionkit.provider.fit import fit
from motionkit.provider.offers import pick
from motionkit.provider.quote import quote
from motionkit_pixverse import rules
from motionkit_pixverse.adapter import PixVerse
from motionkit_pixverse.operations import (
    Avatar,
    Effect,
    ImageTemplate,
    MaskSelection,
    MultiTransition,
    MusicVideo,
    RealEstate,
    ReferenceToVideo,
    SoundEffect,
    ViralRecreation,
)

A, B, CLIP = mk.Uploaded("1"), mk.Uploaded("2"), mk.Uploaded("3")
LISTED, ESTIMATED = Basis.LISTED, Basis.ESTIMATED


def quoted(request: Request, model: str | None = None, seconds: float | None = None) -> Quote:
    """Quote a request whose clip or recording has that many seconds."""
    offer = pick(PixVerse.offers, request.operation, model, target="pixverse")
    facts = {name: Facts(name, seconds=seconds, missing="not here") for name in request.media()}
    found = quote(fit(request, offer, facts, rules.check), Rates(credit=Decimal("0.01")))
    assert found is not None
    return found


def words(quality: str, duration: int, **values: Any) -> TextToVideo:
    return TextToVideo("a fox", quality=quality, duration=duration, **values)


# model, quality, seconds, sound: credits
MODELS: list[tuple[str, str, int, bool, str, Basis]] = [
    ("v6", "360p", 5, False, "25", LISTED),
    ("v6", "360p", 5, True, "35", LISTED),
    ("v6", "540p", 1, False, "7", LISTED),
    ("v6", "540p", 8, True, "72", LISTED),
    ("v6", "720p", 5, False, "45", LISTED),
    ("v6", "720p", 5, True, "60", LISTED),
    ("v6", "1080p", 15, False, "270", LISTED),
    ("v6", "1080p", 10, True, "230", LISTED),
    ("c1", "360p", 1, False, "6", LISTED),
    ("c1", "540p", 5, True, "50", LISTED),
    ("c1", "720p", 10, False, "100", LISTED),
    ("c1", "1080p", 15, True, "360", LISTED),
    ("v5.6", "360p", 5, False, "35", LISTED),
    ("v5.6", "360p", 5, True, "80", LISTED),
    ("v5.6", "360p", 10, True, "122", LISTED),
    ("v5.6", "540p", 5, False, "35", LISTED),
    ("v5.6", "540p", 5, True, "80", LISTED),
    ("v5.6", "540p", 8, True, "115", LISTED),
    ("v5.6", "720p", 5, False, "45", LISTED),
    ("v5.6", "720p", 5, True, "90", LISTED),
    ("v5.6", "720p", 8, True, "135", LISTED),
    ("v5.6", "720p", 10, False, "99", LISTED),
    ("v5.6", "1080p", 5, True, "150", ESTIMATED),
    ("v5.6", "1080p", 8, False, "150", LISTED),
    ("v5.6", "1080p", 8, True, "195", LISTED),
    ("v5.5", "360p", 5, False, "45", LISTED),
    ("v5.5", "540p", 8, True, "100", LISTED),
    ("v5.5", "720p", 10, False, "132", LISTED),
    ("v5.5", "1080p", 8, True, "250", LISTED),
    ("v5", "360p", 5, False, "45", LISTED),
    ("v5", "540p", 8, False, "90", LISTED),
    ("v5", "720p", 8, False, "120", LISTED),
    ("v5", "1080p", 8, False, "240", LISTED),
    ("v4.5", "360p", 5, False, "45", LISTED),
    ("v4.5", "720p", 8, False, "120", LISTED),
    ("v4.5", "1080p", 5, False, "120", LISTED),
    ("v4", "540p", 8, False, "90", LISTED),
    ("v3.5", "720p", 5, False, "60", LISTED),
]


@pytest.mark.parametrize(("model", "quality", "duration", "sound", "credits_", "basis"), MODELS)
def test_a_clip_of_words_costs_what_the_page_lists(  # noqa: PLR0917 - one argument a column
    model: str, quality: str, duration: int, sound: bool, credits_: str, basis: Basis
) -> None:
    given = {"audio": True} if sound else {}
    found = quoted(words(quality, duration, **given), model)
    assert (found.low, found.likely, found.high) == (Decimal(credits_),) * 3
    assert found.usd_likely == Decimal(credits_) / 100
    assert found.basis is basis


@pytest.mark.parametrize(
    ("request_", "model", "credits_", "basis"),
    [
        (words("360p", 5, multi_clip=True), "v5.5", "75", LISTED),
        (words("360p", 5, multi_clip=True, audio=True), "v5.5", "85", LISTED),
        (words("720p", 10, multi_clip=True), "v5.5", "162", LISTED),
        (words("1080p", 8, multi_clip=True, audio=True), "v5.5", "280", LISTED),
        (words("360p", 5, multi_clip=False, audio=False), "v5.5", "45", LISTED),
        (words("720p", 5, multi_clip=True), "v6", "45", ESTIMATED),
        (words("540p", 5, multi_clip=True, audio=True), "v6", "45", ESTIMATED),
        (words("720p", 5, multi_clip=True), "v5.6", "75", ESTIMATED),
        (words("360p", 5, motion="fast"), "v4.5", "90", LISTED),
        (words("720p", 5, motion="fast"), "v3.5", "120", LISTED),
        (words("720p", 5, motion="normal"), "v3.5", "60", LISTED),
        (ImageToVideo(A, "it turns"), None, "35", LISTED),
        (ImageToVideo(A, "it turns", quality="1080p", duration=8), "v5.6", "150", LISTED),
        (Transition(A, B, "it melts"), None, "35", LISTED),
        (Transition(A, B, "it melts", quality="720p", duration=8), "v5", "120", LISTED),
        (Extend(CLIP, "on", seed=1, quality="1080p", duration=8), None, "144", LISTED),
        (Extend(CLIP, "on", seed=1, quality="540p", duration=8), "v4.5", "90", LISTED),
        (Effect(1, A, "hug"), None, "45", ESTIMATED),
        (Effect(1, A, "hug", quality="720p", duration=8), "v4.5", "120", ESTIMATED),
        (ReferenceToVideo(A, "x", "@x runs", quality="720p"), "v4.5", "60", LISTED),
        (ReferenceToVideo(A, "x", "@x runs", quality="720p"), "c1", "50", LISTED),
        (ReferenceToVideo(A, "x", "@x runs", quality="720p", audio=True), "c1", "65", LISTED),
        (MaskSelection(CLIP), None, "2", ESTIMATED),
        # What a switch adds has a price of its own on the page: 2 a second, 4 for 15 bytes.
        (words("540p", 5, sound_effect="rain"), "v5", "55", ESTIMATED),
        (words("540p", 5, speech="sixteen letters!", voice="7"), "v6", "43", ESTIMATED),
    ],
)
def test_switches_and_other_operations_cost_what_the_page_lists(
    request_: Request, model: str | None, credits_: str, basis: Basis
) -> None:
    found = quoted(request_, model)
    assert found.likely == Decimal(credits_)
    assert found.basis is basis


@pytest.mark.parametrize(
    ("request_", "seconds", "likely", "high", "basis"),
    [
        (Mimic(A, CLIP, quality="360p"), 5, "45", "45", LISTED),
        (Mimic(A, CLIP, quality="540p"), 9.4, "100", "100", LISTED),
        (Mimic(A, CLIP, quality="720p"), 30, "360", "360", LISTED),
        (Modify(CLIP, "make it snow", quality="360p"), 4, "32", "32", LISTED),
        (Modify(CLIP, "make it snow", quality="540p"), 10.04, "110", "110", LISTED),
        (Modify(CLIP, "make it snow", quality="720p"), 3, "36", "36", LISTED),
        (Restyle(CLIP, prompt="ink"), 7.2, "80", "80", LISTED),
        (Upscale(CLIP), 6, "30", "30", LISTED),
        (SoundEffect(CLIP), 5, "10", "10", ESTIMATED),
        (SoundEffect(CLIP), 8, "16", "20", ESTIMATED),
        (LipSync(CLIP, audio=A), 9.2, "40", "40", LISTED),
        (LipSync(CLIP, audio=A), 3, "12", "12", LISTED),
        (MusicVideo(A, quality="720p"), 10, "150", "150", ESTIMATED),
        (MusicVideo(A, quality="1080p"), 10.5, "248", "248", ESTIMATED),
    ],
)
def test_what_is_billed_by_the_second_rounds_up(
    request_: Request, seconds: float, likely: str, high: str, basis: Basis
) -> None:
    found = quoted(request_, seconds=seconds)
    assert (found.likely, found.high) == (Decimal(likely), Decimal(high))
    assert found.basis is basis


@pytest.mark.parametrize(
    ("text", "credits_"),
    [("a", "4"), ("a" * 40, "12"), ("a" * 15, "4"), ("a" * 16, "8"), ("ü" * 8, "8")],
)
def test_words_to_speak_cost_four_credits_for_fifteen_bytes_begun(text: str, credits_: str) -> None:
    found = quoted(LipSync(CLIP, text=text, voice="auto"))
    assert found.likely == Decimal(credits_)
    assert found.basis is LISTED


def test_that_seconds_of_a_recording_round_up_is_listed_and_those_of_a_clip_inferred() -> None:
    heard = quoted(LipSync(CLIP, audio=A), seconds=9.2)
    assert heard.notes == ("9.2 s are quoted as 10 s: started seconds are billed",)
    seen = quoted(Restyle(CLIP, prompt="ink"), seconds=9.2)
    assert seen.notes == ("9.2 s are quoted as 10 s: rounding up is inferred",)


def test_a_clip_of_unknown_length_has_no_amount_but_a_rate() -> None:
    found = quoted(Modify(mk.Generated("627410861853514292"), "snow", quality="540p"))
    assert (found.low, found.likely, found.high) == (None, None, None)
    assert "10 credits per second" in found.notes[0]


@pytest.mark.parametrize(
    "request_",
    [
        Swap(CLIP, A, mask="1", keyframe=1),
        Avatar(A, text="hi", voice="7"),
        ImageTemplate(1, A),
        MultiTransition([A, B], 5),
        RealEstate(page="https://example.com/house"),
        ViralRecreation("https://example.com/a.mp4", A, "the same"),
    ],
    ids=lambda request: request.operation,
)
def test_what_no_page_prices_has_no_quote(request_: Request) -> None:
    offers = [offer for offer in PixVerse.offers if offer.operation == request_.operation]
    assert [offer.price for offer in offers] == [None] * len(offers)


def test_every_price_names_its_page_and_day() -> None:
    prices = [offer.price for offer in PixVerse.offers if offer.price]
    assert len(prices) > 40
    assert all(price.source and price.as_of >= dt.date(2026, 8, 13) for price in prices)
