//! The allocator of handlers.
//!
//! An instance lives for one request and allocates mostly small blocks: fields, paths, parts of a page. The C library's
//! allocator, which std uses, tracks neighbouring blocks in order to merge them. This allocator takes a small block from the
//! free list of its size, or from the end of a chunk, and puts it back on the list when it is freed. That costs a tenth of
//! the instructions. Blocks above 4 KiB and new chunks come from the C library.
//!
//! The first chunk is part of the component's initial memory, because growing the memory is slow.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::ptr;

#[cfg(all(target_family = "wasm", not(feature = "std")))]
use crate::runtime::System;
#[cfg(any(not(target_family = "wasm"), feature = "std"))]
use std::alloc::System;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator::new();

/// Small blocks, with one free list for each power of two.
struct Allocator {
    free: [Cell<*mut Free>; CLASSES],
    /// The rest of the current chunk: its address and its size.
    next: Cell<*mut u8>,
    left: Cell<usize>,
    first: First,
    started: Cell<bool>,
}

/// A block on the free list of its size.
struct Free {
    next: *mut Free,
}

/// The first chunk.
#[repr(C, align(16))]
struct First(UnsafeCell<[u8; FIRST]>);

// SAFETY: the target has no threads: only one call at a time enters an instance.
unsafe impl Sync for Allocator {}

// SAFETY: blocks are parts of chunks and do not overlap: each is cut from a chunk once, and is then either in use or on one
// list. Their sizes are powers of two of at least SMALLEST and chunks are aligned to SMALLEST, so blocks are too. Blocks
// that are larger or more strictly aligned come from `System`; `class` decides that in every method.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: `System` requires what the caller of this method guarantees.
            return unsafe { System.alloc(layout) };
        };
        let list = &self.free[class];
        let block = list.get();
        if block.is_null() {
            return self.cut(SMALLEST << class);
        }
        // SAFETY: a block on a list is free, and `dealloc` wrote its link.
        list.set(unsafe { (*block).next });
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: `class` has no list for this layout, so the block came from `System`.
            return unsafe { System.dealloc(block, layout) };
        };
        let block: *mut Free = block.cast();
        let list = &self.free[class];
        // SAFETY: the block is no longer in use, and it is large and aligned enough for a pointer.
        unsafe { block.write(Free { next: list.get() }) };
        list.set(block);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that the size is valid with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            (Some(old), Some(new)) if old == new => block,
            // SAFETY: `class` has no list for this layout, so the block came from `System`.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: the caller guarantees that `size` is not 0.
                let moved = unsafe { self.alloc(wanted) };
                if !moved.is_null() {
                    // SAFETY: both have at least that many bytes, and a new block overlaps no old one.
                    unsafe {
                        ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                }
                moved
            }
        }
    }
}

impl Allocator {
    const fn new() -> Self {
        Self {
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            next: Cell::new(ptr::null_mut()),
            left: Cell::new(0),
            first: First(UnsafeCell::new([0; FIRST])),
            started: Cell::new(false),
        }
    }

    /// Cuts a new block from the chunk. A chunk whose rest is too small is abandoned; the rest is at most 4 KiB.
    fn cut(&self, size: usize) -> *mut u8 {
        if self.left.get() < size && !self.renew() {
            return ptr::null_mut();
        }
        let block = self.next.get();
        self.next.set(block.wrapping_add(size));
        self.left.set(self.left.get() - size);
        block
    }

    fn renew(&self) -> bool {
        if !self.started.replace(true) {
            self.next.set(self.first.0.get().cast());
            self.left.set(FIRST);
            return true;
        }
        // SAFETY: the size is not 0.
        let chunk = unsafe { System.alloc(CHUNK) };
        if !chunk.is_null() {
            self.next.set(chunk);
            self.left.set(CHUNK.size());
        }
        !chunk.is_null()
    }
}

/// The list for blocks of this layout; None if they are not small.
fn class(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > SMALLEST {
        return None;
    }
    let size = layout.size().max(SMALLEST).next_power_of_two();
    Some((size.ilog2() - SMALLEST.ilog2()) as usize)
}

/// The size of the smallest block in bytes: it holds a pointer, and common types need no stricter alignment.
const SMALLEST: usize = 16;
/// The size of the largest block that has a free list, in bytes.
const LARGEST: usize = 4 << 10;
/// The number of free lists.
const CLASSES: usize = (LARGEST.ilog2() - SMALLEST.ilog2() + 1) as usize;
/// The size of the first chunk, in bytes.
const FIRST: usize = 16 << 10;
/// The layout of every other chunk.
const CHUNK: Layout = match Layout::from_size_align(64 << 10, SMALLEST) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn each_size_has_a_list() {
        for (size, align, expected) in [
            (0, 1, Some(0)),
            (1, 1, Some(0)),
            (16, 16, Some(0)),
            (17, 1, Some(1)),
            (32, 8, Some(1)),
            (33, 8, Some(2)),
            (LARGEST, 1, Some(CLASSES - 1)),
            (LARGEST + 1, 1, None),
            (16, 32, None),
        ] {
            assert_eq!(class(layout(size, align)), expected, "{size} {align}");
        }
    }

    #[test]
    fn reuses_a_freed_block_of_the_same_size() {
        let allocator = Allocator::new();
        unsafe {
            let first = allocator.alloc(layout(20, 1));
            let second = allocator.alloc(layout(20, 1));
            assert_ne!(first, second);
            allocator.dealloc(first, layout(20, 1));
            assert_ne!(allocator.alloc(layout(64, 1)), first);
            assert_eq!(allocator.alloc(layout(32, 16)), first);
        }
    }

    #[test]
    fn blocks_keep_their_bytes_and_do_not_overlap() {
        // A small generator chooses sizes and moves. Every block is filled with its own number.
        let allocator = Allocator::new();
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 1_u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let intact = |(block, layout, mark): &(*mut u8, Layout, u8)| unsafe {
            std::slice::from_raw_parts(*block, layout.size())
                .iter()
                .all(|byte| byte == mark)
        };
        for round in 0..if cfg!(miri) { 100 } else { 2_000 } {
            let mark = (round % 251) as u8;
            let size = 1 + next(3 * LARGEST / 2);
            let align = 1 << next(7);
            unsafe {
                if blocks.len() > 50 {
                    let block = blocks.swap_remove(next(50));
                    assert!(intact(&block));
                    let resized = layout(size, block.1.align());
                    let moved = allocator.realloc(block.0, block.1, size);
                    assert!(moved.addr().is_multiple_of(block.1.align()));
                    let kept = (moved, layout(size.min(block.1.size()), 1), block.2);
                    assert!(intact(&kept));
                    allocator.dealloc(moved, resized);
                }
                let block = allocator.alloc(layout(size, align));
                assert!(block.addr().is_multiple_of(align));
                block.write_bytes(mark, size);
                blocks.push((block, layout(size, align), mark));
            }
        }
        assert!(blocks.iter().all(intact));
        for (block, layout, _) in blocks {
            unsafe { allocator.dealloc(block, layout) };
        }
    }
}
