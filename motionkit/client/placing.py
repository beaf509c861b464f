"""Save results: as local files, or as objects in stores behind URLs."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.redaction import redact_urls
from motionkit._support.system import state_folder
from motionkit.errors import ConfigError, DownloadFailed, InvalidRequest
from motionkit.http import Downloaded, PartialFile, check_target, wrong_ending
from motionkit.journal import Journal, PurchaseRecord
from motionkit.model.job import Job
from motionkit.provider import operations
from motionkit.storage import Out, Place, check_credentials, numbered, plain

log = logging.getLogger("motionkit")

_TRIES = 100
"""Names of a store that are tried where other machines take them one after the other."""
_STEMS = 3
"""Names of media that make the name of a result."""
_LONGEST_STEM = 40


@attrs.frozen(repr=False)
class Saved(Displayed):
    """A result's file at its destination.

    Attributes:
        place: Its absolute path, or its URL.
        size: Bytes.
        sha256: Of the content.
        path: The local file; None for one behind a URL.
    """

    place: str
    size: int
    sha256: str
    path: Path | None = None

    def __shown__(self) -> Iterator[tuple[str, object]]:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        yield "file", self.place if self.path is None else html.film(self.path)
        yield "size", f"{self.size:,} bytes"
        yield "sha256", self.sha256


def check_out(value: str | os.PathLike[str], *, overwrite: bool, kind: str | None = None) -> Out:
    """Refuse a place where no result could be saved, before anything is paid.

    Args:
        value: A path, a folder or a URL, with or without placeholders.
        overwrite: Whether a file that is there may be replaced.
        kind: ``video``, ``image`` or ``audio``: what will be saved; None if unknown.

    Raises:
        InvalidRequest: It is refused.
        ConfigError: No installed package can write to the URL.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InvalidRequest.expected("out", value, "a path, a folder or a URL")
    out = Out.parse(value)
    if out.path is not None:
        given = os.fspath(value)  # messages name it as it was given
        path = out.path if given.startswith("file://") else Path(plain(given))
        check_target(path, overwrite=overwrite, kind=kind)
        return out
    if out.ending and (wrong := wrong_ending(Path(f"a{out.ending}"), kind)):
        raise InvalidRequest(f"out: {redact_urls(os.fspath(value))!r} {wrong}", field="out")
    if not out.url:
        check_target(Path(out.folder) / "motionkit.part", overwrite=True)
        return out
    check_credentials(out.text)
    Place(out.folder).check()
    if out.chosen and not overwrite:
        _refuse_existing(*_split(out.fill({}, "")))
    return out


def _split(address: str) -> tuple[Place, str]:
    folder, _, name = address.rpartition("/")
    return Place(folder), name


def _refuse_existing(place: Place, name: str) -> None:
    if place.has(name):
        address = redact_urls(place.address(name))
        raise InvalidRequest(
            f"out: {address!r} exists; name another file or allow overwriting",
            field="out",
            value=address,
            limit="a file that does not exist",
        )


def values_of(job: Job, entry: PurchaseRecord | None) -> dict[str, str]:
    """Return the value of each placeholder but ``ext``, for a job's result."""
    submitted = job.submitted_at
    labels = {} if entry is None else entry.labels
    return {
        "key": job.key or job.id,
        "model": job.model,
        "account": job.account,
        "provider": job.provider,
        "target": f"{job.account}-{job.model}",
        "operation": job.operation,
        "job": job.id,
        "date": f"{submitted:%Y-%m-%d}",
        "time": f"{submitted:%H%M%S}",
        "inputs": job.operation if entry is None else _inputs(entry.description) or job.operation,
        "take": str((entry.take if entry is not None else None) or 1),
        **{f"label:{name}": value for name, value in labels.items()},
    }


def _inputs(description: Mapping[str, object]) -> str:
    kinds = [kind for kind in operations() if kind.operation == description.get("operation")]
    names = frozenset().union(*(kind.media_arguments() for kind in kinds))
    found = (str(one) for name, one in description.items() if name.partition("[")[0] in names)
    stems = [_stem(label) for label in found if not label.startswith("<")]  # bytes have no name
    return "-".join([stem for stem in stems if stem][:_STEMS])


def _stem(label: str) -> str:
    """Return the usable part of a file name or of a URL's last segment."""
    name = urlsplit(label).path if "://" in label else label
    return PurePosixPath(name).stem[:_LONGEST_STEM]


def local_path(out: Out, values: Mapping[str, str], suffix: str, *, overwrite: bool) -> Path:
    """Return the local file of a result; a name of placeholders gets a number while it is taken."""
    name = out.fill(values, suffix)
    if out.chosen or overwrite:
        return Path(name)
    return Path(_free(name, os.path.lexists))


def _free(name: str, taken: Callable[[str], bool]) -> str:
    free, number = name, 1
    while taken(free):
        number += 1
        free = numbered(name, number)
    return free


def send(
    out: Out,
    values: Mapping[str, str],
    suffix: str,
    fetch: Callable[[Path], Downloaded],
    *,
    kept: Path,
    overwrite: bool,
) -> Saved:
    """Download a result, check it, and put it into a store; where that fails, keep it here.

    Args:
        out: Where it goes.
        values: Those of the placeholders.
        suffix: The ending of the result.
        fetch: Downloads it to a path.
        kept: The folder where it is until it is there; a file that an earlier try left there is
            not downloaded again.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        DownloadFailed: The vendor, or the store, failed; the message names the file here.
        InvalidRequest: There is such a file, which may not be replaced.
    """
    place, name = _split(out.fill(values, suffix))
    found = _left(kept)
    with _store(place):
        # Killed between the write and the journal, an earlier try has put it there.
        if found is not None and place.has(name) and place.digest(name) == found.sha256:
            return Saved(place.address(name), found.size, found.sha256)
        if not overwrite and out.chosen:
            _refuse_existing(place, name)
    if found is None:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        fetched = fetch(kept / f"result{suffix}")
        path = kept / f"{fetched.sha256}{fetched.path.suffix}"
        fetched.path.replace(path)
        found = attrs.evolve(fetched, path=path)
    try:
        address = _put(place, name, found.path, kept.parent, chosen=out.chosen, overwrite=overwrite)
    except DownloadFailed as error:
        raise DownloadFailed(f"{error.message}; the file is kept as {found.path}") from error
    return Saved(address, found.size, found.sha256)


def _put(
    place: Place, name: str, file: Path, folder: Path, *, chosen: bool, overwrite: bool
) -> str:
    """Write a file into a store under a name that is free; return its address.

    Args:
        place: The store's folder.
        name: The name that is wanted.
        file: The local file.
        folder: Where the claims are.
        chosen: Whether no number may be added to the name.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        DownloadFailed: A chosen name was taken meanwhile, or the store failed.
        InvalidRequest: A chosen name is taken, and may not be replaced.
    """
    for _ in range(_TRIES):
        with _claimed(place, name, folder, chosen=chosen, overwrite=overwrite) as free:
            try:
                return place.put(file, free, new=not overwrite)
            except FileExistsError:  # another machine was faster: a further look sees its object
                taken = redact_urls(place.address(free))
        if chosen:
            break
    raise DownloadFailed(f"{taken} was written by another machine meanwhile")


@contextmanager
def _claimed(
    place: Place, name: str, folder: Path, *, chosen: bool, overwrite: bool
) -> Iterator[str]:
    """Yield a name in a store that no other thread or process of this machine writes meanwhile.

    Not every store can be asked to refuse an object that exists: between the look and the write
    another delivery could take the name, and one of two paid files would be gone.

    Args:
        place: The store's folder.
        name: The name that is wanted.
        folder: Where the claims are.
        chosen: Whether no number may be added to it.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        DownloadFailed: A chosen name is being written, or the store does not answer.
        InvalidRequest: A chosen name is taken, and may not be replaced.
    """
    own, number = name, 1
    while True:
        claim = hashlib.sha256(place.address(own).encode()).hexdigest()
        with ExitStack() as stack:
            try:
                stack.enter_context(PartialFile(folder / claim))
            except DownloadFailed:
                if chosen or overwrite:
                    raise DownloadFailed(
                        f"{redact_urls(place.address(own))} is being written by another delivery"
                    ) from None
            else:
                with _store(place):
                    taken = not overwrite and place.has(own)
                if not taken:
                    yield own
                    return
                if chosen:
                    _refuse_existing(place, own)
        number += 1
        own = numbered(name, number)


@contextmanager
def _store(place: Place) -> Iterator[None]:
    """Translate a store package's errors into ours: the packages share no base class."""
    try:
        yield
    except (InvalidRequest, ConfigError):
        raise
    except Exception as error:
        raise DownloadFailed(f"{redact_urls(place.out)} does not answer: {error}") from error


def kept_folder(job: Job, output: int) -> Path:
    """Return the folder that holds a result until it is in its store.

    Raises:
        ConfigError: The user has no home folder.
    """
    named = hashlib.sha256(f"{job.fingerprint}\0{job.id}\0{output}".encode()).hexdigest()[:32]
    try:
        return state_folder() / "results" / named
    except ValueError as error:
        raise ConfigError(str(error)) from None


@contextmanager
def alone(
    journal: Journal, job: Job, wait: Callable[[], None] = lambda: time.sleep(0.5)
) -> Iterator[None]:
    """Keep other processes with this journal, on this machine, from delivering a job meanwhile.

    Where the lock cannot be written, it goes without: a paid file does not depend on it.

    Args:
        journal: The journal; the lock is beside its file.
        job: The job.
        wait: Called before each new try while another process has the lock.
    """
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(PartialFile(_lock(journal, job)))
            except (ConfigError, DownloadFailed, OSError) as error:
                if isinstance(error.__cause__, BlockingIOError):
                    wait()
                    continue
                log.info("%s: delivered without a lock: %s", job.key, error)
            break
        yield


def _lock(journal: Journal, job: Job) -> Path:
    kept = kept_folder(job, 0)
    if journal.path is not None:
        return journal.path.with_name(f"{journal.path.name}-{kept.name}")
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return kept


def _left(folder: Path) -> Downloaded | None:
    """Return a complete file of an earlier attempt; its name is its digest."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if len(path.stem) == hashlib.sha256().digest_size * 2:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest == path.stem:
                return Downloaded(path, path.stat().st_size, digest)
    return None


def forget(folder: Path) -> None:
    """Remove a result that has reached its store; what cannot be removed stays."""
    # It is delivered. Another process that delivers the same job may remove it, or download to it.
    with suppress(OSError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def is_stored(url: str) -> bool:
    """Return whether a stored file still exists at its URL.

    Raises:
        DownloadFailed: The store does not answer.
        ConfigError: No installed package can read it.
    """
    place, name = _split(url)
    with _store(place):
        return place.has(name)
