"""Faces of a video: a synchronous call, charged at once, that opens a session of 24 hours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from motionkit.sandbox import Account, Route, State
from motionkit_kling.sandbox.codes import Refusal, invalid
from motionkit_kling.sandbox.gate import Call, Gate
from motionkit_kling.sandbox.media import SOME_SECONDS, check_address, fetch
from motionkit_kling.sandbox.models import FACES, SESSION_PRICE, read
from motionkit_kling.sandbox.tasks import DAY, USD, Shelf, pays_cash


@attrs.frozen
class Session:
    """The faces of one video.

    Attributes:
        id: Its name.
        account: Whose it is.
        seconds: Length of the video.
        made: Vendor time.
        charged: What the call cost.
        faces: Their ids.
    """

    id: str
    account: Account
    seconds: float
    made: float
    charged: Decimal
    faces: tuple[str, ...] = ("0",)


class Sessions:
    """The sessions that are open.

    Args:
        gate: The gateway.
        shelf: The tasks.
    """

    def __init__(self, gate: Gate, shelf: Shelf) -> None:
        self._gate = gate
        self._shelf = shelf
        self._sessions: dict[str, Session] = {}

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        path = "/v1/videos/identify-face"
        return [self._gate.route("POST", path, ("session",), self._identify, legacy=True)]

    def of(self, account: Account) -> list[Session]:
        """Return an account's sessions."""
        return [one for one in self._sessions.values() if one.account is account]

    def get(self, call: Call, name: str) -> Session:
        """Return an open session of the caller; others are refused (1201)."""
        found = self._sessions.get(name)
        now = self._gate.world.clock.now()
        if found is None or found.account is not call.account or now >= found.made + DAY:
            raise invalid("session_id", name)
        return found

    async def _identify(self, call: Call) -> dict[str, Any]:
        values = read(await call.fields(), FACES)
        if (values["video_id"] is None) is (values["video_url"] is None):
            raise Refusal(1201, "exactly one of video_id and video_url is required")
        world, account = self._gate.world, call.account
        if values["video_url"] is not None:
            asset, problem = await fetch(world, check_address(values["video_url"], "video_url"))
            if problem is not None:
                raise Refusal(1201, problem)
            seconds = SOME_SECONDS if asset is None else asset.clip.seconds
        else:
            seconds = self._own(call, values["video_id"])
        price = SESSION_PRICE * (USD if pays_cash(account) else 1)
        if account.balance < price:
            raise Refusal(1102)
        account.draw(price)
        session = Session(str(world.number()), account, seconds, world.clock.now(), price)
        self._sessions[session.id] = session
        ends = int(seconds * 1000)
        faces = [
            {"face_id": face, "face_image": "", "start_time": 0, "end_time": ends}
            for face in session.faces
        ]
        return {"session_id": session.id, "face_data": faces}

    def _own(self, call: Call, video: str) -> float:
        now = self._gate.world.clock.now()
        for task in self._shelf.tasks(call.account):
            if task.video == video and task.state(now) is State.SUCCEEDED:
                return task.order.seconds
        raise invalid("video_id", video)
