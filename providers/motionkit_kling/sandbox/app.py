"""The vendor's app: the new API and the legacy one over one store of tasks, account and files.

To add a model, add a row to `models`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from motionkit.sandbox import Route, World
from motionkit.sandbox.world import open_account
from motionkit_kling.sandbox import tokens
from motionkit_kling.sandbox.account import Accounts
from motionkit_kling.sandbox.callbacks import Callbacks, Course
from motionkit_kling.sandbox.codes import SHAPES
from motionkit_kling.sandbox.gate import KEY_HEADER, VENDOR, Gate
from motionkit_kling.sandbox.orders import Orders
from motionkit_kling.sandbox.queries import Queries
from motionkit_kling.sandbox.sessions import Sessions
from motionkit_kling.sandbox.studio import Studio
from motionkit_kling.sandbox.tasks import FILE_LIFE, UNITS, Rounding, Shelf

_KEY = "sandbox-kling-key"
_POOLS = {UNITS: 1_000, "image": 100}
_PARALLEL = 5
SECRET = "whsec_c2FuZGJveC1rbGluZy13ZWJob29rLXNlY3JldA=="  # noqa: S105 - guards nothing
"""The webhook secret of the sandbox's console."""


class KlingSandbox:
    """Kling's video API: submits, queries, account, callbacks.

    An account's pair for the legacy API follows from its API key: `tokens.access_key` and
    `tokens.secret_key`. An account with a pool `balance` instead of `video` pays in dollars. Its
    `denied` names models, or "account" (abnormal) or "ip" (not in the whitelist).

    Args:
        world: The sandbox's state.
        token_clock: Vendor time that tokens are verified against, if not that of the world.
        link_life: Vendor seconds for which the address of a result works.
        secrets: The webhook secrets of the console; none leaves callbacks unsigned.
        course: How callbacks come: "once", "twice" or "backwards".
        rounding: How billed seconds are rounded.
        yields: Share of a motion reference that the result has.
        failures_cost: Failed tasks are charged.
        frees_failed: The external id of a failed task can be used again.
        one_a_second: Refuse a second question for the costs within a second.
    """

    name = VENDOR
    unit = "unit"
    pool = UNITS
    key_header = KEY_HEADER
    shapes = frozenset(SHAPES)

    def __init__(
        self,
        world: World,
        *,
        token_clock: Callable[[], float] | None = None,
        link_life: float = FILE_LIFE,
        secrets: Sequence[str] = (SECRET,),
        course: Course = "once",
        rounding: Rounding = "nearest",
        yields: float = 1.0,
        failures_cost: bool = False,
        frees_failed: bool = False,
        one_a_second: bool = False,
    ) -> None:
        gate = Gate(world, token_clock or world.clock.now)
        shelf = Shelf(world, link_life)
        sessions = Sessions(gate, shelf)
        studio = Studio(
            gate,
            shelf,
            Callbacks(shelf, secrets, course),
            Orders(world, shelf, sessions, rounding, yields),
            failures_cost=failures_cost,
            frees_failed=frees_failed,
        )
        accounts = Accounts(gate, shelf, sessions, one_a_second=one_a_second)
        self._subjects = (sessions, Queries(gate, shelf), studio, accounts, shelf)
        world.read_keys(VENDOR, tokens.named_by)
        world.add_account(
            open_account(VENDOR, _KEY, _POOLS, label="default", concurrency=_PARALLEL)
        )

    def routes(self) -> Iterable[Route]:
        """Return the endpoints and the public files."""
        for subject in self._subjects:
            yield from subject.routes()

    def environment(self, base_url: str) -> Mapping[str, str]:
        """Return the key of the default account and the base URL."""
        return {"KLING_API_KEY": _KEY, "KLING_BASE_URL": base_url}
