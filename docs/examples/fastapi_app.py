"""A shop that animates its customers' pictures: one video per order, paid once.

Run one process of it: `uvicorn fastapi_app:app`. `motionkit worker` makes the albums.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse
from pydantic import StringConstraints

import motionkit as mk
from motionkit import errors

DANCE = Path("dance.mp4")
VIDEOS = Path("videos")
PICTURES = Path("pictures")
ALBUMS = Path("albums")
log = logging.getLogger("shop")


class Deliveries:
    """One task per unfinished order: it waits for the video and stores it."""

    def __init__(self, client: mk.AsyncClient, group: asyncio.TaskGroup) -> None:
        self._client = client
        self._group = group
        self._running: set[str] = set()

    def start(self, key: str) -> None:
        """Deliver an order, unless that is under way already."""
        if key not in self._running:
            self._running.add(key)
            self._group.create_task(self._deliver(key))

    async def _deliver(self, key: str) -> None:
        client = self._client
        try:
            entry = client.jobs.get(key)
            job = entry.job
            if job is None:  # the last process ended in the middle of the submit
                job = await asyncio.to_thread(client.jobs.resume, entry)
            result = await client.wait(job, timeout=timedelta(days=1))
            await client.download(result, VIDEOS / f"{key}.mp4", overwrite=True)
        except mk.MotionKitError as error:  # the journal keeps the job: the next start goes on
            log.warning("%s is not delivered: %s", key, error)
        finally:
            self._running.discard(key)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make one client for the process, and resume what the last process left unfinished."""
    # The client closes first: that ends every wait, so that the tasks end too. The jobs run on.
    async with asyncio.TaskGroup() as group, mk.AsyncClient() as client:
        app.state.client = client
        app.state.deliveries = Deliveries(client, group)
        for entry in client.jobs.list(open_only=True):
            if entry.key.startswith("order-"):  # the others are the workers'
                app.state.deliveries.start(entry.key)
        yield


app = FastAPI(lifespan=lifespan)


# --8<-- [start:submit]
@app.put("/orders/{number}", status_code=202)
async def submit(number: int, request: Request) -> dict[str, str]:
    """Submit an order's video. The body is the picture; the answer does not wait for the video."""
    wanted = mk.Mimic(image=await request.body(), video=DANCE, quality="540p")
    key = f"order-{number}"  # the second click has the same key: it gets the same job
    await request.app.state.client.submit(wanted, key=key, max_usd="2.50", wait_for_slot=0)
    request.app.state.deliveries.start(key)
    return {"state": "submitted"}


@app.get("/orders/{number}")
async def show(number: int, request: Request) -> dict[str, Any]:
    """Say how far an order is. This reads the journal: nothing is sent to the vendor."""
    entry = _entry(number, request)
    return {"state": entry.state.value, "ready": entry.delivered is not None}


@app.get("/orders/{number}/video")
async def video(number: int, request: Request) -> FileResponse:
    """Return the video."""
    entry = _entry(number, request)
    if entry.delivered is None:
        raise HTTPException(404, "there is no video yet")
    return FileResponse(entry.delivered, media_type="video/mp4")


# --8<-- [end:submit]
def _entry(number: int, request: Request) -> Any:
    key = f"order-{number}"
    try:
        entry = request.app.state.client.jobs.get(key)
    except errors.InvalidRequest:
        raise HTTPException(404, "there is no such order") from None
    if entry.key != key:  # `get` also takes the beginning of a key: order-1 of order-17
        raise HTTPException(404, "there is no such order")
    return entry


# --8<-- [start:albums]
Name = Annotated[str, InPath(pattern=r"^[\w-]{1,64}$")]
Picture = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}\.(jpg|png)$")]  # never a path


@app.put("/albums/{name}", status_code=202)
async def plan(name: Name, pictures: list[Picture]) -> dict[str, str]:
    """Order a video of each picture. Workers make them; the same album again is the same batch."""
    rows = [{"image": PICTURES / one, "video": DANCE, "quality": "540p"} for one in pictures]
    async with await mk.AsyncBatch.plan(rows, out=ALBUMS / name, max_usd="250") as batch:
        return {"batch": batch.batch.id}


@app.get("/batches/{batch}")
async def progress(batch: str) -> dict[str, Any]:
    """Say how far an album is, and when it is expected to end. Nothing is sent."""
    async with await mk.AsyncBatch.get(batch) as found:
        now = await found.progress()
    counts = {state.value: count for state, count in now.counts.items() if count}
    return {"finished": now.finished, "items": counts, "ends": now.ends}


@app.get("/batches/{batch}/results")
async def results(batch: str) -> list[dict[str, Any]]:
    """Return what became of each picture."""
    async with await mk.AsyncBatch.get(batch) as found:
        return [
            {"key": one.key, "state": one.state, "file": one.file, "error": one.error}
            async for one in found.results()
        ]


# --8<-- [end:albums]
# --8<-- [start:errors]
CUSTOMERS = (errors.InvalidRequest, errors.MediaRejected, errors.ContentBlocked)
"""What the customer can mend: with another picture, say."""


@app.exception_handler(mk.MotionKitError)
async def refuse(_: Request, error: mk.MotionKitError) -> Response:
    """Answer what `submit` raised."""
    if error.billed is not mk.Billed.NO:
        # It may have been bought. It is never submitted anew automatically: `motionkit reconcile`.
        log.error("%s", error)
        return JSONResponse({"state": "uncertain"}, 202)
    if isinstance(error, CUSTOMERS):
        return JSONResponse({"error": error.message}, 422)
    log.error("%s", error)  # ours: a key, credits, a budget, or a vendor that is busy or down
    headers = {"Retry-After": f"{error.retry_after or 30:.0f}"}
    return JSONResponse({"error": "try again later; nothing was bought"}, 503, headers)


# --8<-- [end:errors]
# --8<-- [start:webhook]
@app.post("/webhooks/{account}")
async def webhook(account: str, request: Request) -> Response:
    """Receive a vendor's webhook: whoever waits for that job is told, and stops polling."""
    try:
        delivery = await request.app.state.client.parse_webhook(
            account, request.headers, await request.body()
        )
    except errors.SignatureError:
        return Response("signature", 401)
    return Response(delivery.acknowledgement)


# --8<-- [end:webhook]
