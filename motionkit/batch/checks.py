"""Check the rows of a batch: each must be a request that a target takes, and be new or the same."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from motionkit._support.text import is_text
from motionkit.batch import cells
from motionkit.batch.inputs import Input, Problems, Row, matrix
from motionkit.batch.plan import Plan, TargetPlan, batch_id
from motionkit.batch.tables import Batches, BatchRecord, Item, ItemState, same_key
from motionkit.client import Choose, Client, Expected, expected_target
from motionkit.errors import ConfigError, InvalidRequest, MotionKitError
from motionkit.http import wrong_ending
from motionkit.journal import DEFAULT_SECONDS, retried
from motionkit.model import probe
from motionkit.model.job import Job, State
from motionkit.model.labels import check_labels
from motionkit.model.media import Ref
from motionkit.model.probe import Facts
from motionkit.model.request import Request, argument

_REMEMBERED = 20_000
"""Files and requests that are remembered; one that comes again later is read again."""
_LONGEST_KEY = 200
_KEYS = 500
"""Keys that one query looks up."""
_WARNINGS = 20
"""Different warnings that a plan lists."""


def _added(plan: TargetPlan, one: Expected) -> TargetPlan:
    """Return a target's plan with one item more."""
    quote, seconds = one.quote, one.seconds or DEFAULT_SECONDS
    likely = None if quote is None else quote.usd_likely
    high = None if quote is None else quote.usd_high
    return attrs.evolve(
        plan,
        items=plan.items + 1,
        low=plan.low + ((quote.usd_low if quote else None) or Decimal(0)),
        likely=plan.likely + (likely or Decimal(0)),
        high=None if plan.high is None or high is None else plan.high + high,
        unknown=plan.unknown + (likely is None),
        seconds=plan.seconds + seconds,
        longest=max(plan.longest, seconds),
        slots=one.slots,
        sandbox=one.sandbox,
    )


@attrs.frozen
class _Refused:
    """Why no target takes a request."""

    column: str | None
    message: str


_Known = tuple[Expected, str] | _Refused


class Check:
    """Checks rows one after the other, and adds up what they cost."""

    def __init__(
        self,
        client: Client,
        batches: Batches,
        rows: Input,
        *,
        record: BatchRecord | None,
        out: str,
        via: str | None,
        operation: str | None,
        values: Mapping[str, Any],
        labels: Mapping[str, str],
        choose: Choose | None = None,
    ) -> None:
        self._client, self._batches, self._rows, self._record = client, batches, rows, record
        self._out = out
        self._asked_via = via
        self.via = via if record is None else record.via
        self.batch = batch_id(out)
        self._operation, self._values, self._labels = operation, values, labels
        self._choose = choose
        self._problems: Problems = rows.problems
        self._facts: dict[tuple[str, object, bool], Facts | str] = {}
        self._known: dict[tuple[str | None, str], _Known] = {}
        self._keys: dict[str, str] = {}
        self._outs: dict[str, str] = {}
        self._to_look_up: dict[str, tuple[str, str, str, str | None]] = {}
        self._seen: set[bytes] = set()
        self._planned: Iterator[Item] = iter(()) if record is None else batches.items(record.id)
        self._local = "://" not in out
        self.vias: dict[str | None, None] = {}
        self._sums: dict[str, TargetPlan] = {}
        self._no_keys: dict[str, str] = {}
        self._warnings: dict[str, int] = {}
        self._total = self._left = self._repeated = 0
        self._unknown_columns: set[str] = set()
        self._unused = {one for one in values if not cells.is_common(one)}
        """Values for all rows that no row's operation has a field for."""

    def items(self) -> Iterator[str]:
        """Yield each right row as JSON: n, key, request, fingerprint, via, out and labels."""
        for row in self._rows.rows:
            self._total = row.n
            planned = self._before(row.n)
            line = self._checked(row, planned)
            if line is not None:
                yield line
        self._look_up()

    def finish(self) -> None:
        """Raise what was wrong with any row, or with the input as a whole.

        Raises:
            InvalidRows, InvalidRequest: Something was.
        """
        self._problems.raise_if_any(self._rows.name)
        for name in sorted(self._unused if self._total else ()):  # ignored, it would be bought so
            raise InvalidRequest(
                f"{name}: no row's operation has it",
                field=name,
                value=str(self._values[name]),
                limit="a column of a row's operation",
            )
        if not self._total:
            raise InvalidRequest(
                f"{self._rows.name}: there is no row", field="items", value=self._rows.name
            )
        record = self._record
        if record is not None and record.total > self._total:
            raise InvalidRequest(
                f"{self._rows.name} has {self._total:,} rows, and batch {record.id} of "
                f"{record.out} has {record.total:,}: rows can be added at the end, not left out",
                field="items",
                value=self._rows.name,
                hint="use another out for a new batch, or cancel this one",
            )

    def plan(self, max_usd: Decimal | None, used: Decimal) -> Plan:
        """Return the plan."""
        return Plan(
            batch=self.batch,
            out=self._out,
            source=self._rows.name,
            total=self._total,
            left=self._left,
            added=self._total - (0 if self._record is None else self._record.total),
            known=self._record is not None,
            targets=tuple(one for _, one in sorted(self._sums.items())),
            warnings=tuple(self._warnings.items()),
            repeated=self._repeated,
            max_usd=max_usd,
            used=used,
            no_keys=self._no_keys,
        )

    def _before(self, n: int) -> Item | None:
        """Return the item that was planned with a number."""
        item = next(self._planned, None)
        return item if item is not None and item.n == n else None

    def _add(self, row: Row, column: str | None, message: str) -> None:
        self._problems.add(row.place, column, message)

    def _checked(self, row: Row, planned: Item | None) -> str | None:
        count = self._problems.count
        values = {**self._values, **row.values}
        names = {name: values.pop(name, None) for name in cells.COLUMNS}
        labels = self._labels_of(row, values)
        request = self._request(row, names["operation"], values)
        via = self._via(row, names["via"])
        key = self._key(row, names["key"])
        out = self._name(row, names["out"])
        if request is None:
            return None
        if out is not None and (wrong := wrong_ending(Path(out), request.delivers)):
            self._add(row, "out", f"{out!r} {wrong}")
        text = cells.packed(request)
        found = self._expected(row, request, text, via)
        if found is None or self._problems.count > count:
            return None
        one, fingerprint = found
        if out is None:
            out = cells.default_out(row.n, key, request)
        if planned is not None:
            if names["out"] is not None and planned.out != out:
                self._add(row, "out", self._otherwise)
            self._compare(row, planned, text=text, fingerprint=fingerprint, via=via, key=key)
        elif self._local and os.path.lexists(os.path.join(self._out, out)):  # noqa: PTH118
            self._add(row, "out", f"{out!r} exists already in {self._out}")
        elif key is not None:
            self._to_look_up[key] = row.place, fingerprint, text, via
            if len(self._to_look_up) >= _KEYS:
                self._look_up()
        self._count(one, fingerprint, planned)
        stored = None if via == self.via else via
        full = key or f"{self.batch}/{row.n}"
        return json.dumps([row.n, full, text, fingerprint, stored, out, labels]) + "\n"

    def _labels_of(self, row: Row, values: dict[str, Any]) -> dict[str, str]:
        """Take the columns of labels out of a row; return its labels and those of all rows."""
        given = {name: values.pop(name) for name in [*values] if cells.is_common(name)}
        if not given:
            return dict(self._labels)
        own = {name.removeprefix(cells.LABEL): one for name, one in given.items()}
        # A table's numbers: 12 is the label that its reader sees.
        own = {name: str(one) if type(one) is int else one for name, one in own.items()}
        try:
            return check_labels({**self._labels, **own})
        except InvalidRequest as error:
            self._add(row, ", ".join(given), error.message)
            return {}

    def _request(self, row: Row, named: Any, values: Mapping[str, Any]) -> Request | None:
        named = self._operation if named is None else named
        kind = cells.operations().get(str(named).strip())
        if kind is None:
            verbs = ", ".join(sorted({one.verb for one in cells.operations().values()}))
            self._add(row, "operation", f"{str(named)!r} is not one of {verbs}")
            return None
        fields = {one.name for one in attrs.fields(kind)}
        self._unused -= fields
        # A default for all rows is for those whose operation has such a field.
        given = {
            name: value for name, value in values.items() if name in fields or name in row.values
        }
        unknown = {name for name in given if name not in cells.every_column()}
        for name in unknown - self._unknown_columns:
            known = ", ".join([*sorted(fields), *cells.COLUMNS, f"{cells.LABEL}NAME"])
            self._add(row, name, f"there is no such column; known are {known}")
        self._unknown_columns |= unknown
        given = {name: value for name, value in given.items() if name not in unknown}
        request, wrong = cells.make(given, kind, self._rows.folder, self._job)
        for column, message in wrong:
            self._add(row, column, message)
        if request is not None and not unknown:
            return request
        for name, value in cells.media(given, kind, self._rows.folder, self._job):
            self._facts_of(row, name, value)  # a row's problems are all listed at once
        return None

    def _job(self, reference: str) -> Job:
        return succeeded(self._client, reference)

    def _via(self, row: Row, named: Any) -> str | None:
        if named is not None and not isinstance(named, str):
            self._add(row, "via", f"{named!r} is not text")
            return None
        via = self._asked_via if named is None else named.strip()
        self.vias[via] = None
        return via

    def _key(self, row: Row, given: Any) -> str | None:
        if given is None:
            return None
        key = str(given).strip()
        if isinstance(given, bool | float) or not isinstance(given, str | int):
            self._add(row, "key", f"{given!r} is not text")
        elif not is_text(key) or not key.isprintable() or len(key) > _LONGEST_KEY:
            self._add(row, "key", f"expected printable text of at most {_LONGEST_KEY} characters")
        elif retried(key) is not None:
            self._add(row, "key", f"{key!r} ends like a retry; expected no '~' with a number")
        elif key in self._keys:
            self._add(row, "key", f"{key!r} is the key of {self._keys[key]} too")
        else:
            self._keys[key] = row.place
        return key

    def _name(self, row: Row, given: Any) -> str | None:
        if given is None:
            return None
        try:
            name = cells.checked_out(given)
        except (ValueError, TypeError) as error:
            self._add(row, "out", f"{given!r} is not {error}")
            return None
        if re.match(r"([0-9]{4}/)?[0-9]{6}", name):
            self._add(
                row, "out", f"{name!r} begins like the names that a batch gives automatically"
            )
        elif name in self._outs:
            self._add(row, "out", f"{name!r} is the file of {self._outs[name]} too")
        else:
            self._outs[name] = row.place
        return name

    def _inspected(self, row: Row, request: Request) -> tuple[dict[str, Facts], bool]:
        """Return what is known of a request's media, and whether they can be read."""
        facts: dict[str, Facts] = {}
        readable = True
        for name, value in request.media().items():
            found = self._facts_of(row, name, value, details=request.converts)
            readable = readable and found is not None
            facts[name] = found or Facts(value.label, missing="it cannot be read")
        return facts, readable

    def _facts_of(self, row: Row, name: str, value: Ref, *, details: bool = False) -> Facts | None:
        """Return what is known of a medium; None where it cannot be read, which is noted."""
        key = name, value, details
        if key not in self._facts:
            _make_room(self._facts)
            try:
                self._facts[key] = probe.inspect(value, name, details=details)
            except InvalidRequest as error:
                self._facts[key] = error.message.removeprefix(f"{name}: ")
        found = self._facts[key]
        if isinstance(found, str):  # the other fields are checked nevertheless
            self._add(row, argument(name), found)
            return None
        return found

    def _expected(
        self, row: Row, request: Request, text: str, via: str | None
    ) -> tuple[Expected, str] | None:
        """Return where a request goes, and its fingerprint; None where it cannot go."""
        facts, readable = self._inspected(row, request)
        known = self._known.get((via, text))
        if known is None:
            _make_room(self._known)
            known = self._known[via, text] = self._asked(request, via, facts)
        if isinstance(known, _Refused):
            self._add(row, known.column, known.message)
            return None
        return known if readable else None

    def _asked(
        self, request: Request, via: str | None, facts: Mapping[str, Facts]
    ) -> tuple[Expected, str] | _Refused:
        try:
            expected = expected_target(self._client, request, via, facts, self._choose)
            return expected, request.fingerprint(facts)
        except ConfigError as error:
            return _Refused("via", error.message)
        except MotionKitError as error:
            field = getattr(error, "field", None)
            message = error.message.removeprefix(f"{field}: ")
            return _Refused(argument(field) if field else None, message)

    @property
    def _otherwise(self) -> str:
        return f"batch {self.batch} has it otherwise; use another out for a new batch"

    def _compare(
        self,
        row: Row,
        planned: Item,
        *,
        text: str,
        fingerprint: str,
        via: str | None,
        key: str | None,
    ) -> None:
        """Note how a row differs from what was planned for it."""
        otherwise = self._otherwise
        if planned.fingerprint != fingerprint:
            before, now = json.loads(planned.request), json.loads(text)
            names = [one for one in {**before, **now} if before.get(one) != now.get(one)]
            for name in names or [None]:
                what = "" if name else "the content of a file changed: "
                self._add(row, name, f"{what}{otherwise}")
        if (planned.via or self.via) != via:
            self._add(row, "via", otherwise)
        if not same_key(key or f"{self.batch}/{row.n}", planned.key):
            self._add(row, "key", otherwise)

    def _look_up(self) -> None:
        """Refuse keys that belong to another batch, or to a purchase of another request."""
        keys, self._to_look_up = self._to_look_up, {}
        for key, message in taken(self._batches, self._client, self.batch, keys):
            self._problems.add(keys[key][0], "key", message)

    def _count(self, one: Expected, fingerprint: str, planned: Item | None) -> None:
        digest = bytes.fromhex(fingerprint)[:12]
        self._repeated += digest in self._seen
        self._seen.add(digest)
        if one.no_key is not None:
            self._no_keys[one.target.partition("/")[0]] = one.no_key
        if planned is not None and planned.state is not ItemState.PLANNED:
            return
        self._left += 1
        before = self._sums.get(one.target) or TargetPlan(target=one.target)
        self._sums[one.target] = _added(before, one)
        for warning in one.warnings:
            if warning in self._warnings or len(self._warnings) < _WARNINGS:
                self._warnings[warning] = self._warnings.get(warning, 0) + 1


def succeeded(client: Client, reference: str) -> Job:
    """Return the job that ``job:KEY_OR_ID`` names.

    Raises:
        InvalidRequest: There is none, or it did not succeed.
    """
    entry = client.jobs.get(reference)
    if entry.job is None or entry.state is not State.SUCCEEDED:
        raise InvalidRequest(f"job {reference!r} is {entry.state.value}, not succeeded")
    return entry.job


def combinations(
    client: Client,
    files: Mapping[str, Sequence[str]],
    *,
    operation: str,
    values: Mapping[str, Any],
) -> list[Request]:
    """Return a request for every combination of media files, as a matrix has them.

    Args:
        client: Whose journal has the jobs that media name.
        files: As in `matrix`; without any there is one request.
        operation: The operation or verb.
        values: The other fields, as text or as values.

    Raises:
        InvalidRows, InvalidRequest: A file, a field or the operation is wrong.
    """
    kind = cells.operations().get(operation)
    if kind is None:
        verbs = ", ".join(sorted({one.verb for one in cells.operations().values()}))
        raise InvalidRequest.expected("operation", operation, f"one of {verbs}")
    given = {name: one for name, one in files.items() if one}
    rows = matrix(given).rows if given else iter([Row(1, "the request", {})])
    problems, found = Problems(), []
    for row in rows:
        request, wrong = cells.make(
            {**values, **row.values}, kind, Path.cwd(), lambda name: succeeded(client, name)
        )
        for column, message in wrong:
            problems.add(row.place, column, message)
        if request is not None:
            found.append(request)
    problems.raise_if_any("the matrix" if given else kind.verb)
    return found


def taken(
    batches: Batches,
    client: Client,
    batch: str,
    keys: Mapping[str, tuple[str, str, str, str | None]],
) -> Iterator[tuple[str, str]]:
    """Yield the keys that cannot be a batch's, and why.

    Args:
        batches: The batches.
        client: The accounts and the journal.
        batch: The batch.
        keys: By key: the row, its request's fingerprint, its request, and its target.
    """
    for item in batches.of_keys(keys):
        if item.batch != batch:
            yield item.key, f"{item.key!r} is the key of item {item.n} of batch {item.batch}"
    for key, request in batches.bought(keys).items():
        _, fingerprint, text, via = keys[key]
        if request == fingerprint:
            continue
        try:  # earlier versions made other fingerprints
            client.bought_before(cells.request_of(text), via=via, key=key)
        except InvalidRequest as error:
            yield key, error.message


def _make_room(cache: dict[Any, Any]) -> None:
    while len(cache) >= _REMEMBERED:
        del cache[next(iter(cache))]
