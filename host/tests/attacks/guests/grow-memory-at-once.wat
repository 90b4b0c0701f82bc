;; Grows its memory by half of what is possible, and by half of that, and so on, and writes to all of it. Answers with a byte
;; for each page.
(func (export "handle") (param i32) (result i32)
  (local $step i32)
  (local.set $step (i32.const 32768))
  (loop $l
    (drop (memory.grow (local.get $step)))
    (local.set $step (i32.shr_u (local.get $step) (i32.const 1)))
    (br_if $l (local.get $step)))
  (memory.fill (i32.const 64) (i32.const 120) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 64)))
  (call $respond (i32.const 200) (i32.const 64) (memory.size)))
