"""Mask selection and swap."""

from __future__ import annotations

from functools import partial

import attrs
from PIL import Image

from motionkit.sandbox import Job, Route
from motionkit.sandbox.drawing import png
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import result_picture
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import QUALITY_720, SOURCE, Field, Values, require
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.sources import Source, picture, source
from motionkit_pixverse.sandbox.studio import LINES, Endpoint, Order, Studio, framed

_CODECS = ("h264", "hevc")
# The white area of each mask as fractions: left, top, width, height.
_AREAS = {
    "person": (0.3, 0.1, 0.4, 0.8),
    "object": (0.05, 0.6, 0.2, 0.3),
    "background": (0.0, 0.0, 1.0, 0.1),
}
_SELECTION = (*SOURCE, Field("keyframe_id", "whole"))
_SWAP = (
    *SOURCE,
    Field("keyframe_id", "whole", required=True),
    Field("mask_id", "text", required=True),
    Field("img_id", "id", required=True),
    QUALITY_720,
)


@attrs.frozen
class Mask:
    """One area of one frame of one video."""

    owner: str
    source: tuple[str, int]
    keyframe: int


def fitting_mask(gate: Gate, call: Call, name: str, clip: Source, keyframe: int | None) -> Mask:
    """Return a mask of this video, and of this frame if one is given.

    Raises:
        Refusal: 500008 for an unknown mask, 400017 for one of another video or frame.
    """
    mask = gate.world.upload(VENDOR, f"mask {name}")
    if not isinstance(mask, Mask) or mask.owner != call.account.key:
        raise Refusal(500008)
    require(mask.source == clip.key, "mask of another video")
    require(keyframe in (None, mask.keyframe), "keyframe_id of another mask")
    return mask


class Masks:
    """`/video/mask/selection`, paid and answered at once, and `/video/swap/generate`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoints."""
        path = "/video/mask/selection"
        swap = Endpoint("/video/swap/generate", _SWAP, self._swap, credit="credits")
        return [
            self._gate.route("POST", path, ("submit",), self._select, paid=True),
            self._studio.route(swap),
        ]

    async def _select(self, call: Call) -> object:
        values = await self._gate.read(call, _SELECTION)
        clip = source(self._gate, call, values)
        require(clip.codec in _CODECS, "codec of the video")
        # From 1 to the last frame and 1 by default; 0 is in an example and is accepted.
        keyframe = 1 if values["keyframe_id"] is None else values["keyframe_id"]
        require(0 <= keyframe <= clip.frames, "keyframe_id")
        self._studio.afford(call, prices.MASK)
        world = self._gate.world
        if world.faults.take("moderate", call.phases, VENDOR):
            raise Refusal(500063)  # there is no job whose status could report it
        world.start(
            Job(
                str(world.number()),
                call.account,
                "swap_mask",
                values,
                world.clock.now(),
                0.0,
                prices.MASK,
                trace_id=call.trace_id,
            )
        )
        size = framed(min(clip.size) or 540, clip.size)
        return {
            "keyframe_id": keyframe,
            "keyframe_url": self._publish(
                call, StoredFile(VENDOR, "image/png", partial(result_picture, clip.content, size))
            ),
            "credits": int(prices.MASK),
            "mask_info": [self._mask(call, name, clip, keyframe, size) for name in _AREAS],
        }

    def _mask(
        self, call: Call, name: str, clip: Source, keyframe: int, size: tuple[int, int]
    ) -> dict[str, str]:
        number = str(self._gate.world.number())
        self._gate.world.keep(VENDOR, f"mask {number}", Mask(call.account.key, clip.key, keyframe))
        file = StoredFile(VENDOR, "image/png", partial(_drawn, name, size))
        return {"mask_id": number, "mask_name": name, "mask_url": self._publish(call, file)}

    def _publish(self, call: Call, file: StoredFile) -> str:
        path = f"/media/openapi%2Fmask%2F{self._gate.world.uuid()}.png"
        self._gate.world.files.put(path, file)
        return call.origin() + path

    def _swap(self, call: Call, values: Values) -> Order:
        clip = source(self._gate, call, values)
        hero = picture(self._gate, call, values["img_id"])
        fitting_mask(self._gate, call, values["mask_id"], clip, values["keyframe_id"])
        return Order(
            "swap",
            values,
            prices.ASSUMED,
            clip.seconds,
            framed(LINES[values["quality"]], clip.size),
            hero.content,
            clip.has_audio,
        )


def _drawn(name: str, size: tuple[int, int]) -> bytes:
    mask = Image.new("RGB", size)
    left, top, width, height = _AREAS[name]
    right, bottom = round((left + width) * size[0]), round((top + height) * size[1])
    mask.paste("white", (round(left * size[0]), round(top * size[1]), right, bottom))
    return png(mask)
