"""Runway's contract as the sandbox reads it, by hand: tasks, money, queue, outputs, uploads."""

from __future__ import annotations

import base64
import datetime as dt
import io
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
from patience import PATIENCE
from PIL import Image
from sandbox_runway_support import (
    ACT_TWO,
    CLIP,
    KEY,
    PICTURE,
    Client,
    account,
    fill_in,
    talking,
)

from motionkit.sandbox import Sandbox, sample_clip
from motionkit.sandbox.media import probe
from motionkit_runway.sandbox import RunwaySandbox

DAY = 86400.0
SECONDS = 100.0
"""Vendor seconds of every task here; it is pending for the first 4."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(apps=[RunwaySandbox], job_seconds=SECONDS) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    yield from talking(sandbox)


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Callable[..., Client]]:
    """Open further accounts, each with a client of its own."""
    opened: list[Client] = []

    def open_one(**fields: Any) -> Client:
        key = f"key_{len(opened):032x}"
        sandbox.add_account("runway", key, **{"label": f"account-{len(opened)}", **fields})
        opened.append(Client(sandbox, key))
        return opened[-1]

    yield open_one
    for one in opened:
        one.http.close()


def fetch(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=PATIENCE, **options)


# A task's life


def test_a_task_goes_from_pending_over_running_to_a_playable_film(
    sandbox: Sandbox, client: Client
) -> None:
    accepted = client.submit()
    told = accepted.json()
    assert accepted.status_code == 200
    assert told == {"id": told["id"], "estimatedCost": {"credits": 25}}
    assert uuid.UUID(told["id"]).version == 4
    pending = client.task(told["id"])
    assert set(pending) == {"id", "status", "createdAt", "estimatedCost"}
    assert (pending["status"], pending["createdAt"][-1]) == ("PENDING", "Z")
    sandbox.advance(SECONDS / 2)
    running = client.task(told["id"])
    assert set(running) == {"id", "status", "createdAt", "estimatedCost", "progress"}
    assert running["status"] == "RUNNING"
    assert 0.3 < running["progress"] < 0.7
    sandbox.advance(SECONDS)
    done = client.task(told["id"])
    assert set(done) == {"id", "status", "createdAt", "cost", "output"}
    assert (done["status"], done["cost"]) == ("SUCCEEDED", {"credits": 25})
    film = fetch(done["output"][0])
    clip = probe(io.BytesIO(film.content))
    assert film.headers["Content-Type"] == "video/mp4"
    assert clip is not None
    assert (clip.width, clip.height, round(clip.seconds)) == (1280, 720, 5)


def test_the_output_has_the_ratio_and_the_duration_that_were_asked_for(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start("image_to_video", ratio="832:1104", duration=2)
    sandbox.advance(SECONDS)
    clip = probe(io.BytesIO(fetch(client.task(name)["output"][0]).content))
    assert clip is not None
    assert (clip.width, clip.height, round(clip.seconds)) == (832, 1104, 2)


def test_the_same_body_twice_is_two_tasks_and_two_charges(sandbox: Sandbox, client: Client) -> None:
    headers = {"Idempotency-Key": "same"}
    names = {
        client.post("/character_performance", json=ACT_TWO, headers=headers).json()["id"]
        for _ in range(2)
    }
    assert len(names) == 2
    assert account(sandbox)["charged"] == "50"


def test_tasks_cannot_be_listed(client: Client) -> None:
    assert client.get("/tasks").status_code == 404


def test_an_unknown_task_and_one_of_another_organization_are_not_found(
    client: Client, other: Callable[..., Client]
) -> None:
    assert client.get(f"/tasks/{uuid.uuid4()}").json() == {"error": "Task not found"}
    name = other(balance=100).start()
    assert client.get(f"/tasks/{name}").status_code == 404


def test_a_stuck_task_runs_for_ever(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("stuck:submit")
    name = client.start()
    sandbox.advance(30 * DAY)
    assert (client.task(name)["status"], client.task(name)["progress"]) == ("RUNNING", 0.0)


# Money


def test_credits_are_held_at_the_submit_and_settled_at_the_end(
    sandbox: Sandbox, client: Client
) -> None:
    """Seconds are rounded up in the estimate, and credits in the charge."""
    clip = client.upload("dance.mp4", CLIP)
    accepted = client.submit(reference={"type": "video", "uri": clip}).json()
    assert accepted["estimatedCost"] == {"credits": 20}
    assert client.organization()["creditBalance"] == 10_000 - 20
    sandbox.advance(SECONDS)
    assert client.task(accepted["id"])["cost"] == {"credits": 18}
    assert client.organization()["creditBalance"] == 10_000 - 18
    assert (account(sandbox)["charged"], account(sandbox)["refunded"]) == ("20", "2")


@pytest.mark.parametrize(
    ("shape", "code", "kept"),
    [
        ("safety_input_text", "SAFETY.INPUT.TEXT", 25),
        ("safety_input_image", "SAFETY.INPUT.IMAGE", 25),
        ("safety_input_video", "SAFETY.INPUT.VIDEO", 25),
        ("safety_input_new", "SAFETY.INPUT.VIDEO.LIKENESS.7", 25),
        ("safety_output", "SAFETY.OUTPUT.VIDEO", 0),
        ("safety_output_kept", "SAFETY.OUTPUT.VIDEO", 25),
        ("safety_prompt", "INPUT_PREPROCESSING.SAFETY.TEXT", 0),
        ("preprocessing", "INPUT_PREPROCESSING.INTERNAL", 0),
        ("bad_output", "INTERNAL.BAD_OUTPUT.CODE01", 0),
        ("asset_invalid", "ASSET.INVALID", 0),
        ("third_party", "THIRD_PARTY.UNAVAILABLE", 0),
        ("internal", "INTERNAL", 0),
        ("internal_kept", "INTERNAL", 25),
        ("null_code", None, 0),
        ("strange_code", "WEATHER.CLOUDY", 0),
    ],
)
def test_a_failed_task_has_its_code_and_keeps_or_returns_the_credits(
    sandbox: Sandbox, client: Client, shape: str, code: str | None, kept: int
) -> None:
    sandbox.fault(f"shape:submit:shape={shape}")
    name = client.start()
    sandbox.advance(SECONDS)
    told = client.task(name)
    assert set(told) == {"id", "status", "createdAt", "cost", "failure", "failureCode"}
    assert (told["status"], told["failureCode"]) == ("FAILED", code)
    assert told["cost"] == {"credits": kept}
    assert client.organization()["creditBalance"] == 10_000 - kept


def test_a_failure_may_lack_its_code(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("shape:submit:shape=no_code")
    name = client.start()
    sandbox.advance(SECONDS)
    assert "failureCode" not in client.task(name)


@pytest.mark.parametrize(
    ("fault", "code", "prose"),
    [
        ("fail:submit", "INTERNAL", "An unexpected error occurred."),
        ("fail:submit:message=Out of memory", "INTERNAL", "Out of memory"),
        (
            "moderate:submit",
            "SAFETY.INPUT.IMAGE",
            "The input did not pass our content moderation.",
        ),
    ],
)
def test_the_general_faults_have_codes_of_this_vendor(
    sandbox: Sandbox, client: Client, fault: str, code: str, prose: str
) -> None:
    sandbox.fault(fault)
    name = client.start()
    sandbox.advance(SECONDS)
    told = client.task(name)
    assert (told["failureCode"], told["failure"]) == (code, prose)


@pytest.mark.parametrize("word", ["cancelled", "canceled"])
def test_a_task_that_somebody_else_cancelled_says_so(
    sandbox: Sandbox, client: Client, word: str
) -> None:
    sandbox.fault(f"shape:submit:shape={word}")
    name = client.start()
    sandbox.advance(SECONDS)
    told = client.task(name)
    assert set(told) == {"id", "status", "createdAt", "cost"}
    assert (told["status"], told["cost"]) == (word.upper(), {"credits": 0})


@pytest.mark.parametrize(("usd", "held", "kept"), [("0.07", 25, 7), ("3.07", 307, 307)])
def test_the_charge_may_differ_from_the_table_and_never_exceeds_the_estimate(
    sandbox: Sandbox, client: Client, usd: str, held: int, kept: int
) -> None:
    sandbox.fault(f"cost:submit:usd={usd}")
    accepted = client.submit().json()
    assert accepted["estimatedCost"] == {"credits": held}
    assert client.task(accepted["id"])["estimatedCost"] == {"credits": held}
    sandbox.advance(SECONDS)
    assert client.task(accepted["id"])["cost"] == {"credits": kept}


def test_a_partial_refund_is_in_the_cost(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("shape:submit:shape=partial")
    name = client.start()
    sandbox.advance(SECONDS)
    assert client.task(name)["cost"] == {"credits": 12}
    assert client.organization()["creditBalance"] == 10_000 - 12


def test_an_auto_duration_is_held_at_its_maximum(sandbox: Sandbox, client: Client) -> None:
    body = {"model": "seedance2", "promptText": "Rain.", "duration": "auto"}
    name = client.start("text_to_video", **body)
    assert client.task(name)["estimatedCost"] == {"credits": 15 * 36}
    sandbox.advance(SECONDS)
    assert client.task(name)["cost"] == {"credits": 5 * 36}


def test_too_few_credits_are_a_400_with_the_known_words(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    poor = other(balance="24")
    refused = poor.submit()
    assert refused.status_code == 400
    assert refused.json() == {
        "error": "You do not have enough credits to run this task.",
        "docUrl": "https://docs.dev.runwayml.com/api",
    }
    assert account(sandbox, "account-0")["jobs"] == []


# The queue, limits and the day's cap


def test_tasks_above_the_tiers_concurrency_are_throttled_and_start_in_order(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    one_slot = other(balance=1000, concurrency=1)
    names = [one_slot.start() for _ in range(3)]

    def words() -> list[str]:
        return [one_slot.task(name)["status"] for name in names]

    assert words() == ["PENDING", "THROTTLED", "THROTTLED"]
    assert set(one_slot.task(names[1])) == {"id", "status", "createdAt", "estimatedCost"}
    sandbox.advance(SECONDS + 1)
    assert words() == ["SUCCEEDED", "PENDING", "THROTTLED"]
    sandbox.advance(SECONDS / 2)
    assert words() == ["SUCCEEDED", "RUNNING", "THROTTLED"]
    sandbox.advance(3 * SECONDS)
    assert words() == ["SUCCEEDED"] * 3


def test_a_cancelled_task_frees_its_slot_for_the_next_one(
    sandbox: Sandbox, other: Callable[..., Client]
) -> None:
    one_slot = other(balance=1000, concurrency=1)
    first, second, third = (one_slot.start() for _ in range(3))
    assert one_slot.delete(second) == 204
    sandbox.advance(SECONDS / 2)
    assert one_slot.delete(first) == 204
    assert one_slot.task(third)["status"] == "PENDING"
    sandbox.advance(SECONDS)
    assert one_slot.task(third)["status"] == "SUCCEEDED"


def test_a_stuck_task_keeps_its_slot(sandbox: Sandbox, other: Callable[..., Client]) -> None:
    one_slot = other(balance=1000, concurrency=1)
    sandbox.fault("stuck:submit")
    stuck, second = one_slot.start(), one_slot.start()
    sandbox.advance(DAY)
    assert one_slot.task(second)["status"] == "THROTTLED"
    one_slot.delete(stuck)
    sandbox.advance(SECONDS)
    assert one_slot.task(second)["status"] == "SUCCEEDED"


def test_an_account_without_a_limit_has_null_in_its_tier(other: Callable[..., Client]) -> None:
    client = other(balance=1000)
    names = [client.start() for _ in range(8)]
    assert {client.task(name)["status"] for name in names} == {"PENDING"}
    assert client.organization()["tier"]["models"]["act_two"] == {
        "maxConcurrentGenerations": None,
        "maxDailyGenerations": None,
    }


def test_the_days_cap_is_a_429_until_24_hours_have_passed() -> None:
    app = partial(RunwaySandbox, daily={5: 2})
    with Sandbox(apps=[app], job_seconds=SECONDS) as sandbox:
        for client in talking(sandbox):
            for _ in range(2):
                client.start()
            refused = client.submit()
            assert refused.status_code == 429
            assert set(refused.json()) == {"error"}
            assert account(sandbox)["charged"] == "50"
            sandbox.advance(DAY)
            client.start()


def test_uploads_too_fast_are_a_429(other: Callable[..., Client]) -> None:
    client = other(balance=100, rpm=1)
    assert client.announce().status_code == 200
    assert client.announce().status_code == 429
    assert client.submit().status_code == 200


def test_a_model_that_is_not_open_to_the_organization_is_a_403(
    other: Callable[..., Client],
) -> None:
    refused = other(balance=100, denied=["act_two"]).submit()
    assert refused.status_code == 403
    assert refused.json() == {"error": "Model variant act_two is not available."}


# Cancel and delete


def test_a_pending_task_that_is_cancelled_costs_nothing_and_is_gone(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start()
    deleted = client.call("DELETE", f"/tasks/{name}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(f"/tasks/{name}").status_code == 404
    assert client.delete(name) == 404
    assert client.organization()["creditBalance"] == 10_000


def test_a_running_task_that_is_cancelled_keeps_its_charge(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start()
    sandbox.advance(SECONDS / 2)
    assert client.delete(name) == 204
    assert client.get(f"/tasks/{name}").status_code == 404
    assert client.organization()["creditBalance"] == 10_000 - 25


def test_deleting_a_finished_task_destroys_its_output(sandbox: Sandbox, client: Client) -> None:
    name = client.start()
    sandbox.advance(SECONDS)
    url = client.task(name)["output"][0]
    assert client.delete(name) == 204
    assert client.get(f"/tasks/{name}").status_code == 404
    assert fetch(url).status_code == 404
    assert client.organization()["creditBalance"] == 10_000 - 25


# Outputs


def test_an_address_ends_after_a_day_and_a_new_look_renews_it(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start()
    sandbox.advance(SECONDS)
    first, second = (client.task(name)["output"][0] for _ in range(2))
    assert first != second
    assert first.partition("?")[0] == second.partition("?")[0]
    content = fetch(first).content
    sandbox.advance(DAY + 1)
    assert fetch(first).status_code == 403
    assert fetch(client.task(name)["output"][0]).content == content


def test_an_address_without_its_whole_signature_is_denied(sandbox: Sandbox, client: Client) -> None:
    name = client.start()
    sandbox.advance(SECONDS)
    url = client.task(name)["output"][0]
    assert fetch(url.partition("?")[0]).status_code == 403
    assert fetch(url[:-1]).status_code == 403
    assert fetch(f"{url}0").status_code == 403


def test_a_download_can_be_resumed_and_a_key_that_comes_along_is_counted(
    sandbox: Sandbox, client: Client
) -> None:
    name = client.start()
    sandbox.advance(SECONDS)
    url = client.task(name)["output"][0]
    part = fetch(url, headers={"Range": "bytes=4-7", "Authorization": f"Bearer {KEY}"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert sandbox.ledger()["vendors"]["runway"]["keys_sent_to_files"] == 1


# Faults of the answers


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("shape:poll:shape=no_output", []),
        ("empty_url:result", []),
        ("shape:poll:shape=blank_output", [""]),
    ],
)
def test_a_success_may_lack_its_output(
    sandbox: Sandbox, client: Client, fault: str, expected: list[str]
) -> None:
    name = client.start()
    sandbox.advance(SECONDS)
    sandbox.fault(fault)
    assert client.task(name)["output"] == expected
    assert client.task(name)["output"][0].startswith("http")


def test_a_task_may_have_two_outputs(sandbox: Sandbox, client: Client) -> None:
    name = client.start()
    sandbox.advance(SECONDS)
    sandbox.fault("shape:poll:shape=two_outputs")
    assert len(client.task(name)["output"]) == 2


def test_an_unknown_word_and_a_young_404_are_faults(sandbox: Sandbox, client: Client) -> None:
    name = client.start()
    sandbox.fault("unknown_word:poll:word=HOLDING")
    assert client.task(name)["status"] == "HOLDING"
    sandbox.fault("not_found:poll:seconds=20:times=0")
    assert client.get(f"/tasks/{name}").status_code == 404
    sandbox.advance(30)
    assert client.task(name)["status"] == "RUNNING"


def test_a_record_that_is_gone_stays_gone(sandbox: Sandbox, client: Client) -> None:
    name = client.start()
    sandbox.fault("expire:poll")
    assert client.get(f"/tasks/{name}").status_code == 404
    assert client.get(f"/tasks/{name}").status_code == 404


def test_bodies_before_august_have_no_costs() -> None:
    app = partial(RunwaySandbox, costs=False)
    with Sandbox(apps=[app], job_seconds=SECONDS) as sandbox:
        for client in talking(sandbox):
            accepted = client.submit().json()
            assert set(accepted) == {"id"}
            assert set(client.task(accepted["id"])) == {"id", "createdAt", "status"}
            sandbox.advance(SECONDS)
            assert "cost" not in client.task(accepted["id"])


@pytest.mark.parametrize(
    ("shape", "keys"),
    [("no_id", {"estimatedCost"}), ("id_only", {"id"}), ("id_in_task", {"task"}), ("list", None)],
)
def test_a_submits_answer_has_other_shapes(
    sandbox: Sandbox, client: Client, shape: str, keys: set[str] | None
) -> None:
    sandbox.fault(f"shape:submit:shape={shape}")
    told = client.submit().json()
    assert isinstance(told, list) if keys is None else set(told) == keys
    assert len(account(sandbox)["jobs"]) == 1


def test_a_refusal_of_ones_own_has_status_and_words(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("refuse:submit:status=429:message=Slow down")
    refused = client.submit()
    assert (refused.status_code, refused.json()) == (429, {"error": "Slow down"})
    assert account(sandbox)["jobs"] == []


def test_a_twin_is_a_second_task_of_one_submit(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("twin:submit")
    client.start()
    sandbox.advance(SECONDS)
    assert [job["twin"] for job in account(sandbox)["jobs"]] == [False, True]
    assert [job["state"] for job in account(sandbox)["jobs"]] == ["succeeded"] * 2
    assert account(sandbox)["charged"] == "50"


# Uploads


def test_an_upload_is_used_by_many_tasks_for_a_day(sandbox: Sandbox, client: Client) -> None:
    picture = client.upload("hero.png", PICTURE)
    assert picture.startswith("runway://")
    for _ in range(2):
        client.start(character={"type": "image", "uri": picture})
    sandbox.advance(DAY)
    refused = client.submit(character={"type": "image", "uri": picture})
    assert refused.status_code == 400
    assert refused.json()["issues"] == [
        {
            "code": "custom",
            "path": ["character", "uri"],
            "message": "The upload does not exist or has expired",
        }
    ]


def test_an_upload_may_expire_early(sandbox: Sandbox, client: Client) -> None:
    clip = client.upload("dance.mp4", CLIP)
    sandbox.fault("shape:submit:shape=expired_upload")
    reference = {"type": "video", "uri": clip}
    for _ in range(2):  # and stays so
        refused = client.submit(reference=reference)
        assert refused.status_code == 400
        assert refused.json()["issues"][0]["path"] == ["reference", "uri"]
    client.start(reference={"type": "video", "uri": client.upload("dance.mp4", CLIP)})


def test_an_upload_that_is_late_may_fail_the_task() -> None:
    app = partial(RunwaySandbox, late_assets=True)
    with Sandbox(apps=[app], job_seconds=SECONDS) as sandbox:
        for client in talking(sandbox):
            name = client.start(character={"type": "image", "uri": "runway://unknown"})
            sandbox.advance(SECONDS)
            told = client.task(name)
            assert told["failureCode"] == "ASSET.INVALID"
            assert told["cost"] == {"credits": 0}


def test_an_upload_without_its_bytes_cannot_be_used(client: Client) -> None:
    uri = client.announce().json()["runwayUri"]
    assert client.submit(reference={"type": "video", "uri": uri}).status_code == 400


def test_an_upload_belongs_to_its_organization(
    client: Client, other: Callable[..., Client]
) -> None:
    uri = other(balance=100).upload("dance.mp4", CLIP)
    assert client.submit(reference={"type": "video", "uri": uri}).status_code == 400


def test_uploads_need_an_organization_that_bought_credits(other: Callable[..., Client]) -> None:
    assert other().announce().status_code == 403


@pytest.mark.parametrize(
    ("filename", "kind"),
    [("a", "ephemeral"), ("hero", "ephemeral"), ("x" * 252 + ".mp4", "ephemeral"), ("a.b", "kept")],
)
def test_an_invalid_announcement_is_a_400(client: Client, filename: str, kind: str) -> None:
    refused = client.announce(filename, type=kind)
    assert refused.status_code == 400
    assert refused.json()["issues"]


def test_the_storage_wants_every_field_before_the_file_and_no_key(client: Client) -> None:
    told = client.announce().json()
    missing = {**told, "fields": {"key": told["fields"]["key"]}}
    assert fill_in(missing, CLIP).status_code == 403
    assert fill_in(told, CLIP, headers={"Authorization": "Bearer x"}).status_code == 403
    assert fill_in(told, b"x" * 511).status_code == 400
    late = requests.post(
        told["uploadUrl"],
        files=[("file", ("dance.mp4", CLIP)), *((k, (None, v)) for k, v in told["fields"].items())],
        timeout=PATIENCE,
    )
    assert late.status_code == 400
    plain = requests.post(told["uploadUrl"], data=CLIP, timeout=PATIENCE)
    assert plain.status_code == 400
    assert fill_in(told, CLIP).status_code == 204


# Media


def test_a_data_uri_is_a_picture_up_to_its_bound(sandbox: Sandbox, client: Client) -> None:
    inline = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    client.start(character={"type": "image", "uri": inline})
    large = f"data:image/png;base64,{'A' * 5 * 2**20}"
    refused = client.submit(character={"type": "image", "uri": large})
    assert refused.status_code == 400
    assert refused.json()["issues"][0]["code"] == "too_big"


@pytest.mark.parametrize(
    "uri",
    [
        "http://media.example/dance.mp4",
        "https://127.0.0.1/dance.mp4",
        "https://[::1]/dance.mp4",
        "https://localhost/dance.mp4",
        "https://a.b",
        f"https://media.example/{'x' * 2048}",
        "ftp://media.example/dance.mp4",
        "data:video/mp4;base64,%%%",
        "data:image/png;base64,AAAA",
        "data:video/mp4,AAAA",
        "runway://unknown",
        "AAAA",
    ],
)
def test_other_addresses_of_media_are_refused(client: Client, uri: str) -> None:
    refused = client.submit(reference={"type": "video", "uri": uri})
    assert refused.status_code == 400
    assert refused.json()["issues"][0]["path"] == ["reference", "uri"]


def _picture(kind: str, side: tuple[int, int]) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", side, "#336699").save(kept, kind)
    return kept.getvalue() + bytes(600)


@pytest.mark.parametrize(
    ("field", "content", "words"),
    [
        ("reference", sample_clip(2.0, height=120), "between 3 and 30 seconds"),
        ("reference", PICTURE, "expected video, got image/png"),
        ("character", _picture("GIF", (64, 64)), "expected image, got image/gif"),
        ("character", _picture("PNG", (64, 300)), "between 0.5 and 2.358"),
        ("character", b"nothing that can be read" * 40, "could not be read"),
    ],
    ids=["short", "picture", "gif", "narrow", "garbage"],
)
def test_a_file_that_the_model_cannot_use_fails_the_task_free_of_charge(
    sandbox: Sandbox, client: Client, field: str, content: bytes, words: str
) -> None:
    kind = "video" if field == "reference" else "image"
    uri = client.upload("file.bin", content)
    name = client.start(**{field: {"type": kind, "uri": uri}})
    sandbox.advance(SECONDS)
    told = client.task(name)
    assert (told["status"], told["failureCode"]) == ("FAILED", "ASSET.INVALID")
    assert words in told["failure"]
    assert told["cost"] == {"credits": 0}


# The gateway


def test_a_call_without_a_valid_key_is_a_401(sandbox: Sandbox, client: Client) -> None:
    for key in ("", "Bearer wrong", f"Key {KEY}", KEY):
        refused = client.get("/organization", headers={"Authorization": key})
        assert refused.status_code == 401
        assert set(refused.json()) == {"error", "docUrl"}
    assert account(sandbox, "unknown")["calls"]["balance"] == 2


@pytest.mark.parametrize("version", [None, "2024-11-05", "2024-11-06 "])
def test_a_call_without_the_version_is_a_400(client: Client, version: str | None) -> None:
    headers = {"X-Runway-Version": version}
    refused = client.get("/organization", headers=headers)
    assert refused.status_code == (200 if version and version.strip() == "2024-11-06" else 400)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/character_performance"),
        ("PUT", "/image_to_video"),
        ("POST", "/organization"),
        ("GET", "/organization/usage"),
        ("GET", "/uploads"),
        ("POST", "/tasks/x"),
    ],
)
def test_a_wrong_verb_is_a_405(client: Client, verb: str, path: str) -> None:
    refused = client.call(verb, path)
    assert (refused.status_code, refused.json()) == (405, {"error": "Method not allowed"})


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"1", b"null"])
def test_a_body_that_is_no_object_is_a_400(client: Client, content: bytes) -> None:
    refused = client.post("/character_performance", data=content)
    assert refused.status_code == 400
    assert refused.json()["error"]


# The organization


def test_the_organization_shows_credits_limits_and_the_days_generations(
    sandbox: Sandbox, client: Client
) -> None:
    for _ in range(2):
        client.start()
    client.start("image_to_video")
    told = client.organization()
    assert set(told) == {"creditBalance", "tier", "usage"}
    assert told["creditBalance"] == 10_000 - 2 * 25 - 60
    assert told["tier"]["maxMonthlyCreditSpend"] == 200_000
    limits = {"maxConcurrentGenerations": 5, "maxDailyGenerations": 1000}
    assert told["tier"]["models"]["act_two"] == limits
    assert told["usage"]["models"]["act_two"] == {"dailyGenerations": 2}
    assert told["usage"]["models"]["gen4.5"] == {"dailyGenerations": 1}
    sandbox.advance(DAY)
    assert client.organization()["usage"]["models"]["act_two"] == {"dailyGenerations": 0}


def days(client: Client, **fields: str) -> dict[str, dict[str, int]]:
    told = client.post("/organization/usage", json=fields).json()
    return {
        one["date"]: {used["model"]: used["amount"] for used in one["usedCredits"]}
        for one in told["results"]
    }


def test_usage_is_net_of_refunds_which_are_booked_on_their_own_day() -> None:
    seconds = 10 * DAY
    with Sandbox(apps=[RunwaySandbox], job_seconds=seconds) as sandbox:
        sandbox.fault("shape:submit:shape=internal")
        for client in talking(sandbox):
            created = dt.date.fromisoformat(client.task(client.start())["createdAt"][:10])
            sandbox.advance(seconds)
            booked = days(client, startDate=created.isoformat())
            ended = (created + dt.timedelta(days=10)).isoformat()
            assert booked[created.isoformat()] == {"act_two": 25}
            assert booked[ended] == {"act_two": -25}


def test_usage_covers_the_thirty_days_before_today_by_default(
    sandbox: Sandbox, client: Client
) -> None:
    client.start()
    told = client.post("/organization/usage", json={}).json()
    today = sandbox.ledger()["time"][:10]
    assert len(told["results"]) == 30
    assert today not in {one["date"] for one in told["results"]}


@pytest.mark.parametrize(
    "fields",
    [
        {"startDate": "yesterday"},
        {"startDate": "2026-01-01", "beforeDate": "2026-04-02"},
        {"startDate": "2026-01-02", "beforeDate": "2026-01-01"},
        {"since": "2026-01-01"},
    ],
)
def test_an_invalid_range_of_usage_is_a_400(client: Client, fields: dict[str, str]) -> None:
    refused = client.post("/organization/usage", json=fields)
    assert refused.status_code == 400
    assert refused.json()["issues"]


def test_the_environment_points_a_client_at_the_sandbox(sandbox: Sandbox) -> None:
    told = sandbox.environment
    assert told["RUNWAY_API_KEY"] == KEY
    assert told["RUNWAY_BASE_URL"] == sandbox.url
