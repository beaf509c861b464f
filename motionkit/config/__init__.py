"""``motionkit.toml``: files, tables, credentials, trust, routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.config.credentials import as_key, documented, no_account, where_keys_are_made
    from motionkit.config.defaults import Defaults
    from motionkit.config.files import FILE_NAME, File, Origin, beneath, is_own, own_file
    from motionkit.config.files import files as find_files
    from motionkit.config.files import read as read_file
    from motionkit.config.given import (
        AccountsGiven,
        AccountTable,
        DefaultsGiven,
        DefaultsTable,
        JournalGiven,
        RoutesGiven,
        RouteTable,
    )
    from motionkit.config.keystore import store as store_key
    from motionkit.config.loading import Account, Config, from_environment, load, with_key
    from motionkit.config.private import write_private
    from motionkit.config.routes import DEFAULT_ROUTE
    from motionkit.config.schema import attribute_help
    from motionkit.config.schema import schema as json_schema
    from motionkit.config.trust import dotenv_findings, findings, is_trusted, untrusted_dotenv
    from motionkit.config.trust import record as trust_file
    from motionkit.config.writing import write_keys
    from motionkit.routing import Route

__all__ = [
    "DEFAULT_ROUTE",
    "FILE_NAME",
    "Account",
    "AccountTable",
    "AccountsGiven",
    "Config",
    "Defaults",
    "DefaultsGiven",
    "DefaultsTable",
    "File",
    "JournalGiven",
    "Origin",
    "Route",
    "RouteTable",
    "RoutesGiven",
    "as_key",
    "attribute_help",
    "beneath",
    "documented",
    "dotenv_findings",
    "find_files",
    "findings",
    "from_environment",
    "is_own",
    "is_trusted",
    "json_schema",
    "load",
    "no_account",
    "own_file",
    "read_file",
    "store_key",
    "trust_file",
    "untrusted_dotenv",
    "where_keys_are_made",
    "with_key",
    "write_keys",
    "write_private",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.config.credentials": "as_key documented no_account where_keys_are_made",
        "motionkit.config.defaults": "Defaults",
        "motionkit.config.files": (
            "FILE_NAME File Origin beneath is_own own_file find_files=files read_file=read"
        ),
        "motionkit.config.given": (
            "AccountsGiven AccountTable DefaultsGiven DefaultsTable JournalGiven "
            "RoutesGiven RouteTable"
        ),
        "motionkit.config.loading": "Account Config from_environment load with_key",
        "motionkit.config.keystore": "store_key=store",
        "motionkit.config.private": "write_private",
        "motionkit.config.routes": "DEFAULT_ROUTE",
        "motionkit.config.schema": "attribute_help json_schema=schema",
        "motionkit.config.trust": (
            "dotenv_findings findings is_trusted untrusted_dotenv trust_file=record"
        ),
        "motionkit.config.writing": "write_keys",
        "motionkit.routing": "Route",
    },
)
