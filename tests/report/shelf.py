"""A journal with purchases whose films are files of a test."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

import motionkit as mk
from motionkit.errors import Billed, MotionKitError, SubmitUncertain
from motionkit.journal import NewPurchase
from motionkit.model.job import Status
from motionkit.model.money import Basis, CostBasis, Unit
from motionkit.model.submission import Call, Submission
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import client_for

QUOTE = mk.Quote(
    *(Decimal(one) for one in ("40", "48", "60")),
    Unit.CREDIT,
    *(Decimal(one) for one in ("0.40", "0.48", "0.60")),
    Basis.LISTED,
    "https://prices.test/list",
    dt.date(2026, 11, 1),
)
COST = mk.Cost(Decimal(48), Unit.CREDIT, Decimal("0.48"), CostBasis.REPORTED)
DECISION = (
    {
        "target": "studio/m1",
        "verdict": "chosen",
        "reason": "cheapest",
        "sentence": "It is the cheapest that can take the request now.",
        "note": "",
        "at": 1_800_000_000.0,
    },
    {
        "target": "other/m2",
        "verdict": "passed_over",
        "reason": "stands_by",
        "sentence": "It can take the request; another target is preferred.",
        "note": "",
        "at": 1_800_000_000.0,
    },
)


@attrs.define
class Shelf:
    """Writes purchases into a client's journal as submits and polls would.

    Attributes:
        folder: Where the journal is.
        client: The client; close it.
    """

    folder: Path
    client: mk.Client = attrs.field(init=False)
    _count: int = 0

    def __attrs_post_init__(self) -> None:
        self.client = client_for(MemoryStage(), self.folder)

    def add(
        self,
        key: str,
        *,
        clip: Path | None = None,
        picture: Path | None = None,
        film: Path | str | None = None,
        state: mk.State | mk.KeyState = mk.State.SUCCEEDED,
        target: str = "studio/m1",
        message: str | None = None,
        description: dict[str, Any] | None = None,
        cost: mk.Cost | None = COST,
        decided: bool = False,
        **more: Any,
    ) -> None:
        """Add a purchase; `more` are fields of `NewPurchase`."""
        journal, account, model = self.client._journal, *target.split("/")
        self._count += 1
        media = tuple(
            (field, kind, str(path), f"{len(str(path)):064d}")
            for field, kind, path in (("image", "image", picture), ("video", "video", clip))
            if path is not None
        )
        labels = {field: Path(path).name for field, _, path, _ in media}
        submission = Submission(
            "memory",
            account,
            "mimic",
            model,
            Call("POST", "/jobs"),
            expected_seconds=90.0,
            quality="540p",
            clip_seconds=4.0,
        )
        attempt = journal.intend(
            NewPurchase(
                key=key,
                request=key,
                via=account,
                description={"operation": "mimic", **labels, **(description or {})},
                quote=QUOTE,
                again=True,
                media=media,
                **more,
            ),
            f"a{self._count}",
            submission,
            "f" * 16,
        )
        attempt = journal.sending(attempt)
        if decided:
            journal.decided(key, DECISION)
        if state is mk.KeyState.REFUSED:
            journal.refused(attempt, MotionKitError(message or "refused", billed=Billed.NO))
        elif state is mk.KeyState.UNCERTAIN:
            journal.uncertain(attempt, SubmitUncertain(message or "lost", key=key))
        if isinstance(state, mk.KeyState):
            return
        job = attrs.evolve(
            submission.job(f"v{self._count}", fingerprint="f" * 16, attempt_id=attempt.id), key=key
        )
        assert journal.accepted(attempt, job)
        status = Status(state, "5", dt.datetime.now(dt.UTC), message=message, billed=Billed.YES)
        journal.observed(job, status, cost if state.terminal else None)
        if film is not None:
            journal.delivered(job, film, "0" * 64)
