"""belljar's own contract: the body is sent as a whole, once it is complete."""

from componentize_py_types import Err
from wit_world.imports.belljar_handler_types import Body_Bytes, Body_Empty, Response
from wit_world.imports.belljar_handler_types import Scheme
from wit_world.imports.streams import StreamError_Closed

from .gateway import Request, run


def handler(application):
    """The class that componentize-py exports for the world `belljar:handler/handler`."""

    class WitWorld:
        def handle(self, request):
            return _answer(application, request)

    return WitWorld


def _answer(application, request):
    response = Response(500, [], Body_Empty())
    pieces = []

    def begin(status, headers):
        response.status, response.headers = status, headers
        return pieces.append

    address, _, port = request.client.rpartition(":")
    asked = Request(
        method=request.method,
        scheme="https" if request.scheme == Scheme.HTTPS else "http",
        authority=request.authority,
        path=request.path,
        query=request.query,
        headers=request.headers,
        read=lambda most: _read(request.body, most),
        client=(address.strip("[]"), port),
    )
    run(application, asked, begin)
    if pieces:
        response.body = Body_Bytes(b"".join(pieces))
    return response


def _read(stream, most):
    if stream is None:
        return b""
    try:
        return stream.blocking_read(most)
    except Err as error:
        if isinstance(error.value, StreamError_Closed):
            return b""
        # The host sends the response: the body was malformed, too large or too slow, or the client disconnected.
        raise OSError("the request's body is incomplete") from None
