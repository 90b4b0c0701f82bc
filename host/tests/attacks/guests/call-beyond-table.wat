;; Calls an element behind the end of a table.
(type $f (func))
(table $t 1 funcref)
(func (export "handle") (param i32) (result i32)
  (call_indirect $t (type $f) (i32.const 0x7fffffff))
  (unreachable))
