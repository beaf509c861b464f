"""The verb `demo`: from an image and a clip to a video, in the local sandbox."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import attrs

import motionkit as mk
from motionkit._support.text import duration
from motionkit.cli import buy, delivery, exit_codes
from motionkit.cli.format import charged, likely, quoted
from motionkit.cli.options import Json
from motionkit.cli.parameters import Option
from motionkit.cli.records import Running
from motionkit.cli.sandbox import sandbox_module
from motionkit.cli.screen import Screen, error_data
from motionkit.client import Client, inspect_media, registry
from motionkit.config import Account, Config, Defaults, documented
from motionkit.errors import MotionKitError, Unsupported
from motionkit.model import codec
from motionkit.model.money import dollars
from motionkit.storage import literal

if TYPE_CHECKING:
    from motionkit.sandbox import Sandbox

_LINES = 640
"""Height of the clip in pixels: the least that every vendor takes."""


_WIDE = 120
"""Columns of a terminal that shows a row of the results in one line."""


@attrs.frozen
class _Ran:
    """What came of the request at one vendor.

    Attributes:
        data: The row as data.
        cells: The row of a wide table.
        few: The row of a narrow one.
    """

    data: Mapping[str, Any]
    cells: list[Any]
    few: list[Any]


def demo(
    out: Annotated[
        Path, Option(metavar="DIR", help="Folder for the videos; nothing is overwritten.")
    ] = Path("motionkit-demo"),
    speed: Annotated[
        float, Option(min=0.001, help="Time acceleration factor; 1 is real time.")
    ] = 60.0,
    everywhere: Annotated[
        bool, Option("--all", help="Run it at every vendor, not only at the first ones.")
    ] = False,
    json: Json = False,
) -> int:
    """Run one request at vendors of the local sandbox. No key, no files, no charges.

    The sandbox, the sample inputs and the journal are temporary; the videos are kept.
    """
    screen = Screen(json=json)
    module = sandbox_module()
    screen.note("a local sandbox replaces the vendors: no network, no money", style="green")
    rows, codes = [], [exit_codes.DONE]
    with TemporaryDirectory() as name, module.Sandbox(speed=speed) as served:
        folder = Path(name)
        request = mk.Mimic(
            image=_write(folder / "picture.png", module.sample_picture()),
            video=_write(folder / "clip.mp4", module.sample_clip(height=_LINES)),
            quality="540p",
        )
        fetched = mk.Mimic(
            image=served.publish("picture.png", module.sample_picture()),
            video=served.publish("clip.mp4", module.sample_clip(height=_LINES)),
            quality="540p",
        )
        with mk.Client(_configuration(folder, served)) as client:
            accounts = list(client.config.accounts)
            first = [one for one in accounts if one in registry.first_names()]
            chosen = accounts if everywhere or not first else first
            for account in chosen:
                screen.note("")
                try:
                    try:
                        rows.append(_one(screen, client, request, account, out))
                    except Unsupported:  # it takes no files, and fetches them
                        rows.append(_one(screen, client, fetched, account, out))
                except MotionKitError as error:
                    codes.append(screen.error(error))
                    rows.append(_failed(account, error))
    screen.note("")
    _show(screen, rows)
    more = len(accounts) - len(chosen)
    if more:
        screen.note(f"{more} more vendors: 'motionkit demo --all'")
    return max(codes)


def _show(screen: Screen, rows: Sequence[_Ran]) -> None:
    data = [row.data for row in rows]
    if screen.columns < _WIDE:
        screen.rows(data, ["TARGET", "QUOTE", "COST", "TOOK"], [row.few for row in rows])
    else:
        cells = [row.cells for row in rows]
        screen.rows(data, ["TARGET", "QUOTE", "COST", "TOOK", "FILE"], cells)


def _one(screen: Screen, client: Client, request: mk.Mimic, account: str, out: Path) -> _Ran:
    """Run the request at one account."""
    facts = inspect_media(request)
    explanation = client.explain(request, via=account, facts=facts)
    path = delivery.free(out / f"{account}.mp4")
    began = time.monotonic()
    silent = attrs.evolve(screen, events=False)
    named = Running(via=account, out=literal(str(path)), yes=True)  # the price of a URL is unknown
    result, files = buy.deliver(silent, client, request, named, facts)
    seconds = time.monotonic() - began
    quote, cost, target = explanation.quote, result.cost, explanation.target
    data = {
        "target": target,
        "quote": codec.unstructure(quote),
        "cost": codec.unstructure(cost),
        "seconds": round(seconds, 1),
        "file": str(path.absolute()),
        "sandbox": True,
    }
    file, took = str(files[0]), duration(seconds)
    paid = None if cost is None else cost.usd
    return _Ran(
        data,
        [target, quoted(quote), charged(cost), took, file],
        [
            [target, f"  {file}"],
            likely(quote) or "unknown",
            charged(cost) if paid is None else dollars(paid),
            took,
        ],
    )


def _failed(account: str, error: MotionKitError) -> _Ran:
    data = {"target": account, "error": error_data(error), "sandbox": True}
    cells = [account, *[""] * 4]
    return _Ran(data, cells, cells[:-1])


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _configuration(folder: Path, served: Sandbox) -> Config:
    """Return the sandbox's accounts only, with a temporary journal: nothing of the user's."""
    environment = served.environment
    accounts = {}
    for vendor, keys in served.accounts.items():
        settings = registry.load(vendor).settings(
            api_key=next(iter(keys.values())), base_url=environment[documented(vendor)[1]]
        )
        accounts[vendor] = Account(vendor, vendor, settings)
    defaults = Defaults(lateness=0.1)  # the sandbox's jobs are fast and its calls free
    return Config(accounts=accounts, defaults=defaults, journal=folder / "journal.db")
