"""The name of a result: text with placeholders, which are filled in when the result is there."""

from __future__ import annotations

import hashlib
import os
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import attrs

from motionkit.errors import InvalidRequest
from motionkit.model.containers import MEDIA_SUFFIXES, usual_suffix
from motionkit.model.job import Output
from motionkit.storage.places import is_url

PLACEHOLDERS: Mapping[str, str] = {
    "key": "the key of the purchase",
    "model": "the vendor's model",
    "account": "the account",
    "provider": "the provider",
    "target": "account and model, as account-model",
    "operation": "the operation, e.g. image_to_video",
    "job": "the vendor's id of the job",
    "date": "the day of the submit in UTC, e.g. 2026-11-27",
    "time": "the time of the submit in UTC, e.g. 174501",
    "inputs": "the names of the media, e.g. hero-dance",
    "take": "the number of a take; 1 where one was asked for",
    "ext": "the ending of the result, e.g. mp4",
    "label:NAME": "the value of a label; nothing where the purchase has none",
}
"""Placeholder to its meaning."""

_LABEL = "label:"
_UNFIT = re.compile(r"[^\w.+-]+")
_LONGEST = 80
"""Characters of a value in a name."""
_LONGEST_STEM = 160
_LONGEST_NAME = 250
"""Bytes of a name that gets a number; most systems take 255, and a partial file needs five."""
_SUFFIXES: Mapping[str, str] = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
}
_BY_DEFAULT = "{inputs}.{ext}"
"""The name of a result in a folder."""


def literal(text: str) -> str:
    """Return text as `Out.parse` reads it unchanged."""
    return text.replace("{", "{{").replace("}", "}}")


def _safe(value: str) -> str:
    """Return a value as a part of a file's name: no separators, no way to another folder."""
    return _UNFIT.sub("_", value).strip("._ ")[:_LONGEST].strip("._ ")


def _cut(stem: str) -> str:
    """Return a stem that is not too long; two that differ behind the cut still differ."""
    if len(stem) <= _LONGEST_STEM:
        return stem
    digest = hashlib.sha256(stem.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{stem[: _LONGEST_STEM - 9]}-{digest}"


@attrs.frozen
class Out:
    """Where a result goes.

    Attributes:
        text: A path or URL with placeholders, complete but for their values.
        chosen: Whether the name was chosen whole: then no number is ever added to it.
    """

    text: str
    chosen: bool

    @classmethod
    def parse(cls, value: str | os.PathLike[str]) -> Out:
        """Read a path, a folder or a URL, with or without placeholders.

        A folder is one that exists, or ends with a slash. A local path becomes absolute.

        Raises:
            InvalidRequest: A placeholder is not known or not closed.
        """
        text = os.fspath(value)
        fields = list(_fields(text))
        for name in fields:
            if name not in PLACEHOLDERS and not (name.startswith(_LABEL) and name != _LABEL):
                raise InvalidRequest(
                    f"out: {{{name}}} in {text!r} is no placeholder; known are {_listed()}",
                    field="out",
                    value=text,
                    limit=_listed(),
                    hint="write a brace that is meant as itself twice: {{ or }}",
                )
        if text.startswith("file://"):
            text = unquote(urlsplit(text).path)
        if is_url(text):
            folder = text.endswith("/")
            return cls(f"{text}{_BY_DEFAULT}" if folder else text, chosen=not (folder or fields))
        ends = text.endswith(("/", os.sep))
        folder = ends or (not fields and os.path.isdir(plain(text)))  # noqa: PTH112 - never raises
        text = os.path.abspath(text)  # noqa: PTH100 - a path with placeholders
        if folder:
            text = os.path.join(text, _BY_DEFAULT)  # noqa: PTH118
        return cls(text, chosen=not (folder or fields))

    @classmethod
    def recorded(cls, text: str) -> Out:
        """Read the form in the journal; earlier versions recorded plain paths."""
        try:
            return cls.parse(text)
        except InvalidRequest:
            return cls(literal(text), chosen=True)

    @property
    def url(self) -> bool:
        """Whether it is behind a URL."""
        return is_url(self.text)

    @property
    def path(self) -> Path | None:
        """The local file, where its name has no placeholder; None otherwise."""
        return Path(plain(self.text)) if self.chosen and not self.url else None

    @property
    def folder(self) -> str:
        """The path or URL of the folder, as far as it has no placeholder; for a check."""
        fixed = next(_pieces(self.text))[0]
        head = fixed.rpartition("/")[0] or fixed
        return head if self.url else os.path.dirname(fixed) or fixed  # noqa: PTH120

    @property
    def ending(self) -> str:
        """The ending of its name, with the dot; empty where a placeholder decides it."""
        fixed, name = list(_pieces(self.text))[-1]
        return "" if name is not None else PurePosixPath(f"a{fixed}").suffix

    def fill(self, values: Mapping[str, str], suffix: str) -> str:
        """Return the whole path or URL.

        Args:
            values: The value of each placeholder; labels as ``label:NAME``.
            suffix: The ending of the result, with the dot; added where the name has none.
        """
        known = {**values, "ext": suffix.removeprefix(".")}
        text = "".join(
            fixed + ("" if name is None else _safe(known.get(name, "")))
            for fixed, name in _pieces(self.text)
        )
        if self.chosen:
            return text
        head, slash, name = text.rpartition("/")
        stem, dot, ending = name.rpartition(".")
        if not dot or f".{ending.lower()}" not in MEDIA_SUFFIXES:
            stem, ending = name, suffix.removeprefix(".")
        # A placeholder without a value may leave nothing, or a hidden file.
        stem = _cut(stem.strip(" .")) or _safe(known.get("key", "")) or "result"
        return f"{head}{slash}{stem}.{ending}"


def suffix(output: Output) -> str:
    """Return the ending of an output's file, from its content type, URL or kind."""
    typed = _SUFFIXES.get((output.content_type or "").partition(";")[0].strip().lower())
    named = PurePosixPath(urlsplit(output.url).path).suffix.lower()
    return typed or (named if named in _SUFFIXES.values() else usual_suffix(output.kind))


def numbered(name: str, number: int) -> str:
    """Return a path or URL, with or without placeholders, with a number at its name's end."""
    head, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    if not dot or ("}" in ending and not ending.startswith("{")):  # the dot is in a label's name
        stem, dot, ending = last, "", ""
    tail = f"-{number}{dot}{ending}"
    while "{" not in stem and len(os.fsencode(stem + tail)) > _LONGEST_NAME:
        stem = stem[:-1]
    return f"{head}{slash}{stem}{tail}"


def _listed() -> str:
    return ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield fixed text and the placeholder behind it, None at the end.

    Raises:
        InvalidRequest: A brace is not closed.
    """
    try:
        for fixed, name, form, conversion in string.Formatter().parse(text):
            if name is not None and (conversion or (form and name != "label")):
                raise ValueError("a placeholder has no format")  # noqa: TRY301 - one error for all
            yield fixed, f"{name}:{form}" if name == "label" else name
    except ValueError as error:
        raise InvalidRequest(
            f"out: {text!r} has a brace that opens or closes no placeholder",
            field="out",
            value=text,
            limit="{NAME}, or {{ and }} for braces",
        ) from error


def _fields(text: str) -> Iterator[str]:
    return (name for _, name in _pieces(text) if name is not None)


def has_placeholder(text: str, name: str) -> bool:
    """Return whether text has a placeholder; the same in doubled braces is none."""
    try:
        return name in _fields(text)
    except InvalidRequest:
        return False


def plain(text: str) -> str:
    """Return text without placeholders, with doubled braces resolved."""
    return "".join(fixed for fixed, _ in _pieces(text))
