"""The in-memory provider keeps the contract first."""

import pytest

from motionkit.testing.contract import ProviderContract
from motionkit.testing.memory import MemoryStage


class TestMemory(ProviderContract):
    @pytest.fixture
    def stage(self) -> MemoryStage:
        return MemoryStage()
