"""The vendor's app: gateway, storage and history hosts on one origin.

To add a model, add a row to `models.MODELS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from motionkit.sandbox import Route, World
from motionkit.sandbox.world import open_account
from motionkit_segmind.sandbox.assets import Assets, UploadAnswer
from motionkit_segmind.sandbox.console import Console
from motionkit_segmind.sandbox.gate import ERROR_SHAPES, KEY_HEADER, VENDOR, Gate
from motionkit_segmind.sandbox.history import HISTORY_SHAPES, History
from motionkit_segmind.sandbox.inference import SUBMIT_SHAPES, Inference
from motionkit_segmind.sandbox.polls import RESULT_SHAPES, Polls

_KEY = "SG_0123456789abcdef"
_POOLS = {"free-credits": "1.00", "credits": "49.00"}  # batches that expire are drawn first


class SegmindSandbox:
    """Segmind's serverless API: v1 sync, v2 queued, uploads, credits, history and console.

    Args:
        world: The sandbox's state.
        upload_answer: Key of the URLs in an upload's response: "file_urls", "urls" or "both".
        polls_count: The gateway's GETs count against the rate limit too.
        sync_polls: A v1 run can be polled under its `x-request-id`; no page says so. It is in
            the history either way.
    """

    name = VENDOR
    unit = "usd"
    pool = "credits"
    key_header = KEY_HEADER
    shapes = frozenset({*ERROR_SHAPES, *SUBMIT_SHAPES, *RESULT_SHAPES, *HISTORY_SHAPES})

    def __init__(
        self,
        world: World,
        *,
        upload_answer: UploadAnswer = "file_urls",
        polls_count: bool = True,
        sync_polls: bool = True,
    ) -> None:
        self._world = world
        gate = Gate(world, polls_count)
        # Credits before the slug patterns: /v1/get-user-credits is not a model.
        self._subjects = (
            History(gate),
            Console(gate),
            Polls(gate, sync_polls),
            Assets(gate, upload_answer),
            Inference(gate),
        )
        world.add_account(open_account(VENDOR, _KEY, _POOLS, label="default"))

    def routes(self) -> Iterable[Route]:
        """Return the endpoints and the public files."""
        for subject in self._subjects:
            yield from subject.routes()
        serve = partial(self._world.files.serve, vendor=VENDOR)
        for method in ("GET", "HEAD"):
            for folder in ("assets", "generations"):
                yield Route(method, f"/{folder}/{{name}}", serve, ("download",))

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the key of the default account and the base URL that stands for all hosts."""
        return {"SEGMIND_API_KEY": _KEY, "SEGMIND_BASE_URL": base_url}
