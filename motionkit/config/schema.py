"""A JSON schema of ``motionkit.toml`` for editors, made of the records that read the file.

Draft 7, which TOML editors support. It describes one file, and another one may supply the rest of
an account (`motionkit.config.loading` merges them): no key is required.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

import attrs

from motionkit._support.redaction import Secret
from motionkit.config.credentials import documented
from motionkit.config.defaults import Defaults
from motionkit.config.files import ADDRESS, DATABASE, FILE_NAME
from motionkit.config.routes import DEFAULT_ROUTE
from motionkit.config.tables import LIMITS, bare, is_list, is_table, is_union
from motionkit.model import codec
from motionkit.provider import registry
from motionkit.routing import Route

Schema = dict[str, Any]

_JOURNAL = (
    "The journal's file, or a PostgreSQL database that many machines share: "
    "postgresql://USER@HOST/DATABASE. False keeps it in memory, so that a crash can lose a paid "
    "job. A relative path is the file's sibling. Default: a file in the user's state folder."
)
_SIMPLE: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": 0, "maximum": LIMITS[int]},
    float: {"type": "number", "minimum": 0, "maximum": LIMITS[float]},
    str: {"type": "string"},
    Decimal: {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
}


def schema() -> Schema:
    """Return the schema; accounts take what the installed providers' settings take.

    Raises:
        ConfigError: A provider cannot be loaded.
    """
    installed = registry.names()
    named = [{"$ref": f"#/definitions/account-{name}"} for name in installed]
    elsewhere = {"required": ["provider"], "anyOf": named}
    accounts = {
        "description": "Accounts by name; the name is the provider's unless `provider` says so.",
        "type": "object",
        "propertyNames": {"pattern": "^[^/]+$"},
        "properties": {
            name: {"if": {"required": ["provider"]}, "then": elsewhere, "else": own}
            for name, own in zip(installed, named, strict=True)
        },
        "additionalProperties": elsewhere,
    }
    routes = {
        "description": "Routes by name; a route has no account's name.",
        "type": "object",
        "propertyNames": {"pattern": "^[^/]+$"},
        "properties": {DEFAULT_ROUTE: _record(Route)},
        "additionalProperties": _record(Route),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": FILE_NAME,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "journal": {
                "description": _JOURNAL,
                "anyOf": [
                    {"type": "string", "minLength": 1, "not": {"pattern": ADDRESS}},
                    {"type": "string", "pattern": DATABASE},
                    {"const": False},
                ],
            },
            "accounts": accounts,
            "defaults": _record(Defaults),
            "routes": routes,
        },
        "definitions": {
            "api_key": _API_KEY,
            **{f"account-{name}": _account(name) for name in installed},
        },
    }


def _form(key: str, description: str, value: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "required": [key],
        "properties": {key: value},
    }


_NOT_EMPTY: Schema = {"type": "string", "minLength": 1}
_API_KEY: Schema = {
    "anyOf": [
        {"type": "string", "description": "Text; ${NAME} takes an environment variable."},
        _form("file", "A file that holds the key alone.", _NOT_EMPTY),
        _form(
            "command",
            "A program and its arguments, no shell; it prints the key first.",
            {"type": "array", "minItems": 1, "items": _NOT_EMPTY},
        ),
        _form("keyring", "The entry of that name in the system's key store.", _NOT_EMPTY),
    ]
}


def _account(provider: str) -> Schema:
    made = _record(registry.load(provider).settings)
    own = made["properties"]
    text = own["api_key"].get("description", "")
    own["api_key"] = {
        "description": f"{text} The documented variable is ${{{documented(provider)[0]}}}.".strip(),
        "allOf": [{"$ref": "#/definitions/api_key"}],
    }
    vendor = {"description": "The adapter; by default the account's name.", "const": provider}
    return {**made, "properties": {"provider": vendor, **own}}


def _record(kind: type[Any]) -> Schema:
    hints, texts = get_type_hints(kind), attribute_help(kind)
    made: dict[str, Schema] = {}
    for field in attrs.fields(kind):
        if not field.init or (kind is Route and field.name == "name"):  # its table's own name
            continue
        text = texts.get(field.name)
        made[field.name] = {"description": text} if text else {}
        made[field.name] |= _value(bare(hints[field.name]))
        if isinstance(field.default, bool | int | float | str | Decimal | tuple):
            made[field.name]["default"] = json.loads(codec.dumps(field.default))
    return {
        "description": (inspect.getdoc(kind) or "").partition("\n")[0].replace("``", "`"),
        "type": "object",
        "additionalProperties": False,
        "properties": made,
    }


def _value(hint: Any) -> Schema:
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if is_union(hint):
        return {"anyOf": [_value(one) for one in get_args(hint)]}
    if is_list(hint):
        return {"type": "array", "items": _value(get_args(hint)[0]), "uniqueItems": True}
    if is_table(hint):
        names, content = get_args(hint)
        made: Schema = {"type": "object", "additionalProperties": _value(content)}
        if get_origin(names) is Literal:
            made["propertyNames"] = {"enum": list(get_args(names))}
            made["properties"] = {name: _value(content) for name in get_args(names)}
        return made
    text = isinstance(hint, type) and issubclass(hint, str | Secret)
    return dict(_SIMPLE[str] if text else _SIMPLE.get(hint, {}))


def attribute_help(kind: type[Any]) -> dict[str, str]:
    """Return the help of each attribute from a class's docstrings; none under ``python -OO``."""
    told: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, lines = inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")
        found = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", lines, re.MULTILINE)
        told |= {name: " ".join(text.replace("``", "`").split()) for name, text in found}
    return told
