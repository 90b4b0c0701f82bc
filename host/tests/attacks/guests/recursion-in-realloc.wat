;; Calls itself without end while the host copies the request into the guest.
(core module $attack
  (memory (export "memory") 1)
  (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
    (i32.add
      (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3))
      (i32.const 1)))
  (func (export "handle") (param i32) (result i32) (unreachable))
)
(core instance $main (instantiate $attack))
