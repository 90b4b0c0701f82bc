;; Begins with more memory than allowed, and with data at its end.
(memory (export "memory") 200)
(data (i32.const 13000000) "x")
(func (export "handle") (param i32) (result i32) (unreachable))
