;; Copies a large table to an overlapping place.
(table $t 90000 funcref)
(elem declare func $nothing)
(func $nothing)
(func (export "handle") (param i32) (result i32)
  (table.fill $t (i32.const 0) (ref.func $nothing) (i32.const 90000))
  (loop $l (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 89999)) (br $l))
  (unreachable))
