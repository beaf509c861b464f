"""Extra options pass no cap: what the offer cannot price makes the price unknown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import motionkit as mk
from motionkit.errors import BudgetExceeded
from motionkit.sandbox import Sandbox

PIXVERSE = "pixverse/v6"
SEGMIND = "segmind/pixverse-v6"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=600, job_seconds=1) as served:
        yield served


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[mk.Client]:
    lines = [f'journal = "{tmp_path / "journal.db"}"']
    for name in ("pixverse", "segmind"):
        key, url = (
            sandbox.environment[f"{name.upper()}_{what}"] for what in ("API_KEY", "BASE_URL")
        )
        lines += [f"[accounts.{name}]", f'api_key = "{key}"', f'base_url = "{url}"']
    for route, limit in (("capped", 'max_usd = "0.36"'), ("held", 'budget_usd = { day = "0.36" }')):
        lines += [f"[routes.{route}]", f'targets = ["{PIXVERSE}"]', limit]
    file = tmp_path / "motionkit.toml"
    file.write_text("\n".join(lines))
    file.chmod(0o600)
    with mk.Client(file) as opened:
        yield opened


def submits(sandbox: Sandbox) -> int:
    vendors = sandbox.ledger()["vendors"].values()
    return sum(one["submits"] for vendor in vendors for one in vendor["accounts"].values())


def wish(vendor: str, extra: dict[str, Any]) -> mk.TextToVideo:
    return mk.TextToVideo(prompt="a cat", quality="540p", duration=5, extra={vendor: extra})


DEARER: list[dict[str, Any]] = [
    {"duration": 15},
    {"quality": "1080p"},
    {"generate_audio_switch": True},
    {"generate_audio_switch": 1},
    {"generate_audio_switch": "true"},
    {"sound_effect_switch": True, "sound_effect_content": "rain"},
    {"sound_effect_switch": True},
    {"lip_sync_switch": True},
    {"duration": "15"},
    {"duration": -5},
    {"duration": True},
    {"duration": float("nan")},
    {"model": "c1"},
    {"quality": "540P"},
    {"img_id": 5},
    {"source_video_id": 5},
    {"multi_transition": [{"duration": 15}]},
    {"nobody_knows": 1},
]


@pytest.mark.parametrize("way", ["max_usd", "route's cap", "route's budget"])
@pytest.mark.parametrize("extra", DEARER, ids=str)
def test_a_dearer_extra_passes_no_cap(
    client: mk.Client, sandbox: Sandbox, extra: dict[str, Any], way: str
) -> None:
    before = submits(sandbox)
    via = {"max_usd": PIXVERSE, "route's cap": "capped", "route's budget": "held"}[way]
    cap = "0.36" if way == "max_usd" else None
    with pytest.raises(BudgetExceeded):
        client.submit(wish("pixverse", extra), via=via, key=f"{way}{extra}", max_usd=cap)
    assert submits(sandbox) == before


@pytest.mark.parametrize("extra", [{"duration": 15}, {"quality": "1080p"}, {"unheard": 1}], ids=str)
def test_an_extra_at_the_reseller_has_no_known_price(
    client: mk.Client, sandbox: Sandbox, extra: dict[str, Any]
) -> None:
    before = submits(sandbox)
    with pytest.raises(BudgetExceeded, match="unknown"):
        client.submit(wish("segmind", extra), via=SEGMIND, key=str(extra), max_usd="5")
    assert submits(sandbox) == before


@pytest.mark.parametrize(
    ("extra", "high"),
    [
        ({"duration": 15}, "105"),
        ({"quality": "1080p"}, "90"),
        ({"generate_audio_switch": True}, "45"),
        ({"webhook_id": "w-1", "seed": 7}, "35"),
    ],
    ids=str,
)
def test_what_the_offer_can_price_is_quoted_with_the_extra(
    client: mk.Client, extra: dict[str, Any], high: str
) -> None:
    quote = client.quote(wish("pixverse", extra), via=PIXVERSE)
    assert quote is not None
    assert quote.high == Decimal(high)


def test_what_it_cannot_price_is_named(client: mk.Client) -> None:
    quote = client.quote(wish("pixverse", {"model": "c1", "duration": 15}), via=PIXVERSE)
    assert quote is not None
    assert (quote.low, quote.likely, quote.high, quote.usd_high) == (None, None, None, None)
    assert any("extra model" in note for note in quote.notes)


def test_the_extra_of_another_vendor_changes_no_price(client: mk.Client) -> None:
    quote = client.quote(wish("segmind", {"duration": 15}), via=PIXVERSE)
    assert quote is not None
    assert quote.high == 35
