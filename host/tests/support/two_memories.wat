;; The core modules of a handler of two memories. It grows both as far as they go and answers with as many bytes as it
;; then has pages of 64 KiB: the sum is what the limit on memory must hold.
(core module $second
  (memory 1)
  (func (export "grow") (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (memory.size)
  )
)
(core module $first
  (import "second" "grow" (func $grow_the_second (result i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  ;; Hands out one byte after another, and takes none back: the instance lives for one request.
  (func (export "realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (global.set $next
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get $size)))
  )
  (func (export "handle") (param $request i32) (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.store16 (i32.const 0) (i32.const 200))
    ;; No headers; the body is the case `bytes`, from address 0 on.
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 28) (i32.add (memory.size) (call $grow_the_second)))
    (i32.const 0)
  )
)
(core instance $second (instantiate $second))
(core instance $main (instantiate $first (with "second" (instance $second))))
