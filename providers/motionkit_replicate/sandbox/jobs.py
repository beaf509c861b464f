"""A prediction: its course, its charge, and how it shows at a moment of vendor time."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import attrs

from motionkit.sandbox import Job, State
from motionkit.sandbox.clock import stamp
from motionkit.sandbox.files import StoredFile
from motionkit.sandbox.media import result_size, result_video
from motionkit_replicate.sandbox.gate import VENDOR
from motionkit_replicate.sandbox.models import MODELS
from motionkit_replicate.sandbox.storage import Asset

DELIVERY = "/xezq"
"""Path of the delivery host."""
DATA_LIFE = 3600.0
_LONGEST_FILM = 30.0
_LINES = {"std": 720, "standard": 720, "pro": 1080, "4k": 2160}


@attrs.define(eq=False)
class Prediction(Job):
    """A job of this vendor, which may be charged although it did not succeed.

    Attributes:
        word: The vendor's word for its end.
        billed: Outcomes besides success that are charged.
        deadline: Vendor time at which it ends in any case.
        version: The digits of the version that was asked for; "hidden" for an official model.
        deployment: The deployment that runs it.
        source: Who made it: api or web.
        output: Path and film of a success.
        seconds: Length of the output.
        wiped: Vendor time at which its data is removed before its time.
    """

    word: str = "succeeded"
    billed: frozenset[State] = frozenset()
    deadline: float | None = None
    version: str = "hidden"
    deployment: str | None = None
    source: str = "api"
    output: tuple[str, StoredFile] | None = None
    seconds: float = 0.0
    wiped: float | None = None

    def settle(self, now: float) -> None:
        """Charge once, as the outcome requires."""
        if not self.settled and self.state(now) in self.billed:
            self.on_account = True
            self.begin()
        Job.settle(self, now)

    def end(self, when: float, word: str, *, billed: bool) -> None:
        """End at vendor time `when` without success; a running job may be charged."""
        ran = max(0.0, when - self.created - self.queued)
        self.lasts = when - self.created
        self.word, self.outcome = word, State.FAILED
        self.billed = frozenset({State.FAILED}) if billed else frozenset()
        if billed and MODELS[self.model].per == "time":
            price = MODELS[self.model].price(self.body, None, ran)
            self.price = min(price, self.account.balance)

    def removal(self, *, from_creation: bool) -> float | None:
        """Return the vendor time at which its data is removed, once it is known to end."""
        if self.wiped is not None or self.lasts is None:
            return self.wiped
        ended = self.created + self.lasts
        return max(ended, self.created + DATA_LIFE) if from_creation else ended + DATA_LIFE

    def shown(self, api: str, host: str, when: float, removed: float | None) -> dict[str, Any]:
        """Return the vendor's object.

        Args:
            api: Base URL of the API.
            host: Base URL of the delivery host.
            when: Vendor time.
            removed: Vendor time at which the data is removed.
        """
        state = self.state(when)
        gone = removed is not None and when >= removed and not state.open
        one = f"{api}/predictions/{self.id}"
        data: dict[str, Any] = {
            "id": self.id,
            "model": self.model,
            "version": self.version,
            "input": {} if gone else self.body,
            "logs": "" if gone or state is State.QUEUED else "running\n",
            "output": None,
            "data_removed": gone,
            "error": None,
            "status": "starting" if state is State.QUEUED else "processing",
            "source": self.source,
            "created_at": stamp(self.created),
            "urls": {
                "cancel": f"{one}/cancel",
                "get": one,
                "web": f"https://replicate.com/p/{self.id}",
            },
        }
        if self.deadline is not None:
            data["deadline"] = stamp(self.deadline)
        if self.deployment is not None:
            data["deployment"] = self.deployment
        lasts = float("inf") if self.lasts is None else self.lasts
        began = self.queued < lasts
        if began and state is not State.QUEUED:
            data["started_at"] = stamp(self.created + self.queued)
        if not state.open:
            data["status"] = self.word
            data["completed_at"] = stamp(self.created + lasts)
            data["metrics"] = self._metrics(lasts, began=began)
            if self.word == "failed":
                data["error"] = self.error
            elif self.output is not None and self.word == "succeeded" and not gone:
                data["output"] = host + self.output[0]
        return data

    def _metrics(self, lasts: float, *, began: bool) -> dict[str, Any]:
        metrics: dict[str, Any] = {"total_time": lasts}
        if began:
            metrics["predict_time"] = lasts - self.queued
        if self.word == "succeeded":
            metrics |= MODELS[self.model].tiers(self.body)
            metrics |= {
                "video_output_count": 1,
                "video_output_duration_seconds": round(self.seconds, 3),
            }
        return metrics

    def film(self, path: str, picture: Asset | None, seconds: float) -> None:
        """Plan the output: the picture's shape, the seconds of the clip or of the duration."""
        values = MODELS[self.model].values(self.body)
        size = str(values.get("resolution") or values.get("quality") or "").removesuffix("p")
        lines = int(size) if size.isdecimal() else _LINES.get(str(values.get("mode")), 720)
        shape = result_size(picture.clip if picture else None, lines)
        length = min(seconds, _LONGEST_FILM)
        make = partial(result_video, picture.content if picture else None, length, shape)
        self.seconds = seconds
        self.output = (path, StoredFile(VENDOR, "video/mp4", make))


def reserved(job: Job) -> Decimal:
    """Return what an open job may still cost."""
    return Decimal(0) if job.on_account else job.price
