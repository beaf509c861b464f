"""A shootout: the same requests at several targets on purpose, to compare the results.

Each cell, a request at a target, is a purchase of its own, and stays at its target. Its key is made
from what it is, so the same call again finds every cell, whatever is left of the shootout after a
crash, and wherever it is made.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.text import many
from motionkit.errors import Billed, BudgetExceeded, ConfigError, InvalidRequest, MotionKitError
from motionkit.journal import PurchaseRecord
from motionkit.model import codec
from motionkit.model.budget import unknown_price
from motionkit.model.job import Job, KeyState, Result
from motionkit.model.labels import check_labels
from motionkit.model.media import Ref
from motionkit.model.money import Quote, amounts, dollars
from motionkit.model.probe import Facts, inspect
from motionkit.model.request import Request
from motionkit.purchase.compare import Comparison
from motionkit.purchase.orders import BuyOptions, Checkout, Order
from motionkit.purchase.together import (
    high_of,
    left_of,
    over_budget_together,
    over_cap_together,
    spent,
    together,
)

LABEL = "shootout"
"""The label that each cell has, with the shootout's name."""
MOST = 500
"""Cells of one call at most; a batch is for more."""


@attrs.frozen(repr=False)
class ShootoutCell(Displayed):
    """One request at one target.

    Attributes:
        number: From 1: the targets of the first request, then those of the next.
        key: The key that it is bought under.
        request: What is bought.
        target: ``account/model``; as it was named, where its account cannot be used.
        entry: Its purchase, where the journal has one that is continued.
        row: What it would cost and deliver there; its ``problem`` says why the target cannot do it.
        sandbox: Whether its account is in a sandbox on this machine.
        facts: What is known of the request's media.
    """

    number: int
    key: str
    request: Request
    target: str
    entry: PurchaseRecord | None
    row: Comparison
    sandbox: bool
    facts: Mapping[str, Facts] = attrs.field(repr=False, eq=False)

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "cell", self.number
        yield "key", self.key
        yield "target", self.target
        yield "bought", self.bought
        yield "quote", self.quote and amounts(self.quote)
        yield "request", self.request.describe()
        yield "problem", self.problem

    def __record__(self) -> Mapping[str, object]:
        return {
            "cell": self.number,
            "key": self.key,
            "target": self.target,
            "bought": self.bought,
            "quoted_usd": self.quote and self.quote.usd_likely,
            "request": self.request.describe(),
            "problem": self.problem,
        }

    @property
    def bought(self) -> bool:
        """Whether it has a job; else a submit may pay for it."""
        return self.entry is not None and self.entry.job is not None

    @property
    def quote(self) -> Quote | None:
        """What it is expected to cost, or was."""
        return self.row.quote if self.entry is None else self.entry.quote

    @property
    def problem(self) -> MotionKitError | None:
        """Why it cannot be bought; None where it was bought, or a submit may buy it.

        A missing key is none here: the price is known without it.
        """
        if self.entry is not None:
            return None
        return self.row.problem or (None if self.row.no_key else self.row.error)


@attrs.frozen(repr=False)
class ShootoutPlan(Displayed):
    """What a shootout buys, before anything is sent.

    Attributes:
        name: The shootout's name, which its purchases have as the label ``shootout``.
        cells: Every request at every target, in their order.
        refused: What a submit raises now: a cap or budget that does not hold all that is missing,
            or a cell that cannot be bought where that was not allowed. None when it would begin.
        left: What ``max_usd`` leaves for the cells that are not bought yet, in US dollars.
        labels: The labels of new purchases.
    """

    name: str
    cells: tuple[ShootoutCell, ...]
    refused: MotionKitError | None = None
    left: Decimal | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        high, cells = self.high, [cell.__cells__() for cell in self.cells]
        facts = [
            ("shootout", self.name),
            ("cells", f"{len(cells)}, of which {len(self.missing)} are to be bought"),
            ("at most", "unknown" if high is None else dollars(high)),
            ("refused", self.refused),
            ("left of max_usd", None if self.left is None else dollars(self.left)),
            ("labels", self.labels),
        ]
        return html.table(facts, html.caption(type(self))) + html.grid(cells, "Cells")

    @property
    def missing(self) -> tuple[ShootoutCell, ...]:
        """The cells that a submit may pay for."""
        return tuple(cell for cell in self.cells if not cell.bought and cell.problem is None)

    @property
    def unfit(self) -> tuple[ShootoutCell, ...]:
        """The cells that cannot be bought."""
        return tuple(cell for cell in self.cells if cell.problem is not None)

    @property
    def high(self) -> Decimal | None:
        """What the missing cells cost at most, in US dollars; None where that is unknown."""
        return together(cell.quote for cell in self.missing)

    def ended(
        self, bought: Sequence[Job | MotionKitError], endings: Iterable[Result | MotionKitError]
    ) -> list[tuple[ShootoutCell, Result | MotionKitError]]:
        """Return each cell with how it ended.

        Args:
            bought: For each cell its job or its error, as `Client.submit_shootout` returns them.
            endings: The result or error of each job, in the order of the jobs.
        """
        left = iter(endings)
        return [
            (cell, one if isinstance(one, MotionKitError) else next(left))
            for cell, one in zip(self.cells, bought, strict=True)
        ]


def _digest(*parts: object) -> str:
    return hashlib.sha256(codec.dumps(parts).encode()).hexdigest()


@attrs.frozen
class Shootouts:
    """Plans shootouts and buys the cells that are missing.

    Attributes:
        checkout: Makes the purchases.
    """

    checkout: Checkout

    def plan(
        self,
        requests: Sequence[Request],
        vias: Sequence[str],
        *,
        key: str | None,
        max_usd: Decimal | None,
        labels: Mapping[str, str],
        skip_unfit: bool,
    ) -> ShootoutPlan:
        """Find what was bought, and quote the rest together. Nothing is sent.

        Args:
            requests: What is wanted.
            vias: The targets; a route stands for each of its targets.
            key: The shootout's name; None to derive it from the requests.
            max_usd: US dollars for all cells together.
            labels: Labels of the purchases.
            skip_unfit: Whether a cell that cannot be bought is left out.

        Raises:
            InvalidRequest: A medium cannot be read, there are too many cells, or a cell was bought
                under the same name with other contents.
            ConfigError: A name is neither a target nor a route.
        """
        if LABEL in labels:
            raise InvalidRequest.expected("labels", LABEL, f"no label {LABEL!r}: the name is key")
        facts = _inspected(requests)
        prints = [one.fingerprint(own) for one, own in zip(requests, facts, strict=True)]
        name = key if key is not None else _digest(*sorted(set(prints)))[:8]
        labels = check_labels({**labels, LABEL: name})
        cells: dict[str, ShootoutCell] = {}
        # By the names of its media where it has a name: other contents are not another cell then.
        identities = prints if key is None else _shown(requests)
        for request, own, identity in zip(requests, facts, identities, strict=True):
            for place in (one for via in vias for one in self.checkout.targets(request, via, own)):
                target = place.row.target
                named = f"{key or LABEL}-{_digest(identity, target)[:10]}"
                if named in cells:
                    continue  # it was named twice, or two of the files are the same
                number, options = len(cells) + 1, _options(named, target, labels)
                if number > MOST:
                    limit = f"at most {MOST} cells; a batch takes more"
                    raise InvalidRequest.expected("requests", len(requests), limit)
                entry = self._known(request, options, own)
                cells[named] = ShootoutCell(
                    number, named, request, target, entry, place.row, place.sandbox, own
                )
        left = left_of(max_usd, (c.entry for c in cells.values() if c.entry and c.bought))
        plan = ShootoutPlan(name, (*cells.values(),), None, left, labels)
        return attrs.evolve(plan, refused=self._refused(plan, max_usd, skip_unfit=skip_unfit))

    def _refused(
        self, plan: ShootoutPlan, cap: Decimal | None, *, skip_unfit: bool
    ) -> MotionKitError | None:
        """Return what refuses a plan before anything is bought; None where nothing does."""
        if plan.unfit and not (skip_unfit and len(plan.unfit) < len(plan.cells)):
            return _unfit(plan)
        quotes, over = [cell.quote for cell in plan.missing], None
        if cap is not None and plan.left is not None and quotes:
            for cell in plan.missing:
                if high_of(cell.quote) is None:
                    return BudgetExceeded(f"{cell.target}: {unknown_price(cell.quote, 'max_usd')}")
            bought = (cell.entry for cell in plan.cells if cell.entry and cell.bought)
            over = over_cap_together(quotes, cap, bought, "cell")
        purchases = [
            self.checkout.quoted(
                cell.request, _options(cell.key, cell.target, plan.labels), cell.facts
            )[1]
            for cell in plan.missing
            if cell.entry is None  # another one's price is held already
        ]
        return over or over_budget_together(self.checkout, purchases)

    def _known(
        self, request: Request, options: BuyOptions, facts: Mapping[str, Facts]
    ) -> PurchaseRecord | None:
        """Return a cell's purchase, unless it was refused: nothing was bought then.

        Raises:
            InvalidRequest: It was bought with other contents or parameters.
        """
        try:
            entry = self.checkout.known(request, options, facts)
        except ConfigError:
            return None  # the account cannot be used, and its row says why
        except InvalidRequest as error:
            if self.checkout.journal.get(options.key or "") is None:
                raise
            media = ", ".join(one.label for one in request.media().values())
            raise InvalidRequest(
                f"{media or request.operation} at {options.via} was bought in this shootout with "
                f"other contents or other parameters: {error.message}",
                field="key",
                value=options.key,
                limit="the files and parameters of the first run",
                hint="restore them, or choose another key for a shootout of its own",
            ) from error
        return None if entry is None or entry.state is KeyState.REFUSED else entry

    def order(
        self, plan: ShootoutPlan, *, out: str | None = None, wait_for_slot: float | None = None
    ) -> Iterator[tuple[ShootoutCell, Order | MotionKitError]]:
        """Continue the cells that were bought, and buy the missing ones.

        A cell that cannot be bought does not keep the others from it. Those whose account is busy
        come last, so that no cell waits for a slot while another account has one.

        Args:
            plan: From `plan`.
            out: Where the files go.
            wait_for_slot: Seconds that each cell waits for a slot; as configured when None.

        Yields:
            Each cell as it is decided, with its `Order` or its error.

        Raises:
            ConfigError: The account of a missing cell has no key; nothing was bought.
            MotionKitError: `ShootoutPlan.refused`; nothing was bought.
        """
        for refusal in (plan.refused, *(cell.row.error for cell in plan.missing)):
            if refusal is not None:
                raise refusal
        yield from ((cell, cell.problem) for cell in plan.unfit if cell.problem is not None)
        asked = {name: text for name, text in plan.labels.items() if name != LABEL}
        for cell in plan.cells:
            if cell.entry is not None and cell.bought:  # it keeps its labels, the others' too
                own = _options(cell.key, cell.target, {**cell.entry.labels, **asked})
                yield cell, self.checkout.continued(cell.entry, own)
        left, waiting = plan.left, plan.missing
        for patience in dict.fromkeys((0.0, wait_for_slot)):
            busy: list[ShootoutCell] = []
            for cell in waiting:
                own = attrs.evolve(
                    _options(cell.key, cell.target, plan.labels),
                    out=out,
                    wait_for_slot=patience,
                    max_usd=left,
                )
                ending = self._bought(cell, own)
                if patience != wait_for_slot and _is_busy(ending):
                    busy.append(cell)
                    continue
                if left is not None:
                    left = max(left - self._spent(cell, ending), Decimal(0))
                yield cell, ending
            waiting = tuple(busy)

    def _bought(self, cell: ShootoutCell, options: BuyOptions) -> Order | MotionKitError:
        try:
            return self.checkout.order(cell.request, options, cell.facts)
        except MotionKitError as error:
            return error

    def _spent(self, cell: ShootoutCell, ending: Order | MotionKitError) -> Decimal:
        """Return what a cell took of the cap: all that it may cost where that is not known."""
        if isinstance(ending, Order):
            return spent(self.checkout.journal.entry(ending.job.key))
        return Decimal(0) if ending.billed is Billed.NO else high_of(cell.quote) or Decimal(0)


def _options(key: str, target: str, labels: Mapping[str, str]) -> BuyOptions:
    """Return the options of one cell, which its key alone identifies."""
    return BuyOptions(via=target, key=key, again=True, labels=labels)


def _is_busy(ending: Order | MotionKitError) -> bool:
    return isinstance(ending, MotionKitError) and ending.passing and ending.billed is Billed.NO


def _shown(requests: Sequence[Request]) -> Iterator[str]:
    """Yield what a request is called: operation and media, counted where several are alike."""
    seen: Counter[str] = Counter()
    for request in requests:
        media = {name: one.label for name, one in request.media().items()}
        one = _digest(request.operation, media)
        yield f"{one}#{seen[one]}"
        seen[one] += 1


def _inspected(requests: Sequence[Request]) -> list[dict[str, Facts]]:
    """Read the media of all requests, each medium once: most are in several of them."""
    known: dict[tuple[str, Ref, bool], Facts] = {}
    found = []
    for request in requests:
        facts = {}
        for name, value in request.media().items():
            one = name, value, request.converts
            if one not in known:
                known[one] = inspect(value, name, details=request.converts)
            facts[name] = known[one]
        found.append(facts)
    return found


def _unfit(plan: ShootoutPlan) -> MotionKitError:
    """Return the error of cells that cannot be bought."""
    found = ((cell.target, cell.problem) for cell in plan.unfit if cell.problem)
    why = dict.fromkeys(f"  {target}: {error.message}" for target, error in found)
    count, total = len(plan.unfit), len(plan.cells)
    hint = "skip_unfit=True leaves them out, and the others are bought"
    first = next(cell.problem for cell in plan.unfit if cell.problem)
    return InvalidRequest(
        "\n".join([f"{count} of {many(total, 'cell')} cannot be bought:", *why]),
        field=getattr(first, "field", None),
        value=getattr(first, "value", None),
        limit=getattr(first, "limit", None),
        hint=hint if count < total else None,
    )
