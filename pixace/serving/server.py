"""The life of the server: a port of this machine, a few threads, and an end within a second."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import threading
import webbrowser
from pathlib import Path
from types import TracebackType
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from pixace.errors import PixaceError, UsageError
from pixace.serving.app import App
from pixace.serving.events import Studio
from pixace.serving.guard import HEADERS, LOOPBACK, Guard
from pixace.serving.models import Models
from pixace.serving.orders import read_order
from pixace.settings.checks import require_int
from pixace.settings.training import DEFAULT_WEIGHTS_DIR
from pixace.system.signals import StopSignal, end_at_once
from pixace.wording import one_line, shown

_log = logging.getLogger(__name__)

_MOST_THREADS = 24  # requests at a time; others wait to be accepted
_MOST_PORTS = 100  # tried, from the one named
_SECONDS = 10  # for which a connection may say nothing
_LAST_SECONDS = 0.5  # for a drawing to stop at the end of the process


class PageServer:
    """The page, served from the beginning of its context to its end.

    Args:
      model_name: the model to begin with; None takes the first there is.
      weights_dir: top folder of all models.
      host: name or address of this machine to listen at.
      port: or the next one that is free; 0 takes any.

    Attributes:
      address: of the page, with the token in it.
      studio: where it draws.

    Raises:
      UsageError: no such port, or host, or name of a model.
      CheckpointError: no such model.
      PixaceError: no port is free.
    """

    def __init__(
        self,
        model_name: str | None = None,
        weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        require_int("port", port, 0, 65535)
        self.studio = Studio(Models(weights_dir, model_name))
        own = host.strip("[]")
        is_any = _is_any(own)
        guard = Guard([f"[{own}]" if ":" in own else own], is_open=is_any)
        listening = _listening(own, port)
        taken = listening.getsockname()[1]
        if port and taken != port:
            _log.info("port %d is taken: this is %d", port, taken)
        with listening:  # the server has its own copy of it
            self._server = _Server(own, taken, App(self.studio, guard), listening.fileno())
        name = "127.0.0.1" if is_any else own
        name = f"[{name}]" if ":" in name else name
        self.address = f"http://{name}:{taken}/#token={guard.token}"

    def __enter__(self) -> PageServer:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.server_close()
        self.studio.turns.close(_LAST_SECONDS)
        if isinstance(error, StopSignal):  # JAX would take seconds to leave, or compile for minutes
            end_at_once(error.number, None)

    def warm_up(self) -> None:
        """Lets the model be read and compiled in a thread of its own."""
        models = self.studio.models
        order = read_order({"model": models.chosen, "n_pictures": 4}, models)
        threading.Thread(target=self.studio.warm_up, args=(order,), daemon=True).start()


def serve(
    model_name: str | None, weights_dir: Path | str, host: str, port: int, opens_browser: bool
) -> None:
    """Serves the page until a signal ends it, and prints its address.

    Args:
      model_name: see `PageServer`.
      weights_dir: see there.
      host: see there.
      port: see there.
      opens_browser: whether to open the page at once.

    Raises:
      UsageError: see there.
      PixaceError: see there.
    """
    with PageServer(model_name, weights_dir, host, port) as server:
        if host.lower() not in (*LOOPBACK, "::1"):
            _log.warning(
                "at %s other machines can reach this page, and whoever reads the network its "
                "token; an SSH tunnel to 127.0.0.1 is safer",
                shown(host),
            )
        print(server.address, flush=True)
        server.warm_up()
        if opens_browser and not webbrowser.open(server.address):
            _log.warning("no browser could be opened; open the address above")
        threading.Event().wait()


def _is_any(host: str) -> bool:
    """Returns whether it stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    """Returns a socket bound to a port, or to the next one that is free.

    Raises:
      UsageError: there is no such host here.
      PixaceError: no port is free.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(port, min(port + _MOST_PORTS, 65536)):
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, number))
            listening.listen(128)
            return listening
        except (OSError, UnicodeError) as error:
            listening.close()
            if getattr(error, "errno", None) != errno.EADDRINUSE:
                reason = getattr(error, "strerror", None) or error
                raise UsageError(
                    f"cannot listen at host {shown(host)}, port {number}: {reason}"
                ) from None
    raise PixaceError(f"no port from {port} on is free; name another one with --port")


class _Handler(WSGIRequestHandler):
    """Reads a request, as Werkzeug does, but not for ever, and tells of it in the log alone."""

    timeout = _SECONDS
    server_version = "pixace"
    sys_version = ""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuses what is not even a request, without the page that Python would write for it."""
        self.send_response(code, message)
        for name, value in {**HEADERS, "Content-Length": "0", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log(self, type: str, message: str, *args: Any) -> None:
        _log.debug("%s", one_line(message % args if args else message))


class _Server(ThreadedWSGIServer):
    """Werkzeug's server, with a bound to its threads."""

    def __init__(self, host: str, port: int, app: App, descriptor: int) -> None:
        self._free = threading.Semaphore(_MOST_THREADS)
        super().__init__(host, port, app, _Handler, fd=descriptor)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def log(self, type: str, message: str, *args: Any) -> None:
        level = logging.ERROR if type == "error" else logging.DEBUG
        text = (message % args if args else message).strip()
        _log.log(level, "%s", one_line(text.splitlines()[-1] if text else ""))

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a connection failed", exc_info=True)
