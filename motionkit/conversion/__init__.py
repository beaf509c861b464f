"""Convert media by their recipes, with PyAV and Pillow; the originals are never changed."""

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.conversion.cache import convert

__all__ = ["convert"]
__getattr__, __dir__ = exports(__name__, {"motionkit.conversion.cache": "convert"})
