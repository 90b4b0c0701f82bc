"""Variables and random numbers that the application reads while it is loaded, which is while the component is built.

Their values would be those of the build in every instance: a key with a default for development would let anyone forge sessions.
So the build has no variables, and notes who asks for which. If an instance has other ones, it loads the application anew.
"""

import os
import random
import sys

# Name -> (value, place) of what the application itself reads, and of what packages read when they are imported.
_read = {}
_read_by_packages = {}
# The first place where the application takes random numbers.
_random = []
_ANY = "*"


class Recording:
    """Notes the reads until `stop`."""

    def __init__(self, roots):
        # What a request of the build takes is of that request.
        self.is_warming = False
        self.roots = tuple(f"{root}/" for root in roots)
        kind = type(os.environ)
        self.kind = kind
        self.originals = {name: getattr(kind, name) for name in ("__getitem__", "__iter__")}
        self.urandom = os.urandom
        recording = self

        def getitem(environ, name):
            value = environ._data.get(environ.encodekey(name))
            recording.note(name, None if value is None else environ.decodevalue(value))
            return recording.originals["__getitem__"](environ, name)

        def iterate(environ):
            recording.note(_ANY, None)
            return recording.originals["__iter__"](environ)

        def urandom(size):
            place, by_application = recording.place()
            if by_application and not _random and not recording.is_warming:
                _random.append(place)
            return recording.urandom(size)

        os.environ.clear()
        kind.__getitem__, kind.__iter__ = getitem, iterate
        os.urandom = random._urandom = urandom

    def note(self, name, value):
        place, by_application = self.place()
        if place:
            (_read if by_application else _read_by_packages).setdefault(name, (value, place))

    def place(self):
        """Where the caller was called, and whether that is in the application."""
        frame = sys._getframe(2)
        package = None
        while frame:
            path = frame.f_code.co_filename
            if path.startswith(self.roots):
                return f"{path.split('/', 2)[2]}:{frame.f_lineno}", True
            if package is None and path[1:2].isdigit() and not any(own in path for own in ("/wsgi_component/", "/wsgi_entry.py")):
                package = f"{path.split('/', 2)[-1]}:{frame.f_lineno}"
            # What a package does when it is imported is its own affair.
            if package and path.startswith("<frozen importlib"):
                return package, False
            frame = frame.f_back
        return package, False

    def stop(self):
        """Ends the notes, and returns what the user should know."""
        for name, original in self.originals.items():
            setattr(self.kind, name, original)
        os.urandom = random._urandom = self.urandom
        told = []
        for name, (_, place) in _read.items():
            if name in ("DJANGO_SETTINGS_MODULE", "FLASK_DEBUG"):
                continue
            what = "all variables" if name == _ANY else name
            told.append(f"{place} reads {what} while the application is loaded: an instance with another value loads it anew")
        for place in _random:
            told.append(f"{place} takes random numbers while the application is loaded: each instance loads it anew")
        return told


def differs(own):
    """Whether the application must be loaded anew in this instance. `own` are the variables that it sets itself."""

    def has_changed(name, value):
        current = os.environ.get(name)
        return current != value and current != own.get(name)

    for name, (value, place) in _read_by_packages.items():
        if name != _ANY and has_changed(name, value):
            print(f"warning: {name} has no effect: {place} read it while the component was built", file=sys.stderr)
    if _random:
        return True
    return any(bool(os.environ) if name == _ANY else has_changed(name, value) for name, (value, _) in _read.items())
