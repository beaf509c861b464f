"""Resolve the media of a body: pictures, recordings, and the source video."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from motionkit.sandbox import State
from motionkit.sandbox.media import RESULT_FPS
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import SOURCE, Values, exactly_one, require
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.outputs import Output
from motionkit_pixverse.sandbox.uploads import Upload

RECORDING_SECONDS = 30.0
"""The longest recording of lip sync and avatar (section 3.2)."""
ANY_VIDEO = frozenset({"video/mp4", "video/quicktime", "video/webm"})
MP4_OR_MOV = frozenset({"video/mp4", "video/quicktime"})
"""The formats in the guides of mimic and modify (section 3.2)."""


@attrs.frozen
class Source:
    """The source video of an operation.

    Attributes:
        key: The field and the id in it; a mask belongs to both.
        size: Width and height in pixels; (0, 0) for a clip from a URL, which is not fetched.
        content: A picture or clip whose first frame the result shows.
    """

    key: tuple[str, int]
    seconds: float
    size: tuple[int, int]
    frames: int
    codec: str
    has_audio: bool
    content: bytes | None = attrs.field(repr=False)


def picture(gate: Gate, call: Call, number: int) -> Upload:
    """Return an uploaded picture of this account (else 400032)."""
    upload: Upload | None = gate.world.upload(VENDOR, str(number))
    if upload is None or upload.owner != call.account.key or upload.clip.kind != "image":
        raise Refusal(400032)
    return upload


def sound(gate: Gate, call: Call, number: int, longest: float = RECORDING_SECONDS) -> Upload:
    """Return an uploaded recording of this account (400017 for a video or a longer one)."""
    upload = _media(gate, call, number)
    if upload.clip.kind != "audio":
        raise Refusal(400017, "invalid param: the media is not audio")
    require(upload.seconds <= longest, "length of the audio")
    return upload


def source(gate: Gate, call: Call, values: Values, mimes: Collection[str] = ANY_VIDEO) -> Source:
    """Return the one video that a body names, uploaded or generated (section 4, common rules)."""
    field = exactly_one(values, *(row.name for row in SOURCE))
    number: int = values[field]
    key = (field, number)
    if field == "source_video_id":
        return _generated(gate, call, key)
    upload = _media(gate, call, number)
    clip = upload.clip
    if clip.mime not in mimes:
        raise Refusal(400017, "invalid param: unsupported media type")
    return Source(
        key,
        upload.seconds,
        (clip.width, clip.height),
        clip.frames or round(upload.seconds * RESULT_FPS),
        clip.codec or "h264",  # a clip from a URL is not fetched
        clip.has_audio,
        upload.content,
    )


def _media(gate: Gate, call: Call, number: int) -> Upload:
    upload: Upload | None = gate.world.upload(VENDOR, str(number))
    if upload is None:
        raise Refusal(500008)
    if upload.owner != call.account.key:
        raise Refusal(701009)
    return upload


def _generated(gate: Gate, call: Call, key: tuple[str, int]) -> Source:
    job = gate.world.job(VENDOR, str(key[1]))
    output: Output | None = job.details.get("output") if job else None
    if job is None or output is None:
        raise Refusal(500008)
    if job.account is not call.account:
        raise Refusal(701009)
    if gate.world.state(job) is not State.SUCCEEDED or output.is_picture:
        raise Refusal(400017, "invalid param: the source video is not finished")
    return Source(
        key,
        output.seconds,
        output.size,
        round(output.seconds * RESULT_FPS),
        "h264",
        output.has_audio,
        output.picture,
    )
