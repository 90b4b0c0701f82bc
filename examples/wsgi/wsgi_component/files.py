"""Files in memory: what the application's folders and packages hold beside modules, and temporary files.

A component has no files. So the build stores them here, and `open`, `os.stat` and their like find them under the paths that they
had while the component was built. All other paths lead to the folders that the operator grants.
"""

import builtins
import errno
import io
import os
import stat
import tempfile
import time

# Path -> content. The stored files are bytes, temporary ones are of a bytearray.
_files = {}
# Path -> names.
_folders = {}
_times = {}
# Where relative paths are looked up.
_roots = []

TEMPORARY = "/tmp"


def store(root):
    """Stores all files below a folder except modules."""
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not _is_ignored(folder, name)]
        for name in files:
            # A file `.env` holds secrets, which are the instance's and not the component's.
            if not name.endswith(_IGNORED_ENDS) and not name.startswith(".env"):
                store_file(f"{folder}/{name}")


def store_file(path):
    status = os.stat(path)
    with _open(path, "rb") as file:
        _files[path] = file.read()
    _times[path] = status.st_mtime
    _add_folders(path)


def add_root(path):
    _roots.append(path)
    _add_folders(f"{path}/.")


def _is_ignored(folder, name):
    return name in _IGNORED_FOLDERS or os.path.exists(f"{folder}/{name}/pyvenv.cfg")


def _add_folders(path):
    while path != "/":
        path, _, name = path.rpartition("/")
        path = path or "/"
        known = path in _folders
        names = _folders.setdefault(path, {})
        if name != ".":
            names[name] = None
        if known and path != "/":
            break


def _known(path):
    """The absolute path, if it is of a file or folder in memory, or may become one."""
    if isinstance(path, int):
        return None
    path = os.fspath(path)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    candidates = [path] if path.startswith("/") else [f"{root}/{path}" for root in _roots]
    for candidate in candidates:
        candidate = os.path.normpath(candidate)
        if candidate in _files or (candidate in _folders and candidate != "/") or candidate.startswith(f"{TEMPORARY}/"):
            return candidate
    return None


def _is_temporary(path):
    return path.startswith(f"{TEMPORARY}/")


def _error(number, path):
    return OSError(number, os.strerror(number), path)


class _Raw(io.RawIOBase):
    """A file over a bytearray, which all that open it share, or over bytes."""

    def __init__(self, content, mode="r+", name=None):
        self.content = content
        self.position = 0
        self.mode = mode
        self.appends = "a" in mode
        if name is not None:
            self.name = name

    def readable(self):
        return "r" in self.mode or "+" in self.mode

    def writable(self):
        return any(letter in self.mode for letter in "wax+")

    def seekable(self):
        return True

    def readinto(self, buffer):
        piece = self.content[self.position : self.position + len(buffer)]
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)

    def write(self, data):
        data = memoryview(data).cast("B")
        if self.appends:
            self.position = len(self.content)
        if self.position > len(self.content):
            self.content.extend(bytes(self.position - len(self.content)))
        self.content[self.position : self.position + len(data)] = data
        self.position += len(data)
        return len(data)

    def seek(self, offset, whence=0):
        base = {0: 0, 1: self.position, 2: len(self.content)}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a file has no negative positions")
        self.position = base + offset
        return self.position

    def tell(self):
        return self.position

    def truncate(self, length=None):
        length = self.position if length is None else length
        if length < len(self.content):
            del self.content[length:]
        else:
            self.content.extend(bytes(length - len(self.content)))
        return length


def _buffered(raw, mode, buffering, encoding, errors, newline):
    if "b" in mode and buffering == 0:
        return raw
    if raw.readable() and raw.writable():
        buffered = io.BufferedRandom(raw)
    else:
        buffered = io.BufferedReader(raw) if raw.readable() else io.BufferedWriter(raw)
    if "b" in mode:
        return buffered
    text = io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)
    text.mode = mode
    return text


_open = builtins.open


def open_file(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    path = _known(file)
    if path is None:
        return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    if path in _folders:
        raise _error(errno.EISDIR, path)
    if any(letter in mode for letter in "wax+"):
        if not _is_temporary(path):
            raise _error(errno.EROFS, path)
        if os.path.dirname(path) not in _folders:
            raise _error(errno.ENOENT, path)
        if "x" in mode and path in _files:
            raise _error(errno.EEXIST, path)
        if path not in _files and "r" in mode:
            raise _error(errno.ENOENT, path)
        if "w" in mode or path not in _files:
            _files[path] = bytearray()
        _times[path] = time.time()
        _add_folders(path)
    elif path not in _files:
        raise _error(errno.ENOENT, path)
    return _buffered(_Raw(_files[path], mode, path), mode, buffering, encoding, errors, newline)


class _Wrapped:
    """Functions of `os` that work on paths in memory, too."""

    def __init__(self):
        self.functions = {}

    def __call__(self, function):
        name = function.__name__.removesuffix("_")
        original = getattr(os, name, None)

        def wrapped(path, *values, **options):
            known = _known(path)
            if known is None:
                return original(path, *values, **options)
            return function(known, *values, **options)

        wrapped.__name__ = name
        self.functions[name] = wrapped
        return function


_wrap = _Wrapped()


@_wrap
def stat_(path, **_options):
    if path in _folders:
        return os.stat_result((stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    if path not in _files:
        raise _error(errno.ENOENT, path)
    moment = int(_times.get(path, 0))
    kind = stat.S_IFREG | (0o600 if _is_temporary(path) else 0o444)
    return os.stat_result((kind, hash(path) & 0x7FFFFFFF, 0, 1, 0, 0, len(_files[path]), moment, moment, moment))


@_wrap
def listdir(path):
    if path not in _folders:
        raise _error(errno.ENOTDIR if path in _files else errno.ENOENT, path)
    return list(_folders[path])


class _Entry:
    """An entry of `os.scandir`."""

    def __init__(self, folder, name):
        self.name = name
        self.path = f"{folder}/{name}"

    def __fspath__(self):
        return self.path

    def is_dir(self, *, follow_symlinks=True):
        return self.path in _folders

    def is_file(self, *, follow_symlinks=True):
        return self.path in _files

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def inode(self):
        return 0

    def stat(self, *, follow_symlinks=True):
        return stat_(self.path)


class _Scan(list):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        if not self:
            raise StopIteration
        return self.pop(0)

    def close(self):
        self.clear()


@_wrap
def scandir(path):
    return _Scan(_Entry(path, name) for name in listdir(path))


@_wrap
def access(path, mode, **_options):
    exists = path in _files or path in _folders
    return exists and (not mode & os.W_OK or _is_temporary(path))


def _changeable(path):
    if not _is_temporary(path):
        raise _error(errno.EROFS, path)


def _forget(path):
    folder, _, name = path.rpartition("/")
    _folders[folder].pop(name, None)


@_wrap
def unlink(path, **_options):
    _changeable(path)
    if path not in _files:
        raise _error(errno.ENOENT, path)
    del _files[path]
    _forget(path)


@_wrap
def mkdir(path, mode=0o777, **_options):
    _changeable(path)
    if path in _files or path in _folders:
        raise _error(errno.EEXIST, path)
    _add_folders(f"{path}/.")


@_wrap
def rmdir(path, **_options):
    _changeable(path)
    if _folders.get(path):
        raise _error(errno.ENOTEMPTY, path)
    if _folders.pop(path, None) is None:
        raise _error(errno.ENOENT, path)
    _forget(path)


@_wrap
def rename(path, target, **_options):
    target = _known(target)
    _changeable(path)
    if target is None:
        # Between memory and a granted folder a file can only be copied, as between two disks.
        raise _error(errno.EXDEV, path)
    _changeable(target)
    if path not in _files:
        raise _error(errno.ENOENT, path)
    _files[target] = _files.pop(path)
    _times[target] = _times.pop(path, 0)
    _forget(path)
    _add_folders(target)


@_wrap
def chmod(path, mode, **_options):
    _changeable(path)


@_wrap
def utime(path, *_values, **_options):
    _changeable(path)


class _Named:
    """The file of `tempfile.NamedTemporaryFile`."""

    def __init__(self, file, name, delete):
        self.file = file
        self.name = name
        self.delete = delete

    def __getattr__(self, name):
        return getattr(self.__dict__["file"], name)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        return iter(self.file)

    def close(self):
        self.file.close()
        if self.delete and self.name in _files:
            unlink(self.name)


def _temporary_file(mode="w+b", buffering=-1, encoding=None, newline=None, suffix=None, prefix=None, dir=None, *, errors=None):
    return _buffered(_Raw(bytearray(), mode), mode, buffering, encoding, errors, newline)


def _named_temporary_file(
    mode="w+b", buffering=-1, encoding=None, newline=None, suffix=None, prefix=None, dir=None, delete=True, *, errors=None,
    delete_on_close=True,
):
    name = f"{dir or TEMPORARY}/{prefix or 'tmp'}{os.urandom(8).hex()}{suffix or ''}"
    file = open_file(name, mode, buffering, encoding, errors, newline)
    return _Named(file, name, delete)


def install_temporary():
    """Called before the application is loaded: Django keeps these functions from then on."""
    _add_folders(f"{TEMPORARY}/.")
    tempfile.tempdir = TEMPORARY
    tempfile.TemporaryFile = _temporary_file
    tempfile.NamedTemporaryFile = _named_temporary_file


def install():
    """Puts the functions in place of those of Python, once the application is loaded."""
    builtins.open = io.open = open_file
    for name, function in _wrap.functions.items():
        setattr(os, name, function)
    os.lstat = os.stat
    os.remove = os.unlink
    os.replace = os.rename


_IGNORED_FOLDERS = {"__pycache__", ".git", ".hg", ".venv", "node_modules", "target", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_IGNORED_ENDS = (".py", ".pyc", ".pyi", ".so", ".pyd", ".dylib", ".wasm", ".po", ".c", ".h", ".pyx")
