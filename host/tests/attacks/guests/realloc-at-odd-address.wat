;; Has the host copy the request to an odd address.
(core module $attack
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 3))
  (func (export "handle") (param i32) (result i32) (unreachable))
)
(core instance $main (instantiate $attack))
