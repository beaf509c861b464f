"""Segmind's HTTP contract for the sandbox, written independently of the adapter."""

from motionkit_segmind.sandbox.app import SegmindSandbox

__all__ = ["SegmindSandbox"]
