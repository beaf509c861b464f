"""Outputs of jobs, and the status of each state."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from motionkit.sandbox import State
from motionkit.sandbox.files import StoredFile

WORDS: Mapping[State, int] = {
    State.QUEUED: 5,
    State.RUNNING: 5,
    State.SUCCEEDED: 1,
    State.FAILED: 8,
    State.BLOCKED: 7,
    State.GONE: 6,
}


@attrs.frozen
class Output:
    """The output of a job; generated on demand.

    Attributes:
        path: Under the sandbox's base URL.
        size: Width and height in pixels.
        seconds: Length; 0 for a picture.
        lines: The vendor's resolution.
        picture: A picture or clip whose first frame it shows.
    """

    path: str
    file: StoredFile
    size: tuple[int, int]
    seconds: float
    lines: int
    has_audio: bool
    picture: bytes | None = attrs.field(repr=False)

    @property
    def is_picture(self) -> bool:
        """Whether the output is a picture."""
        return not self.seconds
