"""From a job to a file: wait, fetch, and say how to go on when it breaks off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from motionkit import codec, registry
from motionkit.cli.show import Screen
from motionkit.cli.words import charged, short
from motionkit.client import Client
from motionkit.errors import Billed, DownloadFailed, WaitTimeout
from motionkit.ledger import Entry
from motionkit.model import Job, Result, State
from motionkit.request import argument

_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST_STEM = 40


def interrupted(job: Job, *, kept: bool) -> WaitTimeout:
    """Return what Ctrl-C means while a job runs.

    Args:
        job: The job.
        kept: Whether the journal here has it.
    """
    return WaitTimeout(
        f"interrupted; job {job.id} at {job.account} still runs",
        provider=job.provider,
        account=job.account,
        billed=Billed.UNKNOWN,
        job=job,
        hint=_go_on(job, kept=kept),
    )


def _go_on(job: Job, *, kept: bool) -> str:
    if not kept:
        return "give 'motionkit wait' the same job again"
    name = short(job.key)
    return f"go on with 'motionkit resume {name}' or 'motionkit wait {name} --out FILE'"


def wait(
    screen: Screen, client: Client, job: Job, *, timeout: float | None, kept: bool = True
) -> Result:
    """Wait for a job under the user's eyes.

    Raises:
        WaitTimeout: The deadline passed or Ctrl-C was pressed; says how to go on.
        MotionKitError: As `Client.wait`.
    """
    try:
        with screen.following(job) as watch:
            result = client.wait(job, timeout=timeout, watch=watch)
    except WaitTimeout as error:
        error.hint = _go_on(job, kept=kept)
        raise
    except KeyboardInterrupt:
        raise interrupted(job, kept=kept) from None
    screen.fact("cost", charged(result.cost), style="bold")
    return result


def fetch(
    screen: Screen, client: Client, result: Result, path: Path, *, overwrite: bool = False
) -> Path:
    """Fetch a result's main file.

    Raises:
        DownloadFailed: It is not here yet; the result is safe at the vendor.
    """
    try:
        with screen.busy(f"fetching {path.name}"):
            return client.download(result, path, overwrite=overwrite)
    except KeyboardInterrupt:
        raise DownloadFailed(
            f"interrupted while {path.name} was fetched",
            billed=Billed.YES,
            job=result.job,
        ) from None


def hand_over(screen: Screen, result: Result, path: Path | None) -> None:
    """Print the answer: the file, or where it can be fetched."""
    job = result.job
    data = {
        "key": job.key,
        "job": job.id,
        "account": job.account,
        "model": job.model,
        "operation": job.operation,
        "state": State.SUCCEEDED.value,
        "seconds": result.seconds,
        "cost": codec.unstructure(result.cost) if result.cost else None,
    }
    if path is None:
        screen.answer({**data, "url": result.url}, result.url)
    else:
        screen.answer({**data, "file": str(path.absolute())}, str(path))


def default_target(description: Mapping[str, Any], folder: Path | None = None) -> Path:
    """Return a file that does not exist, named after the media of a request.

    Args:
        description: From `Request.describe`, or a journal's entry.
        folder: Where; the working directory when None.
    """
    media = frozenset().union(*(kind.media_arguments() for kind in registry.operations()))
    stems = [_stem(str(label)) for name, label in description.items() if argument(name) in media]
    stem = "-".join(stem for stem in stems if stem) or str(description.get("operation", "result"))
    return free(Path(folder or ".") / f"{stem}.mp4")


def _stem(label: str) -> str:
    """Return the usable part of a file's name or of an address's last step."""
    name = urlsplit(label).path if "://" in label else label
    return _UNFIT.sub("_", PurePosixPath(name).stem).strip("._")[:_LONGEST_STEM]


def owed_target(entry: Entry) -> Path:
    """Return where a purchase's file goes: where it was wanted, or a name like it that is free."""
    return free(Path(entry.out)) if entry.out else default_target(entry.description)


def free(path: Path) -> Path:
    """Return the path, or the first of ``name-2``, ``name-3``, ... that does not exist."""
    return next(candidate for candidate in _numbered(path) if not candidate.exists())


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
