//! The panic handler and the allocator, in place of those of Rust's standard library.
//!
//! The server creates an instance of the component for each request, and each function that a component imports costs time
//! then. The standard library imports about 20 functions, mostly to print panic messages. Without it a panic is a trap: the
//! server answers with 500, and its log has a backtrace, but not the message.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::panic::PanicInfo;
use core::ptr;

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    wasm32::unreachable()
}

#[global_allocator]
static ALLOCATOR: BumpAllocator = BumpAllocator {
    next: Cell::new(0),
    blocks: Cell::new(0),
};

/// An allocator for instances that live for one request: an allocation is an addition. Memory is free again when its block
/// is the last one, or when no block is left. A handler that needs more than that can use the crate `dlmalloc` instead.
struct BumpAllocator {
    /// The address of the next block; 0 before the first one.
    next: Cell<usize>,
    /// The number of blocks in use.
    blocks: Cell<usize>,
}

// SAFETY: a component has one thread, and one call at a time.
unsafe impl Sync for BumpAllocator {}

// SAFETY: blocks lie between the start of the heap and the end of the memory. They do not overlap, because `next` moves back
// only over the last block, or when no block is left.
unsafe impl GlobalAlloc for BumpAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.next.get().max(heap_start());
        let start = start.next_multiple_of(layout.align());
        if !self.extend(start, layout.size()) {
            return ptr::null_mut();
        }
        self.blocks.set(self.blocks.get() + 1);
        ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.blocks.set(self.blocks.get() - 1);
        if self.blocks.get() == 0 {
            self.next.set(heap_start());
        } else if self.is_last(block, layout) {
            self.next.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_last(block, layout) && self.extend(block.addr(), size) || size <= layout.size() {
            return block;
        }
        // SAFETY: the caller guarantees that `size` is valid with this alignment, and a new block overlaps no old one.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size());
                self.dealloc(block, layout);
            }
            new
        }
    }
}

impl BumpAllocator {
    fn is_last(&self, block: *mut u8, layout: Layout) -> bool {
        block.addr() + layout.size() == self.next.get()
    }

    /// Moves `next` to `size` bytes after `start`, and grows the memory if needed. False if there is no memory left.
    fn extend(&self, start: usize, size: usize) -> bool {
        let Some(next) = start.checked_add(size) else {
            return false;
        };
        let end = wasm32::memory_size::<0>() * PAGE;
        let missing = next.saturating_sub(end).div_ceil(PAGE);
        if missing > 0 && wasm32::memory_grow::<0>(missing) == usize::MAX {
            return false;
        }
        self.next.set(next);
        true
    }
}

/// The server calls this function to place a request in the component's memory. An `old_size` of 0 asks for a new block.
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
    // SAFETY: the server passes valid alignments, and blocks that came from this function.
    let block = unsafe {
        match old_size {
            0 => ALLOCATOR.alloc(Layout::from_size_align_unchecked(size, align)),
            _ => ALLOCATOR.realloc(
                old,
                Layout::from_size_align_unchecked(old_size, align),
                size,
            ),
        }
    };
    if block.is_null() {
        wasm32::unreachable()
    }
    block
}

fn heap_start() -> usize {
    unsafe extern "C" {
        /// The linker defines it: its address is the start of the heap.
        static __heap_base: u8;
    }
    (&raw const __heap_base).expose_provenance()
}

// The compiler calls `memcmp`, which is in the C library.
#[link(name = "c")]
unsafe extern "C" {}

/// A page of WebAssembly memory, in bytes.
const PAGE: usize = 64 << 10;
