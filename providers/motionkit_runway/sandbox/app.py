"""The vendor's app: API, upload storage and output host on one origin.

To add a model, add a row to `models.ENDPOINTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from motionkit.sandbox import Route, World
from motionkit.sandbox.world import open_account
from motionkit_runway.sandbox.gate import KEY_HEADER, VENDOR, Gate
from motionkit_runway.sandbox.inputs import Inputs
from motionkit_runway.sandbox.organization import DAILY, Organization
from motionkit_runway.sandbox.outputs import Outputs
from motionkit_runway.sandbox.routers import Routers
from motionkit_runway.sandbox.storage import Storage
from motionkit_runway.sandbox.tasks import (
    END_SHAPES,
    EXPIRED,
    POLL_SHAPES,
    POOL,
    SUBMIT_SHAPES,
    Tasks,
)

_KEY = "key_" + "0123456789abcdef" * 2
_ADDRESS_LIFE = 86400.0


class RunwaySandbox:
    """Runway's generations, tasks, uploads, outputs, organization, usage and Model Routers.

    Args:
        world: The sandbox's state.
        late_assets: An upload that is missing or too old fails the task, and not the submit.
        costs: Bodies have `estimatedCost` and `cost`, as since August 2026.
        daily: Generations in 24 hours, by the number of concurrent ones.
        address_life: Vendor seconds for which an output's address is valid.
    """

    name = VENDOR
    unit = "credits"
    pool = POOL
    key_header = KEY_HEADER
    shapes = frozenset({*SUBMIT_SHAPES, *END_SHAPES, *POLL_SHAPES, *EXPIRED})

    def __init__(
        self,
        world: World,
        *,
        late_assets: bool = False,
        costs: bool = True,
        daily: Mapping[int, int] = DAILY,
        address_life: float = _ADDRESS_LIFE,
    ) -> None:
        gate = Gate(world)
        storage = Storage(gate)
        outputs = Outputs(world, address_life)
        tasks = Tasks(gate, Inputs(storage, late_assets), outputs, daily, costs)
        self._subjects = (storage, tasks, Organization(gate, tasks), Routers(gate, tasks), outputs)
        account = open_account(VENDOR, _KEY, {POOL: 10_000}, label="default", concurrency=5)
        world.add_account(account)

    def routes(self) -> Iterable[Route]:
        """Return the endpoints and the public files."""
        for subject in self._subjects:
            yield from subject.routes()

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the key of the default account and the base URL that stands for all hosts."""
        return {"RUNWAY_API_KEY": _KEY, "RUNWAY_BASE_URL": base_url}
