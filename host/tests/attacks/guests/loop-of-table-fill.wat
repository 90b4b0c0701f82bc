;; Fills a large table.
(table $t 90000 funcref)
(func (export "handle") (param i32) (result i32)
  (loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 90000)) (br $l))
  (unreachable))
