"""Do one thing in a process of its own and print how much its peak memory rose, in bytes.

``python weigh.py KIND URL BYTES FOLDER``, where KIND is ``read``, ``download``, ``multipart`` or
``base64``. A small one of the same goes first, so that modules and buffers are there.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import resource
import sys
from pathlib import Path

from motionkit._support.redaction import Secret
from motionkit.errors import MotionKitError
from motionkit.http.download import download
from motionkit.http.session import Session
from motionkit.model.media import File
from motionkit.model.probe import Facts
from motionkit.model.submission import Call
from motionkit.provider import uploads

_UNIT = 1024 if sys.platform != "darwin" else 1
"""What ru_maxrss counts in."""
_STATUS = Path("/proc/self/status")


def peak() -> int:
    """Return this program's own peak, in bytes.

    On Linux ru_maxrss begins with the peak of the process that started this one, and would hide
    every rise below it; VmHWM does not.
    """
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024


def upload(session: Session, kind: str, path: Path) -> None:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    facts = Facts(path.name, "video", "mp4", size=path.stat().st_size, sha256=digest)
    if kind == "multipart":
        body, content_type = uploads.multipart("file", File(path), facts)
    else:
        body, content_type = uploads.data_urls(File(path), facts), "application/json"
    session.send(Call("POST", f"/{kind}"), headers={"Content-Type": content_type}, body=body)


def run(session: Session, kind: str, url: str, size: int, folder: Path) -> None:
    if kind == "read":
        with contextlib.suppress(MotionKitError):
            session.send(Call("GET", f"/{size}")).json()
    elif kind == "download":
        download(f"{url}/{size}", folder / f"{size}.mp4")
    else:
        path = folder / f"{size}.bin"
        with path.open("wb") as out:
            out.truncate(size)
        upload(session, kind, path)


def main(kind: str, url: str, size: int, folder: Path) -> None:
    auth = {"API-KEY": Secret("weighed-key-0123456789")}
    session = Session(
        provider="weighed", account="weighed", origins={"api": url}, auth=auth, limiter=None
    )
    run(session, kind, url, 1 << 20, folder)
    before = peak()
    run(session, kind, url, size, folder)
    print(peak() - before)  # noqa: T201 - the answer
    session.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
