"""wasi:http 0.2: content is streamed in both directions."""

from componentize_py_types import Err, Ok
from wit_world.imports.streams import StreamError_Closed
from wit_world.imports.types import Fields, IncomingBody, OutgoingBody, OutgoingResponse, ResponseOutparam
from wit_world.imports.types import Method_Other, Scheme_Https

from .gateway import Gone, Request, run


def handler(application):
    """The class that componentize-py exports as `wasi:http/incoming-handler`."""

    class IncomingHandler:
        def handle(self, request, response_out):
            _answer(application, request, response_out)

    return IncomingHandler


def _answer(application, incoming, response_out):
    # A child resource must be dropped before its parent, which decides the order here.
    with incoming, _Content(incoming) as content, _Response(response_out) as response:
        method = _name_of(incoming.method())
        response.bodyless = method == "HEAD"
        path, mark, query = (incoming.path_with_query() or "/").partition("?")
        with incoming.headers() as fields:
            headers = fields.entries()
        authority = incoming.authority()
        # The host has moved the Host field to the authority, where applications do not look.
        if authority and not any(name.lower() == "host" for name, _ in headers):
            headers.append(("host", authority.encode()))
        asked = Request(
            method=method,
            scheme="https" if isinstance(incoming.scheme(), Scheme_Https) else "http",
            authority=authority,
            path=path,
            query=query if mark else None,
            headers=headers,
            read=content.read,
            client=_client_of(headers),
        )
        run(application, asked, response.begin)
        response.finish()


class _Content:
    """The request's content. It is requested only when it is read: the host may have to send 100 Continue."""

    def __init__(self, incoming):
        self.incoming = incoming
        self.body = None
        self.stream = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _give_back(self.stream, self.body)

    def read(self, most):
        if self.body is None:
            self.body = self.incoming.consume()
            self.stream = self.body.stream()
        try:
            return self.stream.blocking_read(most)
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return b""
            raise OSError(f"the request's body is incomplete: {_reason(error.value)}") from None


class _Response:
    def __init__(self, response_out):
        self.response_out = response_out
        self.bodyless = False
        self.body = None
        self.stream = None

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        # Not after an error, which ends in a trap: the host would report a broken response before it logs the reason.
        if error is None:
            _give_back(self.stream, self.body)

    def begin(self, status, headers):
        self.bodyless |= status == 304
        response = OutgoingResponse(Fields.from_list(headers))
        response.set_status_code(status)
        self.body = response.body()
        self.stream = self.body.write()
        ResponseOutparam.set(self.response_out, Ok(response))
        return self.send

    def send(self, data):
        """Sends a piece of the body, and waits if the client is slower than the application."""
        try:
            rest = memoryview(data)
            while rest:
                count = self.stream.check_write()
                if count == 0:
                    with self.stream.subscribe() as room:
                        room.block()
                    continue
                self.stream.write(bytes(rest[:count]))
                rest = rest[count:]
            # The next piece may take long, so this one is sent now (PEP 3333, "Buffering and Streaming").
            self.stream.flush()
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                raise Gone from None
            raise OSError(f"the response cannot be sent: {_reason(error.value)}") from None

    def finish(self):
        if self.body is None:
            return
        self.stream.__exit__(None, None, None)
        body, self.stream, self.body = self.body, None, None
        try:
            OutgoingBody.finish(body, None)
        except Err:
            # Only the response to HEAD and a 304 may have the length of a body that is not sent.
            if not self.bodyless:
                raise


def _client_of(headers):
    """Address and port of the client, which belljar adds. It drops a field of this name that a client sends."""
    value = next((value.decode("latin-1") for name, value in headers if name.lower() == "belljar-client"), "")
    address, colon, port = value.rpartition(":")
    return (address.strip("[]"), port) if colon else None


def _give_back(*resources):
    for resource in resources:
        if resource is not None:
            resource.__exit__(None, None, None)


def _name_of(method):
    if isinstance(method, Method_Other):
        return method.value
    return type(method).__name__.removeprefix("Method_").upper()


def _reason(error):
    """The text of a stream's error, which is a resource."""
    with error.value as resource:
        return resource.to_debug_string()
