"""Past purchases: list, find, resume and reconcile them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import attrs

from motionkit import http
from motionkit import provider as adapters
from motionkit._support.displayed import Displayed
from motionkit._support.text import is_name
from motionkit.errors import Billed, InvalidRequest, MotionKitError, SubmitUncertain
from motionkit.journal import Filter, Journal, OnCorrupt, PurchaseRecord
from motionkit.model.job import Job, KeyState, State
from motionkit.model.labels import check_labels
from motionkit.model.listing import Listing
from motionkit.model.moments import Since, moment
from motionkit.model.money import Cost, CostBasis, Unit, amount

if TYPE_CHECKING:
    from motionkit.journal import Prunable
    from motionkit.model.rating import Rated, Rating
    from motionkit.purchase.submit import Submitters

Assumption = Literal["lost", "charged"]

_STANDS: Mapping[State | KeyState, str] = {
    KeyState.REFUSED: "was refused",
    State.QUEUED: "is queued",
    State.RUNNING: "is running",
    State.UNKNOWN: "has a job whose state is unknown",
    State.SUCCEEDED: "has succeeded",
    State.FAILED: "has failed",
    State.BLOCKED: "was blocked",
    State.GONE: "is gone",
}


_STATES = tuple(state.value for kind in (KeyState, State) for state in kind)
_PAGE = 500
"""Purchases that are read at once."""
_SLACK = 60.0
"""Seconds by which an age may be shorter than `remember`: reading the list takes time."""

AnyState = State | KeyState | str
"""A state of a purchase, or its stored name: ``failed``."""


class JobFilters(TypedDict, total=False):
    """Which purchases of the journal are meant.

    Attributes:
        state: In this state, or in one of these: `State`, `KeyState`, or a name such as
            ``failed``. ``uncertain`` means whatever may have arrived.
        since: Submitted since then: an age such as ``30d`` or ``12h`` or a timedelta, a date, or a
            time; in UTC where no zone is named.
        account: The account that it was last sent to.
        route: The route that chose its target.
        batch: The batch that it was made for, by its id.
        label: Labels that it has, all of them.
        search: A text in its key, request, target, labels, vendor status, error or file's path, or
            its job's id. A to Z are found in either case.
    """

    state: AnyState | Iterable[AnyState]
    since: Since
    account: str
    route: str
    batch: str
    label: Mapping[str, str]
    search: str


@attrs.frozen(repr=False)
class Reconciled(Displayed):
    """The result of reconciling an uncertain purchase.

    Attributes:
        entry: The purchase now.
        job: Its job, when one was found.
        candidates: Jobs in the vendor's history that match it and belong to no purchase here.
        usage: The vendor's charges since the submit, as it words them.
        notes: Which evidence could not be read, and why.
    """

    entry: PurchaseRecord
    job: Job | None = None
    candidates: tuple[Job, ...] = ()
    usage: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


@attrs.frozen(eq=False, repr=False)
class Jobs:
    """The purchases in the journal; `Client.jobs` is one of these."""

    _journal: Journal
    _submitters: Callable[[], Submitters]

    def list(
        self,
        *,
        open_only: bool = False,
        limit: int | None = None,
        on_corrupt: OnCorrupt | None = None,
        **filters: Unpack[JobFilters],
    ) -> Listing[PurchaseRecord]:
        """Return purchases, oldest first.

        Args:
            open_only: Only those that are unfinished: running, uncertain or not downloaded.
            limit: Only that many of them, the newest; all when None. `each` reads many without
                holding them all in memory.
            on_corrupt: Called with the error of each purchase that is corrupt in the journal, and
                left out. None raises it.
            **filters: Which of them; see `JobFilters`. All conditions hold together.

        Raises:
            InvalidRequest: `limit` is no positive number, or a filter cannot be read.
            JournalError: The journal cannot be read, or a purchase is corrupt.

        Examples:
            >>> client.jobs.list(state="failed", since="7d", limit=50)
            >>> client.jobs.list(on_corrupt=lambda error: print(error.message))
            >>> client.jobs.list(account="studio", label={"project": "spring"})
        """
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            raise InvalidRequest.expected("limit", limit, "a whole number")
        if limit is not None and limit < 1:
            raise InvalidRequest(
                f"limit is {limit}", field="limit", value=str(limit), limit="at least 1"
            )
        found = self._journal.entries(
            self._filter(open_only, **filters), newest=limit, on_corrupt=on_corrupt
        )
        return Listing(found, kind=PurchaseRecord, title="jobs")

    def each(
        self,
        *,
        open_only: bool = False,
        on_corrupt: OnCorrupt | None = None,
        **filters: Unpack[JobFilters],
    ) -> Iterator[PurchaseRecord]:
        """Yield purchases, oldest first, as they are read from the journal; as in `list`."""
        return self._journal.each(self._filter(open_only, **filters), on_corrupt)

    def count(self, *, open_only: bool = False, **filters: Unpack[JobFilters]) -> int:
        """Return how many purchases `list` would return without a limit."""
        return self._journal.count(self._filter(open_only, **filters))

    def _filter(
        self,
        open_only: bool,
        *,
        state: AnyState | Iterable[AnyState] | None = None,
        since: Since | None = None,
        account: str | None = None,
        route: str | None = None,
        batch: str | None = None,
        label: Mapping[str, str] | None = None,
        search: str | None = None,
    ) -> Filter:
        texts = {"account": account, "route": route, "batch": batch, "search": search}
        for name, text in texts.items():
            if text is not None and not (isinstance(text, str) and is_name(text)):
                raise InvalidRequest.expected(name, text, "text in UTF-8 without NUL")
        return Filter(
            open_only=open_only,
            states=None if state is None else _states(state),
            since=None if since is None else moment("since", since, self._journal.now()),
            labels={} if label is None else check_labels(label),
            **texts,
        )

    def of_keys(self, keys: Sequence[str]) -> Sequence[PurchaseRecord]:
        """Return the purchases of whole keys, in their order; unknown ones are left out.

        Examples:
            >>> for record in client.jobs.of_keys(["order-17", "order-18"]):
            ...     print(record.key, record.state.value)
        """
        return self._journal.listed(list(keys))

    def ambiguous(self, beginnings: Sequence[str]) -> set[str]:
        """Return those texts with which more than one key begins."""
        return self._journal.ambiguous(beginnings)

    def get(self, reference: str) -> PurchaseRecord:
        """Return the purchase that a key, the beginning of one, or a job id names.

        A key whose job failed and was paid for again names the job that was paid last.

        Raises:
            InvalidRequest: Nothing matches, or several do.
        """
        if not isinstance(reference, str):
            raise InvalidRequest.expected("reference", reference, "text")
        if not is_name(reference):
            raise InvalidRequest(
                f"no job matches {reference!r}",
                field="reference",
                limit="text in UTF-8 without NUL",
            )
        entry = self._journal.find(reference)
        by_id = any(one.job and one.job.id == reference for one in entry.attempts)
        return entry if by_id else self.paid_last(entry)

    def candidates(self, reference: str, limit: int = 20) -> Sequence[PurchaseRecord]:
        """Return the purchases whose key begins so, or whose job has that id.

        Args:
            reference: The beginning of a key, or a job's id.
            limit: How many at most.
        """
        if not isinstance(reference, str) or not is_name(reference):
            return []
        return self._journal.candidates(reference, limit)

    def paid_last(self, entry: PurchaseRecord) -> PurchaseRecord:
        """Return the newest paid retry of a purchase, where there is one that may have bought."""
        if entry.state not in {State.FAILED, State.GONE}:
            return entry
        later = [
            one
            for one in self._journal.retries(entry.key)
            if one.request == entry.request and one.state is not KeyState.REFUSED
        ]
        return later[-1] if later else entry

    def resume(self, entry: PurchaseRecord) -> Job:
        """Return a purchase's job; resolve an interrupted submit first. Never submits a new one.

        Raises:
            SubmitUncertain: It is unknown whether the submit arrived.
        """
        _check(entry)
        if entry.job is not None:
            return entry.job
        attempt = entry.attempts[-1]
        submitter = self._submitters().of(attempt.account)
        if submitter.provider.fingerprint != attempt.fingerprint:
            raise SubmitUncertain(
                f"{entry.key} was submitted with a different API key or base URL than account "
                f"{attempt.account!r} uses now, and may have arrived there",
                key=entry.key,
                account=attempt.account,
            )
        return submitter.settle(entry)

    def cancel_unsent(self, entry: PurchaseRecord) -> PurchaseRecord:
        """Cancel a purchase of which nothing has left; free of charge. Sends nothing.

        A command that is about to submit it, or waits to submit it again, gives up.

        Returns:
            The purchase now. It has a job where another process was faster.

        Raises:
            SubmitUncertain: A submit of it may have arrived; only its job can be cancelled.
            InvalidRequest: It was resolved before.
        """
        from motionkit.purchase.submit import not_sent  # noqa: PLC0415 - who lists jobs sends none

        _check(entry)
        while entry.job is None:
            attempt = entry.attempts[-1]
            error = not_sent(entry.key, attempt.account)
            if entry.state is KeyState.REFUSED and not entry.ambiguous:
                # Also where it was cancelled before: another command may submit it again now.
                self._journal.cancelled(entry, error)
            elif entry.unsent:
                self._journal.unsent(attempt, error)
            elif isinstance(entry.state, State):
                raise InvalidRequest(
                    f"{entry.key} {_STANDS[entry.state]} and has no job to cancel",
                    field="job",
                    value=entry.key,
                )
            else:
                raise SubmitUncertain(
                    f"{entry.key} has no job yet, and its submit may have arrived: there is "
                    "nothing to cancel before its job is known",
                    key=entry.key,
                    account=attempt.account,
                    hint="client.jobs.resume looks for its job; then cancel it",
                )
            entry = self._journal.entry(entry.key)
            if entry.cancelled:
                break
        return entry

    def reconcile(
        self, entry: PurchaseRecord, *, assume: Assumption | None = None, adopt: str | None = None
    ) -> Reconciled:
        """Resolve a purchase of which it is unknown whether it was bought.

        Args:
            entry: The purchase.
            assume: Resolve it manually: ``lost`` (nothing was bought; it may be submitted again)
                or ``charged`` (it was paid, and its result cannot be had).
            adopt: The vendor's id of its job; one of the candidates.

        Returns:
            The job where the vendor's evidence resolves it, else the evidence.

        Raises:
            InvalidRequest: The purchase is not uncertain, or `adopt` names none of the candidates.
        """
        _check(entry)
        if entry.state not in {KeyState.INTENDED, KeyState.UNCERTAIN}:
            raise InvalidRequest(
                f"{entry.key} {_STANDS[entry.state]}; there is nothing to reconcile",
                field="key",
                value=entry.key,
            )
        if assume is not None:
            return self._assume(entry, assume)
        try:
            job = self.resume(entry)
        except SubmitUncertain as error:
            return self._evidence(entry, adopt, error)
        except MotionKitError as error:
            if error.billed is not Billed.NO:
                raise
            return Reconciled(self._journal.entry(entry.key), notes=(error.message,))
        return Reconciled(self._journal.entry(entry.key), job)

    def _assume(self, entry: PurchaseRecord, assume: Assumption) -> Reconciled:
        quote = entry.quote
        cost = None
        if assume == "charged":
            likely = quote.likely if quote and quote.likely is not None else Decimal(0)
            unit = quote.unit if quote else Unit.USD
            cost = Cost(likely, unit, quote.usd_likely if quote else None, CostBasis.ASSUMED)
        resolved = SubmitUncertain(
            f"resolved manually as {assume}",
            key=entry.key,
            billed=Billed.YES if cost else Billed.NO,
            hint="",
        )
        self._journal.assumed(entry, resolved, cost)
        return Reconciled(self._journal.entry(entry.key))

    # Clean up.

    def forget(self, entry: PurchaseRecord) -> PurchaseRecord:
        """Give up a purchase that is uncertain, or whose file was not downloaded; send nothing.

        It is no longer unfinished: `resume` leaves it alone, and an identical request is submitted
        anew. What it cost stays. One that may have arrived counts as charged from then on, as with
        ``reconcile(entry, assume="charged")``; one that never left costs nothing. A file that was
        given up can still be downloaded while the vendor keeps it.

        Args:
            entry: The purchase.

        Returns:
            The purchase now.

        Raises:
            InvalidRequest: Its job still runs or is being submitted, its file is there, it has
                ended without one, or it is no longer in the state that `entry` has.
        """
        _check(entry)
        seen, entry = entry, self._journal.entry(entry.key)
        if entry.state is not seen.state:  # the user has decided about another state
            raise InvalidRequest(
                f"{entry.key} is {entry.state.value} by now, no longer {seen.state.value}; it was "
                "not given up",
                field="key",
                value=entry.key,
            )
        if entry.state in {KeyState.INTENDED, KeyState.UNCERTAIN}:
            return self._forget_submit(entry)
        if entry.state is not State.SUCCEEDED or entry.delivered is not None:
            what = "its file is downloaded" if entry.delivered else _STANDS[entry.state]
            raise InvalidRequest(
                f"{entry.key} {what}; there is nothing to give up"
                if not entry.open
                else f"{entry.key} {what}; only what is uncertain or not downloaded is given up",
                field="key",
                value=entry.key,
            )
        self._journal.forget(entry)
        return self._journal.entry(entry.key)

    def _forget_submit(self, entry: PurchaseRecord) -> PurchaseRecord:
        self._need_ended(entry)
        unsent = MotionKitError("given up before it was sent", billed=Billed.NO)
        if entry.attempts and self._journal.unsent(entry.attempts[-1], unsent):
            now = self._journal.entry(entry.key)
            if now.state is KeyState.REFUSED:
                return now
        return self._assume(entry, "charged").entry

    def _need_ended(self, entry: PurchaseRecord) -> None:
        """Refuse to give up a submit that is in progress: its job may be known in a moment.

        Raises:
            InvalidRequest: A process, this one or another, is submitting it.
        """
        from motionkit.purchase.submit import in_flight  # noqa: PLC0415 - as in `cancel_unsent`

        attempt = entry.attempts[-1]
        if in_flight(attempt.id) or (
            entry.state is KeyState.INTENDED and self._journal.alive(attempt)
        ):
            raise InvalidRequest(
                f"{entry.key} is being submitted now; give it up when that has ended",
                field="key",
                value=entry.key,
            )

    def prunable(self, older_than: Since) -> Prunable:
        """Return what `prune` would take out of the journal.

        Raises:
            InvalidRequest: As from `prune`.
        """
        return self._journal.prunable(self._before(older_than))

    def prune(self, older_than: Since) -> Prunable:
        """Take old finished purchases out of the journal.

        Those are: delivered or given up, or ended without a file (failed, blocked, gone, refused);
        and unchanged for that long. Unfinished and uncertain ones stay, and so do those of batches.
        What they came to stays in `Client.spend` and in budgets, and their keys stay taken; the
        request, the file's name and the job's id are gone.

        Args:
            older_than: An age such as ``90d``, a timedelta, or a moment. At least ``remember`` of
                ``[defaults]``: until then an identical request returns the old job.

        Returns:
            What was taken out.

        Raises:
            InvalidRequest: It is no age or moment, or too young.
            JournalError: The journal cannot be written.
        """
        return self._journal.prune(self._before(older_than))

    def pruned(self) -> int:
        """Return how many purchases were pruned from the journal."""
        return self._journal.pruned()

    def _before(self, older_than: Since) -> float:
        now = self._journal.now()
        before = moment("older_than", older_than, now)
        remember = self._submitters().config.defaults.remember
        if before > now - remember + _SLACK:
            raise InvalidRequest(
                f"older_than: {older_than} is less than remember = {remember:.0f} s, within which "
                "an identical request returns its job instead of buying again",
                field="older_than",
                value=str(older_than),
                limit=f"at least {remember:.0f} s",
            )
        return before

    # Ratings.

    def rate(
        self, key: str, stars: int, *, note: str = "", rated_at: dt.datetime | None = None
    ) -> Rating:
        """Write a person's rating of a result into the journal, free of charge. Nothing is sent.

        Args:
            key: The purchase: its key, the beginning of it, or its job's id.
            stars: 1 to 5; 5 is the best.
            note: At most 2,000 characters.
            rated_at: When, with its zone; now when None.

        Returns:
            The purchase's rating now: a newer one in the journal stays.

        Raises:
            InvalidRequest: A value is not allowed, nothing matches the key, or the purchase has no
                result.
            JournalError: The journal cannot be written.

        Examples:
            >>> client.jobs.rate("order-17", 4, note="the left hand slips at 0:03")
            >>> print(client.jobs.ratings()[-1].stars)
        """
        from motionkit.model.rating import Rating  # noqa: PLC0415 - few rate

        when = {} if rated_at is None else {"rated_at": rated_at}
        record = self.get(key)
        rating = Rating(record.key, stars, note, **when)
        self._journal.rate([(rating, _rateable(record))])
        return self._journal.ratings_of([record.key])[record.key]

    def rate_all(self, ratings: Iterable[Rating]) -> Rated:
        """Write many ratings. The same call again changes nothing; a newer one of a key wins.

        Args:
            ratings: Each names the whole key of its purchase.

        Raises:
            InvalidRequest: A key is not in the journal, or its purchase has no result; nothing was
                written.
            JournalError: The journal cannot be written.
        """
        from motionkit.model.rating import Rating  # noqa: PLC0415 - few rate

        given = list(ratings)
        for one in given:
            if not isinstance(one, Rating):
                raise InvalidRequest.expected("ratings", one, "motionkit.Rating, each")
        for key, why in self.unrateable(one.key for one in given).items():
            raise InvalidRequest(f"{key}: {why}", field="key", value=key)
        return self._journal.rate(self._rated(given))

    def _rated(self, given: Sequence[Rating]) -> Iterator[tuple[Rating, PurchaseRecord]]:
        for begin in range(0, len(given), _PAGE):
            page = given[begin : begin + _PAGE]
            records = {one.key: one for one in self._journal.listed([one.key for one in page])}
            yield from ((one, records[one.key]) for one in page if one.key in records)

    def unrateable(self, keys: Iterable[str]) -> dict[str, str]:
        """Return those keys whose purchase cannot be rated, and why.

        Args:
            keys: Whole keys.
        """
        wanted, found = list(dict.fromkeys(keys)), dict[str, str]()
        for begin in range(0, len(wanted), _PAGE):
            page = wanted[begin : begin + _PAGE]
            records = {one.key: one for one in self._journal.listed(page)}
            for key in page:
                record = records.get(key)
                if record is None:
                    found[key] = "the journal does not have it"
                elif record.state is not State.SUCCEEDED:
                    found[key] = f"it has no result: it is {record.state.value}"
        return found

    def rating(self, key: str) -> Rating | None:
        """Return the rating of the purchase with that whole key; None where there is none."""
        return self._journal.ratings_of([key]).get(key)

    def ratings_of(self, keys: Sequence[str]) -> Mapping[str, Rating]:
        """Return the ratings of those of these purchases that have one, by their whole key."""
        return self._journal.ratings_of(keys)

    def ratings(self, *, open_only: bool = False, **filters: Unpack[JobFilters]) -> Listing[Rating]:
        """Return the ratings of purchases, the newest rating last; the filters are as in `list`."""
        from motionkit.model.rating import Rating  # noqa: PLC0415 - few rate

        found = self._journal.ratings(self._filter(open_only, **filters))
        return Listing(found, kind=Rating, title="ratings")

    def _evidence(
        self, entry: PurchaseRecord, adopt: str | None, error: SubmitUncertain
    ) -> Reconciled:
        attempt = entry.attempts[-1]
        submitter = self._submitters().of(attempt.account)
        provider = submitter.provider
        since = attempt.first_sent or entry.created
        candidates: tuple[Job, ...] = ()
        usage: tuple[Mapping[str, Any], ...] = ()
        notes = [error.message]
        try:
            if isinstance(provider, adapters.SearchesHistory):
                candidates = submitter.candidates(provider, submitter.searched(attempt), since)
            if isinstance(provider, adapters.ShowsUsage):
                if before := attempt.submission.before:
                    usage = (before,)
                found = http.with_retries(lambda: provider.usage(since))
                if before and found:
                    notes.append(_changes(before, found[0]))
                usage = (*usage, *found)
        except MotionKitError as failure:
            notes.append(f"the vendor's evidence could not be read: {failure.message}")
        if adopt is None:
            entry = self._journal.entry(entry.key)
            return Reconciled(entry, None, candidates, usage, tuple(notes))
        chosen = [job for job in candidates if job.id == adopt]
        if not chosen:
            known = ", ".join(job.id for job in candidates) or "none"
            raise InvalidRequest(
                f"no candidate has the id {adopt!r}", field="adopt", value=adopt, limit=known
            )
        job = submitter.adopt(attempt, chosen[0])
        return Reconciled(self._journal.entry(entry.key), job)


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return which numbers of an account have changed since before a submit, in a sentence."""
    one, other = dict(_numbers(before)), dict(_numbers(now))
    changed = [
        f"{name} {one.get(name, 0)} to {other.get(name, 0)}"
        for name in {**one, **other}
        if one.get(name, 0) != other.get(name, 0)
    ]
    return (
        f"since before the submit: {', '.join(changed) or 'no number of the account has changed'}"
    )


def _numbers(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Decimal]]:
    """Yield the numbers in a record, by their dotted names; the journal keeps fractions as text."""
    for name, one in value.items():
        if isinstance(one, Mapping):
            yield from _numbers(one, f"{path}{name}.")
        elif (number := amount(one)) is not None:
            yield f"{path}{name}", number


def _rateable(record: PurchaseRecord) -> PurchaseRecord:
    """Return a purchase that has a result.

    Raises:
        InvalidRequest: It has none.
    """
    if record.state is not State.SUCCEEDED:
        raise InvalidRequest(
            f"{record.key} {_STANDS.get(record.state, 'is ' + record.state.value)}; only a result "
            "is rated",
            field="key",
            value=record.key,
            limit="a job that has succeeded",
        )
    return record


def _states(given: object) -> tuple[str, ...]:
    """Return the stored names of states."""
    several = isinstance(given, Iterable) and not isinstance(given, str)
    found = []
    for one in given if several else [given]:  # type: ignore[attr-defined]  # it is iterable
        value = one.value if isinstance(one, State | KeyState) else one
        if not isinstance(value, str) or value not in _STATES:
            raise InvalidRequest.expected("state", value, f"one of {', '.join(_STATES)}")
        found.append(value)
    return tuple(found)


def _check(entry: object) -> None:
    if not isinstance(entry, PurchaseRecord):
        wanted = "a purchase record, as jobs.get and jobs.list return it"
        raise InvalidRequest.expected("entry", entry, wanted)
