"""Restyle, and the list of styles."""

from __future__ import annotations

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.fields import SEED, SOURCE, Field, Values, exactly_one, require
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.pages import page
from motionkit_pixverse.sandbox.sources import source
from motionkit_pixverse.sandbox.studio import Endpoint, Order, Studio, framed

_ROWS = (*SOURCE, Field("restyle_id", "id"), Field("restyle_prompt", "text"), SEED)
# Made up: the vendor's list was not retrieved.
_STYLES = {
    372000000000001: "Ink painting",
    372000000000002: "Clay",
    372000000000003: "Comic",
    372000000000004: "Paper cut",
    372000000000005: "Pixel art",
}


class Restyle:
    """`/video/restyle/generate` and `/video/restyle/list`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the paid endpoint and the list."""
        generate = Endpoint("/video/restyle/generate", _ROWS, self._order, credit="credits")
        listed = self._gate.route("GET", "/video/restyle/list", ("list",), self._list)
        return [self._studio.route(generate), listed]

    def _order(self, call: Call, values: Values) -> Order:
        style = exactly_one(values, "restyle_id", "restyle_prompt")
        clip = source(self._gate, call, values)
        require(style != "restyle_id" or values["restyle_id"] in _STYLES, "restyle_id")
        return Order(
            "restyle",
            values,
            prices.by_second(prices.RESTYLE, clip.seconds),
            clip.seconds,
            framed(min(clip.size) or 540, clip.size),
            clip.content,
            clip.has_audio,
        )

    async def _list(self, call: Call) -> object:
        """Read the page from the query or the body of the GET: both are in use."""
        query = dict(call.request.query)
        page_fields = query or (await call.fields() if call.request.can_read_body else {})
        rows = [{"restyle_id": number, "restyle_name": name} for number, name in _STYLES.items()]
        # The answer is not documented: the shape of the voice list is used.
        return {"total": len(rows), "data": page(page_fields, rows, required=True)}
