//! The panic handler, the system allocator and `cabi_realloc` for handlers without the standard library.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::ffi::c_void;
use core::panic::PanicInfo;

/// A panic is a trap: the server answers with 500, and its log names the function. A message would take code and imports
/// that every request pays for.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    wasm32::unreachable()
}

/// The canonical ABI's `realloc`: the server calls it to place what it passes in. An `old_size` of 0 asks for a new block.
///
/// On wasm32-wasip2 the bindings leave this function to the standard or the C library; the latter would not use the global
/// allocator.
///
/// # Safety
///
/// As [`GlobalAlloc::realloc`]. A `size` of 0 comes only with an `old_size` of 0.
#[cfg(target_env = "p2")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    if size == 0 {
        return core::ptr::without_provenance_mut(align);
    }
    // SAFETY: the canonical ABI's alignments are powers of two, and the server passes back only what it got from this
    // function.
    let new = unsafe {
        if old_size == 0 {
            alloc::alloc::alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            let layout = Layout::from_size_align_unchecked(old_size, align);
            alloc::alloc::realloc(old, layout, size)
        }
    };
    if new.is_null() {
        wasm32::unreachable()
    }
    new
}

/// The C library's allocator, like `std::alloc::System`. It imports nothing.
pub struct System;

#[link(name = "c")]
unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
}

// SAFETY: these are the C library's functions, called by the rules of the C standard.
unsafe impl GlobalAlloc for System {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (align, size) = (layout.align(), layout.size());
        // SAFETY: the size is not 0, and an aligned block's size is a multiple of its alignment.
        let block = unsafe {
            match align <= MALLOC_ALIGN {
                true => malloc(size),
                false => aligned_alloc(align, size.next_multiple_of(align)),
            }
        };
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the block came from `malloc`, `aligned_alloc` or `realloc`.
        unsafe { free(block.cast()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: the block came from `malloc` or `realloc`, and the size is not 0.
            return unsafe { realloc(block.cast(), size) }.cast();
        }
        // SAFETY: the caller guarantees that the size is valid with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not 0.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both have at least that many bytes, and a new block overlaps no old one.
            unsafe {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

/// The alignment of every block from `malloc`, in bytes: the alignment of C's `max_align_t`.
const MALLOC_ALIGN: usize = 16;
