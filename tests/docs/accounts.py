"""A reader's accounts at the sandbox, and what the vendors have on them."""

from __future__ import annotations

import uuid
from typing import Any

import attrs
import pytest

from motionkit.sandbox import Sandbox


@attrs.frozen
class Accounts:
    """A reader's accounts at a sandbox: one at each vendor, under one label."""

    sandbox: Sandbox
    label: str
    keys: dict[str, str]

    def ledger(self, vendor: str) -> dict[str, Any]:
        """Return what a vendor has on the reader."""
        told = self.sandbox.ledger()["vendors"][vendor]["accounts"][self.label]
        assert isinstance(told, dict)
        return told

    @property
    def submits(self) -> int:
        """How many paid calls came."""
        return sum(self.ledger(vendor)["submits"] for vendor in self.keys)

    @property
    def jobs(self) -> int:
        """How many jobs were made of them."""
        return sum(len(self.ledger(vendor)["jobs"]) for vendor in self.keys)


def open_accounts(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """Open a reader's accounts and set the environment to use them."""
    label = uuid.uuid4().hex
    keys = dict.fromkeys(sandbox.accounts, f"test-key-{label}")
    for vendor, key in keys.items():
        sandbox.add_account(vendor, key, label=label, balance="5000")
        monkeypatch.setenv(f"{vendor.upper()}_API_KEY", key)
        monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", sandbox.url)
    return Accounts(sandbox, label, keys)
