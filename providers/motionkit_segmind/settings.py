"""The settings of an account at Segmind. It imports no adapter: a configuration is read often."""

from __future__ import annotations

from typing import Literal

import attrs

from motionkit.provider import AccountSettings, Untrusted, untrusted


@attrs.frozen(kw_only=True)
class Settings(AccountSettings):
    """Settings of ``[accounts.NAME]`` for Segmind.

    Attributes:
        upload_url: Origin of uploads; overrides `base_url`.
        history_url: Origin of the request history; overrides `base_url`.
        history: Whether the request history may be searched.
        mode: ``async`` queues a job and polls it (v2). ``sync`` makes one blocking call (v1), whose
            response is stored in the state folder's ``spool`` first; for models that take seconds.
        sync_timeout: Timeout of a blocking call in seconds; some models take minutes.

    `rpm` chooses the plan. Two official tables disagree: Free 5, Pro 50, Enterprise as agreed
    (https://docs.segmind.com/api-reference/rate-limits); Flexible 60, Pro 120, Business 500, Scale
    1000 (the pricing page). Use the number of your own plan.
    """

    upload_url: str | None = None
    history_url: str | None = None
    history: bool = attrs.field(default=True, metadata=untrusted(Untrusted.HIGHER))
    mode: Literal["async", "sync"] = "async"
    sync_timeout: float = attrs.field(default=600.0, metadata=untrusted(Untrusted.HIGHER))

    @property
    def local_results(self) -> str | None:
        """The blocking mode: its response is stored here, and nowhere else."""
        return "mode = 'sync'" if self.mode == "sync" else None
