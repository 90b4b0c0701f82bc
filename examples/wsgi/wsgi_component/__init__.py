"""Runs a WSGI application (PEP 3333) as a WebAssembly component.

`gateway` is PEP 3333 and knows no contract; `over_http` and `over_belljar` fit it to wasi:http 0.2 and to belljar's
own contract; `snapshot` is what the interpreter needs before it is frozen into a component.
"""
