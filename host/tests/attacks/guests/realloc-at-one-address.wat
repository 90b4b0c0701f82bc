;; Has the host copy every part of the request to the same address, then answers with what is there.
(core module $attack
  (memory (export "memory") 2)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
  (func (export "handle") (param i32) (result i32)
    (i32.store16 (i32.const 0) (i32.const 200))
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 24) (i32.const 65536))
    (i32.store (i32.const 28) (i32.const 8))
    (i32.const 0))
)
(core instance $main (instantiate $attack))
