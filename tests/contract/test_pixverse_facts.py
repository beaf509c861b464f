"""The facts about PixVerse, both ways: none is missing in the tables, none there is unstated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
import requests
from pixverse_facts import ELSEWHERE, FACTS, OBSERVED, PAGES, TITLES

import motionkit as mk
from motionkit.model.money import Rates
from motionkit.model.operations import Extend, ImageToVideo, LipSync, Request, Transition
from motionkit.model.probe import Facts
from motionkit.provider import Offer, registry, signatures
from motionkit.provider.fit import fit
from motionkit.provider.offers import pick
from motionkit.provider.quote import quote
from motionkit.sandbox import Sandbox
from motionkit.testing.samples import CLIP, PICTURE
from motionkit_pixverse import _tables, rules
from motionkit_pixverse.adapter import PixVerse
from motionkit_pixverse.operations import ReferenceToVideo
from motionkit_pixverse.sandbox import PixVerseSandbox

A, B = mk.Uploaded("1"), mk.Uploaded("2")
WORDS, TURN, MELT, ON = "a fox", "it turns", "it melts", "it goes on"


def offer(operation: str, model: str) -> Offer:
    return pick(PixVerse.offers, operation, model, target="pixverse")


def credits_of(request: Request, model: str) -> tuple[str, str]:
    facts = {name: Facts(name, seconds=5, missing="not here") for name in request.media()}
    fitted = fit(request, offer(request.operation, model), facts, rules.check)
    found = quote(fitted, Rates(credit=Decimal("0.01")))
    assert found is not None
    return str(found.likely), found.basis.value


def words(quality: str, duration: int = 5, **values: Any) -> mk.TextToVideo:
    return mk.TextToVideo(WORDS, quality=quality, duration=duration, audio=True, **values)


def prices() -> Iterator[tuple[str, Any]]:
    name = "credits of {} with audio"
    for quality in ("360p", "540p", "720p", "1080p"):
        yield name.format(f"v5.6 {quality} 5 s"), credits_of(words(quality), "v5.6")
    yield name.format("v5.6 540p 10 s"), credits_of(words("540p", 10), "v5.6")
    yield name.format("v6 360p 1 s"), credits_of(words("360p", 1), "v6")
    several = words("540p", multi_clip=True)
    yield name.format("v6 540p 5 s") + " and several clips", credits_of(several, "v6")
    moving = ImageToVideo(A, TURN, quality="540p", audio=True)
    assert credits_of(moving, "c1") == credits_of(words("540p"), "c1")
    yield name.format("c1 540p 5 s"), credits_of(moving, "c1")
    melting = Transition(A, B, MELT, quality="540p", audio=True)
    yield name.format("c1 transition 540p 5 s"), credits_of(melting, "c1")
    named = ReferenceToVideo(A, "x", "@x runs", quality="720p", audio=True)
    yield name.format("c1 references 720p 5 s"), credits_of(named, "c1")
    longer = Extend(A, ON, seed=1, quality="720p")
    yield "credits of extend v6 720p 5 s", credits_of(longer, "v6")
    said = LipSync(A, text="a" * 40, voice="7")
    yield "credits of lip sync of 40 bytes", credits_of(said, "lip_sync")


def stated() -> Iterator[tuple[str, Any]]:
    """Yield what the adapter's tables say on each subject of the facts."""
    row = _tables.ERRORS[701009]
    yield "code 701009", (row.error.__name__, row.refuses)
    ranges = tuple((codes.start, codes.stop - 1) for codes in _tables.REFUSING)
    yield "undocumented codes that refuse", ranges
    yield from prices()
    for one in PixVerse.offers:
        if one.price is not None and one.price.rounds_up:
            yield f"rounding up of {one.operation}", "listed"
        for field in one.unconfirmed:
            yield f"{one.operation} {one.model} {field}", "unconfirmed"
    yield "digits of a webhook's milliseconds", signatures.MILLISECONDS
    songs = [one for one in PixVerse.offers if one.operation == "music_video"]
    yield "music_video models", tuple(one.model for one in songs)
    for one in songs:
        song = one.media["audio"]
        yield "music_video song", (song.min_seconds, song.max_seconds, song.max_bytes)
        for name, values in one.allowed.items():
            yield f"music_video {name}", tuple(values)
        sent = {*filter(None, one.fields.values()), *(slot.field for slot in one.media.values())}
        yield "music_video fields", sent
    for model in ("real_estate_fast", "real_estate_pro"):
        estate = offer("real_estate", model)
        yield f"{model} images", tuple(estate.counts["images"])
        for name, values in estate.allowed.items():
            if name not in {"language", "mode"}:
                yield f"{model} {name}", tuple(values)
    viral = offer("viral_recreation", "viral_recreation")
    yield "viral agent", viral.fixed["agent_id"]
    clip = viral.media["video"]
    sides = (clip.min_seconds, clip.max_seconds, clip.min_side, clip.max_side, clip.max_bytes)
    yield "viral video", sides
    yield "viral images", tuple(viral.counts["images"])
    for name, values in viral.allowed.items():
        yield f"viral {name}", tuple(values)


def test_the_tables_state_every_fact_and_no_other() -> None:
    expected = {name: value for name, value, _ in FACTS}
    assert len(expected) == len(FACTS)
    expected["music_video fields"] = set(expected["music_video fields"])
    found: dict[str, Any] = {}
    for name, value in stated():
        assert found.setdefault(name, value) == value, name
    assert found == expected


def test_every_fact_names_its_source() -> None:
    assert all(source for _, _, source in (*FACTS, *OBSERVED))


def test_an_unconfirmed_field_is_sent_with_a_warning_that_names_its_source() -> None:
    sources = {name: source for name, value, source in FACTS if value == "unconfirmed"}
    values = {"multi_clip": True, "thinking": "auto", "style": "anime", "audio": True}
    kinds = {kind.operation: kind for kind in registry.operations()}
    given = {"text_to_video": (WORDS,), "image_to_video": (A, TURN), "extend": (A, ON)}
    for name, source in sources.items():
        operation, model, field = name.split()
        row = offer(operation, model)
        assert row.unconfirmed[field] == source
        seed = {"seed": 1} if operation == "extend" else {}
        request = kinds[operation](*given[operation], **seed, **{field: values[field]})
        facts = {one: Facts(one, missing="not here") for one in request.media()}
        fitted = fit(request, row, facts)
        assert any(field in warning and source in warning for warning in fitted.warnings)
        plain = fit(attrs.evolve(request, **{field: None}), row, facts)
        assert not any(source in warning for warning in plain.warnings)


SOURCE = re.compile(r"https://docs\.platform\.pixverse\.ai(?:/(\S+)| \((.+)\))")


def test_every_source_of_an_offer_is_a_page_that_was_read() -> None:
    sources = {one.source for one in PixVerse.offers}
    sources |= {one.price.source for one in PixVerse.offers if one.price}
    sources |= {slot.source for one in PixVerse.offers for slot in one.media.values()}
    assert len(sources) > 15
    for source in sources - ELSEWHERE:
        found = SOURCE.fullmatch(source)
        assert found is not None, source
        page, title = found.groups()
        assert page in PAGES or title in TITLES, source


class Vendor:
    """The sandbox, called without the adapter.

    Attributes:
        url: Of the platform's API.
        key: Of the account.
    """

    def __init__(self, sandbox: Sandbox, key: str) -> None:
        self.url, self.key, self.traces = f"{sandbox.url}/openapi/v2", key, iter(range(10_000))

    def send(self, method: str, path: str, **sent: Any) -> requests.Response:
        headers = {"API-KEY": self.key, "Ai-trace-id": f"{self.key}-{next(self.traces)}"}
        return requests.request(method, self.url + path, headers=headers, timeout=120, **sent)

    def ask(self, path: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.send("POST", path, json=body).json()
        return answer

    def upload(self, kind: str, content: bytes) -> int:
        part = "image" if kind == "image" else "file"
        answer = self.send("POST", f"/{kind}/upload", files={part: content}).json()["Resp"]
        number = answer.get("img_id") or answer["media_id"]
        assert isinstance(number, int)
        return number


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def acted_out(sandbox: Sandbox) -> Iterator[tuple[str, Any]]:
    """Yield what the sandbox does on each subject of the observed facts."""
    sandbox.add_account("pixverse", "rich-key-01234", label="rich", balance=100_000)
    sandbox.add_account("pixverse", "other-key-0123", label="other", balance=100_000)
    vendor, other = Vendor(sandbox, "rich-key-01234"), Vendor(sandbox, "other-key-0123")
    uploaded = vendor.send("POST", "/image/upload", files={"image": PICTURE}).json()
    yield "message of an image upload", uploaded["ErrMsg"]
    img, clip = uploaded["Resp"]["img_id"], vendor.upload("media", CLIP)
    text = {"prompt": WORDS, "model": "v6", "duration": 1, "quality": "360p"}
    wide = {"aspect_ratio": "16:9"}
    speech = {"lip_sync_tts_speaker_id": "7", "lip_sync_tts_content": "hello"}
    named = {"type": "subject", "img_id": img, "ref_name": "dog"}
    source = {"video_media_id": clip}
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "text": ("text", {**text, **wide}),
        "img": ("img", {**text, "img_id": img}),
        "transition": ("transition", {**text, "first_frame_img": img, "last_frame_img": img}),
        "fusion": ("fusion", {**text, **wide, "prompt": "@dog runs", "image_references": [named]}),
        "lip sync": ("lip_sync", {**source, **speech}),
        "extend": ("extend", {**text, **source, "seed": 1}),
        "sound": ("sound_effect", source),
        "upscale": ("upscale", source),
    }
    answers = {
        name: vendor.ask(f"/video/{path}/generate", body) for name, (path, body) in bodies.items()
    }
    assert {answer["ErrCode"] for answer in answers.values()} == {0}
    yield (
        "create answers with credits",
        {name for name, answer in answers.items() if "credits" in answer["Resp"]},
    )
    yield "message of a submit", answers["text"]["ErrMsg"]
    path = f"/video/result/{answers['text']['Resp']['video_id']}"
    running = vendor.send("GET", path).json()
    yield "message of a result", running["ErrMsg"]
    yield "fields of a result", set(running["Resp"])
    assert (running["Resp"]["status"], running["Resp"]["outputWidth"]) == (5, 0)
    yield "url while running", requests.get(running["Resp"]["url"], timeout=120).status_code
    larger = vendor.ask("/video/text/generate", {**text, **wide, "quality": "540p"})["Resp"]
    sandbox.advance(300)
    for quality, number in (("360p", path), ("540p", f"/video/result/{larger['video_id']}")):
        ended = vendor.send("GET", number).json()["Resp"]
        assert set(ended) == set(running["Resp"])
        yield f"size of {quality} 16:9", (ended["outputWidth"], ended["outputHeight"])
    foreign = other.ask("/video/upscale/generate", source)
    assert other.ask("/video/upscale/generate", {"source_video_id": larger["video_id"]}) == foreign
    yield "another account's media", foreign["ErrCode"]
    fast = {**text, **wide, "model": "c1", "motion_mode": "fast"}
    refused = vendor.send("POST", "/video/text/generate", json=fast)
    models = tuple(re.findall(r"v\d(?:\.\d)?", refused.json()["ErrMsg"]))
    yield "c1 with fast motion", (refused.status_code, refused.json()["ErrCode"], models)
    url = {"image_url": "https://example.com/a.png"}
    yield "a form with a URL", vendor.send("POST", "/image/upload", data=url).status_code
    yield from _lenient(vendor, {**text, **source})
    fusion = bodies["fusion"][1]
    comma = vendor.ask("/video/fusion/generate", {**fusion, "prompt": "@dog, running"})
    yield "a comma after a name", comma["ErrCode"]
    bare = {**fusion, "prompt": WORDS, "image_references": [{"img_id": img}]}
    yield "references with an id only", vendor.ask("/video/fusion/generate", bare)["ErrCode"]
    steps = [{"img_id": img, "duration": 2}, {"img_id": img}]
    multi = {"multi_transition": steps, "model": "v5", "quality": "360p"}
    last = vendor.ask("/video/multi_transition/generate", multi)["ErrCode"]
    yield "last duration of a multi-transition left out", last


def _lenient(vendor: Vendor, body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield how an extension without a seed is answered, without and with the switch."""
    strict = vendor.ask("/video/extend/generate", body)["ErrCode"]
    with Sandbox(apps=[lambda world: PixVerseSandbox(world, seedless_extend=True)]) as made:
        switched = Vendor(made, "sandbox-pixverse-key")
        clip = switched.upload("media", CLIP)
        answer = switched.ask("/video/extend/generate", {**body, "video_media_id": clip})
    yield "extend without a seed", (strict, answer["ErrCode"])


def test_the_sandbox_acts_out_every_observed_fact_and_no_other(sandbox: Sandbox) -> None:
    expected = {name: value for name, value, _ in OBSERVED}
    assert len(expected) == len(OBSERVED)
    assert dict(acted_out(sandbox)) == expected
