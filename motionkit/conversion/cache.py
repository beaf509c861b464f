"""The converted media, kept by the digest of original and recipe.

A file appears whole or not at all. Nothing depends on its being there later: what is missing is
made again, and a request is recognised by its originals.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import attrs

from motionkit._support import system
from motionkit._support.system import cache_folder
from motionkit.errors import ConfigError, InvalidRequest, MotionKitError
from motionkit.model import media, probe
from motionkit.model.recipe import Recipe

log = logging.getLogger("motionkit")

MOST_BYTES = 2_000_000_000
"""Bytes of the folder; the files that were not used for longest go first."""
IN_USE = 3600.0
"""Seconds after its last use for which a file stays whatever the folder's size."""


def convert(
    name: str,
    reference: media.File | media.Data,
    recipe: Recipe,
    check: Callable[[], object] = lambda: None,
    *,
    folder: Path | None = None,
) -> tuple[media.File, probe.Facts]:
    """Return the converted media of a recipe, from the cache if possible.

    Args:
        name: The request's field, for errors.
        reference: The original.
        recipe: How it is converted.
        check: Called now and then; what it raises ends the conversion.
        folder: Where the files are kept; the user's cache folder when None.

    Returns:
        The file and its facts, under the original's label.

    Raises:
        InvalidRequest: The original changed, cannot be read to its end, or does not fit after all.
        ConfigError: The folder cannot be used, or what converts media is not installed.
        MotionKitError: This machine could not write the file.
    """
    try:
        folder = cache_folder() / "media" if folder is None else folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the folder for converted media cannot be used: {error}") from error
    path = folder / f"{recipe.digest}.{_SUFFIXES.get(recipe.container, recipe.container)}"
    found = _kept(name, path, recipe)
    if found is not None:
        log.info("%s: %s (converted before)", name, recipe.result(found))
        return media.File(path), found
    while not _TURN.acquire(timeout=1.0):
        check()
    try:
        found = _kept(name, path, recipe)  # another thread may have made the same meanwhile
        facts = found or _converted(name, reference, recipe, path, check)
    finally:
        _TURN.release()
    log.info("%s: %s", name, recipe.result(facts))
    return media.File(path), facts


_TURN = threading.Lock()
"""One conversion at a time: each uses every processor, and much memory."""


def _let_go() -> None:
    """Release the lock in a child process: its holder stays in the parent."""
    global _TURN  # noqa: PLW0603 - a lock cannot be released by whoever does not hold it
    _TURN = threading.Lock()


system.at_fork(after_in_child=_let_go)


def _converted(
    name: str,
    reference: media.File | media.Data,
    recipe: Recipe,
    path: Path,
    check: Callable[[], object],
) -> probe.Facts:
    """Write the file of a recipe, completely or not at all."""
    folder = path.parent
    log.info("%s: converting %s", name, recipe.source.label)
    try:
        import tempfile  # noqa: PLC0415 - most media fit as they are

        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as making:
            made = Path(making) / path.name
            with probe.open_content(reference) as stream:
                _check_original(name, stream, recipe)
                _make(name, stream, recipe, made, check)
            facts = attrs.evolve(probe.inspect(media.File(made), name), label=recipe.source.label)
            _check_made(name, recipe, facts)
            made.chmod(0o600)
            made.replace(path)
    except OSError as error:
        raise MotionKitError(
            f"{name}: {recipe.source.label} was not converted: {error.strerror or error}"
        ) from error
    _make_room(folder, path)
    return facts


_SUFFIXES = {"jpeg": "jpg"}


def _kept(name: str, path: Path, recipe: Recipe) -> probe.Facts | None:
    """Return the facts of the cached file; None without an intact one."""
    try:
        os.utime(path)  # it is in use from now on, for `_make_room` of other processes
        facts = probe.inspect(media.File(path), name)
        _check_made(name, recipe, facts)
    except (OSError, InvalidRequest):
        return None
    return attrs.evolve(facts, label=recipe.source.label)


def _check_original(name: str, stream: IO[bytes], recipe: Recipe) -> None:
    import hashlib  # noqa: PLC0415 - OpenSSL loads when there is something to digest

    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it is one
    stream.seek(0)
    if digest != recipe.source.sha256:
        raise InvalidRequest(
            f"{name}: {recipe.source.label} has changed since it was read",
            field=name,
            value=recipe.source.label,
        )


def _make(
    name: str, stream: IO[bytes], recipe: Recipe, made: Path, check: Callable[[], object]
) -> None:
    kind = "picture" if recipe.source.kind == "image" else "clip"
    try:
        converter = importlib.import_module(f"motionkit.conversion.{kind}")
    except ImportError as error:
        raise ConfigError(
            "media cannot be cut or made to fit without PyAV and Pillow",
            hint="install them: pip install 'motionkit[media]'",
        ) from error
    try:
        converter.make(stream, recipe, made, check)
    except converter.BrokenError as error:
        label = recipe.source.label
        raise InvalidRequest(
            f"{name}: {label} cannot be converted: {error}", field=name, value=label
        ) from error


def _check_made(name: str, recipe: Recipe, facts: probe.Facts) -> None:
    """Refuse a file that is larger or longer than its recipe allows."""
    most = recipe.max_bytes
    if most is not None and (facts.size or 0) > most:
        raise InvalidRequest(
            f"{name}: {recipe.source.label} still has {facts.size:,} bytes after its conversion",
            field=name,
            value=f"{facts.size} bytes",
            limit=f"at most {most:,} bytes",
        )
    longest = max(facts.seconds or 0.0, facts.seconds_high or 0.0)
    if recipe.seconds is not None and longest > recipe.seconds + 0.001:
        raise InvalidRequest(
            f"{name}: {recipe.source.label} is {longest:g} s long after its conversion, not "
            f"{recipe.seconds:g} s",
            field=name,
            value=f"{longest:g} s",
            limit=f"at most {recipe.seconds:g} s",
        )


def _make_room(folder: Path, new: Path) -> None:
    """Remove the files that were not used for longest, until the rest keeps the limit."""
    kept = []
    for path in folder.iterdir():
        try:
            found = path.stat()
        except OSError:  # another process removed it
            continue
        old = time.time() - found.st_mtime > IN_USE
        if path.is_dir():
            if old:  # a crash left it
                _remove_folder(path)
        elif path != new:
            kept.append((found.st_mtime, found.st_size, path, old))
    left = MOST_BYTES - new.stat().st_size
    for _, size, path, old in sorted(kept, reverse=True):
        left -= size
        if left < 0 and old:
            path.unlink(missing_ok=True)


def _remove_folder(path: Path) -> None:
    import shutil  # noqa: PLC0415 - after a crash only

    shutil.rmtree(path, ignore_errors=True)
