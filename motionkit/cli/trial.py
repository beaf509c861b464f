"""A folder for trying motionkit in the sandbox: configuration, picture, clip, a first film."""

from __future__ import annotations

import importlib.util
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import motionkit as mk
from motionkit import config
from motionkit.cli import buy, delivery, exit_codes
from motionkit.cli.records import Running
from motionkit.cli.sandbox import sandbox_module
from motionkit.cli.screen import Screen
from motionkit.cli.serving import listening
from motionkit.client import inspect_media
from motionkit.config import FILE_NAME, Origin, documented
from motionkit.errors import InvalidRequest
from motionkit.storage import literal

if TYPE_CHECKING:
    from motionkit.sandbox import Sandbox

PORT = 8787
"""The sandbox's usual port."""
_QUALITY = "540p"
SPEED = 20.0
"""How much faster than real time the sandbox runs, as 'motionkit sandbox' does."""

_HEAD = """\
# A trial of motionkit: everything goes to the sandbox on this machine. No keys, no money.
# It has to run: 'motionkit sandbox{port}' in another terminal, until Ctrl-C.

journal = "journal.db"               # the trial's own record of jobs

[defaults]
lateness = 0.2                       # the sandbox is fast, and its calls are free

[routes.default]                     # none of your own accounts
targets = [{targets}]
"""
_ACCOUNT = """
[accounts.{name}]
provider = "{vendor}"
api_key = "{key}"
base_url = "{url}"
"""


def set_up(screen: Screen, folder: Path, port: int, *, film: bool) -> int:
    """Create the folder if it is missing, and a first film if wanted.

    Args:
        screen: The output.
        folder: Where; files that are there stay.
        port: Where the sandbox listens.
        film: Whether to make the film without asking.

    Raises:
        InvalidRequest: The folder cannot be written.
        ConfigError: The extra of the sandbox is missing.
    """
    module = sandbox_module()
    port_option = "" if port == PORT else f" --port {port}"
    try:
        made = list(_files(module, folder, port, port_option))
    except OSError as error:
        raise InvalidRequest(
            f"out: {error.filename or folder}: {error.strerror}", field="out", value=str(folder)
        ) from error
    for path, new in made:
        screen.fact("made" if new else "kept", str(path), style="green" if new else "")
    options = f"--quality {_QUALITY} --out film.mp4"
    if film or (screen.asks and screen.agreed("make a first film now?", default=True)):
        saved = _film(screen, module, folder, port)
        screen.answer({"folder": str(folder.absolute()), "film": str(saved.absolute())}, str(saved))
        options = "--quality 360p --out another.mp4"
    else:
        screen.answer({"folder": str(folder.absolute()), "film": None}, str(folder))
    screen.note("")
    screen.note("Next, in one terminal:")
    screen.command("  motionkit sandbox" + port_option)
    screen.note("and in another:")
    screen.command(f"  cd {shlex.quote(str(folder))}")
    screen.command("  motionkit mimic --image picture.png --video clip.mp4 \\")
    screen.command(f"      {options}")
    screen.command("  motionkit jobs")
    screen.note("With keys: 'motionkit init'. Delete the folder to end the trial.")
    return exit_codes.DONE


def _files(module: Any, folder: Path, port: int, option: str) -> Iterator[tuple[Path, bool]]:
    """Write the missing files; yield each file, and whether it is new."""
    file = folder / FILE_NAME
    folder.mkdir(parents=True, exist_ok=True)
    if new := not file.exists():
        config.write_private(file, _configuration(module, port, option))
        config.trust_file(config.read_file(file, Origin.FOUND))
    yield file, new
    dotenv = folder / ".env"
    if importlib.util.find_spec("dotenv") is not None:
        if new := not dotenv.exists():
            config.write_private(dotenv, f"MOTIONKIT_SANDBOX_SPEED={SPEED:g}\n")
            found = config.untrusted_dotenv(config.read_file(file, Origin.FOUND))
            if found is not None:
                config.trust_file(found)
        yield dotenv, new
    for path, make in (
        (folder / "picture.png", module.sample_picture),
        (folder / "clip.mp4", module.sample_clip),
    ):
        if new := not path.exists():
            path.write_bytes(make())
        yield path, new


def _configuration(module: Any, port: int, option: str) -> str:
    url = f"http://127.0.0.1:{port}"
    with module.Sandbox() as served:  # for a moment: it knows its keys
        environment, vendors = served.environment, list(served.accounts)
    targets = ", ".join(f'"trial-{vendor}"' for vendor in vendors)
    return _HEAD.format(port=option, targets=targets) + "".join(
        _ACCOUNT.format(
            name=f"trial-{vendor}",
            vendor=vendor,
            key=environment[documented(vendor)[0]],
            url=url,
        )
        for vendor in vendors
    )


@contextmanager
def _serving(module: Any, port: int) -> Iterator[None]:
    """Serve the sandbox at its port inside the block, unless one is there already."""
    if _is_served(port):
        yield
        return
    served: Sandbox = module.Sandbox(port=port, speed=SPEED, seed=None)
    with listening("127.0.0.1", port):
        served.start()
    try:
        yield
    finally:
        served.close()


def _is_served(port: int) -> bool:
    """Return whether a sandbox listens there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/_sandbox/ledger", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _film(screen: Screen, module: Any, folder: Path, port: int) -> Path:
    """Make a film of the folder's picture and clip; the sandbox runs for as long."""
    found = attrs.evolve(config.load(folder / FILE_NAME), sandbox_speed=SPEED)
    request = mk.Mimic(image=folder / "picture.png", video=folder / "clip.mp4", quality=_QUALITY)
    out = delivery.free(folder / "film.mp4")
    with _serving(module, port), mk.Client(found) as client:
        facts = inspect_media(request)
        _, files = buy.deliver(
            screen, client, request, Running(out=literal(str(out)), new=True, yes=True), facts
        )
    return Path(files[0])
