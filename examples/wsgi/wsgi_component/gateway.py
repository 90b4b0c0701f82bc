"""Calls a WSGI application (PEP 3333) for a request, whatever the contract with the host."""

import io
import sys
import traceback
from dataclasses import dataclass
from typing import Callable, Iterable, Optional
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper, is_hop_by_hop


@dataclass
class Request:
    """A request, as the host describes it."""

    method: str
    scheme: str
    # Host and optional port; None if the client sent none.
    authority: Optional[str]
    # As sent: the path still percent-encoded and without the mount, the query without its `?`.
    path: str
    query: Optional[str]
    # In the order in which they were sent.
    headers: Iterable[tuple[str, bytes]]
    # Returns at most this many bytes of the content, and no bytes at its end.
    read: Callable[[int], bytes]
    # Address and port of the client, if the contract has them.
    client: Optional[tuple[str, str]] = None


class Gone(Exception):
    """The client has disconnected."""


def environ_of(request: Request) -> dict:
    """The environ of PEP 3333. Its strings hold bytes, decoded as ISO 8859-1."""
    host, port = _host_and_port(request.authority, request.scheme)
    # The prefix of the path that the server removed. belljar drops a field of this name that a client sends.
    mount = next((value.decode("latin-1") for name, value in request.headers if name.lower() == MOUNT), "")
    target = mount + request.path
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _unquoted(mount),
        "PATH_INFO": _unquoted(request.path),
        "QUERY_STRING": request.query or "",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "belljar",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BufferedReader(_Content(request.read)),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        # Other instances answer other requests at the same time; this instance answers only one.
        "wsgi.multiprocess": True,
        "wsgi.run_once": True,
        "wsgi.file_wrapper": FileWrapper,
        # The input ends with the content, with or without a Content-Length.
        "wsgi.input_terminated": True,
        # The target as sent, for applications that distinguish `%2F` from `/`.
        "REQUEST_URI": target if request.query is None else f"{target}?{request.query}",
    }
    if request.client:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = request.client
    # As they were sent, for ASGI.
    environ["belljar.headers"] = list(request.headers)
    for name, value in environ["belljar.headers"]:
        # `X-User` and `X_User` would become one variable, so a client could forge a field that a proxy sets. Many
        # libraries take HTTP_PROXY for a setting (CVE-2016-5385).
        if "_" in name or name.lower() == "proxy":
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ", "
            text = f"{environ[key]}{separator}{text}"
        environ[key] = text
    return environ


def run(application, request: Request, begin) -> None:
    """Calls the application.

    `begin(status, headers)` takes a number and pairs of text and bytes, sends the head of the response, and returns a
    function that sends a piece of its body. Both may raise `Gone`.
    """
    environ = environ_of(request)
    response = _Response(begin)
    try:
        result = application(environ, response.start)
        try:
            response.send_all(result)
        finally:
            if hasattr(result, "close"):
                result.close()
    except Gone:
        pass
    except Exception:
        if response.send is not None:
            # The head has been sent. Trap, with a traceback in the log; the host closes the connection.
            raise
        traceback.print_exc(file=environ["wsgi.errors"])
        response.replace_by_error()


class _Response:
    def __init__(self, begin):
        self.begin = begin
        self.head = None
        # Sends a piece of the body; None until the head has been sent.
        self.send = None

    def start(self, status, headers, exc_info=None):
        """`start_response`."""
        if exc_info:
            try:
                if self.send is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                # Breaks the reference cycle between the traceback and this frame.
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response is called again, without exc_info")
        self.head = _checked(status, headers)
        return self.write

    def write(self, data):
        """The callable that `start_response` returns."""
        if not isinstance(data, bytes):
            raise TypeError(f"a body is made of bytes, not {type(data).__name__}")
        if self.head is None:
            raise AssertionError("the application sends content before it calls start_response")
        if self.send is None:
            self.send = self.begin(*self.head)
        if data:
            self.send(data)

    def send_all(self, result):
        # The head is sent with the first piece that is not empty: until then the application may replace it.
        if self.send is None and isinstance(result, (list, tuple)):
            self.set_length(sum(map(len, result)))
        for data in result:
            if data or not isinstance(data, bytes):
                self.write(data)
        if self.send is None:
            self.set_length(0)
            self.write(b"")

    def set_length(self, length):
        """Adds a Content-Length if the application has set none."""
        if self.head is None:
            return
        status, headers = self.head
        bodyless = status in (204, 304)
        if not bodyless and not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", b"%d" % length))

    def replace_by_error(self):
        self.head = (500, [("Content-Type", b"text/plain; charset=utf-8"), ("Content-Length", b"%d" % len(ERROR))])
        try:
            self.write(ERROR)
        except Gone:
            pass


class _Content(io.RawIOBase):
    """The request's content as a file. It is read only as far as the application reads."""

    def __init__(self, read):
        self.read_some = read

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self.read_some(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _checked(status, headers):
    """Status and headers for the host."""
    if not isinstance(status, str) or not status[:3].isdecimal() or status[3:4] not in ("", " "):
        raise ValueError(f"{status!r} is no status such as '200 OK'")
    for name, value in headers:
        if is_hop_by_hop(name):
            raise ValueError(f"{name} is a header of the connection, which is the server's (PEP 3333)")
    return int(status[:3]), [(name, value.encode("latin-1")) for name, value in headers]


def _unquoted(path):
    return unquote_to_bytes(path).decode("latin-1")


def _host_and_port(authority, scheme):
    default = "443" if scheme == "https" else "80"
    if not authority:
        return "localhost", default
    host, colon, port = authority.rpartition(":")
    # The last colon of `[::1]` does not precede a port.
    if not colon or not port.isdecimal():
        return authority.removesuffix(":"), default
    return host, port


MOUNT = "belljar-mount"
ERROR = b"500 Internal Server Error\n"
