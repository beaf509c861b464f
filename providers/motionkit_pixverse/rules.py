"""PixVerse's rules across fields, checked before anything is uploaded.

The offers hold the rules of one field: required fields, ranges, lengths, counts, allowed
combinations. Rules across fields are here, one function each; `RULES` maps operations to rules.
Facts: https://docs.platform.pixverse.ai, the page named in the offer's row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from motionkit.errors import InvalidRequest
from motionkit.model.media import Generated
from motionkit.model.request import Placeholder
from motionkit.provider import Fit, refuse
from motionkit_pixverse import results
from motionkit_pixverse.bodies import word

Rule = Callable[[Fit], Iterator[str]]
"""Yields warnings to show before paying; raises InvalidRequest."""

_LONG_PROMPT = 2048
_LONG_SPEECH = 140
_LONGEST_TRIP = 30
_NAME = r"[A-Za-z0-9_ ]{1,30}"
_SELECTION = r"@(selection|img)(\d+)"
_SELECTABLE: Mapping[str, str] = {"selection": "mask", "img": "picture"}
_KINDS = ("subject", "background")
_LOOKS_LIKE_A_FILE = r"[/\\]|\.\w{1,5}$"
_CODECS = ("h264", "hevc")
_FEWEST_VIEWS = 5
_LONGEST_LYRICS = 5000


def check(fitted: Fit) -> Sequence[str]:
    """Check a fitted request across its fields.

    Returns:
        Warnings to show before paying.

    Raises:
        InvalidRequest: Naming field, value and limit.
    """
    rules = (*_EVERYWHERE, *RULES.get(fitted.offer.operation, ()))
    return [warning for rule in rules for warning in rule(fitted)]


def _refuse(fitted: Fit, name: str, value: Any, limit: str) -> InvalidRequest:
    return refuse(fitted.offer.model, name, value, limit)


def _one_of(fitted: Fit, *ways: tuple[str, ...]) -> None:
    """Refuse unless exactly one alternative is given, with all its fields."""
    given = [*fitted.values, *(name.partition("[")[0] for name in fitted.facts)]
    taken = [way for way in ways if any(name in given for name in way)]
    limit = ", or ".join(" and ".join(way) for way in ways)
    missing = [name for name in taken[0] if name not in given] if len(taken) == 1 else []
    if len(taken) == 1 and not missing:
        return
    shown = " and ".join(name for way in taken for name in way if name in given)
    what = f"it has only {shown}" if missing else f"it has {shown or 'neither'}"
    raise InvalidRequest(
        f"{fitted.offer.model} needs {'' if missing or not taken else 'either '}{limit}; {what}",
        field=missing[0] if missing else ways[0][0],
        limit=f"either {limit}",
    )


def words_are_not_blank(fitted: Fit) -> Iterator[str]:
    """Texts are not blank: the vendor refuses empty parameters."""
    for name, value in fitted.values.items():
        if isinstance(value, str) and not value.strip():
            raise _refuse(fitted, name, value, "text that is not blank")
    yield from ()


def long_prompts_are_doubtful(fitted: Fit) -> Iterator[str]:
    """Warn above 2,048 characters: the vendor's pages disagree on 2,048 or 5,000."""
    prompt = fitted.values.get("prompt")
    if isinstance(prompt, str) and len(prompt) > _LONG_PROMPT:
        yield (
            f"prompt: {len(prompt):,} characters; one of the vendor's pages limits it to "
            f"{_LONG_PROMPT:,}"
        )


def long_speech_is_doubtful(fitted: Fit) -> Iterator[str]:
    """Warn above 140 characters, the reference's limit; the vendor's own client sends 200."""
    for name in ("speech", "text"):
        said = fitted.values.get(name)
        if isinstance(said, str) and len(said) > _LONG_SPEECH:
            yield f"{name}: {len(said)} characters; the vendor's page says about {_LONG_SPEECH}"


def speech_has_a_voice(fitted: Fit) -> Iterator[str]:
    """Speech and voice are given together, or neither is."""
    if "speech" in fitted.values or "voice" in fitted.values:
        _one_of(fitted, ("speech", "voice"))
    yield from ()


def spoken_or_recorded(fitted: Fit) -> Iterator[str]:
    """Speech is a recording, or a text in a voice."""
    _one_of(fitted, ("audio",), ("text", "voice"))
    yield from ()


def style_or_words(fitted: Fit) -> Iterator[str]:
    """A style is one of the vendor's list, or a prompt."""
    _one_of(fitted, ("style",), ("prompt",))
    yield from ()


def an_effect_has_pictures(fitted: Fit) -> Iterator[str]:
    """An effect takes at least one picture; the template decides how many."""
    if not fitted.facts:
        raise _refuse(fitted, "images", "0 of them", "at least 1")
    yield from ()


def trips_are_whole(fitted: Fit) -> Iterator[str]:
    """Each transition has one duration and at most one prompt, 30 seconds in total."""
    legs = len(fitted.facts) - 1
    durations = fitted.values.get("durations", ())
    prompts = fitted.values.get("prompts", ())
    if len(durations) != legs:
        raise _refuse(
            fitted, "durations", f"{len(durations)} of them", f"{legs}: one between two pictures"
        )
    for seconds in durations:
        if type(seconds) is not int or seconds < 1:
            raise _refuse(fitted, "durations", seconds, "whole seconds, 1 at least")
    if sum(durations) > _LONGEST_TRIP:
        raise _refuse(fitted, "durations", f"{sum(durations)} s", f"{_LONGEST_TRIP} s in all")
    if len(prompts) not in {0, legs}:
        raise _refuse(fitted, "prompts", f"{len(prompts)} of them", f"none, or {legs}")
    for prompt in prompts:
        if len(prompt) > _LONG_PROMPT:
            raise _refuse(fitted, "prompts", prompt, f"at most {_LONG_PROMPT:,} characters")
    yield from ()


def references_have_names(fitted: Fit) -> Iterator[str]:
    """Every picture has a unique name, and a kind if kinds are given."""
    pictures, names = len(fitted.facts), fitted.values.get("names", ())
    kinds = fitted.values.get("kinds", ())
    if len(names) != pictures:
        raise _refuse(fitted, "names", f"{len(names)} of them", f"{pictures}: one for each picture")
    for name in names:
        if not re.fullmatch(_NAME, name) or name != name.strip():
            raise _refuse(fitted, "names", name, "1 to 30 letters, digits, _ and inner spaces")
    if len(set(names)) != len(names):
        raise _refuse(fitted, "names", ", ".join(names), "a different name for each picture")
    if len(kinds) not in {0, pictures}:
        raise _refuse(fitted, "kinds", f"{len(kinds)} of them", f"none, or {pictures}")
    for kind in kinds:
        if kind not in _KINDS:
            raise _refuse(fitted, "kinds", kind, ", ".join(_KINDS))
    yield from ()


def the_prompt_names_every_reference(fitted: Fit) -> Iterator[str]:
    """The prompt has ``@name`` for each picture, followed by a space, and no other ``@word``.

    A comma after it was seen accepted; the vendor's page asks for a space.
    """
    names = sorted(fitted.values.get("names", ()), key=len, reverse=True)
    prompt = str(fitted.values.get("prompt", ""))
    known = "|".join(map(re.escape, names))
    found = {match[1] for match in re.finditer(rf"@({known})(?=[ ,]|$)", prompt)}
    for name in names:
        if name not in found:
            raise _refuse(fitted, "prompt", prompt, f"a text with '@{name}' followed by a space")
    stray = re.search(rf"@(?!(?:{known})(?:[ ,]|$))\w*", prompt)
    if stray:
        named = ", ".join(f"@{name}" for name in names)
        raise _refuse(fitted, "prompt", stray[0], f"{named}, each followed by a space")
    if re.search(rf"@(?:{known}),", prompt):
        yield "prompt: a comma follows a name; the vendor's page asks for a space"


def masks_are_ids_or_urls(fitted: Fit) -> Iterator[str]:
    """Masks are ids of a selection, or public URLs of pictures; never both, never files.

    https://docs.platform.pixverse.ai/modify-2082369m0
    """
    masks = fitted.values.get("masks", ())
    remote = [mask for mask in masks if "://" in mask]
    if remote and len(remote) != len(masks):
        raise _refuse(fitted, "masks", ", ".join(masks), "ids or addresses, not both")
    for mask in masks:
        _check_mask(fitted, "masks", mask, ("http://", "https://"))
    if masks and "keyframe" not in fitted.values:
        yield "keyframe: none is given; it must be the frame that the masks were made on"


def the_mask_is_an_id(fitted: Fit) -> Iterator[str]:
    """A swap takes the id of a mask selection only."""
    if "mask" in fitted.values:
        _check_mask(fitted, "mask", fitted.values["mask"], ())
    yield from ()


def _check_mask(fitted: Fit, name: str, mask: str, schemes: tuple[str, ...]) -> None:
    """Refuse a mask that is neither an id nor one of these URLs."""
    if isinstance(mask, Placeholder) or (mask.isascii() and mask.isdecimal()):
        return
    if not mask.strip():
        raise _refuse(fitted, name, mask, "text that is not blank")
    limit = "the ids of a mask selection, which are digits"
    limit += ", or public http(s):// addresses of mask pictures" if schemes else ""
    if "://" in mask:
        if not mask.startswith(schemes):
            raise _refuse(fitted, name, mask, limit)
        return
    if re.search(_LOOKS_LIKE_A_FILE, mask):
        raise InvalidRequest(
            f"{name}: {mask!r} is a local file, and the vendor takes no mask files; "
            f"it takes {limit}",
            field=name,
            value=mask,
            limit=limit,
        )
    raise _refuse(fitted, name, mask, limit)


def the_prompt_refers_to_what_is_there(fitted: Fit) -> Iterator[str]:
    """``@selectionN`` and ``@imgN`` count masks and pictures from 0.

    Unnamed ones are sent too, with a warning: the vendor's own example does it.
    """
    prompt = str(fitted.values.get("prompt", ""))
    there = {
        "selection": ("masks", len(fitted.values.get("masks", ()))),
        "img": ("images", sum(name.startswith("images[") for name in fitted.facts)),
    }
    named: set[tuple[str, int]] = set()
    for match in re.finditer(_SELECTION, prompt):
        word, number = match[1], int(match[2])
        field, count = there[word]
        if number >= count:
            raise _not_there(match[0], word, field, count)
        named.add((word, number))
    for word, (field, count) in there.items():
        for place in range(count):
            if (word, place) not in named:
                yield f"{field}: the prompt does not say @{word}{place}"


def _not_there(said: str, word: str, field: str, count: int) -> InvalidRequest:
    """Return the error for a name in the prompt without a mask or picture."""
    names = ", ".join(f"@{word}{place}" for place in range(count))
    thing = _SELECTABLE[word]
    there = f"is one {thing}" if count == 1 else f"are {count or 'no'} {thing}s"
    return InvalidRequest(
        f"the prompt says {said}, and there {there}{f': {names}' if names else ''}",
        field="prompt",
        value=said,
        limit=f"{names or f'no @{word}'}: {field} has {count}",
    )


def masks_need_a_known_codec(fitted: Fit) -> Iterator[str]:
    """A mask selection reads only H.264 and H.265."""
    codec = fitted.facts["video"].codec
    if codec is not None and codec not in _CODECS:
        raise _refuse(fitted, "video", codec, "H.264 or H.265")
    yield from ()


def the_property_is_shown(fitted: Fit) -> Iterator[str]:
    """A property is a web page, or at least five pictures with an optional prompt."""
    _one_of(fitted, ("page",), ("images",))
    if "page" in fitted.values and "prompt" in fitted.values:
        raise _refuse(fitted, "prompt", fitted.values["prompt"], "a prompt with images, no page")
    if 0 < len(fitted.facts) < _FEWEST_VIEWS:
        raise _refuse(fitted, "images", f"{len(fitted.facts)} of them", f"at least {_FEWEST_VIEWS}")
    page = fitted.values.get("page")
    if page is not None and not str(page).startswith("https://"):
        raise _refuse(fitted, "page", page, "an https:// address")
    yield from ()


def an_ad_has_length_and_style(fitted: Fit) -> Iterator[str]:
    """An ``ad_house_tour`` needs length and style and takes no language; a tour takes neither."""
    ad = fitted.values.get("mode") == "ad_house_tour"
    if ad and "language" in fitted.values:
        raise _refuse(
            fitted, "language", fitted.values["language"], "no language with ad_house_tour"
        )
    for name, limit in (("duration", "15, 30"), ("style", "cozy, pov")):
        if ad and name not in fitted.values:
            raise _refuse(fitted, name, "nothing", f"{limit} with ad_house_tour")
        if not ad and name in fitted.values:
            raise _refuse(fitted, name, fitted.values[name], f"no {name} without ad_house_tour")
    yield from ()


def a_custom_style_has_a_picture(fitted: Fit) -> Iterator[str]:
    """The style ``Custom`` follows a picture."""
    if fitted.values.get("style") == "Custom" and not {"image", "style_image"} & set(fitted.facts):
        raise _refuse(fitted, "style", "Custom", "Custom with image or style_image")
    yield from ()


def timed_lyrics_are_in_order(fitted: Fit) -> Iterator[str]:
    """Timed words have start and end, follow each other, and are fewer than 5,000 characters."""
    before, length = 0.0, 0
    for text in fitted.values.get("timed_lyrics", ()):
        try:
            said = word(text)
        except ValueError:
            raise _refuse(
                fitted, "timed_lyrics", text, "start and end in seconds, then the word"
            ) from None
        if not before <= said["start"] <= said["end"]:
            raise _refuse(fitted, "timed_lyrics", text, f"words in order, from {before:g} s on")
        before, length = said["end"], length + len(said["word"])
    if length >= _LONGEST_LYRICS:
        limit = f"fewer than {_LONGEST_LYRICS:,} characters"
        raise _refuse(fitted, "timed_lyrics", f"{length:,} characters", limit)
    if fitted.values.get("timed_lyrics") and "lyrics" in fitted.values:
        yield "lyrics: timed_lyrics take precedence"


def a_generated_video_is_one(fitted: Fit) -> Iterator[str]:
    """The job that a field refers to generated what the field takes: no picture and no masks."""
    for name, (slot, reference) in fitted.references.items():
        job = reference.job if isinstance(reference, Generated) else None
        if isinstance(job, str) or job is None:
            continue
        kind = results.place_of(job.operation).kind
        if kind != slot.kind or job.operation in results.ANSWERED_AT_ONCE:
            raise _refuse(fitted, name, f"job {job.id} ({job.operation})", f"a job's {slot.kind}")
    yield from ()


_EVERYWHERE: tuple[Rule, ...] = (
    a_generated_video_is_one,
    words_are_not_blank,
    long_prompts_are_doubtful,
    long_speech_is_doubtful,
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "text_to_video": (speech_has_a_voice,),
    "image_to_video": (speech_has_a_voice,),
    "transition": (speech_has_a_voice,),
    "effect": (an_effect_has_pictures, speech_has_a_voice),
    "multi_transition": (trips_are_whole,),
    "reference_to_video": (references_have_names, the_prompt_names_every_reference),
    "lip_sync": (spoken_or_recorded,),
    "restyle": (style_or_words,),
    "modify": (masks_are_ids_or_urls, the_prompt_refers_to_what_is_there),
    "swap": (the_mask_is_an_id,),
    "mask_selection": (masks_need_a_known_codec,),
    "image_template": (an_effect_has_pictures,),
    "avatar": (spoken_or_recorded,),
    "real_estate": (the_property_is_shown, an_ad_has_length_and_style),
    "music_video": (a_custom_style_has_a_picture, timed_lyrics_are_in_order),
}
"""Operation to its rules."""
