;; Two functions call each other as tail calls: a loop without a backward branch.
(func $one (result i32) (return_call $two))
(func $two (result i32) (return_call $one))
(func (export "handle") (param i32) (result i32) (return_call $one))
