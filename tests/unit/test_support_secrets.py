"""No public object with a key in it shows the key, however it is copied, stored or printed."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import json
import pickle
import pprint
import reprlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import cattrs
import pytest

import motionkit as mk
from motionkit import config
from motionkit.config import Config
from motionkit.model import codec
from motionkit.provider import registry

KEY = "sk-planted-0123456789"
OTHER = "sk-planted-abcdefghij"
HOOK = "whsec-planted-9876543210"
TEXT = f"""
journal = false
[accounts.pixverse]
api_key = "{KEY}"
webhook_secret = "{HOOK}"
[accounts.segmind]
api_key = "${{SEGMIND_API_KEY}}"
"""


class NoUploads:
    limiter = None

    def put(self, account: str, slot: str, sha256: str | None, send: Callable[[], str]) -> str:
        raise AssertionError("nothing is sent here")


@pytest.fixture
def found(home: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("SEGMIND_API_KEY", OTHER)
    path = home / "motionkit.toml"
    path.write_text(TEXT)
    return config.load(path)


@pytest.fixture
def public(found: Config) -> Iterator[dict[str, Any]]:
    """Every public object that a key hangs on."""
    made: dict[str, Any] = {"config": found, "file": found.files[0]}
    for name, account in found.accounts.items():
        adapter = registry.load(name)(name, account.settings, NoUploads())
        made |= {
            f"{name} account": account,
            f"{name} settings": account.settings,
            f"{name} key": account.key,
            f"{name} secret": account.settings.api_key,
            f"{name} adapter": adapter,
            f"{name} session": vars(adapter)["_http"],
        }
    with mk.Client(found) as client:
        made |= {"client": client, "async client": mk.AsyncClient(found)}
        yield made


def as_csv(one: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([one])
    return out.getvalue()


def attributes(one: Any) -> Any:
    """What a debugger lists: attributes, one level deep, by ``repr``."""
    names = [name for name in dir(one) if not name.startswith("__")]
    return {name: repr(getattr(one, name, None)) for name in names}


def unpickled(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))  # noqa: S301 - our own bytes


WAYS: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "str": str,
    "format": lambda one: f"{one} {one!r}",
    "percent": lambda one: "%s %r" % (one, one),  # noqa: UP031 - the old way leaks too
    "pprint": pprint.pformat,
    "reprlib": reprlib.repr,
    "vars": lambda one: repr(vars(one)),
    "attributes": attributes,
    "json": json.dumps,
    "json by str": lambda one: json.dumps(one, default=str),
    "json by vars": lambda one: json.dumps(one, default=lambda o: getattr(o, "__dict__", str(o))),
    "csv": as_csv,
    "pickle 0": lambda one: pickle.dumps(one, 0),
    "pickle": pickle.dumps,
    "unpickled": unpickled,
    "copy": lambda one: repr(copy.copy(one)),
    "deepcopy": lambda one: repr(copy.deepcopy(one)),
    "attrs.asdict": lambda one: repr(attrs.asdict(one)),
    "attrs.asdict as json": lambda one: json.dumps(attrs.asdict(one), default=str),
    "attrs.astuple": lambda one: repr(attrs.astuple(one)),
    "dataclasses.asdict": lambda one: repr(dataclasses.asdict(one)),
    "cattrs": lambda one: repr(cattrs.unstructure(one)),
    "cattrs as json": lambda one: json.dumps(cattrs.unstructure(one), default=str),
    "codec": lambda one: repr(codec.unstructure(one)),
    "dict": lambda one: repr(dict(one)),
    "list": lambda one: repr(list(one)),
    "plus": lambda one: one + "x",
    "plus from the left": lambda one: "x" + one,
    "slice": lambda one: one[:8],
    "lower": lambda one: one.lower(),
    "split": lambda one: one.split("-"),
    "join": lambda one: "-".join(iter([one])),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_public_object_shows_its_key(way: str, public: dict[str, Any]) -> None:
    for name, one in public.items():
        try:
            shown = WAYS[way](one)
        except Exception as error:  # noqa: BLE001 - to refuse is as good, if the error shows nothing
            shown = f"{error!r}"
        text = shown.decode("latin-1") if isinstance(shown, bytes) else f"{shown} {shown!r}"
        assert "planted" not in text, f"{way} of {name}"


def test_a_deep_copied_configuration_sends_the_same_keys(found: Config) -> None:
    for made in (copy.copy(found), copy.deepcopy(found)):
        for name, key in (("pixverse", KEY), ("segmind", OTHER)):
            assert made.account(name).settings.api_key.encode() == key.encode()
        assert made.accounts["pixverse"].settings == found.accounts["pixverse"].settings
        with mk.Client(made) as client:
            assert client.config is made


def test_a_configuration_with_keys_refuses_to_be_pickled_and_says_what_to_do(
    found: Config,
) -> None:
    for one in (found, found.accounts["pixverse"], found.accounts["pixverse"].settings):
        with pytest.raises(TypeError, match=r"is not pickled.*motionkit\.config\.load"):
            pickle.dumps(one)
