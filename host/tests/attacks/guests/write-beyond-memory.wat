;; Writes behind the end of its memory, where the memory of another instance could be.
(func (export "handle") (param i32) (result i32)
  (local $at i32)
  (local.set $at (i32.mul (memory.size) (i32.const 65536)))
  (loop $l
    (i32.store8 (local.get $at) (i32.const 120))
    (local.set $at (i32.add (local.get $at) (i32.const 4096)))
    (br $l))
  (unreachable))
