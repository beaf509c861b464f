"""PixVerse's HTTP contract for the sandbox: a second reading of it, apart from the adapter's."""

from motionkit_pixverse.sandbox.app import PixVerseSandbox

__all__ = ["PixVerseSandbox"]
