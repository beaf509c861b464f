"""Views of a shop that animates its customers' pictures: one video per order, paid once.

The web processes submit and read the journal. Another process, `motionkit resume`, waits and
downloads.
"""

import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.functional import SimpleLazyObject
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

import motionkit as mk
from motionkit import errors

log = logging.getLogger("shop")
client: Any = SimpleLazyObject(mk.Client)  # one per process, made by the first request


# --8<-- [start:submit]
@require_POST
def submit(request: HttpRequest, number: int) -> HttpResponse:
    """Submit an order's video; the answer does not wait for the video."""
    wanted = mk.Mimic(image=request.FILES["picture"].read(), video=settings.DANCE, quality="540p")
    try:
        client.submit(
            wanted,
            key=f"order-{number}",  # the second click has the same key: it gets the same job
            max_usd="2.50",
            wait_for_slot=0,
            out=settings.VIDEOS / f"order-{number}.mp4",  # where `motionkit resume` puts it
        )
    except mk.MotionKitError as error:
        return _refuse(error)
    return JsonResponse({"state": "submitted"}, status=202)


@require_GET
def show(_: HttpRequest, number: int) -> HttpResponse:
    """Say how far an order is. This reads the journal: nothing is sent to the vendor."""
    entry = _entry(number)
    return JsonResponse({"state": entry.state.value, "ready": entry.delivered is not None})


@require_GET
def video(_: HttpRequest, number: int) -> FileResponse:
    """Return the video."""
    entry = _entry(number)
    if entry.delivered is None:
        raise Http404("there is no video yet")
    return FileResponse(Path(entry.delivered).open("rb"), content_type="video/mp4")


# --8<-- [end:submit]
def _entry(number: int) -> Any:
    key = f"order-{number}"
    try:
        entry = client.jobs.get(key)
    except errors.InvalidRequest:
        raise Http404("there is no such order") from None
    if entry.key != key:  # `get` also takes the beginning of a key: order-1 of order-17
        raise Http404("there is no such order")
    return entry


def _refuse(error: mk.MotionKitError) -> JsonResponse:
    if error.billed is not mk.Billed.NO:
        # It may have been bought. It is never submitted anew automatically: `motionkit reconcile`.
        log.error("%s", error)
        return JsonResponse({"state": "uncertain"}, status=202)
    if isinstance(error, errors.InvalidRequest | errors.MediaRejected | errors.ContentBlocked):
        return JsonResponse({"error": error.message}, status=422)
    log.error("%s", error)  # ours: a key, credits, a budget, or a vendor that is busy or down
    headers = {"Retry-After": f"{error.retry_after or 30:.0f}"}
    told = {"error": "try again later; nothing was bought"}
    return JsonResponse(told, status=503, headers=headers)


# --8<-- [start:webhook]
@csrf_exempt
@require_POST
def webhook(request: HttpRequest, account: str) -> HttpResponse:
    """Receive a vendor's webhook: whoever waits for that job is told, and stops polling."""
    try:
        delivery = client.parse_webhook(account, request.headers, request.body)
    except errors.SignatureError:
        return HttpResponse("signature", status=401)
    return HttpResponse(delivery.acknowledgement)


# --8<-- [end:webhook]
urlpatterns = [
    path("orders/<int:number>", show),
    path("orders/<int:number>/submit", submit),
    path("orders/<int:number>/video", video),
    path("webhooks/<str:account>", webhook),
]
