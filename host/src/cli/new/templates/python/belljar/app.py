"""A request handler. `tools/wit/belljar/handler.wit` describes requests and responses."""

import wit_world
from wit_world.imports.belljar_handler_types import Body_Bytes, Request, Response


class WitWorld(wit_world.WitWorld):
    def handle(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD") and request.path == "/":
            return answer(200, "text/html", "<!doctype html>\n<h1>Hello from {{name}}!</h1>\n")
        return answer(404, "text/plain", f"There is nothing at {link(request, request.path)}\n")


def link(request: Request, path: str) -> str:
    """The address of a path of this handler, for links and redirects: the server removes what comes before it."""
    mount = dict(request.headers).get("belljar-mount", b"")
    return mount.decode() + path


def answer(status: int, media_type: str, text: str) -> Response:
    headers = [("Content-Type", f"{media_type}; charset=utf-8".encode())]
    return Response(status, headers, Body_Bytes(text.encode()))
