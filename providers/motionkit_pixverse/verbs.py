"""PixVerse's own verbs, for the help: its operations load only when one is called."""

from __future__ import annotations

VERBS = {
    "effect": "Apply one of the vendor's effects (video templates) to images.",
    "multi-transition": "Generate transitions through two to seven images.",
    "reference": "Generate a clip with subjects and backgrounds from images that the prompt names.",
    "sound": "Add a sound effect to a clip.",
    "mask": "Select masks in a clip's frame: people, objects and background, to swap or modify.",
    "image-template": "Apply one of the vendor's image templates to images.",
    "avatar": "Animate a portrait to speak a recording, or text in a voice.",
    "real-estate": "Generate a clip of a property from its web page, or from text and images.",
    "viral": "Recreate the pacing of a reference clip with your own images (viral agent).",
    "music-video": "Generate a music video for a song.",
}
"""Each verb with the first line of its operation's docstring."""
