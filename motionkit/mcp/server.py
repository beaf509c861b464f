"""The server: its tools, and the consent that each purchase needs."""

import contextlib
import functools
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from motionkit._support.hosts import is_loopback
from motionkit._support.redaction import redact
from motionkit.client import AsyncClient
from motionkit.errors import Billed, InvalidRequest, MotionKitError
from motionkit.mcp import desk as records
from motionkit.mcp.desk import Desk, Price
from motionkit.model import codec
from motionkit.model.job import STATE_ERRORS
from motionkit.model.spending import ASSUMED, SpendBy

T = TypeVar("T")

PATIENCE = 50.0
"""Seconds that `wait` waits by default: clients commonly give up after 60."""
_LONGEST = 3600.0
_PATH = "/mcp"

_INSTRUCTIONS = (
    "Makes films with paid video APIs. Each submit costs money, and a job takes minutes. Call "
    "`quote` or `compare` before `submit`. Give each order a `key` of its own: the same key never "
    "buys twice, and `status`, `wait` and `result` take it, also in a later session. At the "
    "beginning, `status` without a key lists what an earlier session bought and did not finish."
)

At = Context[Desk, Any]
Operation = Annotated[
    str, Field(description="What to make: mimic, modify, image-to-video, ... (see `offers`)")
]
Fields = Annotated[
    dict[str, Any],
    Field(
        description="The request's fields, e.g. {'image': 'hero.png', 'video': 'dance.mp4'}. Media "
        "are https:// addresses, or files in the server's folder."
    ),
]
Via = Annotated[
    str | None,
    Field(description="ACCOUNT, ACCOUNT/MODEL or a route's name; the default route when absent"),
]
Key = Annotated[str, Field(description="The key or the job id of a purchase")]


class Consent(BaseModel):
    """The answer to a price."""

    buy: bool = Field(description="Buy at this price?")


def make_server(
    client: AsyncClient, *, budget: Decimal = Decimal(0), root: Path | None = None
) -> MCPServer[Desk]:
    """Return a server whose tools quote, compare, submit, poll, wait and fetch.

    Args:
        client: The accounts and the journal; the caller closes it.
        budget: What all purchases of this server may cost together, in US dollars. With 0 it only
            quotes.
        root: The only folder whose files are sent, and where results are saved; the current one
            when None.

    Examples:
        >>> server = make_server(mk.AsyncClient(), budget=Decimal("2.00"))
        >>> server.run()
    """
    desk = Desk(client, budget, f"mcp-{uuid.uuid4().hex}", root or Path.cwd())

    @contextlib.asynccontextmanager
    async def lifespan(_: MCPServer[Desk]) -> AsyncIterator[Desk]:
        yield desk  # one for all sessions: they share the budget

    server = MCPServer[Desk](
        "motionkit",
        instructions=_INSTRUCTIONS,
        version=version("motionkit"),
        log_level="WARNING",  # standard error is the user's terminal
        lifespan=lifespan,
    )
    for annotations, tools in _TOOLS.items():
        for tool in tools:
            server.add_tool(
                _told(tool, pays=annotations == "pays"), annotations=_HINTS[annotations]
            )
    return server


async def offers(ctx: At) -> dict[str, Any]:
    """List the accounts, their routes, and each operation's fields. Free."""
    return await _desk(ctx).offers()


async def quote(ctx: At, operation: Operation, fields: Fields, via: Via = None) -> dict[str, Any]:
    """Return what a request would cost, at which target, and whether the budget allows it.

    Free; nothing is sent.
    """
    desk = _desk(ctx)
    found, status = await desk.explain(desk.request(operation, fields), via)
    return records.plain(
        {
            "target": found.target,
            "quote": codec.unstructure(found.quote),
            "warnings": list(found.warnings),
            "refused": str(found.refused) if found.refused else None,
            "budget": records.limit(status),
        }
    )


async def compare(ctx: At, operation: Operation, fields: Fields, via: Via = None) -> dict[str, Any]:
    """Compare price, duration and quality of a request at each target. Free."""
    desk = _desk(ctx)
    request = desk.request(operation, fields)
    rows = await desk.client.compare(request, via=via, balances=False)
    return {"targets": records.compared(rows)}


async def price_of(
    ctx: At, operation: str, fields: dict[str, Any], via: str | None, *, key: str | None
) -> Price | None:
    """Return the price that is asked about and paid; found once for each submit.

    Found again after the answer, it could be another one: another target's, or of another day.
    """
    desk = _desk(ctx)
    try:
        return await desk.price(desk.request(operation, fields), via, key)
    except MotionKitError as error:
        raise _failed(error, pays=True) from error


async def consent(
    ctx: At, price: Annotated[Price | None, Resolve(price_of)], *, confirm: bool
) -> Consent | Elicit[Consent]:
    """Ask the user where the client can; else the agent must say that the user agreed."""
    if price is None:
        return Consent(buy=True)
    capabilities = ctx.client_capabilities
    if capabilities is not None and capabilities.elicitation is not None:
        return Elicit(price.question, Consent)
    if not confirm:
        raise ToolError(
            f"nothing was bought. {price.question} If the user agrees, call submit again with "
            "confirm=true"
        )
    return Consent(buy=True)


async def submit(
    ctx: At,
    operation: Operation,
    fields: Fields,
    via: Via = None,
    *,
    key: Annotated[
        str | None,
        Field(description="Names this order, e.g. 'scene-3'. The same key never buys twice"),
    ] = None,
    out: Annotated[str | None, Field(description="The file's name in the server's folder")] = None,
    confirm: Annotated[
        bool, Field(description="The user has agreed to the price that `quote` returned")
    ] = False,
    price: Annotated[Price | None, Resolve(price_of)],
    agreed: Annotated[ElicitationResult[Consent], Resolve(consent)],
) -> dict[str, Any]:
    """Buy: upload the media and submit a job. This costs money.

    The user is asked first; where the client cannot ask, `confirm` must be true. The same key, or
    an identical request that still runs, returns its job and costs nothing more.
    """
    del confirm  # `consent` has read it
    if agreed.action != "accept" or not agreed.data.buy:
        raise ToolError("nothing was bought: the user did not agree to the price")
    desk = _desk(ctx)
    request = desk.request(operation, fields)
    job = await desk.buy(
        request,
        via=via,
        key=key,
        # What was agreed to, however long the answer took. What was there a moment ago costs
        # nothing; a purchase without consent is refused.
        cap=Decimal(0) if price is None else price.usd_high,
        out=desk.out(request, out, continued=price is None),
    )
    return records.purchase(await desk.entry(job.key))


async def status(
    ctx: At,
    key: Annotated[
        str | None, Field(description="A key or job id; all unfinished purchases when absent")
    ] = None,
) -> dict[str, Any]:
    """Return the state of a purchase, polled once, or of all that are unfinished. Free."""
    desk = _desk(ctx)
    if key is None:
        found, corrupt = await desk.unfinished()
        listed = {"unfinished": [records.purchase(one) for one in found]}
        return {**listed, "corrupt": [one.message for one in corrupt]} if corrupt else listed
    return records.purchase(await desk.poll(key))


async def wait(
    ctx: At,
    key: Key,
    seconds: Annotated[
        float, Field(gt=0, le=_LONGEST, description="How long to wait at most")
    ] = PATIENCE,
) -> dict[str, Any]:
    """Wait until a job ends, save its file, and return the file's path and the cost. Free.

    A job that still runs after `seconds` is no error: call it again.
    """
    return records.purchase(await _desk(ctx).wait(key, seconds, ctx.report_progress))


async def result(ctx: At, key: Key) -> dict[str, Any]:
    """Save the file of a job that has ended, and return its path and the cost. Free."""
    desk = _desk(ctx)
    found = await desk.poll(key)
    if not records.ended(found):
        return records.purchase(found)
    return records.purchase(await desk.wait(key, PATIENCE, _silent))


async def balance(
    ctx: At,
    account: Annotated[
        str | None, Field(description="An account's name; all accounts when absent")
    ] = None,
) -> dict[str, Any]:
    """Return what accounts hold. Free."""
    return {"accounts": await _desk(ctx).balances(account)}


async def spend(
    ctx: At,
    by: Annotated[SpendBy, Field(description="What to add the purchases up by")] = "account",
    since: Annotated[str, Field(description="An age such as 30d, or a date")] = "30d",
) -> dict[str, Any]:
    """Return what is spent and held of this server's budget and all others, and sums of all jobs.

    The sums are of every purchase in the journal, those of people and other programs included.
    """
    desk = _desk(ctx)
    rows = await desk.client.spend(by, since=since)
    found: dict[str, Any] = {
        "budgets": await desk.budgets(),
        "spend": [records.sums(row) for row in rows],
    }
    if any(row.amounts.assumed for row in rows):
        found["assumed"] = ASSUMED
    return found


_HINTS = {
    "free": ToolAnnotations(read_only_hint=True, open_world_hint=True),
    "pays": ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
    ),
    "saves": ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
}
_TOOLS: Mapping[str, tuple[Callable[..., Awaitable[dict[str, Any]]], ...]] = {
    "free": (offers, quote, compare, status, balance, spend),
    "pays": (submit,),
    "saves": (wait, result),
}


def _desk(ctx: At) -> Desk:
    return ctx.request_context.lifespan_context


def serve_stdio(server: MCPServer[Desk]) -> None:
    """Serve one agent until standard input ends."""
    server.run("stdio")


def serve_http(server: MCPServer[Desk], host: str, port: int, began: Callable[[str], None]) -> None:
    """Serve streamable HTTP until Ctrl-C or SIGTERM.

    Args:
        server: The server.
        host: An address of this machine.
        port: The port; 0 picks a free one.
        began: Called with the URL once the server accepts connections.

    Raises:
        InvalidRequest: `host` is not this machine: who reaches the server can spend the budget.
        OSError: The port is in use.
    """
    if not is_loopback(host):
        raise InvalidRequest(
            f"host: {host} can be reached by other machines, and the server asks for no password",
            field="host",
            value=host,
            limit="an address of this machine, such as 127.0.0.1",
            hint="put a proxy that authenticates in front of it",
        )
    with socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
    ) as listener:
        shown = f"[{host}]" if ":" in host else host
        began(f"http://{shown}:{listener.getsockname()[1]}{_PATH}")
        app = server.streamable_http_app(host=host, streamable_http_path=_PATH)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def _told(function: Callable[..., Awaitable[T]], *, pays: bool) -> Callable[..., Awaitable[T]]:
    """Return a tool whose errors tell the agent what to do, instead of a traceback."""

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> T:
        try:
            return await function(*args, **kwargs)
        except MotionKitError as error:
            raise _failed(error, pays=pays) from error

    return call


def _failed(error: MotionKitError, *, pays: bool) -> ToolError:
    parts = [str(error)]
    limit = getattr(error, "limit", None)
    if limit and limit not in parts[0]:
        parts.append(f"it takes {limit}")
    if error.hint and error.hint not in parts[0]:
        parts.append(error.hint)
    # A poll or a download that fails costs nothing; its job was paid for all the same.
    if error.billed is not Billed.NO or pays or isinstance(error, tuple(STATE_ERRORS.values())):
        parts.append(_BILLED[error.billed])
    return ToolError(redact(". ".join(one.rstrip(".") for one in parts if one)))


_BILLED = {
    Billed.NO: "nothing was charged",
    Billed.YES: "it was charged",
    Billed.UNKNOWN: "it may have been charged",
}


async def _silent(_: float, __: float | None, ___: str) -> None:
    """Report no progress."""
