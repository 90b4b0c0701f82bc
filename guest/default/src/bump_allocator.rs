//! The component's allocator: a bump allocator.
//!
//! An instance answers one request with a few kilobytes of small allocations and is then thrown away, so a general
//! allocator's bookkeeping would never pay off. Here an allocation is an addition. Only the last allocation can grow,
//! shrink or be freed in place. When no allocation is left, as after each response of a reused instance, the whole
//! memory is free again.
//!
//! `component` makes it the component's allocator. The tests give it an array as its memory, so that Miri can run them.

#![allow(unsafe_code)]

#[cfg(target_family = "wasm")]
mod component;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr;

/// A memory that grows at its end.
///
/// # Safety
///
/// Nothing else uses the bytes from `start` to `end`, and their provenance is exposed. No thread but one uses the memory.
unsafe trait Memory {
    /// The address of the first byte; never 0.
    fn start(&self) -> usize;
    /// The address after the last byte.
    fn end(&self) -> usize;
    /// Adds pages at the end. Returns false if there is no room.
    fn grow(&self, pages: usize) -> bool;
}

/// Hands out the bytes of a memory from its start to its end.
struct BumpAllocator<M> {
    memory: M,
    /// The address of the next allocation; 0 before the first one.
    next: Cell<usize>,
    /// The end of the memory.
    end: Cell<usize>,
    /// The number of allocations in use.
    allocations: Cell<usize>,
}

// SAFETY: only one thread uses the memory.
unsafe impl<M: Memory> Sync for BumpAllocator<M> {}

// SAFETY: allocations lie between the start and the end of the memory, which nothing else uses. They do not overlap: `next`
// moves back only over the last allocation, or when no allocation is left.
unsafe impl<M: Memory> GlobalAlloc for BumpAllocator<M> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            self.next.set(self.memory.start());
            self.end.set(self.memory.end());
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
            self.next.set(self.memory.start());
        } else if self.is_last(old, layout) {
            self.next.set(old.addr());
        }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_last(old, layout) {
            return if self.extend(old.addr(), size) {
                ptr::with_exposed_provenance_mut(old.addr())
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

impl<M: Memory> BumpAllocator<M> {
    const fn new(memory: M) -> Self {
        Self {
            memory,
            next: Cell::new(0),
            end: Cell::new(0),
            allocations: Cell::new(0),
        }
    }

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
            if !self.memory.grow(pages) {
                return false;
            }
            self.end.set(self.end.get() + pages * PAGE);
        }
        self.next.set(next);
        true
    }
}

/// A page of WebAssembly memory, in bytes.
const PAGE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::alloc::{alloc, dealloc};

    use super::*;

    /// A memory that begins with one page and has room for `MOST` pages.
    struct Pages {
        first: *mut u8,
        pages: Cell<usize>,
    }

    const MOST: usize = 4;

    impl Pages {
        fn layout() -> Layout {
            Layout::from_size_align(MOST * PAGE, 16).unwrap()
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: `allocator` has allocated it with this layout.
            unsafe { dealloc(self.first, Self::layout()) }
        }
    }

    // SAFETY: the memory belongs to this value, which a test keeps on its thread.
    unsafe impl Memory for Pages {
        fn start(&self) -> usize {
            self.first.expose_provenance()
        }

        fn end(&self) -> usize {
            self.start() + self.pages.get() * PAGE
        }

        fn grow(&self, pages: usize) -> bool {
            let grown = self.pages.get() + pages;
            if grown <= MOST {
                self.pages.set(grown);
            }
            grown <= MOST
        }
    }

    fn allocator() -> BumpAllocator<Pages> {
        // SAFETY: the size is not 0.
        let first = unsafe { alloc(Pages::layout()) };
        assert!(!first.is_null());
        BumpAllocator::new(Pages {
            first,
            pages: Cell::new(1),
        })
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn allocates_aligned_blocks_one_after_another() {
        let allocator = allocator();
        let mut end = 0;
        for (size, align) in [(1, 1), (1, 16), (3, 2), (8, 8), (0, 1), (5, 4)] {
            // SAFETY: the allocator accepts size 0 too.
            let block = unsafe { allocator.alloc(layout(size, align)) };
            assert!(block.addr() >= end && block.addr().is_multiple_of(align));
            end = block.addr() + size;
        }
    }

    #[test]
    fn grows_shrinks_and_frees_the_last_block_in_place() {
        let allocator = allocator();
        // SAFETY: each block is used with the layout that it has.
        unsafe {
            let first = allocator.alloc(layout(10, 1));
            let last = allocator.alloc(layout(10, 1));
            last.write_bytes(7, 10);
            let grown = allocator.realloc(last, layout(10, 1), 2 * PAGE);
            assert_eq!(grown.addr(), last.addr());
            grown.write_bytes(8, 2 * PAGE);
            let shrunk = allocator.realloc(grown, layout(2 * PAGE, 1), 5);
            assert_eq!((shrunk.addr(), *shrunk), (last.addr(), 8));
            allocator.dealloc(shrunk, layout(5, 1));
            assert_eq!(allocator.alloc(layout(1, 1)).addr(), last.addr());
            // Another block cannot grow in place, and keeps its bytes when it moves.
            first.write_bytes(9, 10);
            let moved = allocator.realloc(first, layout(10, 1), 20);
            assert_ne!(moved.addr(), first.addr());
            assert_eq!(std::slice::from_raw_parts(moved, 10), [9; 10]);
        }
    }

    #[test]
    fn the_whole_memory_is_free_when_no_block_is_left() {
        let allocator = allocator();
        // SAFETY: each block is freed once, with its layout.
        unsafe {
            let blocks = [1, 200, 3].map(|size| (allocator.alloc(layout(size, 1)), size));
            for (block, size) in blocks {
                allocator.dealloc(block, layout(size, 1));
            }
            assert_eq!(allocator.alloc(layout(9, 1)).addr(), blocks[0].0.addr());
        }
    }

    #[test]
    fn fails_when_no_memory_is_left_and_keeps_the_blocks() {
        let allocator = allocator();
        // SAFETY: each block is used with the layout that it has.
        unsafe {
            let block = allocator.alloc(layout(PAGE, 1));
            block.write_bytes(5, PAGE);
            for size in [MOST * PAGE + 1, isize::MAX as usize] {
                assert!(allocator.alloc(layout(size, 1)).is_null());
                assert!(allocator.realloc(block, layout(PAGE, 1), size).is_null());
            }
            let rest = allocator.alloc(layout((MOST - 1) * PAGE, 1));
            assert!(!rest.is_null());
            rest.write_bytes(6, (MOST - 1) * PAGE);
            assert!(allocator.alloc(layout(1, 1)).is_null());
            assert_eq!((*block, *block.add(PAGE - 1)), (5, 5));
        }
    }

    #[test]
    fn blocks_keep_their_bytes_and_do_not_overlap() {
        // A small generator chooses sizes and moves. Every block is filled with its own number.
        let allocator = allocator();
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 1_u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        // SAFETY: each block is used with the layout that it has, and freed once.
        unsafe {
            for mark in 0..if cfg!(miri) { 50 } else { 250 } {
                let wanted = layout(1 + next(500), 1 << next(5));
                let block = allocator.alloc(wanted);
                assert!(!block.is_null() && block.addr().is_multiple_of(wanted.align()));
                block.write_bytes(mark, wanted.size());
                blocks.push((block, wanted, mark));
                if blocks.len() > 20 {
                    let (block, old, mark) = blocks.swap_remove(next(20));
                    let size = 1 + next(700);
                    let moved = allocator.realloc(block, old, size);
                    assert!(!moved.is_null());
                    let kept = std::slice::from_raw_parts(moved, size.min(old.size()));
                    assert!(kept.iter().all(|byte| *byte == mark));
                    allocator.dealloc(moved, layout(size, old.align()));
                }
            }
            for (block, layout, mark) in blocks {
                let bytes = std::slice::from_raw_parts(block, layout.size());
                assert!(bytes.iter().all(|byte| *byte == mark));
                allocator.dealloc(block, layout);
            }
        }
    }
}
