;; Loops in the start function, so that no instance is ever ready.
(func $start (loop $l (br $l)))
(start $start)
(func (export "handle") (param i32) (result i32) (unreachable))
