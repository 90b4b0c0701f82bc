;; Loops while the host copies the request into the guest.
(core module $attack
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (loop $l (br $l)) (unreachable))
  (func (export "handle") (param i32) (result i32) (unreachable))
)
(core instance $main (instantiate $attack))
