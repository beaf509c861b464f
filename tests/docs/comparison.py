"""Make docs/comparison.md from the installed offers: ``python tests/docs/comparison.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from motionkit._support.text import duration
from motionkit.cli import offers as listing
from motionkit.model.money import Unit, dollars
from motionkit.model.submission import SameId
from motionkit.provider import (
    Cancels,
    ListsPrices,
    Offer,
    SearchesHistory,
    ShowsRefunds,
    ShowsUsage,
    Webhooks,
    registry,
)

PAGE = Path(__file__).parents[2] / "docs" / "comparison.md"
HEAD = """# Comparing vendors

What the installed providers sell, and what motionkit can do at each. The page is made from their
tables: `python tests/docs/comparison.py` writes it anew, and a test compares it with them.
This shows what your own request would cost and deliver at each:

```sh
motionkit compare mimic --image hero.png --video dance.mp4 --offline
```

"""
PRICES = """Prices are those of the vendor's page, or of the source that the provider's page
names, on the day in the table; "about" and "estimated" mean that no list price was read. Several
qualities and several prices are in the same order; the table above says what a credit costs. "?" is
not on record, "-" does not exist. `motionkit offers --operation NAME` shows sources and limits.

"""
ABILITIES: Mapping[str, str] = {
    "a lost submit": "re-sent with the same id, or found in the history; else `UNCERTAIN`",
    "history": "whether the vendor lists jobs, so that a lost submit can be found",
    "cancel": "whether a job can be stopped at the vendor",
    "webhooks": "whether the vendor can report the end of a job",
    "keeps jobs": "how long a job can be polled",
    "keeps files": "how long a result can be downloaded",
    "price list": "whether `offers --update` can compare prices with the vendor's own list",
    "charges": "whether the vendor lists charges or refunds",
    "a credit": "US dollars for one, where prices are credits; the configuration can name another",
}


class _NoUploads:
    limiter = None
    timeout = 0.0
    stage = None


def _yes(found: bool) -> str:
    return "yes" if found else "no"


def _has(adapter: type[Any], contract: type[Any]) -> bool:
    """Tell whether an adapter has an optional ability, by the members of its contract."""
    members = {*vars(contract), *contract.__annotations__}
    return all(hasattr(adapter, one) for one in members if not one.startswith("_"))


def _kept(adapter: type[Any], name: str) -> str:
    kept = getattr(adapter, name, None)
    return "?" if kept is None else duration(kept.total_seconds())


def _credit(adapter: type[Any]) -> str:
    """Return what a credit costs with the settings' default, where prices are credits."""
    if all(offer.price is None or offer.price.unit is Unit.USD for offer in adapter.offers):
        return "-"
    provider = adapter("page", adapter.settings(api_key="no-key-of-ours"), _NoUploads())
    try:
        amount: Decimal | None = provider.rates.usd(Unit.CREDIT)
        return "?" if amount is None else dollars(amount)
    finally:
        provider.close()


def _abilities(adapter: type[Any]) -> dict[str, str]:
    resend, history = adapter.resend, _has(adapter, SearchesHistory)
    again = f"same id, {resend.window:g} s" if isinstance(resend, SameId) else ""
    found = " or ".join(filter(None, (again, "history" * history)))
    return {
        "a lost submit": found or "`UNCERTAIN`",
        "history": _yes(history),
        "cancel": _yes(_has(adapter, Cancels)),
        "webhooks": _yes(_has(adapter, Webhooks)),
        "keeps jobs": _kept(adapter, "retention"),
        "keeps files": _kept(adapter, "keeps_files"),
        "price list": _yes(_has(adapter, ListsPrices)),
        "charges": _yes(_has(adapter, ShowsUsage) or _has(adapter, ShowsRefunds)),
        "a credit": _credit(adapter),
    }


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _priced(offer: Offer) -> tuple[str, str]:
    """Return the price, and its basis with the day when it was read."""
    price = listing._applicable(offer)
    if price is None:
        return "unknown", "-"
    lines = listing._price(price, [str(one) for one in offer.allowed.get("quality", ())])
    return "<br>".join(lines), f"{price.basis.value}, {price.as_of.isoformat()}"


def _qualities(offer: Offer) -> str:
    if "quality" not in offer.fields:
        return "-"
    return listing._joined([str(one) for one in offer.allowed.get("quality", ())]) or "not listed"


def _seconds(offer: Offer) -> str:
    """Return the seconds of the clip that an offer takes."""
    slot = offer.media.get("video")
    if slot is None or slot.max_seconds is None:
        return "?"
    least = f"{slot.min_seconds:g}" if slot.min_seconds else "up"
    parts = [f"{least} to {slot.max_seconds:g}"]
    parts += [
        f"{low:g} to {high:g} with {name} `{value}`"
        for name, by_value in slot.seconds_by.items()
        for value, (low, high) in by_value.items()
    ]
    return "<br>".join(parts)


def _orientation(offer: Offer) -> str:
    if "orientation" not in offer.fields:
        return "-"
    words = [str(one) for one in offer.allowed.get("orientation", ())]
    usual = str(offer.defaults.get("orientation", ""))
    return " or ".join(f"**{word}**" if word == usual else word for word in words) or "yes"


def _sound(offer: Offer) -> str:
    if "keep_audio" not in offer.fields:
        return "-"
    return {True: "kept, or not", False: "dropped, or kept", None: "optional"}[
        offer.defaults.get("keep_audio")
    ]


Column = Callable[[Offer], str]
MIMIC: Mapping[str, Column] = {
    "clip, seconds": _seconds,
    "quality": _qualities,
    "orientation": _orientation,
    "sound of the clip": _sound,
}
OTHERS: Mapping[str, Column] = {"quality": _qualities}


def _section(operation: str, sold: Sequence[tuple[str, Offer]]) -> Iterator[str]:
    columns = MIMIC if operation == "mimic" else OTHERS
    yield f"### {operation.replace('_', ' ')}\n\n"
    rows = []
    for vendor, offer in sold:
        name = f"`{offer.model}`" + (" (default)" if offer.default else "")
        name += "" if offer.evidence == "documented" else f" ({offer.evidence})"
        rows.append([vendor, name, *_priced(offer), *(made(offer) for made in columns.values())])
    yield _table(["vendor", "model", "price", "basis, read", *columns], rows) + "\n"


def page() -> str:
    """Return the page."""
    names = sorted(registry.names())
    made = {name: _abilities(registry.load(name)) for name in names}
    sold = [(name, offer) for name in names for offer in registry.load(name).offers]
    sold.sort(key=lambda row: (row[1].operation != "mimic", row[1].operation))
    links = [f"[{name}](providers/{name}.md)" for name in names]
    rows = [[ability, *(made[name][ability] for name in names)] for ability in ABILITIES]
    parts = [HEAD, "## What each vendor allows\n\n", _table(["", *links], rows), "\n"]
    parts += [f"- **{name}**: {meaning}\n" for name, meaning in ABILITIES.items()]
    parts += ["\n## Models by operation\n\n", PRICES]
    for operation, group in groupby(sold, key=lambda row: row[1].operation):
        several = list(group)
        if len({name for name, _ in several}) > 1:
            parts += _section(operation, several)
    alone = sorted({(one.operation, name) for name, one in sold})
    only = [
        f"`{operation}` ({names[0]})"
        for operation, names in _by_operation(alone)
        if len(names) == 1
    ]
    parts.append(f"One vendor alone sells: {', '.join(only)}.\n")
    return "".join(parts)


def _by_operation(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    for operation, group in groupby(pairs, key=lambda pair: pair[0]):
        yield operation, [name for _, name in group]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
