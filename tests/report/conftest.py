"""The system's Chromium, for tests of pages; tests that ask for it are skipped where none is.

With ``MOTIONKIT_TESTS_REQUIRE_BROWSER=1``, as in ``.ci/run``, they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import MILLISECONDS, NewPage

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required"),
)


def _missing(why: str) -> None:
    if os.environ.get("MOTIONKIT_TESTS_REQUIRE_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the system's Chromium; it ends with the module.

    Playwright's loop counts as running in this thread until then: tests with `asyncio.run` belong
    into another module.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        _missing("no Chromium on this machine: install the system's package chromium")
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _missing("Playwright is not installed: pip install -e '.[dev]'")
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=found, args=list(FLAGS), timeout=MILLISECONDS
            )
        except Error as error:
            _missing(f"{found} does not start: {error.message.splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Any) -> Iterator[NewPage]:
    """Return a function that opens a fresh profile's page.

    Its options are those of Playwright's ``new_context``: ``color_scheme="dark"``,
    ``java_script_enabled=False``, ``viewport={"width": 390, "height": 844}``. At the test's end,
    the page has made no request beyond this machine, and no script of it failed.
    """
    contexts: list[Any] = []
    asked: list[str] = []
    failed: list[str] = []

    def make(**options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.on(
            "console",
            lambda one: failed.append(one.text) if "Content Security Policy" in one.text else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not [url for url in asked if not is_here(url)]
    assert not failed


def is_here(url: str) -> bool:
    """Return whether an address is of this machine."""
    parts = urlsplit(url)
    return parts.scheme in {"file", "data", "blob", "about"} or parts.hostname == "127.0.0.1"


@pytest.fixture
def violations() -> Callable[[Any], list[str]]:
    """Return a function that runs axe-core on a page and returns its serious violations."""
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")

    def check(page: Any) -> list[str]:
        page.evaluate(script)  # by the debugger: no policy of the page stands against it
        found = page.evaluate("axe.run({ preload: false }).then((results) => results.violations)")
        return [
            f"{one['id']} ({one['impact']}): {node['html'][:200]} {node['failureSummary']}"
            for one in found
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"]
        ]

    return check
