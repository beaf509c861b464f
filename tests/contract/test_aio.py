"""The coroutines keep the contract: the suite drives `AsyncClient` as if it were `Client`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_pixverse import FAULTS as PIXVERSE_FAULTS
from test_segmind import FAULTS as SEGMIND_FAULTS
from test_segmind import XFAILS as SEGMIND_XFAILS

from motionkit.client.aio import AsyncClient
from motionkit.testing.contract import ProviderContract
from motionkit.testing.memory import MemoryStage
from motionkit.testing.sandboxed import SandboxContract
from motionkit.testing.stage import Stage, options_for
from motionkit_pixverse.adapter import PixVerse
from motionkit_segmind.adapter import Segmind


class Face:
    """An `AsyncClient` whose coroutines run to their end in a loop of their own."""

    def __init__(self, client: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **options: self._loop.run_until_complete(found(*args, **options))


class _Coroutines:
    @pytest.fixture
    def client(self, stage: Stage, tmp_path: Path) -> Iterator[Face]:
        with asyncio.Runner() as runner:
            client = AsyncClient(**options_for(stage, tmp_path))
            try:
                yield Face(client, runner.get_loop())
            finally:
                runner.run(client.close())


class TestMemoryByCoroutines(_Coroutines, ProviderContract):
    @pytest.fixture
    def stage(self) -> MemoryStage:
        return MemoryStage()


class TestPixVerseByCoroutines(_Coroutines, SandboxContract):
    provider_class = PixVerse
    faults = PIXVERSE_FAULTS


class TestSegmindByCoroutines(_Coroutines, SandboxContract):
    provider_class = Segmind
    faults = SEGMIND_FAULTS
    xfails = SEGMIND_XFAILS
