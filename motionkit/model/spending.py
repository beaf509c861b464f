"""What purchases cost, summed by day, account, route, model or label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import ClassVar, Literal, Self, get_args

import attrs

from motionkit._support.displayed import Displayed
from motionkit.model.money import EXACT, Unit, shown

SpendBy = Literal["day", "account", "route", "model", "label"]
SPEND_BY: tuple[SpendBy, ...] = get_args(SpendBy)
_ZERO = Decimal(0)
ASSUMED = (
    "the vendor reported no charge; the quote's likely amount counts here, and its upper bound "
    "against budgets"
)
"""What `Amounts.assumed` is, in a sentence for people who see it beside budgets."""
_KINDS = ("submitted", "charged", "refunded", "held", "uncertain")


@attrs.frozen(kw_only=True, repr=False)
class Amounts(Displayed):
    """Sums of one unit of money. Each purchase is in one of the first four.

    Attributes:
        charged: What vendors reported as charged, also of jobs that still run; and `assumed`.
        refunded: What vendors reported as charged at the submit, and gave back or document to give
            back. It is not part of `charged`. A job that failed without ever being charged is 0.
        held: The high of the quotes of unfinished jobs without a reported charge: what budgets
            hold for them.
        uncertain: The high of the quotes of submits that may have arrived. They may have been
            charged; budgets hold that too.
        assumed: The part of `charged` for which no vendor reported anything: the quote's likely
            amount. Budgets count the quote's high for those.
    """

    charged: Decimal = _ZERO
    refunded: Decimal = _ZERO
    held: Decimal = _ZERO
    uncertain: Decimal = _ZERO
    assumed: Decimal = _ZERO

    @property
    def submitted(self) -> Decimal:
        """All that was submitted: `charged`, `refunded`, `held` and `uncertain` together."""
        total = _ZERO
        for one in (self.charged, self.refunded, self.held, self.uncertain):
            total = EXACT.add(total, one)
        return total

    def __add__(self, other: Self) -> Self:
        names = [one.name for one in attrs.fields(type(self))]
        sums = {name: EXACT.add(getattr(self, name), getattr(other, name)) for name in names}
        return type(self)(**sums)

    def times(self, count: int) -> Self:
        """Return the amounts of a number of purchases with the same cost."""
        names = [one.name for one in attrs.fields(type(self))]
        return type(self)(
            **{name: EXACT.multiply(getattr(self, name), Decimal(count)) for name in names}
        )


@attrs.frozen(kw_only=True, repr=False)
class Spend(Displayed):
    """The cost of some purchases in one unit of money; credits and dollars are never mixed.

    A purchase belongs to the UTC day on which budgets reserved its price: the day of its submit.
    Refused submits are left out: nothing was bought. What was pruned from the journal is included.

    Attributes:
        by: What it is added up by.
        name: The day (``2026-11-27``), account, model, route or label's value; None where there
            is none: a submit without a route, a purchase without that label.
        unit: The unit of `amounts`.
        sandbox: Whether these purchases went to a sandbox on this machine; never mixed with others.
        jobs: How many purchases were submitted.
        unpriced: How many of them have no known amount, and count 0.
        amounts: In `unit`.
        usd: The same in US dollars, as each purchase's quote and cost had it; None where the value
            of a credit was unknown for one of them.
    """

    by: SpendBy
    name: str | None
    unit: Unit
    sandbox: bool
    jobs: int
    unpriced: int
    amounts: Amounts
    usd: Amounts | None

    __columns__: ClassVar[tuple[str, ...]] = (
        *("by", "name", "sandbox", "unit", "jobs", "unpriced", *_KINDS, "assumed"),
        *(f"{kind}_usd" for kind in (*_KINDS, "assumed")),
    )

    def __cells__(self) -> Mapping[str, object]:
        amounts = {kind: shown(getattr(self.amounts, kind), self.unit) for kind in _KINDS}
        usd = None if self.usd is None or self.unit is Unit.USD else self.usd.submitted
        return {
            self.by: self.name or f"(no {self.by})",
            "jobs": self.jobs,
            **amounts,
            "submitted in USD": None if usd is None else shown(usd, Unit.USD),
            "sandbox": "yes" if self.sandbox else None,
        }

    def __record__(self) -> Mapping[str, object]:
        row: dict[str, object] = {
            "by": self.by,
            "name": self.name,
            "sandbox": self.sandbox,
            "unit": self.unit,
            "jobs": self.jobs,
            "unpriced": self.unpriced,
        }
        for kind in (*_KINDS, "assumed"):
            row[kind] = getattr(self.amounts, kind)
            row[f"{kind}_usd"] = None if self.usd is None else getattr(self.usd, kind)
        return row


@attrs.frozen(kw_only=True, cache_hash=True)
class Paid:
    """The cost of one purchase.

    Attributes:
        unit: The unit of `amounts`.
        amounts: At most one of the first four is not 0.
        usd: The same in US dollars; None where that is unknown.
        priced: Whether the amount is known.
    """

    unit: Unit
    amounts: Amounts
    usd: Amounts | None
    priced: bool = True


class Sums:
    """Purchases, added up one by one."""

    def __init__(self, by: SpendBy) -> None:
        self._by = by
        # Many purchases cost the same: they are counted, and multiplied once.
        self._counts: Counter[tuple[bool, str | None, Paid]] = Counter()

    def add(self, name: str | None, paid: Paid, *, sandbox: bool) -> None:
        """Add a purchase under a name."""
        self._counts[sandbox, name, paid] += 1

    def together(self, by: SpendBy) -> Sums:
        """Return other sums with all purchases so far, under no name."""
        made = Sums(by)
        for (sandbox, _, paid), times in self._counts.items():
            made._counts[sandbox, None, paid] += times
        return made

    def rows(self) -> list[Spend]:
        """Return the sums: real purchases first; days in order, others by their dollars."""
        return merged(
            Spend(
                by=self._by,
                name=name,
                unit=paid.unit,
                sandbox=sandbox,
                jobs=times,
                unpriced=0 if paid.priced else times,
                amounts=paid.amounts.times(times),
                usd=None if paid.usd is None else paid.usd.times(times),
            )
            for (sandbox, name, paid), times in self._counts.items()
        )


def totals(rows: Iterable[Spend]) -> list[Spend]:
    """Return the sums of rows, one for each unit and world; their name is None."""
    return merged(attrs.evolve(row, name=None) for row in rows)


def merged(rows: Iterable[Spend]) -> list[Spend]:
    """Return the rows, those of the same name, unit and world as one."""
    sums: dict[tuple[bool, str | None, Unit], Spend] = {}
    for row in rows:
        key = row.sandbox, row.name, row.unit
        sums[key] = _sum(sums[key], row) if key in sums else row
    worth: defaultdict[tuple[bool, str | None], Decimal] = defaultdict(Decimal)
    for row in sums.values():
        worth[row.sandbox, row.name] += _ZERO if row.usd is None else row.usd.submitted

    def order(row: Spend) -> tuple[bool, Decimal, bool, str, str]:
        first = _ZERO if row.by == "day" else -worth[row.sandbox, row.name]
        return row.sandbox, first, row.name is None, row.name or "", row.unit.value

    return sorted(sums.values(), key=order)


def _sum(one: Spend, other: Spend) -> Spend:
    return attrs.evolve(
        one,
        jobs=one.jobs + other.jobs,
        unpriced=one.unpriced + other.unpriced,
        amounts=one.amounts + other.amounts,
        usd=None if one.usd is None or other.usd is None else one.usd + other.usd,
    )
