;; Loops in `handle`.
(func (export "handle") (param i32) (result i32) (loop $l (br $l)) (unreachable))
