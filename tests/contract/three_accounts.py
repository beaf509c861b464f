"""A client of the sandbox with three accounts, for the tests of routes and budgets."""

from __future__ import annotations

from pathlib import Path

from motionkit import Client, config
from motionkit.sandbox import Sandbox
from motionkit.testing.stage import Time

SECOND_KEY = "second-pixverse-key"


def configured(sandbox: Sandbox, folder: Path, rules: str = "") -> Client:
    """Return a client with three accounts and these rules, whose waiting moves vendor time."""
    keys = sandbox.accounts
    path = folder / "motionkit.toml"
    path.write_text(f"""
journal = "{folder / "journal.db"}"
[accounts.pixverse]
api_key = "{keys["pixverse"]["default"]}"
base_url = "{sandbox.url}"
[accounts.team]
provider = "pixverse"
api_key = "{SECOND_KEY}"
base_url = "{sandbox.url}"
[accounts.segmind]
api_key = "{keys["segmind"]["default"]}"
base_url = "{sandbox.url}"
{rules}
""")
    time = Time(sandbox.advance)
    return Client(config.load(path), sleep=time.sleep, clock=time)
