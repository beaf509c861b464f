"""Submit: show the price, ask for confirmation, and submit once."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import attrs
import click

from motionkit._support.redaction import redact, redact_data
from motionkit._support.text import duration, is_text
from motionkit.cli import references
from motionkit.cli.delivery import interrupted, record
from motionkit.cli.format import in_world, plain, quoted, request_line, short, state_of, target
from motionkit.cli.records import Buying, Targeting
from motionkit.cli.screen import Screen, decided, labelled
from motionkit.client import Announcement, Client, Explanation, registry
from motionkit.config import no_account, where_keys_are_made
from motionkit.errors import Billed, BudgetExceeded, InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.events import Submitted
from motionkit.model.job import Job, KeyState, State, utcnow
from motionkit.model.labels import shown_labels
from motionkit.model.money import Cost, Quote, both, dollars, rests_on
from motionkit.model.probe import Facts
from motionkit.model.request import Request

ASK_ABOVE = Decimal(5)
"""US dollars; a higher price needs confirmation."""

_SHOWN = 40
"""Characters of an invalid option that an error shows."""

_AGAIN = frozenset({"again", "buy", "buy again", "new", "submit", "submit again"})
"""Answers that ask for a new job."""


def make(
    kind: type[Request], values: Mapping[str, Any], options: Targeting, client: Client
) -> Request:
    """Return the request that the options describe.

    Raises:
        InvalidRequest: A medium or an extra option is invalid.
    """
    extra = _extras(options.extra or (), options.via, client)
    media = references.read(kind, values, client)
    return kind(**{**values, **media}, extra=extra)


def _extras(given: Sequence[str], via: str | None, client: Client) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in given:
        if not is_text(one):
            raise InvalidRequest(
                "extra holds bytes that are not UTF-8", field="extra", limit="text in UTF-8"
            )
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
        found.setdefault(provider, {})[name] = _value(one, text)
    return found


def _value(given: str, text: str) -> Any:
    """Return the value of an extra option: JSON if possible, else text."""
    try:
        return json.loads(text, parse_constant=str)
    except json.JSONDecodeError:
        return text
    except (ValueError, RecursionError) as error:  # JSON, but beyond Python's limits
        numbers = f"numbers of at most {sys.get_int_max_str_digits()} digits"
        limit = numbers if isinstance(error, ValueError) else "fewer levels of nesting"
        shown = f"{given[:_SHOWN]}..."
        raise InvalidRequest(
            f"extra: {shown!r} exceeds the limit: {limit}", field="extra", value=shown, limit=limit
        ) from None


def _provider(name: str, via: str | None, client: Client) -> str:
    """Return the provider of an extra option that does not name one.

    Raises:
        InvalidRequest: The route has targets of several providers.
        ConfigError: There is no such account or route.
    """
    config = client.config
    if via is None:
        targets: Sequence[str] = list(config.accounts)[:1] or list(config.keyless)
    else:
        route = None if via.partition("/")[0] in config.keyless else config.route(via)
        targets = [via] if route is None else route.targets
    if not targets:
        raise no_account()
    names = dict.fromkeys(config.known(one.partition("/")[0]).provider for one in targets)
    if len(names) == 1:
        return next(iter(names))
    limit = " or ".join(f"{one}.{name}" for one in names)
    raise InvalidRequest(
        f"extra: {via or 'this'!r} has targets of several providers; write {limit} instead of "
        f"{name!r}",
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
    out: str | None,
    facts: Mapping[str, Facts],
    earlier: PurchaseRecord | None = None,
) -> Job:
    """Show the price, confirm and submit; or resume the job that `continued` returned.

    Raises:
        Abort: The user declined, or interrupted before the submit.
        InvalidRequest: Confirmation is required in a non-interactive run.
        SubmitUncertain: It may have been charged.
        MotionKitError: As `Client.submit`.
    """
    declined = False
    if earlier is not None:
        declined = _declined(screen, earlier, options)
        job = None if declined else _resumed(screen, client, earlier)
        if job is not None:
            return job
    explanation = client.explain(
        request, via=options.via, choose=options.choose, max_usd=options.max_usd, facts=facts
    )
    need_key(client, explanation, options)
    announce(screen, request, explanation)
    confirm(screen, [explanation.quote], options)
    high = None if explanation.quote is None else explanation.quote.usd_high
    spending = Spending(screen, options, explanation.target, high)
    unsent = None if earlier is None or declined else earlier.key
    key = options.key or unsent or str(uuid.uuid4())
    again = options.new or options.key is not None or declined
    with settled_on_interrupt(client, key), screen.busy("uploading and submitting"):
        job = client.submit(
            request,
            via=options.via,
            choose=options.choose,
            key=key,
            again=again,
            max_usd=options.max_usd,
            out=out,
            wait_for_slot=options.wait_for_slot,
            announce=spending,
            facts=facts,
            labels=options.labels,
        )
    screen.event(Submitted(key=job.key, job=job, cost=job.cost))
    screen.fact("submitted", f"job {job.id} at {job.account}/{job.model}, key {job.key}")
    if (cost := _other_price(job, explanation)) is not None:
        much = both(cost.amount, cost.unit, cost.usd)
        screen.fact("reported", f"{much} by the vendor at the submit, other than quoted")
    if options.explain:
        explain(screen, client.jobs.get(job.key).decision)
    return job


def _other_price(job: Job, explanation: Explanation) -> Cost | None:
    """Return what the vendor reported at a submit, where that is not the quote of its target."""
    cost, quote = job.cost, explanation.quote
    if cost is None or quote is None or explanation.target.partition("/")[0] != job.account:
        return None
    return None if (cost.amount, cost.unit) == (quote.likely, quote.unit) else cost


def need_key(client: Client, explanation: Explanation, options: Buying) -> None:
    """Refuse a purchase at an account without a key, before a price is confirmed.

    Raises:
        ConfigError: It has none; names the variable, and where keys are made.
    """
    if explanation.no_key is None:
        return
    if options.via is None and not client.config.accounts:
        raise no_account()
    client.account(explanation.target.partition("/")[0])


def keyless_providers(client: Client, accounts: Iterable[str]) -> dict[str, list[str]]:
    """Return the providers of accounts without a key, each with those accounts."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(accounts):
        found.setdefault(client.config.known(name).provider, []).append(name)
    return found


def about_keys(providers: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each provider about its accounts without a key."""
    return [
        f"no key for {', '.join(accounts)}: {where_keys_are_made(provider)}"
        for provider, accounts in providers.items()
    ]


def tell_keys(screen: Screen, client: Client, explanation: Explanation) -> None:
    """Say where to make the missing key that a submit would need."""
    if explanation.no_key is not None:
        account = explanation.target.partition("/")[0]
        for note in about_keys(keyless_providers(client, [account])):
            screen.note(note)


def explain(screen: Screen, decision: Sequence[Mapping[str, Any]]) -> None:
    """Show the decision of the route, row by row."""
    for row in decision:
        note = f" ({row['note']})" if row["note"] else ""
        screen.fact("route", f"{decided(row)}{note}")


def continued(
    client: Client, request: Request, options: Buying, facts: Mapping[str, Facts]
) -> PurchaseRecord | None:
    """Return the purchase that the command resumes instead of submitting, if any.

    Raises:
        InvalidRequest: Its key names another request, or both --new and --key are given.
    """
    check_new(options)
    if options.new:
        return None
    return client.bought_before(request, via=options.via, key=options.key, facts=facts)


def check_new(options: Buying) -> None:
    """Refuse --new together with --key.

    Raises:
        InvalidRequest: Both are given.
    """
    if options.new and options.key is not None:
        raise InvalidRequest(
            "--new creates its own key; omit --key, or pass an unused --key instead of --new",
            field="new",
        )


def tell_earlier(screen: Screen, earlier: PurchaseRecord, options: Buying) -> None:
    """Show an earlier purchase: its age, target and file, and how to submit again."""
    age = duration(max(0.0, utcnow().timestamp() - earlier.submitted))
    where = f" at {in_world(target(earlier), earlier.sandbox)}" if earlier.job else ""
    file = f", {earlier.delivered}" if earlier.delivered else ""
    screen.note(
        f"the same request was submitted {age} ago as {short(earlier.key)}{where}: "
        f"{state_of(earlier)}{file}"
        if earlier.job
        else f"the same request was started {age} ago as {short(earlier.key)}: {state_of(earlier)}"
    )
    if options.key is not None or not screen.asks or finished(earlier):
        again = "--new" if options.key is None else "another --key"
        what = "a real run would resume it" if options.dry_run else "resuming it"
        screen.note(f"{what} without paying again; {again} submits a new job")
    if options.labels and options.labels != earlier.labels:
        screen.note(f"it keeps its labels: {shown_labels(earlier.labels) or 'none'}")


def finished(entry: PurchaseRecord) -> bool:
    """Return whether a purchase succeeded and its file was delivered."""
    return entry.state is State.SUCCEEDED and entry.delivered is not None


def _declined(screen: Screen, earlier: PurchaseRecord, options: Buying) -> bool:
    """Show an earlier purchase; return whether the user wants to submit a new job anyway."""
    tell_earlier(screen, earlier, options)
    if options.key is not None or not screen.asks or finished(earlier):
        return False
    answer = screen.asked("resume it, or submit again", default="resume")
    return plain(answer).casefold() in _AGAIN


def _resumed(screen: Screen, client: Client, earlier: PurchaseRecord) -> Job | None:
    """Return an earlier purchase's job; None if its submit was refused or never sent."""
    try:
        with settled_on_interrupt(client, earlier.key), screen.busy("resolving"):
            return client.jobs.resume(earlier)
    except MotionKitError as error:
        entry = record(client, earlier.key)
        settled = entry is not None and entry.state is KeyState.REFUSED
        if error.billed is not Billed.NO or not settled:
            raise
        screen.note("its submit was never sent or was refused: submitting it now")
        return None


def announce(screen: Screen, request: Request, explanation: Explanation) -> None:
    """Show the request, its target and its price."""
    for name, text in announcement(request, explanation):
        screen.fact(name, text, style="bold" if name == "quote" else "")


def announcement(request: Request, explanation: Explanation) -> list[tuple[str, str]]:
    """Return the request, its target and its price as labelled lines."""
    quote = explanation.quote
    lines = [
        ("request", request_line(request.describe())),
        ("at", in_world(explanation.target, explanation.sandbox)),
        ("quote", quoted(quote)),
    ]
    if quote is not None:
        lines.append(("basis", rests_on(quote)))
        lines += [("note", note) for note in quote.notes]
    lines[1:1] = [("convert", text) for text in explanation.conversions]
    if explanation.no_key is not None:
        lines.append(("no key", f"{explanation.no_key}; a real run stops before any upload"))
    return lines + [("warning", warning) for warning in explanation.warnings]


def confirm(screen: Screen, quotes: Sequence[Quote | None], options: Buying) -> None:
    """Ask for confirmation if all that the command submits costs much or an unknown amount.

    Raises:
        Abort: The user declined.
        InvalidRequest: The run is non-interactive.
    """
    high = _together(quotes)
    if options.max_usd is not None and (high is None or high > options.max_usd):
        return  # the client refuses it anyway
    if options.yes or (high is not None and high <= ASK_ABOVE):
        return
    cost = much(quotes)
    if screen.asks:
        if options.dry_run:
            screen.note(f"a real run would ask: submit this for {cost}?")
            return
        screen.confirm(f"submit this for {cost}?")
        return
    known = high is not None
    above = f", above {dollars(ASK_ABOVE)}" if known else ""
    raise InvalidRequest(
        f"this costs {cost}{above}: confirmation required; pass --yes",
        field="yes",
        limit=f"{dollars(ASK_ABOVE)} without --yes" if known else "a known price without --yes",
        hint="--max-usd N sets your own limit"
        if known
        else f"a target with a known price needs no --yes up to {dollars(ASK_ABOVE)}",
    )


def much(quotes: Sequence[Quote | None]) -> str:
    """Return what several submits cost together, as a phrase that follows "for"."""
    high = _together(quotes)
    return f"up to {dollars(high)}" if high is not None else _unbounded(quotes)


def _together(quotes: Sequence[Quote | None]) -> Decimal | None:
    """Return the sum of the upper bounds in US dollars; None if one is unknown."""
    highs = [None if quote is None else quote.usd_high for quote in quotes]
    known = [high for high in highs if high is not None]
    return sum(known, Decimal(0)) if len(known) == len(highs) else None


def _unbounded(quotes: Sequence[Quote | None]) -> str:
    known = [quoted(quote) for quote in quotes if quote is not None and quote.likely is not None]
    if len(known) < len(quotes):
        return "an unknown amount"
    likely = [quote.usd_likely for quote in quotes if quote is not None and quote.usd_likely]
    if len(known) > 1 and len(likely) == len(known):  # a sum instead of a list
        known = [f"about {dollars(sum(likely, Decimal(0)))}"]
    return f"{' and '.join(known)}, without a known upper bound"


@attrs.define(eq=False, repr=False)
class Spending:
    """The accepted price: a fallback that costs more needs confirmation or --max-usd."""

    _screen: Screen
    _options: Buying
    _target: str
    _ceiling: Decimal | None

    def __call__(self, submit: Announcement) -> None:
        """Show a fallback; ask for confirmation if it may cost more.

        Raises:
            Abort: The user declined.
            BudgetExceeded: It may cost more, and the run is non-interactive.
        """
        high = None if submit.quote is None else submit.quote.usd_high
        accepted = self._ceiling is None or (high is not None and high <= self._ceiling)
        if submit.target == self._target and accepted:
            return
        self._say(submit)
        if self._ceiling is None:  # any price was accepted: the rules of a first target apply
            confirm(self._screen, [submit.quote], self._options)
        elif not accepted:
            self._accept(submit, high, self._ceiling)
        self._target = submit.target
        self._ceiling = high if self._ceiling is None or high is None else max(high, self._ceiling)

    def _say(self, submit: Announcement) -> None:
        why = submit.after.get(self._target)
        if submit.target != self._target:
            left = f"{self._target}: {why}" if why else f"{self._target} is skipped"
            self._screen.fact("fallback", f"{left}; nothing was charged there")
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
                f"{dollars(ceiling)} was quoted; submit to {submit.target} for {much}?"
            )
            return
        allow = f"--max-usd {high}" if high is not None else f"--via {submit.target} --yes"
        raise BudgetExceeded(
            f"{submit.target} costs {much}, but {dollars(ceiling)} was quoted",
            hint=f"nothing was charged; {allow} allows it",
        )


@contextmanager
def settled_on_interrupt(client: Client, key: str) -> Iterator[None]:
    """Turn Ctrl-C during a paid call into an error with the state in the journal.

    Raises:
        Abort: Nothing was charged.
        SubmitUncertain: It may have been charged.
    """
    try:
        yield
    except KeyboardInterrupt:
        entry = record(client, key)
        if entry is None or entry.state is KeyState.REFUSED:
            raise click.Abort from None
        if entry.job is not None:
            raise interrupted(entry.job, kept=True) from None
        raise SubmitUncertain(
            "interrupted while sending the request; it may have been charged",
            key=key,
            hint=f"'motionkit resume {short(key)}' resolves it",
        ) from None


def dry_run(screen: Screen, request: Request, explanation: Explanation, options: Buying) -> None:
    """Print the HTTP requests in order and the quote, without keys and signatures."""
    calls = [
        {
            "method": call.method,
            "url": redact(url),
            **({"headers": redact_data(call.headers)} if call.headers else {}),
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
        "quote": codec.unstructure(explanation.quote),
        "conversions": explanation.conversions,
        "warnings": explanation.warnings,
        "no_key": explanation.no_key,
        "decision": explanation.decision,
    }
    lines = []
    for call in calls:
        lines.append(f"{call['method']} {call['url']}{'   (charged)' * bool(call['paid'])}")
        lines += [f"  {name}: {value}" for name, value in call.get("headers", {}).items()]
        lines += [f"  {name}: {value}" for name, value in call["files"].items()]
        if call["json"] is not None:
            body = json.dumps(call["json"], indent=2, ensure_ascii=False)
            lines += [f"  {line}" for line in body.splitlines()]
    said = labelled(announcement(request, explanation))
    screen.answer(data, "\n".join([*(plain(line) for line in lines), said]))
    if options.explain:
        explain(screen, explanation.decision)
    screen.note("nothing was sent")


def dry_resume(screen: Screen, request: Request, earlier: PurchaseRecord) -> None:
    """Print that an earlier job is resumed: no request is charged."""
    data: dict[str, Any] = {
        "request": request.describe(),
        "key": earlier.key,
        "sandbox": earlier.sandbox,
        "calls": [],
        "quote": None,
    }
    done = earlier.state is State.SUCCEEDED
    what = "was bought already as" if done else "would resume"
    screen.answer(
        data, plain(f"{what} {earlier.key}: {state_of(earlier)}; nothing is charged again")
    )
    screen.note("nothing was sent")
