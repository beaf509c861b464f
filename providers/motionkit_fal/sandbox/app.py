"""The vendor's app: queue, storage, CDN and platform hosts on one origin.

To add a model, add a row to `models.MODELS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from motionkit.sandbox import Route, World
from motionkit.sandbox.world import open_account
from motionkit_fal.sandbox.gate import KEY_HEADER, VENDOR, Gate
from motionkit_fal.sandbox.platform import Platform
from motionkit_fal.sandbox.queue import FAILURES, RESULT_SHAPES, SUBMIT_SHAPES, Queue
from motionkit_fal.sandbox.storage import FILES, Storage
from motionkit_fal.sandbox.webhooks import Signer

_KEY = "0f0e0d0c-sandbox:0123456789abcdef"


class FalSandbox:
    """fal's queue, uploads, request history, prices, balance and webhooks.

    Args:
        world: The sandbox's state.
        finishes: A running job that is cancelled finishes nevertheless, and is charged.
        full_urls: The URLs in a submit's response have the whole endpoint id, as one page shows.
        input_kept: Whether the history has the requests' payloads.
        signed: The address of an upload has a signature as its query.
    """

    name = VENDOR
    unit = "usd"
    pool = "credits"
    key_header = KEY_HEADER
    shapes = frozenset({*SUBMIT_SHAPES, *RESULT_SHAPES, *FAILURES})

    def __init__(
        self,
        world: World,
        *,
        finishes: bool = False,
        full_urls: bool = False,
        input_kept: bool = True,
        signed: bool = False,
    ) -> None:
        self._world = world
        gate = Gate(world)
        signer = Signer(world)
        self._subjects = (
            Platform(gate, input_kept),
            Storage(gate, signed),
            Queue(gate, signer, finishes, full_urls),
            signer,
        )
        world.add_account(open_account(VENDOR, _KEY, {"credits": "50.00"}, label="default"))

    def routes(self) -> Iterable[Route]:
        """Return the endpoints and the public files."""
        for subject in self._subjects:
            yield from subject.routes()
        serve = partial(self._world.files.serve, vendor=VENDOR)
        for method in ("GET", "HEAD"):
            yield Route(method, f"{FILES}/{{prefix}}/{{name}}", serve, ("download",))

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the key of the default account and the base URL that stands for all hosts."""
        return {"FAL_API_KEY": _KEY, "FAL_BASE_URL": base_url}
