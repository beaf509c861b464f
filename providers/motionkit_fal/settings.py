"""The settings of an account at fal. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from typing import Any

import attrs

from motionkit.errors import ConfigError
from motionkit.provider import AccountSettings, Untrusted, is_address, untrusted

WEBHOOK_WINDOW = 300.0
"""Maximum age of a delivery: https://fal.ai/docs/documentation/model-apis/inference/webhooks"""


def _above_one(_: object, field: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 1 < value < float("inf"):
        raise ConfigError(f"{field.name} is {value:g}; give more than 1 second")


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """Settings of ``[accounts.NAME]`` for fal. The key is ``id:secret``, as fal's `FAL_KEY` is.

    Attributes:
        upload_url: Origin of uploads and of the keys of webhooks; overrides `base_url`.
        platform_url: Origin of prices, history and balance; overrides `base_url`.
        history: Whether the request history may be searched for a lost submit or an old job.
        prices: Whether the platform is asked for the account's unit price, for the cost of a job.
        start_timeout: Seconds in which the vendor has to start a job, or it ends without a charge.
        no_retry: Ask the vendor not to run a job again after a failure of its machines.
        fallback: Let the vendor serve a model from another provider, at another price perhaps.
        webhook: The address where the vendor reports finished jobs; it has to be public.
        webhook_window: Maximum age of a delivery in seconds.
    """

    upload_url: str | None = None
    platform_url: str | None = None
    history: bool = attrs.field(default=True, metadata=untrusted(Untrusted.HIGHER))
    prices: bool = attrs.field(default=True, metadata=untrusted(Untrusted.HIGHER))
    start_timeout: float | None = attrs.field(default=None, validator=_above_one)
    no_retry: bool = False
    fallback: bool = False
    webhook: str | None = attrs.field(default=None, validator=is_address)
    webhook_window: float = attrs.field(default=WEBHOOK_WINDOW, metadata=untrusted(Untrusted.LOWER))
