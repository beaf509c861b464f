"""Prepare what was fitted: convert its media where the target needs it, then upload."""

from __future__ import annotations

from typing import Any

import attrs

from motionkit import conversion
from motionkit.model.media import Data, File
from motionkit.model.request import Request, argument
from motionkit.model.submission import Submission
from motionkit.provider import Fit, Provider, fit_at
from motionkit.purchase import cancellation


def prepare(provider: Provider, fitted: Fit) -> Submission:
    """Convert the media of a request with recipes, upload them, and return the paid call.

    Raises:
        MotionKitError: With ``billed=NO``: a medium was not converted, or an upload failed.
    """
    return provider.prepare(_converted(provider, fitted))


def _converted(provider: Provider, fitted: Fit) -> Fit:
    """Return a request with its converted media, fitted again: they are checked like any others."""
    facts, request = dict(fitted.facts), fitted.request
    for name, recipe in fitted.recipes.items():
        _, reference = fitted.references[name]
        if isinstance(reference, File | Data):  # only those have recipes
            file, facts[name] = conversion.convert(name, reference, recipe, cancellation.check)
            request = _with(request, name, file)
    request = attrs.evolve(request, fit=False, start=None, seconds=None)
    return fit_at(provider, request, fitted.offer, facts)


def _with(request: Request, name: str, file: File) -> Request:
    """Return a request with another medium under a name of `Request.media`."""
    field = argument(name)
    value: Any = file
    if field != name:
        several = list(getattr(request, field))
        several[int(name[len(field) + 1 : -1])] = file
        value = tuple(several)
    return attrs.evolve(request, **{field: value})
