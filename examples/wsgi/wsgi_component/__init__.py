"""Runs a WSGI application (PEP 3333) as a WebAssembly component.

`gateway` implements PEP 3333, independent of any contract. `over_http` and `over_belljar` connect it to wasi:http 0.2 and
to belljar's own contract. `snapshot` prepares the interpreter before it is stored in a component.
"""
