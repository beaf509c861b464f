"""A provider's offers: flat rows of data in its ``offers.toml``, never expressions."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.text import duration
from motionkit.errors import ConfigError, InvalidRequest, Unsupported
from motionkit.model import codec, media
from motionkit.model.money import Basis, Unit

if TYPE_CHECKING:
    import tomllib
    from importlib.resources.abc import Traversable
else:
    try:
        import tomli as tomllib  # the same parser, compiled: a third of the time
    except ModuleNotFoundError:
        import tomllib


@attrs.frozen
class MediaField:
    """The vendor's field for one media argument, and its limits.

    Attributes:
        field: The vendor's name.
        kind: image, video or audio.
        formats: The accepted containers.
        generated: The vendor's field for a video that it generated itself.
        integer: Whether references are sent as integers; otherwise as text.
        urls: Whether an upload is referred to by its URL only, never by an id.
        max_bytes: Larger media are refused.
        warn_bytes: Larger media cause a warning, because the vendor's pages disagree.
        max_side: Pixels, width or height.
        min_side: Pixels, width or height.
        max_ratio: Longer side over the shorter one.
        max_seconds: Longer media are refused.
        min_seconds: Shorter media are refused.
        seconds_by: Neutral field to its values under which other seconds hold, each with the least
            and the most.
        many: Whether the vendor's field is a list.
        source: The vendor page behind the limits.
    """

    field: str
    kind: media.Kind
    formats: tuple[str, ...]
    generated: str | None = None
    integer: bool = False
    urls: bool = False
    max_bytes: int | None = None
    warn_bytes: int | None = None
    max_side: int | None = None
    min_side: int | None = None
    max_ratio: float | None = None
    max_seconds: float | None = None
    min_seconds: float | None = None
    seconds_by: Mapping[str, Mapping[str, tuple[float, float]]] = attrs.field(factory=dict)
    many: bool = False
    source: str = ""

    def under(self, values: Mapping[str, Any]) -> tuple[MediaField, str]:
        """Return the field with the seconds that hold for a request's values, and why, in words."""
        for name, seconds in self.seconds_by.items():
            value = values.get(name)
            if isinstance(value, str) and value in seconds:
                low, high = seconds[value]
                limited = attrs.evolve(self, min_seconds=low, max_seconds=high)
                return limited, f" with {name} {value!r}"
        return self, ""


@attrs.frozen
class PriceRule:
    """One price: an amount per second, per byte of text or per run.

    Attributes:
        amount: In the price's unit, for each started `step`.
        per: The measure.
        when: The values of the requests that it applies to.
        bound: The only bound that it applies to, if any.
        doubtful: Whether the vendor's pages are ambiguous; the quote is ``estimated`` then.
        step: Seconds or bytes that are billed together.
        adds: The value that, if given and not false, adds this amount to the price.
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
        source: The vendor's page.
        as_of: The day when it was read.
        cells: The amounts.
        seconds_of: The media argument whose seconds are billed, or the value that states them.
        text_of: The value whose UTF-8 bytes are billed if no seconds are given.
        note: A note for the reader of a quote.
        rounds_up: Whether the source says that started seconds are billed; otherwise inferred.
        fractional: Whether fractions of a credit are charged.
    """

    unit: Unit
    basis: Basis
    source: str
    as_of: dt.date
    cells: tuple[PriceRule, ...]
    seconds_of: str | None = None
    text_of: str | None = None
    note: str = ""
    rounds_up: bool = False
    fractional: bool = False


@attrs.frozen(repr=False)
class Offer(Displayed):
    """One operation of a provider with one model.

    Attributes:
        operation: The neutral operation, e.g. ``mimic``.
        model: The vendor's model.
        path: The paid call's path.
        default: Whether an account without a model means this one for the operation.
        fields: Neutral field to vendor field, of the supported ones.
        fixed: Vendor fields that are always sent.
        defaults: Neutral values for fields that the request leaves out.
        required: Neutral fields and media arguments that the vendor requires.
        allowed: Neutral field to its accepted values.
        ranges: Neutral field to its smallest and largest value.
        lengths: Neutral text field to its most characters.
        counts: Neutral field or media argument of several values to the fewest and the most.
        combinations: Sets of values that can be combined; a request must fit one of them.
        quality_map: Neutral quality to the delivered one.
        spelling: Neutral field to the form of its values: a number as ``text``, or text in
            ``upper`` case.
        image_mark: How a prompt refers to an image, counted from 1, such as ``@Image{}``; an empty
            one leaves prompts as they are.
        media: Media argument to its field.
        price: None if unknown.
        expected_seconds: The typical duration of a job.
        source: The vendor's page.
        evidence: Whether the vendor documents the offer, others observed it, or its field names are
            inferred from similar models; an inferred one needs the request's `allow_undocumented`.
        unconfirmed: Neutral fields that only third parties describe, with their source; a request
            with one gets a warning.
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
    image_mark: str = ""
    media: Mapping[str, MediaField] = attrs.field(factory=dict)
    price: Price | None = None
    expected_seconds: float | None = None
    evidence: Literal["documented", "observed", "inferred"] = "documented"
    unconfirmed: Mapping[str, str] = attrs.field(factory=dict)

    __columns__: ClassVar[tuple[str, ...]] = (
        *("operation", "model", "default", "evidence", "unit", "basis", "seconds", "fields"),
        *("required", "allowed", "source", "as_of"),
    )

    def __shown__(self) -> Iterator[tuple[str, object]]:
        price, seconds = self.price, self.expected_seconds
        yield "model", self.model
        yield "operation", self.operation
        yield "default", "yes" if self.default else None
        yield "evidence", self.evidence
        yield "price", [f"{one.amount:f} per {one.per}" for one in price.cells] if price else None
        yield "unit", price and price.unit
        yield "basis", price and price.basis
        yield "price read", price and price.as_of
        yield "takes", None if seconds is None else duration(seconds)
        yield "fields", ", ".join([*self.media, *self.fields])
        yield "allowed", self.allowed
        yield "source", self.source

    def __cells__(self) -> Mapping[str, object]:
        left_out = {"price", "unit", "basis", "allowed", "source"}  # by request: `compare` quotes
        return {name: value for name, value in self.__shown__() if name not in left_out}

    def __record__(self) -> Mapping[str, object]:
        price = self.price
        return {
            "operation": self.operation,
            "model": self.model,
            "default": self.default,
            "evidence": self.evidence,
            "unit": price and price.unit,
            "basis": price and price.basis,
            "seconds": self.expected_seconds,
            "fields": [*self.media, *self.fields],
            "required": self.required,
            "allowed": self.allowed,
            "source": self.source,
            "as_of": price and price.as_of,
        }


class _Offers(Sequence[Offer]):
    """The offers of a text, each made at its first use: a purchase uses one of them."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        self._rows, self._name = rows, name
        self._made: dict[int, Offer] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Offer: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Offer, ...]: ...
    def __getitem__(self, place: int | slice) -> Offer | tuple[Offer, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(len(self))[place])
        place = range(len(self))[place]
        if place not in self._made:
            self._made[place] = self._make(place)
        return self._made[place]

    def __repr__(self) -> str:
        return f"<{len(self)} offers of {self._name}>"

    def of(self, operation: str) -> list[Offer]:
        """Return the offers of an operation; no other is made."""
        rows = enumerate(self._rows)
        return [self[place] for place, row in rows if row.get("operation") == operation]

    def _make(self, place: int) -> Offer:
        try:
            return codec.structure(self._rows[place], Offer)
        except InvalidRequest:
            _structured(self._rows, self._name)  # names the row in its error
            raise


def _folder(package: str) -> Traversable:
    """Return what a package's files are in."""
    first, *others = map(Path, importlib.import_module(package).__path__)
    if not others and first.is_dir():
        return first
    from importlib.resources import files  # noqa: PLC0415 - slow, and only for archives

    return files(package)


def load_offers(package: str) -> Sequence[Offer]:
    """Read ``offers.toml`` and ``offers_*.toml`` in a provider's package.

    Each offer is made when it is first used; `parse_offers` makes and checks all at once.

    Raises:
        ConfigError: They are not TOML, or refer to what they do not have; names the path of the
            fault. An offer raises it when it is first used and a value does not fit.
    """
    files = [
        file
        for file in _folder(package).iterdir()
        if file.name == "offers.toml"
        or (file.name.startswith("offers_") and file.name.endswith(".toml"))
    ]
    files.sort(key=lambda file: file.name)
    name = f"{package}/{' + '.join(file.name for file in files)}"
    return _Offers(_rows("\n".join(file.read_text("utf-8") for file in files), name), name)


_USUAL_FORMATS: Mapping[media.Kind, tuple[str, ...]] = {
    "image": ("jpeg", "png", "webp"),
    "video": ("mp4", "mov", "webm"),
    "audio": ("mp3", "wav", "m4a"),
}


def unlisted_offer(
    offers: Sequence[Offer],
    operation: str,
    model: str,
    *,
    path: str,
    source: str,
    formats: Mapping[media.Kind, tuple[str, ...]] = _USUAL_FORMATS,
) -> Offer | None:
    """Return an offer for a model that is not listed: media under the names that most models use.

    Its price is unknown, and a request has to confirm it. A listed model supports only what its
    rows say.

    Args:
        offers: The provider's offers.
        operation: The neutral operation.
        model: The vendor's name of the model.
        path: Where it is called.
        source: The vendor's page of it.
        formats: The containers that the vendor takes, by kind of media, where they are not the
            usual ones.

    Returns:
        The offer; None where the model is listed, the operation is not neutral, or two media of one
        kind cannot be told apart by one name.
    """
    # Here, because reading offers needs none of the requests.
    from motionkit.model.operations import OPERATIONS  # noqa: PLC0415

    kind = next((kind for kind in OPERATIONS if kind.operation == operation), None)
    if kind is None or any(offer.model == model for offer in offers):
        return None
    fields = attrs.fields_dict(kind)
    single = {name: of for name, of in kind.media_kinds().items() if fields[name].default != ()}
    if len(set(single.values())) < len(single):
        return None
    return Offer(
        operation=operation,
        model=model,
        path=path,
        source=source,
        fields={"prompt": "prompt"} if "prompt" in fields else {},
        media={
            name: MediaField(f"{of}_url", of, formats[of], urls=True) for name, of in single.items()
        },
        evidence="inferred",
    )


def parse_offers(text: str, *, name: str) -> tuple[Offer, ...]:
    """Read offers from TOML text with ``[[offer]]`` tables; `name` is the text's name in errors.

    Rows share ``[slot.NAME]`` and ``[price.NAME]`` by name: ``price = "NAME"``,
    ``media = { image = "NAME" }``, or with keys that differ:
    ``price = { like = "NAME", cells = [...] }``. ``like = ["NAME"]`` in a row fills in missing keys
    from ``[base.NAME]``, in tables key by key; of several names the first takes precedence.

    Raises:
        ConfigError: Naming the path of the fault.
    """
    return _structured(_rows(text, name), name)


def _structured(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[Offer, ...]:
    try:
        return codec.structure(rows, tuple[Offer, ...])
    except InvalidRequest as error:
        raise ConfigError(f"{name}: {error}") from error


def _rows(text: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of a text, with all that they share with others."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    slots, prices, bases = (data.pop(table, {}) for table in ("slot", "price", "base"))
    rows: list[dict[str, Any]] = data.pop("offer", [])
    if data:
        raise ConfigError(f"{name}: {next(iter(data))!r} is neither offer, base, slot nor price")
    for base, table in bases.items():
        _resolve(table, slots, prices, f"{name}: base {base}")
    for place, row in enumerate(rows):
        where = f"{name}: offer {place} ({row.get('operation')} {row.get('model')})"
        _resolve(row, slots, prices, where)
        for base in row.pop("like", ()):
            _fill(row, _shared(bases, base, f"{where}: like"))
    return rows


def _resolve(
    row: dict[str, Any], slots: Mapping[str, Any], prices: Mapping[str, Any], where: str
) -> None:
    """Replace the names of shared tables by the tables."""
    if "price" in row:
        row["price"] = _shared(prices, row["price"], f"{where}: price")
    for argument, slot in row.get("media", {}).items():
        row["media"][argument] = _shared(slots, slot, f"{where}: media.{argument}")


def _fill(row: dict[str, Any], base: Mapping[str, Any]) -> None:
    """Fill in the keys that a row leaves out."""
    for name, value in base.items():
        if isinstance(value, dict) and isinstance(row.get(name, {}), dict):
            row[name] = value | row.get(name, {})
        else:
            row.setdefault(name, value)


def _shared(tables: Mapping[str, Any], said: Any, where: str) -> Any:
    """Return a table that a row has by name, by name with its own keys, or in full."""
    own = dict(said) if isinstance(said, Mapping) else {"like": said}
    if "like" not in own:
        return said
    wanted = own.pop("like")
    if not isinstance(wanted, str) or wanted not in tables:
        raise ConfigError(f"{where} {str(wanted)!r} is not in the file; it has {', '.join(tables)}")
    return {**tables[wanted], **own}


def pick(offers: Sequence[Offer], operation: str, model: str | None, *, target: str) -> Offer:
    """Return the offer of a target for an operation.

    Raises:
        Unsupported: The target does not offer the operation, or not with that model.
    """
    if isinstance(offers, _Offers):
        rows = offers.of(operation)
    else:
        rows = [offer for offer in offers if offer.operation == operation]
    for offer in rows:
        if offer.default if model is None else offer.model == model:
            return offer
    models = sorted({offer.model for offer in rows})
    if rows and model is None:
        named = ", ".join(f"{target}/{one}" for one in models)
        text = f"{target} has no default model for {operation}; name one: {named}"
    else:
        text = f"{target} does not offer {operation}{f' with {model}' if model else ''}"
        text += f"; it has {', '.join(models)}" if models else ""
    raise Unsupported(text, field="via", value=target, limit=", ".join(models) or None)
