"""The settings of an account, and which of them an untrusted file may change."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

import attrs

from motionkit._support.redaction import Secret
from motionkit.errors import ConfigError


def _api_key(value: str | Secret) -> Secret:
    """Return a key as a secret, stripped; a `ConfigError` does not echo it."""
    stripped = (value.reveal() if isinstance(value, Secret) else value).strip()
    if not stripped:
        raise ConfigError("api_key is empty")
    if not stripped.isprintable() or not stripped.isascii():
        raise ConfigError("api_key has characters that an HTTP header cannot hold")
    return Secret(stripped)


class Untrusted(enum.Enum):
    """How an untrusted project file may change a setting; `NOTHING` where a field has no mark."""

    ANY = "any value"
    LOWER = "only lower"
    HIGHER = "only higher"
    FEWER = "only fewer"
    PART = "only a part of yours, in your order"
    ADDED = "only in what it adds"
    NOTHING = "nothing"


def untrusted(rule: Untrusted) -> dict[str, Any]:
    """Return the metadata that mark a settings field; see `Untrusted`."""
    return {"untrusted": rule}


def is_origin(field: str) -> bool:
    """Return whether a setting of that name holds a URL."""
    return field == "url" or field.endswith("_url")


def as_secret(value: str | Secret | None) -> Secret | None:
    """Return a vendor's further secret, stripped; to convert a settings field."""
    if value is None:
        return None
    return Secret((value.reveal() if isinstance(value, Secret) else value).strip())


def as_decimal(value: Decimal | str) -> Decimal:
    """Return an amount; to convert a settings field."""
    return Decimal(value)  # a function of Python: attrs parses the signature of one of C, slowly


def is_given(_: object, field: attrs.Attribute[Any], value: Secret | None) -> None:
    """Refuse an empty secret, with which anyone could sign; validates a settings field."""
    if value is not None and not value.reveal():
        raise ConfigError(f"{field.name} is empty")


def is_address(_: object, field: attrs.Attribute[Any], value: str | None) -> None:
    """Refuse anything but an address of the web; validates a settings field."""
    if value is not None and not value.startswith(("https://", "http://")):
        raise ConfigError(f"{field.name} is {value!r}; give an address such as https://host/path")


def _at_least_one(_: object, field: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 1:
        raise ConfigError(f"{field.name} is {value}; give at least 1")


@attrs.frozen(kw_only=True)
class AccountSettings:
    """The settings of every account; a provider's subclass adds its own.

    Attributes:
        api_key: The vendor's key.
        base_url: Replaces all origins of the vendor.
        max_concurrent: Concurrent jobs that the vendor allows this account.
        rpm: Requests per minute that the vendor allows.
        reconcile_window: Seconds for which the vendor's history is searched for a submit that may
            have arrived.
    """

    api_key: Secret = attrs.field(converter=_api_key)
    base_url: str | None = None
    max_concurrent: int | None = attrs.field(
        default=None, validator=_at_least_one, metadata=untrusted(Untrusted.LOWER)
    )
    rpm: int | None = attrs.field(
        default=None, validator=_at_least_one, metadata=untrusted(Untrusted.LOWER)
    )
    reconcile_window: float = attrs.field(default=60.0, metadata=untrusted(Untrusted.HIGHER))

    @property
    def local_results(self) -> str | None:
        """The setting that keeps results on this machine only; None where the vendor keeps them."""
        return None


@attrs.frozen
class KeyHelp:
    """Where a vendor's keys come from, for people.

    Attributes:
        console: The address of the page where keys are made.
        looks: How a key looks, in a few words; None where no page says it.
    """

    console: str
    looks: str | None = None
