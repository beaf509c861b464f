"""Operations that only Kling offers, beside the neutral ones of `motionkit.model.operations`."""

from __future__ import annotations

from typing import ClassVar

import attrs

from motionkit.model.media import Ref, refs
from motionkit.model.request import Request, takes


@attrs.frozen
class SceneEffect(Request):
    """Apply an effect of Kling's list to one or two images.

    Attributes:
        scene: The effect's name, e.g. ``bullet_time_360``: see
            https://kling.ai/document-api/api/effects/templates
        images: One image, or the left and the right one of an effect for two.
    """

    operation: ClassVar[str] = "scene_effect"
    verb: ClassVar[str] = "scene-effect"

    scene: str
    images: tuple[Ref, ...] = attrs.field(converter=refs, metadata=takes("image"))


OPERATIONS: tuple[type[Request], ...] = (SceneEffect,)
"""Registered in the entry-point group ``motionkit.operations``."""

__all__ = ["OPERATIONS", "SceneEffect"]
