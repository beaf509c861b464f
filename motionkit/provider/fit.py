"""Fit a request to an offer: return what will be sent, or raise why it cannot be sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs

from motionkit.errors import InvalidRequest, Unsupported
from motionkit.model import media, probe
from motionkit.model.request import Request
from motionkit.provider.offers import MediaField, Offer

if TYPE_CHECKING:
    from motionkit.model.recipe import Recipe

_LONGEST_SHOWN = 60


@attrs.frozen(eq=False)
class Fit:
    """A request as one offer will deliver it.

    Attributes:
        request: The request.
        offer: The offer.
        values: The delivered neutral values, defaults included.
        body: Vendor fields without media.
        facts: The facts of each media argument, of those that are converted the expected ones.
        references: Each media argument's reference, with the vendor's field for it.
        warnings: What the user should know before paying.
        extra: The request's options for this vendor, by vendor field.
        priced: The neutral values that determine the price, extra options included.
        unpriced: Extra options that make the price unknown.
        quality: The delivered quality, if the offer has one.
        seconds: The length of the new clip, if known.
        clip_seconds: The billed seconds, if known.
        clip_seconds_high: The most seconds that the vendor may bill: a container may run longer
            than its film.
        recipes: How media are converted before they are uploaded, by argument.
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
    recipes: Mapping[str, Recipe] = MappingProxyType({})


Check = Callable[[Fit], Sequence[str]]
"""An adapter's rules across fields: raises InvalidRequest, returns warnings."""


def inspect(request: Request) -> dict[str, probe.Facts]:
    """Read every media argument of a request.

    Raises:
        InvalidRequest: One of them is missing, empty or unreadable.
    """
    return probe.inspect_all(request.media(), details=request.converts)


def fit(
    request: Request,
    offer: Offer,
    facts: Mapping[str, probe.Facts],
    check: Check | None = None,
    *,
    extra: Mapping[str, Any] = MappingProxyType({}),
    unpriced: Collection[str] = (),
) -> Fit:
    """Fit a request to an offer; see `motionkit.provider.fit_at`.

    `check` is the adapter's, `extra` the request's options by vendor field, and `unpriced` the
    vendor fields that never change a price.
    """
    if offer.evidence == "inferred" and not request.allow_undocumented:
        raise Unsupported(
            f"the fields of {offer.model} are not documented: a wrong name may be ignored, and the "
            "run still charged",
            field="allow_undocumented",
            value="False",
            limit="True, and its fields as extra",
            hint="name its fields as extra and confirm with allow_undocumented=True",
        )
    given, media_given, arguments = request.given()
    for name, value in given.items():
        if name not in offer.fields:
            able = ", ".join(sorted([*offer.fields, *offer.media])) or "none"
            raise Unsupported(
                f"{offer.model} does not support {name}={_shown(value)}; it takes {able}",
                field=name,
                value=str(value),
                limit=able,
            )
    values = {**offer.defaults, **given}
    _check_values(request, offer, values, arguments.values())
    vendor = {field: name for name, field in offer.fields.items()}
    sent = {**values, **{vendor[field]: one for field, one in extra.items() if field in vendor}}
    warnings: list[str] = list(_doubts(offer, given))
    references: dict[str, tuple[MediaField, media.Ref]] = {}
    planned: dict[str, Recipe] = {}
    converts = request.converts
    for name, reference in media_given.items():
        slot = offer.media.get(arguments[name])
        if slot is None:
            raise Unsupported(
                f"{offer.model} takes no {arguments[name]}",
                field=name,
                value=reference.label,
                limit=", ".join(offer.media) or "no media",
            )
        slot, reason = slot.under(sent)
        references[name] = slot, reference
        if converts:
            from motionkit.provider.recipes import plan  # noqa: PLC0415 - few media are converted

            if (recipe := plan(name, request, reference, slot, facts[name])) is not None:
                planned[name] = recipe
                facts = {**facts, name: recipe.made}
        warnings += _check_media(name, reference, slot, facts[name], reason, fits=request.fit)
    quality = values.get("quality")
    if isinstance(quality, str) and quality in offer.quality_map:
        values["quality"] = offer.quality_map[quality]
        warnings.append(f"quality={quality!r} is delivered as {values['quality']!r}")
    body = {
        offer.fields[name]: _marked(value, offer.image_mark)
        if name == "prompt" and offer.image_mark
        else _spelled(value, offer.spelling.get(name))
        for name, value in values.items()
        if offer.fields[name]  # the adapter expresses fields without a vendor name
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
        recipes=planned,
    )
    if check is None:
        return fitted
    return attrs.evolve(fitted, warnings=(*warnings, *check(fitted)))


def _spelled(value: Any, spelling: str | None) -> Any:
    """Return a neutral value as the vendor writes it."""
    if spelling is not None:
        return str(value) if spelling == "text" else str(value).upper()
    return list(value) if isinstance(value, tuple) else value


def _marked(prompt: str, mark: str) -> str:
    """Return a prompt with references to images (``@img0``) as the model reads them."""
    return re.sub(r"@img(\d+)", lambda one: mark.format(int(one[1]) + 1), prompt)


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
    """Return the neutral values that extra options replace, and the options of unknown price.

    An option that the offer cannot price makes the price unknown, so that a cap refuses it.
    """
    names = {field: name for name, field in offer.fields.items() if field}
    read: set[str | None] = set()
    if (price := offer.price) is not None:
        read = {name for cell in price.cells for name in (*cell.when, cell.adds)}
        read = (read | {price.seconds_of, price.text_of}) - {None}
    replaced: dict[str, Any] = {}
    unknown = []
    for field, value in extra.items():
        name = names.get(field)
        if name is not None and name in read and _has_price(offer, name, value):
            replaced[name] = value
        elif name in read or field not in unpriced:
            unknown.append(field)
    return replaced, tuple(unknown)


def _has_price(offer: Offer, name: str, value: Any) -> bool:
    """Return whether the price certainly covers an unchecked value."""
    price = offer.price
    if price is None:
        return False
    if name in offer.allowed:
        return _among(value, offer.allowed[name])
    if name == price.seconds_of:
        low, high = offer.ranges.get(name, (0, 0))
        return _is_number(value) and value > 0 and low <= value <= high
    known = [cell.when[name] for cell in price.cells if name in cell.when]
    if all(isinstance(one, bool) for one in known):  # a switch, or text that is billed extra
        added = isinstance(value, str) and not known and len(value) <= offer.lengths.get(name, 0)
        return isinstance(value, bool) or added
    return _among(value, known)


def refuse(model: str, name: str, value: Any, limit: str) -> InvalidRequest:
    """Return the error for a value that an offer does not accept.

    Args:
        model: The offer's model.
        name: The neutral field.
        value: The given value.
        limit: The accepted values, in words.
    """
    return _invalid(
        name, _text(value), limit, f"{name}={_shown(value)} is not offered by {model}; it takes"
    )


def _invalid(name: str, value: str, limit: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"{text} {limit}", field=name, value=value, limit=limit)


def _text(value: Any) -> str:
    """Return a value as a person would write it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _shown(value: Any) -> str:
    return repr(_text(value)) if isinstance(value, str | tuple | list) else _text(value)


def whole_number(name: str, reference: str) -> int:
    """Return a vendor's reference as an integer.

    Raises:
        InvalidRequest: It is not an integer; names the argument.
    """
    if not (reference.isascii() and reference.isdecimal()):
        text = f"{name}: {reference!r} is not an id of this vendor; an id is"
        raise _invalid(name, reference, "a whole number", text)
    return int(reference)


def _doubts(offer: Offer, given: Collection[str]) -> Iterator[str]:
    if offer.evidence == "observed":
        named = f"{offer.operation} with {offer.model}"
        yield f"{named} is not in the vendor's documentation, but others were seen to use it"
    if offer.evidence == "inferred":
        names = ", ".join([*offer.fields.values(), *(one.field for one in offer.media.values())])
        yield f"the names of {offer.model}'s fields are inferred ({names}); see {offer.source}"
    for name, source in offer.unconfirmed.items():
        if name in given:
            yield f"{name} with {offer.model} is not in the vendor's documentation: {source}"


def _check_values(
    request: Request, offer: Offer, values: Mapping[str, Any], media_arguments: Iterable[str]
) -> None:
    for name in offer.required:
        if name not in {*values, *media_arguments}:
            text = f"{name} is missing; {offer.model} requires it"
            raise InvalidRequest(text, field=name, limit="required")
    for name, choices in offer.allowed.items():
        known = [*choices, *offer.quality_map] if name == "quality" else choices
        if name in values and not _among(values[name], known):
            raise refuse(offer.model, name, values[name], ", ".join(map(_text, known)))
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
    """Return a limit as text, unrounded: the message must name exactly what is accepted."""
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
    limit = "; or ".join(
        " with ".join(f"{name} {', '.join(map(_text, choices))}" for name, choices in one.items())
        for one in sets
    )
    shown = ", ".join(f"{name}={_shown(values[name])}" for name in names)
    text = f"{shown} cannot be combined at {offer.model}; it takes"
    raise _invalid(names[0], shown, limit, text)


def _among(value: Any, choices: Sequence[Any]) -> bool:
    """Return whether a value is one of the choices; True is not 1 here."""
    return any(value == choice and type(value) is type(choice) for choice in choices)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Mapping[str, str] = {"image": "a picture", "video": "a film", "audio": "sound"}


def _check_held(name: str, reference: media.Ref, slot: MediaField) -> None:
    """Check a reference to what the vendor holds against the references that it takes."""
    if isinstance(reference, media.Generated) and slot.generated is None:
        raise Unsupported(
            f"{name}: this target does not accept a generated video by its id",
            field=name,
            value=reference.label,
            limit="a file, bytes or a URL",
        )
    if slot.integer and isinstance(reference, media.Generated | media.Uploaded):
        whole_number(name, reference.id)
    if slot.urls and isinstance(reference, media.Uploaded) and "://" not in reference.id:
        raise Unsupported(
            f"{name}: this target cannot take an upload by an id; it takes its URL",
            field=name,
            value=reference.label,
            limit="a file, bytes or a URL",
        )


def _check_limits(
    name: str, slot: MediaField, facts: probe.Facts, reason: str, *, fits: bool
) -> None:
    for label, value, least, most, unit in (
        ("size", facts.size, None, slot.max_bytes, "bytes"),
        ("width", facts.width, slot.min_side, slot.max_side, "pixels"),
        ("height", facts.height, slot.min_side, slot.max_side, "pixels"),
        ("length", facts.seconds, slot.min_seconds, slot.max_seconds, "seconds"),
    ):
        if value is None:
            continue
        shown = f"{value} {unit}"
        text = f"{name}: {facts.label} has a {label} of {value:,} {unit}; the vendor takes"
        within = f"{unit}{reason if label == 'length' else ''}"
        if least is not None and value < least:
            raise _invalid(name, shown, f"at least {_bound(least)} {within}", text)
        if most is not None and value > most:
            error = _invalid(name, shown, f"at most {_bound(most)} {within}", text)
            error.hint = None if fits else "fit=True makes a copy that fits"
            raise error
    shorter, longer = sorted((facts.width or 0, facts.height or 0))
    if shorter and slot.max_ratio is not None and longer > slot.max_ratio * shorter:
        limit = f"1:{slot.max_ratio:g} to {slot.max_ratio:g}:1"
        shown = f"{facts.width} x {facts.height} pixels"
        raise _invalid(name, shown, limit, f"{name}: {facts.label} has {shown}; the vendor takes")


def _check_media(
    name: str,
    reference: media.Ref,
    slot: MediaField,
    facts: probe.Facts,
    reason: str,
    *,
    fits: bool,
) -> list[str]:
    _check_held(name, reference, slot)
    if facts.kind is None:
        return []
    if facts.kind != slot.kind or facts.container not in slot.formats:
        kind = "" if facts.kind == slot.kind else f"{_KINDS[facts.kind]}, "
        text = f"{name}: {facts.label} is {kind}{facts.container}; the vendor takes"
        text += f" {_KINDS[slot.kind]} as" if kind else ""
        raise _invalid(name, str(facts.container), ", ".join(slot.formats), text)
    _check_limits(name, slot, facts, reason, fits=fits)
    warnings = []
    if facts.missing:
        warnings.append(f"{name}: pixels and seconds are unchecked: {facts.missing}")
    if slot.warn_bytes is not None and facts.size is not None and facts.size > slot.warn_bytes:
        warnings.append(
            f"{name}: {facts.size:,} bytes; one of the vendor's pages limits it to "
            f"{slot.warn_bytes:,} bytes"
        )
    return warnings
