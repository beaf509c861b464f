"""The verb `shootout`: the same request at several targets on purpose, each cell bought once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import attrs
import click

import motionkit as mk
from motionkit._support.redaction import redact
from motionkit._support.text import many
from motionkit.cli import checkout, compare, delivery, exit_codes, hook
from motionkit.cli.format import brief, in_world, media_of, plain, state_of
from motionkit.cli.hints import sentence
from motionkit.cli.options import file_option, money_option, request_option, usd
from motionkit.cli.records import Running
from motionkit.cli.resuming import collect
from motionkit.cli.screen import Screen, error_data
from motionkit.client import Choose, Client, ShootoutCell, ShootoutPlan
from motionkit.errors import InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.model import codec
from motionkit.model.events import Submitted
from motionkit.model.job import Job, KeyState
from motionkit.model.money import dollars
from motionkit.model.request import Request
from motionkit.storage import Out

_FILES = "Files, patterns such as '{}', folders or URLs; repeatable. Every combination is bought."
_NAME = "{inputs}-{target}.{ext}"
"""The name of a cell's file in a folder."""
_UNFIT = re.compile(r"[^\w.+-]+")
_COLUMNS = ["INPUTS", "TARGET", "PRICE", "UP TO", "TAKES", "STATE"]


@attrs.frozen(kw_only=True, eq=False)
class Shooting(Running):
    """The options of `shootout`."""

    images: Annotated[
        list[str] | None,
        request_option(
            "--images",
            "--image",
            metavar="FILES...",
            help=f"Pictures. {_FILES.format('chars/*.jpg')}",
            words=True,
        ),
    ] = None
    videos: Annotated[
        list[str] | None,
        request_option(
            "--videos",
            "--video",
            metavar="FILES...",
            help=f"Clips. {_FILES.format('clips/*.mp4')}",
            words=True,
        ),
    ] = None
    audios: Annotated[
        list[str] | None,
        request_option(
            "--audios",
            "--audio",
            metavar="FILES...",
            help=f"Recordings. {_FILES.format('voices/*.mp3')}",
            words=True,
        ),
    ] = None
    operation: Annotated[
        str, request_option(metavar="VERB", help="What to make of them. Default: mimic.")
    ] = "mimic"
    prompt: Annotated[str | None, request_option(help="The text prompt.")] = None
    quality: Annotated[
        str | None, request_option(help="E.g. 540p. Default: each target's own.")
    ] = None
    seconds: Annotated[
        str | None, request_option(metavar="N", help="Seconds of the clip to send.")
    ] = None
    fit: Annotated[
        bool,
        request_option(
            "--fit", help="Trim, scale and re-encode files that exceed a target's limits."
        ),
    ] = False
    set: Annotated[
        list[str] | None,
        request_option(
            "--set",
            metavar="NAME=VALUE",
            help="Another option of the operation, e.g. seed=7. Repeatable.",
        ),
    ] = None
    targets: Annotated[
        list[str] | None,
        money_option(
            "--via",
            metavar="TARGET...",
            help="The targets to compare: ACCOUNT or ACCOUNT/MODEL; a route stands for all of its "
            "targets. Nothing falls back: a cell stays at its target.",
            words=True,
        ),
    ] = None
    key: Annotated[
        str | None,
        money_option(
            metavar="NAME",
            help="The shootout's name: its purchases have keys that begin with it, and the label "
            "shootout=NAME. A file that has changed under a name is refused. Default: a name made "
            "of the files' contents and the options.",
        ),
    ] = None
    max_usd: Annotated[
        Decimal | None,
        money_option(
            parser=usd,
            metavar="USD",
            help="What all cells together may cost, those of earlier runs included. Refuse, before "
            "anything is bought, if their upper bounds exceed it or one is unknown.",
        ),
    ] = None
    yes: Annotated[
        bool,
        money_option(
            "--yes",
            "-y",
            help="Skip confirmation. Without it, a terminal asks where all cells together cost "
            "above 5.00 USD or an unknown amount; non-interactive runs refuse both.",
        ),
    ] = False
    dry_run: Annotated[
        bool,
        money_option(
            "--dry-run",
            help="Show the quotes; send nothing. Needs no key. What would refuse a real run "
            "refuses this one, with the same exit code.",
        ),
    ] = False
    skip_unfit: Annotated[
        bool,
        money_option(
            "--skip-unfit",
            help="Leave out cells whose target cannot take the request. Without it, one such cell "
            "refuses all: a comparison with a hole is bought on purpose only.",
        ),
    ] = False
    out: Annotated[
        str | None,
        file_option(
            metavar="FOLDER",
            help=f"Where the files go: a folder or a URL, or a name with placeholders such as "
            f"films/{_NAME}. Default: shootout-NAME/.",
        ),
    ] = None
    report: Annotated[
        str | None,
        file_option(
            metavar="FOLDER",
            help="Where the report goes, a page on which the films of each request play side by "
            "side. Default: shootout-NAME. It is written anew by every run that waits.",
        ),
    ] = None
    no_report: Annotated[bool, file_option("--no-report", help="Write no report.")] = False
    via: str | None = None
    choose: Choose | None = None
    extra: list[str] | None = None
    new: bool = False
    explain: bool = False
    overwrite: bool = False
    select: list[int] | None = None
    takes: int | None = None


def shootout(options: Shooting) -> int:
    """Buy the same request at several targets on purpose, to compare the results. Quotes first.

    Every picture with every clip at every target is a cell, and each cell is a purchase of its
    own. All are quoted in one table and confirmed together; the cap and the budgets hold all of
    them, or nothing is bought. One cell that fails does not stop the others.

    The same command again buys nothing twice: it waits for what runs, downloads what is missing,
    and buys the cells that a further file or target adds. Ctrl-C ends the command only; the jobs
    keep running. Cells whose job failed stay so: another --key buys everything anew.

    At the end a report is written, a page that plays the films side by side. The exit code is the
    highest of all cells. 'motionkit jobs --label shootout=NAME' lists them.

    Examples:
      motionkit shootout --images a.png b.png --videos x.mp4 --via studio team
      motionkit shootout --images chars --videos x.mp4 --via studio team --key spring --dry-run
      motionkit spend --by label --label-name shootout
    """
    screen, done = Screen(json=options.json), hook.Hook.parse(options.on_done)
    with mk.Client(options.config) as client:
        command = _Command(screen, client, options, done)
        return command.dry_run() if options.dry_run else command.run()


@attrs.define
class _Command:
    """One command."""

    screen: Screen
    client: Client
    options: Shooting
    done: hook.Hook | None
    plan: ShootoutPlan = attrs.field(init=False)
    out: Out = attrs.field(init=False)
    jobs: dict[int, Job] = attrs.field(factory=dict, init=False)
    codes: list[int] = attrs.field(factory=lambda: [exit_codes.DONE], init=False)

    @plan.default
    def _planned(self) -> ShootoutPlan:
        options = self.options
        if not options.targets:
            raise InvalidRequest(
                "--via is missing: name the targets to compare",
                field="via",
                hint=f"'motionkit offers --operation {options.operation}' lists them",
            )
        with self.screen.busy("reading files"):
            return self.client.plan_shootout(
                _requests(self.client, options),
                options.targets,
                key=options.key,
                max_usd=options.max_usd,
                labels=options.labels,
                skip_unfit=options.skip_unfit,
            )

    @out.default
    def _placed(self) -> Out:
        """Return where the films go, whose names tell them apart."""
        given = self.options.out
        text = f"{self._folder()}/" if given is None else given
        out = Out.parse(text)
        if out.chosen:
            raise InvalidRequest(
                f"out: {text!r} is one file, and a shootout has several",
                field="out",
                value=text,
                limit=f"a folder such as {text}/, or a name such as {_NAME}",
            )
        if Out.parse(f"{text.rstrip('/')}/").text == out.text:  # a folder
            text = f"{text.rstrip('/')}/{_NAME}"
        delivery.place(text, overwrite=False, kind=self.plan.cells[0].request.delivers)
        return Out.parse(text)

    def _folder(self) -> str:
        """Return the folder of a shootout for which none is named."""
        return f"shootout-{_UNFIT.sub('_', self.plan.name).strip('._') or 'films'}"

    # Before paying.

    def dry_run(self) -> int:
        """Show the quotes, and raise what a real run would raise."""
        plan, screen = self.plan, self.screen
        if screen.json:
            screen.answer(
                {
                    "shootout": plan.name,
                    "cells": [_data(cell) for cell in plan.cells],
                    "missing": len(plan.missing),
                    "usd_high": plan.high,
                    "refused": None if plan.refused is None else error_data(plan.refused),
                },
                "",
            )
        else:
            screen.rows([], _COLUMNS, self._rows())
        self._tell()
        for note in checkout.about_keys(
            checkout.keyless_providers(
                self.client, [cell.row.account for cell in plan.missing if cell.row.no_key]
            )
        ):
            screen.note(note)
        self._check()
        screen.note("nothing was sent")
        return exit_codes.DONE

    def _rows(self) -> list[list[str]]:
        """Return a row of the table for each cell; media that all of them have are left out."""
        media = [media_of(cell.request.describe()) for cell in self.plan.cells]
        shared = {name for name, one in media[0].items() if all(m.get(name) == one for m in media)}
        shared = shared if shared < set(media[0]) else set()
        found = []
        for cell, own in zip(self.plan.cells, media, strict=True):
            row, quote = attrs.evolve(cell.row, quote=cell.quote), cell.quote
            names = [one for name, one in own.items() if name not in shared]
            high = "" if quote is None or quote.usd_high is None else dollars(quote.usd_high)
            inputs = plain(" ".join(names)) or _inputs(cell)
            shown = compare.price(row), high, compare.takes(row)
            found.append([inputs, cell.target, *shown, _state(cell)])
        return found

    def _tell(self) -> None:
        """Say what the table has no room for, and what the missing cells cost together."""
        plan = self.plan
        unfit = {f"{cell.target}: {cell.problem.message}": 0 for cell in plan.unfit if cell.problem}
        for text in unfit if plan.refused is None else ():  # an error names them as well
            self.screen.fact("left out", text)
        notes = {
            f"{cell.target}: {text}": 0
            for cell in plan.missing
            for text in (*cell.row.conversions, *cell.row.warnings)
        }
        for text in notes:
            self.screen.fact("note", text)
        worlds = {cell.target: cell.sandbox for cell in plan.cells}
        all_there = all(worlds.values())
        for target, there in worlds.items():
            if there and not all_there:
                self.screen.fact("at", in_world(target, there))
        count, total = len(plan.missing), many(len(plan.cells), "cell")
        text = f"{count} of {total} to submit" if count else f"{total}, nothing to submit"
        if count:
            text += f", for {checkout.much([cell.quote for cell in plan.missing])}"
        self.screen.fact("shootout", f"{in_world(plan.name, all_there)}: {text}", style="bold")

    def _check(self) -> None:
        """Raise what refuses the shootout, and ask for confirmation where that is needed."""
        plan = self.plan
        if plan.refused is not None:
            raise plan.refused
        if plan.missing:
            checkout.confirm(self.screen, [cell.quote for cell in plan.missing], self.options)

    # Paying, and after.

    def run(self) -> int:
        """Confirm and buy what is missing, wait for all, and save the files."""
        self.screen.table(_COLUMNS, self._rows())
        self._tell()
        self._check()
        for cell in self.plan.missing:
            if cell.row.error is not None:  # before a price is confirmed for nothing
                raise cell.row.error
        self._buy()
        if self.options.no_wait:
            for _, job in sorted(self.jobs.items()):
                self.screen.write(job.to_json() if self.screen.json else job.key)
        else:
            self._collect()
        self._sum_up()
        return max(self.codes)

    def _buy(self) -> None:
        try:
            with self.screen.busy("uploading and submitting"):
                self.client.submit_shootout(
                    self.plan,
                    out=self.out.text,
                    wait_for_slot=self.options.wait_for_slot,
                    decided=self._decided,
                )
        except KeyboardInterrupt:
            raise self._interrupted() from None

    def _decided(self, cell: ShootoutCell, ending: Job | MotionKitError) -> None:
        if isinstance(ending, MotionKitError):
            if cell.problem is None:  # else it was left out on demand, and shown
                self.codes.append(self.screen.error(ending))
            return
        self.jobs[cell.number] = ending
        if not cell.bought:
            if not self.options.no_wait:
                self.screen.event(Submitted(key=ending.key, job=ending, cost=ending.cost))
            where = f"{in_world(cell.target, cell.sandbox)}, key {ending.key}"
            self.screen.fact("submitted", f"{_inputs(cell)}: job {ending.id} at {where}")

    def _interrupted(self) -> BaseException:
        """Return the error for Ctrl-C between two submits."""
        for cell in self.plan.missing:
            entry = delivery.record(self.client, cell.key)
            if entry is not None and entry.job is None and entry.state is not KeyState.REFUSED:
                return SubmitUncertain(
                    f"interrupted while sending {_inputs(cell)} to {cell.target}; it may have been "
                    "charged",
                    key=entry.key,
                    hint="the same command resolves it and continues",
                )
        if not self.jobs:
            return click.Abort()
        error = delivery.interrupted(self.jobs[max(self.jobs)], kept=True)
        count = many(len(self.plan.cells), "cell")
        error.message = f"interrupted; {len(self.jobs)} of {count} are bought"
        error.hint = "the same command continues; nothing is paid for again"
        return error

    def _collect(self) -> None:
        """Wait for all cells together, and save their files."""
        entries = [self.client.jobs.get(job.key) for _, job in sorted(self.jobs.items())]
        chosen = self.options.out is not None
        code = collect(
            self.screen,
            self.client,
            entries,
            outs={one.key: self.out for one in entries} if chosen else {},
            announced={cell.key for cell in self.plan.missing},
            overwrite=False,
            timeout=self.options.timeout,
            done=self.done,
        )
        self.codes.append(code)

    def _sum_up(self) -> None:
        """Print how each cell ended, and where the report is."""
        rows, keys = [], []
        for cell in self.plan.cells:
            entry = delivery.record(self.client, cell.key)
            state = "unfit" if cell.problem else "not submitted"
            cost, file = "", None
            if entry is not None:
                state, file = state_of(entry), entry.delivered
                cost = "" if entry.cost is None else f", {entry.cost}"
                keys.append(entry.key)
            self.screen.fact(
                f"cell {cell.number}", f"{_inputs(cell)} at {cell.target}: {state}{cost}"
            )
            bought = entry is not None and entry.job is not None
            rows.append({**_data(cell), "bought": bought, "state": state, "file": file})
        waits = not (self.options.no_wait or self.options.no_report)
        page = self._report(keys) if keys and waits else None
        if max(self.codes) != exit_codes.DONE:
            self.screen.note("the same command continues; nothing is paid for again")
        if self.screen.json:
            self.screen.answer(
                {
                    "shootout": self.plan.name,
                    "cells": rows,
                    "report": page,
                    "exit_code": max(self.codes),
                },
                "",
            )

    def _report(self, keys: Sequence[str]) -> str | None:
        """Write the report; return its page, None where that failed, which is only a warning."""
        folder = self.options.report or self._folder()
        try:
            from motionkit.report import write_report  # noqa: PLC0415 - of an extra

            filters: dict[str, Any] = {}
            if self.options.key is not None:
                # All cells of that name, those of earlier commands too.
                keys, filters = (), {"label": {"shootout": self.plan.labels["shootout"]}}
            made = write_report(
                self.client,
                Path(folder).expanduser(),
                keys,
                title=f"Shootout {self.plan.name}",
                **filters,
            )
        except Exception as error:  # noqa: BLE001 - it is paid for, however the page fails
            why = sentence(error) if isinstance(error, MotionKitError) else redact(str(error))
            self.screen.note(
                f"warning: no report was written: {why or type(error).__name__}; the purchases are "
                f"not affected, and 'motionkit report --label shootout={self.plan.name}' writes it",
                style="yellow",
            )
            return None
        self.screen.fact("report", str(made.file), style="bold")
        return str(made.file)


def _requests(client: Client, options: Shooting) -> list[Request]:
    """Return a request for each combination of the files."""
    from motionkit.batch import combinations  # noqa: PLC0415 - not for other verbs

    values: dict[str, Any] = {}
    for one in options.set or ():
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise InvalidRequest.expected("set", one, "NAME=VALUE")
        values[name.strip().replace("-", "_")] = value
    own = {"prompt": options.prompt, "quality": options.quality, "seconds": options.seconds}
    values |= {name: value for name, value in own.items() if value is not None}
    files = {"image": options.images, "video": options.videos, "audio": options.audios}
    return combinations(
        client,
        {name: given for name, given in files.items() if given},
        operation=options.operation,
        values={**values, "fit": True} if options.fit else values,
    )


def _inputs(cell: ShootoutCell) -> str:
    """Return the names of a cell's media; without any, its request."""
    description = cell.request.describe()
    return plain(" ".join(media_of(description).values())) or brief(description)


def _state(cell: ShootoutCell) -> str:
    if cell.entry is not None:
        return state_of(cell.entry)
    if cell.problem is not None:
        return "unfit"
    return f"no key: {cell.row.no_key}" if cell.row.no_key else "to submit"


def _data(cell: ShootoutCell) -> dict[str, Any]:
    return {
        "cell": cell.number,
        "key": cell.key,
        "request": cell.request.describe(),
        "target": cell.target,
        "sandbox": cell.sandbox,
        "bought": cell.bought,
        "quote": codec.unstructure(cell.quote),
        "seconds": cell.row.seconds,
        "problem": None if cell.problem is None else error_data(cell.problem),
        "no_key": cell.row.no_key,
    }
