;; Begins with a memory of 4 GiB.
(memory (export "memory") 65536)
(func (export "handle") (param i32) (result i32) (unreachable))
