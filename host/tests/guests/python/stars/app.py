"""An application with Starlette: routes, forms with files, streams, background tasks, and a state of its lifespan."""

import asyncio
import contextlib
import hashlib

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route


@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"greeting": "Hello"}


async def hello(request):
    return PlainTextResponse(f"{request.state.greeting} {request.path_params['name']}!")


def in_a_thread(request):
    return PlainTextResponse("without threads")


async def upload(request):
    async with request.form() as form:
        content = await form["file"].read()
    return JSONResponse({"name": form["file"].filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()})


async def echo(request):
    return PlainTextResponse(await request.body())


async def stream(request):
    async def pieces():
        for number in range(3):
            await asyncio.sleep(0.001)
            yield f"piece {number}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


async def later(request):
    async def task():
        await asyncio.sleep(0.001)
        print("done after the response", flush=True)

    return PlainTextResponse("now", background=BackgroundTask(task))


async def together(request):
    return JSONResponse(await asyncio.gather(*(asyncio.sleep(0.001, number) for number in range(3))))


app = Starlette(
    routes=[
        Route("/hello/{name}", hello),
        Route("/thread", in_a_thread),
        Route("/upload", upload, methods=["POST"]),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/later", later),
        Route("/together", together),
    ],
    lifespan=lifespan,
)
