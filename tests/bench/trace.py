"""Trace one `submit`, and one that falls back along a route, through the modules.

A change of module is a call from one module of motionkit, or of an adapter, into another. The trace
also counts how often each file is opened, hashed and decoded, and how often the request is fitted
and quoted. The vendor is `motionkit.testing.memory`, the media are local files, and the client is
new.

Counted: every such call between the call of `submit` and its return, in the thread that calls.

Not counted: calls within a module, into the standard library and into third parties; imports, and
the loading of a room's names; other threads; and the parts that a client makes once, of which the
first purchase would make 23 changes more. Until these parts became lazy, the constructor made them,
which was not traced either. The client has the clock and the sleep of a user's client: with those
of the stage, which the bounds were first set with, the submit has 1 change more and the routed
fallback 8.

    python tests/bench/trace.py [--paths] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import attrs
import av
import PIL.Image

import motionkit as mk
from motionkit.config import Account, Route
from motionkit.testing import samples
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import Situation, options_for

BOUNDS = {"submit": 120, "routed fallback": 300}
"""Changes of module at most."""
_OURS = ("motionkit", "motionkit_pixverse", "motionkit_segmind")


class Trace:
    """The changes of module during a call, and how often it reads files, fits and quotes."""

    def __init__(self) -> None:
        self.path: list[tuple[str, str]] = []
        self.calls: Counter[str] = Counter()
        self.files: Counter[str] = Counter()
        self._importing = 0

    @property
    def changes(self) -> int:
        return len(self.path)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event not in {"call", "return"}:
            return
        # A room's names load when they are first used, through `motionkit._support.exports`.
        if frame.f_code.co_name == "<module>" or _module(frame) == "motionkit._support.exports":
            self._importing += 1 if event == "call" else -1
        name = _module(frame)
        if event == "return" or self._importing or not name:
            return
        if frame.f_code.co_qualname in {"fit", "quote"}:
            self.calls[frame.f_code.co_name] += 1
        caller = frame.f_back
        while caller is not None and not _module(caller):
            caller = caller.f_back
        if caller is not None and _module(caller) != name:
            self.path.append((_module(caller), name))

    @contextmanager
    def following(self, folder: Path) -> Iterator[None]:
        """Trace this thread, and count each use of a media file in the folder."""
        active = True

        def audited(event: str, arguments: tuple[Any, ...]) -> None:
            if active and event == "open" and str(arguments[0]).startswith(str(folder)):
                path = Path(str(arguments[0]))
                if path.suffix in {".png", ".mp4"}:
                    self.files[f"{path.name} opened"] += 1

        def noted(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def note(stream: Any, *given: Any, **options: Any) -> Any:
                if isinstance(
                    path := getattr(stream, "name", None), str
                ):  # not the sandbox's bytes
                    self.files[f"{Path(path).name} {what}"] += 1
                return call(stream, *given, **options)

            return note

        sys.addaudithook(audited)
        with ExitStack() as stack:
            for owner, name, what in (
                (hashlib, "file_digest", "hashed"),
                (PIL.Image, "open", "decoded"),
                (av, "open", "decoded"),
            ):
                call = noted(what, getattr(owner, name))
                stack.enter_context(mock.patch.object(owner, name, call))
            sys.setprofile(self)
            try:
                yield
            finally:
                sys.setprofile(None)
                active = False


def _module(frame: FrameType) -> str:
    """Return the name of a frame's module; nothing where it is not ours."""
    name = str(frame.f_globals.get("__name__", ""))
    return name if name.partition(".")[0] in _OURS else ""


def traced(*, refusing: bool) -> Trace:
    """Follow one submit; through the route whose first target refuses, if wanted."""
    stages = {"first": MemoryStage(), "second": MemoryStage()}
    accounts = {name: Account(name, "memory", stage.settings) for name, stage in stages.items()}
    route = Route(name="both", targets=tuple(accounts), fall_back_on=("credits",))
    with tempfile.TemporaryDirectory() as name:
        folder, trace = Path(name), Trace()
        options = options_for(stages["first"], folder)
        # The stage's clock and sleep are modules of ours; those of a user's client are not.
        options = {name: one for name, one in options.items() if name not in {"clock", "sleep"}}
        config = attrs.evolve(options["config"], accounts=accounts, routes={"both": route})
        with mk.Client(**{**options, "config": config}) as client:
            if refusing:
                stages["first"].arrange(Situation.NO_CREDITS)
            wanted = request(folder)
            _ = client._checkout  # makes the parts that a client makes once
            with trace.following(folder):
                job = client.submit(wanted, via="both" if refusing else "first")
            assert job.account == ("second" if refusing else "first")
        return trace


def request(folder: Path) -> mk.Mimic:
    """Return a request for files of the folder."""
    image, video = folder / "image.png", folder / "clip.mp4"
    image.write_bytes(samples.PICTURE)
    video.write_bytes(samples.CLIP)
    return mk.Mimic(image, video, quality="360p")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--paths", action="store_true", help="list the calls between modules, by number"
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    for what, bound in BOUNDS.items():
        trace = traced(refusing=what != "submit")
        found = {"changes": trace.changes, **trace.calls, **dict(sorted(trace.files.items()))}
        if chosen.json:
            print(json.dumps({"what": what, "bound": bound, **found}))
            continue
        told = ", ".join(f"{count} x {name}" for name, count in found.items() if name != "changes")
        print(f"{what}: {trace.changes} changes of module, at most {bound}; {told}")
        if chosen.paths:
            for (caller, called), count in Counter(trace.path).most_common():
                print(f"  {count:4}  {caller} -> {called}")


if __name__ == "__main__":
    main()
