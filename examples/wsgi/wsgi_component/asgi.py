"""Runs an ASGI application (https://asgi.readthedocs.io/) as a WSGI application: one request at a time, without threads.

What the application hands to threads runs at once. The body of a response is sent as the application sends it.
"""

import asyncio
import inspect
import sys
import time
from http import HTTPStatus

_lifespan = {}


def is_asgi(application):
    call = application if inspect.isfunction(application) else getattr(application, "__call__", None)
    return inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(call)


def wsgi_of(application):
    """The WSGI application that calls an ASGI application."""

    def call(environ, start_response):
        loop = _Loop()
        asyncio.set_event_loop(loop)
        answer = _Answer(environ, start_response)
        if application not in _lifespan:
            _lifespan[application] = loop.run_until_complete(_start(application))
        scope = _scope_of(environ, _lifespan[application])
        loop.run_until_complete(application(scope, answer.receive, answer.send))
        if not answer.is_started:
            raise RuntimeError("the application ended without a response")
        return []

    return call


async def _start(application):
    """Calls what the application wants to run at its start. Returns the state that its requests share."""
    state = {}
    started = asyncio.get_running_loop().create_future()
    messages = [{"type": "lifespan.startup"}]

    async def receive():
        if messages:
            return messages.pop()
        await asyncio.get_running_loop().create_future()

    async def send(message):
        if message["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"the application does not start: {message.get('message', '')}")
        if not started.done():
            started.set_result(None)

    async def run():
        try:
            await application({"type": "lifespan", "asgi": _VERSIONS, "state": state}, receive, send)
        except Exception as error:
            # An application without this part of ASGI raises an exception.
            if isinstance(error, RuntimeError) and "does not start" in str(error):
                started.set_exception(error)
        if not started.done():
            started.set_result(None)

    state["_belljar_task"] = asyncio.get_running_loop().create_task(run())
    await started
    state.pop("_belljar_task", None)
    return state


def _scope_of(environ, state):
    headers = environ["belljar.headers"]
    target, _, query = environ["REQUEST_URI"].partition("?")
    address = environ.get("REMOTE_ADDR")
    prefix = environ.get("SCRIPT_NAME", "")
    path = (prefix + environ["PATH_INFO"]).encode("latin-1").decode("utf-8", "replace")
    return {
        "type": "http",
        "asgi": _VERSIONS,
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": path,
        "raw_path": target.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": prefix.encode("latin-1").decode("utf-8", "replace"),
        "headers": [(name.lower().encode("latin-1"), value) for name, value in headers],
        "client": (address, int(environ.get("REMOTE_PORT") or 0)) if address else None,
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        "state": dict(state),
        "extensions": {},
    }


class _Answer:
    def __init__(self, environ, start_response):
        self.input = environ["wsgi.input"]
        self.start_response = start_response
        self.is_started = False
        self.is_ended = False
        self.is_read = False
        self.head = None
        self.write = None

    async def receive(self):
        if self.is_read:
            if not self.is_ended:
                # Nothing tells that the client is gone: the host cancels the instance. Others go on meanwhile.
                await asyncio.get_running_loop().create_future()
            return {"type": "http.disconnect"}
        data = self.input.read1(65536)
        self.is_read = not data
        return {"type": "http.request", "body": data, "more_body": not self.is_read}

    async def send(self, message):
        kind = message["type"]
        if kind == "http.response.start":
            status = message["status"]
            phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
            self.head = (f"{status} {phrase}", [(name, value) for name, value in headers if name.lower() not in ("connection", "transfer-encoding")])
        elif kind == "http.response.body":
            if self.write is None:
                self.write = self.start_response(*self.head)
                self.is_started = True
            self.write(bytes(message.get("body", b"")))
            self.is_ended = not message.get("more_body", False)


class _Loop(asyncio.BaseEventLoop):
    """An event loop without sockets and threads: it has timers, and sleeps until the next one."""

    def __init__(self):
        super().__init__()
        self._selector = self
        self._clock_resolution = 1e-6

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("the application waits for something that cannot happen: there are no sockets and no threads")
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def _process_events(self, _events):
        pass

    def _write_to_self(self):
        pass

    def run_in_executor(self, _executor, function, *values):
        future = self.create_future()
        try:
            future.set_result(function(*values))
        except Exception as error:
            future.set_exception(error)
        return future


def install_in_packages():
    """anyio hands functions to threads by itself. Called once the application is loaded."""
    if "anyio" not in sys.modules:
        return

    async def run_sync(function, *values, **_options):
        return function(*values)

    import anyio.to_thread

    anyio.to_thread.run_sync = run_sync


_VERSIONS = {"version": "3.0", "spec_version": "2.4"}
