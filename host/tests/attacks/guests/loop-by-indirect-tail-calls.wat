;; The same through a table.
(type $step (func (param i32) (result i32)))
(table $steps 2 funcref)
(elem (table $steps) (i32.const 0) func $one $two)
(func $one (param i32) (result i32) (return_call_indirect $steps (type $step) (local.get 0) (i32.const 1)))
(func $two (param i32) (result i32) (return_call_indirect $steps (type $step) (local.get 0) (i32.const 0)))
(func (export "handle") (param i32) (result i32) (return_call $one (i32.const 0)))
