"""Kling's own verbs, for the help: its operations load only when one is called."""

from __future__ import annotations

VERBS = {
    "scene-effect": "Apply an effect of Kling's list to one or two images.",
}
"""Each verb with the first line of its operation's docstring."""
