"""Sessions of `requests` that connect only where they may, and read only so much for so long.

What has to hold whatever a server does is enforced below HTTP: on the address that the resolver
gave and the socket connects to, and on every single read from that socket. So no spelling of an
address, redirect, second look-up, endless header or dripping chunk gets round it.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pixace.errors import DownloadError
from pixace.web.answer import RetryableError
from pixace.web.limits import Limits
from pixace.web.request import new_session
from pixace.wording import shown

if TYPE_CHECKING:
    import requests
    from _typeshed import WriteableBuffer


class Guard:
    """What one fetch may do, with all its redirects.

    Args:
      allowed: says whether an address (IPv4 or IPv6, as text) may be connected to.
      limits: the time it may take.
      max_bytes: what may come over the wire, headers and all.
    """

    def __init__(self, allowed: Callable[[str], bool], limits: Limits, max_bytes: int) -> None:
        self.allowed = allowed
        self.limits = limits
        self.max_bytes = max_bytes
        self.bytes_left = max_bytes
        self.deadline = time.monotonic() + limits.total_seconds

    def connect(self, host: str, port: int) -> socket.socket:
        """Looks a name up, once, and connects to an address that it has, if that is allowed.

        Raises:
          DownloadError: no address of this name is allowed, or the time is over.
          RetryableError: no connection in time.
          OSError: no such name, or the connection is refused.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [each for each in found if self.allowed(str(each[4][0]))]
        if not found:
            raise DownloadError(
                f"the address of {shown(host)} is private (of a machine or its own network), where "
                "pixace fetches nothing unless --allow_private_urls is given"
            )
        failures: list[OSError] = []
        for family, kind, protocol, _, address in found:
            seconds = self._seconds(self.limits.connect_seconds)
            try:
                return _connected(socket.socket(family, kind, protocol), address, seconds)
            except OSError as error:  # of a machine without IPv6, too: the next address may do
                failures.append(error)
        if isinstance(failures[0], TimeoutError):
            raise RetryableError(f"no connection within {self.limits.connect_seconds:g} s")
        raise failures[0]

    def receive(self, sock: socket.socket, buffer: WriteableBuffer) -> int:
        """Reads what has come, as `socket.recv_into`, and counts it.

        Raises:
          DownloadError: it is too much, or the time is over.
          TimeoutError: nothing came for some time.
        """
        sock.settimeout(self._seconds(self.limits.idle_seconds))
        try:
            n_bytes = sock.recv_into(buffer)
        except TimeoutError:
            self._seconds(0)  # it may have been the last moment of all
            raise
        self.bytes_left -= n_bytes
        if self.bytes_left < 0:
            raise too_much(self.max_bytes)
        return n_bytes

    def _seconds(self, at_most: float) -> float:
        """Returns how long the next thing may take; there is an error if no time is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DownloadError(f"not complete after {self.limits.total_seconds:g} s")
        return min(left, at_most)


def _connected(sock: socket.socket, address: Any, seconds: float) -> socket.socket:
    """Returns the socket connected, or closes it."""
    try:
        sock.settimeout(seconds)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def too_much(max_bytes: int) -> DownloadError:
    """Returns the error of an answer that is larger than `max_bytes`."""
    return DownloadError(f"more than {max_bytes / 10**6:g} MB, too much for an image")


class _Incoming(io.RawIOBase):
    """What comes through a socket, under guard."""

    def __init__(self, sock: socket.socket, guard: Guard) -> None:
        self._sock = sock
        self._guard = guard
        # Sockets count their files: the last one to be closed closes the connection.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._guard.receive(self._sock, buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose every byte, headers and all, comes under guard."""

    def __init__(self, sock: socket.socket, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Incoming(sock, guard))


def guarded_session(guard: Guard) -> requests.Session:
    """Returns a session under guard, for one fetch.

    It sends no credentials, neither from an address nor from the user's .netrc, and goes through no
    proxy: that would look names up itself, where nobody sees which address it connects to. Host
    names mean what they always mean: for the certificate, for SNI and in the Host header.
    """
    import requests
    from urllib3 import connection, connectionpool

    def connect(self: connection.HTTPConnection) -> socket.socket:
        return guard.connect(self._dns_host, self.port)

    # As a plain attribute, a partial function would become a method in future versions of Python.
    response = staticmethod(functools.partial(_Response, guard=guard))

    class Connection(connection.HTTPConnection):
        _new_conn = connect
        response_class = response  # type: ignore[assignment]

    class TLSConnection(connection.HTTPSConnection):
        _new_conn = connect
        response_class = response  # type: ignore[assignment]

    class Pool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Connection

    class TLSPool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = TLSConnection

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TLSPool}

        def send(
            self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
        ) -> requests.Response:
            if "@" in urlsplit(str(request.url)).netloc:
                raise DownloadError(
                    "the address holds a user name or password, which pixace does not send; give "
                    "one without"
                )
            return super().send(request, *args, **{**kwargs, "proxies": None})

    session = new_session()
    session.auth = lambda request: request  # without any, requests looks into .netrc
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())
    return session
