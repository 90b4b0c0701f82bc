"""A request handler for wasi:http."""

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import (
    Fields,
    IncomingRequest,
    Method_Get,
    Method_Head,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = (request.path_with_query() or "/").partition("?")[0]
        if isinstance(request.method(), (Method_Get, Method_Head)) and path == "/":
            answer(response_out, 200, "text/html", "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n")
        else:
            answer(response_out, 404, "text/plain", f"There is nothing at {link(request, path)}\n")


def link(request: IncomingRequest, path: str) -> str:
    """The address of a path of this handler, for links and redirects: belljar removes what comes before it."""
    with request.headers() as headers:
        mount = dict(headers.entries()).get("belljar-mount", b"")
    return mount.decode() + path


def answer(response_out: ResponseOutparam, status: int, media_type: str, text: str) -> None:
    content_type = f"{media_type}; charset=utf-8".encode()
    response = OutgoingResponse(Fields.from_list([("content-type", content_type)]))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    content = text.encode()
    with body.write() as stream:
        for start in range(0, len(content), 4096):  # the most that one call may write
            stream.blocking_write_and_flush(content[start : start + 4096])
    OutgoingBody.finish(body, None)
