"""The platform's API: the request history, prices, balance and charges of an account.

Vendor documentation: https://fal.ai/docs/platform-apis
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from motionkit.errors import InvalidRequest, JobNotFound, MotionKitError
from motionkit.model.job import Job, Status, utcnow
from motionkit.model.money import Cost, CostBasis, Unit, amount
from motionkit.model.submission import Call, Found, NotSeen, Submission
from motionkit.provider import (
    ListedPrice,
    Phase,
    has_input,
    moment,
    only_match,
    path_id,
    read_pages,
    succeeded,
)
from motionkit_fal._wire import Failure, ended, failure_of, files_of

log = logging.getLogger("motionkit")

_REQUESTS = "/v1/models/requests/by-endpoint"
_PRICING = "/v1/models/pricing"
_EVENTS = "/v1/models/billing-events"
_PER_PAGE = 100
_PAGES = 20
_CLOCK_SKEW = dt.timedelta(minutes=2)


def platform(path: str, query: Mapping[str, str]) -> Call:
    """Return a read of the platform's API."""
    return Call("GET", path, origin="platform", query=query)


@attrs.define
class Platform:
    """One account's requests, which are kept for 30 days with their input, prices and charges.

    Attributes:
        send: Sends a call of this account, and returns the response's object.
        fingerprint: The account's fingerprint.
        asks: Whether unit prices are looked up for the cost of jobs.
    """

    send: Callable[[Call, Phase], Mapping[str, Any]]
    fingerprint: str
    asks: bool
    _units: dict[str, Decimal] = attrs.field(factory=dict, init=False)

    def find(self, submission: Submission, since: float) -> Found | NotSeen:
        """Search for the request whose input equals this submission's.

        Only an input with an address that this submission alone has (its token) is unique;
        otherwise matches are candidates. So they are where the history has more pages than are
        read.
        """
        start = dt.datetime.fromtimestamp(since, dt.UTC) - _CLOCK_SKEW
        rows, complete = self._requests(submission.model, start, Phase.FIND, limit=_PER_PAGE)
        jobs = (self._same(row, submission, start) for row in rows)
        return only_match(jobs, submission, complete=complete)

    def _same(
        self, row: Mapping[str, Any], submission: Submission, start: dt.datetime
    ) -> Job | None:
        """Return the job of a row whose input equals this submission's."""
        request_id, when = path_id(row.get("request_id")), moment(row.get("sent_at"))
        same = has_input(row.get("json_input"), submission.call.json)
        if request_id is None or not same or (when or start) < start:
            return None
        return submission.job(request_id, fingerprint=self.fingerprint, attempt_id="")

    def look_up(self, job: Job) -> Status | None:
        """Return the status of a job that ended; None if the history does not say that it did."""
        start = job.submitted_at - dt.timedelta(days=1)
        try:
            rows, _ = self._requests(job.model, start, Phase.POLL, request_id=job.id)
        except JobNotFound:
            return None
        row = next((row for row in rows if row.get("request_id") == job.id), {})
        status, output = row.get("status_code"), row.get("json_output")
        if type(status) is not int or not isinstance(output, Mapping):
            return None
        if status < 400:
            files = files_of(output)
            return succeeded(job, files, str(status), row, late=True) if files else None
        return ended(Failure(), failure_of(output), status, word=str(status), raw=row)

    def cost(self, model: str, units: Decimal | None) -> Cost | None:
        """Return the charge of a run's billable units; None if its price is not known.

        The account's price of a unit is read once for each model. A result does not depend on it.
        """
        if units is None:
            return None
        if self.asks and model not in self._units:
            try:
                listed = self.listed([model])
            except MotionKitError as error:
                log.info("no unit price of %s, so its cost is the quote: %s", model, error.message)
                return None
            self._units |= {name: price.amount for name, price in listed.items()}
        if (price := self._units.get(model)) is None:
            return None
        return Cost(units * price, Unit.USD, units * price, CostBasis.REPORTED)

    def listed(self, models: list[str]) -> dict[str, ListedPrice]:
        """Return the price list of models: one unit price each, without its tiers."""
        found: dict[str, ListedPrice] = {}
        for model in models:
            try:
                query = {"endpoint_id": model}
                rows, _ = self._pages(_PRICING, query, "prices", Phase.BALANCE)
            except InvalidRequest:  # no such endpoint any more
                continue
            for row in rows:
                price = amount(row.get("unit_price"))
                named = row.get("endpoint_id") == model and row.get("currency") == "USD"
                if named and price is not None:
                    found[model] = ListedPrice(price, str(row.get("unit")))
        return found

    def charges(self, since: float) -> tuple[Mapping[str, Any], ...]:
        """Return the charges since then (epoch seconds), as the vendor's rows."""
        start = dt.datetime.fromtimestamp(since, dt.UTC) - _CLOCK_SKEW
        rows, _ = self._pages(_EVENTS, _window(start), "billing_events", Phase.BALANCE)
        return tuple(rows)

    def _requests(
        self, model: str, start: dt.datetime, phase: Phase, **more: Any
    ) -> tuple[list[Mapping[str, Any]], bool]:
        query = {"endpoint_id": model, **_window(start), "expand": "payloads"}
        return self._pages(
            _REQUESTS, query | {name: str(one) for name, one in more.items()}, "items", phase
        )

    def _pages(
        self, path: str, query: Mapping[str, str], name: str, phase: Phase
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """Return the rows of a list, and whether these are all of its pages."""

        def fetch(cursor: str | None) -> tuple[Any, str | None, bool]:
            more = {} if cursor is None else {"cursor": cursor}
            content = self.send(platform(path, {**query, **more}), phase)
            after = content.get("next_cursor")
            after = after if isinstance(after, str) and after else None
            return content.get(name), after, bool(after or content.get("has_more"))

        return read_pages(fetch, _PAGES)


def _window(start: dt.datetime) -> dict[str, str]:
    """Return the hours from a moment until now; no page says which of a row's times they bound."""
    hours = {"start": start, "end": utcnow() + dt.timedelta(hours=2)}
    return {
        name: one.replace(minute=0, second=0, microsecond=0).isoformat()
        for name, one in hours.items()
    }
