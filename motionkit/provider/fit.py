"""Fit a request to an offer: what will be sent, or why it cannot be. No I/O but `inspect`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeGuard

import attrs

from motionkit.errors import InvalidRequest, Unsupported
from motionkit.model import media, probe
from motionkit.model.operations import Request, argument
from motionkit.provider.offers import MediaField, Offer


@attrs.frozen
class Fit:
    """A request as one offer will deliver it.

    Attributes:
        request: The request.
        offer: The offer.
        values: Neutral values as they will be delivered, defaults filled in.
        body: Vendor fields without media.
        facts: What is known of each media argument.
        references: Each media argument's reference, with the vendor's field for it.
        warnings: What the user should know before paying.
        extra: The request's options for this vendor, by vendor field.
        priced: The neutral values that the price is computed from, extra options included.
        unpriced: Extra options of which the price is unknown.
        quality: The quality that will be delivered, where the offer has one.
        seconds: The length of the new clip, where it is known.
        clip_seconds: The seconds that are billed, where known.
        clip_seconds_high: The most seconds that the vendor may count: a container may run longer
            than its film.
    """

    request: Request
    offer: Offer
    values: Mapping[str, Any]
    body: Mapping[str, Any]
    facts: Mapping[str, probe.Facts]
    references: Mapping[str, tuple[MediaField, media.Ref]]
    warnings: tuple[str, ...]
    extra: Mapping[str, Any]
    priced: Mapping[str, Any]
    unpriced: tuple[str, ...]
    quality: str | None
    seconds: float | None
    clip_seconds: float | None
    clip_seconds_high: float | None


def inspect(request: Request) -> dict[str, probe.Facts]:
    """Read every media argument of a request.

    Raises:
        InvalidRequest: One of them is missing, empty or unreadable.
    """
    return {name: probe.inspect(value, name) for name, value in request.media().items()}


Check = Callable[[Fit], Sequence[str]]
"""An adapter's rules across fields: raises InvalidRequest, returns warnings."""


def fit(
    request: Request,
    offer: Offer,
    facts: Mapping[str, probe.Facts],
    check: Check | None = None,
    *,
    extra: Mapping[str, Any] = MappingProxyType({}),
    unpriced: Collection[str] = (),
) -> Fit:
    """Check a request against an offer, without any I/O.

    Args:
        request: What is wanted.
        offer: The row.
        facts: What `inspect` told.
        check: The adapter's own rules.
        extra: The request's options for this vendor, by vendor field.
        unpriced: Vendor fields that never change a price.

    Raises:
        Unsupported: A field that this target cannot express.
        InvalidRequest: A value that it does not take; names field, value and limit.
    """
    given, media_given = request.values(), request.media()
    arguments = {name: argument(name) for name in media_given}
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
    _check_values(request, offer, values, arguments.values())
    warnings: list[str] = list(_doubts(offer))
    references: dict[str, tuple[MediaField, media.Ref]] = {}
    for name, reference in media_given.items():
        slot = offer.media.get(arguments[name])
        if slot is None:
            raise Unsupported(
                f"{offer.model} takes no {arguments[name]}",
                field=name,
                value=reference.label,
                limit=", ".join(offer.media) or "no media",
            )
        references[name] = slot, reference
        warnings += _check_slot(name, reference, slot, facts[name])
    quality = values.get("quality")
    if isinstance(quality, str) and quality in offer.quality_map:
        values["quality"] = offer.quality_map[quality]
        warnings.append(f"quality={quality!r} is delivered as {values['quality']!r}")
    body = {
        offer.fields[name]: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if offer.fields[name]  # what has no name of its own is the adapter's to express
    }
    replaced, unknown = _extras(offer, extra, unpriced)
    priced = {**values, **replaced}
    delivered, duration = priced.get("quality"), priced.get("duration")
    length = facts.get(request.length_of or "")
    billed = _billed_seconds(offer, priced, facts)
    fitted = Fit(
        request=request,
        offer=offer,
        values=values,
        body={**offer.fixed, **body},
        facts=facts,
        references=references,
        warnings=tuple(warnings),
        extra=extra,
        priced=priced,
        unpriced=unknown,
        quality=None if delivered is None else str(delivered),
        seconds=float(duration) if _is_number(duration) else length.seconds if length else None,
        clip_seconds=billed[0],
        clip_seconds_high=billed[1],
    )
    if check is None:
        return fitted
    return attrs.evolve(fitted, warnings=(*warnings, *check(fitted)))


def _billed_seconds(
    offer: Offer, priced: Mapping[str, Any], facts: Mapping[str, probe.Facts]
) -> tuple[float | None, float | None]:
    """Return the fewest and most seconds that an offer may bill; None where they are unknown."""
    name = None if offer.price is None else offer.price.seconds_of
    if name is None:
        return None, None
    if name in facts:
        seconds = facts[name].seconds
        return seconds, facts[name].seconds_high or seconds
    return priced.get(name), priced.get(name)


def _extras(
    offer: Offer, extra: Mapping[str, Any], unpriced: Collection[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the neutral values that extra options replace, and those without a known price.

    What the offer cannot price makes the price unknown: a cap must not pass what it cannot know.
    """
    names = {field: name for name, field in offer.fields.items() if field}
    read = _price_reads(offer)
    replaced: dict[str, Any] = {}
    unknown = []
    for field, value in extra.items():
        name = names.get(field)
        if name in read and _has_price(offer, name, value):
            replaced[name] = value
        elif name in read or field not in unpriced:
            unknown.append(field)
    return replaced, tuple(unknown)


def _price_reads(offer: Offer) -> set[str]:
    """Return the neutral values that an offer's price depends on."""
    price = offer.price
    if price is None:
        return set()
    found = {name for cell in price.cells for name in (*cell.when, cell.adds) if name}
    return found | {name for name in (price.seconds_of, price.text_of) if name}


def _has_price(offer: Offer, name: str, value: Any) -> bool:
    """Tell whether the price is certain to know a value that nobody checked."""
    price = offer.price
    if price is None:
        return False
    if name in offer.allowed:
        return _among(value, offer.allowed[name])
    if name == price.seconds_of:
        low, high = offer.ranges.get(name, (0, 0))
        return _is_number(value) and value > 0 and low <= value <= high
    known = [cell.when[name] for cell in price.cells if name in cell.when]
    if all(isinstance(one, bool) for one in known):  # a switch, or text that comes on top
        added = isinstance(value, str) and not known and len(value) <= offer.lengths.get(name, 0)
        return isinstance(value, bool) or added
    return _among(value, known)


def refuse(model: str, name: str, value: Any, limit: str) -> InvalidRequest:
    """Return the error for a value that an offer does not take.

    Args:
        model: The offer's model.
        name: The neutral field.
        value: What was given.
        limit: What it takes, in words.
    """
    shown = str(value) if len(str(value)) <= _LONGEST_SHOWN else f"{str(value)[:_LONGEST_SHOWN]}..."
    return InvalidRequest(
        f"{name}={shown!r} is not offered by {model}; it takes {limit}",
        field=name,
        value=shown,
        limit=limit,
    )


def whole_number(name: str, reference: str) -> int:
    """Return a vendor's reference as an integer.

    Raises:
        InvalidRequest: It is none; names the argument.
    """
    if not (reference.isascii() and reference.isdecimal()):
        raise InvalidRequest(
            f"{name}: {reference!r} is no id of this vendor; ids are whole numbers",
            field=name,
            value=reference,
            limit="a whole number",
        )
    return int(reference)


_LONGEST_SHOWN = 60


def _doubts(offer: Offer) -> Iterator[str]:
    if offer.evidence == "observed":
        told = f"{offer.operation} with {offer.model}"
        yield f"{told} is not in the vendor's documentation: others were seen to use it"
    if offer.evidence == "inferred":
        yield f"the names of {offer.model}'s fields are inferred; its page has them: {offer.source}"


def _check_values(
    request: Request, offer: Offer, values: Mapping[str, Any], media_arguments: Iterable[str]
) -> None:
    there = {*values, *media_arguments}
    for name in offer.required:
        if name not in there:
            raise InvalidRequest(
                f"{name} is missing; {offer.model} cannot do without it",
                field=name,
                limit="required",
            )
    for name, choices in offer.allowed.items():
        known = [*choices, *offer.quality_map] if name == "quality" else choices
        if name in values and not _among(values[name], known):
            raise refuse(offer.model, name, values[name], ", ".join(map(str, known)))
    _check_sizes(request, offer, values)
    _check_combinations(offer, values)


def _check_sizes(request: Request, offer: Offer, values: Mapping[str, Any]) -> None:
    for name, (low, high) in offer.ranges.items():
        value = values.get(name)
        if value is not None and not (_is_number(value) and low <= value <= high):
            raise refuse(offer.model, name, value, f"{_bound(low)} to {_bound(high)}")
    for name, most in offer.lengths.items():
        text = values.get(name)
        if isinstance(text, str) and len(text) > most:
            raise refuse(offer.model, name, text, f"at most {most:,} characters, not {len(text):,}")
    for name, (fewest, most) in offer.counts.items():
        count = len(getattr(request, name, ()))
        if not fewest <= count <= most:
            raise refuse(offer.model, name, f"{count} of them", f"{fewest} to {most}")


def _bound(value: float) -> str:
    """Return a limit as it is, never rounded: what a message names is what is taken."""
    whole = isinstance(value, int) or value.is_integer()
    return f"{value:,.0f}" if whole else f"{value:,}"


def _check_combinations(offer: Offer, values: Mapping[str, Any]) -> None:
    sets = offer.combinations
    if not sets or any(
        all(_among(values[name], choices) for name, choices in one.items() if name in values)
        for one in sets
    ):
        return
    names = [name for name in dict.fromkeys(name for one in sets for name in one) if name in values]
    told = "; or ".join(
        " with ".join(f"{name} {', '.join(map(str, choices))}" for name, choices in one.items())
        for one in sets
    )
    shown = ", ".join(f"{name}={values[name]!r}" for name in names)
    raise InvalidRequest(
        f"{shown} do not go together at {offer.model}; it takes {told}",
        field=names[0],
        value=shown,
        limit=told,
    )


def _among(value: Any, choices: Sequence[Any]) -> bool:
    """Tell whether a value is one of the choices; True is not 1 here."""
    return any(value == choice and type(value) is type(choice) for choice in choices)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Mapping[str, str] = {"image": "a picture", "video": "a film", "audio": "sound"}


def _check_slot(name: str, reference: media.Ref, slot: MediaField, facts: probe.Facts) -> list[str]:
    if isinstance(reference, media.Generated) and slot.generated is None:
        raise Unsupported(
            f"{name}: this target cannot take a generated video by its id",
            field=name,
            value=reference.label,
            limit="a file, bytes or a URL",
        )
    if slot.integer and isinstance(reference, media.Generated | media.Uploaded):
        whole_number(name, reference.id)
    if facts.kind is None:
        return []
    if facts.kind != slot.kind or facts.container not in slot.formats:
        formats = ", ".join(slot.formats)
        kind = "" if facts.kind == slot.kind else f"{_KINDS[facts.kind]}, "
        raise InvalidRequest(
            f"{name}: {facts.label} is {kind}{facts.container}; the vendor takes "
            f"{_KINDS[slot.kind] + ' as ' if kind else ''}{formats}",
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
