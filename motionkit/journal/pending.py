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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from motionkit._support import system
from motionkit.errors import InvalidRequest, JournalError
from motionkit.journal import outcomes
from motionkit.journal.outcomes import Record
from motionkit.journal.store import Connection, Store
from motionkit.model import codec

VERSION = 1

FIRST_TRY = 2.0
"""Seconds for the journal to take a record before it is kept beside it."""
KEPT_TRY = 20.0
"""Seconds for which a record that is kept beside a locked journal is tried again at once."""
SHARED_TRY = 60.0
"""The same for a database on another machine, which may be restarted or replaced meanwhile."""
LAST_TRY = 300.0
"""Seconds for a record that could not be kept beside the journal either."""
PAUSE = 1.0
"""Seconds between two tries."""

log = logging.getLogger("motionkit")


@attrs.frozen(eq=False, repr=False)
class Pending:
    """The folder beside a journal."""

    folder: Path

    def put(self, record: Record) -> Path:
        """Write a record so that a crash at any moment cannot lose it; return its file.

        Raises:
            OSError: It could not be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"  # sorts by age
        part = path.with_suffix(".part")
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | system.PRIVATE, 0o600)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as out:
                out.write(codec.dumps({"version": VERSION, **record}))
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        system.sync_folder(self.folder)
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

    def read(self, path: Path) -> Record | None:
        """Return a record.

        Returns:
            None where it is there no more, or is of another version; one that cannot be read is set
            aside.
        """
        try:
            record: Record = json.loads(path.read_bytes())
            version = record["version"]
        except FileNotFoundError:
            return None  # another process has just written it to the journal
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.set_aside(path, getattr(error, "strerror", None) or "it is not a record")
            return None
        if version == VERSION:
            return record
        log.warning("%s is of version %s; a newer motionkit reads it", path, version)
        return None

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


def persist(store: Store, kind: str, about: str, **content: Any) -> bool:
    """Write a record to the journal, else beside it, else keep trying for `LAST_TRY`.

    Returns:
        What `outcomes.apply` returned; True where the record is kept beside the journal.

    Raises:
        JournalError: It could be written nowhere.
    """
    record: dict[str, Any] = {"kind": kind, "about": about, **content}
    folder = None if store.pending is None else Pending(store.pending)
    started, kept, contradicted = time.monotonic(), None, False
    patience = None if folder is None else FIRST_TRY
    tries = SHARED_TRY if store.shared else KEPT_TRY
    while True:
        try:
            with store.writing(patience=patience) as db:
                _date(store, record)  # inside, where a database needs not be asked
                done = outcomes.apply(db, record)
        except JournalError as error:
            _date(store, record)
            if isinstance(error.__cause__, store.contradictions) and not contradicted:
                contradicted = True  # another transaction was faster: asked again, it is seen
                continue
            passing = store.is_passing(error.__cause__)
            if folder is None and not (store.shared and passing):
                raise
            if folder is not None:
                kept = kept or _keep(store, folder, record, error)
            waited = time.monotonic() - started
            if kept is not None and (not passing or waited > tries):
                return True
            if waited > (tries if folder is None else LAST_TRY):
                raise
            time.sleep(PAUSE)
            patience = tries
        else:
            if folder is not None and kept is not None:
                folder.remove(kept)
            return done


def _date(store: Store, record: dict[str, Any]) -> None:
    if "at" not in record:
        record["at"] = store.now()


def _keep(store: Store, folder: Pending, record: Record, error: JournalError) -> Path | None:
    """Keep a record beside the journal; None where that cannot be written either."""
    try:
        path = folder.put({**record, "rows": _rows(store, record)})
    except OSError as failure:
        log.warning(
            "%s; %s cannot be written either (%s): retrying for %.0f minutes. Do not end this "
            "process. Keep this: %s",
            error.message,
            folder.folder,
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


def _rows(store: Store, record: Record) -> Mapping[str, Any]:
    """Return the raw rows of an attempt and its purchase, in case the journal is lost."""
    if "attempt" not in record:
        return {}
    return store.rescued(
        {
            "purchases": "SELECT * FROM purchases WHERE key=:key",
            "attempts": "SELECT * FROM attempts WHERE id=:attempt",
        },
        record,
    )


def adopt(store: Store, patience: float | None) -> None:
    """Write the records that a process had to keep beside the journal.

    Their files stay where the journal still cannot take them.
    """
    if store.pending is None:
        return
    folder = Pending(store.pending)
    paths, locks = folder.paths(), [("pending", str(folder.folder))]
    try:
        for path in paths:
            # One transaction for each: one that changes several purchases, and a purchase's own,
            # could wait for each other.
            with store.writing(patience=patience, adopt=False, locks=locks) as db:
                # Read inside the transaction: another process may have taken it by now.
                record = folder.read(path)
                taken = record is not None and _take(store, db, folder, path, record)
            if taken:  # after the commit: a crash in between writes it twice, never loses it
                log.info("the journal has taken %s", path)
                folder.remove(path)
    except JournalError as error:
        log.info("%s; the records in %s wait for it", error.message, folder.folder)
    except OSError as error:  # what was taken is taken again, which changes nothing
        log.warning("the records in %s cannot be changed: %s", folder.folder, error.strerror)


_UNREADABLE: tuple[type[Exception], ...] = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    InvalidRequest,
)
"""What a record raises that no version of motionkit has written."""


def _take(store: Store, db: Connection, folder: Pending, path: Path, record: Record) -> bool:
    """Write a record that was kept beside the journal.

    The record contains the rows of its purchase and attempt, in case this is not the journal that
    it was meant for. Without them an uncertain attempt would be unknown here, and its key would be
    submitted again.

    Returns:
        Whether its file is no longer needed; otherwise it was set aside.
    """
    reason = "the job or the attempt belongs to another one already"
    db.execute("SAVEPOINT record")
    try:
        _insert_missing(db, record.get("rows", {}))
        good = outcomes.apply(db, record) or record["kind"] != outcomes.ACCEPTED
    except _UNREADABLE + store.unbindable as error:
        good, reason = False, "it is not a valid record"
        log.debug("%s: %s", path, error)
    except store.contradictions as error:
        good, reason = False, f"it contradicts the journal ({error})"
    if not good:
        db.execute("ROLLBACK TO record")
        folder.set_aside(path, reason)
    db.execute("RELEASE record")
    return good


def _insert_missing(db: Connection, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Insert the rows of a purchase and an attempt that this journal does not have."""
    key = (rows.get("purchases") or {}).get("key")
    if db.execute("SELECT 1 FROM pruned WHERE key=:key", {"key": key}).fetchone():
        return  # it was finished, and is counted there
    for table in ("purchases", "attempts"):
        row = rows.get(table) or {}
        known = db.execute(f"SELECT * FROM {table} WHERE 1=0").description  # noqa: S608 - above
        # What it counted against budgets is in the counters of the journal that it comes from, and
        # `n` is the order of insertion there.
        columns = [name for name, *_ in known if name in row and name not in {"counted", "n"}]
        if columns:
            db.execute(
                f"INSERT INTO {table} ({','.join(columns)})"  # noqa: S608 - its own names
                f" VALUES ({','.join(f':{name}' for name in columns)}) ON CONFLICT DO NOTHING",
                {name: row[name] for name in columns},
            )
