;; Grows its memory each time the host needs room for a part of the request.
(core module $attack
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)))
  (func (export "handle") (param i32) (result i32) (unreachable))
)
(core instance $main (instantiate $attack))
