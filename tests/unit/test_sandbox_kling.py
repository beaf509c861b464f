"""Kling's sandbox through its new API: bodies, refusals, external ids, money, lists, files."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from patience import PATIENCE
from PIL import Image
from sandbox_kling_support import (
    DANCE,
    FACE,
    JOB_SECONDS,
    KEY,
    MONTH,
    MOTION,
    PICTURE,
    Client,
    Files,
    clip,
    motion,
    text,
)

from motionkit.sandbox import sample_picture

HALF_DAY = 12 * 3600
COSTS = "/account/costs?start_time=0&end_time=99999999999999"
_names = itertools.count(1)


@pytest.fixture
def kling() -> Iterator[Client]:
    with Client() as client:
        yield client


def external() -> str:
    return f"order-{next(_names)}"


def test_a_task_goes_from_submitted_to_succeeded(kling: Client) -> None:
    made = kling.submit(external_task_id="mine")
    assert set(made) == {"id", "status", "create_time", "update_time", "external_id"}
    assert (made["status"], made["external_id"]) == ("submitted", "mine")
    assert len(made["id"]) == 18
    assert int(made["id"]) > 2**53
    assert kling.task(made["id"])["status"] == "submitted"
    kling.sandbox.advance(JOB_SECONDS / 2)
    assert kling.task(made["id"])["status"] == "processing"
    kling.sandbox.advance(JOB_SECONDS)
    done = kling.task(made["id"])
    assert (done["status"], done["message"], done["external_id"]) == ("succeeded", "", "mine")
    took = done["update_time"] - done["create_time"]
    assert took == pytest.approx(JOB_SECONDS * 1000, abs=1)  # each is rounded down
    (video,) = done["outputs"]
    assert (video["type"], video["duration"], video["watermark_url"]) == ("video", "5", "")


def test_units_fall_at_the_end_and_never_at_the_submit(kling: Client) -> None:
    made = kling.submit()
    assert kling.account()["charged"] == "0"
    assert kling.task(made["id"])["billing"] == []
    kling.sandbox.advance(JOB_SECONDS + 1)
    paid = {"charge_type": "unit", "package_type": "video", "amount": "4.5"}
    assert kling.task(made["id"])["billing"] == [paid]
    assert kling.account()["charged"] == "4.5"


def test_the_output_decides_the_price_and_may_be_shorter_than_the_reference() -> None:
    with Files(dance=clip(5.2)) as files, Client(yields=0.8) as kling:
        body = motion()
        body["contents"][1]["url"] = f"{files.url}/dance.mp4"
        done = kling.done(body=body)
    assert float(done["outputs"][0]["duration"]) == pytest.approx(0.8 * 5.2, abs=0.05)
    assert done["billing"][0]["amount"] == "3.6"  # four seconds


@pytest.mark.parametrize(
    ("rounding", "amount"), [("exact", "4.725"), ("nearest", "4.5"), ("ceil", "5.4")]
)
def test_seconds_are_rounded_as_the_switch_says(rounding: str, amount: str) -> None:
    with Files(dance=clip(5.25)) as files, Client(rounding=rounding) as kling:
        body = motion()
        body["contents"][1]["url"] = f"{files.url}/dance.mp4"
        assert kling.done(body=body)["billing"][0]["amount"] == amount


@pytest.mark.parametrize(
    ("path", "body", "units"),
    [
        (MOTION, motion(resolution="1080p"), "6"),
        ("/motion-control/kling-2.6", motion(), "2.5"),
        ("/motion-control/kling-2.6", motion(resolution="1080p"), "4"),
        ("/text-to-video/kling-3.0-turbo", text(), "4"),
        ("/text-to-video/kling-3.0", text(duration=3, resolution="4k"), "9"),
        ("/text-to-video/kling-3.0", text(audio="native", resolution="1080p"), "6"),
        ("/text-to-video/kling-2.6", text(audio="native", resolution="1080p"), "5"),
        ("/text-to-video/kling-2.5-turbo", text(duration=10), "3"),
    ],
)
def test_prices_follow_model_resolution_and_sound(
    kling: Client, path: str, body: Any, units: str
) -> None:
    assert kling.done(path, body)["billing"][0]["amount"] == units


def frames(*kinds: str, **settings: Any) -> dict[str, Any]:
    contents = [{"type": kind, "url": FACE} for kind in kinds]
    return {"contents": [{"type": "prompt", "text": "walk"}, *contents], "settings": settings}


def test_image_to_video_takes_frames_as_the_model_does(kling: Client) -> None:
    both = frames("first_frame", "last_frame")
    assert kling.submit("/image-to-video/kling-3.0", both)
    for model in ("kling-3.0-turbo", "kling-2.6", "kling-2.5-turbo"):
        path = f"/image-to-video/{model}"
        assert kling.submit(path, frames("first_frame"))
        assert kling.refused("POST", path, json=both)[:2] == (400, 1201)
    sharp = frames("first_frame", "last_frame", resolution="1080p")
    assert kling.submit("/image-to-video/kling-2.6", sharp)
    alone = frames("last_frame")
    assert kling.refused("POST", "/image-to-video/kling-3.0", json=alone)[:2] == (400, 1201)
    ratio = frames("first_frame", aspect_ratio="1:1")
    assert kling.refused("POST", "/image-to-video/kling-3.0", json=ratio)[:2] == (400, 1201)


def test_omni_edits_and_refers_to_clips(kling: Client) -> None:
    path = "/omni-video/kling-3.0-omni"
    prompt = {"type": "prompt", "text": "in the rain"}
    edited = {"contents": [prompt, {"type": "base_video", "url": DANCE}]}
    assert kling.done(path, edited)["billing"][0]["amount"] == "4.5"
    referred = {"contents": [prompt, {"type": "feature_video", "url": DANCE}]}
    assert kling.submit(path, referred)
    loud = {**referred, "settings": {"audio": "native"}}
    assert kling.refused("POST", path, json=loud)[:2] == (400, 1201)
    framed = {"contents": [*edited["contents"], {"type": "first_frame", "url": FACE}]}
    assert kling.refused("POST", path, json=framed)[:2] == (400, 1201)


WRONG = {
    "no contents": {"settings": {"character_orientation": "video"}},
    "no settings": {"contents": motion()["contents"]},
    "an unknown field": {**motion(), "negative_prompt": "blurred"},
    "an unknown setting": motion(duration=5),
    "a wrong value": motion(resolution="540p"),
    "a wrong type": motion(resolution=720),
    "a long prompt": {
        **motion(),
        "contents": [*motion()["contents"][:2], {"type": "prompt", "text": "x" * 2501}],
    },
    "two images": {**motion(), "contents": [*motion()["contents"], {"type": "image", "url": FACE}]},
    "no clip": {**motion(), "contents": motion()["contents"][:1]},
    "a strange type": {**motion(), "contents": [{"type": "sound", "url": FACE}]},
    "an unknown element": {
        **motion(),
        "contents": [*motion()["contents"], {"type": "element", "element_id": "17"}],
    },
    "a clip as Base64": {
        **motion(),
        "contents": [motion()["contents"][0], {"type": "video", "url": "AAAA"}],
    },
    "a picture with a head": {
        **motion(),
        "contents": [
            {"type": "image", "url": f"data:image/png;base64,{PICTURE}"},
            motion()["contents"][1],
        ],
    },
    "a broken picture": {
        **motion(),
        "contents": [{"type": "image", "url": "QUJD"}, motion()["contents"][1]],
    },
    "a wrong callback": {**motion(), "options": {"callback_url": "ftp://h/x"}},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_body_is_refused_as_1201_and_names_what_is_wrong(kling: Client, name: str) -> None:
    status, code, message = kling.refused("POST", MOTION, json=WRONG[name])
    assert (status, code) == (400, 1201)
    assert message
    assert kling.account()["jobs"] == []


def test_a_body_that_is_no_json_object_is_1200(kling: Client) -> None:
    assert kling.refused("POST", MOTION, data=b"{")[:2] == (400, 1200)
    assert kling.refused("POST", MOTION, json=[])[:2] == (400, 1200)


def test_an_unknown_model_is_1203_and_an_unknown_path_1202(kling: Client) -> None:
    assert kling.refused("POST", "/motion-control/kling-9", json=motion())[:2] == (404, 1203)
    assert kling.refused("POST", "/v1/videos/dream", json={})[:2] == (404, 1202)
    assert kling.refused("GET", "/v1/videos/dream/17")[:2] == (404, 1202)


def test_a_small_picture_is_refused_inline_and_fails_the_task_behind_an_address(
    kling: Client,
) -> None:
    shrunk = io.BytesIO()
    Image.open(io.BytesIO(sample_picture())).resize((200, 300)).save(shrunk, "PNG")
    body = motion()
    body["contents"][0]["url"] = base64.b64encode(shrunk.getvalue()).decode()
    _, code, message = kling.refused("POST", MOTION, json=body)
    assert (code, message.split(".")[0]) == (
        1201,
        "The resolution or aspect ratio of the input image is invalid",
    )
    with Files(hero=shrunk.getvalue()) as files:
        body["contents"][0]["url"] = f"{files.url}/hero.png"
        done = kling.done(body=body)
    assert (done["status"], done["outputs"], done["billing"]) == ("failed", [], [])
    assert done["message"].startswith("The resolution or aspect ratio")


@pytest.mark.parametrize(
    ("seconds", "height", "orientation"),
    [(2.0, 640, "video"), (4.0, 320, "video"), (11.0, 640, "image")],
)
def test_a_clip_out_of_bounds_fails_the_task_without_a_charge(
    kling: Client, seconds: float, height: int, orientation: str
) -> None:
    with Files(dance=clip(seconds, height)) as files:
        body = motion(character_orientation=orientation)
        body["contents"][1]["url"] = f"{files.url}/dance.mp4"
        done = kling.done(body=body)
    assert (done["status"], done["billing"]) == ("failed", [])
    assert kling.account()["charged"] == "0"


def test_a_clip_that_cannot_be_fetched_fails_the_task(kling: Client) -> None:
    with Files() as files:
        body = motion()
        body["contents"][1]["url"] = f"{files.url}/dance.mp4"
        assert kling.done(body=body)["message"] == "Failed to download the input file"
        assert files.asked == ["/dance.mp4"]


def test_files_that_the_sandbox_publishes_are_read_as_they_are(kling: Client) -> None:
    body = motion()
    body["contents"][0]["url"] = kling.sandbox.publish("hero.png", sample_picture())
    body["contents"][1]["url"] = kling.sandbox.publish("dance.mp4", clip(4.0))
    assert kling.done(body=body)["billing"][0]["amount"] == "3.6"


def test_a_second_use_of_an_external_id_is_refused_and_tells_no_task(kling: Client) -> None:
    name = external()
    kling.submit(external_task_id=name)
    options = {"external_task_id": name}
    for path, body in (
        (MOTION, motion()),
        ("/text-to-video/kling-3.0", text()),
        ("/v1/videos/text2video", None),
    ):
        sent = {**body, "options": options} if body else {"prompt": "a fox", **options}
        told = kling.refused("POST", path, json=sent)
        assert told == (400, 1201, f"External_task_id {name} already exists")
    assert len(kling.account()["jobs"]) == 1
    assert kling.account()["reused_trace_ids"] == 3


def test_another_account_may_use_the_same_external_id(kling: Client) -> None:
    name = external()
    kling.submit(external_task_id=name)
    kling.sandbox.add_account("kling", "other", label="other", balance=100)
    kling.key = "other"
    assert kling.submit(external_task_id=name)


def test_an_empty_external_id_is_none(kling: Client) -> None:
    assert "external_id" not in kling.submit(external_task_id="")
    assert "external_id" not in kling.submit(external_task_id="")


@pytest.mark.parametrize("frees", [False, True])
def test_a_failed_task_frees_its_external_id_only_by_switch(frees: bool) -> None:
    with Client(frees_failed=frees) as kling:
        kling.sandbox.fault("fail:submit")
        assert kling.done(external_task_id="x")["status"] == "failed"
        sent = {**motion(), "options": {"external_task_id": "x"}}
        if frees:
            assert kling.ask("POST", MOTION, json=sent)
        else:
            assert kling.refused("POST", MOTION, json=sent)[1] == 1201


def test_a_lost_submit_is_found_by_its_external_id(kling: Client) -> None:
    name = external()
    kling.sandbox.fault("accept_then_reset:submit")
    with pytest.raises(requests.ConnectionError):
        kling.submit(external_task_id=name)
    kling.sandbox.fault("history_lag:history:seconds=30:times=1")
    assert kling.ask("GET", f"/tasks?external_task_ids={name}") == []
    (found,) = kling.ask("GET", f"/tasks?external_task_ids={name}")
    assert found["external_id"] == name
    assert [job["trace_id"] for job in kling.account()["jobs"]] == [name]


def test_unknown_ids_are_absent_and_too_many_are_refused(kling: Client) -> None:
    first, second = kling.submit()["id"], kling.submit()["id"]
    found = kling.ask("GET", f"/tasks?task_ids={first},17,{second}")
    assert {task["id"] for task in found} == {first, second}
    assert kling.ask("GET", "/tasks?task_ids=17") == []
    many = ",".join(str(number) for number in range(21))
    told = kling.refused("GET", f"/tasks?task_ids={many}")
    assert told == (400, 1201, "task_ids cannot exceed 20 in total")
    assert kling.refused("GET", "/tasks")[1] == 1201
    assert kling.refused("GET", "/tasks?task_ids=1&external_task_ids=2")[1] == 1201


def test_nobody_sees_the_tasks_of_another_account(kling: Client) -> None:
    name = kling.submit()["id"]
    kling.sandbox.add_account("kling", "other", balance=100)
    kling.key = "other"
    assert kling.ask("GET", f"/tasks?task_ids={name}") == []
    assert kling.ask("POST", "/tasks", json={})["result"] == []


def test_the_list_has_pages_filters_and_a_window(kling: Client) -> None:
    ids = [kling.submit("/text-to-video/kling-3.0", text())["id"] for _ in range(5)]
    first = kling.ask("POST", "/tasks", json={"limit": 2})
    assert [row["id"] for row in first["result"]] == ids[:2:-1]
    assert (first["count"], first["has_more"]) == (2, True)
    rest = kling.ask("POST", "/tasks", json={"limit": 5, "cursor": first["next_cursor"]})
    assert [row["id"] for row in rest["result"]] == ids[2::-1]
    assert rest["has_more"] is False
    none = [{"key": "status", "values": ["failed"]}]
    assert kling.ask("POST", "/tasks", json={"filters": none})["result"] == []
    open_ones = [{"key": "status", "values": ["submitted", "processing"]}]
    assert kling.ask("POST", "/tasks", json={"filters": open_ones})["count"] == 5
    early = {"start_time": "0", "end_time": 1000}
    assert kling.ask("POST", "/tasks", json=early)["count"] == 0
    kling.sandbox.advance(MONTH + 1)
    assert kling.ask("POST", "/tasks", json={})["count"] == 0
    assert kling.refused("POST", "/tasks", json={"limit": 501})[1] == 1201


def test_a_list_shows_no_inputs_and_no_model(kling: Client) -> None:
    kling.submit(external_task_id=external())
    (row,) = kling.ask("POST", "/tasks", json={})["result"]
    assert "dance.mp4" not in str(row)
    assert "kling-3.0" not in str(row)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *((1100, 429), (1101, 429), (1102, 429), (1103, 403), (1200, 400), (1300, 400)),
        *((1301, 400), (1302, 429), (1303, 429), (1304, 429), (5000, 500), (5001, 503)),
        (5002, 504),
    ],
)
def test_every_code_has_its_http_status_and_makes_no_task(
    kling: Client, code: int, status: int
) -> None:
    kling.sandbox.fault(f"refuse:submit:code={code}")
    assert kling.refused("POST", MOTION, json=motion())[:2] == (status, code)
    assert kling.account()["jobs"] == []


def test_money_slots_models_and_states_of_an_account_are_refused_by_their_codes(
    kling: Client,
) -> None:
    rows = {
        "poor": ({"balance": "4.4"}, 1102),
        "full": ({"balance": 100, "concurrency": 0}, 1303),
        "denied": ({"balance": 100, "denied": ["motion-control/kling-3.0"]}, 1103),
        "odd": ({"balance": 100, "denied": ["account"]}, 1100),
        "far": ({"balance": 100, "denied": ["ip"]}, 1304),
        "fast": ({"balance": 100, "rpm": 0}, 1302),
    }
    for key, (fields, code) in rows.items():
        kling.sandbox.add_account("kling", key, **fields)
        answer = kling.call("POST", MOTION, key, json=motion())
        assert (answer.json()["code"], "data" in answer.json()) == (code, False), key


def test_running_tasks_reserve_their_units(kling: Client) -> None:
    kling.sandbox.add_account("kling", "two", label="two", balance=9)
    kling.key = "two"
    kling.submit()
    kling.submit()
    assert kling.call("POST", MOTION, json=motion()).json()["code"] == 1102
    kling.sandbox.advance(JOB_SECONDS + 1)
    assert kling.account("two")["balance"] == "0"


def test_slots_are_counted_per_model_version_and_freed_at_the_end(kling: Client) -> None:
    kling.sandbox.add_account("kling", "slots", balance=100, concurrency=1)
    kling.key = "slots"
    kling.submit()
    assert kling.call("POST", MOTION, json=motion()).json()["code"] == 1303
    assert kling.submit("/motion-control/kling-2.6")
    kling.sandbox.advance(JOB_SECONDS + 1)
    assert kling.submit()


def test_what_fails_is_told_in_its_message_and_is_free(kling: Client) -> None:
    for fault, message in (
        ("fail:submit:message=The motion is not usable", "The motion is not usable"),
        ("moderate:submit", "Failure to pass the risk control system"),
    ):
        kling.sandbox.fault(fault)
        done = kling.done()
        assert (done["status"], done["message"], done["billing"]) == ("failed", message, [])
    assert kling.account()["charged"] == "0"


def test_a_failed_task_is_charged_only_by_switch() -> None:
    with Client(failures_cost=True) as kling:
        kling.sandbox.fault("fail:submit")
        assert kling.done()["billing"][0]["amount"] == "4.5"
        assert kling.account()["charged"] == "4.5"


def test_an_account_with_cash_pays_in_dollars(kling: Client) -> None:
    kling.sandbox.add_account("kling", "cash", label="cash", balances={"balance": "1"})
    kling.key = "cash"
    (paid,) = kling.done()["billing"]
    assert (paid["charge_type"], paid["cash_type"], paid["currency"]) == ("cash", "balance", "USD")
    assert paid["amount"] == "0.63"
    assert kling.account("cash")["balance"] == "0.37"
    assert kling.ask("GET", COSTS)["resource_pack_subscribe_infos"] == []
    (row,) = kling.ask("POST", "/account/billing/balance", json={})["result"]
    assert (row["balance_before"], row["balance_after"]) == ("1", "0.37")
    assert kling.ask("POST", "/account/billing/package", json={})["result"] == []


def _left(kling: Client) -> float:
    (pack,) = kling.ask("GET", COSTS)["resource_pack_subscribe_infos"]
    assert pack["status"] == "online"
    return float(pack["remaining_quantity"])


def test_the_packs_of_an_account_are_twelve_hours_late(kling: Client) -> None:
    kling.done()
    assert kling.account()["balance"] == "995.5"
    assert _left(kling) == 1000
    kling.sandbox.advance(HALF_DAY - JOB_SECONDS)
    assert _left(kling) == 1000
    kling.sandbox.advance(JOB_SECONDS + 1)
    assert _left(kling) == 995.5


def test_costs_have_a_second_envelope_and_need_a_window(kling: Client) -> None:
    data = kling.ask("GET", COSTS)
    assert (data["code"], data["msg"]) == (0, "success")
    assert kling.refused("GET", "/account/costs")[1] == 1201
    assert kling.refused("GET", "/account/costs?start_time=2&end_time=1")[1] == 1201
    other = kling.ask("GET", f"{COSTS}&resource_pack_name=none")
    assert other["resource_pack_subscribe_infos"] == []


def test_costs_may_be_limited_to_one_call_a_second() -> None:
    with Client(one_a_second=True) as kling:
        kling.ask("GET", COSTS)
        assert kling.refused("GET", COSTS)[:2] == (429, 1302)
        kling.sandbox.advance(1.1)
        assert kling.ask("GET", COSTS)


def test_the_billing_names_the_task_of_each_deduction(kling: Client) -> None:
    done = kling.done(external_task_id=external())
    kling.done("/text-to-video/kling-3.0", text())
    rows = kling.ask("POST", "/account/billing/package", json={})["result"]
    assert [row["deduction_amount"] for row in rows] == ["3", "4.5"]
    assert rows[1]["task_id"] == done["id"]
    assert (rows[1]["unit_before"], rows[1]["unit_after"]) == ("1000", "995.5")
    assert (rows[0]["unit_before"], rows[0]["unit_after"]) == ("995.5", "992.5")


def test_a_result_is_fetched_without_a_key_and_is_a_film(kling: Client) -> None:
    url = kling.done(watermark_info={"enabled": True})["outputs"][0]["url"]
    film = kling.http.get(url, timeout=PATIENCE)
    assert film.content[4:8] == b"ftyp"
    signed = {"Authorization": f"Bearer {KEY}"}
    assert kling.http.get(url, headers=signed, timeout=PATIENCE).status_code == 400
    assert kling.sandbox.ledger()["vendors"]["kling"]["keys_sent_to_files"] == 1
    assert kling.http.get(url.partition("?")[0], timeout=PATIENCE).status_code == 403
    assert kling.http.get(f"{url}0", timeout=PATIENCE).status_code == 403


def test_an_address_expires_a_query_renews_it_and_the_file_lives_a_month() -> None:
    with Client(link_life=3600.0) as kling:
        done = kling.done()
        first = done["outputs"][0]["url"]
        kling.sandbox.advance(3602)
        assert kling.http.get(first, timeout=PATIENCE).status_code == 403
        fresh = kling.task(done["id"])["outputs"][0]["url"]
        assert fresh != first
        assert kling.http.get(fresh, timeout=PATIENCE).status_code == 200
        kling.sandbox.advance(MONTH)
        late = kling.task(done["id"])["outputs"][0]["url"]
        assert kling.http.get(late, timeout=PATIENCE).status_code in {403, 404}


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ("text_code", lambda body: body["code"] == "0"),
        ("no_code", lambda body: "code" not in body),
        ("coded", lambda body: body["code"] == 5000 and body["data"]),
        ("coded_empty", lambda body: body["code"] == 5000 and "data" not in body),
        ("no_data", lambda body: "data" not in body),
        ("null_data", lambda body: body["data"] is None),
        ("list", lambda body: isinstance(body, list)),
        ("number_ids", lambda body: isinstance(body["data"][0]["id"], int)),
        ("no_id", lambda body: "id" not in body["data"][0]),
        ("no_status", lambda body: "status" not in body["data"][0]),
        ("no_times", lambda body: "create_time" not in body["data"][0]),
        ("no_external", lambda body: "external_id" not in body["data"][0]),
        ("no_billing", lambda body: "billing" not in body["data"][0]),
        ("no_outputs", lambda body: body["data"][0]["outputs"] == []),
        ("null_outputs", lambda body: body["data"][0]["outputs"] is None),
        ("no_duration", lambda body: "duration" not in body["data"][0]["outputs"][0]),
        ("image_first", lambda body: body["data"][0]["outputs"][0]["type"] == "image"),
        ("stranger", lambda body: body["data"][0]["external_id"] == "another"),
    ],
)
def test_an_answer_can_have_another_shape(kling: Client, shape: str, says: Any) -> None:
    done = kling.done(external_task_id=external())
    kling.sandbox.fault(f"shape:poll:shape={shape}")
    assert says(kling.call("GET", f"/tasks?task_ids={done['id']}").json())


def test_a_query_can_hide_a_task_show_a_strange_word_and_leave_the_address_out(
    kling: Client,
) -> None:
    done = kling.done()
    kling.sandbox.fault("not_found:poll")
    assert kling.ask("GET", f"/tasks?task_ids={done['id']}") == []
    kling.sandbox.fault("unknown_word:poll:word=archived")
    assert kling.task(done["id"])["status"] == "archived"
    kling.sandbox.fault("empty_url:poll")
    assert kling.task(done["id"])["outputs"][0]["url"] == ""
    kling.sandbox.fault("expire:poll")
    assert kling.ask("GET", f"/tasks?task_ids={done['id']}") == []
    assert kling.ask("GET", f"/tasks?task_ids={done['id']}") == []


@pytest.mark.parametrize(
    ("mode", "code", "jobs"),
    [("replay", 0, 1), ("error:code=1302", 1302, 1), ("new", 0, 2), ("stuck", 0, 2)],
)
def test_the_promise_of_one_task_per_external_id_can_be_broken(
    kling: Client, mode: str, code: int, jobs: int
) -> None:
    sent = {**motion(), "options": {"external_task_id": "x"}}
    first = kling.ask("POST", MOTION, json=sent)
    kling.sandbox.fault(f"dedupe:submit:mode={mode}")
    again = kling.call("POST", MOTION, json=sent).json()
    assert again["code"] == code
    assert len(kling.account()["jobs"]) == jobs
    if mode == "replay":
        assert again["data"] == first


def test_the_cost_of_a_task_can_be_set(kling: Client) -> None:
    kling.sandbox.fault("cost:submit:usd=1.4")
    assert kling.done()["billing"][0]["amount"] == "10"
