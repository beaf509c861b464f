"""Where results and staged media go: names, folders, and stores behind URLs by fsspec."""

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.storage.names import (
        PLACEHOLDERS,
        Out,
        has_placeholder,
        literal,
        numbered,
        plain,
        suffix,
    )
    from motionkit.storage.places import PARTIAL, Place, check_credentials, is_url
    from motionkit.storage.staging import Staging

__all__ = [
    "PARTIAL",
    "PLACEHOLDERS",
    "Out",
    "Place",
    "Staging",
    "check_credentials",
    "has_placeholder",
    "is_url",
    "literal",
    "numbered",
    "plain",
    "suffix",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.storage.names": "PLACEHOLDERS Out has_placeholder literal numbered plain suffix",
        "motionkit.storage.places": "PARTIAL Place check_credentials is_url",
        "motionkit.storage.staging": "Staging",
    },
)
