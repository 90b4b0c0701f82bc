;; Grows a table until that fails, and answers with a byte for each thousand of its elements.
(table $t 1 funcref)
(func (export "handle") (param i32) (result i32)
  (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
  (call $respond (i32.const 200) (i32.const 0) (i32.div_u (table.size $t) (i32.const 1000))))
