"""Resolve ``via`` to a target or route, and purchase there.

A request goes one way: its media are read once, at the client's border; each target is resolved
and fitted once, and its quote is kept beside the fit; the adapter prepares what was fitted.
"""

from __future__ import annotations

import functools
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf
from typing import Any

import attrs

from motionkit.config import DEFAULT_ROUTE, Config, Route, documented
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    ConfigError,
    InvalidRequest,
    MotionKitError,
)
from motionkit.http import NotSent
from motionkit.journal import Alike, Journal, NewPurchase, PurchaseExists, PurchaseRecord
from motionkit.model.budget import over_cap
from motionkit.model.job import Job, KeyState, State
from motionkit.model.money import Quote
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.provider import Offer, fit, registry
from motionkit.purchase import cancellation, compare, fallback
from motionkit.purchase.circuits import Circuits
from motionkit.purchase.jobs import Jobs
from motionkit.purchase.slots import Slots
from motionkit.purchase.submit import Submitters
from motionkit.purchase.target import BuyOptions, Explanation, Target
from motionkit.routing.decision import Stop

log = logging.getLogger("motionkit")


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


Resolved = tuple[Target, Offer] | MotionKitError
"""A target and the offer that it means for a request, or why it cannot be used."""


@attrs.define
class Asked:
    """A request whose media were read and whose ``via`` was resolved, both once.

    Attributes:
        request: What is wanted.
        facts: What is known of each media argument.
        name: The target or route that was named; the journal keeps it as ``via``.
        route: The rules; None for a single target.
        resolved: Its targets by name, in the route's order.
        places: The same, fitted and quoted; empty until they are needed.
    """

    request: Request
    facts: Mapping[str, Facts]
    name: str
    route: Route | None
    resolved: Mapping[str, Resolved]
    places: Sequence[fallback.RouteTarget] = ()


@attrs.frozen
class Chosen:
    """What would be tried first: the target, the route, and why, row by row."""

    place: fallback.RouteTarget
    route: Route | None = None
    decision: tuple[Mapping[str, Any], ...] = ()


@attrs.frozen
class Checkout:
    """Where purchases are made.

    Every verb takes the facts of the media from a caller that has read them, and reads them itself
    otherwise.

    Attributes:
        config: The accounts and routes.
        journal: Where everything is kept.
        jobs: What was purchased before.
        submitters: Each account's submitter, and its adapter.
        slots: Who knows how many jobs an account runs.
        sleep: How to wait.
        clock: Monotonic seconds.
    """

    config: Config
    journal: Journal
    jobs: Jobs
    submitters: Submitters
    slots: Slots
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    _experience: compare.Experience = attrs.field(init=False, repr=False, eq=False)
    _circuits: Circuits = attrs.field(init=False, repr=False, eq=False)

    @_experience.default
    def _read_once(self) -> compare.Experience:
        return compare.Experience(self.journal)

    @_circuits.default
    def _of_the_journal(self) -> Circuits:
        return Circuits(self.journal.caches)

    # What is meant.

    def _route(self, via: str | None) -> tuple[Route | None, str]:
        """Return the route that ``via`` names, None for a target, and its name.

        Raises:
            ConfigError: It is neither, or nothing is configured.
        """
        if via is not None:
            return self.config.route(via), via
        if not self.config.accounts:
            names = " or ".join(documented(name)[0] for name in registry.names())
            raise ConfigError(f"no account is configured: set {names or 'a key'}")
        route = self.config.routes.get(DEFAULT_ROUTE)
        if route is None or route == Route(name=DEFAULT_ROUTE, targets=route.targets[:1]):
            return None, next(iter(self.config.accounts))  # no rules: a target like any other
        return route, route.name

    def target(self, via: str) -> Target:
        """Return one target.

        Raises:
            ConfigError: There is no such account, or it has no key.
        """
        account, _, model = via.partition("/")
        return Target(account, model or None, self.submitters.of(account).provider)

    def _resolve(self, name: str, request: Request) -> Resolved:
        try:
            target = self.target(name)
            return target, target.offer(request)
        except MotionKitError as error:
            return error

    def _ask(self, request: Request, via: str | None, facts: Mapping[str, Facts] | None) -> Asked:
        """Read a request's media and resolve its targets.

        Raises:
            InvalidRequest: A medium cannot be read.
            ConfigError: `via` is neither a target nor a route.
        """
        route, name = self._route(via)
        facts = fit.inspect(request) if facts is None else facts
        targets = (name,) if route is None else route.targets
        resolved = {one: self._resolve(one, request) for one in targets}
        return Asked(request, facts, name, route, resolved)

    def _places(self, asked: Asked) -> Sequence[fallback.RouteTarget]:
        """Return the targets fitted and quoted; once for each request."""
        if not asked.places:
            past = self._experience.past()
            asked.places = [self._place(asked, name, past) for name in asked.resolved]
        return asked.places

    def _place(self, asked: Asked, name: str, past: compare.Past) -> fallback.RouteTarget:
        resolved = asked.resolved[name]
        if isinstance(resolved, InvalidRequest):
            return fallback.RouteTarget(name, compare.Row(name, problem=resolved))
        if isinstance(resolved, ConfigError):
            return fallback.RouteTarget(name, compare.Row(name, error=resolved))
        if isinstance(resolved, MotionKitError):
            raise resolved
        target, offer = resolved
        fitted, row = compare.assess(asked.request, offer, target.provider, asked.facts, past)
        return fallback.RouteTarget(name, row, self.submitters.of(target.account), fitted)

    def _direct_place(self, asked: Asked) -> fallback.RouteTarget:
        """Return the one target that is meant.

        Raises:
            MotionKitError: It cannot take the request.
        """
        (resolved,) = asked.resolved.values()
        if isinstance(resolved, MotionKitError):
            raise resolved
        (place,) = self._places(asked)
        if place.row.problem is not None:
            raise place.row.problem
        return place

    def _chosen(self, asked: Asked, options: BuyOptions) -> Chosen:
        """Return what would be tried first now; nothing is asked of any vendor.

        Raises:
            MotionKitError: No target can take the request.
        """
        if asked.route is None:
            return Chosen(self._direct_place(asked))
        buyer = self._buyer(asked, asked.route, options)
        decision = buyer.preview()
        buyer.record = decision.rows
        if isinstance(decision.action, Stop):
            raise buyer.refused(decision.action)
        name = decision.action.target
        place = next(one for one in self._places(asked) if one.target == name)
        if place.row.problem is not None:
            raise place.row.problem
        return Chosen(place, asked.route, tuple(buyer.told()))

    # Before paying.

    def explain(
        self,
        request: Request,
        options: BuyOptions,
        *,
        besides: Decimal = Decimal(0),
        facts: Mapping[str, Facts] | None = None,
    ) -> Explanation:
        """Return the exact HTTP requests of a submit, the quote, and what would refuse it.

        Args:
            request: What is wanted.
            options: How it is to be submitted.
            besides: US dollars that the same command is going to spend on another purchase.
            facts: What is known of the media.
        """
        chosen = self._chosen(self._ask(request, options.via, facts), options)
        place, quote = chosen.place, chosen.place.row.quote
        if place.submitter is None or place.fitted is None:
            raise place.row.error or ConfigError(f"{place.target} cannot be used")
        provider = place.submitter.provider
        submission = provider.prepare(place.fitted, dry=True)
        refused = None
        if options.max_usd is not None and (over := over_cap(quote, options.max_usd)):
            refused = BudgetExceeded(over)
        elif options.limited:
            budgets = self.config.budgets(chosen.route, None if chosen.route else place.account)
            try:
                self.journal.check_budgets(
                    NewPurchase(
                        key="",
                        request="",
                        via="",
                        description={},
                        quote=quote,
                        budgets=budgets,
                        sandbox=place.sandbox,
                    ),
                    besides,
                )
            except BudgetExceeded as error:
                refused = error
        return Explanation(
            place.row.target,
            submission.calls,
            tuple(provider.url(call) for call in submission.calls),
            quote,
            submission.warnings,
            chosen.decision,
            refused,
            place.sandbox,
        )

    def quote(self, request: Request, via: str | None) -> Quote | None:
        """Return what a request is expected to cost; None when no price is known."""
        return self._chosen(self._ask(request, via, None), BuyOptions(via=via)).place.row.quote

    def rows(self, request: Request, via: str | None) -> list[compare.Row]:
        """Return a row per target that ``via`` names; None means every offer of every account."""
        if via is not None:
            asked = self._ask(request, via, None)
        else:
            facts = fit.inspect(request)
            resolved = {name: self._resolve(name, request) for name in self._every(request)}
            asked = Asked(request, facts, "", None, resolved)
        return [place.row for place in self._places(asked)]

    def _every(self, request: Request) -> list[str]:
        names = []
        for account in self.config.accounts:
            try:
                provider = self.submitters.of(account).provider
            except ConfigError:
                names.append(account)  # its row says why
                continue
            names += [
                f"{account}/{offer.model}"
                for offer in provider.offers
                if offer.operation == request.operation
            ]
        return names

    # Paying.

    def known(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> PurchaseRecord | None:
        """Return the purchase that a submit would continue, if any.

        Raises:
            InvalidRequest: The key names another request, or a medium cannot be read.
        """
        alike = self._alike(self._ask(request, options.via, facts))
        return self.jobs.known(options.key, alike, again=options.buys_again)

    def _alike(self, asked: Asked) -> Alike:
        """Return which purchases a request would repeat, made with the same ``via`` now."""
        names = dict.fromkeys([asked.name, *self.config.routes, *self.config.accounts])
        sellers: set[tuple[str, str]] = set()
        for resolved in asked.resolved.values():
            if isinstance(resolved, MotionKitError):
                continue  # it sells nothing of the kind, or its account cannot be used
            target, offer = resolved
            names[f"{target.account}/{offer.model}"] = None
            sellers |= {
                (target.provider.fingerprint, offer.model),
                (target.account, offer.model),
            }
        remember = self.config.defaults.remember
        return Alike(
            asked.request.fingerprints(asked.facts, names),
            frozenset(sellers),
            time.time() - remember if remember else inf,
        )

    def order(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> Order:
        """Purchase, or continue what was purchased before.

        Raises:
            SubmitUncertain: It may have arrived; it is never re-sent automatically.
            MotionKitError: With ``billed=NO``: nothing was bought.
        """
        asked = self._ask(request, options.via, facts)
        alike = self._alike(asked)
        known = self.jobs.known(options.key, alike, again=options.buys_again)
        key = options.key or str(uuid.uuid4())
        deadline = self.clock() + self._patience(asked.route, options)
        while True:
            if known is not None and known.state is not KeyState.REFUSED:
                job = self._bought(known)
                if job is not None:
                    self._say(known, options)
                    return Order(job)
                key = known.key  # nothing was bought under it: this one does
            purchase = NewPurchase(
                key=key,
                request=alike.requests[0],
                via=asked.name,
                description=request.describe(),
                out=None if options.out is None else str(options.out.absolute()),
                again=options.buys_again,
                alike=alike,
            )
            try:
                return self._order(asked, options, purchase, deadline, written=known is not None)
            except PurchaseExists as taken:  # another thread or process was faster
                known = taken.entry
                if known.key == key:
                    self.jobs.check(known, alike)
                cancellation.sleep(0.0, self.sleep)
            except BudgetExceeded:  # what spent the budget may be this very request
                known = self.jobs.known(options.key, alike, again=options.buys_again)
                if known is None or known.state is KeyState.REFUSED:
                    raise

    def _patience(self, route: Route | None, options: BuyOptions) -> float:
        """Return the seconds that a submit waits for a slot."""
        if options.wait_for_slot is not None:
            return options.wait_for_slot
        own = None if route is None else route.wait_for_slot
        return self.config.defaults.wait_for_slot if own is None else own

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
    def _say(entry: PurchaseRecord, options: BuyOptions) -> None:
        """Log that an earlier purchase is returned where no key asked for it."""
        if options.key is not None or entry.job is None:
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
        self,
        asked: Asked,
        options: BuyOptions,
        purchase: NewPurchase,
        deadline: float,
        *,
        written: bool,
    ) -> Order:
        """Submit; `written` says that the journal may hold the purchase's key already."""
        if asked.route is None:
            place = self._direct_place(asked)
            return Order(self._direct(place, options, purchase, deadline, written=written))
        buyer = self._buyer(asked, asked.route, options, purchase)
        buyer.patience = max(deadline - self.clock(), 0.0)
        buyer.known = written
        return Order(buyer.buy(), buyer)

    def _direct(
        self,
        place: fallback.RouteTarget,
        options: BuyOptions,
        purchase: NewPurchase,
        deadline: float,
        *,
        written: bool,
    ) -> Job:
        quote, submitter = place.row.quote, place.submitter
        if submitter is None or place.fitted is None:
            raise place.row.error or ConfigError(f"{place.target} cannot be used")
        if options.max_usd is not None and (over := over_cap(quote, options.max_usd)):
            raise BudgetExceeded(over)
        purchase = attrs.evolve(
            purchase,
            quote=quote,
            budgets=self.config.budgets(None, place.account),
            sandbox=place.sandbox,
        )
        if purchase.budgets:  # before the uploads; the journal checks again when it writes
            self.journal.check_budgets(purchase)
        if options.announce is not None:
            options.announce(
                fallback.Announcement(
                    target=place.row.target,
                    quote=quote,
                    max_usd=options.max_usd,
                    sandbox=place.sandbox,
                )
            )
        # Uploads go first: a slot that becomes free is not left waiting for them.
        prepare = functools.partial(submitter.provider.prepare, place.fitted)
        ready = [prepare()]
        self.slots.wait(submitter, deadline)
        job = submitter.submit(
            purchase,
            lambda: ready.pop() if ready else prepare(),
            earlier=self.journal.get(purchase.key) if written else None,
            wait_for_slot=max(deadline - self.clock(), 0.0),
        )
        self._circuits.submitted(place.account, place.fingerprint)
        return job

    def _buyer(
        self,
        asked: Asked,
        route: Route,
        options: BuyOptions,
        purchase: NewPurchase | None = None,
    ) -> fallback.RouteBuyer:
        caps = [cap for cap in (route.max_usd, options.max_usd) if cap is not None]
        cap = min(caps) if caps and options.limited else None
        budgets = self.config.budgets(route) if options.limited else ()
        made = purchase or NewPurchase(key="", request="", via=route.name, description={})
        return fallback.RouteBuyer(
            attrs.evolve(route, max_usd=cap),
            self._places(asked),
            attrs.evolve(made, route=route.name, budgets=budgets),
            self.journal,
            self.slots,
            self._patience(route, options),
            self.sleep,
            self._steady(),
            options.announce,
        )

    def _steady(self) -> Callable[[], float]:
        """Return epoch seconds that advance as the monotonic clock does from here."""
        wall, began = time.time(), self.clock()
        return lambda: wall + self.clock() - began
