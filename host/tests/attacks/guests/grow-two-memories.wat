;; Grows the memories of two modules in turn, and answers with a byte for each page of both.
(core module $second
  (memory 1)
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "size") (result i32) (memory.size))
)
(core instance $second (instantiate $second))
(core module $attack
  (import "second" "grow" (func $grow (result i32)))
  (import "second" "size" (func $size (result i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (loop $l
      (br_if $l (i32.or
        (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
        (i32.ne (call $grow) (i32.const -1)))))
    (call $respond (i32.const 200) (i32.const 0) (i32.add (memory.size) (call $size))))
)
(core instance $main (instantiate $attack (with "second" (instance $second))))
