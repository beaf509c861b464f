"""What PixVerse was found to do beyond its older pages: each fact with its value and source."""

from __future__ import annotations

from typing import Any, Final

KIT: Final = "the vendor's developer kit, 2026-09"
DMX: Final = "DMXAPI's pages, 2026-08-20"
PRICES: Final = "https://docs.platform.pixverse.ai/pricing-796039m0"
CLIENT: Final = "pixverse-mcp 0.2.2"
WEBHOOK: Final = "https://docs.platform.pixverse.ai/webhook-integration-1905378m0"

SONG_STYLES: Final = (
    *("Custom", "Cinematic", "Lo-fi", "Dreamscape", "Woolen Felt", "Candy", "Vintage", "Voxel"),
    *("Retro Game", "Claymation", "Woodland Tale", "Impressionism", "Decadence", "Futuristic"),
    *("Chromatic Clash", "Holiday"),
)
MUSIC_STYLES: Final = (
    *("Pop", "Rock", "HipHop", "R&B", "Jazz", "Reggae", "Country", "Folk", "Electronic"),
    *("Classical", "Soul", "Funk", "Metal", "Ambient", "Others"),
)
_FIVE: Final = ("16:9", "9:16", "1:1", "4:3", "3:4")
_ESTATE: Final = ("9:16", "16:9", "1:1", "4:3", "3:4")

FACTS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("code 701009", ("InvalidRequest", True), DMX),
    ("undocumented codes that refuse", ((400000, 499999), (701000, 701099)), DMX),
    ("credits of v5.6 360p 5 s with audio", ("80", "listed"), PRICES),
    ("credits of v5.6 540p 5 s with audio", ("80", "listed"), DMX),
    ("credits of v5.6 720p 5 s with audio", ("90", "listed"), PRICES),
    ("credits of v5.6 1080p 5 s with audio", ("150", "estimated"), PRICES),
    ("credits of v6 540p 5 s with audio and several clips", ("45", "estimated"), DMX),
    ("credits of v6 360p 1 s with audio", ("7", "listed"), DMX),
    ("credits of extend v6 720p 5 s", ("45", "listed"), DMX),
    ("credits of c1 540p 5 s with audio", ("50", "listed"), DMX),
    ("credits of c1 transition 540p 5 s with audio", ("50", "listed"), DMX),
    ("credits of c1 references 720p 5 s with audio", ("65", "listed"), DMX),
    ("credits of v5.6 540p 10 s with audio", ("122", "listed"), DMX),
    ("credits of lip sync of 40 bytes", ("12", "listed"), DMX),
    ("rounding up of lip_sync", "listed", PRICES),
    ("rounding up of music_video", "listed", KIT),
    ("digits of a webhook's milliseconds", 13, WEBHOOK),
    ("text_to_video v5.6 multi_clip", "unconfirmed", DMX),
    ("text_to_video v5.6 thinking", "unconfirmed", DMX),
    ("text_to_video v6 thinking", "unconfirmed", DMX),
    ("image_to_video v5.6 multi_clip", "unconfirmed", DMX),
    ("image_to_video v5.6 thinking", "unconfirmed", DMX),
    ("image_to_video v6 thinking", "unconfirmed", DMX),
    ("image_to_video v6 style", "unconfirmed", DMX),
    ("image_to_video c1 style", "unconfirmed", DMX),
    ("extend v6 audio", "unconfirmed", DMX),
    ("extend v5.5 audio", "unconfirmed", DMX),
    ("music_video song", (10, 360, 15_000_000), KIT),
    ("music_video aspect_ratio", _FIVE, KIT),
    ("music_video quality", ("720p", "1080p"), KIT),
    ("music_video style", SONG_STYLES, KIT),
    ("music_video music_style", MUSIC_STYLES, KIT),
    (
        "music_video fields",
        (
            *("aspect_ratio", "caption_switch", "lip_sync_switch", "lyric_text", "music_style"),
            *("mv_style", "quality", "seed", "audio_media_id", "img_references"),
            "style_img_references",
        ),
        KIT,
    ),
    ("music_video models", ("vibe_mv", "vibe_mv_v3_custom"), KIT),
    ("real_estate_fast quality", ("720p", "1080p"), KIT),
    ("real_estate_fast aspect_ratio", _ESTATE, KIT),
    ("real_estate_fast presence", ("none", "low", "medium", "high"), KIT),
    ("real_estate_fast images", (0, 20), KIT),
    ("real_estate_pro quality", ("480p", "720p", "1080p"), KIT),
    ("real_estate_pro aspect_ratio", (*_ESTATE, "21:9"), KIT),
    ("real_estate_pro presence", ("none", "low", "medium", "high"), KIT),
    ("real_estate_pro duration", (15, 30), KIT),
    ("real_estate_pro style", ("cozy", "pov"), KIT),
    ("real_estate_pro images", (0, 60), KIT),
    ("viral agent", 414562414124109, KIT),
    ("viral video", (2, 30, 640, 1920, 100_000_000), KIT),
    ("viral images", (1, 5), KIT),
    ("viral quality", ("720p", "1080p"), KIT),
    ("viral aspect_ratio", (*_ESTATE, "21:9"), KIT),
)
"""Facts that the adapter's tables state."""

OBSERVED: Final[tuple[tuple[str, Any, str], ...]] = (
    (
        "create answers with credits",
        {"text", "img", "transition", "fusion", "lip sync"},
        DMX,
    ),
    (
        "fields of a result",
        {
            *("id", "prompt", "negative_prompt", "url", "status", "seed", "create_time"),
            *("modify_time", "outputWidth", "outputHeight", "has_audio", "credits"),
        },
        DMX,
    ),
    ("url while running", 404, DMX),
    ("message of a submit", "success", DMX),
    ("message of a result", "Success", DMX),
    ("message of an image upload", "Success", DMX),
    ("size of 540p 16:9", (1024, 576), DMX),
    ("size of 360p 16:9", (640, 360), DMX),
    ("another account's media", 701009, DMX),
    ("c1 with fast motion", (400, 400017, ("v3.5", "v4", "v4.5")), DMX),
    ("a form with a URL", 200, CLIENT),
    ("extend without a seed", (400011, 0), CLIENT),
    ("a comma after a name", 0, CLIENT),
    ("references with an id only", 0, KIT),
    ("last duration of a multi-transition left out", 0, KIT),
)
"""Facts that the sandbox acts out."""

PAGES: Final = frozenset(
    {
        *("pricing-796039m0", "rate-limit-796040m0", "error-codes-796041m0", "faq-796042m0"),
        *("quick-start-796052m0", "pixverse-api-llm-txt-2109771m0", "c1-2067883m0"),
        *("capability-matrix-2144288m0", "model-overview-2140345m0", "v6-2056814m0"),
        *("motion-control-mimic-generation-28748523e0", "modify-generation-33365578e0"),
        *("template-video-generation-33889423e0", "upscale-video-37938008e0"),
        *("get-template-list-38573064e0", "avatar-generation-40528034e0"),
        *("create-custom-voice-40528181e0", "delete-custom-voice-40528243e0"),
        *("usage-deduction-query-41209884e0", "viral-recreation-agent-41205382e0"),
        *("one-click-real-estate-video-42843647e0", "webhook-integration-1905378m0"),
        *("common-errors-and-solutions-882978m0", "motion-controlmimic-1982936m0"),
        *("modify-2082369m0", "speechlip-sync-1268530m0", "upload-image-13016631e0"),
        "image-to-video-generation-13016633e0",
    }
)
"""Pages of https://docs.platform.pixverse.ai that were read."""

TITLES: Final = frozenset(
    {
        *("Text-to-Video generation", "Extend generation", "Image template generation"),
        *("Transition(First-last frame) generation", "Multi-transition video generation"),
        *("Fusion(reference to video) generation", "Restyle video generation"),
        *("Swap mask generation", "Swap video generation", "Sound effect generation"),
        *("Upload Video&audio", "Swap"),
    }
)
"""Titles in the vendor's menu of pages that were read as copies without their address."""

ELSEWHERE: Final = frozenset({"the vendor's music video specification, not on its pages"})
