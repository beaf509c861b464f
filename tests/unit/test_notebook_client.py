"""What a client returns to a notebook: lists that are lists, and results that know their files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

import motionkit as mk
from motionkit.sandbox import Sandbox, sample_clip, sample_picture

REQUEST = mk.Mimic(sample_picture(), sample_clip(), quality="540p")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=100, job_seconds=1) as served:
        yield served


@pytest.fixture
def given(sandbox: Sandbox, tmp_path: Path) -> dict[str, Any]:
    """What makes a client at the sandbox, with a journal of its own."""
    said = sandbox.environment
    accounts = {
        name: {"api_key": said[f"{name.upper()}_API_KEY"], "base_url": sandbox.url}
        for name in ("pixverse", "segmind")
    }
    return {
        "accounts": accounts,
        "journal": tmp_path / "journal.db",
        "defaults": {"budget_usd": {"day": "50"}},
    }


def test_every_list_of_a_client_is_a_list_that_a_notebook_draws(given: dict[str, Any]) -> None:
    with mk.Client(**given) as client:
        job = client.submit(REQUEST, via="pixverse", key="order-17")
        lists: dict[str, list[Any]] = {
            "Targets": client.compare(REQUEST),
            "Jobs": client.jobs.list(),
            "Spend by day": client.spend(),
            "Budgets": client.budget(),
            "Results": client.wait_all([job]),
            "Takes": client.submit_takes(REQUEST, 2, via="pixverse"),
            "Cells": client.shootout(REQUEST, ["pixverse"]),
        }
        assert client.circuits() == []
        assert client.jobs.ratings() == []
        voices = client.look_up("pixverse", "voices")
        assert isinstance(voices, tuple)
        assert isinstance(voices, mk.Records)
        assert "Voices (" in voices._repr_html_()
        json.dumps(voices.to_dict())
    for title, rows in lists.items():
        assert isinstance(rows, mk.Listing), title
        assert f"{title} ({len(rows)})" in rows._repr_html_()
        data = rows.to_dict()
        assert len(data) == len(rows) > 0
        assert json.loads(json.dumps(data)) == data, title
    (day,) = lists["Spend by day"]
    assert Decimal(lists["Spend by day"].to_dict()[0]["charged"]) == day.amounts.charged  # type: ignore[attr-defined]


def test_coroutines_return_such_lists_too(given: dict[str, Any]) -> None:
    async def run() -> None:
        async with mk.AsyncClient(**given) as client:
            job = await client.submit(REQUEST, via="pixverse", key="order-17")
            assert isinstance(await client.wait_all([job]), mk.Listing)
            assert isinstance(await client.compare(REQUEST), mk.Listing)
            assert isinstance(await client.run_takes(REQUEST, 1, via="pixverse"), mk.Listing)
            assert isinstance(await client.shootout(REQUEST, ["pixverse"]), mk.Listing)

    asyncio.run(run())


def test_a_result_knows_its_file_after_a_download_and_in_another_process(
    given: dict[str, Any], tmp_path: Path
) -> None:
    with mk.Client(**given) as client:
        job = client.submit(REQUEST, via="pixverse", key="order-17")
        result = client.wait(job)
        assert result.files == {}
        assert "client.download(result, path)" in result._repr_html_()
        film = client.download(result, tmp_path / "a.mp4").absolute()
        assert result.files == {0: film}
        assert "data:video/mp4;base64," in result._repr_html_()
        copied = client.deliver(result, tmp_path / "b.mp4")
        assert copied._repr_html_().count("<video") == 1
    with mk.Client(**given) as later:
        again = later.wait(job)
        assert attrs.evolve(again) == again  # where it was saved is not what it is
        assert again.files == {0: Path(copied.place)}
        assert "<video" in later.jobs.get("order-17")._repr_html_()
        Path(copied.place).unlink()
        assert "is not there any more" in again._repr_html_()


def test_a_file_in_a_store_is_none_on_this_machine(given: dict[str, Any]) -> None:
    with mk.Client(**given) as client:
        result = client.run(REQUEST, via="pixverse", key="order-17")
        saved = client.deliver(result, "memory://bucket/{key}.{ext}")
        assert result.files == {}
        assert "memory://bucket/order-17.mp4" in saved._repr_html_()
    with mk.Client(**given) as later:
        assert later.wait(result.job).files == {}
