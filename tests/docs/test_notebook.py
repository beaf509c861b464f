"""The notebook of the documentation: without outputs, executed whole, and on its page as it is."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import Any

import pytest
from notebooks import NOTEBOOK, executed
from patience import PATIENCE

nbformat: Any = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("pandas")

# Jupyter's own packages warn of each other's changes; what the notebook itself warns of is output.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what each cell shows, by the last line of its code."""
    notebook = executed(tmp_path_factory.mktemp("kernel"), PATIENCE)
    shown = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            data = [one.get("data", {}) for one in cell.outputs]
            texts = [one.get("text/html") or one.get("text/plain", "") for one in data]
            said = [one for one in cell.outputs if one.get("name") == "stdout"]
            assert not said, said
            shown[cell.source.splitlines()[-1]] = "\n".join(texts)
    return shown


def test_it_is_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert sys.prefix not in NOTEBOOK.read_text("utf-8")


def test_every_value_of_it_is_a_table(pages: dict[str, str]) -> None:
    assert "account pixverse" in pages["client.config"]
    assert "Targets (" in pages["client.compare(request)"]
    assert "likely" in pages['client.quote(request, via="pixverse")']
    assert "order-17" in pages["job"]
    assert "Jobs (3)" in pages["client.jobs.list()"]
    assert "Spend by account (2)" in pages['client.spend("account")']
    assert "pixverse/mimic" in pages['frame.groupby("target")["usd"].sum()']


def test_its_waits_end_with_one_display_that_says_so(pages: dict[str, str]) -> None:
    one = pages["result = client.wait(job)"]
    assert re.search(r"<strong>succeeded</strong> <progress .*40 credits", one)
    assert one.count("<progress") == 1
    assert "2 jobs: 2 succeeded" in pages["client.wait_all(more)"]
    assert "Results (2)" in pages["client.wait_all(more)"]


def test_its_film_plays_from_the_page(pages: dict[str, str]) -> None:
    assert re.search(r'<video [^>]*src="data:video/mp4;base64,', pages["result"])
    assert "http" not in pages["result"]


def test_the_page_has_its_cells_as_they_are() -> None:
    spec = importlib.util.spec_from_file_location("hooks", NOTEBOOK.with_name("hooks.py"))
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = hooks.on_page_markdown(NOTEBOOK.with_name("notebooks.md").read_text("utf-8"))
    assert "<!-- notebook:" not in page
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert code
    assert all(f"```python\n{source}\n```" in page for source in code)
    assert len(re.findall("^# ", re.sub("```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)) == 1
