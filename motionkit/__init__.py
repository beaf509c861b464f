"""One provider-neutral interface to paid motion-control, modify and image-to-video APIs.

Submit, poll, result; never pay twice, never lose a paid job. Names load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionkit import errors as errors
    from motionkit.aio import AsyncClient as AsyncClient
    from motionkit.budgets import BudgetStatus as BudgetStatus
    from motionkit.circuits import Circuit as Circuit
    from motionkit.client import Client as Client
    from motionkit.errors import Billed as Billed
    from motionkit.errors import MotionKitError as MotionKitError
    from motionkit.media import Generated as Generated
    from motionkit.media import Uploaded as Uploaded
    from motionkit.model import Job as Job
    from motionkit.model import KeyState as KeyState
    from motionkit.model import Output as Output
    from motionkit.model import Result as Result
    from motionkit.model import State as State
    from motionkit.model import Status as Status
    from motionkit.money import Balance as Balance
    from motionkit.money import Cost as Cost
    from motionkit.money import Quote as Quote
    from motionkit.motion import Mimic as Mimic
    from motionkit.operations import Extend as Extend
    from motionkit.operations import ImageToVideo as ImageToVideo
    from motionkit.operations import LipSync as LipSync
    from motionkit.operations import Modify as Modify
    from motionkit.operations import Restyle as Restyle
    from motionkit.operations import Swap as Swap
    from motionkit.operations import TextToVideo as TextToVideo
    from motionkit.operations import Transition as Transition
    from motionkit.operations import Upscale as Upscale
    from motionkit.orders import Explanation as Explanation
    from motionkit.request import Request as Request
    from motionkit.routed import Announcement as Announcement

    __version__: str

_HOME = {
    "Announcement": "routed",
    "AsyncClient": "aio",
    "Balance": "money",
    "Billed": "errors",
    "BudgetStatus": "budgets",
    "Circuit": "circuits",
    "Client": "client",
    "Cost": "money",
    "Explanation": "orders",
    "Generated": "media",
    "Job": "model",
    "KeyState": "model",
    "Mimic": "motion",
    "MotionKitError": "errors",
    "Output": "model",
    "Quote": "money",
    "Extend": "operations",
    "ImageToVideo": "operations",
    "LipSync": "operations",
    "Modify": "operations",
    "Restyle": "operations",
    "Swap": "operations",
    "TextToVideo": "operations",
    "Transition": "operations",
    "Upscale": "operations",
    "Request": "request",
    "Result": "model",
    "State": "model",
    "Status": "model",
    "Uploaded": "media",
}
"""Public name to the module that holds it (PEP 562)."""

__all__ = [  # noqa: PLE0604 - a sorted list of names, spelled out in _HOME
    *sorted([*_HOME, "errors"]),
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "errors":
        return importlib.import_module("motionkit.errors")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("motionkit")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"motionkit.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
