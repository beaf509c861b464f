"""Records that the journal could not take, kept in files beside it until it can.

The answer to a paid call must survive a journal that is locked, full or deleted at that moment. A
record is written atomically into the folder ``<journal>-pending``, mode 0600; the next process that
uses the journal writes it there and removes the file. Like the journal, records contain no API key
and no signed URL.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from motionkit.errors import JournalError
from motionkit.journal.database import is_locked
from motionkit.model import codec

VERSION = 1

FIRST_TRY = 2.0
"""Seconds for the journal to take a record before it is kept beside it."""
KEPT_TRY = 20.0
"""Seconds for which a record that is kept beside a locked journal is tried again at once."""
LAST_TRY = 300.0
"""Seconds for a record that could not be kept beside the journal either."""
PAUSE = 1.0
"""Seconds between two tries."""

log = logging.getLogger("motionkit")


@attrs.frozen
class Pending:
    """The folder beside a journal."""

    folder: Path

    @classmethod
    def of(cls, journal: Path | None) -> Pending | None:
        """Return the folder of a journal; None for one in memory."""
        if journal is None:
            return None
        real = Path(os.path.realpath(journal))
        return cls(real.with_name(f"{real.name}-pending"))

    def put(self, record: Mapping[str, Any]) -> Path:
        """Write a record so that a crash at any moment cannot lose it; return its file.

        Raises:
            OSError: It could not be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"  # sorts by age
        part = path.with_suffix(".part")
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as out:
                out.write(codec.dumps({"version": VERSION, **record}))
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path

    def paths(self) -> list[Path]:
        """Return the files of all records, oldest first.

        Raises:
            JournalError: They cannot be read; one may contain a job that the journal lacks.
        """
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == ".json")
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise JournalError(
                f"the records in {self.folder} cannot be read: {error.strerror}",
                hint="make the folder readable; it contains what the journal lacks",
            ) from error

    def records(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield every readable record; set aside the others with a warning."""
        for path in self.paths():
            try:
                record = json.loads(path.read_bytes())
                version = record["version"]
            except FileNotFoundError:
                continue  # another process has just written it to the journal
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.set_aside(path, f"it cannot be read ({error})")
            else:
                if version == VERSION:
                    yield path, record
                else:
                    log.warning("%s is of version %r; a newer motionkit reads it", path, version)

    def set_aside(self, path: Path, why: str) -> None:
        """Keep a record that the journal cannot take, and never try it again."""
        aside = path.with_suffix(".kept")
        log.warning("the journal cannot take %s: %s; it is kept as %s", path, why, aside)
        path.rename(aside)

    def remove(self, path: Path) -> None:
        """Remove a record that the journal has taken."""
        path.unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError:
            log.debug("%s has more records", self.folder)


def persist(
    write: Callable[[float | None], bool], pending: Pending | None, record: Mapping[str, Any]
) -> bool:
    """Write a record to the journal, else beside it, else keep trying for `LAST_TRY`.

    Args:
        write: Writes it to the journal; takes the seconds to wait for others who write.
        pending: The folder beside the journal.
        record: The record.

    Returns:
        What `write` returned; True where the record is kept beside the journal.

    Raises:
        JournalError: It could be written nowhere.
    """
    if pending is None:
        return write(None)
    started, kept, patience = time.monotonic(), None, FIRST_TRY
    while True:
        try:
            done = write(patience)
        except JournalError as error:
            kept = kept or _put(pending, record, error)
            waited = time.monotonic() - started
            if kept is not None and (not is_locked(error) or waited > KEPT_TRY):
                return True
            if waited > LAST_TRY:
                raise
            time.sleep(PAUSE)
            patience = KEPT_TRY
        else:
            if kept is not None:
                pending.remove(kept)
            return done


def _put(pending: Pending, record: Mapping[str, Any], error: JournalError) -> Path | None:
    try:
        path = pending.put(record)
    except OSError as failure:
        log.warning(
            "%s; %s cannot be written either (%s): retrying for %.0f minutes. Do not end this "
            "process. Keep this: %s",
            error.message,
            pending.folder,
            failure.strerror or failure,
            LAST_TRY / 60,
            record.get("job") or record["about"],
        )
        return None
    log.warning(
        "%s; the record of %s is kept in %s until the journal can take it",
        error.message,
        record["about"],
        path,
    )
    return path
