"""Common handling of every call: key, trace id, rate limit, replay, handler, envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal, TypeAlias

import attrs
from aiohttp import web

from motionkit.sandbox import Account, Job, Route, World
from motionkit.sandbox.world import ZERO
from motionkit_pixverse.sandbox.codes import (
    SHAPES,
    Answer,
    ErrorHttp,
    Refusal,
    accepted,
    refused,
)
from motionkit_pixverse.sandbox.fields import Field, Values, read

VENDOR = "pixverse"
KEY_HEADER = "API-KEY"
PREFIX = "/openapi/v2"
_TRACE_HEADER = "Ai-trace-id"


@attrs.frozen
class Call:
    """An authenticated call."""

    request: web.Request
    account: Account
    trace_id: str
    phases: tuple[str, ...]

    def origin(self) -> str:
        """Return the base URL that the client used."""
        return f"{self.request.scheme}://{self.request.host}"

    async def fields(self) -> dict[str, Any]:
        """Return the JSON object of the body; anything else fails to bind (400013)."""
        try:
            body = await self.request.json()
        except ValueError:
            raise Refusal(400013) from None
        if self.request.content_type != "application/json" or not isinstance(body, dict):
            raise Refusal(400013)
        return body


Handler: TypeAlias = Callable[[Call], Awaitable[object]]
ResultFields: TypeAlias = Literal["observed", "documented"]
Phases: TypeAlias = tuple[str, ...] | Callable[[web.Request], tuple[str, ...]]


@attrs.define(eq=False)
class Gate:
    """The common handling of the vendor's endpoints.

    Attributes:
        world: The sandbox's state.
        error_http: HTTP status of refusals: by their code, or always 200.
        strict_ints: Refuse ids that come as JSON strings.
        refund_failed: Give credits back after status 8 too.
        seedless_extend: Extend without a seed (sections 4.5 and 15).
        result_fields: Fields of a result: as observed (section 15) or as documented (section 5.1).
    """

    world: World
    error_http: ErrorHttp = "documented"
    strict_ints: bool = True
    refund_failed: bool = True
    seedless_extend: bool = False
    result_fields: ResultFields = "observed"
    _answers: dict[tuple[str, str], Answer] = attrs.field(factory=dict)

    def route(
        self,
        method: str,
        path: str,
        phases: Phases,
        handler: Handler,
        *,
        paid: bool = False,
        word: str = "success",
    ) -> Route:
        """Return a route whose handler returns the `Resp` of success or raises `Refusal`.

        Args:
            method: The HTTP method.
            path: Without the prefix.
            phases: For faults.
            handler: Answers a call.
            paid: Whether the trace id deduplicates.
            word: ErrMsg of success; its case differs by endpoint (section 15).
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            trace_id = request.headers.get(_TRACE_HEADER, "").strip()
            here = route.phases_of(request)
            try:
                call = self._admit(request, trace_id, here)
            except Refusal as refusal:
                return refused(refusal, self.error_http).response(trace_id)
            late = call.account.over_rate(self.world.clock.now())
            if late is not None:  # undocumented, met by clients
                wait = max(1, round(late - self.world.clock.now()))
                headers = {"Retry-After": str(wait)}
                return web.Response(status=429, text="Too Many Requests", headers=headers)
            answer = await (self._once if paid else self._answer)(call, handler)
            if answer.body.get("ErrCode") == 0:
                answer = Answer(answer.status, {**answer.body, "ErrMsg": word})
            shape = self.world.faults.take("shape", here, VENDOR)
            if shape is not None and answer.body.get("ErrCode") == 0:
                answer = Answer(answer.status, SHAPES[shape["shape"]](answer.body))
            return answer.response(trace_id)

        route = Route(method, PREFIX + path, serve, phases)
        return route

    def _admit(self, request: web.Request, trace_id: str, phases: tuple[str, ...]) -> Call:
        key = request.headers.get(KEY_HEADER, "")
        if not key:
            raise Refusal(10001)
        account = self.world.account(VENDOR, key)
        if account is None:
            raise Refusal(400012)
        if not trace_id:
            raise Refusal(400011, "Ai-trace-id is empty")
        account.note_trace(trace_id)
        return Call(request, account, trace_id, phases)

    async def _answer(self, call: Call, handler: Handler) -> Answer:
        try:
            self._refuse(call)
            return accepted(await handler(call))
        except Refusal as refusal:
            return refused(refusal, self.error_http)

    def _refuse(self, call: Call) -> None:
        fault = self.world.faults.take("refuse", call.phases, VENDOR)
        if fault is not None:
            code = 99999 if fault["code"] is None else fault["code"]
            raise Refusal(code, fault["message"], status=fault["status"])

    async def _once(self, call: Call, handler: Handler) -> Answer:
        """Run a paid call once per account and trace id."""
        await call.request.read()
        known = (call.account.key, call.trace_id)
        first = self._answers.get(known)
        if first is not None:
            fault = self.world.faults.take("dedupe", call.phases, VENDOR)
            mode = "replay" if fault is None else fault["mode"]
            if mode == "replay":
                return first
            if mode == "stuck":
                return accepted({"video_id": self._never_ending(call), "credit": 0})
            if mode == "error" and fault is not None:
                code = 400017 if fault["code"] is None else fault["code"]
                return refused(Refusal(code, "Ai-trace-id is repeated"), self.error_http)
        answer = await self._answer(call, handler)
        self._answers[known] = answer
        return answer

    def _never_ending(self, call: Call) -> int:
        number = self.world.number()
        self.world.start(
            Job(
                str(number),
                call.account,
                "repeated",
                None,
                self.world.clock.now(),
                None,
                ZERO,
                trace_id=call.trace_id,
            )
        )
        return number

    async def read(self, call: Call, rows: Iterable[Field]) -> Values:
        """Return the fields of a JSON body that the rows name."""
        return read(await call.fields(), rows, strict_ints=self.strict_ints)
