//! A handler of wasi:http 0.3 that does what its tests ask for, by the path. `test-proxy` does the same in 0.2.
