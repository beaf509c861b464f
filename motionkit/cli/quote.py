"""The verb `quote`: what a request would cost where it would go. Free, and without a key."""

from __future__ import annotations

from typing import Any

import attrs

import motionkit as mk
from motionkit.cli import checkout, exit_codes
from motionkit.cli.options import Choose, Via
from motionkit.cli.records import Targeting
from motionkit.cli.screen import Screen, labelled
from motionkit.client import inspect_media
from motionkit.model import codec
from motionkit.model.request import Request


@attrs.frozen(kw_only=True, eq=False)
class Quoting(Targeting):
    """The options of `quote`."""

    via: Via = None
    choose: Choose = None


def quote(kind: type[Request], values: dict[str, Any], options: Quoting) -> int:
    """Print target and price. Caps and budgets do not matter; nothing is sent."""
    screen = Screen(json=options.json)
    with mk.Client(options.config) as client:
        request = checkout.make(kind, values, options, client)
        found = client.explain(
            request,
            via=options.via,
            choose=options.choose,
            limited=False,
            facts=inspect_media(request),
        )
        data = {
            "request": request.describe(),
            "target": found.target,
            "sandbox": found.sandbox,
            "quote": codec.unstructure(found.quote),
            "warnings": found.warnings,
            "no_key": found.no_key,
        }
        lines = labelled(checkout.announcement(request, found))
        screen.answer(data, lines)
        checkout.tell_keys(screen, client, found)
    return exit_codes.DONE
