;; Calls itself without end through a table.
(type $f (func (param i32) (result i32)))
(table $t 1 funcref)
(elem (table $t) (i32.const 0) func $f)
(func $f (param i32) (result i32)
  (i32.add (call_indirect $t (type $f) (local.get 0) (i32.const 0)) (i32.const 1)))
(func (export "handle") (param i32) (result i32) (call $f (i32.const 0)))
