;; Has the host copy the request to an address behind the end of the memory.
(core module $attack
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const -16))
  (func (export "handle") (param i32) (result i32) (unreachable))
)
(core instance $main (instantiate $attack))
