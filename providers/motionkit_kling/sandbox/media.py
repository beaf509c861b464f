"""Inputs: pictures as addresses or Base64, clips as addresses only.

There is no upload. Addresses on this machine are fetched; any other is taken on trust.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from urllib.parse import urlsplit

import aiohttp
import attrs

from motionkit.sandbox import World
from motionkit.sandbox.hooks import is_loopback
from motionkit.sandbox.media import Clip, probe
from motionkit_kling.sandbox.codes import Refusal, invalid

MIB = 2**20
SOME_SECONDS = 5.0
"""Length of a clip that was not fetched."""
_PATIENCE = 10.0  # wall seconds for a server of inputs; the vendor's own limit is not documented
_FORMATS = ("image/png", "image/jpeg")
_CLIPS = ("video/mp4", "video/quicktime")


@attrs.frozen
class Asset:
    """An input that was read: its bytes and its media facts."""

    content: bytes = attrs.field(repr=False)
    clip: Clip


@attrs.frozen
class Limits:
    """What a clip has to be.

    Attributes:
        largest: Bytes.
        sides: Least and most pixels of both sides.
        seconds: Least and most seconds.
    """

    largest: int = 100 * MIB
    sides: tuple[int, int] = (340, 3850)
    seconds: tuple[float, float] = (3.0, 30.0)

    def problem(self, asset: Asset) -> str | None:
        """Return the text of a task that fails for its clip."""
        clip = asset.clip
        if clip.mime not in _CLIPS or len(asset.content) > self.largest:
            return "The format or the size of the input video is invalid"
        least, most = self.sides
        if not all(least <= side <= most for side in (clip.width, clip.height)):
            return "The resolution of the input video is invalid"
        if not self.seconds[0] <= round(clip.seconds, 1) <= self.seconds[1]:
            return "The duration of the input video is invalid"
        return None


def is_address(value: object) -> bool:
    """Return whether a value is a web address."""
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def check_address(value: object, what: str) -> str:
    """Return an address; anything else, Base64 included, is refused (1201)."""
    if not isinstance(value, str) or not is_address(value):
        raise Refusal(1201, f"{what} has to be a URL")
    return value


def decoded(value: object, what: str) -> bytes:
    """Return the bytes of raw Base64; a head such as ``data:image/png;base64,`` is refused."""
    if not isinstance(value, str) or not value:
        raise invalid(what, value)
    if value.startswith("data:"):
        raise Refusal(1201, f"{what} is invalid: Base64 has to come without a data: prefix")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(1201, f"{what} is neither a URL nor Base64") from None


def picture_problem(asset: Asset, largest: int) -> str | None:
    """Return what is wrong with a picture."""
    clip = asset.clip
    if clip.mime not in _FORMATS or len(asset.content) > largest:
        return "The format or the size of the input image is invalid."
    small, ratio = min(clip.width, clip.height), clip.width / max(clip.height, 1)
    if small < 300 or not 1 / 2.5 <= ratio <= 2.5:
        return (
            "The resolution or aspect ratio of the input image is invalid. The sides have to be at "
            "least 300 px and the ratio between 1:2.5 and 2.5:1"
        )
    return None


async def read(content: bytes) -> Asset | None:
    """Return the facts of bytes; None if they are no media."""
    clip = await asyncio.to_thread(probe, io.BytesIO(content))
    return None if clip is None else Asset(content, clip)


async def fetch(world: World, url: str) -> tuple[Asset | None, str | None]:
    """Return what an address has, and what went wrong; neither for one that is not fetched.

    A file of this sandbox is taken from its store, whatever the signature of the address.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname):
        return None, None
    stored = world.files.get(parts.path)
    content = await stored.content() if stored is not None else await _get(url)
    if content is None:
        return None, "Failed to download the input file"
    asset = await read(content)
    return (asset, None) if asset else (None, "The format or the size of the input is invalid")


async def _get(url: str) -> bytes | None:
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return await response.read() if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
