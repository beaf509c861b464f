"""Music videos of verified songs: contract section 4.14, observed in clients only."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models, prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import Field, Values
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.sources import sound
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, shaped

_AUDIO = Field("audio_media_id", "id", required=True, unquoted=True)
_ROWS = (
    Field("mv_agent_type", "text", required=True, allowed=("vibe_mv", "vibe_mv_v3_custom")),
    _AUDIO,
    models.RATIO,
    Field("quality", "text", required=True, allowed=("720p", "1080p")),
    Field("styles", "any"),
    Field("lyric_text", "text", longest=4999, too_long=400080),
    Field("lyric_timestamp", "any"),
)


class Music:
    """`/audio/verification` and `/video/music_mv_agent/generate`; both refuse quoted ids."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the verification and the paid endpoint."""
        verify = self._gate.route("POST", "/audio/verification", ("upload",), self._verify)
        path = "/video/music_mv_agent/generate"
        return [verify, self._studio.route(Endpoint(path, _ROWS, self._order, webhook=False))]

    async def _verify(self, call: Call) -> object:
        values = await self._gate.read(call, [_AUDIO])
        number = values["audio_media_id"]
        sound(self._gate, call, number)
        self._gate.world.keep(VENDOR, f"verified {number}", call.account.key)
        return {}

    def _order(self, call: Call, values: Values) -> Order:
        number, quality = values["audio_media_id"], values["quality"]
        music = sound(self._gate, call, number)
        if self._gate.world.upload(VENDOR, f"verified {number}") != call.account.key:
            raise Refusal(701020)
        return Order(
            "agent",
            values,
            prices.by_second(prices.MUSIC[quality], music.seconds),
            music.seconds,
            shaped(LINES[quality], values["aspect_ratio"]),
            has_audio=True,
        )
