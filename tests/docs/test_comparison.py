"""The page that compares vendors says what their tables say."""

from __future__ import annotations

import re

import comparison

from motionkit.provider import registry


def test_the_page_is_made_from_the_installed_offers() -> None:
    found = comparison.PAGE.read_text("utf-8")
    assert found == comparison.page(), "run python tests/docs/comparison.py"


def test_the_page_has_every_vendor_and_every_model_of_motion_transfer_with_a_dated_price() -> None:
    text = comparison.page()
    for name in registry.names():
        assert f"[{name}](providers/{name}.md)" in text
        for offer in registry.load(name).offers:
            if offer.operation != "mimic":
                continue
            rows = re.findall(rf"^\| {name} \| `{re.escape(offer.model)}`.*$", text, re.MULTILINE)
            assert rows, offer.model
            dated = offer.price is None or offer.price.as_of.isoformat() in rows[0]
            assert dated, offer.model
