;; Calls a component within its own, with a list of a million bytes. The component model forbids it.
(component $receiver
  (core module $m
    (memory (export "memory") 70)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
    (func (export "take") (param i32 i32))
  )
  (core instance $i (instantiate $m))
  (func (export "take") (param "value" (list u8))
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)
(instance $receiver (instantiate $receiver))
(core module $memory
  (memory (export "memory") 18)
)
(core instance $memory (instantiate $memory))
(core func $take (canon lower (func $receiver "take") (memory (core memory $memory "memory"))))
(core module $attack
  (import "memory" "memory" (memory 18))
  (import "receiver" "take" (func $take (param i32 i32)))
  (export "memory" (memory 0))
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (memory.fill (i32.const 131072) (i32.const 120) (i32.const 1000000))
    (loop $l (call $take (i32.const 131072) (i32.const 1000000)) (br $l))
    (unreachable))
)
(core instance $main (instantiate $attack
  (with "memory" (instance $memory))
  (with "receiver" (instance (export "take" (func $take))))))
