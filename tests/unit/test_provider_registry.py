"""Providers are found by entry point; a broken one says its name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import support

from motionkit.errors import ConfigError
from motionkit.model.operations import OPERATIONS
from motionkit.provider import registry

LISTING = """
import sys
from importlib.metadata import entry_points
from motionkit.provider import registry
names = registry.names()
homes = {point.value.partition(":")[0].partition(".")[0] for point in entry_points(group=registry.GROUP)}
assert names and homes, "nothing is installed"
print(sorted(homes & set(sys.modules)), "requests" in sys.modules)
"""  # noqa: E501


def test_listing_names_imports_no_provider() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("[] ")


def test_names_are_sorted_and_named_once(install: Callable[..., None]) -> None:
    install(("zebra", "z:Z"), ("alpha", "a:A"), ("zebra", "z:Z"))
    assert registry.names() == ["alpha", "zebra"]


def test_the_installed_providers_travel_the_public_road() -> None:
    for name in registry.names():
        assert registry.load(name).name == name


def test_a_provider_is_loaded_by_name(install: Callable[..., None]) -> None:
    install(("fake", "support:FakeProvider"), ("broken", "no.such.module:X"))
    loaded: Any = registry.load("fake")
    assert loaded is support.FakeProvider


def test_an_unknown_provider_is_refused_with_what_there_is(install: Callable[..., None]) -> None:
    install(("beta", "b:B"), ("alpha", "a:A"))
    with pytest.raises(ConfigError) as caught:
        registry.load("gamma")
    assert caught.value.message == "there is no provider 'gamma'; installed are alpha, beta"
    install()
    with pytest.raises(ConfigError, match="installed are none"):
        registry.load("gamma")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import no_such_module_anywhere", "No module named 'no_such_module"),
        ("raise RuntimeError('half installed')", "half installed"),
        ("def broken(:", "invalid syntax"),
        ("Other = 1", "module 'broken_plugin' has no attribute"),
    ],
)
def test_a_broken_plugin_raises_with_its_name(
    content: str,
    said: str,
    install: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "broken_plugin.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_plugin", raising=False)
    install(("broken", "broken_plugin:Provider"))
    with pytest.raises(ConfigError) as caught:
        registry.load("broken")
    assert caught.value.message.startswith(
        f"provider 'broken' (broken_plugin:Provider) cannot be loaded: {said}"
    )
    assert caught.value.__cause__ is not None
    sys.modules.pop("broken_plugin", None)


def test_a_name_that_two_packages_claim_is_refused(install: Callable[..., None]) -> None:
    install(("fake", "support:FakeProvider"), ("fake", "another.package:Fake"))
    with pytest.raises(ConfigError) as caught:
        registry.load("fake")
    assert caught.value.message == (
        "provider 'fake' is claimed by another.package:Fake and support:FakeProvider; uninstall one"
    )


def test_the_same_claim_twice_is_no_conflict(install: Callable[..., None]) -> None:
    install(("fake", "support:FakeProvider"), ("fake", "support:FakeProvider"))
    loaded: Any = registry.load("fake")
    assert loaded is support.FakeProvider


def test_the_fields_that_take_media_are_those_of_the_operations_classes() -> None:
    assert {kind.operation: kind.media_arguments() for kind in OPERATIONS} == registry.NEUTRAL_MEDIA
    assert registry.media_names("multi_transition") == {"images"}
    assert {"image", "video", "audio"} <= registry.media_names("of a later release")
