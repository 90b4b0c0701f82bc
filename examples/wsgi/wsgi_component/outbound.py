"""Outbound requests: `http.client` over wasi:http, and with it urllib, urllib3 and requests.

A connection looks like a socket. It takes an HTTP/1.1 request, which it sends through the host, and gives the answer as HTTP/1.1.
The host resolves names, and negotiates and checks TLS.
"""

import io
import sys
import types


def install_tls():
    """Supplies the module `ssl`, which this Python lacks, so that `http.client` has HTTPS. The host negotiates TLS."""
    try:
        import ssl  # noqa: F401
    except ImportError:
        sys.modules["ssl"] = _tls_module()


def install():
    import http.client

    original = http.client.HTTPConnection.__init__

    def init(self, *values, **options):
        original(self, *values, **options)
        self._create_connection = create_connection

    http.client.HTTPConnection.__init__ = init


def install_in_packages():
    """Packages that open connections by themselves. Called once the application is loaded."""
    module = sys.modules.get("urllib3.util.connection")
    if module is not None:
        module.create_connection = create_connection


def create_connection(address, *_values, **_options):
    return _Connection(*address[:2])


class _Connection:
    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.is_tls = False
        self.head = b""
        self.exchange = None

    def sendall(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        data = bytes(data)
        if self.exchange is None:
            self.head += data
            head, end, rest = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.exchange = _Exchange(self, head.decode("latin-1"))
            data = rest
        if data:
            self.exchange.send(data)

    def send(self, data):
        self.sendall(data)
        return len(data)

    def makefile(self, *_values, **_options):
        return io.BufferedReader(_Answer(self), 65536)

    def recv(self, size, *_flags):
        self.reader = getattr(self, "reader", None) or self.makefile()
        return self.reader.read1(size)

    def recv_into(self, buffer, size=0, *_flags):
        data = self.recv(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def settimeout(self, _timeout):
        pass

    def gettimeout(self):
        return None

    def setblocking(self, _blocking):
        pass

    def setsockopt(self, *_values):
        pass

    def shutdown(self, _how):
        pass

    def close(self):
        pass

    def getpeername(self):
        return (self.host, self.port)

    def getpeercert(self, binary_form=False):
        return b"" if binary_form else {}

    def version(self):
        return "TLSv1.3"

    def cipher(self):
        return ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)

    def selected_alpn_protocol(self):
        return None


class _Exchange:
    """A request on its way, and its answer."""

    def __init__(self, connection, head):
        from componentize_py_types import Err
        from wit_world.imports import outgoing_handler
        from wit_world.imports.types import Fields, OutgoingRequest, Scheme_Http, Scheme_Https

        line, *lines = head.split("\r\n")
        method, target, _ = line.split(" ", 2)
        fields = [line.partition(":")[::2] for line in lines]
        fields = [(name.strip().lower(), value.strip()) for name, value in fields]
        values = dict(fields)
        self.is_chunked = "chunked" in values.get("transfer-encoding", "").lower()
        self.coded = b""
        authority = values.get("host") or f"{connection.host}:{connection.port}"
        entries = [(name, value.encode("latin-1")) for name, value in fields if name not in _OF_THE_CONNECTION]
        request = OutgoingRequest(Fields.from_list(entries))
        request.set_method(_method_of(method))
        request.set_scheme(Scheme_Https() if connection.is_tls else Scheme_Http())
        if "://" in target:
            authority, target = target.split("://", 1)[1].partition("/")[::2]
            target = f"/{target}"
        request.set_authority(authority)
        request.set_path_with_query(target)
        self.url = f"{'https' if connection.is_tls else 'http'}://{authority}"
        self.body = request.body()
        self.stream = self.body.write()
        try:
            self.future = outgoing_handler.handle(request, None)
        except Err as error:
            raise self.failure(error.value) from None

    def send(self, data):
        if not self.is_chunked:
            return self.write(data)
        self.coded += data
        while True:
            size, line_end, rest = self.coded.partition(b"\r\n")
            if not line_end:
                return
            length = int(size.partition(b";")[0] or b"0", 16)
            if len(rest) < length + 2:
                return
            self.write(rest[:length])
            self.coded = rest[length + 2 :]

    def write(self, data):
        from componentize_py_types import Err

        rest = memoryview(data)
        try:
            while rest:
                count = self.stream.check_write()
                if count == 0:
                    with self.stream.subscribe() as room:
                        room.block()
                    continue
                self.stream.write(bytes(rest[:count]))
                rest = rest[count:]
        except Err:
            # The server may answer without reading the whole body; otherwise the answer has the reason.
            pass

    def answer(self):
        from componentize_py_types import Err, Ok
        from wit_world.imports.types import OutgoingBody

        try:
            self.stream.flush()
        except Err:
            pass
        self.stream.__exit__(None, None, None)
        try:
            OutgoingBody.finish(self.body, None)
        except Err:
            pass
        with self.future.subscribe() as ready:
            ready.block()
        result = self.future.get()
        while isinstance(result, Ok):
            result = result.value
        self.future.__exit__(None, None, None)
        if isinstance(result, Err):
            raise self.failure(result.value)
        return result

    def failure(self, code):
        name = type(code).__name__.removeprefix("ErrorCode_")
        if name == "HttpRequestDenied":
            return OSError(f"the request to {self.url} is not granted; the operator grants it with --allow-outbound {self.url}")
        details = getattr(code, "value", None)
        return OSError(f"the request to {self.url} failed: {name}{f' ({details})' if details else ''}")


class _Answer(io.RawIOBase):
    """The answer as the bytes of HTTP/1.1. It ends with the connection."""

    def __init__(self, connection):
        self.connection = connection
        self.pending = None
        self.stream = None

    def readable(self):
        return True

    def readinto(self, buffer):
        from componentize_py_types import Err
        from wit_world.imports.streams import StreamError_Closed

        if self.pending is None:
            if self.connection.exchange is None:
                return 0
            self.response = self.connection.exchange.answer()
            with self.response.headers() as fields:
                entries = fields.entries()
            head = [b"HTTP/1.1 %d " % self.response.status()]
            head += [name.encode() + b": " + value for name, value in entries if name.lower() not in _OF_THE_CONNECTION]
            self.pending = b"\r\n".join([*head, b"connection: close", b"", b""])
            self.body = self.response.consume()
            self.stream = self.body.stream()
        if not self.pending and self.stream is not None:
            try:
                self.pending = self.stream.blocking_read(65536)
            except Err as error:
                self.end()
                if not isinstance(error.value, StreamError_Closed):
                    raise OSError(f"the answer of {self.connection.exchange.url} is incomplete") from None
        count = min(len(buffer), len(self.pending))
        buffer[:count] = self.pending[:count]
        self.pending = self.pending[count:]
        return count

    def end(self):
        for resource in (self.stream, self.body, self.response) if self.stream is not None else ():
            resource.__exit__(None, None, None)
        self.stream = None

    def close(self):
        self.end()
        super().close()


def _method_of(name):
    from wit_world.imports import types as http

    kind = getattr(http, f"Method_{name.capitalize()}", None)
    return kind() if kind is not None and name.isupper() else http.Method_Other(name)


class _Constants(types.ModuleType):
    """A module whose unknown constants are zero."""

    def __getattr__(self, name):
        if name.isupper() or name.startswith(("OP_", "PROTOCOL_", "VERIFY_", "HAS_")):
            return 0
        raise AttributeError(name)


class _Context:
    """An `SSLContext`. The host checks certificates, always."""

    def __init__(self, protocol=None):
        self.protocol = protocol
        self.verify_mode = 2
        self.check_hostname = True
        self.options = 0
        self.verify_flags = 0
        self.minimum_version = self.maximum_version = None
        self.post_handshake_auth = False

    def wrap_socket(self, connection, *_values, **_options):
        if not isinstance(connection, _Connection):
            raise OSError("TLS exists only for HTTPS, where the host negotiates it")
        connection.is_tls = True
        return connection

    def __getattr__(self, name):
        if name.startswith(("load_", "set_")):
            return lambda *_values, **_options: None
        raise AttributeError(name)


def _tls_module():
    import enum

    module = _Constants("ssl")

    class SSLError(OSError):
        pass

    class TLSVersion(enum.IntEnum):
        MINIMUM_SUPPORTED = -2
        TLSv1 = 0x301
        TLSv1_1 = 0x302
        TLSv1_2 = 0x303
        TLSv1_3 = 0x304
        MAXIMUM_SUPPORTED = -1

    class VerifyMode(enum.IntEnum):
        CERT_NONE = 0
        CERT_OPTIONAL = 1
        CERT_REQUIRED = 2

    class Purpose(enum.Enum):
        SERVER_AUTH = 1
        CLIENT_AUTH = 2

    for name in ("SSLZeroReturnError", "SSLWantReadError", "SSLWantWriteError", "SSLSyscallError", "SSLEOFError", "SSLCertVerificationError"):
        setattr(module, name, type(name, (SSLError,), {}))
    module.__dict__.update(
        SSLError=SSLError, TLSVersion=TLSVersion, VerifyMode=VerifyMode, Purpose=Purpose, CertificateError=module.SSLCertVerificationError,
        CERT_NONE=VerifyMode.CERT_NONE, CERT_OPTIONAL=VerifyMode.CERT_OPTIONAL, CERT_REQUIRED=VerifyMode.CERT_REQUIRED,
        SSLContext=_Context, SSLSocket=_Connection, SSLObject=_Connection, MemoryBIO=object, SSLSession=object,
        create_default_context=lambda *_values, **_options: _Context(), _create_unverified_context=lambda *_values, **_options: _Context(),
        _create_default_https_context=lambda *_values, **_options: _Context(), HAS_SNI=True, HAS_ALPN=False, HAS_NEVER_CHECK_COMMON_NAME=True,
        OPENSSL_VERSION="OpenSSL 3.0.0 (the host)", OPENSSL_VERSION_NUMBER=0x30000000, OPENSSL_VERSION_INFO=(3, 0, 0, 0, 0),
        PROTOCOL_TLS=2, PROTOCOL_TLS_CLIENT=16, PROTOCOL_TLS_SERVER=17, match_hostname=lambda *_values: None,
        get_default_verify_paths=lambda: types.SimpleNamespace(cafile=None, capath=None),
    )
    return module


_OF_THE_CONNECTION = {"host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade", "http2-settings"}
