;; Loops in the start function of a module that the main module does not need.
(core module $other
  (func $start (loop $l (br $l)))
  (start $start)
)
(core instance $other (instantiate $other))
(core module $attack
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32) (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
)
(core instance $main (instantiate $attack))
