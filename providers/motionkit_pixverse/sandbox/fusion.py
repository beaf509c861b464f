"""Video from pictures of subjects and backgrounds."""

from __future__ import annotations

import re

import attrs

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models
from motionkit_pixverse.sandbox.fields import PROMPT, QUALITY, SEED, Field, Values, read, require
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import picture
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, shaped

_FEW, _MANY, _OMNI = 3, 7, 10
_MOST = {"v4.5": _FEW, "v5": _FEW, "v5.5": _MANY, "v5.6": _MANY, "c1": _MANY, "v6": _MANY}
_AUDIO = ("v5.6", "c1", "v6")
_ROWS = (
    PROMPT,
    Field("image_references", "rows", required=True),
    Field("model", "text", required=True, allowed=_MOST),
    Field("duration", "whole", required=True),
    QUALITY,
    models.RATIO,
    models.AUDIO,
    SEED,
    Field("reference_mode", "text", allowed=("omni",)),
    Field("video_references", "rows"),
)
_REFERENCE = (
    Field("type", "text", required=True, allowed=("subject", "background")),
    Field("img_id", "id", required=True),
    Field("ref_name", "text", required=True),
)
_BARE = tuple(attrs.evolve(row, required=row.name == "img_id") for row in _REFERENCE)
"""References of v6 may have an id only (section 15)."""
_NAME = re.compile(r"[A-Za-z0-9_ ]{1,30}")
_ASSUMED_SECONDS = 5  # of a clip from video references, whose length is not read


class Fusion:
    """`/video/fusion/generate`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        endpoint = Endpoint("/video/fusion/generate", _ROWS, self._order, credit="credits")
        return [self._studio.route(endpoint)]

    def _order(self, call: Call, values: Values) -> Order:
        strict, model = self._gate.strict_ints, values["model"]
        rows = _BARE if model == "v6" else _REFERENCE
        references = [read(row, rows, strict_ints=strict) for row in values["image_references"]]
        omni = values["reference_mode"] == "omni"
        require(not omni or model == "v6", f"reference_mode of {model}")
        require(len(references) <= (_OMNI if omni else _MOST[model]), "image_references")
        require(not values["generate_audio_switch"] or model in _AUDIO, "generate_audio_switch")
        names = [row["ref_name"] for row in references if row["ref_name"]]
        _check_names(values["prompt"], names)
        seconds = values["duration"]
        if values["video_references"] is not None:
            require(omni and seconds == 0, "video_references without omni and duration 0")
            seconds = _ASSUMED_SECONDS
        price = models.check({**values, "duration": seconds})
        heroes = [picture(self._gate, call, row["img_id"]) for row in references]
        return Order(
            "fusion",
            values,
            price,
            seconds,
            shaped(LINES[values["quality"]], values["aspect_ratio"]),
            heroes[0].content,
            models.has_sound(values),
        )


def _check_names(prompt: str, names: list[str]) -> None:
    """Refuse invalid names, and names that the prompt does not use correctly.

    A reference in the prompt is `@name` and a space, a comma, or the end.
    """
    require(len(set(names)) == len(names), "ref_name is not unique")
    left = prompt
    for name in sorted(names, key=len, reverse=True):
        require(_NAME.fullmatch(name), "ref_name")
        left, used = re.subn(rf"@{re.escape(name)}(?=[ ,]|$)", "", left)
        require(used, f"prompt does not use @{name}")
    require(not re.search(r"@\w", left), "prompt refers to what is not there")
