"""Runway's developer API for the local sandbox, written from the vendor's pages alone."""

from motionkit_runway.sandbox.app import RunwaySandbox

__all__ = ["RunwaySandbox"]
