;; Makes a resource of its own and drops it as a stream of the host.
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core func $drop (canon resource.drop $input-stream))
(core module $attack
  (import "things" "new" (func $new (param i32) (result i32)))
  (import "streams" "drop" (func $drop (param i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param i32) (result i32)
    (call $drop (call $new (i32.const 1)))
    (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
)
(core instance $main (instantiate $attack
  (with "things" (instance (export "new" (func $new))))
  (with "streams" (instance (export "drop" (func $drop))))))
