"""The verb `offers`: the models of the installed providers, condensed for a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any

import attrs

from motionkit import config
from motionkit.cli import exit_codes
from motionkit.cli.format import plain
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Option
from motionkit.cli.prices import show as show_prices
from motionkit.cli.screen import Screen
from motionkit.cli.timing import show as show_timing
from motionkit.client import MediaField, Offer, Price, PriceRule, registry
from motionkit.errors import InvalidRequest
from motionkit.model import codec
from motionkit.model.money import Unit, noun, number

_QUALITY, _SECONDS = "quality", "duration"
_LEGEND = (
    "* default model of an account; ? ambiguous price, quoted as 'estimated'; 'observed' rows are "
    "undocumented, 'inferred' ones need --allow-undocumented; --model NAME shows limits, --json "
    "everything"
)
_NONE = "no matching offers"
_NO_LIST = "no configured account with a key has matching offers and a vendor with a price list"

Row = tuple[str, Offer]


def offers(
    *,
    operation: Annotated[
        str | None,
        Option(metavar="NAME", help="Show only this operation or verb, e.g. mimic."),
    ] = None,
    via: Annotated[
        str | None,
        Option(
            metavar="TARGET",
            help="Show only this account or provider, or one model of it: ACCOUNT/MODEL.",
        ),
    ] = None,
    model: Annotated[
        str | None, Option(metavar="NAME", help="Show only this model, with its limits.")
    ] = None,
    timing: Annotated[
        bool,
        Option("--timing", help="Show estimated job durations and the polling schedule."),
    ] = False,
    update: Annotated[
        bool,
        Option(
            "--update",
            help="Compare the prices with the vendor's price list, where it has one. Needs a key; "
            "changes nothing.",
        ),
    ] = False,
    json: Json = False,
    config_file: ConfigFile = None,
) -> int:
    """List the models of the installed providers: qualities, prices with source and date, limits.

    No key or network needed, except with --update. Prices are listed per quality, in the same
    order. USUAL is the typical duration of a job. --timing also uses the past jobs of each account
    in the journal. Unknown names are rejected.
    """
    screen = Screen(json=json)
    account, _, named = (via or "").partition("/")
    provider = account
    if provider and provider not in registry.names():
        provider = config.load(config_file).account(provider).provider
    verbs = {kind.verb: kind.operation for kind in registry.operations()}
    _check("operation", operation, {*verbs, *verbs.values()}, listed=verbs)
    asked = {operation, verbs.get(operation or "")} if operation else set(verbs.values())
    if model:
        every = _models(registry.names(), set(verbs.values()))
        _check("model", model, every, listed=_models(registry.names(), asked))
    offered = [provider] if provider else registry.names()
    sold = _models(offered, set(verbs.values())) if named else ()
    _check("via", f"{account}/{named}" if named else None, {f"{account}/{one}" for one in sold})
    model = model or named or None

    def wanted(offer: Offer) -> bool:
        matches = operation is None or offer.operation in {operation, verbs.get(operation)}
        return matches and model in {None, offer.model}

    if update or timing:
        show = show_prices if update else show_timing
        if not show(screen, config_file, account, wanted):
            screen.note(_NO_LIST if update else _NONE)
        return exit_codes.DONE
    rows = [
        (name, offer)
        for name in registry.names()
        if provider in {"", name}
        for offer in registry.load(name).offers
        if wanted(offer)
    ]
    if json:
        for name, offer in rows:
            screen.answer(_data(name, offer), "")
        return exit_codes.DONE
    order = {kind.operation: place for place, kind in enumerate(registry.operations())}
    rows.sort(key=lambda row: (order.get(row[1].operation, len(order)), row[0]))
    for (provider, section), operations in _alike(rows, limits=model is not None).items():
        screen.answer({}, f"{', '.join(operations)} at {provider}")
        cells = [[str(cell).split("\n") for cell in row] for row in section.rows]
        screen.rows([], ["MODEL", "QUALITY", "PRICE", "USUAL"], cells)
        screen.answer({}, "\n".join([*(f"  {plain(line)}" for line in section.lines), ""]))
    screen.note(_LEGEND if rows else _NONE)
    return exit_codes.DONE


def _models(providers: Iterable[str], operations: Collection[str | None]) -> set[str]:
    offers = (offer for name in providers for offer in registry.load(name).offers)
    return {offer.model for offer in offers if offer.operation in operations}


def _check(
    field: str, value: str | None, known: Collection[str], *, listed: Iterable[str] | None = None
) -> None:
    """Reject a name that no offer has; the error lists `listed`, by default all that are known."""
    if value is None or value in known:
        return
    names = ", ".join(sorted(known if listed is None else listed))
    raise InvalidRequest(
        f"{field}: no offer matches {value!r}; known: {names}",
        field=field,
        value=value,
        limit=names,
    )


@attrs.frozen
class _Section:
    """An operation's offers: the rows of the table and the lines below it."""

    rows: tuple[tuple[Any, ...], ...]
    lines: tuple[str, ...]


def _alike(rows: Sequence[Row], *, limits: bool) -> dict[tuple[str, _Section], list[str]]:
    """Return the sections with their operations: many share models and prices."""
    found: dict[tuple[str, _Section], list[str]] = {}
    for (operation, provider), group in itertools.groupby(
        rows, key=lambda row: (row[1].operation, row[0])
    ):
        several = [offer for _, offer in group]
        lines = list(dict.fromkeys(_source(offer.price) for offer in several if offer.price))
        if limits:
            lines += [f"{offer.model}: {limit}" for offer in several for limit in _limits(offer)]
            lines += [f"{offer.model}: {offer.source}" for offer in several]
        section = _Section(tuple(_row(offer) for offer in several), tuple(lines))
        found.setdefault((provider, section), []).append(operation)
    return found


def _row(offer: Offer) -> tuple[Any, ...]:
    qualities = [str(one) for one in offer.allowed.get(_QUALITY, ())]
    name = offer.model + " *" * offer.default
    unlisted = "not listed" if _QUALITY in offer.fields else "-"
    return (
        name if offer.evidence == "documented" else f"{name}\n({offer.evidence})",
        _joined(qualities) or unlisted,
        "\n".join(_price(_applicable(offer), qualities)),
        "?" if offer.expected_seconds is None else f"{offer.expected_seconds:.0f} s",
    )


def _applicable(offer: Offer) -> Price | None:
    """Return the price without the rules for fields that the offer does not have."""
    if offer.price is None:
        return None
    cells = [cell for cell in offer.price.cells if {*cell.when, cell.adds} <= {*offer.fields, None}]
    return attrs.evolve(offer.price, cells=tuple(cells))


def _joined(qualities: Sequence[str]) -> str:
    """Return e.g. ``360/540/720p``."""
    if len(qualities) > 1 and all(one.endswith("p") for one in qualities):
        return "/".join(one.removesuffix("p") for one in qualities) + "p"
    return "/".join(qualities)


def _price(price: Price | None, qualities: Sequence[str]) -> Iterator[str]:
    """Yield a line for each group of rules that differ only in quality and duration."""
    if price is None:
        yield "unknown"
        return
    groups: dict[tuple[Any, ...], list[PriceRule]] = {}
    for cell in price.cells:
        rest = {name: one for name, one in cell.when.items() if name not in {_QUALITY, _SECONDS}}
        kind = (tuple(rest.items()), cell.per, cell.step, cell.bound, cell.adds)
        groups.setdefault(kind, []).append(cell)
    bounded = len({cell.bound for cell in price.cells}) > 1
    # Base prices first, then special cases and surcharges.
    for kind in sorted(groups, key=lambda one: (one[4] is not None, len(one[0]))):
        (rest_of, per, step, bound, adds), cells = kind, groups[kind]
        words = [_condition(name, one) for name, one in rest_of]
        words += [f"{adds} adds".replace("_", " ")] if adds else []
        amounts = ", ".join(_amounts(cells, qualities, price.unit))
        unit = noun(price.unit, cells[-1].amount)
        each = f"each {step} {per}s" if step > 1 else f"a {per}"
        line = f"{' '.join([*words, amounts])} {unit} {each}"
        yield line if bound is None else f"{line} ({bound})" if bounded else f"about {line}"


def _condition(name: str, value: Any) -> str:
    word = name.replace("_", " ")
    return {True: word, False: f"no {word}"}[value] if isinstance(value, bool) else str(value)


def _amounts(cells: Sequence[PriceRule], qualities: Sequence[str], unit: Unit) -> Iterator[str]:
    """Yield the amounts in the order of the qualities, once per duration."""
    durations = dict.fromkeys(cell.when.get(_SECONDS) for cell in cells)
    for seconds in durations:
        found = {
            cell.when.get(_QUALITY): number(cell.amount, unit) + "?" * cell.doubtful
            for cell in cells
            if cell.when.get(_SECONDS) == seconds
        }
        listed = [found.get(quality, "-") for quality in qualities] if None not in found else []
        while listed and listed[-1] == "-":
            listed.pop()
        text = "/".join(listed or found.values())
        yield text if seconds is None else f"{seconds}s:{text}"


def _source(price: Price) -> str:
    read = f"{price.basis.value}, read {price.as_of.isoformat()}, {price.source}"
    return f"{read} ({price.note})" if price.note else read


def _limits(offer: Offer) -> Iterator[str]:
    for name, slot in offer.media.items():
        yield f"{name}: {_slot(slot)}"
    for name, allowed in offer.allowed.items():
        if name != _QUALITY:
            yield f"{name}: {', '.join(str(one) for one in allowed)}"
    for name, (low, high) in offer.ranges.items():
        yield f"{name}: {low:.12g} to {high:.12g}"
    for name, length in offer.lengths.items():
        yield f"{name}: at most {length} characters"
    for name, (fewest, most) in offer.counts.items():
        yield f"{name}: {fewest} to {most}"
    for together in offer.combinations:
        sets = (
            f"{name} {'/'.join(str(one) for one in values)}" for name, values in together.items()
        )
        yield f"together: {', '.join(sets)}"


def _slot(slot: MediaField) -> str:
    limits: Sequence[str | None] = (
        "/".join(slot.formats),
        f"{slot.max_bytes / 1e6:g} MB" if slot.max_bytes else None,
        _span(slot.min_side, slot.max_side, "px"),
        f"1:{slot.max_ratio:g} to {slot.max_ratio:g}:1" if slot.max_ratio else None,
        _span(slot.min_seconds, slot.max_seconds, "s"),
        *(
            f"{_span(*seconds, 's')} with {name} {value}"
            for name, by_value in slot.seconds_by.items()
            for value, seconds in by_value.items()
        ),
    )
    return ", ".join(limit for limit in limits if limit)


def _span(least: float | None, most: float | None, unit: str) -> str | None:
    if most is None:
        return None if least is None else f"from {least:g} {unit}"
    return f"{least:g} to {most:g} {unit}" if least else f"{most:g} {unit}"


def _data(provider: str, offer: Offer) -> dict[str, Any]:
    return {
        "provider": provider,
        "model": offer.model,
        "operation": offer.operation,
        "default": offer.default,
        "evidence": offer.evidence,
        "unconfirmed": plain(offer.unconfirmed),
        "qualities": list(offer.allowed.get(_QUALITY, ())),
        "fields": sorted([*offer.fields, *offer.media]),
        "required": list(offer.required),
        "defaults": dict(offer.defaults),
        "allowed": dict(offer.allowed),
        "ranges": dict(offer.ranges),
        "lengths": dict(offer.lengths),
        "counts": dict(offer.counts),
        "combinations": [dict(one) for one in offer.combinations],
        "price": codec.unstructure(offer.price),
        "expected_seconds": offer.expected_seconds,
        "limits": {name: codec.unstructure(slot) for name, slot in offer.media.items()},
        "source": offer.source,
    }
