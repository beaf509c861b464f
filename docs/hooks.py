"""A hook of MkDocs: write parts of pages from what they are about.

A line ``<!-- settings: NAME -->`` of a page becomes a table of the keys of that section, as
`motionkit config schema` describes them: the classes that read the file and their docstrings.

A line ``<!-- notebook: FILE -->`` becomes the cells of that notebook, which a test executes. It has
no outputs, so that a plugin which draws them, with all of Jupyter, has nothing to do.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARK = re.compile(r"^<!-- settings: ([\w-]+) -->$", re.MULTILINE)
NOTEBOOK = re.compile(r"^<!-- notebook: ([\w.-]+) -->$", re.MULTILINE)

_PLAIN = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
}
_MONEY = "dollars, as text"

Schema = Mapping[str, Any]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each mark of a page by its table, or by the cells of its notebook."""
    markdown = NOTEBOOK.sub(lambda found: cells(found[1]), markdown)
    return MARK.sub(lambda found: table(found[1]), markdown)


def cells(name: str) -> str:
    """Return the cells of a notebook beside this file as Markdown, below a page's own headings."""
    notebook = json.loads(Path(__file__).with_name(name).read_text("utf-8"))
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            parts.append(f"```python\n{source}\n```")
        else:
            parts.append(re.sub(r"^#", "##", source, flags=re.MULTILINE))
    return "\n\n".join(parts)


@functools.cache
def sections() -> dict[str, Schema]:
    """Return the keys of each section, as JSON schema: the file, defaults, routes, accounts."""
    printed = subprocess.run(
        [sys.executable, "-m", "motionkit", "config", "schema"],
        check=True,
        capture_output=True,
        text=True,
    )
    schema = json.loads(printed.stdout)
    top = schema["properties"]
    accounts = {
        name: record["properties"]
        for name, record in schema["definitions"].items()
        if name.startswith("account-")
    }
    # What every provider says alike, apart from its name and the name of its key's variable.
    common = [
        name
        for name, said in next(iter(accounts.values())).items()
        if all(_alike(said, own.get(name)) for own in accounts.values())
    ]
    first = next(iter(accounts.values()))
    made = {"file": {"journal": top["journal"]}, "defaults": top["defaults"]["properties"]}
    made["routes"] = top["routes"]["additionalProperties"]["properties"]
    made["accounts"] = {name: _general(name, first[name]) for name in common}
    for name, own in accounts.items():
        made[name] = {key: said for key, said in own.items() if key not in common}
    return made


def _alike(one: Schema, other: Schema | None) -> bool:
    """Return whether two accounts take the same there; only the documented names may differ."""
    return other is not None and ("const" in one or "allOf" in one or one == other)


def _general(name: str, said: Schema) -> Schema:
    """Return a key of every account without the name of one provider."""
    if "const" in said:
        return {"type": "string", "description": said["description"]}
    if name == "api_key":
        told = said["description"].partition(" The documented variable")[0]
        return {
            **said,
            "description": f"{told} Usually `${{PROVIDER_API_KEY}}`, an environment variable; or "
            '`{ file = "..." }`; or `{ command = ["program", "argument"] }`.',
        }
    return said


def table(section: str) -> str:
    """Return a section's keys as a table in Markdown.

    Raises:
        KeyError: There is no such section.
    """
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, said in sections()[section].items():
        told = said["description"].replace("|", "\\|")
        rows.append(f"| `{name}` | {value(said)} | {_default(said)} | {told} |")
    return "\n".join(rows)


def value(said: Schema) -> str:
    """Return what a key takes, in words.

    Raises:
        ValueError: The schema has a form that no words are known for.
    """
    kind = said.get("type")
    if "enum" in said:
        words = " or ".join(f'`"{one}"`' for one in said["enum"])
    elif "anyOf" in said:
        words = " or ".join(value(one) for one in said["anyOf"])
    elif "allOf" in said:
        words = "text or a table"
    elif "const" in said:
        words = f"`{json.dumps(said['const'])}`"
    elif kind == "array":
        words = f"list of {value(said['items'])}"
    elif kind == "object":
        names = ", ".join(f"`{name}`" for name in said["propertyNames"]["enum"])
        words = f"table of {names}: {value(said['additionalProperties'])}"
    elif kind == "string" and "[0-9]" in said.get("pattern", ""):
        words = _MONEY
    elif kind in _PLAIN:
        words = _PLAIN[kind]
    else:
        raise ValueError(f"no words for the schema {said!r}")
    return words


def _default(said: Schema) -> str:
    if "default" not in said:
        return ""
    given = said["default"]
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    return f"`{json.dumps(given)}`"
