"""What a batch is going to buy: its price by target, its end, and what an earlier end would need.

**A folder of results is one batch**, and its id is the digest of that folder's address. The same
command therefore continues the same batch, wherever it is run. Its rows do not change: each one
that was planned must be the same request again, by the content of its files, through the same
target, or nothing is bought. Rows at the end are added. So neither a further row nor an edited one
can buy all other rows a second time.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.text import duration, many
from motionkit.batch.tables import BatchRecord
from motionkit.errors import InvalidRequest
from motionkit.model.budget import Budget
from motionkit.model.money import dollars
from motionkit.storage import check_credentials


@attrs.frozen(kw_only=True, repr=False)
class TargetPlan(Displayed):
    """What one target is expected to get of a batch; amounts are US dollars.

    Attributes:
        target: ``account/model``.
        items: How many items it gets.
        low: The least; what is unknown counts nothing.
        likely: What it should be, of the items with a known price.
        high: The most; None where that of an item is unknown.
        unknown: Items without a known price.
        seconds: The time that all of them take, one after the other.
        longest: The time that one of them takes.
        slots: How many jobs the account may run at once; None without a limit.
        sandbox: Whether it is a sandbox on this machine.
    """

    target: str
    items: int = 0
    low: Decimal = Decimal(0)
    likely: Decimal = Decimal(0)
    high: Decimal | None = Decimal(0)
    unknown: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    slots: int | None = None
    sandbox: bool = False

    def __shown__(self) -> Iterator[tuple[str, object]]:
        yield "target", self.target
        yield "items", self.items
        yield "expected", dollars(self.likely)
        yield "at most", "unknown" if self.high is None else dollars(self.high)
        yield "without a price", self.unknown or None
        yield "a job takes", duration(self.longest)
        yield "slots", self.slots
        yield "sandbox", "yes" if self.sandbox else None

    @property
    def account(self) -> str:
        """The account's name."""
        return self.target.partition("/")[0]


@attrs.frozen(kw_only=True, repr=False)
class Need(Displayed):
    """What an account needs to finish its part of a batch in a given time.

    Attributes:
        account: Its name.
        slots: How many jobs it may run at once; None without a limit.
        needed: How many it would have to run at once; None where one job alone takes longer.
        accounts: How many accounts with as many slots would do; None where that is unknown.
    """

    account: str
    slots: int | None
    needed: int | None
    accounts: int | None

    @property
    def enough(self) -> bool:
        """Whether its slots suffice."""
        return self.needed is not None and (self.slots is None or self.needed <= self.slots)


@attrs.frozen(kw_only=True, repr=False)
class Plan(Displayed):
    """What a batch is going to buy, at which price, and how long it takes.

    Attributes:
        batch: The batch's id.
        out: The folder or URL of its files.
        source: What the rows came from.
        total: How many rows there are.
        left: How many of them are still to be bought.
        added: How many of them the batch does not have yet; without any, nothing new is confirmed.
        known: Whether the batch exists, and is continued.
        targets: What each target is expected to get of those that are left.
        warnings: What the user should know before paying, with the number of rows it is about.
        accounts: The accounts that items may go to, where a route falls back too.
        repeated: Rows that ask for the same as an earlier row; each is bought.
        max_usd: The batch's budget in US dollars; None without.
        used: What of that budget is spent or held.
        no_keys: What has to hold the key of an account and does not, by the account.
    """

    batch: str
    out: str
    source: str
    total: int
    left: int
    added: int
    known: bool
    targets: tuple[TargetPlan, ...]
    warnings: tuple[tuple[str, int], ...] = ()
    accounts: tuple[str, ...] = ()
    repeated: int = 0
    max_usd: Decimal | None = None
    used: Decimal = Decimal(0)
    no_keys: Mapping[str, str] = attrs.field(factory=dict)

    def _repr_html_(self) -> str:
        from motionkit._support import html  # noqa: PLC0415 - only a notebook draws it

        high = self.high
        facts = [
            ("batch", self.batch),
            ("out", self.out),
            ("items", f"{self.total:,} from {self.source}, of which {self.left:,} are left"),
            ("expected", dollars(self.likely)),
            ("at most", "unknown" if high is None else dollars(high)),
            ("budget", None if self.max_usd is None else dollars(self.max_usd)),
            ("used of it", dollars(self.used) if self.used else None),
            ("too expensive", self.over_budget()),
            ("takes", duration(self.seconds)),
            ("warnings", [f"{text} ({many(rows, 'row')})" for text, rows in self.warnings]),
            ("repeated rows", self.repeated or None),
            ("sandbox", "yes" if self.sandbox else None),
        ]
        targets = html.grid([one.__cells__() for one in self.targets], "Targets")
        return html.table(facts, "Plan of a batch") + (targets if self.targets else "")

    @property
    def low(self) -> Decimal:
        """The least that the rest costs, in US dollars."""
        return sum((one.low for one in self.targets), Decimal(0))

    @property
    def likely(self) -> Decimal:
        """What the rest should cost, of the items with a known price, in US dollars."""
        return sum((one.likely for one in self.targets), Decimal(0))

    @property
    def high(self) -> Decimal | None:
        """The most that the rest costs, in US dollars; None where it is unknown."""
        highs = [one.high for one in self.targets if one.high is not None]
        return None if len(highs) < len(self.targets) else sum(highs, Decimal(0))

    @property
    def unknown(self) -> int:
        """How many of the items that are left have no known price."""
        return sum(one.unknown for one in self.targets)

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Accounts of routes that no item is expected to go to: one may, at its own price."""
        expected = {one.account for one in self.targets}
        return tuple(one for one in self.accounts if one not in expected)

    @property
    def sandbox(self) -> bool:
        """Whether everything goes to sandboxes on this machine."""
        return bool(self.targets) and all(one.sandbox for one in self.targets)

    def _accounts(self) -> Mapping[str, tuple[float, float, int | None]]:
        """Return each account's seconds of work, its longest job and its slots."""
        found: dict[str, tuple[float, float, int | None]] = {}
        for one in self.targets:
            work, longest, _ = found.get(one.account, (0.0, 0.0, None))
            found[one.account] = work + one.seconds, max(longest, one.longest), one.slots
        return found

    @property
    def seconds(self) -> float:
        """How long the rest takes if every slot is free: jobs are as long as they usually are."""
        return max(
            (
                longest if slots is None else max(longest, work / slots)
                for work, longest, slots in self._accounts().values()
            ),
            default=0.0,
        )

    def needs(self, seconds: float) -> tuple[Need, ...]:
        """Return what each account needs to finish within a number of seconds."""
        found = []
        for account, (work, longest, slots) in self._accounts().items():
            needed = None if seconds < longest else max(1, math.ceil(work / max(seconds, 1.0)))
            accounts = None if needed is None or slots is None else math.ceil(needed / slots)
            found.append(Need(account=account, slots=slots, needed=needed, accounts=accounts))
        return tuple(found)

    def over_budget(self) -> str | None:
        """Return why the budget does not suffice; None where it should, or there is none."""
        if self.max_usd is None:
            return None
        if any(one.high is None for one in self.targets):
            return "some prices have no known upper bound; refused because max_usd is set"
        if self.likely > self.max_usd - self.used:
            used = f", of which {dollars(self.used)} are used" if self.used else ""
            return (
                f"it is expected to cost {dollars(self.likely)}, and max_usd is "
                f"{dollars(self.max_usd)}{used}"
            )
        return None


def where(out: str | os.PathLike[str]) -> str:
    """Return the address of a folder: its absolute path, or a URL without a slash at its end.

    Raises:
        InvalidRequest: It is empty, a file, or a URL with credentials, which the journal would
            keep.
    """
    text = os.fspath(out)
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise InvalidRequest("out: give a folder or a URL", field="out", value=str(text))
    if "://" in text:
        check_credentials(text)
        parts = urlsplit(text)
        if parts.scheme != "file":
            return text.rstrip("/")
        text = parts.path
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 - no link is followed
    if Path(path).exists() and not Path(path).is_dir():
        raise InvalidRequest(
            f"out: {path!r} is a file", field="out", value=path, limit="a folder or a URL"
        )
    return path


def batch_id(out: str) -> str:
    """Return the id of the batch whose files go to an address."""
    return f"b-{hashlib.sha256(out.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def budgets_of(record: BatchRecord) -> tuple[Budget, ...]:
    """Return the budget that the items of a batch count against; none without ``max_usd``."""
    limit = record.options.get("max_usd")
    if limit is None:
        return ()
    return (
        Budget(name=f"batch:{record.id}", period="total", limit=Decimal(limit), batch=record.id),
    )
