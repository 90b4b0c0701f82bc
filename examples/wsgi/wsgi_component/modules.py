"""Modules in memory: a component has no files, so those that are imported late, or anew, come from here."""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import zlib

# Name -> (path, whether it is a package, source).
_sources = {}
# Name -> code of the application's own modules.
_codes = {}


def store(folder, prefix=""):
    """Stores the modules below a folder."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = entry.name
        if entry.is_dir() and name.isidentifier() and name not in _LEFT_OUT:
            if os.path.exists(f"{entry.path}/__init__.py"):
                store_package(entry.path, f"{prefix}{name}")
        elif name.endswith(".py") and name[:-3].isidentifier() and name != "__init__.py":
            _store(f"{prefix}{name[:-3]}", entry.path, False)


def store_package(folder, name):
    _store(name, f"{folder}/__init__.py", True)
    store(folder, f"{name}.")


def _store(name, path, is_package):
    with open(path, "rb") as file:
        _sources.setdefault(name, (path, is_package, zlib.compress(file.read(), 1)))


def keep_code(roots):
    """Keeps the code of the loaded modules of the application, which are loaded anew in some instances."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if path.startswith(tuple(f"{root}/" for root in roots)) and name != "wsgi_entry":
            loader = getattr(module, "__loader__", None)
            if hasattr(loader, "get_code"):
                _codes[name] = loader.get_code(name)


def codes():
    """The names of the application's modules."""
    return list(_codes)


def forget():
    """Removes the application's modules, so that an import loads them anew."""
    for name in _codes:
        sys.modules.pop(name, None)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, _path=None, _target=None):
        if name not in _sources:
            return None
        path, is_package, _ = _sources[name]
        spec = importlib.util.spec_from_loader(name, _Loader(name, path), origin=path, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(path)]
        return spec


class _Loader(importlib.abc.InspectLoader):
    """Also reads the data files of its package, for `importlib.resources` and `pkgutil`."""

    def __init__(self, name, path):
        self.name = name
        self.path = path

    def get_source(self, name):
        return importlib.util.decode_source(zlib.decompress(_sources[name][2]))

    def get_code(self, name):
        return _codes.get(name) or compile(self.get_source(name), self.path, "exec", dont_inherit=True)

    def is_package(self, name):
        return _sources[name][1]

    def get_filename(self, _name=None):
        return self.path

    def get_data(self, path):
        with open(path, "rb") as file:
            return file.read()

    def get_resource_reader(self, name):
        from importlib.readers import FileReader

        return FileReader(self)


def install():
    sys.meta_path.append(_Finder())
    # The folders of the build do not exist: looking there costs time.
    importlib.invalidate_caches()


_LEFT_OUT = {
    "__pycache__",
    "_distutils_hack",
    "_pyrepl",
    "componentize_py",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pip",
    "pkg_resources",
    "setuptools",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "wheel",
}
