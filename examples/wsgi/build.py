#!/usr/bin/env python3
"""Builds a WebAssembly component from a Python application, with the packages of its virtual environment.

    python build.py                          # the application of app.py, or of manage.py's project
    python build.py flask_hello:app -p apps -o flask_hello.wasm

The application is a WSGI application (Flask, Django, ...), an ASGI application (Starlette, ...), or a class of belljar's own
contract (WitWorld) or of wasi:http (IncomingHandler). For a script that passes its application to
`wsgiref.simple_server.make_server`, give only the name of the script, such as `pyramid_hello`.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# For each contract: the name of its world, and the class that componentize-py looks for.
CONTRACTS = {
    "http": ("http-handler", "IncomingHandler"),
    "belljar": ("belljar:handler/handler", "WitWorld"),
}

ENTRY = """\
import sys
# The folders exist only while building.
sys.dont_write_bytecode = True

from wsgi_component import over_{contract}, snapshot

snapshot.prepare({roots!r})
application = snapshot.load({application!r})
for target in {warm!r}:
    snapshot.warm(application, target)
{export} = over_{contract}.handler(application)
snapshot.store("/0/notes")
snapshot.freeze()
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("application", nargs="?", help="MODULE:NAME, or the name of a script without .py")
    parser.add_argument("-o", "--output", default="app.wasm", help="the component [default: %(default)s]")
    parser.add_argument("-p", "--path", action="append", default=[], help="also search this folder for modules [default: .]")
    parser.add_argument("--contract", choices=CONTRACTS, help="[default: http, wasi:http 0.2]")
    parser.add_argument(
        "--warm",
        metavar="/PATH",
        action="append",
        default=[],
        help="send a GET request for this path while building; the component contains everything that the request loads",
    )
    options = parser.parse_args()
    if sys.prefix == sys.base_prefix:
        sys.exit("error: this Python belongs to no virtual environment, whose packages the component would have: python3 -m venv .venv")
    roots = options.path or ["."]
    for root in roots:
        if not Path(root).is_dir():
            sys.exit(f"error: {root} is no folder")
    application = (options.application or found_in(roots)).removesuffix(".py")
    own = own_class(roots, application)
    contract = options.contract or own or "http"
    world, export = CONTRACTS[contract]
    with tempfile.TemporaryDirectory() as folder:
        paths = [folder, HERE, *roots, sysconfig.get_path("purelib")]
        if own:
            entry = f"from {application.partition(':')[0]} import *\nfrom {application.partition(':')[0]} import {export}\n"
        else:
            places = [f"/{index}" for index in range(2, 2 + len(roots))]
            entry = ENTRY.format(contract=contract, roots=places, application=application, warm=options.warm, export=export)
        Path(folder, "wsgi_entry.py").write_text(entry)
        command = ["-d", HERE / "wit" / contract, "-w", world, "componentize", "wsgi_entry", "-o", options.output]
        for path in paths:
            command += ["-p", path]
        # This is the componentize-py of the virtual environment. A Python error should not show a backtrace of Rust code.
        tool = Path(sysconfig.get_path("scripts"), "componentize-py")
        if not tool.exists():
            sys.exit("error: the virtual environment lacks componentize-py: pip install -r requirements.txt")
        # Without VIRTUAL_ENV it would add the packages of the system.
        environment = {**os.environ, "RUST_BACKTRACE": "0", "RUST_LIB_BACKTRACE": "0", "VIRTUAL_ENV": sys.prefix}
        built = subprocess.run([tool, *command], env=environment, capture_output=True, text=True)
        output = readable(built.stdout + built.stderr, paths)
        reason = re.search(r"BELLJAR: (.*)", output)
        if built.returncode:
            sys.exit(f"error: {reason[1]}" if reason else output)
        print(output, end="")
        notes = Path(folder, "notes")
        for note in notes.read_text().splitlines() if notes.exists() else ():
            print(f"note: {note}")


def found_in(roots):
    """The application of a project whose files have the usual names."""
    for root in map(Path, roots):
        if Path(root, "manage.py").exists():
            for module in root.glob("*/wsgi.py"):
                return f"{module.parent.name}.wsgi:application"
        for name in ("app", "main", "wsgi", "asgi", "application"):
            file = root / f"{name}.py"
            if file.exists():
                names = defined_in(file)
                found = next((known for known in ("app", "application", *OWN) if known in names), None)
                if found in OWN:
                    return name
                if found:
                    return f"{name}:{found}"
                sys.exit(
                    f"error: {file} defines no application: it needs a WSGI or ASGI application named app or application, a class WitWorld "
                    "for belljar's own contract, or a class IncomingHandler for wasi:http; or name it: build.py MODULE:NAME"
                )
    sys.exit("error: there is no application: write app.py, or name it: build.py MODULE:NAME -p FOLDER")


def own_class(roots, application):
    """The contract whose class the module itself defines."""
    module, colon, _ = application.partition(":")
    if colon:
        return None
    for root in roots:
        file = Path(root, *module.split(".")).with_suffix(".py")
        if file.exists():
            return next((OWN[name] for name in defined_in(file) if name in OWN), None)
    return None


def defined_in(file):
    """The names that the top level of a module defines."""
    try:
        body = ast.parse(file.read_bytes(), str(file)).body
    except SyntaxError as error:
        sys.exit(f"error: {file}:{error.lineno}: {error.msg}")
    names = []
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name for alias in statement.names]
        else:
            names += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return names


def readable(text, paths):
    """The text with the paths of this machine instead of those of the build."""
    return re.sub(r"(?<![\w/])/(\d+)/", lambda found: f"{Path(paths[int(found[1])])}/" if int(found[1]) < len(paths) else found[0], text)


OWN = {"WitWorld": "belljar", "IncomingHandler": "http"}


if __name__ == "__main__":
    sys.exit(main())
