;; Loops after the response, when it should free what it allocated.
(func (export "handle") (param i32) (result i32) (call $respond (i32.const 200) (i32.const 0) (i32.const 0)))
(func (export "post-return") (param i32) (loop $l (br $l)))
