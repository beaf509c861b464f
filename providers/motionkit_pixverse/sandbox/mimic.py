"""Motion control: contract section 4.12."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import partial

import attrs

from motionkit.sandbox import Job, Route, State
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import result_size, result_video
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.gate import VENDOR, Call, Gate
from motionkit_pixverse.sandbox.uploads import Upload

# Credits for one second; lines of the result. 1080p is advertised in one place, refused in fact.
_CREDITS = {"360p": 9, "540p": 10, "720p": 12}
_LINES = {"360p": 360, "540p": 540, "720p": 720}
_MOTION_TYPES = {"video/mp4", "video/quicktime"}
_MEAN_SECONDS, _SIGMA_SECONDS = 132.0, 6.0
_SLOT_SECONDS = 600.0  # a slot that never frees itself is freed (contract section 7.3)


@attrs.frozen
class Output:
    """What a job will show; made only when it is looked at."""

    path: str
    file: StoredFile
    size: tuple[int, int]
    seconds: float
    lines: int


@attrs.frozen
class Order:
    """A submission that passed every check."""

    fields: object
    price: Decimal
    picture: Upload
    seconds: float
    lines: int


class Mimic:
    """`/video/mimic/generate`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return the paid endpoint."""
        path = "/video/mimic/generate"
        return [self._gate.route("POST", path, ("submit",), self._generate, paid=True)]

    async def _generate(self, call: Call) -> object:
        gate, world = self._gate, self._gate.world
        fields = await call.fields()
        picture_id = gate.number(fields, "img_id")
        source_id = gate.number(fields, "source_video_id")
        media_id = gate.number(fields, "video_media_id")
        quality = fields.get("quality")
        if quality is not None and not isinstance(quality, str):
            raise Refusal(400013)
        if picture_id is None or not quality:
            raise Refusal(400011)
        if (source_id is None) == (media_id is None) or quality not in _CREDITS:
            raise Refusal(400017)
        picture = self._picture(call, picture_id)
        seconds = (
            self._media_seconds(call, media_id) if media_id else self._job_seconds(call, source_id)
        )
        account = call.account
        if (
            account.concurrency is not None
            and world.running(account, _SLOT_SECONDS) >= account.concurrency
        ):
            raise Refusal(500044)
        price = Decimal(_CREDITS[quality] * math.ceil(round(seconds, 3)))
        if price > account.balance:
            raise Refusal(500090)
        order = Order(fields, price, picture, seconds, _LINES[quality])
        return {"video_id": self._start(call, order), "credit": int(price)}

    def _picture(self, call: Call, number: int) -> Upload:
        upload: Upload | None = self._gate.world.upload(VENDOR, str(number))
        if upload is None or upload.owner != call.account.key or upload.clip.kind != "image":
            raise Refusal(400032)
        return upload

    def _media_seconds(self, call: Call, number: int) -> float:
        upload: Upload | None = self._gate.world.upload(VENDOR, str(number))
        if upload is None or upload.owner != call.account.key:
            raise Refusal(500008)
        if upload.clip.mime not in _MOTION_TYPES:
            raise Refusal(400017)
        return upload.seconds

    def _job_seconds(self, call: Call, number: int | None) -> float:
        job = self._gate.world.job(VENDOR, str(number))
        if job is None or job.account is not call.account:
            raise Refusal(500008)
        if self._gate.world.state(job) is not State.SUCCEEDED:
            raise Refusal(400017)
        output: Output = job.details["output"]
        return output.seconds

    def _start(self, call: Call, order: Order) -> int:
        """Enter the job, and what the faults in force make of it."""
        world = self._gate.world
        take = partial(world.faults.take, phases=call.phases, vendor=VENDOR)
        outcome = State.SUCCEEDED
        if take("fail"):
            outcome = State.FAILED
        elif take("moderate"):
            outcome = State.BLOCKED
        lasts = None if take("stuck") else world.lasting(_MEAN_SECONDS, _SIGMA_SECONDS)
        refunds = {State.BLOCKED, State.FAILED} if self._gate.refund_failed else {State.BLOCKED}
        ids = [world.number()]
        if take("twin") and call.account.balance >= 2 * order.price:
            ids.append(world.number())
        for number in ids:
            twin = number != ids[0]
            world.start(
                Job(
                    str(number),
                    call.account,
                    "mimic",
                    order.fields,
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
        return ids[0]

    def _output(self, order: Order) -> Output:
        world, clip = self._gate.world, order.picture.clip
        size = result_size(clip if clip.width else None, order.lines)
        make = partial(result_video, order.picture.content, order.seconds, size)
        path = f"/media/openapi%2F{world.uuid()}.mp4"
        return Output(path, StoredFile(VENDOR, "video/mp4", make), size, order.seconds, order.lines)
