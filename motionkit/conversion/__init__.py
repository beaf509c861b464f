"""Convert media by their recipes, with PyAV and Pillow; the originals are never changed."""

from motionkit.conversion.cache import convert

__all__ = ["convert"]
