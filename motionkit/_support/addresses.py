"""The address of a PostgreSQL database, ``postgresql://...``, whose password is never shown."""

from __future__ import annotations

import re
from typing import Any, NoReturn, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from motionkit._support.redaction import Secret

SCHEMES = ("postgresql", "postgres")
"""Both are libpq's; the two mean the same."""
ALLOWED = "postgresql://HOST/DATABASE"

_ADDRESS = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passfile", "oauth_client_secret"})
"""Parameters of an address that are no part of what people see."""


def scheme(text: str) -> str | None:
    """Return the scheme of an address, ``scheme://...``, in lower case; None for a path."""
    found = _ADDRESS.match(text)
    return None if found is None else found[1].lower()


class DatabaseAddress:
    """Where a PostgreSQL database is.

    ``repr``, ``str`` and formatting show `place`. Pickling is refused, as for a `Secret`.

    Attributes:
        secret: The whole address, for the driver alone.
        place: Scheme, host and database, for people.
        has_password: Whether it contains a password.

    Raises:
        ValueError: It is not an address of PostgreSQL, or it can be read in two ways. The message
            repeats no part of it.
    """

    __slots__ = ("has_password", "place", "secret")

    def __init__(self, text: str) -> None:
        text = text.strip()
        found = scheme(text)
        if found not in SCHEMES:
            raise ValueError(f"the address of a database begins with {SCHEMES[0]}://")
        rest = text.partition("://")[2]
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        # libpq would take the rest of a password that holds one of these for a host or a database,
        # and name it in its errors.
        if "@" in rest[len(authority) :] or authority.count("@") > 1 or "#" in rest:
            raise ValueError(
                "the user name, the password and the database are percent-encoded in an address: "
                "write %40 for '@', %2F for '/', %3F for '?', %23 for '#'"
            )
        if any(not one.isprintable() or one.isspace() for one in text):
            raise ValueError("an address contains no spaces and no control characters")
        user, _, hosts = authority.rpartition("@")
        if re.search(r":(?![0-9]*(,|$))", re.sub(r"\[[^\]]*\]", "", hosts)):
            raise ValueError("the port in an address is a number")
        parts = urlsplit(text)
        parameters = parse_qsl(parts.query, keep_blank_values=True)
        passwords = [value for name, value in parameters if name in _SECRET_PARAMETERS]
        if ":" in user:
            password = user.partition(":")[2]
            passwords += [password, unquote(password)]
        for password in passwords:
            Secret(password)  # makes it known to `redact`
        self.has_password = any(passwords)
        self.secret = Secret(text)
        # A host in a parameter is the folder of a socket, or another name than the address has.
        named = hosts or next((value for name, value in parameters if name == "host"), "")
        self.place = f"{SCHEMES[0]}://{named.replace('/', '%2F')}{parts.path}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.place!r})"

    def __str__(self) -> str:
        return self.place

    def __format__(self, spec: str) -> str:
        return format(self.place, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DatabaseAddress):
            return NotImplemented
        return self.secret == other.secret

    def __hash__(self) -> int:
        return hash(self.secret)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.secret.__reduce_ex__(protocol)
