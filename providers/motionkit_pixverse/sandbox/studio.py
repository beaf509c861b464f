"""Turn an order into a job: slots, balance, faults, and its output file."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import attrs

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import Clip, result_picture, result_size, result_video
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import WEBHOOK, Field, Values
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.outputs import Output
from motionkit_pixverse.sandbox.webhooks import announce, wanted

LINES = {"360p": 360, "480p": 480, "540p": 576, "720p": 720, "1080p": 1080}
"""Lines of a result: 540p of 16:9 has 1024x576, 360p 640x360 (section 15)."""
_MEAN_SECONDS, _SIGMA_SECONDS = 90.0, 6.0  # "60 to 120 s a clip" (section 5.1)
_SLOT_SECONDS = 600.0  # a slot that never frees itself is freed (section 7.3)


@attrs.frozen
class Order:
    """A valid submission.

    Attributes:
        kind: The creation type of usage-detail.
        values: The fields of the body; the result repeats some of them.
        price: In credits.
        seconds: Length of the result; 0 for a picture.
        size: Width and height of the result in pixels.
        content: A picture or clip whose first frame the result shows.
        has_audio: Whether the result has audio.
        mean: Mean seconds until the job ends.
    """

    kind: str
    values: Values
    price: Decimal
    seconds: float
    size: tuple[int, int]
    content: bytes | None = attrs.field(default=None, repr=False)
    has_audio: bool = False
    mean: float = _MEAN_SECONDS


@attrs.frozen
class Endpoint:
    """One paid operation.

    Attributes:
        path: Without the prefix.
        rows: The fields that it reads.
        order: Validates the values and returns the order.
        credit: The name of the price in the answer; None without one (section 4).
        webhook: Whether it accepts a webhook (listed in section 6).
        result_id: The name of the job's id in the answer.
    """

    path: str
    rows: tuple[Field, ...]
    order: Callable[[Call, Values], Order]
    credit: str | None = None
    webhook: bool = True
    result_id: str = "video_id"


def framed(lines: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return a size of so many lines in the shape of another one; (0, 0) stands for unknown."""
    return result_size(Clip("", *size) if all(size) else None, lines)


def shaped(lines: int, ratio: str) -> tuple[int, int]:
    """Return a size of so many lines for a ratio as the vendor writes it, `16:9`."""
    across, _, down = ratio.partition(":")
    return result_size(Clip("", int(across), int(down)), lines)


class Studio:
    """Turns accepted orders into jobs."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def route(self, endpoint: Endpoint) -> Route:
        """Return the route of a paid operation."""
        rows = (*endpoint.rows, WEBHOOK) if endpoint.webhook else endpoint.rows

        async def generate(call: Call) -> object:
            values = await self._gate.read(call, rows)
            order = endpoint.order(call, values)
            answer = {endpoint.result_id: self.take(call, order)}
            return {**answer, endpoint.credit: int(order.price)} if endpoint.credit else answer

        return self._gate.route("POST", endpoint.path, ("submit",), generate, paid=True)

    def afford(self, call: Call, price: Decimal) -> None:
        """Refuse what the account cannot pay (500090)."""
        if price > call.account.balance:
            raise Refusal(500090)

    def take(self, call: Call, order: Order) -> int:
        """Start a job, subject to the active faults; return its id.

        Raises:
            Refusal: 500044 without a free slot, 500090 without the money, 400017 for a webhook
                that is not registered.
        """
        gate, world, account = self._gate, self._gate.world, call.account
        if (
            account.concurrency is not None
            and world.running(account, _SLOT_SECONDS) >= account.concurrency
        ):
            raise Refusal(500044)
        self.afford(call, order.price)
        hook = wanted(world, order.values)
        take = partial(world.faults.take, phases=call.phases, vendor=VENDOR)
        outcome = State.SUCCEEDED
        if take("fail"):
            outcome = State.FAILED
        elif take("moderate"):
            outcome = State.BLOCKED
        lasts = None if take("stuck") else world.lasting(order.mean, _SIGMA_SECONDS)
        refunds = {State.BLOCKED, State.FAILED} if gate.refund_failed else {State.BLOCKED}
        ids = [world.number()]
        if take("twin") and account.balance >= 2 * order.price:
            ids.append(world.number())
        for number in ids:
            twin = number != ids[0]
            job = world.start(
                Job(
                    str(number),
                    account,
                    order.kind,
                    order.values,
                    world.clock.now(),
                    lasts,
                    order.price,
                    outcome=outcome,
                    refunds=frozenset(refunds),
                    trace_id=world.uuid() if twin else call.trace_id,
                    twin=twin,
                    details={"output": self._output(order)},
                )
            )
            if hook and not twin and not take("webhook_lost"):
                announce(world, job, hook, call.origin())
        return ids[0]

    def _output(self, order: Order) -> Output:
        world, size = self._gate.world, order.size
        if order.seconds:
            make = partial(result_video, order.content, order.seconds, size, sound=order.has_audio)
            file, suffix = StoredFile(VENDOR, "video/mp4", make), "mp4"
        else:
            file = StoredFile(VENDOR, "image/png", partial(result_picture, order.content, size))
            suffix = "png"
        path = f"/media/openapi%2F{world.uuid()}.{suffix}"
        return Output(path, file, size, order.seconds, min(size), order.has_audio, order.content)
