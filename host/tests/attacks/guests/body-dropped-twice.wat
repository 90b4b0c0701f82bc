;; Drops the body of the request twice.
(core func $drop (canon resource.drop $input-stream))
(core module $attack
  (import "streams" "drop" (func $drop (param i32)))
  (memory (export "memory") 2)
  ;; prelude
  (func (export "handle") (param $request i32) (result i32)
    (call $drop (i32.load offset=64 (local.get $request)))
    (call $drop (i32.load offset=64 (local.get $request)))
    (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
)
(core instance $main (instantiate $attack (with "streams" (instance (export "drop" (func $drop))))))
