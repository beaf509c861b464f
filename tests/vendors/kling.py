"""Kling: an attempt id of ours in the body, a key or a pair that signs."""

from __future__ import annotations

from vendors.record import Probe

PROBES: dict[str, Probe] = {
    "access_key": Probe("nothing", refused=('"planted-text"', '"${HOME}"')),
    "usd_per_unit": Probe("nothing", '"0.14"', ('"0.140"',), ('"0.01"', '"0"')),
}
