"""The web services of the documentation: each order is paid once, whatever its customer does."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests
from accounts import Accounts
from blocks import EXAMPLES
from patience import PATIENCE, until
from PIL import Image
from shops import SHOPS, Shop, fastapi_shop, worker
from vendors import VENDORS

Open = Callable[[], AbstractContextManager[Shop]]
SECRET = "the-secret-of-the-console"


@pytest.fixture(params=SHOPS)
def shop(request: pytest.FixtureRequest, reader: Path) -> Open:
    return SHOPS[request.param]


@pytest.fixture
def picture(media: dict[str, bytes]) -> bytes:
    return media["hero.png"]


def get(shop: Shop, path: str) -> requests.Response:
    return requests.get(f"{shop.url}{path}", timeout=PATIENCE)


@pytest.fixture
def hooked(slow_accounts: Accounts, reader: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Accounts whose vendor calls when a job ends."""
    configure(
        reader,
        monkeypatch,
        f'[accounts.pixverse]\napi_key = "${{PIXVERSE_API_KEY}}"\nwebhook_secret = "{SECRET}"\n'
        f'webhook_id = "{slow_accounts.label}"\n',
    )
    return slow_accounts


def configure(reader: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = reader / "motionkit.toml"
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(file))


def test_every_example_of_the_documentation_is_served() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SHOPS)


def test_an_order_is_submitted_at_once_and_delivered_later(
    shop: Open, accounts: Accounts, picture: bytes
) -> None:
    with shop() as opened:
        answer = opened.submit(17, picture)
        assert (answer.status_code, answer.json()) == (202, {"state": "submitted"})
        opened.deliver()
        until(lambda: get(opened, "/orders/17").json()["ready"])
        assert get(opened, "/orders/17").json()["state"] == "succeeded"
        video = get(opened, "/orders/17/video")
    assert video.headers["Content-Type"] == "video/mp4"
    assert video.content[4:8] == b"ftyp"


def test_clicking_many_times_at_once_buys_one_video(
    shop: Open, slow_accounts: Accounts, picture: bytes
) -> None:
    with shop() as opened, ThreadPoolExecutor(6) as browser:
        answers = list(browser.map(lambda _: opened.submit(17, picture), range(6)))
        assert {answer.status_code for answer in answers} == {202}
    assert slow_accounts.submits == 1


def test_a_service_that_starts_again_delivers_what_it_had_submitted(
    shop: Open, slow_accounts: Accounts, picture: bytes
) -> None:
    with shop() as before:
        before.submit(17, picture)
        assert get(before, "/orders/17").json()["ready"] is False
        assert get(before, "/orders/17/video").status_code == 404
    slow_accounts.sandbox.advance(3600)
    with shop() as after:
        after.deliver()
        until(lambda: get(after, "/orders/17").json()["ready"])
        assert after.submit(17, picture).status_code == 202
    assert slow_accounts.submits == 1


def test_a_vendors_webhook_is_acknowledged_and_ends_the_order(
    shop: Open, hooked: Accounts, picture: bytes
) -> None:
    with shop() as opened:
        hooked.sandbox.add_webhook(hooked.label, f"{opened.url}/webhooks/pixverse", SECRET)
        opened.submit(17, picture)
        hooked.sandbox.advance(3600)  # returns when the webhooks due by then have left
        until(lambda: get(opened, "/orders/17").json()["state"] == "succeeded")
        opened.deliver()
        until(lambda: get(opened, "/orders/17").json()["ready"])
    (delivery,) = [
        one for one in hooked.sandbox.webhooks()["deliveries"] if one["webhook"] == hooked.label
    ]
    assert (delivery["state"], delivery["attempts"][0]["answer"]) == ("delivered", "ok")


def test_a_forged_webhook_gets_401(shop: Open, hooked: Accounts) -> None:
    with shop() as opened:
        url = f"{opened.url}/webhooks/pixverse"
        assert requests.post(url, data=b"{}", timeout=PATIENCE).status_code == 401


def test_another_picture_under_the_same_order_is_refused(
    shop: Open, slow_accounts: Accounts, picture: bytes
) -> None:
    other = io.BytesIO()
    Image.new("RGB", (512, 768), "teal").save(other, "PNG")
    with shop() as opened:
        opened.submit(17, picture)
        answer = opened.submit(17, other.getvalue())
    assert answer.status_code == 422
    assert "names another request" in answer.json()["error"]
    assert slow_accounts.submits == 1


def test_an_order_that_nobody_made_is_not_found(
    shop: Open, slow_accounts: Accounts, picture: bytes
) -> None:
    with shop() as opened:
        opened.submit(17, picture)
        for path in ("/orders/1", "/orders/1/video", "/orders/170"):
            assert get(opened, path).status_code == 404


def test_while_every_vendor_is_busy_an_order_is_refused_and_can_be_repeated(
    shop: Open, slow_accounts: Accounts, picture: bytes
) -> None:
    sandbox = slow_accounts.sandbox
    for vendor in VENDORS.values():
        sandbox.fault(vendor.fault(vendor.busy))
    with shop() as opened:
        answer = opened.submit(17, picture)
        assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
        assert "nothing was bought" in answer.json()["error"]
        assert opened.submit(17, picture).status_code == 202
    assert slow_accounts.jobs == 1


def test_an_order_that_may_have_been_bought_is_not_bought_again(
    shop: Open,
    slow_accounts: Accounts,
    picture: bytes,
    reader: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(
        reader,
        monkeypatch,
        '[accounts.segmind]\napi_key = "${SEGMIND_API_KEY}"\nreconcile_window = 0\n',
    )
    slow_accounts.sandbox.fault("accept_then_reset:submit:vendor=segmind")
    slow_accounts.sandbox.fault("history_lag:history:vendor=segmind")
    with shop() as opened:
        for _ in range(2):
            answer = opened.submit(17, picture)
            assert (answer.status_code, answer.json()) == (202, {"state": "uncertain"})
        assert get(opened, "/orders/17").json() == {"state": "uncertain", "ready": False}
    assert slow_accounts.submits == 1


# Albums: batches that the service plans, and that a worker makes.


def order_album(shop: Shop, *pictures: str) -> requests.Response:
    return requests.put(f"{shop.url}/albums/summer", json=pictures, timeout=PATIENCE)


def test_an_album_is_planned_by_the_service_and_made_by_a_worker(
    accounts: Accounts, reader: Path, media: dict[str, bytes]
) -> None:
    (reader / "pictures").mkdir()
    for name in ("anna.png", "ben.png"):
        (reader / "pictures" / name).write_bytes(media[name])
    with fastapi_shop() as opened:
        answer = order_album(opened, "anna.png", "ben.png")
        assert answer.status_code == 202, answer.text
        batch = answer.json()["batch"]
        assert order_album(opened, "anna.png", "ben.png").json() == {"batch": batch}
        state = get(opened, f"/batches/{batch}").json()
        assert (state["finished"], state["items"]) == (False, {"planned": 2})
        assert accounts.submits == 0

        with worker():
            until(lambda: get(opened, f"/batches/{batch}").json()["finished"])
        found = get(opened, f"/batches/{batch}/results").json()
    assert [one["state"] for one in found] == ["done", "done"]
    assert accounts.submits == 2
    for one in found:
        assert (reader / "albums" / "summer" / one["file"]).read_bytes()[4:8] == b"ftyp"


def test_an_album_takes_no_paths_and_stays_what_it_was(
    slow_accounts: Accounts, reader: Path, media: dict[str, bytes]
) -> None:
    (reader / "pictures").mkdir()
    (reader / "pictures" / "anna.png").write_bytes(media["anna.png"])
    (reader / "pictures" / "other.png").write_bytes(media["anna.png"] + b"more")
    with fastapi_shop() as opened:
        for name in ("../anna.png", "/etc/passwd", "anna.mp4"):
            assert order_album(opened, name).status_code == 422
        assert order_album(opened, "nobody.png").status_code == 422
        assert order_album(opened, "anna.png").status_code == 202
        answer = order_album(opened, "other.png")
        assert answer.status_code == 422
        assert "use another out for a new batch" in answer.json()["error"]
        assert get(opened, "/batches/b-0000").status_code == 422
