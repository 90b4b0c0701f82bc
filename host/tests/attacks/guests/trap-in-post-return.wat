;; Traps after the response.
(func (export "handle") (param i32) (result i32) (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
(func (export "post-return") (param i32) (unreachable))
