"""Convert films and recordings with PyAV: one frame at a time, so that memory stays bounded.

A film is written as H.264 with 8 bits and a constant frame rate, upright, with square pixels and an
even number of them. Its sound is cut at the same moments and is never longer than the film: a
vendor may bill the longer of the two, by started seconds.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import av.filter

from motionkit.conversion.color import cube
from motionkit.model.probe import HDR, display_matrix
from motionkit.model.recipe import Recipe

QUALITY = "18"
"""The constant rate factor of H.264: visually close to lossless."""
SOUND_BITS = 192_000
"""Bits per second of the sound."""
_SAMPLES = 1024
"""Samples of an AAC frame; an encoder begins with one of silence."""
_HEADERS = 0.04
"""Share of the maximum size reserved for headers and for the rate's overshoot."""
_EVERY = 30
"""Frames between two checks whether the conversion is to end."""
_SEEK_FROM = 1.0
"""Seconds from which a start is sought, and not decoded up to."""
_RATES = (44_100, 48_000)
_FORMATS = {"mp4": "mp4", "mov": "mov", "m4a": "ipod", "mp3": "mp3", "wav": "wav"}
_CODECS = {"mp3": "libmp3lame", "wav": "pcm_s16le"}
"""The encoders of sound by container; AAC elsewhere."""
_MP3_DELAY = 0.08
"""Seconds that MP3 adds to its content at most."""

BrokenError = av.error.FFmpegError
"""What the libraries raise for a file that breaks off or is damaged."""


def make(stream: IO[bytes], recipe: Recipe, path: Path, check: Callable[[], object]) -> None:
    """Convert an open film or recording by its recipe.

    Raises:
        BrokenError: It cannot be read.
        OSError: The file cannot be written.
    """
    _write(stream, recipe, path, check, share=1.0)
    if recipe.max_bytes is not None and path.stat().st_size > recipe.max_bytes:
        # A rate is kept on average only; short films may exceed it.
        share = recipe.max_bytes / path.stat().st_size * 0.85
        stream.seek(0)
        _write(stream, recipe, path, check, share=share)


def _write(
    stream: IO[bytes], recipe: Recipe, path: Path, check: Callable[[], object], *, share: float
) -> None:
    with (
        av.open(stream, mode="r", metadata_errors="ignore") as source,
        path.open("wb") as file,
        av.open(file, mode="w", format=_FORMATS[recipe.container], options=_OPTIONS) as target,
        tempfile.TemporaryDirectory() as scratch,
    ):
        attached = av.stream.Disposition.attached_pic
        films = [one for one in source.streams.video if not one.disposition & attached]
        film = films[0] if films and recipe.frames is not None else None
        sound = next(iter(source.streams.audio), None)
        main = film or sound
        if main is None:
            raise BrokenError(0, "it holds neither a film nor sound")
        zero = (main.start_time or 0) * (main.time_base or Fraction(1))
        begin = zero + Fraction(recipe.start).limit_denominator(1_000_000)
        tracks: list[_Film | _Sound] = []
        if film is not None:
            film.thread_type = "AUTO"
            tracks.append(_Film(film, target, recipe, begin, scratch=Path(scratch), share=share))
        if sound is not None:
            tracks.append(_Sound(sound, target, recipe, begin))
        if recipe.start >= _SEEK_FROM:
            source.seek(int(begin * av.time_base), backward=True)
        _copy(source, target, tracks, check)


_OPTIONS = {"movflags": "+faststart"}


def _copy(
    source: Any, target: Any, tracks: list[_Film | _Sound], check: Callable[[], object]
) -> None:
    by_index = {one.stream.index: one for one in tracks}
    # A track's packets wait here until each has its first: headers come before all packets.
    for count, packet in enumerate(source.demux([one.stream for one in tracks])):
        if count % _EVERY == 0:
            check()
        track = by_index[packet.stream.index]
        if not track.done:
            with _damage_at_the_end(packet):
                for frame in packet.decode():
                    for made in track.take(frame):
                        target.mux(made)
        if all(one.done for one in tracks):
            break
    for track in tracks:
        for made in track.finish():
            target.mux(made)


@contextlib.contextmanager
def _damage_at_the_end(packet: Any) -> Iterator[None]:
    """Let a packet pass that cannot be decoded, as players do; a film of none is refused later."""
    try:
        yield
    except av.error.InvalidDataError:
        if packet.pts == 0:
            raise


def _filters(graph: av.filter.Graph, source: Any, *steps: tuple[str, str]) -> tuple[Any, Any]:
    """Link filters after a source; return the source and the sink."""
    before = source
    for name, arguments in steps:
        step = graph.add(name, arguments) if arguments else graph.add(name)
        before.link_to(step)
        before = step
    return source, before


class _Track:
    """One track of the film that is written.

    Attributes:
        stream: The original's track.
        done: Whether it is as long as it is to be.
    """

    def __init__(self, stream: Any, begin: Fraction) -> None:
        self.stream = stream
        self.done = False
        self._begin = begin
        self._graph: av.filter.Graph | None = None
        self._ends: tuple[Any, Any] | None = None

    def _pulled(self) -> Iterator[Any]:
        """Yield the frames that the filters give out now."""
        if self._ends is None:
            return
        while not self.done:
            try:
                yield self._ends[1].pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


class _Film(_Track):
    """The film: upright, scaled, with a constant frame rate."""

    def __init__(
        self,
        stream: Any,
        target: Any,
        recipe: Recipe,
        begin: Fraction,
        *,
        scratch: Path,
        share: float,
    ) -> None:
        super().__init__(stream, begin)
        self._recipe = recipe
        self._left = recipe.frames or 0
        self._held: Any = None
        self._scratch = scratch
        self._hdr = HDR.get(stream.codec_context.color_trc)
        made = target.add_stream("libx264", rate=recipe.rate)
        made.width, made.height, made.pix_fmt = recipe.width, recipe.height, "yuv420p"
        context = made.codec_context
        context.time_base = 1 / (recipe.rate or Fraction(30))
        context.color_range = 1  # limited, as players expect it
        old = stream.codec_context
        if self._hdr:
            context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        else:
            context.colorspace = old.colorspace
            context.color_primaries = old.color_primaries
            context.color_trc = old.color_trc
        # Frames that are stored in another order than shown make the track longer than the film.
        made.options = {"preset": "fast", "crf": QUALITY, "bf": "0", **_rate(recipe, share)}
        self._made = made

    def take(self, frame: Any) -> Iterator[Any]:
        """Encode a frame; yield packets. One is held back until the next says that it counts."""
        if frame.pts is None:
            return
        before, self._held = self._held, frame
        if self._shift(frame) <= 0 or before is None:
            return  # shown before the start, or the first: the next frame says so
        yield from self._push(before)

    def finish(self) -> Iterator[Any]:
        """Encode what is left; yield packets."""
        if self._held is not None and not self.done:
            yield from self._push(self._held)
        if self._ends is not None and not self.done:
            self._ends[0].push(None)
            yield from self._encode()
        yield from self._made.encode(None)

    def _shift(self, frame: Any) -> int:
        """Return a frame's moment from the start on, in its time base."""
        base = frame.time_base or self.stream.time_base
        return int(frame.pts - self._begin / base)

    def _push(self, frame: Any) -> Iterator[Any]:
        if self._ends is None:
            self._ends = self._chain(frame)
        frame.pts = max(self._shift(frame), 0)
        self._ends[0].push(frame)
        yield from self._encode()

    def _encode(self) -> Iterator[Any]:
        for frame in self._pulled():
            frame.pict_type = 0  # the original's key frames mean nothing here
            yield from self._made.encode(frame)
            self._left -= 1
            self.done = self._left <= 0

    def _chain(self, frame: Any) -> tuple[Any, Any]:
        """Link the filters for frames such as this one, the first."""
        graph = self._graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or self.stream.time_base,
        )
        recipe, matrix = self._recipe, display_matrix(frame)
        size = (recipe.width, recipe.height) if matrix[0] else (recipe.height, recipe.width)
        # The frames that are not kept are left out first, and small pictures are turned.
        steps = [
            ("fps", f"fps={recipe.rate}:start_time=0:round=near"),
            ("scale", f"w={size[0]}:h={size[1]}:flags=bicubic:out_range=tv"),
            ("setsar", "1"),
            *((name, arguments) for name, arguments in _TURNS[matrix]),
        ]
        if self._hdr:
            table = self._scratch / "colors.cube"
            table.write_text(cube(self._hdr), "ascii")
            steps += [
                ("format", "gbrp16le"),
                ("lut3d", f"file={table}:interp=tetrahedral"),
                ("scale", "out_color_matrix=bt709:out_range=tv"),
            ]
        # What describes the original's turn and brightness would be wrong now.
        steps += [("format", "yuv420p"), ("sidedata", "mode=delete"), ("buffersink", "")]
        ends = _filters(graph, source, *steps)
        graph.configure()
        return ends


_TURNS: dict[tuple[int, int, int, int], tuple[tuple[str, str], ...]] = {
    (1, 0, 0, 1): (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}
"""Display matrix to filters."""


def _rate(recipe: Recipe, share: float) -> dict[str, str]:
    """Return the options that keep a film below its maximum size."""
    if recipe.max_bytes is None or not recipe.seconds:
        return {}
    bits = recipe.max_bytes * 8 * (1 - _HEADERS) * share / max(recipe.seconds, 1.0)
    most = max(int(bits - SOUND_BITS), 50_000)
    return {"maxrate": str(most), "bufsize": str(most)}


class _Sound(_Track):
    """The sound: from the same moment on, silence where there is none, no longer than the film."""

    def __init__(self, stream: Any, target: Any, recipe: Recipe, begin: Fraction) -> None:
        super().__init__(stream, begin)
        old = stream.codec_context
        rate = old.sample_rate if old.sample_rate in _RATES else _RATES[1]
        layout = "mono" if old.layout.nb_channels == 1 else "stereo"
        codec = _CODECS.get(recipe.container, "aac")
        made = target.add_stream(codec, rate=rate, layout=layout)
        if codec != "pcm_s16le":
            made.bit_rate = SOUND_BITS
        self._made, self._rate, self._layout = made, rate, layout
        self._wanted = made.codec_context.format.name
        seconds = recipe.seconds or 0.0
        if codec == "aac":  # its first frame is silence, and its last one is filled up
            frames = int(seconds * rate) // _SAMPLES - 1
            self._most = max(frames, 1) * _SAMPLES
        else:
            delay = _MP3_DELAY if codec == "libmp3lame" else 0.0
            self._most = int(max(seconds - delay, 0.1) * rate)
        self._samples = 0

    def take(self, frame: Any) -> Iterator[Any]:
        """Encode a frame; yield packets."""
        if frame.pts is None or not frame.sample_rate:
            return
        base = frame.time_base or self.stream.time_base
        shift = frame.pts * base - self._begin
        if shift + Fraction(frame.samples, frame.sample_rate) <= 0:
            return
        if self._ends is None:
            self._ends = self._chain(frame, base)
        frame.pts = round(shift / base)
        self._ends[0].push(frame)
        yield from self._encode()

    def finish(self) -> Iterator[Any]:
        """Encode what is left; yield packets."""
        if self._ends is not None and not self.done:
            self._ends[0].push(None)
            yield from self._encode()
        yield from self._made.encode(None)

    def _encode(self) -> Iterator[Any]:
        for frame in self._pulled():
            self._samples += frame.samples
            yield from self._made.encode(frame)
            self.done = self._samples >= self._most

    def _chain(self, frame: Any, base: Fraction) -> tuple[Any, Any]:
        graph = self._graph = av.filter.Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=base,
        )
        ends = _filters(
            graph,
            source,
            ("aresample", f"{self._rate}:async=1000:first_pts=0"),
            (
                "aformat",
                f"sample_fmts={self._wanted}:channel_layouts={self._layout}",
            ),
            ("atrim", f"end_sample={self._most}"),
            ("asetnsamples", f"n={_SAMPLES}:p=0"),
            ("abuffersink", ""),
        )
        graph.configure()
        return ends
