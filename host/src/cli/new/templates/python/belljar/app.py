"""A request handler. `wit/handler.wit` describes requests and responses."""

import wit_world
from wit_world.imports.belljar_handler_types import Body_Bytes, Request, Response


class WitWorld(wit_world.WitWorld):
    def handle(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD") and request.path == "/":
            return text(200, "Hello from {{name}}!\n")
        return text(404, f"There is nothing at {request.path}\n")


def text(status: int, text: str) -> Response:
    headers = [("Content-Type", b"text/plain; charset=utf-8")]
    return Response(status, headers, Body_Bytes(text.encode()))
