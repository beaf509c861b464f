"""What every call has in common: its name for itself, and limits. Imports nothing."""

from __future__ import annotations

USER_AGENT = "motionkit"
CONNECT_TIMEOUT = 10.0
"""Seconds to connect."""
BLOCK = 192 * 1024
"""Bytes of a body at a time; a multiple of three, so that base64 pieces join."""
