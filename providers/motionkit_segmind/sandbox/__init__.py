"""Segmind's HTTP contract for the sandbox: a second reading of it, apart from the adapter's."""

from motionkit_segmind.sandbox.app import SegmindSandbox

__all__ = ["SegmindSandbox"]
