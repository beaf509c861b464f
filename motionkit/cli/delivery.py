"""From a job to a file: wait, download, and say how to resume after an interruption."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import attrs

from motionkit import client as clients
from motionkit import storage
from motionkit.cli.format import charged, media_of, reason, short
from motionkit.cli.screen import Screen
from motionkit.client import Client
from motionkit.errors import Billed, DownloadFailed, InvalidRequest, MotionKitError, WaitTimeout
from motionkit.journal import PurchaseRecord, retried
from motionkit.model import codec
from motionkit.model.containers import RESULT_SUFFIXES, usual_suffix
from motionkit.model.events import Delivered
from motionkit.model.job import Job, Output, Result, State, utcnow

FRAME = "keyframe"
"""The label of the output that is the frame on which masks were selected, not a mask."""

_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST_STEM = 40
_MOST_STEMS = 3


def interrupted(job: Job, *, kept: bool) -> WaitTimeout:
    """Return the error for Ctrl-C while a job runs; `kept` if the journal here has it."""
    return WaitTimeout(
        f"interrupted; job {job.id} at {job.account} still runs",
        provider=job.provider,
        account=job.account,
        billed=Billed.UNKNOWN,
        job=job,
        hint=how_to_resume(job, kept=kept),
    )


def how_to_resume(job: Job, *, kept: bool) -> str:
    """Return the commands that resume a job; `kept` if the journal here has it."""
    if not kept:
        return "give the same job to 'motionkit wait' again"
    name = short(job.key)
    return f"'motionkit resume {name}' or 'motionkit wait {name} --out FILE' picks it up"


def wait(
    screen: Screen, client: Client, job: Job, *, timeout: float | None, kept: bool = True
) -> Result:
    """Wait for a job and show its states.

    Raises:
        WaitTimeout: The deadline passed or Ctrl-C was pressed; the hint says how to resume.
        MotionKitError: As `Client.wait`.
    """
    try:
        with screen.following(job, clients.usual(client, job)) as watch:
            result = client.wait(job, timeout=timeout, watch=watch)
    except WaitTimeout as error:
        error.hint = how_to_resume(job, kept=kept)
        raise
    except KeyboardInterrupt:
        raise interrupted(job, kept=kept) from None
    screen.fact("cost", charged(result.cost), style="bold")
    return result


def parsed(text: str | None) -> Path | storage.Out | None:
    """Return what ``--out`` names: a local file, or a place whose names are filled in later.

    Raises:
        InvalidRequest: A placeholder is not known.
    """
    if text is None:
        return None
    out = storage.Out.parse(text)
    if out.path is None:
        return out
    return out.path if text.startswith("file://") else Path(storage.plain(text))


def template(text: str) -> str:
    """Return what ``--out`` names as text to which a take's number can be added."""
    out = storage.Out.parse(text)
    return text if out.path is not None else out.text


def place(
    text: str | None, *, overwrite: bool, kind: str | None = None
) -> Path | storage.Out | None:
    """Return what ``--out`` names, after a check that a result could be saved there.

    Raises:
        InvalidRequest: It could not, or a placeholder is not known.
        ConfigError: No installed package can write to the URL.
    """
    if text is not None:
        clients.check_out(text, overwrite=overwrite, kind=kind)
    return parsed(text)


def text_of(out: Path | storage.Out) -> str:
    """Return a place as `Client.submit` takes it."""
    return out.text if isinstance(out, storage.Out) else storage.literal(str(out))


def _placed(
    screen: Screen, client: Client, result: Result, out: storage.Out, *, overwrite: bool
) -> tuple[Path | str, ...]:
    """Deliver all files to a place, the main one last."""
    files: list[Path | str] = []
    for number in range(len(result.outputs) - 1, -1, -1):
        text = out.text
        if number:
            text = storage.numbered(text, number + 1)
            if out.chosen:
                stem, _, _ = text.rpartition(".")
                text = f"{stem or text}{storage.suffix(result.outputs[number])}"
        with screen.busy("downloading and storing" if out.url else "downloading"):
            saved = client.deliver(result, text, overwrite=overwrite, output=number)
        files.append(saved.path or saved.place)
    return tuple(reversed(files))


Place = Path | storage.Out | Callable[[PurchaseRecord], Path | storage.Out]
"""Where a result goes, or what chooses the place of a purchase whose command names none."""


def fetch(
    screen: Screen,
    client: Client,
    result: Result,
    path: Place,
    *,
    overwrite: bool = False,
) -> tuple[Result, tuple[Path | str, ...]]:
    """Download a result's files: the main one to `path`, the others beside it as ``NAME-2``, ...

    Waits while another process delivers this job. What that one saved in the same place, or in
    any place where the command names none, is not downloaded again.

    Returns:
        The result with the outputs that the files are of, and the files or their URLs.

    Raises:
        DownloadFailed: A download failed; the vendor still has the result.
        InvalidRequest: The file exists and is not this job's.
    """
    # Whoever names a file gets it, even while another process hangs; the file's own lock is enough.
    others = clients.alone(clients.journal_of(client), result.job, pause)
    try:
        with nullcontext() if isinstance(path, Path) else others:
            entry = record(client, result.job.key)
            named = isinstance(path, storage.Out) and entry is not None and entry.out == path.text
            if named or callable(path):
                first = delivered(entry, result)
                if first is not None:
                    return first
            place = path(entry or client.jobs.get(result.job.key)) if callable(path) else path
            return _saved(screen, client, result, place, overwrite=overwrite)
    except KeyboardInterrupt:
        raise DownloadFailed(
            f"interrupted while downloading {getattr(path, 'name', 'a file')}",
            billed=Billed.YES,
            job=result.job,
        ) from None


def _saved(
    screen: Screen,
    client: Client,
    result: Result,
    path: Path | storage.Out,
    *,
    overwrite: bool,
) -> tuple[Result, tuple[Path | str, ...]]:
    """Download to a place, after whoever else writes to it; see `fetch`."""
    tried_again = False
    while True:
        try:
            if isinstance(path, storage.Out):
                return result, _placed(screen, client, result, path, overwrite=overwrite)
            return result, _fetched(screen, client, result, path, overwrite=overwrite)
        except (DownloadFailed, InvalidRequest) as error:
            busy = isinstance(error.__cause__, BlockingIOError)
            if isinstance(path, Path):
                first = delivered(record(client, result.job.key), result)
                if first is not None and first[1] == (path.absolute(),):
                    return first
                # A file that just appeared may be this job's, and the journal written right after.
                if not busy and (tried_again or overwrite or not os.path.lexists(path)):
                    raise
            elif not busy:
                raise
            tried_again = not busy
        pause()


def pause() -> None:
    """Wait before another try for a file that another process is downloading."""
    time.sleep(0.5)


def _fetched(
    screen: Screen, client: Client, result: Result, path: Path, *, overwrite: bool
) -> tuple[Path, ...]:
    """Download all files, the main one last: it marks the purchase as delivered."""
    fetched = []
    for number in range(len(result.outputs) - 1, -1, -1):
        target = path if number == 0 else _beside(path, number, result, overwrite=overwrite)
        with screen.busy(f"downloading {target.name}"):
            fetched.append(client.download(result, target, overwrite=overwrite, output=number))
    return tuple(reversed(fetched))


def record(client: Client, key: str) -> PurchaseRecord | None:
    """Return the purchase of exactly this key, or its paid retry; None without one."""
    try:
        entry = client.jobs.get(key)
    except InvalidRequest:
        return None
    return entry if key in {entry.key, retried(entry.key)} else None


def delivered(
    entry: PurchaseRecord | None, result: Result
) -> tuple[Result, tuple[Path | str, ...]] | None:
    """Return the result with its main output only, and the delivered file if it is still that.

    The journal has the path or URL of the main file only.

    Raises:
        DownloadFailed: It is in a store that does not answer.
    """
    if entry is not None and storage.is_url(entry.delivered or ""):
        url = entry.delivered or ""
        main = attrs.evolve(result, outputs=result.outputs[:1])
        return (main, (url,)) if clients.is_stored(url) else None
    if entry is None or not entry.delivered or not _is_delivered(Path(entry.delivered), entry):
        return None
    return attrs.evolve(result, outputs=result.outputs[:1]), (Path(entry.delivered),)


def again(
    screen: Screen,
    client: Client,
    entry: PurchaseRecord,
    out: Path | storage.Out | None,
    *,
    overwrite: bool,
) -> tuple[Result, tuple[Path | str, ...]]:
    """Deliver a purchase again, to `out` or as before; if its file still exists, change nothing.

    Raises:
        InvalidRequest: Another file is in the way.
        MotionKitError: The file is missing and the vendor no longer has it.
    """
    job, kept = entry.job, Path(entry.delivered or "")
    if job is None:
        raise InvalidRequest(f"{entry.key} has no job", field="key", value=entry.key)
    if isinstance(out, storage.Out) or storage.is_url(entry.delivered or ""):
        return _again_placed(screen, client, entry, job, out, overwrite=overwrite)
    whole = _is_delivered(kept, entry)
    path = again_target(entry, out, overwrite=overwrite)
    recorded = Result(job, (Output(kept.as_uri()),), entry.cost, path=entry.path)
    if _is_delivered(path, entry):
        return recorded, (path,)
    try:
        result = client.result(job)
        return fetch(screen, client, result, path, overwrite=overwrite)
    except MotionKitError as error:
        if not whole:
            raise
        screen.note(f"{error.message}: copying {kept} instead")
        copy(kept, path)
        return recorded, (path,)


def _again_placed(
    screen: Screen,
    client: Client,
    entry: PurchaseRecord,
    job: Job,
    out: Path | storage.Out | None,
    *,
    overwrite: bool,
) -> tuple[Result, tuple[Path | str, ...]]:
    """Deliver again where an old or a new place is a store, or has placeholders."""
    kept = entry.delivered or ""
    there = clients.is_stored(kept) if storage.is_url(kept) else _is_delivered(Path(kept), entry)
    if there and (out is None or (isinstance(out, storage.Out) and out.text == entry.out)):
        recorded = Output(kept if storage.is_url(kept) else Path(kept).as_uri())
        result = Result(job, (recorded,), entry.cost, path=entry.path)
        return result, (kept if storage.is_url(kept) else Path(kept),)
    wanted = out or (
        storage.Out.recorded(entry.out) if entry.out else storage.Out.parse(storage.literal(kept))
    )
    return fetch(screen, client, client.result(job), wanted, overwrite=overwrite)


def again_target(entry: PurchaseRecord, out: Path | None, *, overwrite: bool) -> Path:
    """Return the file that `again` writes or keeps.

    Raises:
        InvalidRequest: Another file is in the way.
    """
    kept = Path(entry.delivered or "")
    path = out or (kept if _is_delivered(kept, entry) else free(kept))
    if _is_delivered(path, entry):
        return path
    if not overwrite and os.path.lexists(path):
        raise InvalidRequest(
            f"out: {str(path)!r} exists and is not the file that {short(entry.key)} delivered; "
            "choose another file, or pass --overwrite",
            field="out",
            value=str(path),
            limit="the delivered file, or one that does not exist",
        )
    clients.check_target(path, overwrite=overwrite)
    return path


def _is_delivered(path: Path, entry: PurchaseRecord) -> bool:
    """Return whether a file is the one that a purchase delivered."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    except OSError:
        return False


def copy(source: Path, target: Path) -> None:
    """Copy a file, replacing the target atomically.

    Raises:
        DownloadFailed: The target cannot be written.
    """
    import shutil  # noqa: PLC0415 - most results are downloaded
    import tempfile  # noqa: PLC0415 - most results are downloaded

    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".motionkit-") as folder:
            shutil.copyfile(source, Path(folder) / target.name).replace(target)
    except OSError as error:
        raise DownloadFailed(
            f"cannot write {target}: {reason(error)}", billed=Billed.YES
        ) from error


def _beside(path: Path, number: int, result: Result, *, overwrite: bool) -> Path:
    """Return the file of an output other than the main one."""
    target = renamed(path, f"-{number + 1}{storage.suffix(result.outputs[number])}")
    return target if overwrite else free(target)


def hand_over(screen: Screen, result: Result, files: Sequence[Path | str]) -> None:
    """Print the result: the files, or their URLs."""
    job = result.job
    data = {
        "event": Delivered.name if files else "result",
        "time": utcnow(),
        "key": job.key,
        "job": job.id,
        "account": job.account,
        "model": job.model,
        "operation": job.operation,
        "state": State.SUCCEEDED.value,
        "seconds": result.seconds,
        "cost": codec.unstructure(result.cost),
    }
    where = [str(file) for file in files] or [output.url for output in result.outputs]
    whole = [str(one.absolute() if isinstance(one, Path) else one) for one in files] or where
    what = "file" if files and not isinstance(files[0], str) else "url"
    data[what] = whole[0]
    named = any(output.id or output.label for output in result.outputs)
    if len(whole) > 1 or named:
        data[f"{what}s"] = [
            {what: place, "kind": output.kind, "label": output.label, "id": output.id}
            for place, output in zip(whole, result.outputs, strict=True)
        ]
    if named and not screen.json:
        rows = [
            [
                "" if output.label == FRAME else str(index),
                output.label or "",
                output.id or "",
                place,
            ]
            for index, (place, output) in enumerate(zip(where, result.outputs, strict=True))
        ]
        screen.rows([], ["#", "NAME", "ID", what.upper()], rows)
    else:
        screen.answer(data, "\n".join(where))


def default_target(
    description: Mapping[str, Any], folder: Path | str = ".", kind: str = "video"
) -> Path:
    """Return a file that does not exist, named after the inputs that `Request.describe` returns."""
    return free(Path(folder) / f"{_default_stem(description)}{usual_suffix(kind)}")


def _default_stem(description: Mapping[str, Any]) -> str:
    stems = [_stem(label) for label in media_of(description).values()]
    stem = "-".join([stem for stem in stems if stem][:_MOST_STEMS])
    return stem or str(description.get("operation", "result"))


def fitting(path: Path, description: Mapping[str, Any], result: Result) -> Path:
    """Return the path with the suffix of the result, if its name is a default one."""
    stem, ending = _default_stem(description), storage.suffix(result.outputs[0])
    usual = path.suffix in map(usual_suffix, RESULT_SUFFIXES)
    ours = usual and re.fullmatch(rf"{re.escape(stem)}(-\d+)?", path.stem)
    return path.with_name(f"{stem}{ending}") if ours and path.suffix != ending else path


def _stem(label: str) -> str:
    """Return the usable part of a file name or of a URL's last segment."""
    name = urlsplit(label).path if "://" in label else label
    return _UNFIT.sub("_", PurePosixPath(name).stem).strip("._")[:_LONGEST_STEM]


def output_of(
    entry: PurchaseRecord, result: Result, *, taken: Collection[Path] = ()
) -> Path | storage.Out:
    """Return the output file of a purchase, or a free one like it that no download has `taken`.

    A place whose names are filled in later is returned as it is.
    """
    out = storage.Out.recorded(entry.out) if entry.out else None
    if out is not None and out.path is None:
        return out
    path = (out and out.path) or default_target(entry.description)
    return free(fitting(path, entry.description, result), taken)


def free(path: Path, taken: Collection[Path] = ()) -> Path:
    """Return the path, or the first of ``name-2``, ``name-3``, ... that does not exist."""
    numbered = (renamed(path, f"-{n}{path.suffix}") for n in itertools.count(2))
    paths = itertools.chain([path], numbered)
    return next(one for one in paths if not (os.path.lexists(one) or one in taken))


def renamed(path: Path, ending: str) -> Path:
    """Return the path with another ending of its name, cut where that gets too long."""
    stem = path.stem
    while stem and not clients.fits(stem + ending):
        stem = stem[:-1]
    return path.with_name(stem + ending)
