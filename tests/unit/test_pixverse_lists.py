"""PixVerse's lists: pages, windows, the older endpoint, voices of one's own."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import motionkit as mk
from motionkit.client.client import Client
from motionkit.errors import ConfigError, InvalidRequest, ProtocolError
from motionkit.model import media
from motionkit.model.submission import Call
from motionkit.provider import Lists, Phase, ShowsUsage
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit_pixverse.lists import Library

Row = Mapping[str, Any]
DAY = 86400.0
MOMENT = "%Y-%m-%d %H:%M:%S"


class Vendor:
    """Answer calls from a script and write them down."""

    def __init__(self, answer: Callable[[Call], Row]) -> None:
        self._answer = answer
        self.calls: list[Call] = []
        self.phases: set[Phase] = set()

    def __call__(self, call: Call, phase: Phase) -> Row:
        self.calls.append(call)
        self.phases.add(phase)
        return self._answer(call)

    @property
    def library(self) -> Library:
        return Library(self, lambda recording: int(recording.label.rpartition(" ")[2]))


def speakers(count: int) -> Callable[[Call], Row]:
    rows = [{"speaker_id": str(n), "name": f"voice {n}"} for n in range(count)]

    def answer(call: Call) -> Row:
        first = (int(call.query["page_num"]) - 1) * int(call.query["page_size"])
        return {"total": count, "data": rows[first : first + int(call.query["page_size"])]}

    return answer


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (15, 1), (100, 2), (250, 3)])
def test_voices_are_read_to_the_last_page(count: int, pages: int) -> None:
    vendor = Vendor(speakers(count))
    voices = vendor.library.voices(kind="system")

    assert [voice.id for voice in voices] == [str(n) for n in range(count)]
    assert len(vendor.calls) == pages
    assert vendor.calls[0].path == "/openapi/v2/video/tts_speaker"
    assert vendor.calls[0].query == {
        "page_num": "1",
        "page_size": "100",
        "speaker_type": "system",
    }
    assert vendor.phases == {Phase.BALANCE}


def test_a_vendor_that_repeats_its_last_page_does_not_keep_us() -> None:
    full = {"data": [{"speaker_id": str(n), "name": "x"} for n in range(100)]}
    vendor = Vendor(lambda _: full)
    assert len(vendor.library.voices()) == 100
    assert len(vendor.calls) == 2


def gone(status: int) -> Callable[[Call], Row]:
    def answer(call: Call) -> Row:
        if call.path.endswith("/tts_speaker"):
            raise ProtocolError("no such page", http_status=status)
        return speakers(3)(call)

    return answer


def test_where_the_new_endpoint_is_missing_the_old_one_is_asked() -> None:
    vendor = Vendor(gone(404))
    assert len(vendor.library.voices()) == 3
    assert [call.path for call in vendor.calls] == [
        "/openapi/v2/video/tts_speaker",
        "/openapi/v2/video/lip_sync/tts_list",
    ]
    assert set(vendor.calls[1].query) == {"page_num", "page_size"}


def test_the_old_endpoint_can_be_chosen() -> None:
    vendor = Vendor(gone(404))
    assert len(vendor.library.voices(endpoint="old")) == 3
    assert len(vendor.calls) == 1


@pytest.mark.parametrize(
    ("status", "options"), [(500, {}), (404, {"kind": "custom"}), (404, {"endpoint": "new"})]
)
def test_the_old_endpoint_does_not_stand_in_for_anything_else(
    status: int, options: dict[str, str]
) -> None:
    with pytest.raises(ProtocolError):
        Vendor(gone(status)).library.voices(**options)


def test_a_voice_is_made_of_an_upload_and_deleted_by_its_id() -> None:
    vendor = Vendor(lambda _: {"speaker_id": "977", "name": "mine"})
    voice = vendor.library.create_voice("mine", mk.Uploaded("123"))
    vendor.library.delete_voice(voice)
    vendor.library.delete_voice("978")

    assert (voice.id, voice.name) == ("977", "mine")
    told = [(call.method, call.path, call.json) for call in vendor.calls]
    path = "/openapi/v2/video/tts_speaker"
    assert told == [
        ("POST", path, {"name": "mine", "audio_media_id": 123}),
        ("DELETE", f"{path}/977", None),
        ("DELETE", f"{path}/978", None),
    ]
    assert vendor.phases == {Phase.UPLOAD}
    assert not any(call.paid for call in vendor.calls)


def test_a_voice_whose_id_is_not_answered_is_found_in_the_list() -> None:
    def answer(call: Call) -> Row:
        return {} if call.method == "POST" else speakers(4)(call)

    assert Vendor(answer).library.create_voice("voice 3", mk.Uploaded("1")).id == "3"
    with pytest.raises(ProtocolError, match="not listed yet"):
        Vendor(answer).library.create_voice("voice 9", mk.Uploaded("1"))


@pytest.mark.parametrize("voice", ["", "../7", "7?x=1", "a b"])
def test_what_is_no_voices_id_reaches_no_address(voice: str) -> None:
    vendor = Vendor(lambda _: {})
    with pytest.raises(InvalidRequest):
        vendor.library.delete_voice(voice)
    assert vendor.calls == []


def test_styles_keep_what_the_vendor_says_because_nobody_documents_it() -> None:
    odd = {"styles": [{"id": "372000000000001", "colour": "ink"}, "nonsense"]}
    (style,) = Vendor(lambda _: odd).library.styles()
    assert (style.id, style.name) == (372000000000001, "")
    assert style.raw == {"id": "372000000000001", "colour": "ink"}


def test_templates_are_asked_for_by_type() -> None:
    vendor = Vendor(lambda call: {"effect_items": [{"template_id": int(call.query["type"])}]})
    assert [(one.id, one.type) for one in vendor.library.templates()] == [(1, "1"), (2, "2")]
    assert [one.id for one in vendor.library.templates(type="2")] == [2]
    assert vendor.calls[-1].query == {"page": "1", "pageSize": "100", "type": "2"}


def charged(call: Call) -> Row:
    """Answer three rows a window, one a page."""
    place = int(call.json.get("cursor") or 0)
    row = {"create_time": call.json["start_time"], "creation_type": "mimic", "credits": place}
    more = place < 2
    return {"items": [row], "next_cursor": str(place + 1) if more else "", "has_more": more}


def test_a_long_span_is_asked_in_windows_that_share_no_second() -> None:
    vendor = Vendor(charged)
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()
    rows = vendor.library.charges(since=start, until=start + 70 * DAY)

    spans = {(call.json["start_time"], call.json["end_time"]) for call in vendor.calls}
    assert sorted(spans) == [
        ("2026-01-01 00:00:00", "2026-01-30 23:59:59"),
        ("2026-01-31 00:00:00", "2026-03-01 23:59:59"),
        ("2026-03-02 00:00:00", "2026-03-12 00:00:00"),
    ]
    assert len(rows) == 9
    assert len(vendor.calls) == 9
    assert [row.credits for row in rows[:3]] == ["0", "1", "2"]
    assert all(call.json["limit"] == 100 for call in vendor.calls)


def test_charges_are_those_of_a_week_when_nothing_is_said() -> None:
    vendor = Vendor(lambda _: {"items": [], "next_cursor": "", "has_more": False})
    assert vendor.library.charges() == ()
    first, last = (
        dt.datetime.strptime(vendor.calls[0].json[name], MOMENT).replace(tzinfo=dt.UTC)
        for name in ("start_time", "end_time")
    )
    now = dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=6, hours=23) < now - first < dt.timedelta(days=7, hours=1)
    assert now < last <= now + dt.timedelta(days=1)
    assert vendor.calls[0].json["credits_status"] == "consume"
    assert "creation_type" not in vendor.calls[0].json


def test_charges_are_asked_by_what_they_were_for() -> None:
    vendor = Vendor(lambda _: {"items": []})
    vendor.library.charges(status="refund", what="mimic, modify")
    assert vendor.calls[0].json["creation_type"] == ["mimic", "modify"]
    assert vendor.calls[0].json["credits_status"] == "refund"


@pytest.mark.parametrize("cursor", ["7", ""])
def test_a_cursor_that_does_not_move_does_not_keep_us(cursor: str) -> None:
    vendor = Vendor(lambda _: {"items": [{}], "next_cursor": cursor, "has_more": True})
    vendor.library.charges()
    assert len(vendor.calls) <= 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("voices", {"kind": "loud"}),
        ("voices", {"endpoint": "older"}),
        ("templates", {"type": "3"}),
        ("charges", {"status": "lost"}),
        ("charges", {"what": "mimic,juggling"}),
        ("charges", {"since": 1e18}),
        ("charges", {"until": 1e20}),
        ("charges", {"since": "yesterday"}),
        ("charges", {"since": math.nan}),
        ("charges", {"since": DAY, "until": 0.0}),
        ("charges", {"until": DAY}),
    ],
)
def test_what_a_list_is_not_asked_by_is_refused_before_anything_is_sent(
    name: str, options: dict[str, Any]
) -> None:
    vendor = Vendor(lambda _: {})
    with pytest.raises(InvalidRequest) as caught:
        vendor.library.lists[name](**options)
    assert caught.value.field == next(iter(options))
    assert caught.value.value
    assert caught.value.limit
    assert vendor.calls == []


def test_a_span_that_ends_before_it_begins_is_told_with_both_ends() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Vendor(lambda _: {}).library.charges(since=2 * DAY, until=DAY)
    assert caught.value.value == "1970-01-03 00:00:00"
    assert caught.value.limit == "at most 1970-01-02 00:00:00"


# At the sandbox, which reads the contract for itself.


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with Sandbox(speed=1000, job_seconds=1) as running:
        monkeypatch.setenv("PIXVERSE_API_KEY", "sandbox-pixverse-key")
        monkeypatch.setenv("PIXVERSE_BASE_URL", running.url)
        monkeypatch.setenv("SEGMIND_API_KEY", "SG_0123456789abcdef")
        monkeypatch.setenv("SEGMIND_BASE_URL", running.url)
        monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "journal.db"))
        monkeypatch.chdir(tmp_path)
        with Client() as made:
            yield made


def test_the_sandbox_answers_every_list(client: Client) -> None:
    account: Any = client.account("pixverse")
    request = mk.Mimic(image=sample_picture(), video=sample_clip(2.0), quality="540p")
    client.run(request, via="pixverse")

    assert isinstance(account, Lists)
    assert isinstance(account, ShowsUsage)
    assert len(account.voices()) == 15
    assert ("7", "Harper") in {(voice.id, voice.name) for voice in account.voices(endpoint="old")}
    assert all(style.id and style.name for style in account.styles())
    assert {template.type for template in account.templates()} == {"1", "2"}
    (charge,) = account.charges()
    assert (charge.what, charge.credits, charge.status) == ("mimic", "20", "consume")
    assert account.usage(0.0) == (charge.raw,)
    assert client.look_up("pixverse", "voices", kind="custom") == ()


def test_a_voice_of_ones_own_can_be_made_listed_and_deleted(client: Client) -> None:
    account: Any = client.account("pixverse")
    made = account.create_voice("narrator", media.Data(spoken()))

    assert [voice.name for voice in account.voices(kind="custom")] == ["narrator"]
    account.delete_voice(made)
    assert account.voices(kind="custom") == ()
    with pytest.raises(InvalidRequest):
        account.delete_voice(made)


def spoken() -> bytes:
    """Return a second of a quiet recording as WAV."""
    import io
    import wave

    held = io.BytesIO()
    with wave.open(held, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\1" * 8000)
    return held.getvalue()


def test_a_list_that_is_not_there_or_not_asked_so_names_what_is(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="it has voices, styles, templates, charges"):
        client.look_up("pixverse", "songs")
    with pytest.raises(InvalidRequest, match="it has kind, endpoint"):
        client.look_up("pixverse", "voices", colour="red")
    with pytest.raises(ConfigError, match="has no lists"):
        client.look_up("segmind", "voices")


@pytest.mark.parametrize(
    ("name", "options", "limit"),
    [
        ("charges", {"since": "x"}, "a moment in epoch seconds"),
        ("charges", {"until": math.inf}, "a moment in epoch seconds"),
        ("voices", {"kind": ["custom"]}, "text"),
        ("charges", {"what": 5}, "text"),
    ],
)
def test_a_list_that_is_asked_by_a_value_of_the_wrong_kind_says_which_it_takes(
    client: Client, name: str, options: dict[str, Any], limit: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.look_up("pixverse", name, **options)
    ((field, value),) = options.items()
    assert (caught.value.field, caught.value.value) == (field, str(value))
    assert caught.value.limit == limit


def test_an_upload_whose_id_is_none_of_this_vendor_makes_no_voice(client: Client) -> None:
    account: Any = client.account("pixverse")
    with pytest.raises(InvalidRequest) as caught:
        account.create_voice("narrator", mk.Uploaded("abc"))
    assert (caught.value.field, caught.value.value) == ("audio", "abc")
    assert caught.value.limit == "a whole number"
