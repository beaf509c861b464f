"""Resolve ``via`` to a target or route, and purchase there.

A request goes one way: its media are read once; each target is resolved, fitted and quoted once;
the adapter prepares what was fitted.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from motionkit import routing
from motionkit._support.displayed import Displayed
from motionkit._support.text import is_name
from motionkit.config import DEFAULT_ROUTE, Account, Config, Route, no_account
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    ConfigError,
    InvalidRequest,
    MotionKitError,
    NoTargetLeft,
    Unsupported,
)
from motionkit.http import NotSent
from motionkit.journal import Alike, Journal, NewPurchase, PurchaseExists, PurchaseRecord
from motionkit.model.budget import Budget, over_cap
from motionkit.model.job import Job, KeyState, State
from motionkit.model.labels import shown_labels
from motionkit.model.media import Generated, Ref
from motionkit.model.money import Quote
from motionkit.model.probe import Facts, inspect_all
from motionkit.model.request import Request
from motionkit.model.submission import Call, Submission
from motionkit.provider import (
    AcceptsUnlistedModels,
    Offer,
    Provider,
    pick_offer,
)
from motionkit.purchase import cancellation, compare
from motionkit.purchase.announcement import Announce, Announcement
from motionkit.purchase.circuits import Circuits
from motionkit.purchase.jobs import Jobs
from motionkit.purchase.prepare import prepare
from motionkit.purchase.slots import Slots
from motionkit.purchase.submit import Submitter, Submitters
from motionkit.routing import Choose

if TYPE_CHECKING:
    from motionkit.purchase.fallback import RouteBuyer

log = logging.getLogger("motionkit")


@attrs.frozen(repr=False)
class Explanation(Displayed):
    """What a request would do, before anything is sent.

    Attributes:
        target: Account and model.
        calls: The HTTP requests in order; keys left out, placeholders for uploads.
        urls: The whole URL of each call.
        quote: What it is expected to cost; None when no price is known.
        warnings: What the user should know before paying.
        decision: Why which target of a route is taken, row by row; empty for a direct target.
        refused: The cap or budget that would refuse a submit now; None when it would pass.
        sandbox: Whether the account is in a sandbox on this machine.
        conversions: What is made of which medium before its upload, and what a cut saves.
        no_key: What has to hold the account's key and does not, such as ``VENDOR_API_KEY``: a
            submit stops there. None where the key is there.
    """

    target: str
    calls: tuple[Call, ...]
    urls: tuple[str, ...]
    quote: Quote | None
    warnings: tuple[str, ...]
    decision: tuple[Mapping[str, Any], ...] = ()
    refused: BudgetExceeded | None = None
    sandbox: bool = False
    conversions: tuple[str, ...] = ()
    no_key: str | None = None

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "target", self.target
        yield "sandbox", "yes" if self.sandbox else None
        yield "quote", self.quote or "unknown"
        yield "refused", self.refused
        yield "no key", self.no_key
        yield "warnings", self.warnings
        yield "conversions", self.conversions
        from motionkit.model import codec  # noqa: PLC0415 - cattrs loads when first needed

        for number, (call, url) in enumerate(zip(self.calls, self.urls, strict=False), 1):
            body = codec.dumps(call.json) if call.json is not None else ""
            parts = [f"{call.method} {url}{' (paid)' if call.paid else ''}", body]
            parts += [f"{name}: {file}" for name, file in call.files.items()]
            yield f"call {number}", "\n".join(filter(None, parts))

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        return super()._repr_html_() + (html.decisions(self.decision) if self.decision else "")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BuyOptions:
    """How a request is submitted; see `Client.submit`."""

    via: str | None = None
    choose: Choose | None = None
    """What the route prefers; None for what its configuration says."""
    key: str | None = None
    again: bool | None = None
    max_usd: Decimal | None = None
    out: str | None = None
    wait_for_slot: float | None = None
    announce: Announce | None = None
    limited: bool = True
    """Whether caps and budgets apply; not where the purchase may exist already."""
    batch: str | None = None
    item: int | None = None
    """The batch that it is made for, and the number of its item there."""
    labels: Mapping[str, str] = attrs.field(factory=dict)
    """The user's own marks of the purchase."""
    take: int | None = None
    """Which of several takes it is."""
    budgets: tuple[Budget, ...] = ()
    """Budgets besides those of the configuration."""
    waits_itself: bool = False
    """Whether the caller waits for busy accounts: a route does not fall back because of one, unless
    its ``on_busy`` is ``next``."""

    buys_again: bool = attrs.field(init=False)
    """Whether to submit although an identical request is unfinished; an own key implies it."""

    @buys_again.default
    def _implied(self) -> bool:
        return self.key is not None if self.again is None else self.again

    def __attrs_post_init__(self) -> None:
        # A key from an unset variable would make a new purchase on every run.
        if self.key is not None and not self.key.strip():
            raise InvalidRequest(
                f"key {self.key!r} is blank; it could not prevent a second purchase",
                field="key",
                value=self.key,
                limit="text that is not blank, or no key",
            )
        if self.key is not None and not is_name(self.key):
            raise InvalidRequest(
                "key holds bytes that are not UTF-8, or a NUL character",
                field="key",
                limit="text in UTF-8 without NUL",
            )


@attrs.frozen(eq=False, repr=False)
class Order:
    """A purchase that was made: its job, and the buyer that can submit again behind a route."""

    job: Job
    buyer: RouteBuyer | None = None

    def next(self, job: Job, error: MotionKitError) -> Job:
        """Buy again after a job that went wrong.

        Raises:
            MotionKitError: Nothing pays for another try.
        """
        if self.buyer is None:
            raise error
        self.buyer.ended(job, error)  # raises unless the route pays for another try
        return self.buyer.buy()


def offer_of(
    provider: Provider, model: str | None, operation: str, media: Mapping[str, Ref]
) -> Offer:
    """Return the offer that an account and a model mean for a request.

    Args:
        provider: The account's adapter.
        model: The model that was named; None for the account's own choice.
        operation: What is wanted.
        media: The request's media arguments.

    Raises:
        Unsupported: There is none.
        InvalidRequest: One of them refers to a video that another account made.
    """
    account = provider.account
    for name, value in media.items():
        made = value.job if isinstance(value, Generated) else None
        if isinstance(made, Job) and made.fingerprint != provider.fingerprint:
            raise InvalidRequest(
                f"{name}: job {made.id} was made by {made.provider} account {made.account!r}; "
                f"{account!r} cannot refer to it",
                field=name,
                value=made.id,
                limit="a job of the same account, or its downloaded file",
            )
    target = account if model is None else f"{account}/{model}"
    try:
        return pick_offer(provider.offers, operation, model, target=target)
    except Unsupported:
        if model is not None and isinstance(provider, AcceptsUnlistedModels):
            offer = provider.unlisted(operation, model)
            if offer is not None:
                return offer
        raise


def _detailed(facts: Mapping[str, Facts]) -> bool:
    """Return whether all that is known of media is what a conversion needs."""
    return all(one.details or one.missing or one.container == "heic" for one in facts.values())


def _price(place: compare.RouteTarget) -> tuple[bool, Decimal]:
    likely = None if place.row.quote is None else place.row.quote.usd_likely
    return likely is None, likely or Decimal(0)


_RANKS: Mapping[str, Callable[[compare.RouteTarget], Any]] = {
    "first": lambda _: 0,
    "cheapest": _price,
    "fastest": lambda place: (place.row.seconds is None, place.row.seconds or 0.0),
}
"""What a route's capable targets are ranked by: the least goes first."""


Resolved = tuple[Submitter, Offer] | MotionKitError
"""A target's account and offer, or why it cannot be used."""


@attrs.define(eq=False, repr=False)
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
    places: Sequence[compare.RouteTarget] = ()


@attrs.frozen(eq=False, repr=False)
class Checkout:
    """Make purchases, and explain and quote them before.

    Every method takes the facts of the media from a caller that has read them, else it reads them.

    Attributes:
        config: The accounts and routes.
        journal: Where everything is recorded.
        jobs: What was purchased before.
        submitters: Each account's submitter, and its adapter.
        slots: How many jobs each account runs.
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

    def _route(self, via: str | None, *, dry: bool = False) -> tuple[Route | None, str]:
        """Return the route that ``via`` names, None for a target, and its name.

        Args:
            via: What was named.
            dry: Whether an account without a key will do.

        Raises:
            ConfigError: It is neither, or nothing is configured.
        """
        if via is not None:
            config, account = self.config, via.partition("/")[0]
            # With a key, no other provider's settings need loading.
            is_known = account in config.accounts or (dry and account in self._keyless)
            if is_known and via not in config.routes:
                return None, via
            return config.route(via), via
        if not self.config.accounts:
            if dry and self._keyless:
                names = tuple(self._keyless)
                return (Route(name=DEFAULT_ROUTE, targets=names) if names[1:] else None), names[0]
            raise no_account()
        route = self.config.routes.get(DEFAULT_ROUTE)
        if route is None or route == Route(name=DEFAULT_ROUTE, targets=route.targets[:1]):
            return None, next(iter(self.config.accounts))  # no rules: a target like any other
        return route, route.name

    @property
    def _keyless(self) -> Mapping[str, Account]:
        return self.config.keyless

    def _submitter(self, account: str, *, dry: bool) -> Submitter:
        """Return an account's submitter; a dry one without a key that cannot be read.

        Raises:
            ConfigError: There is no such account, or it has no key and `dry` is false.
        """
        try:
            return self.submitters.of(account)
        except ConfigError as error:
            if dry and account in {**self.config.accounts, **self._keyless}:
                return self.submitters.keyless(account, error)
            raise

    def _resolve(
        self, name: str, operation: str, media: Mapping[str, Ref], *, dry: bool
    ) -> Resolved:
        account, _, model = name.partition("/")
        try:
            submitter = self._submitter(account, dry=dry)
            return submitter, offer_of(submitter.provider, model or None, operation, media)
        except MotionKitError as error:
            return error

    def _ask(
        self,
        request: Request,
        options: BuyOptions,
        facts: Mapping[str, Facts] | None = None,
        *,
        dry: bool = False,
    ) -> Asked:
        """Read a request's media and resolve its targets.

        Args:
            request: What is wanted.
            options: Its ``via`` and ``choose``.
            facts: What is known of the media.
            dry: Whether an account without a key will do, because nothing is sent.

        Raises:
            InvalidRequest: A medium cannot be read, or ``choose`` has nothing to choose from.
            ConfigError: ``via`` is neither a target nor a route.
        """
        route, name = self._route(options.via, dry=dry)
        if options.choose is not None:
            if route is None and options.via is not None:
                raise InvalidRequest(
                    f"choose: {options.via!r} is one target, and only a route has targets to "
                    "choose from",
                    field="choose",
                    value=options.choose,
                    limit="via a route, or no via",
                )
            route = route and attrs.evolve(route, choose=options.choose)
        targets = (name,) if route is None else route.targets
        return self._meant(request, name, route, targets, facts, dry=dry)

    def _meant(
        self,
        request: Request,
        name: str,
        route: Route | None,
        targets: Iterable[str],
        facts: Mapping[str, Facts] | None = None,
        *,
        dry: bool = False,
    ) -> Asked:
        media = request.media()
        if facts is None or (request.converts and not _detailed(facts)):
            facts = inspect_all(media, details=request.converts)
        resolved = {one: self._resolve(one, request.operation, media, dry=dry) for one in targets}
        return Asked(request, facts, name, route, resolved)

    def _places(self, asked: Asked) -> Sequence[compare.RouteTarget]:
        """Return the targets fitted and quoted; once for each request."""
        if not asked.places:
            past = self._experience.past()
            asked.places = [self._place(asked, name, past) for name in asked.resolved]
        return asked.places

    def _place(self, asked: Asked, name: str, past: compare.Past) -> compare.RouteTarget:
        resolved = asked.resolved[name]
        if isinstance(resolved, InvalidRequest):
            return compare.RouteTarget(name, compare.Comparison(name, problem=resolved))
        if isinstance(resolved, ConfigError):
            return compare.RouteTarget(name, compare.Comparison(name, error=resolved))
        if isinstance(resolved, MotionKitError):
            raise resolved
        submitter, offer = resolved
        return compare.assess(asked.request, offer, submitter, asked.facts, name=name, past=past)

    def _direct_place(self, asked: Asked) -> compare.RouteTarget:
        """Return the single target that was named.

        Raises:
            MotionKitError: Its account cannot be used, or offers nothing of the kind.
        """
        (resolved,) = asked.resolved.values()
        if isinstance(resolved, MotionKitError):
            raise resolved
        return self._places(asked)[0]

    def _chosen(
        self, asked: Asked, options: BuyOptions
    ) -> tuple[compare.RouteTarget, tuple[Mapping[str, Any], ...]]:
        """Return what would be tried first now, and why; no vendor is asked anything.

        Where no target that takes the request has a key, one without is returned.

        Raises:
            MotionKitError: No target can take the request.
        """
        if asked.route is None:
            place = self._direct_place(asked)
            place.priced()
            return place, ()
        buyer = self._buyer(asked, asked.route, options, self._new(asked, options))
        decision = buyer.preview()
        buyer.record = decision.rows
        if isinstance(decision.action, routing.Stop):
            keyless = [one for one in self._places(asked) if one.row.no_key and one.fitted]
            if keyless and not any(one.fitted for one in self._places(asked) if one not in keyless):
                return min(keyless, key=_RANKS[asked.route.choose]), ()
            raise buyer.refused(decision.action)
        name = decision.action.target
        place = next(one for one in self._places(asked) if one.target == name)
        place.usable()
        return place, tuple(buyer.rows())

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
        asked = self._ask(request, options, facts, dry=True)
        place, decision = self._chosen(asked, options)
        submitter, fitted = place.priced()
        provider = submitter.provider
        submission = provider.prepare(fitted, dry=True)
        refused = None
        try:
            self._check_limits(self._new(asked, options, place), options, besides)
        except BudgetExceeded as error:
            refused = error
        return Explanation(
            place.row.target,
            submission.calls,
            tuple(provider.url(call) for call in submission.calls),
            place.row.quote,
            submission.warnings,
            decision,
            refused,
            place.sandbox,
            place.row.conversions,
            place.row.no_key,
        )

    def expected(
        self,
        request: Request,
        via: str | None,
        facts: Mapping[str, Facts],
        choose: Choose | None = None,
    ) -> compare.RouteTarget:
        """Return the target that a submit takes if none is busy, failing or over a budget.

        Where no target that takes the request has a key, one without is returned. Nothing but
        prices and durations is read from the journal, so that it can be asked for each of a million
        requests.

        Raises:
            MotionKitError: No target can take the request.
        """
        asked = self._ask(request, BuyOptions(via=via, choose=choose), facts, dry=True)
        if asked.route is None:
            place = self._direct_place(asked)
            place.priced()
            return place
        cap = asked.route.max_usd
        left: list[compare.RouteTarget] = []
        keyless: list[compare.RouteTarget] = []
        reasons: list[tuple[compare.RouteTarget, MotionKitError]] = []
        for place in self._places(asked):
            over = None if cap is None or place.fitted is None else over_cap(place.row.quote, cap)
            missing = place.row.no_key is not None and place.fitted is not None
            error = None if missing else place.row.error
            why = place.row.problem or error or (over and BudgetExceeded(over))
            if why:
                reasons.append((place, why))
            else:
                (keyless if missing else left).append(place)
        if not any(place.fitted and not place.row.no_key for place, _ in reasons):
            left = left or keyless
        if left:
            return min(left, key=_RANKS[asked.route.choose])
        reasons += [(place, place.row.error) for place in keyless if place.row.error]
        if len(reasons) == 1:
            raise reasons[0][1]
        listed = "; ".join(f"{place.target}: {why.message}" for place, why in reasons)
        raise NoTargetLeft(
            f"no target of route {asked.route.name!r} takes it: {listed}",
            attempts=[why for _, why in reasons],
        )

    def quote(self, request: Request, options: BuyOptions) -> Quote | None:
        """Return what a request is expected to cost; None when no price is known."""
        place, _ = self._chosen(self._ask(request, options, dry=True), options)
        return place.row.quote

    def rows(self, request: Request, via: str | None) -> list[compare.Comparison]:
        """Return a row per target that ``via`` names; None means every offer of every account.

        The accounts that only lack a key are among them.
        """
        if via is not None:
            asked = self._ask(request, BuyOptions(via=via), dry=True)
        else:
            asked = self._meant(request, "", None, self._every(request), dry=True)
        return [place.row for place in self._places(asked)]

    def targets(
        self, request: Request, via: str, facts: Mapping[str, Facts]
    ) -> Sequence[compare.RouteTarget]:
        """Return the target, or each target of the route, that ``via`` names: fitted and quoted.

        Raises:
            ConfigError: ``via`` is neither.
        """
        return self._places(self._ask(request, BuyOptions(via=via), facts, dry=True))

    def _every(self, request: Request) -> list[str]:
        names = []
        for account in {**self.config.accounts, **self._keyless}:
            try:
                provider = self._submitter(account, dry=True).provider
            except ConfigError:
                names.append(account)  # its row says why
                continue
            names += [
                f"{account}/{offer.model}"
                for offer in provider.offers
                if offer.operation == request.operation
            ]
        return names

    def known(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> PurchaseRecord | None:
        """Return the purchase that a submit would continue, if any.

        Raises:
            InvalidRequest: The key names another request, or a medium cannot be read.
        """
        return self._known(options, self.alike(request, options, facts))

    def alike(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> Alike:
        """Return which purchases a request would repeat."""
        return self._alike(self._ask(request, options, facts, dry=True), options)

    def quoted(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> tuple[compare.RouteTarget, NewPurchase]:
        """Return what would be tried first now, and the purchase there. Nothing is sent.

        Raises:
            MotionKitError: No target can take the request.
        """
        asked = self._ask(request, options, facts, dry=True)
        place, _ = self._chosen(asked, options)
        return place, self._new(asked, options, place)

    def check_budgets(self, purchase: NewPurchase, besides: Decimal) -> None:
        """Refuse a purchase that no budget holds, with what else is going to be spent.

        Raises:
            BudgetExceeded: A budget does not hold it.
        """
        self.journal.check_budgets(purchase, besides)

    def continued(self, entry: PurchaseRecord, options: BuyOptions) -> Order:
        """Return the order of a purchase that has a job."""
        self._say(entry, attrs.evolve(options, key=entry.key))
        return Order(self.jobs.resume(entry))

    def _known(self, options: BuyOptions, alike: Alike) -> PurchaseRecord | None:
        if options.key is not None:
            entry = self.journal.get(options.key)
            if entry is not None:
                _check_owner(entry, alike)
                return self.jobs.paid_last(entry)
            self._need_unpruned(options.key)
        return None if options.buys_again else self.journal.same(alike)

    def _need_unpruned(self, key: str) -> None:
        """Refuse a key that was bought and pruned: it must not be bought a second time."""
        day = self.journal.pruned_on(key)
        if day is not None:
            raise InvalidRequest(
                f"the key {key!r} was bought before, and pruned from the journal on {day}",
                field="key",
                value=key,
                hint="choose another key to buy again",
            )

    def _alike(self, asked: Asked, options: BuyOptions) -> Alike:
        """Return which purchases a request would repeat, made with the same ``via`` now."""
        names = dict.fromkeys([asked.name, *self.config.routes, *self.config.accounts])
        sellers: set[tuple[str, str]] = set()
        for resolved in asked.resolved.values():
            if isinstance(resolved, MotionKitError):
                continue  # it sells nothing of the kind, or its account cannot be used
            provider, model = resolved[0].provider, resolved[1].model
            names[f"{provider.account}/{model}"] = None
            sellers |= {(provider.fingerprint, model), (provider.account, model)}
        requests = asked.request.fingerprints(asked.facts, names)
        if options.take is not None:
            requests = (_of_take(requests[0], options.take),)
        return Alike(
            requests,
            frozenset(sellers),
            self.config.defaults.remember,
            self._owners(),
        )

    def _owners(self) -> frozenset[str] | None:
        """Return the fingerprints whose purchases count; None for all.

        A key that changes in a file is the same user's. One that a program gives may be another
        customer's, in the same journal, who asks for the same.
        """
        if "accounts" not in self.config.given:
            return None
        found = set()
        for account in self.config.accounts:
            with contextlib.suppress(ConfigError):  # its key cannot be read: nothing goes there
                found.add(self.submitters.of(account).provider.fingerprint)
        return frozenset(found)

    def order(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> Order:
        """Purchase, or continue what was purchased before.

        Raises:
            SubmitUncertain: It may have arrived; it is never submitted anew automatically.
            MotionKitError: With ``billed=NO``: nothing was bought.
        """
        asked = self._ask(request, options, facts)
        alike = self._alike(asked, options)
        known = self._known(options, alike)
        key = options.key or str(uuid.uuid4())
        deadline = self.clock() + self._patience(asked.route, options)
        while True:
            if known is not None and known.state is not KeyState.REFUSED:
                job = self._bought(known)
                if job is not None:
                    self._say(known, options)
                    return Order(job)
                key = known.key  # nothing was bought under it: this one does
            try:
                return self._order(asked, options, key, alike, deadline, known=known)
            except PurchaseExists as taken:  # another thread or process was faster
                known = taken.entry
                if known.key == key:
                    _check_owner(known, alike)
                cancellation.sleep(0.0, self.sleep)
            except BudgetExceeded:  # what spent the budget may be this very request
                known = self._known(options, alike)
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
            SubmitUncertain: It is unknown whether it was bought.
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
        """Log that an earlier purchase is returned where no key asked for it; labels it keeps."""
        if options.labels and options.labels != entry.labels:
            log.warning(
                "%s was bought before and keeps its labels (%s), not %s",
                entry.key,
                shown_labels(entry.labels) or "none",
                shown_labels(options.labels),
            )
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
        key: str,
        alike: Alike,
        deadline: float,
        *,
        known: PurchaseRecord | None,
    ) -> Order:
        """Submit; `known` is what the journal has of the key, or had."""
        again = known is not None
        renews = known.updated if known is not None and known.cancelled else None
        if asked.route is not None:
            purchase = self._new(asked, options, key=key, alike=alike, renews=renews)
            buyer = self._buyer(asked, asked.route, options, purchase)
            buyer.route = attrs.evolve(buyer.route, wait_for_slot=max(deadline - self.clock(), 0.0))
            buyer.known = again
            return Order(buyer.buy(), buyer)
        place = self._direct_place(asked)
        submitter, fitted = place.usable()
        purchase = self._new(asked, options, place, key, alike, renews=renews)
        self._check_limits(purchase, options)
        if options.announce is not None:
            options.announce(
                Announcement(
                    target=place.row.target,
                    quote=purchase.quote,
                    max_usd=options.max_usd,
                    sandbox=place.sandbox,
                )
            )

        def again_prepared() -> Submission:
            provider = submitter.provider
            return prepare(provider, fitted) if fitted.recipes else provider.prepare(fitted)

        submission = again_prepared()  # uploads come before the wait for a slot, not in it
        job = submitter.submit(
            purchase,
            submission,
            again_prepared,
            again=again,
            deadline=deadline,
            slot=0
            if submitter.slots is None
            else functools.partial(self.slots.wait, submitter, deadline),
        )
        self._circuits.submitted(*place.holder)
        return Order(job)

    def _new(
        self,
        asked: Asked,
        options: BuyOptions,
        place: compare.RouteTarget | None = None,
        key: str = "",
        alike: Alike | None = None,
        *,
        renews: float | None = None,
    ) -> NewPurchase:
        """Return what the journal gets of a purchase, as far as it is known before the submit."""
        route = asked.route
        alike = alike or Alike(("",))
        account = None if route else asked.name.partition("/")[0]
        description, media = asked.request.recorded(asked.facts)
        return NewPurchase(
            key=key,
            request=alike.requests[0],
            via=asked.name,
            description=description,
            quote=None if place is None else place.row.quote,
            out=options.out,
            again=options.buys_again,
            route=None if route is None else route.name,
            budgets=(*self.config.budgets(route, account), *options.budgets)
            if options.limited
            else (),
            alike=alike,
            sandbox=place is not None and place.sandbox,
            batch=options.batch,
            item=options.item,
            labels=options.labels,
            take=options.take,
            renews=renews,
            media=media,
        )

    def _check_limits(
        self, purchase: NewPurchase, options: BuyOptions, besides: Decimal = Decimal(0)
    ) -> None:
        """Refuse what the caller's cap or a budget does not allow, before anything is uploaded.

        The journal checks the budgets again when it writes the purchase.
        """
        cap = options.max_usd
        if cap is not None and (over := over_cap(purchase.quote, cap)):
            raise BudgetExceeded(over)
        if purchase.budgets:
            self.journal.check_budgets(purchase, besides)

    def _buyer(
        self, asked: Asked, route: Route, options: BuyOptions, purchase: NewPurchase
    ) -> RouteBuyer:
        from motionkit.purchase.fallback import RouteBuyer  # noqa: PLC0415 - a single target has none

        caps = [cap for cap in (route.max_usd, options.max_usd) if cap is not None]
        stays = options.waits_itself and route.on_busy == "wait"
        return RouteBuyer(
            attrs.evolve(
                route,
                fall_back_on=tuple(
                    word
                    for word in route.fall_back_on
                    if not (stays and routing.CAUSES[word].waitable)
                ),
                max_usd=min(caps, default=None) if options.limited else None,
                wait_for_slot=self._patience(route, options),
            ),
            self._places(asked),
            purchase,
            self.journal,
            self.slots,
            self.sleep,
            self.clock,
            options.announce,
        )


def _of_take(fingerprint: str, take: int) -> str:
    """Return the fingerprint of a take: neither its request's nor that of another take."""
    return hashlib.sha256(f"{fingerprint}#{take}".encode()).hexdigest()


def _check_owner(entry: PurchaseRecord, alike: Alike) -> None:
    """Check that a purchase is the request's own.

    Raises:
        InvalidRequest: Its key names another request, or a purchase of another API key.
    """
    if not alike.owns(entry):
        raise InvalidRequest(
            f"key {entry.key!r} names a purchase of another API key",
            field="key",
            value=entry.key,
            limit="a key of its own for each customer, or a journal of its own",
        )
    if entry.request not in alike.requests:
        other = " ".join(str(one) for one in entry.description.values())
        raise InvalidRequest(
            f"key {entry.key!r} names another request: {other}",
            field="key",
            value=entry.key,
            limit="one key for one request",
        )
