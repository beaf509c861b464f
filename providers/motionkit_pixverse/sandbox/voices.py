"""System and custom voices."""

from __future__ import annotations

import attrs

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import Field, Values, exactly_one, require
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.pages import SIZES, page
from motionkit_pixverse.sandbox.sources import sound

# "7" is Harper and there are 15; the other names are made up.
_NAMES = (
    *("Emily", "James", "Isabella", "Liam", "Chloe", "Adrian", "Harper", "Ava"),
    *("Sophia", "Julia", "Mason", "Jack", "Oliver", "Ethan", "Ruby"),
)
SPEAKERS = {str(number): name for number, name in enumerate(_NAMES, 1)}
_ANYBODY = ("auto", "Auto")
_TYPES = ("system", "custom", "all")
_ROWS = (
    Field("name", "text", required=True),
    Field("audio_media_id", "id", required=True),
)


@attrs.frozen
class Voice:
    """A custom voice of an account."""

    owner: str
    name: str


def known_speaker(gate: Gate, call: Call, values: Values) -> None:
    """Refuse a speaker that is neither a system voice nor the account's (400017)."""
    speaker = values.get("lip_sync_tts_speaker_id")
    known = (
        speaker is None
        or speaker in _ANYBODY
        or speaker in SPEAKERS
        or _own(gate, call, speaker) is not None
    )
    require(known, "lip_sync_tts_speaker_id")


def spoken(gate: Gate, call: Call, values: Values) -> float:
    """Return the seconds of speech: of a recording, or of a text in a voice.

    Raises:
        Refusal: 400017 for both or neither, 400011 for a text or a speaker alone.
    """
    text, speaker = values["lip_sync_tts_content"], values["lip_sync_tts_speaker_id"]
    speech = {"audio_media_id": values["audio_media_id"], "lip_sync_tts_...": text or speaker}
    if exactly_one(speech, *speech) == "audio_media_id":
        return sound(gate, call, values["audio_media_id"]).seconds
    if not text or not speaker:
        raise Refusal(400011, "lip_sync_tts_content or lip_sync_tts_speaker_id is empty")
    known_speaker(gate, call, values)
    return prices.spoken_seconds(text)


def _own(gate: Gate, call: Call, speaker: str) -> Voice | None:
    voice = gate.world.upload(VENDOR, f"voice {speaker}")
    return voice if isinstance(voice, Voice) and voice.owner == call.account.key else None


class Voices:
    """`/video/lip_sync/tts_list`, and its successor `/video/tts_speaker`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._made: list[str] = []

    def routes(self) -> list[Route]:
        """Return the lists, and the creation and deletion of custom voices."""
        route = self._gate.route
        return [
            route("GET", "/video/lip_sync/tts_list", ("list",), self._old_list),
            route("GET", "/video/tts_speaker", ("list",), self._list),
            route("POST", "/video/tts_speaker", ("upload",), self._make),
            route("DELETE", "/video/tts_speaker/{speaker_id}", ("upload",), self._delete),
        ]

    async def _old_list(self, call: Call) -> object:
        rows = _told(SPEAKERS)
        return {"total": len(rows), "data": page(call.request.query, rows, required=True)}

    async def _list(self, call: Call) -> object:
        query = call.request.query
        wanted = query.get("speaker_type", "all")
        require(wanted in _TYPES, "speaker_type")
        voices = {name: _own(self._gate, call, name) for name in self._made}
        own = {name: voice.name for name, voice in voices.items() if voice is not None}
        rows = _told(
            {**(SPEAKERS if wanted != "custom" else {}), **(own if wanted != "system" else {})}
        )
        return {"total": len(rows), "data": page(query, rows, sizes=SIZES)}

    async def _make(self, call: Call) -> object:
        values = await self._gate.read(call, _ROWS)
        sound(self._gate, call, values["audio_media_id"])
        speaker = str(self._gate.world.number())
        voice = Voice(call.account.key, values["name"])
        self._gate.world.keep(VENDOR, f"voice {speaker}", voice)
        self._made.append(speaker)
        # The answer was not observed: the row of the list is used.
        return {"speaker_id": speaker, "name": voice.name}

    async def _delete(self, call: Call) -> object:
        speaker = call.request.match_info["speaker_id"]
        if speaker in SPEAKERS:
            raise Refusal(500020)
        if _own(self._gate, call, speaker) is None:
            raise Refusal(500008)
        self._gate.world.keep(VENDOR, f"voice {speaker}", None)
        self._made.remove(speaker)
        return {}


def _told(voices: dict[str, str]) -> list[dict[str, str]]:
    return [{"speaker_id": speaker, "name": name} for speaker, name in voices.items()]
