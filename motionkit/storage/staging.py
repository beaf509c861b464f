"""Put local media into a store of the user's, and make URLs that a vendor can fetch them by."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import attrs

from motionkit._support.redaction import redact_urls
from motionkit.errors import ConfigError, DownloadFailed, InvalidRequest
from motionkit.model import media, probe
from motionkit.storage.places import BLOCK, Place, check_credentials, is_url

SIGNED_FOR = 24 * 3600
"""Seconds for which a URL is signed: a vendor fetches it when its queue reaches the job."""


@attrs.frozen
class Staging:
    """A folder in a store.

    Attributes:
        url: E.g. ``s3://BUCKET/FOLDER``; fsspec needs the store's package, such as s3fs.
    """

    url: str

    def name(self, facts: probe.Facts) -> str:
        """Return a file's name: the digest of its content, so that each is stored once."""
        return f"{facts.sha256 or 'SHA256'}.{facts.container or 'bin'}"

    def check(self) -> None:
        """Refuse a folder that no vendor could fetch from; nothing is sent.

        Raises:
            InvalidRequest: It is no URL of a store, or has credentials.
            ConfigError: With what to install.
        """
        place = Place(self.url)
        if not is_url(self.url) or place.folder is not None:
            raise InvalidRequest(
                f"stage: {self.url!r} is on this machine, where no vendor can fetch from",
                field="stage",
                value=self.url,
                limit="a folder in a store, such as s3://BUCKET/FOLDER",
            )
        check_credentials(self.url)
        place.check()

    def put(self, content: media.File | media.Data, facts: probe.Facts) -> str:
        """Copy a file into the folder, unless it is there, and return a signed URL of it.

        Raises:
            ConfigError: The store cannot sign URLs, or the file could not be written there.
            InvalidRequest: The file has changed since it was inspected.
        """
        place, name = Place(self.url), self.name(facts)
        self._signed(place, name)  # before anything is copied: not every store can
        try:
            if not place.has(name):
                with tempfile.TemporaryDirectory(prefix="motionkit-") as folder:
                    place.put(_copied(content, facts, Path(folder) / name), name)
        except (DownloadFailed, OSError) as error:
            text = error.message if isinstance(error, DownloadFailed) else error.strerror
            raise ConfigError(f"stage: {text}; nothing was submitted") from error
        return self._signed(place, name)

    def _signed(self, place: Place, name: str) -> str:
        try:
            url = place.signed(name, SIGNED_FOR)
        except NotImplementedError as error:
            raise ConfigError(
                f"stage: {redact_urls(self.url)} is of a store that makes no signed URLs",
                hint="use one that does, such as s3:// or gs://",
            ) from error
        except Exception as error:  # whatever a store's package raises
            raise ConfigError(
                f"stage: no URL of {redact_urls(self.url)} was made: {error}"
            ) from error
        media.check_url(url, "stage")
        return url


def _copied(content: media.File | media.Data, facts: probe.Facts, path: Path) -> Path:
    """Copy a file, and check that it is the one that was inspected: its name says so for ever."""
    digest = hashlib.sha256()
    with probe.open_content(content) as source, path.open("wb") as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != facts.sha256:
        raise InvalidRequest(
            f"{facts.label} changed while it was sent; nothing was submitted",
            field="media",
            value=facts.label,
        )
    return path
