"""What a provider sells, as rows of data.

An offer is read from the provider's ``offers.toml``: flat rows, never expressions. Rules across
fields are plain Python in the adapter.
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import attrs

from motionkit.errors import ConfigError, InvalidRequest, Unsupported
from motionkit.model import media
from motionkit.model.money import Basis, Unit


@attrs.frozen
class MediaField:
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
        many: Whether the vendor's field is a list.
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
    many: bool = False
    source: str = ""


@attrs.frozen
class PriceRule:
    """One price: an amount per second, per byte of text or per run.

    Attributes:
        amount: In the price's unit, for each started `step`.
        per: What is counted.
        when: The values that a request must have for it to count.
        bound: Makes it count for that one bound alone.
        doubtful: Whether the vendor's pages leave doubts; the quote says ``estimated`` then.
        step: How many seconds or bytes go together.
        adds: The value that, where it is given and not false, puts this on top of the price.
    """

    amount: Decimal
    per: Literal["second", "byte", "run"]
    when: Mapping[str, Any] = attrs.field(factory=dict)
    bound: Literal["low", "likely", "high"] | None = None
    doubtful: bool = False
    step: int = 1
    adds: str | None = None


@attrs.frozen
class Price:
    """How an offer is priced.

    Attributes:
        unit: Credits or US dollars.
        basis: ``listed`` or ``estimated``.
        source: The page behind the numbers.
        as_of: The day it was read.
        cells: The amounts.
        seconds_of: The media argument whose seconds are billed, or the value that says them.
        text_of: The value whose UTF-8 bytes are billed where the seconds are not given.
        note: What the reader should know.
    """

    unit: Unit
    basis: Basis
    source: str
    as_of: dt.date
    cells: tuple[PriceRule, ...]
    seconds_of: str | None = None
    text_of: str | None = None
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
        required: Neutral fields and media arguments that the vendor cannot do without.
        allowed: Neutral field to the values that the vendor takes.
        ranges: Neutral field to its smallest and largest value.
        lengths: Neutral text field to its most characters.
        counts: Neutral field or media argument of several values to the fewest and the most.
        combinations: Sets of values that go together; a request fits into one of them.
        quality_map: Neutral quality to what the vendor delivers for it.
        spelling: Neutral field to how the vendor writes its values: a number as ``text``, or text in
            ``upper`` case.
        media: Media argument to its slot.
        price: None when nothing is known.
        expected_seconds: The usual duration of a job.
        source: The vendor page behind the row.
        evidence: Whether the vendor documents the row, others observed it, or its fields' names are
            inferred; an inferred row needs the request's `allow_undocumented`.
    """

    operation: str
    model: str
    path: str
    source: str
    default: bool = False
    fields: Mapping[str, str] = attrs.field(factory=dict)
    fixed: Mapping[str, Any] = attrs.field(factory=dict)
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    required: tuple[str, ...] = ()
    allowed: Mapping[str, Sequence[Any]] = attrs.field(factory=dict)
    ranges: Mapping[str, tuple[float, float]] = attrs.field(factory=dict)
    lengths: Mapping[str, int] = attrs.field(factory=dict)
    counts: Mapping[str, tuple[int, int]] = attrs.field(factory=dict)
    combinations: tuple[Mapping[str, Sequence[Any]], ...] = ()
    quality_map: Mapping[str, str] = attrs.field(factory=dict)
    spelling: Mapping[str, Literal["text", "upper"]] = attrs.field(factory=dict)
    media: Mapping[str, MediaField] = attrs.field(factory=dict)
    price: Price | None = None
    expected_seconds: float | None = None
    evidence: Literal["documented", "observed", "inferred"] = "documented"


def load_offers(package: str) -> tuple[Offer, ...]:
    """Read the ``offers.toml`` that lies in a provider's package, and ``offers_*.toml`` with it.

    Raises:
        ConfigError: The files do not describe offers; it names the path in them.
    """
    files = [
        file
        for file in importlib.resources.files(package).iterdir()
        if file.name == "offers.toml" or re.fullmatch(r"offers_\w+\.toml", file.name)
    ]
    files.sort(key=lambda file: file.name)
    text = "\n".join(file.read_text("utf-8") for file in files)
    return parse_offers(text, name=f"{package}/{' + '.join(file.name for file in files)}")


def parse_offers(text: str, *, name: str) -> tuple[Offer, ...]:
    """Read offers from TOML text.

    What several rows share stands once, under ``[slot.NAME]`` or ``[price.NAME]``; a row says the
    name: ``price = "NAME"``, ``media = { image = "NAME" }``. Where it shares all but a few keys, it
    says these too: ``price = { like = "NAME", cells = [...] }``. A row's own ``like = ["NAME"]``
    takes over what the row leaves out from ``[base.NAME]``; tables are filled up key by key, and
    of several names the first counts.

    Args:
        text: TOML with ``[[offer]]`` tables.
        name: What to call it in errors.

    Raises:
        ConfigError: Naming the path of what does not fit.
    """
    from motionkit.model import codec  # noqa: PLC0415 - cattrs loads when first needed

    try:
        data = tomllib.loads(text)
        slots, prices, bases = (data.pop(table, {}) for table in ("slot", "price", "base"))
        rows = data.pop("offer", [])
        if data:
            raise ConfigError(
                f"{name}: {next(iter(data))!r} is neither offer, base, slot nor price"
            )
        for base, table in bases.items():
            _resolve(table, slots, prices, f"{name}: base {base}")
        for place, row in enumerate(rows):
            where = f"{name}: offer {place} ({row.get('operation')} {row.get('model')})"
            _resolve(row, slots, prices, where)
            for base in row.pop("like", ()):
                _fill(row, _shared(bases, base, f"{where}: like"))
        return codec.structure(rows, tuple[Offer, ...])
    except (tomllib.TOMLDecodeError, InvalidRequest) as error:
        raise ConfigError(f"{name}: {error}") from error


def _resolve(
    row: dict[str, Any], slots: Mapping[str, Any], prices: Mapping[str, Any], where: str
) -> None:
    """Put what is shared in the place of its name."""
    if "price" in row:
        row["price"] = _shared(prices, row["price"], f"{where}: price")
    for argument, slot in row.get("media", {}).items():
        row["media"][argument] = _shared(slots, slot, f"{where}: media.{argument}")


def _fill(row: dict[str, Any], base: Mapping[str, Any]) -> None:
    """Fill up what a row leaves out."""
    for name, value in base.items():
        if isinstance(value, dict) and isinstance(row.get(name, {}), dict):
            row[name] = value | row.get(name, {})
        else:
            row.setdefault(name, value)


def _shared(tables: Mapping[str, Any], said: Any, where: str) -> Any:
    """Return a table as a row says it: by name, by name and with keys of its own, or whole."""
    own = said if isinstance(said, Mapping) else {"like": said}
    if "like" not in own:
        return said
    wanted = own["like"]
    if wanted not in tables:
        raise ConfigError(f"{where} {wanted!r} is not in the file; it has {', '.join(tables)}")
    return {**tables[wanted], **{name: value for name, value in own.items() if name != "like"}}


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
    if chosen:
        return chosen[0]
    models = sorted({offer.model for offer in rows})
    if rows and model is None:
        named = ", ".join(f"{target}/{one}" for one in models)
        told = f"{target} has no default model for {operation}; name one: {named}"
    else:
        told = f"{target} does not offer {operation}{f' with {model}' if model else ''}"
        told += f"; it has {', '.join(models)}" if models else ""
    raise Unsupported(told, field="via", value=target, limit=", ".join(models) or None)
