"""Fixtures that folders of tests import: an environment that holds nothing of the machine's."""

from __future__ import annotations

import os

import pytest

from motionkit._support import redaction

_OUTSIDE = (
    "PROXY", "proxy", "_API_KEY", "_BASE_URL", "CA_BUNDLE", "SSL_CERT", "MOTIONKIT_", "NETRC"
)  # fmt: skip


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop proxies, keys and configuration that the machine may have."""
    for name in os.environ:
        if any(part in name for part in _OUTSIDE):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget afterwards the secrets that a test makes known."""
    monkeypatch.setattr(redaction, "_KNOWN", set(redaction._KNOWN))
