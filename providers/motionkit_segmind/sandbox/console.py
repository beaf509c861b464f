"""What the SDK reads and edits beside jobs.

The addresses and parameters are those of the official SDK 1.3.0. Its documentation names the fields
of a generation; the shapes of the other responses are not documented and inferred.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from motionkit.sandbox import Account, Job, Route, State
from motionkit.sandbox.clock import stamp
from motionkit_segmind.sandbox.gate import Call, Gate, Refusal
from motionkit_segmind.sandbox.models import MODELS

_GENERATIONS_PER_PAGE = 20
_RECENT = 10


class Console:
    """Generations with an output, the account, the models and the webhooks.

    Args:
        gate: The gateway.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._webhooks: dict[str, dict[str, dict[str, Any]]] = {}

    def routes(self) -> list[Route]:
        """Return the endpoints of the history, console and webhook hosts."""
        route = self._gate.route
        requests, hooks = "/inference-request", "/webhook"
        return [
            *route("GET", f"{requests}/generations", ("history",), self._generations),
            *route("GET", f"{requests}/recent-generations", ("history",), self._recent),
            *route("GET", "/api/auth/authenticate", ("balance",), self._account),
            *route("GET", "/inference-model-information/list", ("list",), self._models),
            *route("GET", f"{hooks}/get", ("list",), self._hooks),
            *route("POST", f"{hooks}/add", ("list",), self._add),
            *route("POST", f"{hooks}/update", ("list",), self._update),
            *route("GET", f"{hooks}/inactive", ("list",), self._deactivate),
            *route("GET", f"{hooks}/dispatch-logs", ("list",), self._logs),
        ]

    async def _generations(self, call: Call) -> web.StreamResponse:
        asked = call.request.query
        text = asked.get("page", "1")
        if not text.isdecimal() or int(text) < 1:
            raise Refusal(400, "page must be a positive integer")
        try:
            first = date.fromisoformat(asked.get("start_date", date.min.isoformat()))
            last = date.fromisoformat(asked.get("end_date", date.max.isoformat()))
        except ValueError:
            raise Refusal(400, "dates must be given as YYYY-MM-DD") from None
        rows = [
            _generation(call, job)
            for job in self._finished(call, asked.get("model_name"))
            if first <= datetime.fromtimestamp(job.created, UTC).date() <= last
        ]
        page, size = int(text), _GENERATIONS_PER_PAGE
        found = rows[(page - 1) * size : page * size]
        return web.json_response({"data": found, "page": page, "total": len(rows)})

    async def _recent(self, call: Call) -> web.StreamResponse:
        model = call.request.query.get("model_name")
        if not model:
            raise Refusal(400, "model_name is a required parameter")
        found = self._finished(call, model)[:_RECENT]
        return web.json_response({"data": [_generation(call, job) for job in found]})

    def _finished(self, call: Call, model: str | None) -> list[Job]:
        """Return the account's jobs with an output, latest first; all models if None."""
        world = self._gate.world
        return [
            job
            for job in reversed(world.jobs(call.account))
            if world.state(job) is State.SUCCEEDED and model in {None, job.model}
        ]

    async def _account(self, call: Call) -> web.StreamResponse:
        return web.json_response({"id": _user(call.account), "name": call.account.label})

    async def _models(self, call: Call) -> web.StreamResponse:
        denied = call.account.denied
        rows = [
            {"model_name": slug}
            for slug, model in MODELS.items()
            if not model.retired and slug not in denied
        ]
        return web.json_response({"data": rows, "total": len(rows)})

    def _held(self, call: Call) -> dict[str, dict[str, Any]]:
        return self._webhooks.setdefault(call.account.label, {})

    async def _hooks(self, call: Call) -> web.StreamResponse:
        return web.json_response({"data": list(self._held(call).values())})

    async def _add(self, call: Call) -> web.StreamResponse:
        hook = {"webhook_id": self._gate.world.uuid(), **await _hook_of(call), "active": True}
        self._held(call)[hook["webhook_id"]] = hook
        return web.json_response(hook)

    async def _update(self, call: Call) -> web.StreamResponse:
        hook = self._hook(call, (await call.fields()).get("webhook_id"))
        hook |= await _hook_of(call)
        return web.json_response(hook)

    async def _deactivate(self, call: Call) -> web.StreamResponse:
        hook = self._hook(call, call.request.query.get("webhook_id"))
        hook["active"] = False
        return web.json_response(hook)

    async def _logs(self, call: Call) -> web.StreamResponse:
        """Respond with no dispatch: webhooks report PixelFlows, not plain inference."""
        self._hook(call, call.request.query.get("webhook_id"))
        return web.json_response({"data": []})

    def _hook(self, call: Call, name: Any) -> dict[str, Any]:
        hook = self._held(call).get(str(name))
        if hook is None:
            raise Refusal(404, f"Webhook {name} not found")
        return hook


async def _hook_of(call: Call) -> dict[str, Any]:
    """Return URL and events of a webhook from a body."""
    fields = await call.fields()
    url, event = fields.get("webhook_url"), fields.get("event")
    types = event.get("types") if isinstance(event, dict) else None
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise Refusal(400, "webhook_url must be a URL")
    if not isinstance(types, list) or not types:
        raise Refusal(400, "event.types must be a non-empty list")
    return {"webhook_url": url, "event": {"types": types}}


def _user(account: Account) -> str:
    return f"user-{account.label}"


def _generation(call: Call, job: Job) -> dict[str, Any]:
    output = job.details["output"]
    return {
        "request_id": job.id,
        "model_name": job.model,
        "generation_url": call.origin() + output.path,
        "status": "COMPLETED",
        "credits_deduction": float(job.charged),
        "latency_ms": round(1000 * (job.lasts or 0)),
        "prompt": job.body.get("prompt"),
        "parameters": job.body,
        "created_at": stamp(job.created),
        "user_id": _user(call.account),
    }
