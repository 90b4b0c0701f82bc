;; Calls itself without end in the start function.
(func $f (call $f) (call $f))
(start $f)
(func (export "handle") (param i32) (result i32) (unreachable))
