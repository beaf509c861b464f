"""The vendor's app: API and delivery host on one origin.

To add a model, add a row to `models.MODELS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from motionkit.sandbox import Route, World
from motionkit.sandbox.world import open_account
from motionkit_replicate.sandbox.catalog import Catalog
from motionkit_replicate.sandbox.gate import KEY_HEADER, VENDOR, Gate
from motionkit_replicate.sandbox.jobs import DELIVERY
from motionkit_replicate.sandbox.predictions import (
    ENDS,
    FAILURES,
    HISTORY_SHAPES,
    RESULT_SHAPES,
    SUBMIT_SHAPES,
    Predictions,
)
from motionkit_replicate.sandbox.storage import Storage
from motionkit_replicate.sandbox.webhooks import Notifier

_KEY = "r8_sandbox0123456789abcdefghijklmnopqrst"
_PAGE = 100


class ReplicateSandbox:
    """Replicate's predictions, files, models and webhooks.

    Args:
        world: The sandbox's state.
        page: Rows in a page of a list.
        from_creation: A prediction's data is removed an hour after its creation, unless it still
            runs then; otherwise an hour after its end. The pages do not say which.
        finishes: A running prediction that is cancelled finishes nevertheless.
    """

    name = VENDOR
    unit = "usd"
    pool = "credits"
    key_header = KEY_HEADER
    shapes = frozenset(
        {*SUBMIT_SHAPES, "web_twin", *RESULT_SHAPES, *HISTORY_SHAPES, *FAILURES, *ENDS}
    )

    def __init__(
        self,
        world: World,
        *,
        page: int = _PAGE,
        from_creation: bool = False,
        finishes: bool = False,
    ) -> None:
        self._world = world
        gate = Gate(world)
        storage = Storage(gate, page)
        predictions = Predictions(
            gate, storage, Notifier(gate), page, from_creation=from_creation, finishes=finishes
        )
        self._subjects = (predictions, storage, Catalog(gate, page))
        world.add_account(open_account(VENDOR, _KEY, {"credits": "250.00"}, label="default"))

    def routes(self) -> Iterable[Route]:
        """Return the endpoints and the delivery host's files."""
        for subject in self._subjects:
            yield from subject.routes()
        serve = partial(self._world.files.serve, vendor=VENDOR)
        for method in ("GET", "HEAD"):
            yield Route(method, f"{DELIVERY}/{{folder}}/{{name}}", serve, ("download",))

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the token of the default account and the base URL that stands for all hosts."""
        return {"REPLICATE_API_KEY": _KEY, "REPLICATE_BASE_URL": base_url}
