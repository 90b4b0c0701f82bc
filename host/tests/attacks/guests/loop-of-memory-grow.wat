;; Asks for more memory than the address space has, again and again.
(func (export "handle") (param i32) (result i32)
  (loop $l (drop (memory.grow (i32.const 65535))) (br $l))
  (unreachable))
