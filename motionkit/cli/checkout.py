"""Buying: what it would cost is said first, asked about when it is much, and bought once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import typer

from motionkit._support.redaction import redact, redact_data
from motionkit.cli.delivery import interrupted
from motionkit.cli.format import (
    duration,
    in_world,
    plain,
    quoted,
    request_line,
    short,
    standing,
    target,
)
from motionkit.cli.options import Buying
from motionkit.cli.screen import Screen, decided
from motionkit.client import Announcement, Client, Explanation, registry
from motionkit.errors import Billed, BudgetExceeded, InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.journal import PurchaseRecord, retried
from motionkit.model import codec
from motionkit.model.job import Job, KeyState, State, utcnow
from motionkit.model.money import Quote, dollars, rests_on
from motionkit.model.request import Request

ASK_ABOVE = Decimal(5)
"""US dollars; above it a spend is confirmed."""


class Extras(Protocol):
    """Options that name a target and vendors' own options."""

    @property
    def via(self) -> str | None:
        """The target or route."""

    @property
    def extra(self) -> list[str] | None:
        """Vendors' own options, ``NAME=VALUE``."""


def make(
    kind: type[Request], values: Mapping[str, Any], options: Extras, client: Client
) -> Request:
    """Return the request that the options describe.

    Raises:
        InvalidRequest: A medium or an extra option cannot be understood.
    """
    extra = _extras(options.extra or (), options.via, client)
    return kind(**values, extra=extra)


def _extras(given: Sequence[str], via: str | None, client: Client) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise InvalidRequest(
                f"extra: {one!r} is not NAME=VALUE", field="extra", value=one, limit="NAME=VALUE"
            )
        provider, dot, rest = name.partition(".")
        if dot and provider in registry.names():
            name = rest
        else:
            provider = _provider(name, via, client)
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        found.setdefault(provider, {})[name] = value
    return found


def _provider(name: str, via: str | None, client: Client) -> str:
    """Return the provider that an extra option without one is for.

    Raises:
        InvalidRequest: The route has targets of several providers.
        ConfigError: There is no such account or route.
    """
    config = client.config
    route = None if via is None else config.route(via)
    targets = [via or next(iter(config.accounts), "")] if route is None else route.targets
    names = dict.fromkeys(config.account(one.partition("/")[0]).provider for one in targets)
    if len(names) == 1:
        return next(iter(names))
    limit = " or ".join(f"{one}.{name}" for one in names)
    raise InvalidRequest(
        f"extra: {via!r} has targets of several providers; write {limit}, not {name!r}",
        field="extra",
        value=name,
        limit=limit,
    )


def buy(
    screen: Screen,
    client: Client,
    request: Request,
    options: Buying,
    *,
    out: Path | None,
    earlier: PurchaseRecord | None = None,
) -> Job:
    """Announce, ask if need be, and buy; or go on with what was bought before.

    Args:
        screen: Where to say so.
        client: The client.
        request: What is wanted.
        options: How to buy it.
        out: Where the file is wanted later.
        earlier: What `continued` returned.

    Raises:
        Abort: The user declined, or interrupted before anything was paid.
        InvalidRequest: It has to be confirmed and nobody is there to do it.
        SubmitUncertain: It may have been bought.
        MotionKitError: As `Client.submit`.
    """
    declined = False
    if earlier is not None:
        declined = _declined(screen, earlier, options)
        job = None if declined else _resumed(screen, client, earlier)
        if job is not None:
            return job
    explanation = client.explain(request, via=options.via, max_usd=options.max_usd)
    announce(screen, request, explanation)
    confirm(screen, [explanation.quote], options)
    spending = Spending(screen, options, explanation.target, explanation.quote)
    unsent = None if earlier is None or declined else earlier.key
    key = options.key or unsent or str(uuid.uuid4())
    again = options.new or options.key is not None or declined
    with settled_on_interrupt(client, key), screen.busy("uploading and submitting"):
        job = client.submit(
            request,
            via=options.via,
            key=key,
            again=again,
            max_usd=options.max_usd,
            out=out,
            wait_for_slot=options.wait_for_slot,
            announce=spending,
        )
    screen.fact("bought", f"job {job.id} at {job.account}/{job.model}, key {job.key}")
    if options.explain:
        explain(screen, client.jobs.get(job.key).decision)
    return job


def explain(screen: Screen, decision: Sequence[Mapping[str, Any]]) -> None:
    """Say why which target was taken, row by row."""
    for row in decision:
        note = f" ({row['note']})" if row["note"] else ""
        screen.fact("route", f"{decided(row)}{note}")


def _entry(client: Client, key: str) -> PurchaseRecord | None:
    """Return the purchase of exactly this key, or its paid retry."""
    try:
        entry = client.jobs.get(key)
    except InvalidRequest:
        return None
    return entry if key in {entry.key, retried(entry.key)} else None


def continued(client: Client, request: Request, options: Buying) -> PurchaseRecord | None:
    """Return the purchase that the command goes on with instead of buying, if any.

    Raises:
        InvalidRequest: Its key names another request, or both --new and --key are given.
    """
    if options.new and options.key is not None:
        raise InvalidRequest(
            "--new buys under a key of its own; leave --key out, or give a key that is not taken",
            field="new",
        )
    return None if options.new else client.bought_before(request, via=options.via, key=options.key)


def tell_earlier(screen: Screen, earlier: PurchaseRecord, options: Buying) -> None:
    """Say what was bought before: how long ago, where, its file, and how to buy it again."""
    age = duration(max(0.0, utcnow().timestamp() - earlier.submitted))
    where = f" at {in_world(target(earlier), earlier.sandbox)}" if earlier.job else ""
    file = f", {earlier.delivered}" if earlier.delivered else ""
    screen.note(
        f"the same request was bought {age} ago as {short(earlier.key)}{where}: "
        f"{standing(earlier)}{file}"
        if earlier.job
        else f"the same request was made {age} ago as {short(earlier.key)}: {standing(earlier)}"
    )
    if options.key is not None or not screen.asks or finished(earlier):
        again = "--new" if options.key is None else "another --key"
        screen.note(f"going on with it, nothing is bought; {again} would buy again")


def finished(entry: PurchaseRecord) -> bool:
    """Tell whether a purchase has succeeded and its file was delivered."""
    return entry.state is State.SUCCEEDED and entry.delivered is not None


def _declined(screen: Screen, earlier: PurchaseRecord, options: Buying) -> bool:
    """Say what was bought before; tell whether the user wants to buy although it is open."""
    tell_earlier(screen, earlier, options)
    if options.key is not None or not screen.asks or finished(earlier):
        return False
    answer = typer.prompt("resume it, or buy again", default="resume", err=True, show_choices=False)
    return plain(answer).casefold() in {"buy", "buy again", "again", "new"}


def _resumed(screen: Screen, client: Client, earlier: PurchaseRecord) -> Job | None:
    """Return an earlier purchase's job; None when nothing was bought under it."""
    try:
        with settled_on_interrupt(client, earlier.key), screen.busy("settling"):
            return client.jobs.resume(earlier)
    except MotionKitError as error:
        entry = _entry(client, earlier.key)
        settled = entry is not None and entry.state is KeyState.REFUSED
        if error.billed is not Billed.NO or not settled:
            raise
        screen.note("its submit never left or was refused, so nothing was bought: buying it now")
        return None


def announce(screen: Screen, request: Request, explanation: Explanation) -> None:
    """Say what would be bought, where, and for how much."""
    for name, text in _announcement(request, explanation):
        screen.fact(name, text, style="bold" if name == "quote" else "")


def _announcement(request: Request, explanation: Explanation) -> list[tuple[str, str]]:
    quote = explanation.quote
    told = [
        ("request", request_line(request.describe())),
        ("at", in_world(explanation.target, explanation.sandbox)),
        ("quote", quoted(quote)),
    ]
    if quote is not None:
        told.append(("basis", rests_on(quote)))
        told += [("note", note) for note in quote.notes]
    return told + [("warning", warning) for warning in explanation.warnings]


def confirm(screen: Screen, quotes: Sequence[Quote | None], options: Buying) -> None:
    """Ask where it costs much or nobody knows what it costs.

    Args:
        screen: Where to ask.
        quotes: Of all that the command buys.
        options: How to buy it.

    Raises:
        Abort: The user declined.
        InvalidRequest: Nobody is there to be asked.
    """
    high = _together(quotes)
    if options.max_usd is not None and (high is None or high > options.max_usd):
        return  # the client refuses it; there is nothing to ask
    if options.yes or (high is not None and high <= ASK_ABOVE):
        return
    much = f"up to {dollars(high)}" if high is not None else _unbounded(quotes)
    if screen.asks:
        if options.dry_run:
            screen.note(f"a real run would ask: buy this for {much}?")
            return
        screen.confirm(f"buy this for {much}?")
    elif high is None:
        raise InvalidRequest(
            f"this costs {much}, and nobody is there to confirm it",
            field="yes",
            limit="a known price without --yes",
            hint="say --yes to buy at any price, or name a target whose price is known",
        )
    else:
        raise InvalidRequest(
            f"this costs {much}, above {ASK_ABOVE} USD, and nobody is there to confirm it",
            field="yes",
            limit=f"{ASK_ABOVE} USD without --yes",
            hint="say --yes; --max-usd N sets a limit of your own",
        )


def _together(quotes: Sequence[Quote | None]) -> Decimal | None:
    """Return what all may cost together in US dollars; None when nobody knows."""
    highs = [None if quote is None else quote.usd_high for quote in quotes]
    known = [high for high in highs if high is not None]
    return sum(known, Decimal(0)) if len(known) == len(highs) else None


def _unbounded(quotes: Sequence[Quote | None]) -> str:
    told = [quoted(quote) for quote in quotes if quote is not None and quote.likely is not None]
    if len(told) < len(quotes):
        return "an unknown price"
    return f"{' and '.join(told)}, with no bound that is known"


class Spending:
    """What was announced and accepted: a further target may not cost more unless it is allowed.

    Args:
        screen: Where to say and ask.
        options: How the user wants to buy.
        target: The target that was announced.
        quote: What it may cost.
    """

    def __init__(self, screen: Screen, options: Buying, target: str, quote: Quote | None) -> None:
        self._screen = screen
        self._options = options
        self._target = target
        self._ceiling = None if quote is None else quote.usd_high

    def __call__(self, submit: Announcement) -> None:
        """Announce a further target, and ask or refuse where it may cost more.

        Raises:
            Abort: The user declined.
            BudgetExceeded: It may cost more than was announced, and nobody is there to be asked.
        """
        high = None if submit.quote is None else submit.quote.usd_high
        accepted = self._ceiling is None or (high is not None and high <= self._ceiling)
        if submit.target == self._target and accepted:
            return
        self._say(submit)
        if self._ceiling is None:  # any price was accepted; what asks is as for a first target
            confirm(self._screen, [submit.quote], self._options)
        elif not accepted:
            self._accept(submit, high, self._ceiling)
        self._target = submit.target
        self._ceiling = high if self._ceiling is None or high is None else max(high, self._ceiling)

    def _say(self, submit: Announcement) -> None:
        why = submit.after.get(self._target)
        if submit.target != self._target:
            told = f"{self._target}: {why}" if why else f"{self._target} is not taken"
            self._screen.fact("fallback", f"{told}; nothing was bought there")
            self._screen.fact("at", in_world(submit.target, submit.sandbox))
        self._screen.fact("quote", quoted(submit.quote), style="bold")
        for note in () if submit.quote is None else submit.quote.notes:
            self._screen.fact("note", note)

    def _accept(self, submit: Announcement, high: Decimal | None, ceiling: Decimal) -> None:
        if high is not None and submit.max_usd is not None and high <= submit.max_usd:
            confirm(self._screen, [submit.quote], self._options)
            return
        much = f"up to {dollars(high)}" if high is not None else _unbounded([submit.quote])
        if self._screen.asks and not self._options.yes:
            self._screen.confirm(
                f"{dollars(ceiling)} was announced; buy at {submit.target} for {much}?"
            )
            return
        allow = f"--max-usd {high}" if high is not None else f"--via {submit.target} --yes"
        raise BudgetExceeded(
            f"{submit.target} costs {much}, and {dollars(ceiling)} was announced",
            hint=f"nothing was bought; {allow} allows it",
        )


@contextmanager
def settled_on_interrupt(client: Client, key: str) -> Iterator[None]:
    """Turn Ctrl-C around a paid call into what the journal knows of it.

    Raises:
        Abort: Nothing was paid.
        SubmitUncertain: It may have been bought.
    """
    try:
        yield
    except KeyboardInterrupt:
        entry = _entry(client, key)
        if entry is None or entry.state is KeyState.REFUSED:
            raise typer.Abort from None
        if entry.job is not None:
            raise interrupted(entry.job, kept=True) from None
        raise SubmitUncertain(
            "interrupted while the request was sent; it may have been bought",
            key=key,
            hint=f"the journal knows it: 'motionkit resume {short(key)}' settles it",
        ) from None


def dry_run(screen: Screen, request: Request, explanation: Explanation, options: Buying) -> None:
    """Print the HTTP requests in order, and the quote; keys and signatures are left out."""
    calls = [
        {
            "method": call.method,
            "url": redact(url),
            "json": redact_data(call.json),
            "files": redact_data(call.files),
            "paid": call.paid,
        }
        for call, url in zip(explanation.calls, explanation.urls, strict=True)
    ]
    data = {
        "request": request.describe(),
        "target": explanation.target,
        "sandbox": explanation.sandbox,
        "calls": calls,
        "quote": codec.unstructure(explanation.quote) if explanation.quote else None,
        "warnings": explanation.warnings,
        "decision": explanation.decision,
    }
    lines = []
    for call in calls:
        lines.append(f"{call['method']} {call['url']}{'   (this one buys)' * bool(call['paid'])}")
        lines += [f"  {name}: {value}" for name, value in call["files"].items()]
        if call["json"] is not None:
            body = json.dumps(call["json"], indent=2, ensure_ascii=False)
            lines += [f"  {line}" for line in body.splitlines()]
    lines += [f"{name:<9} {text}" for name, text in _announcement(request, explanation)]
    screen.answer(data, "\n".join(plain(line) for line in lines))
    if options.explain:
        explain(screen, explanation.decision)
    screen.note("nothing was sent")


def dry_resume(screen: Screen, request: Request, earlier: PurchaseRecord) -> None:
    """Print that an earlier purchase is gone on with: no request buys anything."""
    data: dict[str, Any] = {
        "request": request.describe(),
        "key": earlier.key,
        "sandbox": earlier.sandbox,
        "calls": [],
        "quote": None,
    }
    screen.answer(data, plain(earlier.key))
    screen.note("nothing was sent")
