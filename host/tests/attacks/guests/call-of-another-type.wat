;; Calls a function as one of another type.
(type $f (func (param i64 i64) (result i64)))
(table $t 1 funcref)
(elem (table $t) (i32.const 0) func $g)
(func $g)
(func (export "handle") (param i32) (result i32)
  (drop (call_indirect $t (type $f) (i64.const 1) (i64.const 2) (i32.const 0)))
  (unreachable))
