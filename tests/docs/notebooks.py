"""Run the notebook of the documentation, and draw what it shows as a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbclient
import nbformat

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
OTHERS = ("JUPYTER", "MOTIONKIT")
"""How variables of this machine's own set-up begin."""


def executed(home: Path, patience: float = 300) -> Any:
    """Run the notebook in a kernel that knows nothing of this user; return it with its outputs."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(OTHERS)},
        **{name: str(home / name) for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR")},
        **{name: str(home / name) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")},
    }
    (home / "HOME").mkdir()
    client = nbclient.NotebookClient(
        notebook,
        timeout=patience,
        startup_timeout=patience,
        kernel_name="python3",
        resources={"metadata": {"path": str(home)}},
    )
    own = {name: value for name, value in environment.items() if name.startswith("JUPYTER")}
    with patch.dict(os.environ, own):  # this process writes the connection file
        client.execute(env=environment)
    return client.nb


def page(notebook: Any, theme: str) -> str:
    """Return an executed notebook as a page in a theme of JupyterLab, ``light`` or ``dark``."""
    import nbconvert

    exporter = nbconvert.HTMLExporter(template_name="lab", theme=theme)
    for name in ("require_js_url", "mathjax_url", "jquery_url", "mermaid_js_url"):
        if name in exporter.trait_names():
            setattr(exporter, name, "")  # no request to anybody's server
    text, _ = exporter.from_notebook_node(notebook)
    return str(text)
