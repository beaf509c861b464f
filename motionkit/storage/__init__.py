"""Where results go: names with placeholders, folders, and stores behind URLs by fsspec."""

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

__all__ = [
    "PARTIAL",
    "PLACEHOLDERS",
    "Out",
    "Place",
    "check_credentials",
    "has_placeholder",
    "is_url",
    "literal",
    "numbered",
    "plain",
    "suffix",
]
