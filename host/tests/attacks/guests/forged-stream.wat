;; Drops a stream that it never had.
(core func $drop (canon resource.drop $input-stream))
(core module $attack
  (import "streams" "drop" (func $drop (param i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (call $drop (i32.const 12345))
    (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
)
(core instance $main (instantiate $attack (with "streams" (instance (export "drop" (func $drop))))))
