;; Makes resources of its own without end, and drops none.
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core module $attack
  (import "things" "new" (func $new (param i32) (result i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (loop $l (drop (call $new (i32.const 1))) (br $l))
    (unreachable))
)
(core instance $main (instantiate $attack (with "things" (instance (export "new" (func $new))))))
