"""Write a report: a folder with a page and its films, or one file with everything in it.

The page is written while the journal is read, request by request: its length does not count.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any, Unpack
from urllib.parse import quote

import attrs

import motionkit as mk
from motionkit._support.text import many
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.journal import PurchaseRecord
from motionkit.model.containers import CONTENT_TYPES, sniff
from motionkit.model.money import CostBasis, Unit, both, dollars
from motionkit.model.rating import LONGEST_NOTE
from motionkit.report import views
from motionkit.report.charts import draw_charts
from motionkit.report.figures import Figures, read_figures

if TYPE_CHECKING:
    from jinja2 import Environment

    from motionkit.client import Client
    from motionkit.purchase import JobFilters

LARGEST_INLINE = 100_000_000
"""Bytes of films and media that one file holds at most: a browser reads all before it plays any."""
LARGE_INLINE = 20_000_000
"""Bytes from which on a single file is too large for most mail."""

GENERATOR = "motionkit report"
PAGE, STYLE, SCRIPT = "index.html", "style.css", "player.js"
_MARK = f'<meta name="generator" content="{GENERATOR}">'.encode()
_HEAD = 4096
_PART = 200
"""Purchases that are read at once."""
_SAME_LENGTH = 0.15
"""Seconds by which a film may differ from what was asked for: a few frames."""
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LINKED = (
    "default-src 'none'; style-src 'self' file:; script-src 'self' file:; "
    "img-src 'self' file: data:; media-src 'self' file:; base-uri 'none'; form-action 'none'"
)

_ICONS = {
    "play": "M7 5l12 7-12 7z",
    "pause": "M8 5v14M16 5v14",
    "back": "M7 6v12M18 6l-8 6 8 6z",
    "forward": "M17 6v12M6 6l8 6-8 6z",
    "loop": "M4 12a8 8 0 0 1 14-5.3M20 4v4h-4M20 12a8 8 0 0 1-14 5.3M4 20v-4h4",
    "wipe": "M4 5h16v14H4zM12 2v20M9 9l-3 3 3 3M15 9l3 3-3 3",
    "full": "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
    "find": "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M15.5 15.5L20 20",
    "mute": "M4 9h4l5-4v14l-5-4H4zM17 9l5 6M22 9l-5 6",
    "sound": "M4 9h4l5-4v14l-5-4H4zM16 8.5a5 5 0 0 1 0 7M18.5 6a9 9 0 0 1 0 12",
}
"""Paths of strokes in a square of 24."""
_KEYBOARD = (
    (("Space",), "play or pause"),
    ((",", "."), "one frame back or on"),
    (("←", "→"), "one second back or on"),
    (("Home", "End"), "to the beginning or the end"),
    (("<", ">"), "slower or faster"),
    (("l",), "loop on or off"),
    (("1", "…", "9"), "sound of that film; again: off"),
    (("w",), "wipe between two films"),
    (("[", "]"), "move the wipe to the left or right"),
    (("f",), "full screen"),
    (("n", "p"), "next or previous request"),
    (("?",), "this list"),
)
_SHAPES = {"tall": 9 / 16, "upright": 3 / 4, "square": 1.0, "flat": 4 / 3, "wide": 16 / 9}
"""Classes of the style sheet by the ratio of width to height."""


@attrs.frozen
class Report:
    """A report that was written.

    Attributes:
        file: The page, to be opened by a browser.
        requests: Its requests.
        jobs: Its purchases.
        films: Results that the page shows.
        missing: Delivered results that are not on this machine any more, or in a store.
        size: Bytes that were written, copies included.
        others: Files beside the copies that are not this report's: those of an earlier one.
        figures: The numbers of its charts.
    """

    file: Path
    requests: int
    jobs: int
    films: int
    missing: int
    size: int
    others: int
    figures: Figures

    @property
    def large(self) -> bool:
        """Whether a single file is too large for most mail."""
        return self.size > LARGE_INLINE


def write_report(
    client: Client,
    out: Path | str,
    keys: Iterable[str] = (),
    *,
    inline: bool = False,
    copy: bool = False,
    overwrite: bool = False,
    title: str = "Report",
    **filters: Unpack[JobFilters],
) -> Report:
    """Write a page on which the results of each request play in step with its reference clip.

    Nothing is sent, and the page asks no other machine for anything. Films are linked where they
    are; a link is relative where the film is below the folder of the report's folder. An earlier
    report in the same place is replaced.

    Args:
        client: Whose journal is read.
        out: A folder, made if need be, for ``index.html``, ``style.css`` and ``player.js``; with
            `inline`, the file.
        keys: Purchases by key, by the beginning of their keys, or by job id; all when none is
            named. They and `filters` exclude each other.
        inline: Write one file with the films in it, of at most `LARGEST_INLINE` bytes.
        copy: Copy films and media into the folder, so that it can be moved.
        overwrite: Replace files that no report wrote.
        title: The page's title.
        **filters: Which purchases; as in `Client.jobs.list`, and ``batch``.

    Raises:
        InvalidRequest: No purchase matches, a file that no report wrote is in the way, the films
            are too large for one file, or a file cannot be written.
        ConfigError: Jinja2 is not installed: ``pip install 'motionkit[report]'``.

    Examples:
        >>> from motionkit.report import write_report
        >>> write_report(client, "report", label={"project": "spring"}, since="30d").file
    """
    environment = _environment()
    place = Path(out)
    if inline and copy:
        raise InvalidRequest("inline and copy exclude each other: one file holds its films anyway")
    target = place if inline else place / PAGE
    _check_place(target, folder=not inline, overwrite=overwrite)
    chosen = _Chosen.read(client, tuple(keys), filters)
    now = time.time()
    films = _Inline() if inline else _Copies(place) if copy else _Links(place)
    if inline:
        _check_size(chosen)
    figures = read_figures(client, (key for some in chosen.groups.values() for key in some))
    made = _Made(environment, client, chosen, films, now, title, figures)
    try:
        return made.write(target, inline=inline)
    except OSError as error:
        raise InvalidRequest(
            f"out: {str(error.filename or target)!r} cannot be written: "
            f"{error.strerror or 'input/output error'}",
            field="out",
            value=str(out),
        ) from error


def about(keys: Sequence[str], filters: Mapping[str, Any]) -> str:
    """Return which purchases are meant, for people: ``label project=spring, since 30d``."""
    if keys:
        return ", ".join(keys)
    parts = []
    for name, value in filters.items():
        if name == "label":
            parts += [f"label {one}={text}" for one, text in value.items()]
        elif isinstance(value, list | tuple):
            parts.append(f"{name} {' or '.join(str(getattr(one, 'value', one)) for one in value)}")
        else:
            parts.append(f"{name} {getattr(value, 'value', value)}")
    return ", ".join(parts)


# Which purchases.


@attrs.define
class _Sum:
    """An amount in one unit; the dollars are None once a part of them is unknown."""

    unit: Unit
    amount: Decimal = Decimal(0)
    usd: Decimal | None = Decimal(0)
    jobs: int = 0

    def add(self, amount: Decimal, usd: Decimal | None) -> None:
        self.jobs += 1
        self.amount += amount
        self.usd = None if usd is None or self.usd is None else self.usd + usd


@attrs.define
class _Chosen:
    """The purchases of a report: keys by request, and sums; no record is held."""

    about: str
    groups: dict[str, list[str]] = attrs.field(factory=dict)
    jobs: int = 0
    delivered: int = 0
    open: int = 0
    failed: int = 0
    uncertain: int = 0
    files: int = 0
    """Bytes of films and media, those of a request once."""
    paid: dict[tuple[bool, CostBasis, Unit], _Sum] = attrs.field(factory=dict)
    _media: set[tuple[str, str]] = attrs.field(factory=set)

    @classmethod
    def read(cls, client: Client, keys: tuple[str, ...], filters: JobFilters) -> _Chosen:
        if keys and filters:
            names = ", ".join(filters)
            raise InvalidRequest(f"keys and filters ({names}) exclude each other", field="keys")
        which = about(keys, filters)
        chosen = cls(which)
        for record in _named(client, keys) if keys else client.jobs.each(**filters):
            chosen.add(record)
        if not chosen.jobs:
            raise InvalidRequest(
                f"no job matches {which}" if which else "the journal has no jobs yet",
                field="filters",
                value=which,
            )
        return chosen

    def add(self, record: PurchaseRecord) -> None:
        group = views.group_of(record)
        self.groups.setdefault(group, []).append(record.key)
        self.jobs += 1
        self.delivered += record.delivered is not None
        self.open += record.open
        self.failed += not record.open and record.state.value in {"failed", "blocked", "gone"}
        self.uncertain += record.ambiguous
        cost = record.cost
        if cost is not None:
            kind = (bool(record.sandbox), cost.basis, cost.unit)
            self.paid.setdefault(kind, _Sum(cost.unit)).add(cost.amount, cost.usd)
        self.files += _size(record.delivered)
        for medium in record.media or ():
            if medium.path and (group, medium.path) not in self._media:
                self._media.add((group, medium.path))
                self.files += _size(medium.path)

    def summary(self) -> Iterator[tuple[str, str, str]]:
        """Yield name, text and note of what the page says at its top."""
        yield "Requests", f"{len(self.groups):,}", ""
        yield "Jobs", f"{self.jobs:,}", f"{self.delivered:,} with a film"
        yield from self._charges()
        if self.open:
            yield "Unfinished", f"{self.open:,}", "may still be charged"
        if self.uncertain:
            yield "Uncertain", f"{self.uncertain:,}", "may have been charged"
        if self.failed:
            yield "Without a result", f"{self.failed:,}", "failed, blocked or gone"

    def _charges(self) -> Iterator[tuple[str, str, str]]:
        bases = list(CostBasis)
        order = sorted(self.paid, key=lambda one: (one[0], bases.index(one[1]), one[2].value))
        for kind in order:
            sandbox, basis, unit = kind
            found, notes = self.paid[kind], []
            if basis is not CostBasis.REFUNDED and found.usd is not None and unit is not Unit.USD:
                notes.append(dollars(found.usd))
            notes += ["in the SANDBOX"] * sandbox
            if basis is CostBasis.REFUNDED:
                yield "Refunded", many(found.jobs, "job"), ", ".join(notes)
            else:
                name = "Charged" if basis is CostBasis.REPORTED else "Assumed charges"
                yield name, both(found.amount, unit, None), ", ".join(notes)


def _named(client: Client, keys: Iterable[str]) -> Iterator[PurchaseRecord]:
    """Yield the purchases that references name, each once: a key's own, else all that begin so."""
    seen: set[str] = set()
    for key in keys:
        exact = client.jobs.of_keys([key])
        found = exact or client.jobs.candidates(key, _MOST_OF_A_KEY)
        if not found:
            raise InvalidRequest(f"no job matches {key!r}", field="keys", value=key)
        for record in found:
            if record.key not in seen:
                seen.add(record.key)
                yield record


_MOST_OF_A_KEY = 10_000


def _size(place: str | None) -> int:
    try:
        return 0 if place is None or "://" in place else Path(place).stat().st_size
    except (OSError, ValueError):
        return 0


def _check_size(chosen: _Chosen) -> None:
    if chosen.files > LARGEST_INLINE:
        raise InvalidRequest(
            f"the films and media come to {views.size_text(chosen.files)}; one file holds at most "
            f"{views.size_text(LARGEST_INLINE)}",
            field="inline",
            value=str(chosen.files),
            limit=f"{LARGEST_INLINE} bytes",
            hint="write a folder with copies instead, or choose fewer jobs",
        )


# Where the films are.


@attrs.define
class _Links:
    """Films where they are: a relative link where the film is beside the report's folder."""

    folder: Path
    size: int = 0
    names_only = False

    def address(self, path: str, _name: str) -> str | None:
        near = Path(os.path.abspath(self.folder)).parent  # noqa: PTH100 - links in it stay
        if Path(path).is_relative_to(near):
            return _quoted(os.path.relpath(path, near / self.folder.name))
        return "file://" + _quoted(path)

    def others(self) -> int:
        """Return 0: there are no copies."""
        return 0


@attrs.define
class _Copies:
    """Copies in the report's folder."""

    folder: Path
    size: int = 0
    names_only = True
    _copied: dict[str, str] = attrs.field(factory=dict)

    def address(self, path: str, name: str) -> str | None:
        if path not in self._copied:
            relative = f"{name}{PurePath(path).suffix.lower()}"
            with _opened(path) as source:
                if source is None:
                    return None
                with _whole(self.folder / relative) as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                    self.size += copy.tell()
            self._copied[path] = relative
        return _quoted(self._copied[path])

    def others(self) -> int:
        """Return how many files beside the copies are not this report's."""
        own = {self.folder / relative for relative in self._copied.values()}
        found = {one for name in ("films", "media") for one in (self.folder / name).glob("*")}
        return len(found - own)


@attrs.define
class _Inline:
    """Films in the page itself."""

    size: int = 0
    names_only = True

    def address(self, path: str, _name: str) -> str | None:
        with _opened(path) as source:
            if source is None:
                return None
            kind = CONTENT_TYPES.get(sniff(source)[1] or "", "application/octet-stream")
            return f"data:{kind};base64,{base64.b64encode(source.read()).decode()}"

    def others(self) -> int:
        """Return 0: there are no copies."""
        return 0


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes] | None]:
    """Open a file; None where it is gone since its headers were read."""
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError:
        yield None
        return
    with stream:
        yield stream


def _quoted(path: str) -> str:
    return quote(os.fsencode(path))


def _file_name(name: str, whole: str) -> str:
    """Return a readable name for a file, different for different `whole`, which it does not say."""
    digest = hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]
    return f"{_SAFE.sub('-', name)[:60].strip('-.') or 'film'}-{digest}"


# The page.


@attrs.frozen
class _Made:
    """One report while it is written."""

    environment: Environment
    client: Client
    chosen: _Chosen
    films: _Links | _Copies | _Inline
    now: float
    title: str
    figures: Figures
    counts: dict[str, int] = attrs.field(factory=lambda: {"films": 0, "missing": 0})

    def write(self, target: Path, *, inline: bool) -> Report:
        style, script = asset(STYLE), asset(SCRIPT)
        size = 0
        if not inline:
            for name, text in ((STYLE, style), (SCRIPT, script)):
                with _whole(target.with_name(name)) as stream:
                    size += stream.write(text.encode())
        with _whole(target) as stream:
            for part in self._parts(style, script, inline=inline):
                size += stream.write(part.encode("utf-8", "replace"))
        return Report(
            target.absolute(),
            len(self.chosen.groups),
            self.chosen.jobs,
            self.counts["films"],
            self.counts["missing"],
            size + self.films.size,
            self.films.others(),
            self.figures,
        )

    def _parts(self, style: str, script: str, *, inline: bool) -> Iterator[str]:
        from markupsafe import Markup  # noqa: PLC0415 - of the extra

        policy = _inlined(style, script) if inline else _LINKED
        made = dt.datetime.fromtimestamp(self.now, dt.UTC)
        which = self.chosen.about
        return self.environment.get_template("report.html").generate(
            generator=GENERATOR,
            policy=policy,
            title=self.title,
            about=f"{which[:1].upper()}{which[1:]}" if which else "Every job of the journal",
            inline=inline,
            style=Markup(style),  # noqa: S704 - files of this package
            script=Markup(script),  # noqa: S704
            icons=tuple(_ICONS.items()),
            keyboard=_KEYBOARD,
            summary=self.chosen.summary(),
            requests=self._requests(),
            charts=draw_charts(self.figures),
            version=mk.__version__,
            made=made,
            longest_note=LONGEST_NOTE,
            address=self._address,
            shown=self._shown,
        )

    def _requests(self) -> Iterator[views.RequestView]:
        for keys in reversed(self.chosen.groups.values()):
            records = [
                record
                for begin in range(0, len(keys), _PART)
                for record in self.client.jobs.of_keys(keys[begin : begin + _PART])
            ]
            if records:  # pruned meanwhile
                ratings = self.client.jobs.ratings_of(keys)
                yield views.request_view(records, now=self.now, ratings=ratings)

    def _address(self, file: views.FilmView | views.MediaView, key: str = "") -> str | None:
        """Return where the page finds a file; None where it does not."""
        found = self._found(file, key)
        if isinstance(file, views.FilmView):
            self.counts["missing" if found is None else "films"] += 1
        return found

    def _found(self, file: views.FilmView | views.MediaView, key: str) -> str | None:
        if not file.present or file.path is None:
            return None
        if key:
            name = f"films/{_file_name(key, key)}"
        else:
            name = f"media/{_file_name(PurePath(file.path).stem, file.path)}"
        return self.films.address(file.path, name)

    def _shown(self, path: str) -> str:
        """Return a path as the page says it: without folders where it travels."""
        return PurePath(path).name if self.films.names_only else path


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise ConfigError(
            "a report needs Jinja2", hint="pip install 'motionkit[report]'"
        ) from error
    environment = Environment(
        loader=PackageLoader("motionkit.report"), autoescape=True, trim_blocks=True
    )
    environment.globals |= template_functions()
    return environment


def template_functions() -> dict[str, Callable[..., Any]]:
    """Return the functions that the templates of pages use."""
    return {
        "anchor": lambda key: f"j{hashlib.sha256(key.encode()).hexdigest()[:12]}",
        "length_note": _length_note,
        "many": many,
        "moment": lambda at: f"{at:%Y-%m-%d %H:%M} UTC",
        "quality_note": _quality_note,
        "seconds": views.seconds_text,
        "shape": _shape,
        "size": views.size_text,
    }


@cache
def asset(name: str) -> str:
    """Return a file of ``motionkit/report/static``."""
    return Path(__file__).with_name("static").joinpath(name).read_text("utf-8")


def _inlined(style: str, script: str) -> str:
    """Return the policy of a single file: its own style and script, by their digests."""
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    return (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _shape(request: views.RequestView) -> str:
    """Return the class of the screens of a request: the shape of its films."""
    files = [one.film for one in request.purchases if one.film] + list(request.media)
    sizes = [(one.width, one.height) for one in files if one.width and one.height]
    if not sizes:
        return "tall"
    width, height = sizes[0]
    return min(_SHAPES, key=lambda name: abs(_SHAPES[name] - width / height))


def _quality_note(view: views.PurchaseView) -> str:
    """Return what was asked for, where that is another quality, and what came."""
    notes = []
    if view.quality_asked and view.quality_asked != view.quality_sent:
        notes.append(f"asked for {view.quality_asked}")
    if view.film and view.film.pixels:
        notes.append(f"came as {view.film.pixels}, {views.size_text(view.film.size)}")
    return "; ".join(notes)


def _length_note(view: views.PurchaseView) -> str:
    """Return how long a film was asked for, where the one that came is not as long."""
    asked, came = view.seconds_asked, view.film.seconds if view.film else None
    if asked is None or (came is not None and abs(came - asked) < _SAME_LENGTH):
        return ""
    return f"asked for {views.seconds_text(asked)}"


# Files.


def in_the_way(out: Path | str, *, inline: bool = False) -> Path | None:
    """Return a file that `write_report` would replace although no report wrote it; else None."""
    target = Path(out) if inline else Path(out) / PAGE
    if is_report(target):
        return None
    names = (target,) if inline else (target, target.with_name(STYLE), target.with_name(SCRIPT))
    return next((path for path in names if path.is_file()), None)


def _check_place(target: Path, *, folder: bool, overwrite: bool) -> None:
    """Refuse to replace what no report wrote.

    Raises:
        InvalidRequest: Such a file is there.
    """
    if folder and target.parent.exists() and not target.parent.is_dir():
        raise _refused(target.parent, "a file, not a folder")
    if target.is_dir():
        raise _refused(target, "a folder")
    other = (
        None if overwrite else in_the_way(target.parent if folder else target, inline=not folder)
    )
    if other is not None:
        raise _refused(other, "not a report's", " or pass overwrite=True")


def _refused(path: Path, what: str, more: str = "") -> InvalidRequest:
    return InvalidRequest(
        f"out: {str(path)!r} is {what}; it is not overwritten",
        field="out",
        value=str(path),
        hint=f"name another place{more}",
    )


def is_report(path: Path) -> bool:
    """Return whether a file is a page that `write_report` wrote."""
    try:
        with path.open("rb") as stream:
            return _MARK in stream.read(_HEAD)
    except OSError:
        return False


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a stream whose content replaces a file when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as stream:
            yield stream
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
