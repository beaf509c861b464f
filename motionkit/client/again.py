"""Buy again what a purchase without a film asked for: from the journal, once, at a known price."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from motionkit import purchase
from motionkit.client.client import Client
from motionkit.errors import BudgetExceeded, ConfigError, InvalidRequest
from motionkit.journal import PurchaseRecord, retried, retry_key
from motionkit.model.job import Job, KeyState, State
from motionkit.model.money import Quote
from motionkit.model.probe import Facts, inspect_all
from motionkit.model.request import Request
from motionkit.model.request_json import REQUEST_VERSION

if TYPE_CHECKING:
    from motionkit.model.media import MediaRecord

_ENDED = frozenset({KeyState.REFUSED, State.FAILED, State.BLOCKED, State.GONE})


@attrs.frozen(kw_only=True)
class RetryPlan:
    """What it means to buy a purchase again. Nothing was sent.

    Attributes:
        entry: The purchase that ended without a film; the last one that was paid for its key.
        request: What it asked for.
        facts: Of the request's media.
        key: The new purchase's key. It is the same whoever asks, and however often, so that two
            who agree at once buy one job. A refused submit is made again under its own key.
        target: Account and model.
        quote: What it is expected to cost; its high is known.
        cap: The most that it may cost, in US dollars: the quote's high.
        sandbox: Whether the account is in a sandbox on this machine.
        warnings: What the user should know before paying.
        known: The same request under another key, unfinished or delivered lately; None without
            one. It is the user's to know that this buys it once more.
    """

    entry: PurchaseRecord
    request: Request
    facts: Mapping[str, Facts]
    key: str
    target: str
    quote: Quote
    cap: Decimal
    sandbox: bool
    warnings: tuple[str, ...]
    known: PurchaseRecord | None = None


def plan_retry(client: Client, entry: PurchaseRecord) -> RetryPlan:
    """Return at which price a purchase that ended without a film is bought again.

    The request is read from the journal, and has to be the very one: the content of its media and
    all that it asks for count.

    Raises:
        InvalidRequest: It did not end without a film, may have been bought, is a batch's, was
            bought again under the key of its retry, or the journal does not have all of its
            request.
        BudgetExceeded: A budget does not hold the price, or the price is unknown.
        MotionKitError: No target can take the request now.
    """
    entry = client.jobs.paid_last(client.jobs.get(entry.key))
    _check(entry)
    request = _request_of(entry)
    facts = inspect_all(request.media(), details=request.converts)
    options = _options(entry, entry.key, None)
    alike = client._checkout.alike(request, options, facts)
    if entry.request not in alike.requests:
        raise _unlike(entry, facts)
    refused = entry.state is KeyState.REFUSED
    key = entry.key if refused else retry_key(entry.key, 1)
    options = _options(entry, key, None)
    known = client._checkout.known(request, options, facts)
    if known is not None and known.state is KeyState.REFUSED:
        known = None  # its own key
    if known is not None and (known.key == key or retried(known.key) == entry.key):
        raise InvalidRequest(
            f"{entry.key} was bought again as {known.key}, which is {known.state.value}",
            field="key",
            value=entry.key,
        )
    found = client._checkout.explain(request, options, facts=facts)
    if found.no_key is not None:
        raise ConfigError(f"{found.target} has no key: set {found.no_key}")
    if found.refused is not None:
        raise found.refused
    high = None if found.quote is None else found.quote.usd_high
    if found.quote is None or high is None:
        raise BudgetExceeded(f"{found.target} has no known price, so no price can be agreed to")
    return RetryPlan(
        entry=entry,
        request=request,
        facts=facts,
        key=key,
        target=found.target,
        quote=found.quote,
        cap=high,
        sandbox=found.sandbox,
        warnings=found.warnings,
        known=known,
    )


def retry(client: Client, plan: RetryPlan) -> Job:
    """Buy what a plan says, at its price at most. The same plan never buys twice.

    Caps and budgets count as for any submit. An identical request that was bought since the plan
    was made is continued instead.

    Raises:
        SubmitUncertain: It may have arrived.
        MotionKitError: With ``billed=NO``: nothing was bought.
    """
    options = _options(plan.entry, plan.key, plan.cap, again=plan.known is not None)
    return client._order(plan.request, options, plan.facts).job


def _options(
    entry: PurchaseRecord, key: str, cap: Decimal | None, *, again: bool = False
) -> purchase.BuyOptions:
    return purchase.BuyOptions(
        via=entry.via,
        key=key,
        again=again,
        max_usd=cap,
        out=entry.out,
        labels=entry.labels,
        take=entry.take,
    )


def _check(entry: PurchaseRecord) -> None:
    """Refuse what is not to be bought again.

    Raises:
        InvalidRequest: With the reason.
    """
    what, hint = None, None
    if entry.ambiguous or entry.state in {KeyState.INTENDED, KeyState.UNCERTAIN}:
        what = "may have been bought"
        hint = "client.jobs.reconcile finds out"
    elif entry.state not in _ENDED:
        what = f"is {entry.state.value}"
    elif entry.batch is not None:
        what = f"is row {entry.item} of batch {entry.batch}, which would not know of the new job"
        hint = "mk.Batch.retry() buys it again"
    if what is not None:
        raise InvalidRequest(
            f"{entry.key} {what}; it is not bought again",
            field="key",
            value=entry.key,
            limit="a purchase that failed, was blocked or refused, or is gone",
            hint=hint,
        )


def _request_of(entry: PurchaseRecord) -> Request:
    """Return a purchase's request, as far as the journal has it.

    Raises:
        InvalidRequest: It has too little of it.
    """
    if entry.media is None:
        raise _incomplete(entry, "an older motionkit wrote it, without the paths of its media")
    fields: dict[str, Any] = dict(entry.description)
    for one in entry.media:
        fields.pop(one.field, None)
        name, _, place = one.field.partition("[")
        form = _form(entry, one)
        if place:
            fields.setdefault(name, []).append(form)
        else:
            fields[name] = form
    return Request.from_json(json.dumps({**fields, "version": REQUEST_VERSION}))


def _form(entry: PurchaseRecord, medium: MediaRecord) -> Mapping[str, str]:
    """Return a medium as `Request.to_json` writes it."""
    if medium.path is not None:
        return {"path": medium.path}
    label = medium.label
    for beginning, form in (("upload ", "upload"), ("job ", "generated")):
        if label.startswith(beginning):
            return {form: label.removeprefix(beginning)}
    if "://" in label:
        return {"url": label}
    raise _incomplete(entry, f"{medium.field} was bytes in memory")


def _unlike(entry: PurchaseRecord, facts: Mapping[str, Facts]) -> InvalidRequest:
    """Return the error of a request that is not the one that was bought."""
    for one in entry.media or ():
        if one.sha256 is not None and one.field in facts and facts[one.field].sha256 != one.sha256:
            return _incomplete(entry, f"{one.field}: {one.label} has another content now")
    return _incomplete(entry, "it has options of a vendor (extra) or a signed address")


def _incomplete(entry: PurchaseRecord, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"the journal does not have all of the request of {entry.key}: {why}",
        field="key",
        value=entry.key,
        hint="submit it again as it was made the first time",
    )
