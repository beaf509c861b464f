"""Errors of calls of which nothing was sent."""

from __future__ import annotations

from motionkit.errors import ConfigError, ProviderUnavailable


class Untrusted(ConfigError):
    """This machine does not trust the certificate of the other side; nothing was sent."""

    default_hint = (
        "add the certificate of the company proxy or of the endpoint: SSL_CERT_FILE or "
        "REQUESTS_CA_BUNDLE names a file of trusted certificates"
    )


class NotSent(ProviderUnavailable):
    """No byte of the request was sent, so nothing can have arrived."""
