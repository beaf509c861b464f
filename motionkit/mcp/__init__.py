"""Tools for agents by the Model Context Protocol. Needs the extra ``mcp``."""

from motionkit.mcp.server import make_server, serve_http, serve_stdio

__all__ = ["make_server", "serve_http", "serve_stdio"]
