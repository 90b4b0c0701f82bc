"""A WSGI application that uses all of PEP 3333. `wsgiref.validate` checks the application and the server."""

import json
import os
import random
import sys
import time
from urllib.parse import parse_qs
from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def environ(environ, start_response):
    """The entries of the environ whose values are text, booleans or tuples."""
    start_response("200 OK", [("Content-Type", "application/json")])
    known = {name: value for name, value in environ.items() if isinstance(value, (str, bool, tuple))}
    return [json.dumps(known).encode()]


def echo(environ, start_response):
    """The content, sent back piece by piece as it arrives."""
    start_response("200 OK", [("Content-Type", environ.get("CONTENT_TYPE") or "application/octet-stream")])
    content = environ["wsgi.input"]
    return iter(lambda: content.read(16384), b"")


def lines(environ, start_response):
    """The content, read with every method of `wsgi.input`: a line, three bytes, about two lines, then line by line."""
    content = environ["wsgi.input"]
    ways = [content.readline(), content.read(3), content.readlines(8), list(content), content.read(1), content.readline()]
    start_response("200 OK", TEXT)
    return [repr(ways).encode()]


def ignore(environ, start_response):
    """A response without reading the content."""
    start_response("200 OK", TEXT)
    return [b"ignored\n"]


def stream(environ, start_response):
    """`n` pieces with `ms` milliseconds before each, and an empty one that must not be sent as the end."""
    asked = parse_qs(environ["QUERY_STRING"])
    count, pause = int(asked["n"][0]), int(asked["ms"][0]) / 1000
    start_response("200 OK", TEXT)
    yield b""
    for number in range(count):
        time.sleep(pause)
        yield b"piece %d\n" % number


def write(environ, start_response):
    """The legacy callable `write`, followed by an iterable."""
    send = start_response("200 OK", TEXT)
    send(b"written\n")
    send(b"")
    send(b"written again\n")
    return [b"returned\n"]


class Closing:
    """An iterable that writes to the log when it is closed."""

    def __init__(self, pieces, errors):
        self.pieces = iter(pieces)
        self.errors = errors

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)

    def close(self):
        self.errors.write("the iterable was closed\n")


def close(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing([b"to be ", b"closed\n"], environ["wsgi.errors"])


def close_after_error(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing((1 // 0 for _ in "x"), environ["wsgi.errors"])


def errors(environ, start_response):
    log = environ["wsgi.errors"]
    log.write("a line for the log: grüß Gott\n")
    log.writelines(["two lines ", "in pieces\n"])
    log.flush()
    print("a line on the standard output")
    start_response("200 OK", TEXT)
    return [b"logged\n"]


def change_of_mind(environ, start_response):
    """An error before the head was sent: the second head counts."""
    try:
        start_response("200 OK", TEXT)
        raise LookupError("in time")
    except LookupError:
        start_response("503 Service Unavailable", [*TEXT, ("X-Changed", "yes")], sys.exc_info())
    return [b"changed\n"]


def too_late(environ, start_response):
    """An error after the head was sent: the server must cut the connection, so that the response does not look complete."""
    start_response("200 OK", TEXT)
    yield b"a beginning\n"
    # The server sends the first piece during this time.
    time.sleep(0.05)
    try:
        raise LookupError("too late")
    except LookupError:
        start_response("500 Internal Server Error", TEXT, sys.exc_info())
    yield b"never sent\n"


def raise_at_once(environ, start_response):
    raise LookupError("nobody catches this")


def twice(environ, start_response):
    """A breach of the protocol: a second head without an error."""
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"never sent\n"]


def no_start(environ, start_response):
    """A breach of the protocol: content without a head."""
    return [b"never sent\n"]


def text(environ, start_response):
    """A breach of the protocol: text instead of bytes."""
    start_response("200 OK", TEXT)
    return ["never sent\n"]


def hop_by_hop(environ, start_response):
    """A breach of the protocol: a hop-by-hop header."""
    start_response("200 OK", [*TEXT, ("Connection", "close")])
    return [b"never sent\n"]


def empty(environ, start_response):
    start_response("200 OK", TEXT)
    return []


def no_content(environ, start_response):
    start_response("204 No Content", [("X-Left", "behind")])
    return []


def cookies(environ, start_response):
    """Two fields with the same name, and a custom reason phrase."""
    start_response("201 As You Wish", [*TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "gr\xfc\xdf")])
    return [environ.get("HTTP_COOKIE", "none").encode()]


def late(environ, start_response):
    """Modules that Python loads late: codecs, and the parser of dates."""
    start_response("200 OK", TEXT)
    parsed = time.strptime("2026-11-21", "%Y-%m-%d")
    return [b"%s %d %s\n" % ("bücher.example".encode("idna"), parsed.tm_year, "€".encode("iso8859-15").hex().encode())]


def chance(environ, start_response):
    """Random numbers, which differ in every instance."""
    start_response("200 OK", TEXT)
    return [f"{random.random()} {os.urandom(8).hex()}\n".encode()]


def variable(environ, start_response):
    """A variable that the operator granted. It is in the environment of the process, not in the environ of the request."""
    start_response("200 OK", TEXT)
    return [os.environ.get("GREETING", "none").encode()]


# The checker would reject or correct these breaches itself. Without the checker, the server must detect them.
UNCHECKED = [twice, no_start, text, hop_by_hop]
CHECKED = [environ, echo, lines, ignore, stream, write, close, close_after_error, errors, change_of_mind, too_late]
CHECKED += [raise_at_once, empty, no_content, cookies, late, chance, variable]

ROUTES = {page.__name__: validator(page) for page in CHECKED} | {page.__name__: page for page in UNCHECKED}


def app(environ, start_response):
    name = environ["PATH_INFO"].split("/")[1].replace("-", "_")
    page = ROUTES.get(name)
    if page is None:
        start_response("404 Not Found", TEXT)
        return [b"no such page\n"]
    return page(environ, start_response)
