;; Grows four tables until that fails, and answers with a byte for each thousand of their elements.
(table $a 1 funcref)
(table $b 1 funcref)
(table $c 1 funcref)
(table $d 1 funcref)
(func (export "handle") (param i32) (result i32)
  (loop $l (br_if $l (i32.ne (table.grow $a (ref.null func) (i32.const 1000)) (i32.const -1))))
  (loop $l (br_if $l (i32.ne (table.grow $b (ref.null func) (i32.const 1000)) (i32.const -1))))
  (loop $l (br_if $l (i32.ne (table.grow $c (ref.null func) (i32.const 1000)) (i32.const -1))))
  (loop $l (br_if $l (i32.ne (table.grow $d (ref.null func) (i32.const 1000)) (i32.const -1))))
  (call $respond (i32.const 200) (i32.const 0)
    (i32.div_u
      (i32.add (i32.add (table.size $a) (table.size $b)) (i32.add (table.size $c) (table.size $d)))
      (i32.const 1000))))
