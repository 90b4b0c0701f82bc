#!/usr/bin/env python3
"""Builds a WebAssembly component from an unchanged WSGI application.

    python build.py flask_hello:app -p apps -o flask_hello.wasm

builds the application `app` of the module `flask_hello` in the folder `apps`. For a script that passes its application
to `wsgiref.simple_server.make_server`, give only the name of the script, such as `pyramid_hello`.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# For each contract: the folder of its WIT, the name of its world, and the class that componentize-py looks for.
CONTRACTS = {
    "http": (HERE / "../wit", "belljar:examples/http-handler", "IncomingHandler"),
    "belljar": (HERE / "../../wit", "belljar:handler/handler", "WitWorld"),
}

ENTRY = """\
import sys
# The folders exist only while building.
sys.dont_write_bytecode = True

from wsgi_component import over_{contract}, snapshot

snapshot.prepare()
application = snapshot.load({application!r})
for target in {warm!r}:
    snapshot.warm(application, target)
{export} = over_{contract}.handler(application)
snapshot.freeze()
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("application", help="MODULE:NAME, or the name of a script without .py")
    parser.add_argument("-o", "--output", default="app.wasm", help="the component [default: %(default)s]")
    parser.add_argument("-p", "--path", action="append", default=[], help="also search this folder for modules [default: .]")
    parser.add_argument("--contract", choices=CONTRACTS, default="http", help="[default: %(default)s, wasi:http 0.2]")
    parser.add_argument(
        "--warm",
        metavar="/PATH",
        action="append",
        default=[],
        help="send a GET request for this path while building; the component contains everything that the request loads",
    )
    options = parser.parse_args()
    wit, world, export = CONTRACTS[options.contract]
    application = options.application.removesuffix(".py")
    with tempfile.TemporaryDirectory() as folder:
        entry = ENTRY.format(contract=options.contract, application=application, warm=options.warm, export=export)
        Path(folder, "wsgi_entry.py").write_text(entry)
        command = ["-d", wit, "-w", world, "componentize", "wsgi_entry", "-o", options.output]
        for path in [folder, HERE, *(options.path or ["."]), sysconfig.get_path("purelib")]:
            command += ["-p", path]
        # This is the componentize-py of the virtual environment. A Python error should not show a backtrace of Rust code.
        tool = Path(sysconfig.get_path("scripts"), "componentize-py")
        environment = {**os.environ, "RUST_BACKTRACE": "0", "RUST_LIB_BACKTRACE": "0"}
        return subprocess.run([tool, *command], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
