"""Sound effects."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import SEED, SOURCE, Field, Values
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.sources import source
from motionkit_pixverse.sandbox.studio import Endpoint, Order, Studio, framed

# The reference has `sound_effect_content`, where blank lets the vendor choose; a newer client
# sends `prompt` instead and calls it required. Both are accepted, neither is required.
_ROWS = (
    *SOURCE,
    Field("original_sound_switch", "flag"),
    Field("sound_effect_content", "text", longest=2048, too_long=400018),
    Field("prompt", "text", longest=2048, too_long=400018),
    SEED,
)


class SoundEffect:
    """`/video/sound_effect/generate`: size and length are the video's."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        return [self._studio.route(Endpoint("/video/sound_effect/generate", _ROWS, self._order))]

    def _order(self, call: Call, values: Values) -> Order:
        clip = source(self._gate, call, values)
        return Order(
            "sound_effect",
            values,
            prices.by_second(prices.SOUND, clip.seconds),
            clip.seconds,
            framed(min(clip.size) or 540, clip.size),
            clip.content,
            has_audio=True,
        )
