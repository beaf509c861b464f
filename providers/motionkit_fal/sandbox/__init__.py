"""fal's API for the local sandbox, written from the vendor's pages, without its adapter."""

from motionkit_fal.sandbox.app import FalSandbox

__all__ = ["FalSandbox"]
