"""The environment of the tests of batches holds nothing of the machine's own."""

from __future__ import annotations

from isolation import clean_environment, own_secrets  # noqa: F401 - fixtures
