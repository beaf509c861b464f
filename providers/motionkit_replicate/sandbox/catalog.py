"""What the vendor tells of itself: models, versions, hardware, deployments, the account."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from motionkit.sandbox import Route
from motionkit_replicate.sandbox.gate import Call, Gate, Refusal, page
from motionkit_replicate.sandbox.models import DEPLOYMENTS, HARDWARE, MADE, MODELS, version_of
from motionkit_replicate.sandbox.webhooks import secret_of


class Catalog:
    """The endpoints that cost nothing and change nothing.

    Args:
        gate: The gateway.
        size: Rows in a page of a list.
    """

    def __init__(self, gate: Gate, size: int) -> None:
        self._gate = gate
        self._size = size

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        one, here = "/models/{owner}/{name}", ("list",)

        def route(path: str, handler: Any, method: str = "GET") -> Route:
            return self._gate.route(method, path, here, handler)

        return [
            route("/account", self._account),
            route("/hardware", self._hardware),
            route("/models", self._models),
            route("/models", self._query, "QUERY"),
            route("/search", self._search),
            route(one, self._model),
            route(f"{one}/versions", self._versions),
            route(f"{one}/versions/{{version}}", self._version),
            route(f"{one}/examples", self._examples),
            route(f"{one}/readme", self._readme),
            route("/deployments", self._deployments),
            route("/deployments/{owner}/{name}", self._deployment),
            route("/webhooks/default/secret", self._secret),
        ]

    async def _account(self, call: Call) -> web.StreamResponse:
        return web.json_response(_person(call))

    async def _hardware(self, _call: Call) -> web.StreamResponse:
        return web.json_response([{"name": name, "sku": sku} for sku, name in HARDWARE.items()])

    async def _models(self, call: Call) -> web.StreamResponse:
        return page(call, [(name, _model(name)) for name in MODELS], self._size)

    async def _query(self, call: Call) -> web.StreamResponse:
        words = await call.request.text()
        return page(call, [(name, _model(name)) for name in _matching(words)], self._size)

    async def _search(self, call: Call) -> web.StreamResponse:
        words = call.request.query.get("query")
        if not words:
            raise Refusal(400, "Bad request", "query is required")
        found = [{"model": _model(name), "metadata": {"score": 1.0}} for name in _matching(words)]
        return web.json_response({"query": words, "models": found, "collections": [], "pages": []})

    async def _model(self, call: Call) -> web.StreamResponse:
        return web.json_response(_model(_named(call)))

    async def _versions(self, call: Call) -> web.StreamResponse:
        name = _named(call)
        return page(call, [(name, _version(name))], self._size)

    async def _version(self, call: Call) -> web.StreamResponse:
        name = _named(call)
        if call.request.match_info["version"] != version_of(name):
            raise Refusal(404)
        return web.json_response(_version(name))

    async def _examples(self, call: Call) -> web.StreamResponse:
        _named(call)
        return page(call, [], self._size)

    async def _readme(self, call: Call) -> web.StreamResponse:
        return web.Response(text=f"# {_named(call)}\n", content_type="text/markdown")

    async def _deployments(self, call: Call) -> web.StreamResponse:
        return page(call, [(name, _deployment(call, name)) for name in DEPLOYMENTS], self._size)

    async def _deployment(self, call: Call) -> web.StreamResponse:
        name = "{owner}/{name}".format_map(call.request.match_info)
        if name not in DEPLOYMENTS:
            raise Refusal(404)
        return web.json_response(_deployment(call, name))

    async def _secret(self, call: Call) -> web.StreamResponse:
        return web.json_response({"key": secret_of(call.account)})


def _person(call: Call) -> dict[str, Any]:
    label = call.account.label
    return {"type": "user", "username": label, "name": label, "github_url": None}


def _named(call: Call) -> str:
    name = "{owner}/{name}".format_map(call.request.match_info)
    if name not in MODELS:
        raise Refusal(404)
    return name


def _matching(words: str) -> list[str]:
    return [name for name in MODELS if all(word in name for word in words.lower().split())]


def _version(name: str) -> dict[str, Any]:
    return {
        "id": version_of(name),
        "created_at": MADE,
        "cog_version": "0.16.2",
        "openapi_schema": MODELS[name].schema(),
    }


def _model(name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    blank = dict.fromkeys(
        ("github_url", "paper_url", "license_url", "cover_image_url", "default_example")
    )
    return {
        "url": f"https://replicate.com/{name}",
        "owner": owner,
        "name": short,
        "description": f"The sandbox's {short}",
        "visibility": "public",
        "is_official": MODELS[name].official,
        "run_count": 1000,
        **blank,
        "latest_version": _version(name),
    }


def _deployment(call: Call, name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    release = {
        "number": 1,
        "model": DEPLOYMENTS[name],
        "version": version_of(DEPLOYMENTS[name]),
        "created_at": MADE,
        "created_by": _person(call),
        "configuration": {"hardware": "gpu-h100", "min_instances": 0, "max_instances": 1},
    }
    return {"owner": owner, "name": short, "current_release": release}
