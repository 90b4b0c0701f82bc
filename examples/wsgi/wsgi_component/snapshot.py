"""Prepares the interpreter before it is stored in a component.

The component holds no Python files, so a module that is not loaded before this point cannot be loaded later. Importing the
application loads most modules. This file loads those that Python and the frameworks import late, and finds the application.
"""

import gc
import importlib
import os
import pkgutil
import runpy
import sys
import wsgiref.simple_server

from .gateway import Request, run


def prepare():
    """Imports modules that Python imports late, and supplies functions that WASI lacks."""
    import encodings

    for module in pkgutil.iter_modules(encodings.__path__, "encodings."):
        _try_import(module.name)
    for name in LATE:
        _try_import(name)
    # A sandbox has no users.
    if not hasattr(os, "getuid"):
        os.getuid = lambda: 65534


def load(application):
    """The application `MODULE:NAME`, or the one that a script passes to `wsgiref.simple_server.make_server`."""
    module, colon, name = application.partition(":")
    if colon:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found
    served = []

    class Server:
        """The server that the script gets: its methods do nothing."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __getattr__(self, _name):
            return lambda *_args, **_options: None

    def make_server(_host, _port, app, *_args, **_options):
        served.append(app)
        return Server()

    original = wsgiref.simple_server.make_server
    wsgiref.simple_server.make_server = make_server
    try:
        runpy.run_module(module, run_name="__main__")
    finally:
        wsgiref.simple_server.make_server = original
    if len(served) != 1:
        raise SystemExit(f"{module}.py calls make_server {len(served)} times, not once; name the application as MODULE:NAME")
    return served[0]


def warm(application, target):
    """Sends a request to the application, so that the component contains everything that the first request loads."""
    path, mark, query = target.partition("?")
    statuses = []

    def begin(status, _headers):
        statuses.append(status)
        return lambda _data: None

    run(
        application,
        Request(
            method="GET",
            scheme="http",
            authority="localhost",
            path=path,
            query=query if mark else None,
            headers=[("host", b"localhost")],
            read=lambda _most: b"",
        ),
        begin,
    )
    if statuses[0] >= 500:
        raise SystemExit(f"the application answers {target} with {statuses[0]}")


def freeze():
    """Excludes all present objects from garbage collection, which would copy their memory for each request."""
    gc.collect()
    gc.freeze()


def _try_import(name):
    # Some modules need functions that this platform does not have.
    try:
        importlib.import_module(name)
    except (ImportError, AttributeError, OSError):
        print(f"left out: {name}", file=sys.stderr)


LATE = [
    "_strptime",
    "asyncio",
    "calendar",
    "concurrent.futures.thread",
    "contextvars",
    "csv",
    "decimal",
    "difflib",
    "email.header",
    "email.message",
    "email.mime.multipart",
    "email.mime.text",
    "email.parser",
    "email.policy",
    "fractions",
    "gettext",
    "graphlib",
    "hashlib",
    "hmac",
    "html.entities",
    "html.parser",
    "http.client",
    "http.cookies",
    "importlib.metadata",
    "importlib.resources",
    "inspect",
    "ipaddress",
    "json.tool",
    "linecache",
    "locale",
    "logging.handlers",
    "mimetypes",
    "numbers",
    "pathlib",
    "pprint",
    "queue",
    "random",
    "secrets",
    "shlex",
    "socket",
    "statistics",
    "string.templatelib",
    "struct",
    "tempfile",
    "textwrap",
    "timeit",
    "tokenize",
    "traceback",
    "unicodedata",
    "urllib.request",
    "uuid",
    "wsgiref.util",
    "wsgiref.validate",
    "zipfile",
    "zoneinfo",
]
