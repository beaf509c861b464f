"""Waiting for a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patience import PATIENCE

NewPage = Callable[..., Any]
MILLISECONDS = PATIENCE * 1000
"""How long a test waits for a condition of a page."""


def wait_for(page: Any, condition: str) -> None:
    """Wait until a JavaScript expression is true in a page.

    Playwright's own ``wait_for_function`` evaluates text in the page, which a strict policy of its
    content forbids.
    """
    page.evaluate(
        f"""async () => {{
          const end = performance.now() + {MILLISECONDS};
          while (!({condition})) {{
            if (performance.now() > end) throw new Error("it never came true");
            await new Promise((done) => setTimeout(done, 15));
          }}
        }}"""
    )
