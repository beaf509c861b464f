"""PixVerse's lists in the sandbox: voices, styles, templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from patience import PATIENCE
from sandbox_support import Stage


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as made:
        yield made


def listed(stage: Stage, path: str) -> dict[str, Any]:
    told = stage.get(path).json()
    assert told["ErrCode"] == 0, told
    resp = told["Resp"]
    assert isinstance(resp, dict)
    return resp


def test_the_old_list_of_voices_comes_in_pages_of_any_size(stage: Stage) -> None:
    path = "/video/lip_sync/tts_list"
    told = listed(stage, f"{path}?page_num=4&page_size=2")
    assert told["total"] == 15
    assert [set(row) for row in told["data"]] == [{"speaker_id", "name"}] * 2
    assert told["data"][0] == {"speaker_id": "7", "name": "Harper"}
    assert listed(stage, f"{path}?page_num=9&page_size=2")["data"] == []


def test_the_new_list_holds_the_account_s_own_voices_too(stage: Stage) -> None:
    path = "/video/tts_speaker"
    assert stage.refused(path, {"name": "Me"}) == 400011
    assert stage.refused(path, {"name": "Me", "audio_media_id": "$clip"}) == 400017
    made = stage.ask(path, {"name": "Me", "audio_media_id": "$sound"})["speaker_id"]
    assert isinstance(made, str)
    own = {"speaker_id": made, "name": "Me"}
    assert listed(stage, f"{path}?speaker_type=custom") == {"total": 1, "data": [own]}
    assert listed(stage, f"{path}?speaker_type=system&page_size=20")["total"] == 15
    everybody = listed(stage, f"{path}?page_num=1&page_size=20&speaker_type=all")
    assert everybody["total"] == 16
    assert everybody["data"][-1] == own
    said = {"lip_sync_tts_speaker_id": made, "lip_sync_tts_content": "hello"}
    stage.ask("/video/lip_sync/generate", {"video_media_id": "$clip", **said})
    assert delete(stage, made) == 0
    assert delete(stage, made) == 500008
    assert delete(stage, "7") == 500020
    assert listed(stage, f"{path}?speaker_type=custom")["data"] == []


def delete(stage: Stage, speaker: str) -> int:
    url = f"{stage.base}/video/tts_speaker/{speaker}"
    code = stage.http.delete(url, headers=stage.headers(), timeout=PATIENCE).json()["ErrCode"]
    assert isinstance(code, int)
    return code


def test_the_list_of_styles_takes_its_page_from_the_query_or_the_body(stage: Stage) -> None:
    path = "/video/restyle/list"
    asked = {"page_num": "2", "page_size": "3"}
    by_body = stage.get(path, json=asked).json()["Resp"]
    assert by_body == listed(stage, f"{path}?page_num=2&page_size=3")
    assert (by_body["total"], len(by_body["data"])) == (5, 2)
    assert set(by_body["data"][0]) == {"restyle_id", "restyle_name"}


def test_templates_are_listed_by_their_type(stage: Stage) -> None:
    path = "/video/effects/templates/list"
    told = listed(stage, f"{path}?type=2&page=1&pageSize=10")
    assert set(told) == {"effect_items"}
    pictures = {row["template_id"] for row in told["effect_items"]}
    assert pictures == {384268229671690, 384268229671691}
    videos = {row["template_id"] for row in listed(stage, f"{path}?type=1")["effect_items"]}
    assert {302325299692608, 377378608924544, 384268229671680} < videos
    assert not videos & pictures


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/video/lip_sync/tts_list", 400011),
        ("/video/lip_sync/tts_list?page_num=1", 400011),
        ("/video/lip_sync/tts_list?page_num=a&page_size=2", 400013),
        ("/video/lip_sync/tts_list?page_num=-1&page_size=2", 400017),
        ("/video/tts_speaker?page_size=15", 400017),
        ("/video/tts_speaker?speaker_type=mine", 400017),
        ("/video/restyle/list", 400011),
        ("/video/effects/templates/list?type=3", 400017),
        ("/video/effects/templates/list?pageSize=11", 400017),
    ],
)
def test_a_page_that_a_list_does_not_have_is_refused(stage: Stage, path: str, code: int) -> None:
    assert stage.get(path).json()["ErrCode"] == code


def test_lists_are_counted_and_can_be_refused(stage: Stage) -> None:
    before = stage.account()["calls"].get("list", 0)
    stage.sandbox.fault("refuse:list:code=500069")
    answer = stage.get("/video/tts_speaker")
    assert (answer.status_code, answer.json()["ErrCode"]) == (500, 500069)
    assert listed(stage, "/video/tts_speaker")["total"] == 15
    assert stage.account()["calls"]["list"] == before + 2
