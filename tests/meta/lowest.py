"""Print the lowest declared versions of what motionkit runs on, as requirements for pip."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

EXTRAS = ("cli", "dotenv", "media", "postgres", "sandbox", "webhook")
"""What users install; the others are for this project's own checks."""


def declared() -> Iterator[str]:
    """Yield the requirements of the package and its extras."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    yield from project["dependencies"]
    for extra in EXTRAS:
        yield from project["optional-dependencies"][extra]


def lowest(requirement: str) -> str:
    """Return a requirement's lower bound as an exact version.

    Raises:
        ValueError: It has no lower bound.
    """
    found = re.fullmatch(r"([A-Za-z0-9_.-]+(?:\[[a-z,]+\])?)>=([0-9.]+)", requirement)
    if found is None:
        raise ValueError(f"{requirement!r} has no lower bound")
    return f"{found[1]}=={found[2]}"


def main() -> None:
    """Print one requirement per line."""
    print("\n".join(sorted({lowest(one) for one in declared()})))  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
