"""What the verbs on batches need of `mk.Batch`: rows to confirm, slots in use, a list."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import Account

import motionkit as mk
from motionkit.batch import draft, read

ROW = {"image": "hero.png", "video": "dance.mp4"}


def test_a_plan_says_how_many_rows_the_batch_does_not_have_yet(
    account: Account, media: list[str]
) -> None:
    with mk.Batch.plan([ROW], out="films") as batch:
        assert batch.planned is not None
        assert (batch.planned.total, batch.planned.added) == (1, 1)
    for rows, added in (([ROW], 0), ([ROW, {**ROW, "quality": "360p"}], 1)):
        with mk.Client() as client, draft(client, read(rows), out="films") as found:
            assert found.plan.added == added


def test_progress_has_the_slots_of_each_account(
    slow_account: Account, media: list[str], own_place: Path
) -> None:
    file = own_place / "motionkit.toml"
    file.write_text('[accounts.pixverse]\napi_key = "${PIXVERSE_API_KEY}"\nmax_concurrent = 3\n')
    with mk.Batch.plan([ROW], out="films", via="pixverse", config=file) as batch:
        (slots,) = batch.progress().slots
        assert (slots.account, slots.used, slots.limit) == ("pixverse", 0, 3)
        with mk.Client(file) as client:
            client.submit(mk.Mimic(**ROW), via="pixverse")
        assert batch.progress().slots[0].used == 1


def test_a_journals_batches_are_listed_newest_first(account: Account, media: list[str]) -> None:
    assert mk.Batch.listed() == []
    ids = []
    for out in ("films", "more"):
        with mk.Batch.plan([ROW], out=out) as batch:
            ids.append(batch.id)
    assert {record.id for record in mk.Batch.listed()} == set(ids)


@pytest.mark.parametrize("limit", [None, 7])
def test_an_accounts_slots_are_known_without_its_key(own_place: Path, limit: int | None) -> None:
    file = own_place / "motionkit.toml"
    most = "" if limit is None else f"max_concurrent = {limit}\n"
    file.write_text(f'[accounts.pixverse]\napi_key = {{ command = ["false"] }}\n{most}')
    assert mk.Client(file).config.accounts["pixverse"].slots == limit
