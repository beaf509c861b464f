"""What a provider sells: rows of data, the fit of a request to a row, and its price.

An offer is read from the provider's ``offers.toml``: flat rows, never expressions. Rules across
fields are plain Python in the adapter.
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import tomllib
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

import attrs

from motionkit import media
from motionkit.errors import ConfigError, InvalidRequest, Unsupported
from motionkit.money import Basis, Quote, Rates, Unit
from motionkit.operations import Request


@attrs.frozen
class Slot:
    """Where one media argument goes, and what the vendor takes there.

    Attributes:
        field: The vendor's field for it.
        kind: image, video or audio.
        formats: Containers that the vendor takes.
        generated: The vendor's field for a video that it made itself.
        integer: Whether references go as integer tokens; else as text.
        max_bytes: Larger is refused here.
        warn_bytes: Larger is warned about: the vendor's pages disagree.
        max_side: Pixels, width or height.
        max_seconds: Longer is refused here.
        source: The vendor page behind the limits.
    """

    field: str
    kind: media.Kind
    formats: tuple[str, ...]
    generated: str | None = None
    integer: bool = False
    max_bytes: int | None = None
    warn_bytes: int | None = None
    max_side: int | None = None
    max_seconds: float | None = None
    source: str = ""


@attrs.frozen
class Cell:
    """One price: an amount per second or per run, for requests whose values match `when`.

    A `bound` of ``low``, ``likely`` or ``high`` makes it count for that one alone.
    """

    amount: Decimal
    per: Literal["second", "run"]
    when: Mapping[str, Any] = attrs.field(factory=dict)
    bound: Literal["low", "likely", "high"] | None = None


@attrs.frozen
class Price:
    """How an offer is priced.

    Attributes:
        unit: Credits or US dollars.
        basis: ``listed`` or ``estimated``.
        source: The page behind the numbers.
        as_of: The day it was read.
        cells: The amounts.
        seconds_of: The media argument whose seconds are billed.
        note: What the reader should know.
    """

    unit: Unit
    basis: Basis
    source: str
    as_of: dt.date
    cells: tuple[Cell, ...]
    seconds_of: str | None = None
    note: str = ""


@attrs.frozen
class Offer:
    """One row of a provider's data.

    Attributes:
        operation: The neutral operation, e.g. ``mimic``.
        model: What the vendor runs.
        path: The paid call's path.
        default: Whether a bare account means this row for its operation.
        fields: Neutral field to vendor field, of what can be expressed.
        fixed: Vendor fields that are always sent.
        defaults: Neutral values used when the request leaves them out.
        allowed: Neutral field to the values that the vendor takes.
        media: Media argument to its slot.
        price: None when nothing is known.
        expected_seconds: The usual duration of a job.
        source: The vendor page behind the row.
    """

    operation: str
    model: str
    path: str
    source: str
    default: bool = False
    fields: Mapping[str, str] = attrs.field(factory=dict)
    fixed: Mapping[str, Any] = attrs.field(factory=dict)
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    allowed: Mapping[str, Sequence[Any]] = attrs.field(factory=dict)
    media: Mapping[str, Slot] = attrs.field(factory=dict)
    price: Price | None = None
    expected_seconds: float | None = None


@attrs.frozen
class Fit:
    """A request as one offer will deliver it.

    Attributes:
        offer: The offer.
        values: Neutral values, defaults filled in.
        body: Vendor fields without media.
        facts: What is known of each media argument.
        warnings: What the user should know before paying.
    """

    offer: Offer
    values: Mapping[str, Any]
    body: Mapping[str, Any]
    facts: Mapping[str, media.Facts]
    warnings: tuple[str, ...] = ()

    @property
    def quality(self) -> str | None:
        """The quality that will be delivered, where the offer has one."""
        value = self.values.get("quality")
        return None if value is None else str(value)

    @property
    def clip_seconds(self) -> float | None:
        """The length of the clip whose seconds are billed, where known."""
        price = self.offer.price
        if price is None or price.seconds_of is None or price.seconds_of not in self.facts:
            return None
        return self.facts[price.seconds_of].seconds


def load_offers(package: str) -> tuple[Offer, ...]:
    """Read the ``offers.toml`` that lies in a provider's package.

    Raises:
        ConfigError: The file does not describe offers; it names the path in it.
    """
    text = importlib.resources.files(package).joinpath("offers.toml").read_text("utf-8")
    return parse_offers(text, name=f"{package}/offers.toml")


def parse_offers(text: str, *, name: str) -> tuple[Offer, ...]:
    """Read offers from TOML text.

    Args:
        text: TOML with ``[[offer]]`` tables.
        name: What to call it in errors.

    Raises:
        ConfigError: Naming the path of what does not fit.
    """
    from motionkit import codec  # noqa: PLC0415 - cattrs loads when first needed

    try:
        return codec.structure(tomllib.loads(text).get("offer", []), tuple[Offer, ...])
    except (tomllib.TOMLDecodeError, InvalidRequest) as error:
        raise ConfigError(f"{name}: {error}") from error


def pick(offers: Sequence[Offer], operation: str, model: str | None, *, target: str) -> Offer:
    """Return the offer that a target means for an operation.

    Raises:
        Unsupported: The provider does not sell that operation, or not with that model.
    """
    rows = [offer for offer in offers if offer.operation == operation]
    if model is None:
        chosen = [offer for offer in rows if offer.default]
    else:
        chosen = [offer for offer in rows if offer.model == model]
    if not chosen:
        names = ", ".join(sorted({offer.model for offer in rows})) or "nothing"
        raise Unsupported(
            f"{target} does not offer {operation}{f' with {model}' if model else ''}; "
            f"it has {names}",
            field="via",
            value=target,
            limit=names,
        )
    return chosen[0]


def inspect(request: Request) -> dict[str, media.Facts]:
    """Look at every media argument of a request.

    Raises:
        InvalidRequest: One of them is missing, empty or unreadable.
    """
    return {name: media.inspect(value, name) for name, value in request.media().items()}


def fit(request: Request, offer: Offer, facts: Mapping[str, media.Facts]) -> Fit:
    """Check a request against an offer, without any I/O.

    Args:
        request: What is wanted.
        offer: The row.
        facts: What `inspect` told.

    Raises:
        Unsupported: A field that this target cannot express.
        InvalidRequest: A value that it does not take; names field, value and limit.
    """
    given = request.values()
    for name, value in given.items():
        if name not in offer.fields:
            able = ", ".join(sorted([*offer.fields, *offer.media])) or "none"
            raise Unsupported(
                f"{offer.model} cannot express {name}={value!r}; it takes {able}",
                field=name,
                value=str(value),
                limit=able,
            )
    values = {**offer.defaults, **given}
    for name, choices in offer.allowed.items():
        if name in values and values[name] not in choices:
            limit = ", ".join(map(str, choices))
            raise InvalidRequest(
                f"{name}={values[name]!r} is not offered by {offer.model}; it takes {limit}",
                field=name,
                value=str(values[name]),
                limit=limit,
            )
    warnings: list[str] = []
    for name, reference in request.media().items():
        if name not in offer.media:
            raise Unsupported(
                f"{offer.model} takes no {name}", field=name, value=reference.label, limit="none"
            )
        warnings += _check_slot(name, reference, offer.media[name], facts[name])
    body = {offer.fields[name]: value for name, value in values.items()}
    return Fit(offer, values, {**offer.fixed, **body}, facts, tuple(warnings))


def _check_slot(name: str, reference: media.Ref, slot: Slot, facts: media.Facts) -> list[str]:
    if isinstance(reference, media.Generated) and slot.generated is None:
        raise Unsupported(
            f"{name}: this target cannot take a generated video by its id",
            field=name,
            value=reference.label,
            limit="a file, bytes or a URL",
        )
    if facts.kind is None:
        return []
    if facts.container not in slot.formats:
        formats = ", ".join(slot.formats)
        raise InvalidRequest(
            f"{name}: {facts.label} is {facts.container}; the vendor takes {formats}",
            field=name,
            value=str(facts.container),
            limit=formats,
        )
    for label, value, limit, unit in (
        ("size", facts.size, slot.max_bytes, "bytes"),
        ("width", facts.width, slot.max_side, "pixels"),
        ("height", facts.height, slot.max_side, "pixels"),
        ("length", facts.seconds, slot.max_seconds, "seconds"),
    ):
        if value is not None and limit is not None and value > limit:
            raise InvalidRequest(
                f"{name}: {facts.label} has a {label} of {value:,} {unit}; "
                f"the vendor takes at most {limit:,} {unit}",
                field=name,
                value=f"{value} {unit}",
                limit=f"at most {limit} {unit}",
            )
    warnings = []
    if facts.missing:
        warnings.append(f"{name}: pixels and seconds are unchecked: {facts.missing}")
    if slot.warn_bytes is not None and facts.size is not None and facts.size > slot.warn_bytes:
        warnings.append(
            f"{name}: {facts.size:,} bytes; one of the vendor's pages limits it to "
            f"{slot.warn_bytes:,} bytes"
        )
    return warnings


def quote(fitted: Fit, rates: Rates) -> Quote | None:
    """Say what a fitted request is expected to cost; None when no price is known at all.

    Args:
        fitted: From `fit`.
        rates: What the account's units are worth.

    Returns:
        The quote. Where seconds are billed and unknown, the amounts are None and a note says why.
    """
    price = fitted.offer.price
    if price is None:
        return None
    seconds, notes = _billed_seconds(fitted, price)
    low, likely, high = _ordered(
        *(_amount(price, fitted.values, bound, seconds) for bound in ("low", "likely", "high"))
    )
    rate = rates.usd(price.unit)
    usd_low, usd_likely, usd_high = (
        None if amount is None or rate is None else amount * rate for amount in (low, likely, high)
    )
    return Quote(
        low=low,
        likely=likely,
        high=high,
        unit=price.unit,
        usd_low=usd_low,
        usd_likely=usd_likely,
        usd_high=usd_high,
        basis=price.basis,
        source=price.source,
        as_of=price.as_of,
        notes=(*notes, *([price.note] if price.note else [])),
    )


def _billed_seconds(fitted: Fit, price: Price) -> tuple[Decimal | None, list[str]]:
    if price.seconds_of is None:
        return None, []
    facts = fitted.facts[price.seconds_of]
    if facts.seconds is None:
        rates = "; ".join(
            f"{cell.amount} {price.unit.value}s per {cell.per}"
            for cell in price.cells
            if cell.per == "second" and _matches(cell, fitted.values)
        )
        why = facts.missing or f"{facts.label} does not say"
        return None, [f"the seconds of {price.seconds_of} are unknown ({why}); {rates}"]
    seconds = Decimal(str(facts.seconds))
    if seconds == seconds.to_integral_value():
        return seconds, []
    whole = seconds.to_integral_value(ROUND_CEILING)
    return seconds, [f"{seconds:f} s are taken as {whole} s: that seconds round up is inferred"]


def _ordered(
    low: Decimal | None, likely: Decimal | None, high: Decimal | None
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Widen the bounds until the likely amount lies between them: estimates may disagree."""
    if likely is None:
        return low, likely, high
    return (
        None if low is None else min(low, likely),
        likely,
        None if high is None else max(high, likely),
    )


def _matches(cell: Cell, values: Mapping[str, Any]) -> bool:
    return all(values.get(name) == wanted for name, wanted in cell.when.items())


def _amount(
    price: Price, values: Mapping[str, Any], bound: str, seconds: Decimal | None
) -> Decimal | None:
    for cell in price.cells:
        if cell.bound in {None, bound} and _matches(cell, values):
            if cell.per == "run":
                return cell.amount
            if seconds is None:
                return None
            billed = seconds if bound == "low" else seconds.to_integral_value(ROUND_CEILING)
            return (cell.amount * billed).normalize() + 0
    return None
