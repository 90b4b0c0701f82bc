;; Fills memory in large pieces. Each piece is one instruction.
(func (export "handle") (param i32) (result i32)
  (drop (memory.grow (i32.const 64)))
  (loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 4000000)) (br $l))
  (unreachable))
