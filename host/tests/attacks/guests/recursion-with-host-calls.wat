;; Calls the host at each depth of an endless recursion: the host's functions use the same stack.
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core func $drop (canon resource.drop $thing))
(core module $attack
  (import "things" "new" (func $new (param i32) (result i32)))
  (import "things" "drop" (func $drop (param i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func $deeper (param i32) (result i32)
    (call $drop (call $new (local.get 0)))
    (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "handle") (param i32) (result i32) (call $deeper (i32.const 0)))
)
(core instance $main (instantiate $attack
  (with "things" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
