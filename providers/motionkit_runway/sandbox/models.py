"""The models that the sandbox runs: fields, values and prices of each, by endpoint.

A second reading of the vendor's OpenAPI document and of the types of its official Python client
(5.24.0 of 2026-10-23); prices are those of its pages of 2026-08-15. Where no price or default is on
record, the sandbox has one of its own, so that something is counted. It refuses unknown fields
everywhere; the vendor probably ignores them at some models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from motionkit.sandbox.media import Clip
from motionkit_runway.sandbox.schema import (
    Check,
    Field,
    array,
    choice,
    either,
    flag,
    may,
    media,
    must,
    number,
    record,
    tagged,
    text,
    whole,
)

SOME_SECONDS = 5.0
"""Length of a clip that was not uploaded here, and of an output whose length the model chooses."""
_RATE = 30.0


@attrs.frozen
class Facts:
    """What a price depends on.

    Attributes:
        values: The fields of the body, defaults included.
        clip: The clip in the model's source field, if it was uploaded here.
        images: Number of pictures in the body.
        clip_seconds: Seconds of all clips in the body together.
    """

    values: Mapping[str, Any]
    clip: Clip | None = None
    images: int = 0
    clip_seconds: float = 0.0

    @property
    def source_seconds(self) -> float:
        """Return the seconds of the source clip."""
        return self.clip.seconds if self.clip and self.clip.seconds else SOME_SECONDS

    @property
    def lines(self) -> int:
        """Return the short side of the output in pixels."""
        named = str(self.values.get("resolution") or self.values.get("ratio") or "")
        if named.lower() in _LINES:
            return _LINES[named.lower()]
        sides = [int(side) for side in named.split(":") if side.isdecimal()]
        return min(sides) if len(sides) == 2 and min(sides) > 100 else 720

    @property
    def megapixels(self) -> float:
        """Return the size of the source clip."""
        return self.clip.width * self.clip.height / 1e6 if self.clip else 0.0


Price: TypeAlias = Callable[[Facts, float], Decimal]


@attrs.frozen
class Model:
    """One model behind one endpoint.

    Attributes:
        fields: Its body, without the field that names the model.
        price: Credits of an output of some seconds.
        source: The field with the clip whose length the output has, in the order of the path.
        auto_most: Seconds that a duration of ``auto`` is held for.
        seconds: Bounds of the source clip's length.
        shapes: Bounds of width by height of each media file.
        needs: Fields that are required together with a value of another one.
        mean: Usual vendor seconds of a task.
    """

    fields: Mapping[str, Field]
    price: Price
    source: tuple[str, ...] = ()
    auto_most: float = 0.0
    seconds: tuple[float, float] = (0.0, math.inf)
    shapes: tuple[float, float] = (0.0, math.inf)
    needs: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    mean: float = 90.0

    def values(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all fields that have one."""
        given = {name: body.get(name, field.default) for name, field in self.fields.items()}
        return {name: value for name, value in given.items() if value is not None}

    def output_seconds(self, facts: Facts) -> float:
        """Return the length of the output."""
        duration = facts.values.get("duration")
        if isinstance(duration, int | float):
            return float(duration)
        if self.source and duration is None:
            return facts.source_seconds
        if "speech" in facts.values:
            return _spoken(facts)
        return SOME_SECONDS

    def estimate(self, facts: Facts) -> Decimal:
        """Return the most that a task may charge."""
        if facts.values.get("duration") == "auto":
            return self.price(facts, self.auto_most)
        return self.price(facts, math.ceil(self.output_seconds(facts)))

    def cost(self, facts: Facts) -> Decimal:
        """Return the charge of a task that succeeds, in whole credits."""
        return Decimal(math.ceil(self.price(facts, self.output_seconds(facts))))


def _spoken(facts: Facts) -> float:
    """Return the seconds of a speech: those of its audio, or one for 15 letters of its text."""
    speech = facts.values["speech"]
    if speech["type"] == "text":
        return max(1.0, len(speech["text"]) / 15)
    return facts.clip_seconds or SOME_SECONDS


def per_second(
    rate: str | Callable[[Facts], str],
    *,
    least: int = 0,
    extra: Callable[[Facts], Decimal] = lambda _: Decimal(0),
) -> Price:
    """Return a price of a second of output.

    Args:
        rate: Credits.
        least: The smallest charge.
        extra: Credits on top.
    """

    def price(facts: Facts, seconds: float) -> Decimal:
        each = rate if isinstance(rate, str) else rate(facts)
        return max(Decimal(least), Decimal(each) * Decimal(str(seconds)) + extra(facts))

    return price


def by_lines(rates: Mapping[int, str]) -> Callable[[Facts], str]:
    """Return a rate by the short side of the output: that of the smallest row that holds it."""
    return lambda facts: next((rates[most] for most in rates if facts.lines <= most), "0")


def by_sound(loud: str, silent: str) -> Callable[[Facts], str]:
    """Return a rate by whether the output has sound."""
    return lambda facts: loud if facts.values["audio"] else silent


def each_image(amount: int) -> Callable[[Facts], Decimal]:
    """Return an extra of each picture in the body."""
    return lambda facts: Decimal(amount * facts.images)


def _gen4_5(facts: Facts) -> str:
    kind = facts.values["outputFormat"]
    return {"mp4": "12", "prores": "17", "png_sequence": "17"}.get(kind, "32")


def _aleph2(facts: Facts) -> str:
    kind = facts.values["outputFormat"]
    extra = {"mp4": 0, "prores": 5, "png_sequence": 5}.get(kind, 40 if facts.megapixels > 4 else 20)
    return str(28 + extra)


def _seedance2_5(facts: Facts, seconds: float) -> Decimal:
    """Return the price: input seconds cost half of what output seconds do."""
    rate = Decimal("20" if facts.values.get("draft") else by_lines(_SEEDANCE_2_5_LINES)(facts))
    counted = Decimal(str(seconds)) + Decimal(str(facts.clip_seconds)) / 2
    return max(Decimal(80), rate * counted)


def _upscale(facts: Facts, seconds: float) -> Decimal:
    """Return the price of the output's frames."""
    frame = {"720p": "0.7", "1k": "0.7", "2k": "0.9", "4k": "1.2"}[facts.values["resolution"]]
    known = facts.clip.frames if facts.clip and facts.clip.frames else seconds * _RATE
    frames = Decimal(str(known)) * (2 if facts.values.get("fpsBoost") else 1)
    return max(Decimal(1), Decimal(frame) * frames)


def _product_swap(facts: Facts, seconds: float) -> Decimal:
    first, more = (228, 40) if facts.values["resolution"] == "1080p" else (212, 36)
    return Decimal(first) + more * Decimal(str(max(0.0, seconds - 4)))


_LINES = {
    "480p": 480,
    "720p": 720,
    "768p": 768,
    "1080p": 1080,
    "1k": 1080,
    "2k": 1440,
    "4k": 2160,
    "auto_480p": 480,
    "auto_720p": 720,
    "auto_1080p": 1080,
}
_SEEDANCE_2_5_LINES = {480: "20", 720: "30", 960: "30", 9999: "68"}
_PROMPT = text(1000)
_LONG = text(15000)
_SEED = may(whole(0, 4294967295))
_AUDIO = may(flag, default=True)
_MODERATION = may(record({"publicFigureThreshold": may(choice("auto", "low"))}))
_IMAGE, _VIDEO, _SOUND = media("image"), media("video"), media("audio")
_SIX = ("1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672")
_VEO_SIZES = ("1280:720", "720:1280", "1080:1920", "1920:1080")
_OMNI_SIZES = (
    *("640:360", "360:640", "1280:720", "720:1280", "1920:1080", "1080:1920"),
    *("3840:2160", "2160:3840"),
)
_SHAPES = ("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "21:9")
_SMALL = (
    *("992:432", "864:496", "752:560", "640:640", "560:752", "496:864"),
    *("1470:630", "1280:720", "1112:834", "960:960", "834:1112", "720:1280"),
)
_FULL = ("2206:946", "1920:1080", "1664:1248", "1440:1440", "1248:1664", "1080:1920")
_HUGE = ("3840:1646", "3840:2160", "3840:2880", "3840:3840", "2880:3840", "2160:3840")
_SEEDANCE_2_5_SIZES = (
    *("992:432", "854:480", "752:560", "640:640", "560:752", "480:854"),
    *_SMALL[6:],
    *_FULL,
)
_WAN_SIZES = (
    *("832:480", "720:544", "624:624", "544:720", "480:832"),
    *("1280:720", "1104:832", "960:960", "832:1104", "720:1280"),
    *("1920:1080", "1648:1248", "1440:1440", "1248:1648", "1080:1920"),
    *("auto_480p", "auto_720p", "auto_1080p"),
)
_KLING_TIERS = {
    "standard": ("1280:720", "720:1280", "960:960"),
    "pro": ("1920:1080", "1080:1920", "1440:1440"),
    "4k": ("3840:2160", "2160:3840", "2880:2880"),
}
_KLING_4_SIZES = (
    *("1280:720", "720:1280", "940:940", "1460:624", "1920:1080", "1080:1920", "1440:1440"),
    *("2200:940", "auto_720p", "auto_1080p"),
)
_PRORES = may(choice("422", "4444", "422 Proxy", "422 LT", "422 HQ", "4444 XQ"))
_FORMATS = (
    *("mp4", "prores", "png_sequence", "hdr10", "hlg", "sdr_rec709_10bit", "hdr_pq_12bit_master"),
    *("hdr_prores", "hdr_png_sequence", "hdr_exr_sequence"),
    *("hdr_exr_acescg_sequence_1_3", "hdr_exr_acescg_sequence_2_0"),
)


def _frames(*positions: str, free: bool = False) -> Check:
    """Return a check of a picture, or of pictures with their positions.

    Args:
        positions: The positions that there are.
        free: The position may be left out: the picture is a reference then.
    """
    position = may(choice(*positions)) if free else must(choice(*positions))
    most = 10 if free else len(positions)
    return either(_IMAGE, array(record({"uri": must(_IMAGE), "position": position}), most))


def _seconds(low: int, high: int) -> Check:
    return whole(low, high)


def _or_auto(low: int, high: int) -> Check:
    return either(choice("auto"), whole(low, high))


def _references(most: int, kind: Check = _IMAGE, word: str | None = None) -> Field:
    """Return a list of references, each with its type where the model asks for it."""
    typed = {} if word is None else {"type": must(choice(word))}
    return may(array(record({**typed, "uri": must(kind)}), most))


_FIRST, _BOTH, _ANY = (
    _frames("first"),
    _frames("first", "last"),
    _frames("first", "last", free=True),
)
_VIDEOS = _references(5, _VIDEO, "video")
_SOUNDS = _references(3, _SOUND, "audio")
_MULTI_SHOT = {
    "multiPrompt": may(array(record({"prompt": must(text()), "duration": must(whole(1, 15))}), 10)),
    "shotType": may(choice("intelligence", "customize")),
}
_GEN4_5 = {
    "promptText": must(_PROMPT),
    "duration": must(_seconds(2, 10)),
    "outputFormat": may(choice(*_FORMATS), default="mp4"),
    "proresProfile": _PRORES,
    "contentModeration": _MODERATION,
    "seed": _SEED,
}
_VEO = {
    "ratio": must(choice(*_VEO_SIZES)),
    "audio": _AUDIO,
    "duration": may(choice(4, 6, 8), default=8),
    "negativePrompt": may(text()),
    "seed": _SEED,
}
_HAILUO = {
    "promptText": must(text()),
    "duration": may(_seconds(5, 15), default=5),
    "ratio": may(choice("adaptive", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")),
    "resolution": may(choice("768p", "2k", "768P", "2K"), default="768p"),
    "referenceAudio": _SOUNDS,
}
_HAILUO_MORE = {"references": _references(9), "referenceVideos": _VIDEOS}
_OMNI_1_1 = {
    "promptText": must(text()),
    "duration": may(_or_auto(3, 10), default=5),
    "ratio": may(choice(*_OMNI_SIZES)),
}
_WAN = {
    "promptText": must(text()),
    "audio": _AUDIO,
    "duration": may(_seconds(2, 15), default=5),
    "ratio": may(choice(*_WAN_SIZES), default="1280:720"),
    "referenceAudio": _SOUNDS,
    "referenceVideos": _VIDEOS,
}
_H3 = {
    "promptText": must(text()),
    "duration": may(_seconds(4, 15), default=5),
    "promptExpansionMode": may(choice("disabled", "balanced", "quality")),
    "resolution": may(choice("480p", "768p"), default="768p"),
    "seed": _SEED,
}
_VEO_PRICE = per_second(by_sound("40", "20"))
_VEO_FAST_PRICE = per_second(by_sound("15", "10"))
_HAILUO_PRICE = per_second(by_lines({768: "10", 1440: "15"}), extra=each_image(2))
_HORSE_PRICE = per_second(by_lines({720: "15", 960: "15", 9999: "30"}))
_GROK_PRICE = per_second(by_lines({480: "10", 720: "16", 9999: "29"}), extra=each_image(1))
_OWN_PRICE = per_second(by_lines({480: "6", 720: "12", 960: "12", 1440: "20", 9999: "35"}))
_OMNI_PRICE = per_second("10", extra=each_image(1))
_OMNI_EDIT_PRICE = per_second("11")
_SEEDANCE_PRICE = per_second(by_lines({960: "36", 1440: "40", 9999: "150"}))
_GROK = {
    "duration": may(_seconds(1, 15), default=5),
    "resolution": may(choice("480p", "720p", "1080p"), default="720p"),
}
_GROK_LITE_SIZES = (
    *("848:480", "480:848", "480:480", "640:480", "480:640", "720:480", "480:720"),
    *("1280:720", "720:1280", "720:720", "960:720", "720:960", "1088:720", "720:1088"),
    *("1904:1072", "1072:1904", "1424:1424", "1648:1232", "1232:1648", "1744:1152", "1152:1744"),
)


def _text_or_shots(values: Mapping[str, Any]) -> str | None:
    """Return the field that is missing where neither a prompt nor shots are given."""
    shots = (values.get("providerSettings") or {}).get("multiPrompt")
    return None if values.get("promptText") or shots else "promptText"


def _edit_rules(values: Mapping[str, Any]) -> str | None:
    """Return the field that an edit lacks or may not have."""
    if values.get("mode") != "edit":
        return None
    if values.get("ratio"):
        return "ratio"
    if values.get("duration") != "auto":
        return "duration"
    return None if values.get("promptText") else "promptText"


def _kling(tier: str, *, third: bool, image: bool) -> Model:
    """Return a Kling 3.0 or O3 model of one tier."""
    ratio = choice(*_KLING_TIERS[tier])
    fields = {
        "promptText": may(text()),
        "audio": may(flag, default=False),
        "duration": may(_seconds(3, 15), default=5),
        "providerSettings": may(record(_MULTI_SHOT)),
        "ratio": may(ratio) if image else must(ratio),
    }
    if third:
        fields["cfgScale"] = may(number(0, 1), default=0.5)
    elif image:
        fields["references"] = may(_ANY)
    if image:
        fields["promptImage"] = must(_BOTH)
    rate = {"standard": "12", "pro": "17", "4k": "35"}[tier]
    return Model(fields, per_second(rate), needs=_text_or_shots)


def _kling_edit(tier: str) -> Model:
    keep = {"keepOriginalSound": may(flag, default=True), **_MULTI_SHOT}
    fields = {
        "promptText": must(text()),
        "promptVideo": must(_VIDEO),
        "providerSettings": may(record(keep)),
        "references": may(_frames("first", "last", free=True)),
    }
    rate = {"standard": "12", "pro": "17", "4k": "35"}[tier]
    return Model(fields, per_second(rate), source=("promptVideo",))


def _kling_3(*, image: bool) -> dict[str, Model]:
    rows = {f"kling3.0_{tier}": _kling(tier, third=True, image=image) for tier in _KLING_TIERS}
    return rows | {
        f"klingO3_{tier}": _kling(tier, third=False, image=image) for tier in _KLING_TIERS
    }


def _kling_2_5(*, image: bool) -> Model:
    fields = {
        "promptText": must(text()),
        "cfgScale": may(number(0, 1), default=0.5),
        "duration": may(choice(5, 10), default=5),
    }
    sizes = ("1920:1080", "1440:1440", "1080:1920", "1280:720", "720:720", "720:1280")
    more = {"promptImage": must(_BOTH)} if image else {"ratio": may(choice(*sizes))}
    return Model({**fields, **more}, per_second("7"))


def _kling_4(sizes: tuple[str, ...], more: Mapping[str, Field], **rest: Any) -> Model:
    fields = {
        "ratio": may(choice(*sizes), default="auto_720p"),
        "references": _references(10),
        **more,
    }
    return Model(fields, per_second(by_lines({960: "20", 9999: "30"})), **rest)


def _seedance(endpoint: str) -> dict[str, Model]:
    """Return the Seedance models of an endpoint."""
    prompt = must if endpoint == "text_to_video" else may
    media_of: dict[str, Mapping[str, Field]] = {
        "text_to_video": {"references": _references(9), "referenceVideos": _VIDEOS},
        "image_to_video": {"promptImage": must(_ANY)},
        "video_to_video": {
            "promptVideo": must(_VIDEO),
            "references": _references(9),
            "referenceVideos": _VIDEOS,
        },
    }
    shared = {"audio": _AUDIO, "referenceAudio": _SOUNDS, "seed": _SEED, **media_of[endpoint]}
    rows = {}
    for name, sizes, price in (
        ("seedance2", (*_SMALL, *_FULL, *_HUGE), _SEEDANCE_PRICE),
        ("seedance2_fast", _SMALL, per_second("29")),
        ("seedance2_mini", _SMALL, per_second("16", least=64)),
    ):
        fields = {
            **shared,
            "promptText": prompt(text(3500)),
            "duration": may(_or_auto(4, 15), default=5),
            "ratio": may(choice(*sizes), default="1280:720"),
        }
        rows[name] = Model(fields, price, auto_most=15, mean=150)
    fields = {
        **shared,
        "promptText": may(_LONG),
        "duration": may(_or_auto(4, 30), default=5),
        "ratio": may(choice(*_SEEDANCE_2_5_SIZES)),
        "draft": may(flag, default=False),
        "outputFormat": may(choice("mp4", "mov"), default="mp4"),
    }
    if endpoint == "text_to_video":
        fields["draftTaskId"] = may(text())
    if endpoint == "video_to_video":
        fields["mode"] = may(choice("reference", "extend", "edit"), default="reference")
    rows["seedance2_5"] = Model(fields, _seedance2_5, auto_most=30, needs=_edit_rules, mean=150)
    return rows


_ACT_TWO = Model(
    {
        "character": must(
            tagged("type", {"image": {"uri": must(_IMAGE)}, "video": {"uri": must(_VIDEO)}})
        ),
        "reference": must(record({"type": must(choice("video")), "uri": must(_VIDEO)})),
        "bodyControl": may(flag),
        "expressionIntensity": may(whole(1, 5), default=3),
        "ratio": may(choice(*_SIX), default="1280:720"),
        "seed": _SEED,
        "contentModeration": _MODERATION,
    },
    per_second("5"),
    source=("reference", "uri"),
    seconds=(3.0, 30.0),
    shapes=(0.5, 2.358),
)
_KEYFRAME_RANGE = may(
    record({"start_seconds": must(whole(0, 30)), "end_seconds": must(whole(0, 30))})
)
_KEYFRAME = {"uri": must(_IMAGE), "range": _KEYFRAME_RANGE}
_ALEPH2 = Model(
    {
        "videoUri": must(_VIDEO),
        "promptText": may(_PROMPT),
        "keyframes": may(
            array(
                either(
                    record({**_KEYFRAME, "seconds": must(number(0, 30))}),
                    record({**_KEYFRAME, "at": must(number(0, 1))}),
                ),
                5,
            )
        ),
        "outputFormat": may(choice("mp4", "prores", "png_sequence", "sdr_rec709_10bit"), "mp4"),
        "proresProfile": _PRORES,
        "ratio": may(text()),
        "targetAspectRatio": may(choice(*_SHAPES)),
        "contentModeration": _MODERATION,
        "seed": _SEED,
    },
    per_second(_aleph2, least=56),
    source=("videoUri",),
    seconds=(2.0, 30.0),
)
_IMAGE_TO_VIDEO: dict[str, Model] = {
    "gen4.5": Model(
        {**_GEN4_5, "promptImage": must(_FIRST), "ratio": must(choice(*_SIX))}, per_second(_gen4_5)
    ),
    "gen4_turbo": Model(
        {
            "promptImage": must(_FIRST),
            "ratio": must(choice(*_SIX)),
            "duration": may(_seconds(2, 10), default=10),
            "promptText": may(_PROMPT),
            "contentModeration": _MODERATION,
            "seed": _SEED,
        },
        per_second("5"),
    ),
    "veo3.1": Model({**_VEO, "promptImage": must(_BOTH), "promptText": may(_PROMPT)}, _VEO_PRICE),
    "veo3.1_fast": Model(
        {**_VEO, "promptImage": must(_BOTH), "promptText": may(_PROMPT)}, _VEO_FAST_PRICE
    ),
    **_kling_3(image=True),
    "kling2.5_turbo_pro": _kling_2_5(image=True),
    "kling_4": _kling_4(
        ("auto_720p", "auto_1080p"),
        {
            "promptImage": must(_frames("first", "middle", "last", free=True)),
            "promptText": may(text()),
            "duration": may(_seconds(3, 15), default=5),
            "referenceVideos": may(array(either(_VIDEO, record({"uri": must(_VIDEO)})), 5)),
        },
    ),
    "hailuo3": Model({**_HAILUO, "promptImage": must(_ANY)}, _HAILUO_PRICE),
    "happyhorse_1_0": Model(
        {
            "promptImage": must(_FIRST),
            "duration": may(_seconds(3, 15), default=5),
            "promptText": may(text(2500)),
            "resolution": may(choice("720p", "1080p", "720P", "1080P"), default="720p"),
        },
        _HORSE_PRICE,
    ),
    **_seedance("image_to_video"),
    "gemini_omni_flash": Model(
        {
            "promptImage": must(_FIRST),
            "duration": may(_seconds(3, 10), default=5),
            "promptText": may(text()),
            "ratio": may(choice("1280:720", "720:1280")),
        },
        _OMNI_PRICE,
    ),
    "gemini_omni_flash_1.1": Model(
        {**_OMNI_1_1, "promptImage": must(_BOTH)}, _OMNI_PRICE, auto_most=10
    ),
    "grok_imagine_1_5": Model(
        {**_GROK, "promptImage": must(_FIRST), "promptText": may(text())}, _GROK_PRICE
    ),
    "grok_imagine_1_5_lite": Model(
        {
            "promptImage": must(_FIRST),
            "promptText": may(text()),
            "duration": may(_seconds(1, 15), default=5),
            "ratio": may(choice("auto_480p", "auto_720p", "auto_1080p"), default="auto_720p"),
        },
        _OWN_PRICE,
    ),
    "wan3": Model({**_WAN, "promptImage": must(_ANY)}, _OWN_PRICE),
    "wan3_prime": Model({**_WAN, "promptImage": must(_ANY)}, _OWN_PRICE),
    "h3_max": Model({**_H3, "promptImage": must(_BOTH)}, _OWN_PRICE),
}
_TEXT_TO_VIDEO: dict[str, Model] = {
    "gen4.5": Model(
        {**_GEN4_5, "ratio": must(choice("1280:720", "720:1280"))}, per_second(_gen4_5)
    ),
    "veo3.1": Model({**_VEO, "promptText": must(_PROMPT)}, _VEO_PRICE),
    "veo3.1_fast": Model({**_VEO, "promptText": must(_PROMPT)}, _VEO_FAST_PRICE),
    **_kling_3(image=False),
    "kling2.5_turbo_pro": _kling_2_5(image=False),
    "kling_4": _kling_4(
        _KLING_4_SIZES,
        {
            "promptText": must(text()),
            "duration": may(_seconds(3, 15), default=5),
            "referenceVideos": may(array(either(_VIDEO, record({"uri": must(_VIDEO)})), 5)),
        },
    ),
    "hailuo3": Model({**_HAILUO, **_HAILUO_MORE}, _HAILUO_PRICE),
    "happyhorse_1_0": Model(
        {
            "promptText": must(text(2500)),
            "duration": may(_seconds(3, 15), default=5),
            "ratio": may(
                choice(
                    *("1280:720", "720:1280", "960:960", "1108:832", "832:1108"),
                    *("1920:1080", "1080:1920", "1440:1440", "1662:1248", "1248:1662"),
                )
            ),
        },
        _HORSE_PRICE,
    ),
    **_seedance("text_to_video"),
    "gemini_omni_flash": Model(
        {
            "promptText": must(text()),
            "duration": may(_seconds(3, 10), default=5),
            "ratio": may(choice("1280:720", "720:1280")),
        },
        _OMNI_PRICE,
    ),
    "gemini_omni_flash_1.1": Model(
        {
            **_OMNI_1_1,
            "references": _references(10),
            "referenceVideos": _references(5, _VIDEO),
        },
        _OMNI_PRICE,
        auto_most=10,
    ),
    "grok_imagine_1_5": Model(
        {
            **_GROK,
            "promptText": must(text()),
            "ratio": may(choice("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")),
            "references": _references(10),
            "referenceAudio": _SOUNDS,
        },
        _GROK_PRICE,
    ),
    "grok_imagine_1_5_lite": Model(
        {
            "promptText": must(text()),
            "duration": may(_seconds(1, 15), default=5),
            "ratio": may(choice(*_GROK_LITE_SIZES)),
        },
        _OWN_PRICE,
    ),
    "wan3": Model({**_WAN, "references": _references(10)}, _OWN_PRICE),
    "wan3_prime": Model({**_WAN, "references": _references(10)}, _OWN_PRICE),
    "h3_max": Model(_H3, _OWN_PRICE),
}
_VIDEO_TO_VIDEO: dict[str, Model] = {
    "aleph2": _ALEPH2,
    **{f"klingO3_{tier}": _kling_edit(tier) for tier in _KLING_TIERS},
    "kling_4": _kling_4(
        ("auto_720p", "auto_1080p"),
        {"promptText": must(text()), "videoUri": must(_VIDEO)},
        source=("videoUri",),
    ),
    "hailuo3": Model({**_HAILUO, **_HAILUO_MORE, "promptVideo": must(_VIDEO)}, _HAILUO_PRICE),
    **_seedance("video_to_video"),
    "gemini_omni_flash": Model(
        {"promptText": must(text()), "videoUri": must(_VIDEO), "references": _references(10)},
        _OMNI_EDIT_PRICE,
        source=("videoUri",),
        seconds=(0.0, 10.0),
    ),
    "gemini_omni_flash_1.1": Model(
        {
            "promptText": must(text()),
            "videoUri": must(_VIDEO),
            "duration": may(_or_auto(3, 10)),
            "mode": may(choice("reference", "extend", "edit")),
            "ratio": may(choice(*_OMNI_SIZES)),
            "references": _references(10),
        },
        _OMNI_EDIT_PRICE,
        source=("videoUri",),
        auto_most=10,
        seconds=(0.0, 10.0),
    ),
}
_PERCENT = may(whole(0, 100))
_UPSCALE = {
    "magnific_video_upscaler_creative": Model(
        {
            "videoUri": must(_VIDEO),
            "resolution": may(choice("720p", "1k", "2k", "4k"), default="2k"),
            "creativity": _PERCENT,
            "sharpen": _PERCENT,
            "smartGrain": _PERCENT,
            "flavor": may(choice("vivid", "natural")),
            "fpsBoost": may(flag),
        },
        _upscale,
        source=("videoUri",),
        seconds=(0.0, 30.0),
    ),
    "enhance_frame_rate": Model(
        {
            "videoUri": must(_VIDEO),
            "targetFramerate": must(
                choice("24", "25", "30", "48", "50", "60", "120", "23_98", "29_97", "59_94")
            ),
        },
        per_second("5"),
        source=("videoUri",),
    ),
}
_HDR = {
    "ruby": Model(
        {
            "videoUri": must(_VIDEO),
            "outputFormat": may(
                choice(
                    *("hdr10", "hlg", "hdr_prores", "hdr_exr_sequence"),
                    *("hdr_exr_acescg_sequence_1_3", "hdr_exr_acescg_sequence_2_0"),
                ),
                default="hdr10",
            ),
            "proresProfile": may(choice("422", "4444", "422 HQ")),
        },
        per_second(lambda facts: "40" if facts.megapixels > 4 else "20"),
        source=("videoUri",),
    )
}
_PRESETS = (
    *("game-character", "music-superstar", "game-character-man", "cat-character", "influencer"),
    *("tennis-coach", "human-resource", "fashion-designer", "cooking-teacher"),
)
_VOICE = tagged("type", {"preset": {"presetId": must(text())}, "custom": {"id": must(text())}})
_AVATARS = {
    "gwm1_avatars": Model(
        {
            "avatar": must(
                tagged(
                    "type",
                    {
                        "runway-preset": {"presetId": must(choice(*_PRESETS))},
                        "custom": {"avatarId": must(text())},
                    },
                )
            ),
            "speech": must(
                tagged(
                    "type",
                    {
                        "audio": {"audio": must(_SOUND)},
                        "text": {"text": must(text()), "voice": may(_VOICE)},
                    },
                )
            ),
        },
        per_second("2"),
    )
}
_SWAP = Model(
    {
        "newProductImages": must(
            array(record({"uri": must(_IMAGE), "view": may(choice("front", "side", "back"))}), 10)
        ),
        "originalProductImage": must(record({"uri": must(_IMAGE)})),
        "referenceVideo": must(record({"uri": must(_VIDEO)})),
        "audio": may(flag),
        "duration": may(_seconds(4, 15), default=10),
        "resolution": may(choice("720p", "1080p"), default="720p"),
    },
    _product_swap,
    source=("referenceVideo", "uri"),
    seconds=(1.8, 15.0),
    mean=150,
)
ENDPOINTS: Mapping[str, tuple[str, Mapping[str, Model]]] = {
    "character_performance": ("model", {"act_two": _ACT_TWO}),
    "image_to_video": ("model", _IMAGE_TO_VIDEO),
    "text_to_video": ("model", _TEXT_TO_VIDEO),
    "video_to_video": ("model", _VIDEO_TO_VIDEO),
    "video_upscale": ("model", _UPSCALE),
    "video_to_hdr": ("model", _HDR),
    "avatar_videos": ("model", _AVATARS),
    "recipes/product_swap": ("version", {"2026-06": _SWAP, "unsafe-latest": _SWAP}),
}
"""By path below ``/v1/``: the field that names the model, and the models."""
NAMES = {"recipes/product_swap": "product_swap"}
"""The name in usage and limits, where it is not that of the model."""


def public_names() -> list[str]:
    """Return the names in usage and limits."""
    names = {
        NAMES.get(endpoint, model)
        for endpoint, (_, models) in ENDPOINTS.items()
        for model in models
    }
    return sorted(names)
