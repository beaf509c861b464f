"""The media of one submission."""

from __future__ import annotations

import attrs

from motionkit.sandbox import World
from motionkit_kling.sandbox.codes import Refusal
from motionkit_kling.sandbox.media import (
    SOME_SECONDS,
    Asset,
    Limits,
    check_address,
    decoded,
    fetch,
    is_address,
    picture_problem,
    read,
)
from motionkit_kling.sandbox.models import VOICE, Values


@attrs.define
class Inputs:
    """What the media of a submission turned out to be.

    Attributes:
        world: The sandbox's state.
        limits: What a clip has to be.
        largest: Bytes of a picture.
        seconds: Length of the last clip or sound.
        shown: The first picture, or the clip.
        problem: Why the task will fail: content behind an address is looked at after acceptance.
    """

    world: World
    limits: Limits
    largest: int
    seconds: float = SOME_SECONDS
    shown: Asset | None = None
    problem: str | None = None

    async def clip(self, value: object, what: str) -> None:
        """Take a clip, which has to be an address."""
        asset, problem = await fetch(self.world, check_address(value, what))
        if asset is not None:
            problem, self.seconds = self.limits.problem(asset), asset.clip.seconds
            self.shown = self.shown or asset
        self.problem = self.problem or problem

    async def picture(self, value: object, what: str) -> None:
        """Take a picture: an address or Base64."""
        if is_address(value):
            asset, problem = await fetch(self.world, str(value))
        else:
            asset, problem = await read(decoded(value, what)), None
            wrong = f"{what} is no image" if asset is None else picture_problem(asset, self.largest)
            if wrong is not None:
                raise Refusal(1201, wrong)
        if asset is not None:
            problem = picture_problem(asset, self.largest)
            if self.shown is None or self.shown.clip.kind == "video":
                self.shown = asset
        self.problem = self.problem or problem

    async def sound(self, values: Values, seconds: tuple[float, float]) -> None:
        """Take a sound: an id, an address or Base64."""
        known, value = values["audio_id"], values["sound_file"]
        if (known is None) is (value is None):
            raise Refusal(1201, "exactly one of audio_id and sound_file is required")
        if known is not None:
            if known != VOICE:
                raise Refusal(1201, f"audio not found: {known}")
            return
        if is_address(value):
            asset, problem = await fetch(self.world, str(value))
            self.problem = self.problem or problem
        else:
            asset = await read(decoded(value, "sound_file"))
            if asset is None or asset.clip.kind != "audio":
                raise Refusal(1201, "sound_file is no audio")
        if asset is not None:
            self.seconds = asset.clip.seconds
            if not seconds[0] <= self.seconds <= seconds[1]:
                raise Refusal(1201, f"sound_file has to last {seconds[0]:g} to {seconds[1]:g} s")
