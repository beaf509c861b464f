"""What every request is: a frozen record of what is wanted, and how its media are declared."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from motionkit._support.displayed import Displayed
from motionkit._support.text import is_text
from motionkit.errors import ConfigError, InvalidRequest
from motionkit.model.media import File, Kind, Place, Ref, Remote

if TYPE_CHECKING:  # making a request reads no media
    from motionkit.model.probe import Facts

OPERATIONS_GROUP = "motionkit.operations"
"""The entry points of vendor-specific operations."""
_MEDIA = "motionkit.model.media"
_TERMS = frozenset({"extra", "allow_undocumented", "fit", "stage", "start", "seconds"})
"""Fields of every request that say how it is sent, not what is wanted."""
_CUT = ("start", "seconds")
"""Those that say which part of a clip is sent: another part is another request."""


_KINDS: dict[str, type[Request]] = {}
"""Every class of request that was defined, by operation."""


def _kinds() -> dict[str, type[Request]]:
    """Return every installed class of request by operation.

    Raises:
        ConfigError: A provider's operations cannot be imported.
    """
    import importlib.metadata  # noqa: PLC0415 - a purchase does without

    importlib.import_module("motionkit.model.operations")
    for point in importlib.metadata.entry_points(group=OPERATIONS_GROUP):
        try:
            point.load()
        except Exception as error:
            raise ConfigError(f"the operations {point.value} cannot be loaded: {error}") from error
    return _KINDS


def takes(kind: Kind) -> dict[str, Kind]:
    """Return the metadata of a field that takes a picture, a video or audio.

    Declare such a field as ``attrs.field(converter=ref, metadata=takes("video"))``, one that takes
    several with ``refs``.
    """
    return {_MEDIA: kind}


def _whole(value: float, name: str) -> int:
    """Return 5.0 as 5: vendors refuse a fraction where they want a whole number.

    Raises:
        InvalidRequest: It is a fraction.
    """
    if not value.is_integer():
        raise InvalidRequest(
            f"{name}={value!r} is not a whole number",
            field=name,
            value=repr(value),
            limit="a whole number",
        )
    return int(value)


def _is_whole(annotation: str) -> bool:
    """Return whether a field's type allows whole numbers only, as text or as a class."""
    return "int" in (words := re.findall(r"\w+", annotation)) and "float" not in words


def argument(name: str) -> str:
    """Return the request's field that a name of `Request.media` belongs to: ``images[0]``'s."""
    return name.partition("[")[0]


class Placeholder(str):
    """Text of a dry run that stands for a value not known yet: ``<mask 1>``."""

    __slots__ = ()


@attrs.frozen(kw_only=True, repr=False)
class Request(Displayed):
    """The open base of every request.

    Attributes:
        extra: Vendor options by provider, passed through unread:
            ``{"PROVIDER": {"FIELD": value}}``. They never travel to another vendor.
        allow_undocumented: Submit to a model whose fields are not documented: a field under a wrong
            name may be ignored, and the run still charged.
        fit: Trim, scale and re-encode local media that exceed the target's limits; the originals
            are not changed.
        stage: URL of a folder in a store of yours, e.g. ``s3://BUCKET/FOLDER``, for vendors that
            fetch media by URL only: files are copied there, under the digest of their content, and
            stay. For a day, whoever has the signed URL that the vendor gets can read them.
        start: Seconds of the clip to leave out at its beginning.
        seconds: Seconds of the clip to send.
    """

    operation: ClassVar[str]
    """The neutral name, e.g. ``image_to_video``; offers and the journal have it."""
    verb: ClassVar[str]
    """The command line's word for it."""
    length_of: ClassVar[str | None] = None
    """The media argument that the new clip is as long as, where there is one."""
    delivers: ClassVar[Kind] = "video"
    """The kind of its results."""

    extra: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, hash=False)
    allow_undocumented: bool = attrs.field(default=False, eq=False)
    fit: bool = attrs.field(default=False, eq=False)
    stage: str | None = attrs.field(default=None, eq=False)
    start: float | None = None
    seconds: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "operation" in vars(cls):
            _KINDS[cls.operation] = cls  # attrs makes a class twice; the second one is it

    def __attrs_post_init__(self) -> None:
        self._check_cut()
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, float) and _is_whole(str(field.type)):
                object.__setattr__(self, field.name, _whole(value, field.name))

    def _check_cut(self) -> None:
        """Refuse a part of a clip that no clip can have."""
        for name, least in (("start", "at least 0"), ("seconds", "more than 0")):
            value = getattr(self, name)
            if value is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value < math.inf or (name == "seconds" and value == 0):
                raise InvalidRequest(
                    f"{name}={value!r} is not a number of seconds; it takes {least}",
                    field=name,
                    value=repr(value),
                    limit=least,
                )
            if self.clip_argument() is None:
                raise InvalidRequest(
                    f"{name}: {self.operation} takes no clip that could be cut",
                    field=name,
                    value=repr(value),
                    limit=f"no {name}",
                )

    @classmethod
    def clip_argument(cls) -> str | None:
        """Return the media argument that `start` and `seconds` cut: the first video, else audio."""
        kinds = {kind: name for name, kind in reversed(cls.media_kinds().items())}
        return kinds.get("video", kinds.get("audio"))

    @property
    def converts(self) -> bool:
        """Whether its media may be converted, which takes details of them."""
        return self.fit or self.cut() is not None

    def cut(self) -> tuple[float, float | None] | None:
        """Return where the part of the clip starts and how long it is; None for all of it."""
        if not self.start and self.seconds is None:
            return None
        return float(self.start or 0.0), None if self.seconds is None else float(self.seconds)

    def media(self) -> dict[str, Ref]:
        """Return the media arguments that were given, by field name: ``image``, ``images[0]``."""
        found: dict[str, Ref] = {}
        for field in attrs.fields(type(self)):
            if _MEDIA not in field.metadata:
                continue
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                found |= {f"{field.name}[{place}]": one for place, one in enumerate(value)}
            elif value is not None:
                found[field.name] = value
        return found

    @classmethod
    def arguments(cls) -> tuple[str, ...]:
        """Return the names of the fields that say what is wanted, in order."""
        return tuple(one.name for one in attrs.fields(cls) if one.name not in _TERMS)

    @classmethod
    def media_arguments(cls) -> frozenset[str]:
        """Return the names of the fields that take media."""
        return frozenset(cls.media_kinds())

    @classmethod
    def media_kinds(cls) -> dict[str, Kind]:
        """Return the kind of each field that takes media."""
        fields = attrs.fields(cls)
        return {one.name: one.metadata[_MEDIA] for one in fields if _MEDIA in one.metadata}

    def values(self) -> dict[str, Any]:
        """Return the other arguments by field name, those that were given."""
        found = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if _MEDIA not in field.metadata and field.name not in _TERMS
        }
        return {name: value for name, value in found.items() if value not in (None, ())}

    def given(self) -> tuple[dict[str, Any], dict[str, Ref], dict[str, str]]:
        """Return the values and the media that were given, and the field of each medium.

        Raises:
            InvalidRequest: A text is blank that the operation cannot do without, or is no Unicode:
                undecodable bytes of a command line.
        """
        values, media = self.values(), self.media()
        for name, value in values.items():
            several = value if isinstance(value, tuple) else (value,)
            text = " ".join(one for one in several if isinstance(one, str))
            if not is_text(text):
                raise InvalidRequest(
                    f"{name} holds bytes that are not UTF-8",
                    field=name,
                    value=text.encode("utf-8", "replace").decode(),
                    limit="text in UTF-8",
                )
        needed = {one.name for one in attrs.fields(type(self)) if one.default is attrs.NOTHING}
        for name in ("prompt", *needed):
            value = values.get(name)
            if isinstance(value, str) and not value.strip():
                raise InvalidRequest(
                    f"{name} is blank", field=name, value=value, limit="text that is not blank"
                )
        return values, media, {name: argument(name) for name in media}

    def describe(self) -> dict[str, Any]:
        """Return a short JSON-able description for people and the journal, signatures masked."""
        return self._described({name: value.label for name, value in self.media().items()})

    def _described(self, labels: Mapping[str, str]) -> dict[str, Any]:
        cut = {name: value for name in _CUT if (value := getattr(self, name)) is not None}
        return {"operation": self.operation, **labels, **self.values(), **cut}

    def recorded(self, facts: Mapping[str, Facts]) -> tuple[dict[str, Any], tuple[Place, ...]]:
        """Return what the journal keeps of it: the description, and where its media are.

        Args:
            facts: What is known of the media; it has their digests.
        """
        kinds, media = self.media_kinds(), self.media()
        labels = {
            name: facts[name].label if name in facts else value.label
            for name, value in media.items()
        }
        places = tuple(
            (
                name,
                kinds[argument(name)],
                str(value.path.absolute()) if isinstance(value, File) else None,
                facts[name].sha256 if name in facts else None,
            )
            for name, value in media.items()
        )
        return self._described(labels), places

    def to_json(self) -> str:
        """Return the request as one line of JSON, versioned, for another process to submit.

        Paths become absolute. A signed URL is kept whole: without its signature the vendor could
        not fetch the file.

        Raises:
            InvalidRequest: It holds bytes in memory, or a value in `extra` that is not JSON.

        Examples:
            >>> text = mk.Mimic("hero.png", "dance.mp4", quality="540p").to_json()
            >>> request = mk.Request.from_json(text)
        """
        from motionkit.model import request_json  # noqa: PLC0415 - cattrs loads when first needed

        return request_json.pack(self)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a request that `to_json` wrote: any of `Request`, else one of the class itself.

        Nothing is opened or sent. The text may name any file that this user can read, and whoever
        submits the request uploads it: look at `media` before you submit what a stranger wrote.

        Raises:
            InvalidRequest: The text is not such a request, names an operation that is not
                installed, or a newer version wrote it.
        """
        from motionkit.model import request_json  # noqa: PLC0415 - cattrs loads when first needed

        return request_json.read(text, cls, _kinds())

    def fingerprint(self, facts: Mapping[str, Facts], via: str | None = None) -> str:
        """Return what makes two requests identical: operation, values, media content.

        The content is that of the originals, with the part that `start` and `seconds` name. What
        `fit` makes of them for a target does not count: a second encoding may differ in its bytes.
        """
        return self.fingerprints(facts, () if via is None else (via,))[-1]

    def fingerprints(self, facts: Mapping[str, Facts], vias: Iterable[str]) -> tuple[str, ...]:
        """Return the request's fingerprint, and the older one for each target or route named.

        Earlier versions took the name as a part of the request, and journals hold those.
        """
        import hashlib  # noqa: PLC0415 - OpenSSL loads when there is something to digest

        from motionkit.model import codec  # noqa: PLC0415 - cattrs loads when first needed

        content = {
            name: facts[name].sha256 or f"{type(value).__name__}:{_identity(value)}"
            for name, value in self.media().items()
        }
        named: dict[str, Any] = {"operation": self.operation, "media": content, "extra": self.extra}
        if cut := self.cut():
            named["cut"] = cut
        plain = {**named, "values": self.values()}
        texts = map(codec.dumps, [plain, *({**plain, "via": via} for via in vias)])
        return tuple(hashlib.sha256(text.encode()).hexdigest() for text in texts)


def _identity(value: Ref) -> str:
    return value.url if isinstance(value, Remote) else getattr(value, "id", value.label)
