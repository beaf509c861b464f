"""Effects and image templates: the list, activation, and pictures made by them (section 4.15)."""

from __future__ import annotations

import attrs

from motionkit.sandbox import Route
from motionkit_pixverse.sandbox import prices
from motionkit_pixverse.sandbox.codes import Refusal
from motionkit_pixverse.sandbox.fields import Field, Values, require
from motionkit_pixverse.sandbox.gate import Call, Gate
from motionkit_pixverse.sandbox.pages import SIZES, page
from motionkit_pixverse.sandbox.sources import picture
from motionkit_pixverse.sandbox.studio import Endpoint, Order, Studio, framed

_VIDEO, _IMAGE = 1, 2  # `type` of the list; which number means which was not found
_LINES = 1024  # of a picture; not documented


@attrs.frozen
class Template:
    """One row. The names and the numbers of pictures are made up."""

    name: str
    type: int = _VIDEO
    pictures: int = 1
    activated: bool = True
    high: bool = True


TEMPLATES = {
    302325299692608: Template("Dance for two", pictures=2),
    377378608924544: Template("Snow globe"),
    384268229671680: Template("Wind-up toy", high=False),
    384268229671681: Template("Never activated", activated=False),
    384268229671690: Template("Portrait in oil", _IMAGE),
    384268229671691: Template("Shared poster", _IMAGE, pictures=2),
}
_PROMPT = 2048  # longer ones are accepted elsewhere only
_ROWS = (Field("img_ids", "ids", required=True), Field("template_id", "id", required=True))


def activated(values: Values, *, pictures: int = 1, type: int = _VIDEO) -> None:  # noqa: A002
    """Refuse a template that this account cannot use like this; none is fine.

    Raises:
        Refusal: 500070 if it is not activated, 500071 for a quality that the effect lacks.
    """
    number = values.get("template_id")
    if number is None:
        return
    template = TEMPLATES.get(number)
    if template is None or not template.activated:
        raise Refusal(500070)
    require(template.type == type and template.pictures == pictures, "template_id")
    if not template.high and values.get("quality") in ("720p", "1080p"):
        raise Refusal(500071)
    if len(values.get("prompt") or "") > _PROMPT:
        raise Refusal(400018)


class Templates:
    """`/video/effects/templates/list` and `/image/template/generate`."""

    def __init__(self, gate: Gate, studio: Studio) -> None:
        self._gate = gate
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the list and the paid endpoint."""
        path = "/video/effects/templates/list"
        generate = Endpoint(
            "/image/template/generate",
            _ROWS,
            self._order,
            credit="credits",
            webhook=False,
            result_id="image_id",
        )
        return [self._gate.route("GET", path, ("list",), self._list), self._studio.route(generate)]

    def _order(self, call: Call, values: Values) -> Order:
        activated(values, pictures=len(values["img_ids"]), type=_IMAGE)
        heroes = [picture(self._gate, call, number) for number in values["img_ids"]]
        first = heroes[0]
        size = framed(_LINES, (first.clip.width, first.clip.height))
        return Order("image_to_image", values, prices.ASSUMED, 0, size, first.content)

    async def _list(self, call: Call) -> object:
        """List a type's templates, or all; only the name `effect_items` of the answer is known."""
        query = call.request.query
        wanted = query.get("type", "")
        require(wanted in ("", "1", "2"), "type")
        items = [
            {"template_id": number, "template_name": template.name, "type": template.type}
            for number, template in TEMPLATES.items()
            if wanted in ("", str(template.type))
        ]
        return {"effect_items": page(query, items, names=("page", "pageSize"), sizes=SIZES)}
