"""Convert pictures with Pillow: upright, scaled down, in a format that the target takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

from motionkit.model.recipe import Recipe

QUALITIES = (95, 90, 80, 70, 60)
"""Qualities of JPEG and WebP, the best first, until the picture is small enough."""
_SMALLER = 0.8
"""The share to which the sides are scaled while the lowest quality is still too large."""
_LEAST = 256
"""Pixels of the longer side below which a picture is not scaled for its bytes."""
_FORMATS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
_OPAQUE = frozenset({"JPEG"})


class BrokenError(Exception):
    """The picture cannot be read."""


def make(stream: IO[bytes], recipe: Recipe, path: Path, check: Callable[[], object]) -> None:
    """Convert an open picture by its recipe.

    Raises:
        BrokenError: It cannot be read.
        OSError: The file cannot be written.
    """
    check()
    try:
        with Image.open(stream) as original:
            profile = original.info.get("icc_profile")
            upright = ImageOps.exif_transpose(original)
            alpha = upright.has_transparency_data
            picture = upright.convert("RGBA" if alpha else "RGB")
            profile = profile if upright.mode in {"RGB", "RGBA", "P"} else None
    except (UnidentifiedImageError, SyntaxError, ValueError, OSError) as error:
        raise BrokenError("it is damaged") from error
    kind = _FORMATS[recipe.container]
    if alpha and kind in _OPAQUE:  # what is transparent becomes white
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    size = (recipe.width or picture.width, recipe.height or picture.height)
    while True:
        sized = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            check()
            options = {"optimize": True} if kind == "PNG" else {"quality": quality}
            if profile:
                options["icc_profile"] = profile
            sized.save(path, kind, **options)
            fits = recipe.max_bytes is None or path.stat().st_size <= recipe.max_bytes
            if fits:
                return
            if kind == "PNG":
                break
        if max(size) * _SMALLER < _LEAST:
            return  # refused by its size
        size = (max(1, int(size[0] * _SMALLER)), max(1, int(size[1] * _SMALLER)))
