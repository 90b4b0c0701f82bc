;; Begins with a table of ten million elements.
(table 10000000 funcref)
(func (export "handle") (param i32) (result i32) (unreachable))
