"""Takes on the command line: confirmed together, bought once each, waited for together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click

from motionkit._support.text import many
from motionkit.cli import checkout, delivery, exit_codes, hook
from motionkit.cli.format import short, state_of
from motionkit.cli.records import Running
from motionkit.cli.resuming import collect
from motionkit.cli.screen import Screen
from motionkit.client import Client, Explanation, Take, TakesPlan, numbered
from motionkit.errors import InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.model.events import Submitted
from motionkit.model.job import Job, KeyState
from motionkit.model.money import dollars
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.storage import Out


def run(
    screen: Screen,
    client: Client,
    request: Request,
    options: Running,
    facts: Mapping[str, Facts],
    *,
    done: hook.Hook | None,
) -> int:
    """Continue the takes that were bought, buy the others, and deliver all of them.

    Returns:
        The highest exit code of all takes.

    Raises:
        MotionKitError: Before the first take is bought.
    """
    return _Command(screen, client, request, options, facts, done=done).run()


def dry_run(
    screen: Screen, client: Client, request: Request, options: Running, facts: Mapping[str, Facts]
) -> None:
    """Print the requests of one take and the price of all; raise the errors of a real run."""
    _Command(screen, client, request, options, facts).dry_run()


@attrs.define
class _Command:
    """One command with ``--takes``."""

    screen: Screen
    client: Client
    request: Request
    options: Running
    facts: Mapping[str, Facts]
    done: hook.Hook | None = attrs.field(default=None, kw_only=True)
    plan: TakesPlan = attrs.field(init=False)
    outs: Mapping[int, Path | Out] = attrs.field(init=False)
    """The file of each take, where the command names one."""
    jobs: dict[int, Job] = attrs.field(factory=dict, init=False)
    codes: list[int] = attrs.field(factory=lambda: [exit_codes.DONE], init=False)

    @plan.default
    def _planned(self) -> TakesPlan:
        options = self.options
        checkout.check_new(options)
        if options.select:
            raise InvalidRequest(
                "--takes and --select exclude each other",
                field="takes",
                hint="select with 'motionkit mask', and pass what it prints with --mask",
            )
        return self.client.plan_takes(
            self.request,
            options.takes or 1,
            via=options.via,
            choose=options.choose,
            key=options.key,
            again=options.new or None,
            max_usd=options.max_usd,
            facts=self.facts,
        )

    @outs.default
    def _named(self) -> Mapping[int, Path | Out]:
        """Refuse to overwrite an existing file."""
        options = self.options
        if options.out is None:
            return {}
        text, found = delivery.template(options.out), {}
        for take in self.plan.takes:
            own = numbered(text, take.number)
            out = delivery.parsed(own)
            if take.entry is None or not checkout.finished(take.entry):
                delivery.place(own, overwrite=options.overwrite, kind=self.request.delivers)
            elif isinstance(out, Path):
                delivery.again_target(take.entry, out, overwrite=options.overwrite)
            if out is not None:
                found[take.number] = out
        return found

    def run(self) -> int:
        self._tell()
        self._confirm_and_buy()
        if self.options.no_wait:
            for _, job in sorted(self.jobs.items()):
                self.screen.write(job.to_json() if self.screen.json else job.key)
        else:
            self._deliver()
        self._sum_up()
        return max(self.codes)

    def dry_run(self) -> None:
        self._tell()
        plan, screen = self.plan, self.screen
        if not plan.missing:
            screen.answer(_data(plan), "nothing is charged again")
            screen.note("nothing was sent")
            return
        explanation = self._explained()
        checkout.dry_run(screen, plan.missing[0].request, explanation, self.options)
        checkout.tell_keys(screen, self.client, explanation)
        if screen.json:
            screen.answer(_data(plan), "")
        self._confirm()

    def _tell(self) -> None:
        """Show the takes that are resumed, not paid again."""
        for take in self.plan.takes:
            if take.entry is not None:
                file = f", {take.entry.delivered}" if take.entry.delivered else ""
                self.screen.note(
                    f"take {take.number} was submitted before as {short(take.key)}: "
                    f"{state_of(take.entry)}{file}"
                )

    def _explained(self) -> Explanation:
        """Return what a submit of the first missing take sends; the others send the same."""
        options = self.options
        return self.client.explain(
            self.plan.missing[0].request,
            via=options.via,
            choose=options.choose,
            limited=False,
            facts=self.facts,
        )

    def _confirm(self) -> None:
        """Show the price of the missing takes together, and ask where that is needed."""
        plan, high = self.plan, self.plan.high
        price = "at an unknown price" if high is None else f"for up to {dollars(high)} together"
        text = f"{len(plan.missing)} of {len(plan.takes)} to submit, {price}"
        self.screen.fact("takes", text, style="bold")
        if plan.refused is not None:
            raise plan.refused
        checkout.confirm(self.screen, [take.quote for take in plan.missing], self.options)

    def _confirm_and_buy(self) -> None:
        """Confirm and buy the missing takes; learn the job of each take that has one."""
        plan, options, spending = self.plan, self.options, None
        if plan.missing:
            first = plan.missing[0]
            explanation = self._explained()
            checkout.need_key(self.client, explanation, options)
            checkout.announce(self.screen, first.request, explanation)
            self._confirm()
            high = None if first.quote is None else first.quote.usd_high
            spending = checkout.Spending(self.screen, options, first.target, high)
        out = options.out
        if out is None and not options.no_wait:
            path = delivery.default_target(self.request.describe(), kind=self.request.delivers)
            out = delivery.text_of(path)
        try:
            with self.screen.busy("uploading and submitting"):
                self.client.submit_takes(
                    self.request,
                    len(plan.takes),
                    via=options.via,
                    choose=options.choose,
                    key=plan.family,
                    again=options.new or options.key is not None,
                    max_usd=options.max_usd,
                    out=out,
                    wait_for_slot=options.wait_for_slot,
                    announce=spending,
                    facts=self.facts,
                    labels=options.labels,
                    decided=self._decided,
                )
        except KeyboardInterrupt:
            raise self._interrupted() from None
        if options.explain:
            for _, job in sorted(self.jobs.items()):
                checkout.explain(self.screen, self.client.jobs.get(job.key).decision)

    def _decided(self, take: Take, ending: Job | MotionKitError) -> None:
        if isinstance(ending, MotionKitError):
            self.codes.append(self.screen.error(ending))
            return
        self.jobs[take.number] = ending
        if not take.bought:
            where = f"{ending.account}/{ending.model}, key {ending.key}"
            if not self.options.no_wait:
                event = Submitted(key=ending.key, job=ending, cost=ending.cost)
                self.screen.event(event)
            self.screen.fact("submitted", f"take {take.number}: job {ending.id} at {where}")

    def _interrupted(self) -> BaseException:
        """Return the error for Ctrl-C between two submits."""
        for take in self.plan.missing:
            entry = delivery.record(self.client, take.key)
            if entry is not None and entry.job is None and entry.state is not KeyState.REFUSED:
                return SubmitUncertain(
                    f"interrupted while sending take {take.number}; it may have been charged",
                    key=entry.key,
                    hint="the same command resolves it and continues",
                )
        if not self.jobs:
            return click.Abort()
        error = delivery.interrupted(self.jobs[max(self.jobs)], kept=True)
        error.message = f"interrupted; {len(self.jobs)} of {many(len(self.plan.takes), 'take')} run"
        error.hint = "the same command continues; nothing is paid for again"
        return error

    def _deliver(self) -> None:
        """Wait for the takes together, and save their files."""
        entries = {n: self.client.jobs.get(job.key) for n, job in sorted(self.jobs.items())}
        code = collect(
            self.screen,
            self.client,
            [*entries.values()],
            outs={one.key: self.outs[n] for n, one in entries.items() if n in self.outs},
            overwrite=self.options.overwrite,
            timeout=self.options.timeout,
            done=self.done,
            announced={take.key for take in self.plan.missing},
        )
        self.codes.append(code)

    def _sum_up(self) -> None:
        """Print how each take ended."""
        rows = []
        for take in self.plan.takes:
            entry = delivery.record(self.client, take.key)
            state = "not submitted" if entry is None else state_of(entry)
            file = None if entry is None else entry.delivered
            self.screen.fact(f"take {take.number}", f"{state}{f', {file}' if file else ''}")
            rows.append({**_row(take), "state": state, "file": file})
        if self.screen.json:
            self.screen.answer({"takes": rows, "exit_code": max(self.codes)}, "")


def _row(take: Take) -> dict[str, Any]:
    return {"take": take.number, "key": take.key, "target": take.target}


def _data(plan: TakesPlan) -> dict[str, Any]:
    high = plan.high
    return {
        "takes": [{**_row(take), "bought": take.bought} for take in plan.takes],
        "usd_high": None if high is None else str(high),
    }
