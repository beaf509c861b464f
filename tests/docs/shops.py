"""The services of docs/examples, each served by a real server on a port of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from types import ModuleType
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import attrs
import django
import requests
import uvicorn
from blocks import EXAMPLES
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from patience import PATIENCE, bounded, until

from motionkit.cli import main


class Shop(Protocol):
    """What a customer's browser and a vendor do with a service."""

    url: str

    def submit(self, number: int, picture: bytes) -> requests.Response: ...

    def deliver(self) -> None:
        """Let videos that are ready come to the service."""


@attrs.frozen
class FastShop:
    url: str

    def submit(self, number: int, picture: bytes) -> requests.Response:
        return requests.put(f"{self.url}/orders/{number}", data=picture, timeout=PATIENCE)

    def deliver(self) -> None:
        pass  # the service does so itself


@attrs.frozen
class DjangoShop:
    url: str

    def submit(self, number: int, picture: bytes) -> requests.Response:
        files = {"picture": ("picture.png", picture)}
        url = f"{self.url}/orders/{number}/submit"
        return requests.post(url, files=files, timeout=PATIENCE)

    def deliver(self) -> None:
        assert main(["resume"]) == 0


@contextmanager
def fastapi_shop() -> Iterator[FastShop]:
    """Serve the FastAPI example until it has shut down in order."""
    module = load("fastapi_app")
    config = uvicorn.Config(module.app, port=0, lifespan="on", log_config=None, ws="none")
    server = uvicorn.Server(config)
    with running(server.run):
        try:
            until(lambda: server.started)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield FastShop(f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True


@contextmanager
def django_shop() -> Iterator[DjangoShop]:
    """Serve the Django example, with a client of its own each time."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["127.0.0.1"],
            DANCE=Path("dance.mp4"),
            ROOT_URLCONF="django_views",
            SECRET_KEY="of-these-tests",
            VIDEOS=Path("videos"),
        )
        django.setup()
    sys.modules.pop("django_views", None)
    module = load("django_views")
    django.urls.clear_url_caches()
    with (
        make_server(
            "127.0.0.1", 0, get_wsgi_application(), server_class=_Threads, handler_class=_Quiet
        ) as server,
        running(server.serve_forever),
    ):
        try:
            yield DjangoShop(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
    module.client.close()


@contextmanager
def worker() -> Iterator[None]:
    """Run `motionkit worker` beside a service, and end it in order."""
    with (
        subprocess.Popen([sys.executable, "-m", "motionkit", "worker"], text=True) as process,
        bounded(process),
    ):
        yield
        process.terminate()
        assert process.wait(PATIENCE) == 0


SHOPS: Mapping[str, Callable[[], AbstractContextManager[Shop]]] = {
    "django_views": django_shop,
    "fastapi_app": fastapi_shop,
}
"""How each file of docs/examples is served."""


class _Threads(ThreadingMixIn, WSGIServer):
    """A server whose requests run side by side, and end before it does."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running(serve: Any) -> Iterator[None]:
    """Run a server in a thread; the block's end asks it to stop."""
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def load(name: str) -> ModuleType:
    """Import an example afresh, as its own process would."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
