;; Loops in the destructor of a resource.
(core module $destructor (func (export "drop") (param i32) (loop $l (br $l))))
(core instance $destructor (instantiate $destructor))
(type $thing (resource (rep i32) (dtor (core func $destructor "drop"))))
(core func $new (canon resource.new $thing))
(core func $drop (canon resource.drop $thing))
(core module $attack
  (import "things" "new" (func $new (param i32) (result i32)))
  (import "things" "drop" (func $drop (param i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (call $drop (call $new (i32.const 1)))
    (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
)
(core instance $main (instantiate $attack
  (with "things" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
