"""``motionkit.toml``: files, tables, credentials, trust, routes."""

from motionkit.config.defaults import Defaults
from motionkit.config.loading import Account, Config, from_environment, load
from motionkit.config.routes import Route

__all__ = ["Account", "Config", "Defaults", "Route", "from_environment", "load"]
