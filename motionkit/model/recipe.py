"""A recipe: how media are converted for a target, known before the conversion."""

from __future__ import annotations

from fractions import Fraction

import attrs

from motionkit.model.probe import Facts

VERSION = 1
"""Of the conversion; a change to what a recipe makes changes it, so that no old file is found."""


@attrs.frozen(kw_only=True)
class Recipe:
    """How one medium is converted.

    Attributes:
        source: The facts of the original.
        container: The container to write.
        start: Seconds to leave out at the beginning.
        seconds: Seconds to keep; None for pictures.
        frames: Frames to keep; None without a film.
        rate: Frames per second; None without a film.
        width: Pixels; None for audio.
        height: Pixels; None for audio.
        max_bytes: The most bytes that the target takes; None without a limit.
        why: What about the original made it necessary, in a few words each.
        whole: Seconds that would be sent without `start` and `seconds` of the request; None where
            nothing is cut on demand.
    """

    source: Facts
    container: str
    start: float = 0.0
    seconds: float | None = None
    frames: int | None = None
    rate: Fraction | None = None
    width: int | None = None
    height: int | None = None
    max_bytes: int | None = None
    why: tuple[str, ...] = ()
    whole: float | None = None

    @property
    def made(self) -> Facts:
        """The facts of the converted media, as far as known in advance."""
        source = self.source
        return Facts(
            source.label,
            kind=source.kind,
            container=self.container,
            codec="h264" if source.kind == "video" else self.container,
            width=self.width,
            height=self.height,
            seconds=self.seconds,
            seconds_high=self.seconds,
        )

    @property
    def digest(self) -> str:
        """The cached file's name: equal recipes of one original share it."""
        import hashlib  # noqa: PLC0415 - OpenSSL loads when there is something to digest

        parts = (
            VERSION, self.source.sha256, self.container, self.start, self.seconds, self.frames,
            self.rate, self.width, self.height, self.max_bytes,
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def __str__(self) -> str:
        """Describe the conversion: ``dance.mov: 45 s, 3840x2160 hevc, 182.0 MB -> ...``."""
        return f"{described(self.source)} -> {self._described()} ({', '.join(self.why)})"

    def _described(self) -> str:
        part = ""
        if self.seconds is not None and self.start:
            part = f" from {self.start:g} s on"
        sound = ""
        if self.source.kind == "video" and self.source.details is not None:
            sound = ", with its sound" if self.source.details.sound else ", without sound"
        return f"{described(self.made, label=False)}{part}{sound}"

    def result(self, made: Facts) -> str:
        """Describe the conversion in the past tense."""
        return f"{described(self.source)} -> {described(made, label=False)}"


def described(facts: Facts, *, label: bool = True) -> str:
    """Return facts in short: seconds, pixels, codec and megabytes, as far as they are known."""
    details = facts.details
    width = facts.width if details is None else details.width or facts.width
    height = facts.height if details is None else details.height or facts.height
    container = "" if facts.codec == facts.container else facts.container or ""
    what = " ".join(one for one in (facts.codec or "", container) if one)
    size = "" if width is None else f"{width}x{height} "
    parts = [
        "" if facts.seconds is None else f"{facts.seconds:.1f} s",
        f"{size}{what}",
        "" if facts.size is None else megabytes(facts.size),
    ]
    text = ", ".join(one for one in parts if one)
    return f"{facts.label}: {text}" if label else text


def megabytes(size: int) -> str:
    """Return bytes as megabytes, small ones as kilobytes."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
