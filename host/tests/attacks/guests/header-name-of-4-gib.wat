;; Answers with a header whose name is as long as a length can be.
(func (export "handle") (param i32) (result i32)
  (local $at i32)
  (drop (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
  (drop (memory.grow (i32.const 20)))
  (i32.store (i32.const 4) (i32.const 1024))
  (i32.store (i32.const 8) (i32.const 1))
  (local.set $at (i32.const 1024))
  
  (loop $l
    (i32.store (local.get $at) (i32.const 65536))
    (i32.store offset=4 (local.get $at) (i32.const -1))
    (i32.store offset=8 (local.get $at) (i32.const 65536))
    (i32.store offset=12 (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (br_if $l (i32.lt_u (local.get $at) (i32.const 65000))))
  (i32.const 0))
