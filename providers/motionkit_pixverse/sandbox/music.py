"""Music videos of verified songs, observed in clients only."""

from __future__ import annotations

import attrs

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import models, prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import SEED, Field, Values, read, require
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.sources import picture, sound
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, shaped

_AUDIO = Field("audio_media_id", "id", required=True, unquoted=True)
_ROWS = (
    Field("mv_agent_type", "text", required=True, allowed=("vibe_mv", "vibe_mv_v3_custom")),
    _AUDIO,
    attrs.evolve(models.RATIO, allowed=("16:9", "9:16", "1:1", "4:3", "3:4")),
    Field("quality", "text", required=True, allowed=("720p", "1080p")),
    Field("music_style", "text"),
    Field("mv_style", "text"),
    Field("img_references", "rows", longest=1),
    Field("style_img_references", "rows", longest=1),
    Field("caption_switch", "flag"),
    Field("lip_sync_switch", "flag"),
    SEED,
    Field("lyric_text", "text", longest=4999, too_long=400080),
    Field("lyric_timestamp", "any"),
)
_REFERENCE = (Field("img_id", "id", required=True, unquoted=True), Field("ref_name", "text"))
_MUSIC_STYLES = frozenset(
    {
        *("pop", "rock", "hiphop", "r&b", "jazz", "reggae", "country", "folk", "electronic"),
        *("classical", "soul", "funk", "metal", "ambient", "others"),
    }
)
_VIDEO_STYLES = frozenset(
    {
        *("custom", "cinematic", "lo-fi", "dreamscape", "woolen felt", "candy", "vintage"),
        *("voxel", "retro game", "claymation", "woodland tale", "impressionism", "decadence"),
        *("futuristic", "chromatic clash", "holiday"),
    }
)
_SHORTEST, _LONGEST, _BYTES = 10.0, 360.0, 15 * 2**20


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
        song = sound(self._gate, call, number, _LONGEST)
        require(song.clip.seconds >= _SHORTEST or not song.content, "length of the audio")
        require(len(song.content or b"") <= _BYTES, "size of the audio")
        self._gate.world.keep(VENDOR, f"verified {number}", call.account.key)
        return {}

    def _order(self, call: Call, values: Values) -> Order:
        number, quality = values["audio_media_id"], values["quality"]
        music = sound(self._gate, call, number, _LONGEST)
        if self._gate.world.upload(VENDOR, f"verified {number}") != call.account.key:
            raise Refusal(701020)
        self._check(call, values)
        return Order(
            "agent",
            values,
            prices.by_second(prices.MUSIC[quality], music.seconds),
            music.seconds,
            shaped(LINES[quality], values["aspect_ratio"]),
            has_audio=True,
        )

    def _check(self, call: Call, values: Values) -> None:
        """Refuse unknown styles, and references and lyrics that do not hold (section 15)."""
        music, video = values["music_style"], values["mv_style"]
        require(music is None or music.lower() in _MUSIC_STYLES, "music_style")
        require(video is None or video.lower() in _VIDEO_STYLES, "mv_style")
        rows = [*(values["img_references"] or ()), *(values["style_img_references"] or ())]
        for row in rows:
            reference = read(row, _REFERENCE, strict_ints=True)
            picture(self._gate, call, reference["img_id"])
        require(rows or (video or "").lower() != "custom", "mv_style without a reference")
        timed = values["lyric_timestamp"]
        if timed is not None and not _in_order(timed):
            raise Refusal(400080)


def _in_order(timed: object) -> bool:
    """Return whether timed words are records that follow each other."""
    words = timed.get("words") if isinstance(timed, dict) else None
    before = 0.0
    for row in words if isinstance(words, list) and words else [None]:
        if not isinstance(row, dict) or not str(row.get("word", "")).strip():
            return False
        start, end = row.get("start"), row.get("end")
        if not isinstance(start, int | float) or not isinstance(end, int | float):
            return False
        if not before <= start <= end:
            return False
        before = end
    return True
