"""Entry points are found without `importlib.metadata`, and they are those that it finds."""

from __future__ import annotations

import importlib.metadata
import sys
import zipfile
from pathlib import Path

import pytest

from motionkit._support import plugins

GROUP = "motionkit.providers"
POINTS = """
[console_scripts]
acme = acme.cli:main

# ours
[motionkit.providers]
  acme = acme.adapter:Acme [extra]
; = is no comment here
#other = acme.adapter:Other
beta=acme.beta:Made.here

[other]
gamma = acme:gamma
"""


def installed(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "entry_points.txt").write_text(text, "utf-8")
    kind = "METADATA" if name.endswith("dist-info") else "PKG-INFO"
    project = name.partition("-")[0].partition(".egg")[0]
    (folder / name / kind).write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1\n")


def theirs(group: str) -> set[tuple[str, str]]:
    return {(one.name, one.value) for one in importlib.metadata.entry_points(group=group)}


@pytest.mark.parametrize("group", ["motionkit.providers", "console_scripts", "pytest11", "none"])
def test_the_same_entry_points_are_found_in_this_environment(group: str) -> None:
    assert set(plugins.entry_points(group=group)) == theirs(group)


def test_the_first_distribution_of_a_name_on_the_path_hides_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path / "one", "acme_clips-1.0.dist-info", POINTS)
    installed(tmp_path / "two", "Acme.Clips-2.0.dist-info", "[motionkit.providers]\nold = old:Old")
    installed(tmp_path / "two", "plain.egg-info", "[motionkit.providers]\nplain = plain:Plain")
    monkeypatch.setattr(sys, "path", [str(tmp_path / one) for one in ("one", "two", "missing")])

    found = plugins.entry_points(group=GROUP)

    assert set(found) == theirs(GROUP)
    assert {one.name for one in found} == {";", "acme", "beta", "plain"}
    assert plugins.entry_points(group=GROUP, name="beta") == [("beta", "acme.beta:Made.here")]


def test_distributions_in_an_archive_are_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "acme.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("acme-1.0.dist-info/entry_points.txt", POINTS)
        written.writestr("acme-1.0.dist-info/METADATA", "Name: acme\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert ("acme", "acme.adapter:Acme [extra]") in plugins.entry_points(group=GROUP)


def test_an_entry_point_is_the_object_that_it_names() -> None:
    assert plugins.EntryPoint("a", "pathlib:Path.home [extra]").load() == Path.home
    assert plugins.EntryPoint("a", "pathlib").load().Path is Path
