"""The verbs `batch plan|run|status|cancel|retry|results`: many requests, one confirmation."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, get_args

import attrs

import motionkit as mk
from motionkit._support.text import many
from motionkit.cli import batch_report as report
from motionkit.cli import checkout, exit_codes
from motionkit.cli.format import reason
from motionkit.cli.options import (
    Choose,
    ConfigFile,
    Json,
    Yes,
    file_option,
    money_option,
    request_option,
    usd,
)
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.records import Common
from motionkit.cli.screen import Screen, labelled, warnings_only
from motionkit.cli.tables import confirm, to_output
from motionkit.client import check_target
from motionkit.errors import (
    BudgetExceeded,
    ConfigError,
    DownloadFailed,
    InvalidRequest,
    JournalError,
    MotionKitError,
)
from motionkit.model.labels import read_labels

if TYPE_CHECKING:
    from motionkit.batch import Draft, Input, Plan

_MATRIX = "Repeatable; takes patterns such as '{}'. Without ITEMS: every combination."
_EVERY = 1.0
"""Seconds between two readings of a batch's progress."""
_ID = re.compile(r"b-[0-9a-f]{1,8}")

Reference = Annotated[str, Argument(metavar="BATCH", help="The id of a batch, or its beginning.")]


Form = Literal["csv", "jsonl", "parquet"]
"""A format of results."""


@attrs.frozen(kw_only=True, eq=False)
class Planning(Common):
    """The options of `batch plan`."""

    items: Annotated[
        str | None,
        Argument(
            metavar="ITEMS",
            help="A CSV, JSONL or Parquet file: one row per item; columns named after options, "
            "and 'operation', 'via', 'key', 'out', 'label.NAME'.",
        ),
    ] = None
    operation: Annotated[
        str | None,
        request_option(
            metavar="VERB", help="The operation of rows that name none. Default: mimic."
        ),
    ] = None
    image: Annotated[
        list[str] | None,
        request_option(metavar="FILES", help=f"Pictures. {_MATRIX.format('chars/*.jpg')}"),
    ] = None
    video: Annotated[
        list[str] | None,
        request_option(metavar="FILES", help=f"Clips. {_MATRIX.format('clips/*.mp4')}"),
    ] = None
    audio: Annotated[
        list[str] | None,
        request_option(metavar="FILES", help=f"Recordings. {_MATRIX.format('voices/*.mp3')}"),
    ] = None
    set: Annotated[
        list[str] | None,
        request_option(
            "--set",
            metavar="NAME=VALUE",
            help="A value for rows that give none, e.g. quality=540p. Repeatable.",
        ),
    ] = None
    via: Annotated[
        str | None,
        money_option(
            metavar="TARGET",
            help="ACCOUNT, ACCOUNT/MODEL or a route, for rows that name none. Default: the route "
            "'default'.",
        ),
    ] = None
    choose: Choose = None
    max_usd: Annotated[
        Decimal | None,
        money_option(
            parser=usd,
            metavar="USD",
            help="The budget of the whole batch. Refuse if it is expected to cost more, or if an "
            "upper bound is unknown; never spend more.",
        ),
    ] = None
    label: Annotated[
        list[str] | None,
        file_option(
            "--label",
            metavar="NAME=VALUE",
            help="A mark of your own for every job, kept in the journal and never sent; a column "
            "'label.NAME' gives a row its own. Repeatable.",
        ),
    ] = None
    by: Annotated[
        str | None,
        money_option(
            metavar="TIME",
            help="Show what it takes to end by then: a local time such as 18:00, or "
            "2026-11-30T09:00.",
        ),
    ] = None
    out: Annotated[
        str | None,
        file_option(
            metavar="FOLDER",
            help="Where the files and results.csv go: a folder, or a URL of fsspec such as "
            "s3://bucket/run. A folder is a batch: the same one continues it.",
        ),
    ] = None


@attrs.frozen(kw_only=True, eq=False)
class Running(Planning):
    """The options of `batch run`."""

    concurrency: Annotated[
        int | None,
        file_option(
            min=1,
            metavar="N",
            help="Items at once. Default: the accounts' slots and a quarter more, at most 200.",
        ),
    ] = None
    yes: Yes = False


def plan(options: Planning) -> int:
    """Check every row, quote all of them, and say when they would end. Buys nothing.

    It needs no key. Shows the price (low, likely, high) in all and by target, the expected end, and
    with --by what an earlier end takes. All invalid rows are listed at once, by row and column,
    with exit code 2.

    Examples:
      motionkit batch plan items.csv --out results/ --max-usd 500
      motionkit batch run items.csv --out results/
    """
    screen = Screen(json=options.json)
    now, by = _times(options)
    rows = _rows(options)
    with mk.Client(options.config) as client, _drafted(screen, client, rows, options) as found:
        lines = report.plan_lines(found.plan, now, by)
        missing = checkout.about_keys(checkout.keyless_providers(client, found.plan.no_keys))
    screen.answer(
        report.plan_data(found.plan, now, by),
        labelled(lines),
    )
    for note in missing:
        screen.note(note)
    _affordable(found.plan)
    screen.note("nothing was bought")
    return exit_codes.DONE


def run(options: Running) -> int:
    """Check, quote and confirm a batch, then buy its items, wait for them, and download.

    The same command again continues with what is left, and so does 'motionkit batch run BATCH'.
    Nothing is bought twice. Ctrl-C ends the command; jobs keep running, and the next run fetches
    their files. Other workers on the journal help.

    Exit codes: 0 all done or cancelled; 6 some items have no file; 9 stopped with items left; 10
    some are uncertain.

    Examples:
      motionkit batch run items.csv --out results/
      motionkit batch run --image 'chars/*.jpg' --video 'clips/*.mp4' --out films/
      motionkit batch status b-7f3a9c21 --watch
      motionkit batch results b-7f3a9c21 --format csv
    """
    screen = Screen(json=options.json)
    mk.Worker(options.config, concurrency=options.concurrency)  # says what it needs to work
    with _chosen(screen, options) as batch:
        resolved = batch.resolve()
        if resolved:
            screen.note(f"{many(resolved, 'item')} that 'motionkit reconcile' resolved: continuing")
        halts: tuple[MotionKitError, ...] = ()
        if batch.progress().finished:
            screen.note("nothing is left to do")
        else:
            with _shown(screen, batch) as shown, warnings_only():
                halts = _work(screen, batch, options.concurrency, shown)
        return _ended(screen, batch, halts)


def status(
    batch: Annotated[
        str | None,
        Argument(metavar="BATCH", help="The id, or its beginning. Default: list all."),
    ] = None,
    *,
    watch: Annotated[
        bool,
        Option(
            "--watch",
            help="Show it until nothing is left; then exit as 'run' does. Ctrl-C only ends this.",
        ),
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Show how far a batch is: items, money, slots, rate, the expected end, workers.

    Sends nothing. The exit code is 0 whatever the state.
    """
    screen = Screen(json=json)
    if batch is None:
        if watch:
            raise InvalidRequest("--watch needs BATCH", field="batch")
        return _listed(screen, config)
    with mk.Batch.get(batch, config=config) as found:
        if not watch:
            report.show(screen, found)
            return exit_codes.DONE
        with suppress(KeyboardInterrupt):
            with _shown(screen, found) as stopped:
                while not found.progress().finished:
                    stopped.wait(_EVERY)
            report.show(screen, found)
            return report.code(found.progress())
        screen.note(f"the batch continues; 'motionkit batch status {found.id}' shows it again")
    return exit_codes.DONE


def cancel(batch: Reference, json: Json = False, config: ConfigFile = None) -> int:
    """Buy nothing new for a batch. What was bought keeps running and is still fetched.

    'motionkit batch retry BATCH --cancelled' takes it back.
    """
    screen = Screen(json=json)
    with mk.Batch.get(batch, config=config) as found:
        count = found.cancel()
        left = found.progress().left
        screen.answer(
            {"batch": found.id, "cancelled": count, "left": left},
            f"{found.id}: {many(count, 'item')} cancelled",
        )
        if left:
            screen.note(f"'motionkit batch run {found.id}' fetches {many(left, 'bought item')}")
    return exit_codes.DONE


def retry(
    batch: Reference,
    *,
    failed: Annotated[
        bool, Option("--failed", help="Items whose job failed: they may cost again.")
    ] = False,
    blocked: Annotated[
        bool, Option("--blocked", help="Items that moderation stopped: they may cost again.")
    ] = False,
    refused: Annotated[
        bool, Option("--refused", help="Items that were refused: they cost nothing so far.")
    ] = False,
    cancelled: Annotated[
        bool, Option("--cancelled", help="Items that 'motionkit batch cancel' cancelled.")
    ] = False,
    missing: Annotated[
        bool,
        Option(
            "--missing",
            help="Items whose file is no longer in the folder: only downloaded, while the vendor "
            "keeps it.",
        ),
    ] = False,
    yes: Yes = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Let workers buy items again that ended without a file. Default: failed, blocked, refused.

    What failed or was blocked becomes a new purchase; what was refused is a new attempt of the
    same. Uncertain items are never bought again: 'motionkit reconcile' resolves them. A paid item
    whose file could not be saved needs no retry: 'motionkit batch run' downloads it.
    """
    screen = Screen(json=json)
    chosen = {"failed": failed, "blocked": blocked, "refused": refused, "cancelled": cancelled}
    if not any(chosen.values()) and not missing:
        chosen = dict.fromkeys(("failed", "blocked", "refused"), True)
    with mk.Batch.get(batch, config=config) as found:
        counts = report.by_name(found.progress())
        count = sum(counts[name] for name, wanted in chosen.items() if wanted)
        if count:
            again = "some of them may have cost already" * (chosen["failed"] or chosen["blocked"])
            confirm(screen, f"buy {many(count, 'item')} again", again, yes=yes)
            count = found.retry(**chosen)
        absent = found.retry(missing=True) if missing else 0
        parts = [f"{many(count, 'item')} to buy again"] * (count > 0 or not missing)
        parts += [f"{many(absent, 'file')} to download again"] * missing
        screen.answer(
            {"batch": found.id, "retried": count + absent}, f"{found.id}: {', '.join(parts)}"
        )
        if counts["uncertain"]:
            screen.note(
                f"{many(counts['uncertain'], 'uncertain item')} not retried: 'motionkit reconcile' "
                "resolves them"
            )
        if count or absent:
            screen.note(f"'motionkit batch run {found.id}' or a worker continues with them")
    return exit_codes.DONE


def results(
    batch: Reference,
    *,
    form: Annotated[
        Form | None,
        Option("--format", help="Default: by the ending of FILE, else csv."),
    ] = None,
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="FILE", help="Default: standard output."),
    ] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace the file if it exists.")
    ] = False,
    config: ConfigFile = None,
) -> int:
    """Write a row per item: request, state, target, job, cost, duration, file, digest, error.

    In CSV no cell begins like a formula of a spreadsheet; JSON Lines and Parquet have every value
    as it is.
    """
    from motionkit.batch import write_results  # noqa: PLC0415 - not for other verbs

    screen = Screen()
    form = form or _form(out)
    with mk.Batch.get(batch, config=config) as found:
        if out is None:
            if form == "parquet":
                raise InvalidRequest(
                    "out: Parquet goes to a file; name one with --out", field="out"
                )
            to_output(lambda stream: write_results(found.results(), stream, form))
            return exit_codes.DONE
        check_target(out, overwrite=overwrite)
        _to_file(out, lambda stream: write_results(found.results(), stream, form))
    screen.write(str(out))
    return exit_codes.DONE


# Planning.


def moment(
    text: str, now: datetime, local: Callable[[datetime], datetime] = datetime.astimezone
) -> datetime:
    """Return the moment that a local time of day, the next one, or a date with a time means.

    Args:
        text: What the user gave.
        now: The present.
        local: Returns the moment that a local time without a zone means; its offset may differ
            from the present one.

    Raises:
        InvalidRequest: It is neither, or it has passed.
    """
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text):
            hour, minute = map(int, text.split(":"))
            wall = now.replace(tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0)
            today = local(wall)
            found = today if today > now else local(wall + timedelta(days=1))
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else local(found)
    except (ValueError, OverflowError):
        limit = "a local time such as 18:00, or 2026-11-30T09:00"
        raise InvalidRequest.expected("by", text, limit) from None
    if found <= now:
        raise InvalidRequest.expected("by", text, "a time that has not passed")
    return found


def _rows(options: Planning) -> Input:
    """Return the rows of a file or of a matrix.

    Raises:
        InvalidRequest: There are both or neither, or no folder.
    """
    from motionkit.batch import matrix, read  # noqa: PLC0415 - not for other verbs

    media = {name: given for name in _MEDIA if (given := getattr(options, name))}
    if (options.items is None) is not bool(media):
        raise InvalidRequest(
            "give either ITEMS, or --image, --video, --audio for every combination of files",
            field="items",
            value=options.items,
        )
    if options.out is None:
        raise InvalidRequest(
            "out: --out FOLDER is missing: the folder of its files is what makes a batch",
            field="out",
        )
    return matrix(media) if options.items is None else read(options.items)


_MEDIA = ("image", "video", "audio")


def _times(options: Planning) -> tuple[datetime, datetime | None]:
    """Return the present, and the time by which the user wants the batch to end.

    Raises:
        InvalidRequest: That is no time, or has passed.
    """
    now = datetime.now().astimezone()
    return now, None if options.by is None else moment(options.by, now)


def _drafted(screen: Screen, client: mk.Client, rows: Input, options: Planning) -> Draft:
    """Check and quote every row; nothing is written yet."""
    from motionkit.batch import draft  # noqa: PLC0415 - not for other verbs

    with screen.busy("checking rows"):
        return draft(client, rows, **_planned(options))


def _planned(options: Planning) -> dict[str, Any]:
    return {
        "out": options.out,
        "via": options.via,
        "choose": options.choose,
        "operation": options.operation or "mimic",
        "values": dict(map(_value, options.set or ())),
        "max_usd": options.max_usd,
        "labels": read_labels(options.label or ()),
    }


def _value(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        raise InvalidRequest(
            f"set: {given!r} is not NAME=VALUE", field="set", value=given, limit="NAME=VALUE"
        )
    return name.strip().replace("-", "_"), value


def _chosen(screen: Screen, options: Running) -> mk.Batch:
    """Return the batch that the options name, or plan it.

    Raises:
        Abort: The user declined.
        InvalidRequest: Rows or an option are wrong, or confirmation is required.
    """
    reference = options.items or ""
    if _ID.fullmatch(reference) and not Path(reference).exists():
        for name in ("operation", *_MEDIA, "set", "via", "choose", "max_usd", "label", "by", "out"):
            if getattr(options, name) is not None:
                raise InvalidRequest(
                    f"--{name.replace('_', '-')}: {reference} was planned with its own options",
                    field=name,
                    hint=f"'motionkit batch run {reference}' continues it",
                )
        return mk.Batch.get(reference, config=options.config)
    now, by = _times(options)
    rows = _rows(options)
    client = mk.Client(options.config)
    try:
        with _drafted(screen, client, rows, options) as found:
            for name, text in report.plan_lines(found.plan, now, by):
                screen.fact(name, text, style="bold" if name == "price" else "")
            _buyable(found)
            if found.plan.added:
                confirm(
                    screen,
                    f"buy {many(found.plan.left, 'item')}",
                    report.much(found.plan),
                    yes=options.yes,
                )
            with screen.counting(found.plan.total) as change:
                record = found.save(
                    lambda there: change(there, f"{there:,} of {found.plan.total:,} written")
                )
        return mk.Batch(client, record, found.plan)
    except BaseException:
        client.close()
        raise


def _buyable(found: Draft) -> None:
    """Refuse a batch before a price is confirmed.

    Raises:
        ConfigError: An account has no key.
        BudgetExceeded: The budget does not suffice.
    """
    if found.unusable is not None:
        raise found.unusable
    _affordable(found.plan)


def _affordable(found: Plan) -> None:
    """Refuse a batch whose budget does not suffice.

    Raises:
        BudgetExceeded: It does not.
    """
    if why := found.over_budget():
        raise BudgetExceeded(
            f"batch {found.batch}: {why}", hint="nothing was bought; raise --max-usd, or buy less"
        )


# Running.


def _work(
    screen: Screen, batch: mk.Batch, concurrency: int | None, pause: threading.Event
) -> tuple[MotionKitError, ...]:
    """Work on a batch until nothing is left to do here; return why it bought nothing more.

    While another process works on the same journal on SQLite, that one may do the items: a worker
    does, the run of another batch does not.
    """
    waits = False
    with suppress(KeyboardInterrupt):
        while True:
            working = mk.Worker(batch.config, concurrency=concurrency, batch=batch.id)
            try:
                return tuple(working.run().halts.values())
            except ConfigError as error:
                if not error.passing:
                    raise
                if not waits:
                    screen.note(f"{error.message}: waiting for it")
            waits = True
            pause.wait(_EVERY)
            if batch.progress().finished:
                break
    return ()


@contextmanager
def _shown(screen: Screen, batch: mk.Batch) -> Iterator[threading.Event]:
    """Show a batch's progress inside the block, by a thread that reads the journal.

    Yields:
        An event that is set when the block ends.
    """
    ended = threading.Event()
    with screen.counting(batch.record.total) as change:

        def read() -> None:
            while True:
                with suppress(JournalError):  # it is tried again; the work says what is wrong
                    found = batch.progress()
                    change(found.total - found.left, report.summary(found))
                if ended.wait(_EVERY):
                    return

        thread = threading.Thread(target=read, name="motionkit-progress", daemon=True)
        thread.start()
        try:
            yield ended
        finally:
            ended.set()
            thread.join()


def _ended(screen: Screen, batch: mk.Batch, halts: tuple[MotionKitError, ...]) -> int:
    """Show how a run ended; return its exit code."""
    found = batch.progress()
    codes = [report.code(found)]
    if found.left:
        codes += [screen.error(error) for error in halts]
    place = None
    if found.finished:
        try:
            place = batch.save_results()
        except MotionKitError as error:
            codes.append(screen.error(error))
    report.troubles(screen, batch, found)
    screen.fact("ended", report.summary(found))
    if found.left:
        screen.note(f"'motionkit batch run {batch.id}' continues; nothing is bought twice")
    code = max(codes)
    data = {**report.data(batch, found), "results": place, "exit_code": code}
    if screen.json or place is not None:
        screen.answer(data, str(place))
    return code


def _listed(screen: Screen, config: Path | None) -> int:
    report.listed(screen, mk.Batch.listed(config=config))
    return exit_codes.DONE


# Results.


def _form(out: Path | None) -> Form:
    suffix = "" if out is None else out.suffix.lower().removeprefix(".")
    found: Form = next((one for one in get_args(Form) if one == suffix), "csv")
    return found


def _to_file(out: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write results to a file, whole or not at all.

    Raises:
        DownloadFailed: The file cannot be written.
    """
    from motionkit.batch import whole_file  # noqa: PLC0415 - not for other verbs

    try:
        with whole_file(str(out)) as stream:
            write(stream)
    except OSError as error:
        raise DownloadFailed(f"cannot write {out}: {reason(error)}") from error
