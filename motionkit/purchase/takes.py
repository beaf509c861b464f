"""Takes: variations of one request that are bought on purpose, each as a purchase of its own.

The takes of a call are a family: their keys are ``KEY-1``, ``KEY-2``, ... A take's fingerprint is
not its request's, so neither another take nor a plain purchase of the same request is taken for
it, and the same call again finds each of them, whatever is left of the family after a crash.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import attrs

from motionkit import storage
from motionkit._support.displayed import Displayed
from motionkit.errors import (
    Billed,
    BudgetExceeded,
    InvalidRequest,
    MotionKitError,
    SubmitUncertain,
)
from motionkit.journal import PurchaseRecord, retry_key
from motionkit.model.job import KeyState, State
from motionkit.model.money import Quote, amounts, dollars
from motionkit.model.probe import Facts
from motionkit.model.request import Request
from motionkit.provider import inspect_media
from motionkit.purchase.orders import BuyOptions, Checkout, Order
from motionkit.purchase.together import (
    left_of,
    over_budget_together,
    over_cap_together,
    spent,
    together,
)

MOST = 50
"""Takes of one call at most."""
_ENDED = frozenset({State.FAILED, State.BLOCKED, State.GONE})
"""States of a job that gives nothing more."""


@attrs.frozen(repr=False)
class Take(Displayed):
    """One take of a plan.

    Attributes:
        number: From 1.
        key: The key that it is bought under.
        request: What is bought; with its own seed where one was given.
        entry: Its purchase, where the journal has one that is continued.
        target: Where a submit goes first; that of the purchase where it was bought.
        quote: What it is expected to cost, or was.
    """

    number: int
    key: str
    request: Request
    entry: PurchaseRecord | None
    target: str
    quote: Quote | None

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "take", self.number
        yield "key", self.key
        yield "target", self.target
        yield "bought", self.bought
        yield "quote", self.quote and amounts(self.quote)
        yield "seed", getattr(self.request, "seed", None)

    def __record__(self) -> Mapping[str, object]:
        return {
            "take": self.number,
            "key": self.key,
            "target": self.target,
            "bought": self.bought,
            "quoted_usd": self.quote and self.quote.usd_likely,
            "request": self.request.describe(),
        }

    @property
    def bought(self) -> bool:
        """Whether it has a job; else a submit may pay for it."""
        return self.entry is not None and self.entry.job is not None


@attrs.frozen(repr=False)
class TakesPlan(Displayed):
    """What a call with takes buys, before anything is sent.

    Attributes:
        takes: In the order of their numbers.
        family: The key that theirs begin with.
        refused: The cap or budget that refuses them together; None when they pass.
        left: What ``max_usd`` leaves for those that are not bought yet, in US dollars.
    """

    takes: tuple[Take, ...]
    family: str
    refused: BudgetExceeded | None = None
    left: Decimal | None = None

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        high = self.high
        facts = [
            ("takes", f"{len(self.takes)}, of which {len(self.missing)} are to be bought"),
            ("keys", f"{self.family}-1, ..."),
            ("at most", "unknown" if high is None else dollars(high)),
            ("refused", self.refused),
            ("left of max_usd", None if self.left is None else dollars(self.left)),
        ]
        takes = html.grid([take.__cells__() for take in self.takes], "Takes")
        return html.table(facts, html.caption(type(self))) + takes

    @property
    def missing(self) -> tuple[Take, ...]:
        """Those that a submit may pay for."""
        return tuple(take for take in self.takes if not take.bought)

    @property
    def high(self) -> Decimal | None:
        """What the missing ones cost at most, in US dollars; None where that is unknown."""
        return together(take.quote for take in self.missing)


def numbered(out: str, take: int) -> str:
    """Return the place of a take: ``film-2.mp4``, unless its name has the number already."""
    return out if storage.has_placeholder(out, "take") else storage.numbered(out, take)


def _of_take(request: Request, number: int) -> Request:
    """Return the request of a take: with the next seed where one was given."""
    seed = getattr(request, "seed", None)
    return request if seed is None else attrs.evolve(request, seed=seed + number - 1)  # type: ignore[call-arg]  # it has that field


def _check(request: Request, takes: int) -> None:
    """Refuse a wrong number of takes, and a seed that all of them would have.

    Raises:
        InvalidRequest: It is refused.
    """
    if type(takes) is not int or not 1 <= takes <= MOST:
        raise InvalidRequest.expected("takes", takes, f"a whole number from 1 to {MOST}")
    named = [name for name, own in request.extra.items() if "seed" in own]
    if takes > 1 and named:
        raise InvalidRequest(
            f"extra: {named[0]}.seed would make every take the same",
            field="extra",
            value=f"{named[0]}.seed",
            limit="no seed in extra; the request's own seed is counted up",
        )


@attrs.frozen
class Takes:
    """Plans takes and buys those that are missing.

    Attributes:
        checkout: Makes the purchases.
    """

    checkout: Checkout

    def plan(
        self,
        request: Request,
        takes: int,
        options: BuyOptions,
        facts: Mapping[str, Facts] | None = None,
    ) -> TakesPlan:
        """Find what was bought, and quote the rest together. Nothing is sent.

        Args:
            request: What is wanted.
            takes: How many takes.
            options: As `BuyOptions`, for all takes together.
            facts: What is known of the media.

        Raises:
            InvalidRequest: The number is wrong, a request does not fit, or a key names another one.
            MotionKitError: No target can take a request.
        """
        _check(request, takes)
        facts = inspect_media(request) if facts is None else facts
        wanted = [(number, _of_take(request, number)) for number in range(1, takes + 1)]
        family = self._family(wanted, options, facts)
        found = [
            (number, one, *self._known(one, self._own(options, family, number), facts))
            for number, one in wanted
        ]
        bought = [
            Take(number, key, one, entry, _target(entry), entry.quote)
            for number, one, key, entry in found
            if entry is not None and entry.job is not None
        ]
        missing = [one for one in found if one[3] is None or one[3].job is None]
        if not missing:
            return TakesPlan(tuple(bought), family)
        cap = options.max_usd
        before = [take.entry for take in bought if take.entry is not None]
        left = left_of(cap, before)
        share = None if left is None else left / len(missing)
        quoted, places = [], []
        for number, one, key, entry in missing:
            own = attrs.evolve(self._own(options, family, number), key=key, max_usd=share)
            place, purchase = self.checkout.quoted(one, own, facts)
            quoted.append(Take(number, key, one, entry, place.row.target, place.row.quote))
            if entry is None:  # another one's price is held already
                places.append(purchase)
        ordered = sorted([*bought, *quoted], key=lambda take: take.number)
        refused = None
        if cap is not None:
            refused = over_cap_together([take.quote for take in quoted], cap, before, "take")
        refused = refused or over_budget_together(self.checkout, places)
        return TakesPlan(tuple(ordered), family, refused, left)

    def _family(
        self, wanted: Sequence[tuple[int, Request]], options: BuyOptions, facts: Mapping[str, Facts]
    ) -> str:
        """Return the key of the takes: the caller's, that of takes in the journal, or a new one."""
        if options.key is not None:
            return options.key
        if not options.buys_again:
            alike = [
                self.checkout.alike(one, attrs.evolve(options, take=number), facts)
                for number, one in wanted
            ]
            requests = tuple(one.requests[0] for one in alike)
            entry = self.checkout.journal.same(attrs.evolve(alike[0], requests=requests))
            if entry is not None and entry.family is not None:
                return entry.family
        return uuid.uuid4().hex[:12]  # short: lists show a take's key whole

    @staticmethod
    def _own(options: BuyOptions, family: str, number: int) -> BuyOptions:
        """Return the options of one take."""
        out = None if options.out is None else numbered(options.out, number)
        return attrs.evolve(
            options, key=f"{family}-{number}", again=options.buys_again, take=number, out=out
        )

    def _known(
        self, request: Request, own: BuyOptions, facts: Mapping[str, Facts]
    ) -> tuple[str, PurchaseRecord | None]:
        """Return a take's key, and its purchase if one is continued.

        Where the caller gave no key, a job that failed is bought again, as without takes.
        """
        entry = self.checkout.known(request, own, facts)
        while entry is not None and not own.buys_again and entry.state in _ENDED:
            key = retry_key(entry.key, 2)
            later = self.checkout.journal.get(key)
            if later is None:
                return key, None
            entry = later
        if entry is None or entry.state is KeyState.REFUSED:
            return entry.key if entry is not None else own.key or "", None
        return entry.key, entry

    def order(
        self, plan: TakesPlan, options: BuyOptions, facts: Mapping[str, Facts] | None = None
    ) -> Iterator[tuple[Take, Order | MotionKitError]]:
        """Continue the takes that were bought, and buy the missing ones one after the other.

        The first that is not bought ends the buying: what refuses one take refuses the next. One
        that is uncertain since an earlier call does not.

        Yields:
            Each take as it is decided, with its `Order` or its error.

        Raises:
            BudgetExceeded: A cap or budget does not hold them together; nothing was bought.
        """
        if plan.refused is not None:
            raise plan.refused
        for take in plan.takes:
            if take.entry is not None and take.bought:
                yield take, self.checkout.continued(take.entry, options)
        missing, left = list(plan.missing), plan.left
        while missing:
            take = missing.pop(0)
            own = attrs.evolve(
                self._own(options, plan.family, take.number),
                key=take.key,
                max_usd=None if left is None else left / (len(missing) + 1),
            )
            try:
                order = self.checkout.order(take.request, own, facts)
            except MotionKitError as error:
                yield take, error
                if take.entry is not None and isinstance(error, SubmitUncertain):
                    # An earlier call's, whose doubt the user knows. It may have been charged.
                    if left is not None:
                        left = max(left - spent(take.entry), Decimal(0))
                    continue
                for later in missing:
                    yield later, _not_begun(later, take)
                return
            if left is not None:
                paid = spent(self.checkout.journal.entry(order.job.key))
                left = max(left - paid, Decimal(0))
            yield take, order


def _target(entry: PurchaseRecord) -> str:
    return "" if entry.job is None else f"{entry.job.account}/{entry.job.model}"


def _not_begun(take: Take, after: Take) -> MotionKitError:
    return MotionKitError(
        f"take {take.number} was not submitted, because take {after.number} could not be bought",
        billed=Billed.NO,
        hint="the same call again submits it",
    )
