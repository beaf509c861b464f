"""The vendor's app: a common gate, one module per operation, public files.

A further operation is a further module with a class like `Mimic`, named in `_PAID`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from motionkit.sandbox import Route, World
from motionkit.sandbox.world import open_account
from motionkit_pixverse.sandbox.agents import Agents
from motionkit_pixverse.sandbox.avatar import Avatar
from motionkit_pixverse.sandbox.codes import SHAPES, ErrorHttp
from motionkit_pixverse.sandbox.extend import Extend
from motionkit_pixverse.sandbox.fusion import Fusion
from motionkit_pixverse.sandbox.gate import KEY_HEADER, VENDOR, Gate, ResultFields
from motionkit_pixverse.sandbox.images import Images
from motionkit_pixverse.sandbox.lip_sync import LipSync
from motionkit_pixverse.sandbox.masks import Masks
from motionkit_pixverse.sandbox.mimic import Mimic
from motionkit_pixverse.sandbox.modify import Modify
from motionkit_pixverse.sandbox.money import Money
from motionkit_pixverse.sandbox.music import Music
from motionkit_pixverse.sandbox.restyle import Restyle
from motionkit_pixverse.sandbox.sound_effect import SoundEffect
from motionkit_pixverse.sandbox.studio import Studio
from motionkit_pixverse.sandbox.templates import Templates
from motionkit_pixverse.sandbox.text import Text
from motionkit_pixverse.sandbox.transitions import Transitions
from motionkit_pixverse.sandbox.uploads import Uploads
from motionkit_pixverse.sandbox.upscale import Upscale
from motionkit_pixverse.sandbox.videos import Videos
from motionkit_pixverse.sandbox.voices import Voices

_FREE = (Uploads, Voices, Videos, Money)
_PAID = (
    *(Text, Images, Transitions, Extend, LipSync, Fusion, Restyle, Masks, SoundEffect),
    *(Mimic, Modify, Upscale, Avatar, Agents, Music, Templates),
)
_KEY = "sandbox-pixverse-key"
_POOLS = {"monthly": 10_000, "package": 5_000}
_CONCURRENCY = 5  # the one plan whose number is public


class PixVerseSandbox:
    """PixVerse's Platform API under `/openapi/v2`, the same for both regions.

    Args:
        world: The sandbox's state.
        error_http: HTTP status of refusals: "documented" (by their code) or "200".
        strict_ints: Refuse ids that come as JSON strings.
        refund_failed: Give credits back after status 8 as well as after status 7.
        seedless_extend: Extend without a seed, as the vendor's own client does by default.
        result_fields: Fields of a result: "observed" or "documented".
    """

    name = VENDOR
    unit = "credit"
    pool = "package"
    key_header = KEY_HEADER
    shapes = frozenset(SHAPES)

    def __init__(
        self,
        world: World,
        *,
        error_http: ErrorHttp = "documented",
        strict_ints: bool = True,
        refund_failed: bool = True,
        seedless_extend: bool = False,
        result_fields: ResultFields = "observed",
    ) -> None:
        self._world = world
        self._gate = Gate(
            world, error_http, strict_ints, refund_failed, seedless_extend, result_fields
        )
        world.add_account(
            open_account(VENDOR, _KEY, _POOLS, label="default", concurrency=_CONCURRENCY)
        )

    def routes(self) -> Iterable[Route]:
        """Return the endpoints and the public files."""
        studio = Studio(self._gate)
        for free in _FREE:
            yield from free(self._gate).routes()
        for paid in _PAID:
            yield from paid(self._gate, studio).routes()
        serve = partial(self._world.files.serve, vendor=VENDOR)
        for method in ("GET", "HEAD"):
            yield Route(method, "/media/{name}", serve, ("download",))

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the key of the default account and the base URL."""
        return {"PIXVERSE_API_KEY": _KEY, "PIXVERSE_BASE_URL": base_url}
