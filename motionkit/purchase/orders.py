"""From a request and a word to a purchase: which target or route is meant, and buying there."""

from __future__ import annotations

import functools
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import attrs

from motionkit.config import Config
from motionkit.config.credentials import documented
from motionkit.config.routes import DEFAULT_ROUTE, Route
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    ConfigError,
    InvalidRequest,
    MotionKitError,
    Unsupported,
)
from motionkit.http import NotSent
from motionkit.journal import Alike, Journal, NewPurchase, PurchaseExists, PurchaseRecord
from motionkit.model.job import Job, KeyState, State
from motionkit.model.media import Generated
from motionkit.model.money import Quote
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.model.submission import Call
from motionkit.provider import AcceptsUnlistedModels, Provider, fit, in_sandbox, registry
from motionkit.provider import offers as offering
from motionkit.purchase import cancellation, compare, fallback
from motionkit.purchase.circuits import Circuits
from motionkit.purchase.jobs import Jobs
from motionkit.purchase.slots import Slots
from motionkit.purchase.submit import Submitter
from motionkit.routing.decision import Stop

log = logging.getLogger("motionkit")


@attrs.frozen
class Explanation:
    """What a request would do, before anything is sent.

    Attributes:
        target: Account and model.
        calls: The HTTP requests in order; keys left out, placeholders for uploads.
        urls: The whole URL of each call.
        quote: What it is expected to cost; None when no price is known.
        warnings: What the user should know before paying.
        decision: Why which target of a route is taken, row by row; empty for a direct target.
        refused: What a submit would be refused with now, by a cap or a budget; None otherwise.
        sandbox: Whether the account is in a sandbox on this machine.
    """

    target: str
    calls: tuple[Call, ...]
    urls: tuple[str, ...]
    quote: Quote | None
    warnings: tuple[str, ...]
    decision: tuple[Mapping[str, Any], ...] = ()
    refused: BudgetExceeded | None = None
    sandbox: bool = False


@attrs.frozen(kw_only=True)
class BuyOptions:
    """How a request is to be bought; see `Client.submit`."""

    via: str | None = None
    key: str | None = None
    again: bool | None = None
    max_usd: Decimal | None = None
    out: Path | None = None
    wait_for_slot: float | None = None
    announce: fallback.Announce | None = None
    limited: bool = True
    """Whether caps and budgets count; not where nothing may have to be bought."""

    def __attrs_post_init__(self) -> None:
        """Refuse a key that is blank: an unset variable would buy every time.

        Raises:
            InvalidRequest: It is.
        """
        if self.key is not None and not self.key.strip():
            raise InvalidRequest(
                f"key {self.key!r} is blank: it would buy every time",
                field="key",
                value=self.key,
                limit="text that is not blank, or no key",
            )

    @property
    def buys_again(self) -> bool:
        """Whether to buy although an identical request is open; a key of one's own means it."""
        return self.key is not None if self.again is None else self.again


@attrs.frozen
class Order:
    """What buying led to: a job, and the buyer who could try again behind a route."""

    job: Job
    buyer: fallback.RouteBuyer | None = None

    def next(self, job: Job, error: MotionKitError) -> Job:
        """Buy again after a job that went wrong.

        Raises:
            MotionKitError: Nothing pays for another try.
        """
        if self.buyer is None:
            raise error
        self.buyer.ended(job, error)  # raises unless the route pays for another try
        return self.buyer.buy()


@attrs.frozen
class Target:
    """One account, and the model that was named, if any."""

    account: str
    model: str | None
    provider: Provider

    def offer(self, request: Request) -> offering.Offer:
        """Return the row that this target means for a request.

        Raises:
            Unsupported: There is none.
            InvalidRequest: The request refers to a video that another account made.
        """
        for name, value in request.media().items():
            made = value.job if isinstance(value, Generated) else None
            if isinstance(made, Job) and made.fingerprint != self.provider.fingerprint:
                raise InvalidRequest(
                    f"{name}: job {made.id} was made by {made.provider} account {made.account!r}; "
                    f"{self.account!r} cannot refer to it",
                    field=name,
                    value=made.id,
                    limit="a job of the same account, or its downloaded file",
                )
        target = self.account + (f"/{self.model}" if self.model else "")
        try:
            return offering.pick(self.provider.offers, request.operation, self.model, target=target)
        except Unsupported:
            if self.model is None or not isinstance(self.provider, AcceptsUnlistedModels):
                raise
            row = self.provider.unlisted(request.operation, self.model)
            if row is None:
                raise
            return row


@attrs.frozen
class Chosen:
    """What would be tried first: its target and offer, the route, and why, row by row."""

    target: Target
    offer: offering.Offer
    route: Route | None = None
    decision: tuple[Mapping[str, Any], ...] = ()


@attrs.frozen
class Checkout:
    """Where purchases are made.

    Attributes:
        config: The accounts and routes.
        journal: Where everything is kept.
        jobs: The journal's face.
        account: Returns an account's adapter.
        submitter: Returns an account's submitter.
        slots: Who knows how many jobs an account runs.
        sleep: How to wait.
        clock: Monotonic seconds.
    """

    config: Config
    journal: Journal
    jobs: Jobs
    account: Callable[[str], Provider]
    submitter: Callable[[str], Submitter]
    slots: Slots
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    _experience: compare.Experience = attrs.field(init=False, repr=False, eq=False)

    @_experience.default
    def _read_once(self) -> compare.Experience:
        return compare.Experience(self.journal)

    # What is meant.

    def route(self, via: str | None) -> Route | None:
        """Return the route that a word means; None when it means a target.

        Raises:
            ConfigError: It is neither, or nothing is configured.
        """
        if via is not None:
            return self.config.route(via)
        if not self.config.accounts:
            names = " or ".join(documented(name)[0] for name in registry.names())
            raise ConfigError(f"no account is configured: set {names or 'a key'}")
        route = self.config.routes.get(DEFAULT_ROUTE)
        if route is not None and route == Route(name=DEFAULT_ROUTE, targets=route.targets[:1]):
            return None  # one account and no rules: a target like any other
        return route

    def named(self, via: str | None) -> str:
        """Return the word under which a purchase is remembered."""
        if via is not None:
            return via
        route = self.route(None)
        return next(iter(self.config.accounts)) if route is None else route.name

    def target(self, via: str) -> Target:
        """Return one target.

        Raises:
            ConfigError: There is no such account, or it has no key.
        """
        account, _, model = via.partition("/")
        return Target(account, model or None, self.account(account))

    def chosen(self, request: Request, wish: BuyOptions) -> Chosen:
        """Return what would be tried first now; nothing is asked of any vendor.

        Raises:
            MotionKitError: No target can take the request.
        """
        route = self.route(wish.via)
        if route is None:
            target = self.target(self.named(wish.via))
            return Chosen(target, target.offer(request))
        buyer = self._buyer(route, request, wish, fit.inspect(request))
        decision = buyer.preview()
        buyer.record = decision.rows
        if isinstance(decision.action, Stop):
            raise buyer.refused(decision.action)
        target = self.target(decision.action.target)
        return Chosen(target, target.offer(request), route, tuple(buyer.told()))

    # Before paying.

    def explain(
        self, request: Request, wish: BuyOptions, *, besides: Decimal = Decimal(0)
    ) -> Explanation:
        """Return the exact HTTP requests of a submit, the quote, and what would refuse it.

        Args:
            request: What is wanted.
            wish: How it is to be bought.
            besides: US dollars that the same command is going to spend on another purchase.
        """
        chosen = self.chosen(request, wish)
        target = chosen.target
        submission = target.provider.prepare(request, chosen.offer, dry=True)
        quote = self._assessed(target, chosen.offer, request, fit.inspect(request)).quote
        budgets = self.config.budgets(chosen.route, None if chosen.route else target.account)
        sandbox = in_sandbox(target.provider)
        made = NewPurchase(
            key="",
            request="",
            via="",
            description={},
            quote=quote,
            budgets=budgets,
            sandbox=sandbox,
        )
        refused = None
        try:
            if wish.max_usd is not None:
                _within(quote, wish.max_usd)
            if wish.limited:
                self.journal.check_budgets(made, besides)
        except BudgetExceeded as error:
            refused = error
        return Explanation(
            f"{target.account}/{chosen.offer.model}",
            submission.calls,
            tuple(target.provider.url(call) for call in submission.calls),
            quote,
            submission.warnings,
            chosen.decision,
            refused,
            sandbox,
        )

    def quote(self, request: Request, via: str | None) -> Quote | None:
        """Return what a request is expected to cost; None when no price is known."""
        chosen = self.chosen(request, BuyOptions(via=via))
        row = self._assessed(chosen.target, chosen.offer, request, fit.inspect(request))
        if row.problem is not None:
            raise row.problem
        return row.quote

    def rows(self, request: Request, via: str | None) -> list[compare.Row]:
        """Return a row per target that a word means; None means every offer of every account."""
        facts = fit.inspect(request)
        names = self._every(request) if via is None else self._named(via)
        return [place.row for place in self._places(names, request, facts)]

    def _every(self, request: Request) -> list[str]:
        names = []
        for account in self.config.accounts:
            try:
                provider = self.account(account)
            except ConfigError:
                names.append(account)  # its row says why
                continue
            names += [
                f"{account}/{offer.model}"
                for offer in provider.offers
                if offer.operation == request.operation
            ]
        return names

    def _named(self, via: str) -> Sequence[str]:
        route = self.route(via)
        return [via] if route is None else route.targets

    def _assessed(
        self,
        target: Target,
        offer: offering.Offer,
        request: Request,
        facts: Mapping[str, Facts],
    ) -> compare.Row:
        past = self._experience.past()
        return compare.assess(request, offer, target.provider, facts, past)

    def _places(
        self, names: Sequence[str], request: Request, facts: Mapping[str, Facts]
    ) -> list[fallback.RouteTarget]:
        past = self._experience.past()
        places = []
        for name in names:
            try:
                target = self.target(name)
                offer = target.offer(request)
            except InvalidRequest as error:
                places.append(
                    fallback.RouteTarget(name, None, None, compare.Row(name, problem=error))
                )
            except ConfigError as error:
                places.append(
                    fallback.RouteTarget(name, None, None, compare.Row(name, error=error))
                )
            else:
                row = compare.assess(request, offer, target.provider, facts, past)
                submitter = self.submitter(target.account)
                places.append(fallback.RouteTarget(name, submitter, offer, row))
        return places

    # Paying.

    def known(self, request: Request, wish: BuyOptions) -> PurchaseRecord | None:
        """Return the purchase that a wish continues, if any.

        Raises:
            InvalidRequest: The key names another request, or a medium cannot be read.
        """
        alike = self.alike(request, wish.via)
        return self.jobs.known(wish.key, alike, again=wish.buys_again)

    def alike(self, request: Request, via: str | None) -> Alike:
        """Return which purchases a request would repeat, bought by the same word now.

        Raises:
            InvalidRequest: A medium cannot be read.
            ConfigError: The word is neither a target nor a route.
        """
        route = self.route(via)
        named = self.named(via)
        facts = fit.inspect(request)
        words = dict.fromkeys([named, *self.config.routes, *self.config.accounts])
        sellers: set[tuple[str, str]] = set()
        for name in (named,) if route is None else route.targets:
            try:
                target = self.target(name)
                offer = target.offer(request)
            except MotionKitError:
                continue  # it sells nothing of the kind, or its account cannot be used
            words[f"{target.account}/{offer.model}"] = None
            sellers |= {
                (target.provider.fingerprint, offer.model),
                (target.account, offer.model),
            }
        return Alike(
            (request.fingerprint(facts), *(request.fingerprint(facts, word) for word in words)),
            frozenset(sellers),
            time.time() - self.config.defaults.remember if self.config.defaults.remember else inf,
        )

    def order(self, request: Request, wish: BuyOptions) -> Order:
        """Buy, or go on with what was bought before.

        Raises:
            SubmitUncertain: It may have arrived; nothing will be sent again by itself.
            MotionKitError: With ``billed=NO``: nothing was bought.
        """
        alike = self.alike(request, wish.via)
        known = self.jobs.known(wish.key, alike, again=wish.buys_again)
        key = wish.key or str(uuid.uuid4())
        deadline = self.clock() + self._patience(wish)
        while True:
            if known is not None and known.state is not KeyState.REFUSED:
                job = self._bought(known)
                if job is not None:
                    self._say(known, wish)
                    return Order(job)
                key = known.key  # nothing was bought under it: this one does
            purchase = NewPurchase(
                key=key,
                request=alike.requests[0],
                via=self.named(wish.via),
                description=request.describe(),
                out=None if wish.out is None else str(wish.out.absolute()),
                again=wish.buys_again,
                alike=alike,
            )
            try:
                return self._order(request, wish, purchase, max(deadline - self.clock(), 0.0))
            except PurchaseExists as taken:  # another thread or process was faster
                known = taken.entry
                if known.key == key:
                    self.jobs.check(known, alike)
                cancellation.sleep(0.0, self.sleep)
            except BudgetExceeded:  # what spent the budget may be this very request
                known = self.jobs.known(wish.key, alike, again=wish.buys_again)
                if known is None or known.state is KeyState.REFUSED:
                    raise

    def _patience(self, wish: BuyOptions) -> float:
        """Return the seconds that a submit waits for a slot."""
        if wish.wait_for_slot is not None:
            return wish.wait_for_slot
        route = self.route(wish.via)
        said = None if route is None else route.wait_for_slot
        return self.config.defaults.wait_for_slot if said is None else said

    def _bought(self, entry: PurchaseRecord) -> Job | None:
        """Return the job of a purchase; None when it turns out that nothing was bought.

        Raises:
            SubmitUncertain: Nobody can tell whether it was bought.
        """
        while True:
            try:
                return self.jobs.resume(entry)
            except MotionKitError as error:
                if error.billed is not Billed.NO:
                    raise
                entry = self.journal.entry(entry.key)
                if entry.state is KeyState.REFUSED:
                    log.info("nothing was bought under %s: submitting it", entry.key)
                    return None
                if not isinstance(error, InvalidRequest | NotSent):
                    raise
                # It was refused, and another thread or process submits it again meanwhile.

    @staticmethod
    def _say(entry: PurchaseRecord, wish: BuyOptions) -> None:
        """Log that an earlier purchase is returned where no key asked for it."""
        if wish.key is not None or entry.job is None:
            return
        age = max(0.0, time.time() - entry.submitted)
        finished = entry.state is State.SUCCEEDED
        log.log(
            logging.WARNING if finished else logging.INFO,
            "the same request was bought %.0f s ago as job %s at %s/%s, key %s%s: returning that "
            "job; again=True, or a key of its own, buys it again",
            age,
            entry.job.id,
            entry.job.account,
            entry.job.model,
            entry.key,
            f", file {entry.delivered}" if entry.delivered else "",
        )

    def _order(
        self, request: Request, wish: BuyOptions, purchase: NewPurchase, patience: float
    ) -> Order:
        facts = fit.inspect(request)
        route = self.route(wish.via)
        if route is None:
            return Order(self._direct(request, wish, facts, purchase, patience))
        buyer = self._buyer(route, request, wish, facts, purchase)
        buyer.patience = patience
        return Order(buyer.buy(), buyer)

    def _direct(
        self,
        request: Request,
        wish: BuyOptions,
        facts: Mapping[str, Facts],
        purchase: NewPurchase,
        patience: float,
    ) -> Job:
        target = self.target(self.named(wish.via))
        offer = target.offer(request)
        row = self._assessed(target, offer, request, facts)
        if row.problem is not None:
            raise row.problem
        if wish.max_usd is not None:
            _within(row.quote, wish.max_usd)
        purchase = attrs.evolve(
            purchase,
            quote=row.quote,
            budgets=self.config.budgets(None, target.account),
            sandbox=in_sandbox(target.provider),
        )
        self.journal.check_budgets(purchase)
        if wish.announce is not None:
            wish.announce(
                fallback.Announcement(
                    target=row.target,
                    quote=row.quote,
                    max_usd=wish.max_usd,
                    sandbox=purchase.sandbox,
                )
            )
        submitter = self.submitter(target.account)
        prepared = fallback.Prepared(functools.partial(target.provider.prepare, request, offer))
        deadline = self.clock() + patience
        self.slots.wait(submitter, patience)
        job = submitter.submit(
            purchase,
            prepared.ready(),
            earlier=self.journal.get(purchase.key),
            wait_for_slot=max(deadline - self.clock(), 0.0),
        )
        Circuits(self.journal.caches).submitted(target.account, target.provider.fingerprint)
        return job

    def _buyer(
        self,
        route: Route,
        request: Request,
        wish: BuyOptions,
        facts: Mapping[str, Facts],
        purchase: NewPurchase | None = None,
    ) -> fallback.RouteBuyer:
        caps = [cap for cap in (route.max_usd, wish.max_usd) if cap is not None and wish.limited]
        budgets = self.config.budgets(route) if wish.limited else ()
        made = purchase or NewPurchase(key="", request="", via=route.name, description={})
        return fallback.RouteBuyer(
            attrs.evolve(route, max_usd=min(caps) if caps else None),
            self._places(route.targets, request, facts),
            request,
            attrs.evolve(made, route=route.name, budgets=budgets),
            self.journal,
            self.slots,
            self._patience(wish),
            self.sleep,
            self._steady(),
            wish.announce,
        )

    def _steady(self) -> Callable[[], float]:
        """Return epoch seconds that go on from here as the monotonic clock does."""
        wall, began = time.time(), self.clock()
        return lambda: wall + self.clock() - began


def _within(quote: Quote | None, max_usd: Decimal) -> None:
    high = None if quote is None else quote.usd_high
    if high is None:
        why = "; ".join(quote.notes) if quote else "no price is known"
        raise BudgetExceeded(f"the price is unknown ({why}), and max_usd is {max_usd} USD")
    if high > max_usd:
        raise BudgetExceeded(f"the quote's high of {high} USD exceeds max_usd of {max_usd} USD")
