"""Segmind's own verbs, for the help: its operations load only when one is called."""

from __future__ import annotations

VERBS = {
    "live-portrait": "Transfer the facial motion of one clip to the face in another clip.",
}
"""Each verb with the first line of its operation's docstring."""
