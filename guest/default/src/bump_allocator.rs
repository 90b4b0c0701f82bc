//! The component's allocator: a bump allocator.
//!
//! An instance answers one request with a few kilobytes of small allocations and is then thrown away, so a general
//! allocator's bookkeeping would never pay off. Here an allocation is an addition. Only the last allocation can grow,
//! shrink or be freed in place. When no allocation is left, as after each response of a reused instance, the whole
//! memory is free again.

#![allow(unsafe_code)]

// The compiler emits calls to memcmp. Nothing else of the C library is linked.
#[link(name = "c")]
unsafe extern "C" {}

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

#[global_allocator]
static ALLOCATOR: BumpAllocator = BumpAllocator {
    next: Cell::new(0),
    end: Cell::new(0),
    allocations: Cell::new(0),
};

/// The canonical ABI's `realloc`: the host calls it to place what it passes in, such as the request's fields. An
/// `old_size` of 0 asks for a new allocation.
///
/// On this target the bindings leave the function to the C library, whose allocator would be a second one on the same
/// memory.
///
/// # Safety
///
/// As [`GlobalAlloc::realloc`]. A `size` of 0 comes only with an `old_size` of 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    if size == 0 {
        return ptr::without_provenance_mut(align);
    }
    // SAFETY: the canonical ABI's alignments are powers of two, and the host passes back only what it got from this
    // function.
    let new = unsafe {
        if old_size == 0 {
            ALLOCATOR.alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            ALLOCATOR.realloc(
                old,
                Layout::from_size_align_unchecked(old_size, align),
                size,
            )
        }
    };
    if new.is_null() {
        wasm32::unreachable()
    }
    new
}

/// Addresses are offsets into the component's only memory.
struct BumpAllocator {
    /// The address of the next allocation; 0 before the first one.
    next: Cell<usize>,
    /// The end of the memory.
    end: Cell<usize>,
    /// The number of allocations in use.
    allocations: Cell<usize>,
}

// SAFETY: the target has no threads: only one call at a time enters an instance.
unsafe impl Sync for BumpAllocator {}

unsafe extern "C" {
    /// The linker defines it. Its address is the start of the heap.
    static __heap_base: u8;
}

// SAFETY: allocations lie between `__heap_base` and the end of the memory, which nothing else uses, because memcmp is
// the only linked function of the C library. They do not overlap: `next` moves back only over the last allocation, or
// when no allocation is left.
unsafe impl GlobalAlloc for BumpAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            self.next.set(heap_base());
            self.end.set(wasm32::memory_size::<0>() * PAGE);
        }
        let start = self.next.get().next_multiple_of(layout.align());
        if !self.extend(start, layout.size()) {
            return ptr::null_mut();
        }
        self.allocations.set(self.allocations.get() + 1);
        ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        self.allocations.set(self.allocations.get() - 1);
        if self.allocations.get() == 0 {
            self.next.set(heap_base());
        } else if self.is_last(old, layout) {
            self.next.set(old.addr());
        }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_last(old, layout) {
            return if self.extend(old.addr(), size) {
                old
            } else {
                ptr::null_mut()
            };
        }
        if size <= layout.size() {
            return old;
        }
        // SAFETY: the caller guarantees the alignment, and that `size` does not overflow.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are at least that long, and a new allocation overlaps no old one.
            unsafe { ptr::copy_nonoverlapping(old, new, layout.size()) };
            self.allocations.set(self.allocations.get() - 1);
        }
        new
    }
}

impl BumpAllocator {
    fn is_last(&self, old: *mut u8, layout: Layout) -> bool {
        old.addr() + layout.size() == self.next.get()
    }

    /// Moves `next` to `size` bytes after `start` and grows the memory if needed. Returns false if there is no memory
    /// left.
    fn extend(&self, start: usize, size: usize) -> bool {
        let Some(next) = start.checked_add(size) else {
            return false;
        };
        if next > self.end.get() {
            let pages = (next - self.end.get()).div_ceil(PAGE);
            if wasm32::memory_grow::<0>(pages) == usize::MAX {
                return false;
            }
            self.end.set(self.end.get() + pages * PAGE);
        }
        self.next.set(next);
        true
    }
}

fn heap_base() -> usize {
    (&raw const __heap_base).expose_provenance()
}

/// A page of WebAssembly memory, in bytes.
const PAGE: usize = 64 << 10;
