;; Reads at the largest address with the largest offset.
(func (export "handle") (param i32) (result i32)
  (i32.load offset=0xffffffff (i32.const 0xffffffff)))
