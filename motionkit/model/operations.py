"""The neutral operations: frozen requests that two vendors could serve.

A vendor-only operation lives with its vendor, as another subclass of `Request`. Each class loads
with those that it is used with; this module loads them all.
"""

from __future__ import annotations

from motionkit.model.editing import LipSync, Modify, Restyle, Swap, Upscale, words
from motionkit.model.generation import (
    Extend,
    Generation,
    ImageToVideo,
    TextToVideo,
    Transition,
)
from motionkit.model.mimic import Mimic
from motionkit.model.request import Request, argument

__all__ = [
    "OPERATIONS",
    "Extend",
    "Generation",
    "ImageToVideo",
    "LipSync",
    "Mimic",
    "Modify",
    "Request",
    "Restyle",
    "Swap",
    "TextToVideo",
    "Transition",
    "Upscale",
    "argument",
    "words",
]

OPERATIONS: tuple[type[Request], ...] = (
    Mimic,
    Modify,
    ImageToVideo,
    TextToVideo,
    Transition,
    Extend,
    LipSync,
    Restyle,
    Swap,
    Upscale,
)
"""Every neutral operation; providers add their own through an entry point."""
