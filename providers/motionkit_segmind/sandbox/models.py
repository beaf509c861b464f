"""The models that the sandbox runs, one row each: contract section 9."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

import attrs

# No list price is public. Known clips cost the maker's own rate and an observed markup, a clip
# that is only a URL costs the published average of a run.
_MARKUP = Decimal("1.25")
_PIXVERSE_RATES = {"360p": Decimal("0.09"), "540p": Decimal("0.10"), "720p": Decimal("0.12")}


@attrs.frozen
class Parameter:
    """One parameter of a model; its choices are checked before the model runs."""

    required: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()


@attrs.frozen
class Model:
    """One slug.

    Attributes:
        parameters: What the model takes.
        picture: Parameters that may name the picture; at least one must be there.
        inline: Parameter that takes the picture itself as base64.
        clip: Parameter that names the clip.
        quality: Parameter that picks lines and rate.
        lines: Lines on the short side of the result, by quality.
        rates: USD for a second of a clip whose length is known, by quality.
        flat: USD for a run whose length is not known.
        mean: Usual vendor seconds from submit to outcome.
        retired: The gateway refuses it (HTTP 410).
    """

    parameters: Mapping[str, Parameter]
    picture: tuple[str, ...] = ("image_url", "image")
    inline: str = "image"
    clip: str = "video_url"
    quality: str = "quality"
    lines: Mapping[str, int] = attrs.field(factory=dict)
    rates: Mapping[str, Decimal] = attrs.field(factory=dict)
    flat: Decimal = Decimal(1)
    mean: float = 60.0
    retired: bool = False

    def price(self, quality: str, seconds: float | None) -> Decimal:
        """Return what a run costs in USD; `seconds` is None for a clip that was never seen."""
        if seconds is None:
            return self.flat
        return self.rates[quality] * math.ceil(round(seconds, 3))


MODELS: Mapping[str, Model] = {
    "pixverse-mimic": Model(
        {
            "video_url": Parameter(required=True),
            "image_url": Parameter(),
            "image": Parameter(),
            "quality": Parameter(default="540p", choices=("360p", "540p", "720p")),
        },
        lines={"360p": 360, "540p": 540, "720p": 720},
        rates={quality: rate * _MARKUP for quality, rate in _PIXVERSE_RATES.items()},
        flat=Decimal("2.03"),
        mean=132.61,
    ),
    # Which slugs are retired is not known; this one stands for them all.
    "sandbox-retired": Model({}, retired=True),
}
