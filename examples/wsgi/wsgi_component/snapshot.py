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

from . import environment, files, modules, outbound
from .gateway import Request, run

_state = {}


def prepare(roots):
    """Imports modules that Python imports late, and supplies functions that WASI lacks.

    `roots` are the folders of the application.
    """
    # Before anything imports `http.client`, which has HTTPS only beside a module `ssl`.
    outbound.install_tls()
    import encodings

    for module in pkgutil.iter_modules(encodings.__path__, "encodings."):
        _try_import(module.name)
    for name in LATE:
        _try_import(name)
    # A sandbox has no users and processes.
    if not hasattr(os, "getuid"):
        os.getuid = lambda: 65534
    outbound.install()
    files.install_temporary()
    # The environment of the application is the one of its instance.
    _state["roots"] = roots
    _state["environment"] = environment.Recording(roots)


def load(application):
    """The application, as a WSGI application. An instance whose variables are not those of the build loads it anew."""
    _state["name"] = application
    current = [_loaded(application)]
    is_checked = False

    def call(environ, start_response):
        nonlocal is_checked
        if not is_checked and "environment" not in _state:
            is_checked = True
            own = _state["set"]
            is_stale = environment.differs(own)
            for name, value in own.items():
                os.environ.setdefault(name, value)
            if is_stale:
                current[0] = _loaded_anew()
        return current[0](environ, start_response)

    return call


def _loaded(application):
    from . import asgi

    try:
        found = _find(application)
    except ImportError as error:
        reason = _native_part(error)
        if reason:
            _refuse(reason)
        raise
    outbound.install_in_packages()
    asgi.install_in_packages()
    return asgi.wsgi_of(found) if asgi.is_asgi(found) else found


def _loaded_anew():
    settings = sys.modules.get("django.conf")
    if settings is not None and settings.settings.configured:
        # Models cannot be loaded twice. Settings can, and everything else of Django asks them.
        name = settings.settings.SETTINGS_MODULE
        package = name.partition(".")[0]
        for module in [module for module in modules.codes() if module.startswith(f"{package}.settings")]:
            sys.modules.pop(module, None)
        settings.settings._wrapped = settings.Settings(name)
        for cached in [key for key in vars(settings.settings) if key.isupper()]:
            del vars(settings.settings)[cached]
        return _loaded(_state["name"])
    modules.forget()
    return _loaded(_state["name"])


def _native_part(error):
    """Whether the module that is missing is a native one of a package."""
    name = getattr(error, "name", None) or ""
    parts = name.split(".")
    for folder in sys.path:
        place = "/".join([folder, *parts[:-1]])
        if not os.path.isdir(place):
            continue
        for entry in os.listdir(place):
            if entry.startswith(f"{parts[-1]}.") and entry.endswith((".so", ".pyd", ".dylib")):
                return (
                    f"the package {parts[0]} has a native part, {entry}, which a component cannot load; use a package that is written "
                    "in Python, or an older version of this one that is"
                )
    return None


def _refuse(reason):
    # build.py shows this line alone.
    raise SystemExit(f"BELLJAR: {reason}")


def _find(application):
    """The application `MODULE:NAME`, or the one that a script passes to `wsgiref.simple_server.make_server`."""
    module, colon, name = application.partition(":")
    if colon:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found
    import wsgiref.simple_server

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
    _state["environment"].is_warming = True

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
    _state["environment"].is_warming = False
    if statuses[0] >= 500:
        raise SystemExit(f"the application answers {target} with {statuses[0]}")


def store(notes):
    """Stores what the application may need later: files, and modules that are not loaded yet. Returns what to tell the user."""
    roots = _state["roots"]
    told = _state.pop("environment").stop()
    _state["set"] = dict(os.environ)
    modules.keep_code(roots)
    for root in roots:
        files.add_root(root)
        files.store(root)
        modules.store(root)
    for folder in sys.path:
        if folder in roots or not os.path.isdir(folder):
            continue
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            package = name.removesuffix(".py")
            if name.endswith(".dist-info"):
                for part in ("METADATA", "entry_points.txt", "top_level.txt", "RECORD"):
                    if os.path.exists(f"{path}/{part}") and part != "RECORD":
                        files.store_file(f"{path}/{part}")
            elif package in sys.modules and os.path.isdir(path) and not folder.startswith("/python"):
                files.store(path)
        modules.store(folder)
    files.install()
    modules.install()
    with open(notes, "w") as file:
        file.write("\n".join(told))


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
