;; Has a second memory with addresses of 64 bits, and grows it by more than there can be, and then page by page.
(core module $second
  (memory i64 1)
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "size") (result i64) (memory.size))
)
(core instance $second (instantiate $second))
(core module $attack
  (import "second" "grow" (func $grow (param i64) (result i64)))
  (import "second" "size" (func $size (result i64)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (drop (call $grow (i64.const 0x7fffffffffff)))
    (drop (call $grow (i64.const 0xffffffffffff)))
    (loop $l (br_if $l (i64.ne (call $grow (i64.const 1)) (i64.const -1))))
    (call $respond (i32.const 200) (i32.const 0) (i32.add (memory.size) (i32.wrap_i64 (call $size)))))
)
(core instance $main (instantiate $attack (with "second" (instance $second))))
