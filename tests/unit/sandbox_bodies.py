"""Good bodies of every paid operation of PixVerse; `sandbox_support.Stage` fills the ids in."""

from __future__ import annotations

from typing import Any

TEXT = {
    "prompt": "a fox",
    "model": "v5",
    "aspect_ratio": "16:9",
    "duration": 5,
    "quality": "360p",
}
IMAGE = {**TEXT, "aspect_ratio": None, "img_id": "$img"}
EFFECT = {**IMAGE, "template_id": 377378608924544}
EFFECT_OF_TWO = {
    **IMAGE,
    "img_id": None,
    "template_id": 302325299692608,
    "img_ids": ["$img", "$img2"],
}
TRANSITION = {**IMAGE, "img_id": None, "first_frame_img": "$img", "last_frame_img": "$img2"}
STEPS = [{"img_id": "$img", "duration": 4, "prompt": "on"}, {"img_id": "$img2", "duration": 0}]
MULTI = {"multi_transition": STEPS, "model": "v5", "quality": "360p"}
EXTEND = {
    "source_video_id": "$video",
    "prompt": "on",
    "seed": 0,
    "quality": "360p",
    "duration": 5,
    "model": "v6",
}
SPEAK = {"lip_sync_tts_speaker_id": "7", "lip_sync_tts_content": "Good morning, everybody"}
LIP_SYNC = {"video_media_id": "$clip", "audio_media_id": "$sound"}
SAY = {"source_video_id": "$video", **SPEAK}
REFERENCES = [
    {"type": "subject", "img_id": "$img", "ref_name": "dog"},
    {"type": "background", "img_id": "$img2", "ref_name": "old town"},
]
FUSION = {
    **TEXT,
    "model": "v4.5",
    "prompt": "@dog runs through @old town at night",
    "image_references": REFERENCES,
}
RESTYLE = {"video_media_id": "$clip", "restyle_prompt": "ink"}
SELECT = {"video_media_id": "$clip", "keyframe_id": 1}
SWAP = {
    "video_media_id": "$clip",
    "keyframe_id": 1,
    "mask_id": "$mask",
    "img_id": "$img",
    "quality": "540p",
}
SOUND = {"video_media_id": "$clip", "sound_effect_content": "rain"}
MIMIC = {"video_media_id": "$clip", "img_id": "$img", "quality": "540p"}
MODIFY = {"video_media_id": "$clip", "prompt": "make it winter", "quality": "540p"}
UPSCALE = {"video_media_id": "$clip"}
AVATAR = {"img_id": "$img", "quality": "540p", "audio_media_id": "$sound"}
VIRAL = {
    "agent_id": 414562414124109,
    "prompt": "like this",
    "quality": "720p",
    "img_references": [{"img_id": "$img"}],
    "video_references": [{"video_url": "https://example.com/a.mp4"}],
}
ESTATE = {"agent_id": 419629433597950, "model": "fast", "product_url": "https://example.org/home"}
MUSIC = {
    "mv_agent_type": "vibe_mv",
    "audio_media_id": "$song",
    "aspect_ratio": "9:16",
    "quality": "1080p",
}
PICTURE = {"img_ids": ["$img"], "template_id": 384268229671690}

PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("/video/text/generate", TEXT),
    "img": ("/video/img/generate", IMAGE),
    "effect": ("/video/img/generate", EFFECT),
    "effect of two": ("/video/img/generate", EFFECT_OF_TWO),
    "transition": ("/video/transition/generate", TRANSITION),
    "multi": ("/video/multi_transition/generate", MULTI),
    "extend": ("/video/extend/generate", EXTEND),
    "lip sync": ("/video/lip_sync/generate", LIP_SYNC),
    "say": ("/video/lip_sync/generate", SAY),
    "fusion": ("/video/fusion/generate", FUSION),
    "restyle": ("/video/restyle/generate", RESTYLE),
    "select": ("/video/mask/selection", SELECT),
    "swap": ("/video/swap/generate", SWAP),
    "sound": ("/video/sound_effect/generate", SOUND),
    "mimic": ("/video/mimic/generate", MIMIC),
    "modify": ("/video/modify/generate", MODIFY),
    "upscale": ("/video/upscale/generate", UPSCALE),
    "avatar": ("/video/avatar/generate", AVATAR),
    "viral": ("/video/agent/generate", VIRAL),
    "estate": ("/video/agent/generate", ESTATE),
    "music": ("/video/music_mv_agent/generate", MUSIC),
    "picture": ("/image/template/generate", PICTURE),
}
