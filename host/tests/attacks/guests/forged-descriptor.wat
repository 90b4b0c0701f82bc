;; Answers with a file that it never opened: the number of its descriptor is made up.
(func (export "handle") (param i32) (result i32)
  (i32.store16 (i32.const 0) (i32.const 200))
  (i32.store8 (i32.const 16) (i32.const 2))
  (i32.store (i32.const 24) (i32.const 3))
  (i64.store (i32.const 40) (i64.const 100))
  (i32.const 0))
