"""Replicate's API for the local sandbox, written from the vendor's pages, without its adapter."""

from motionkit_replicate.sandbox.app import ReplicateSandbox

__all__ = ["ReplicateSandbox"]
