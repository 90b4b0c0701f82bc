//! The allocator of handlers.
//!
//! An instance lives for a request, and most of what it allocates is small: fields, paths, pieces of a page. The
//! allocator of the C library, which std uses, keeps account of neighbours to join them again; here a small piece comes from
//! the list of free ones of its size, or from the end of a chunk, and goes back to the list. That takes a tenth of the
//! instructions. Pieces above a page are the C library's business, and so are new chunks.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: Allocator = Allocator::new();

/// Small pieces by lists, one for each power of two.
struct Allocator {
    free: [Cell<*mut Free>; CLASSES],
    /// What is left of the chunk.
    next: Cell<*mut u8>,
    left: Cell<usize>,
    first: First,
    started: Cell<bool>,
}

/// A piece on the list of its size.
struct Free {
    next: *mut Free,
}

/// The first chunk, a part of the component's memory from the start: more memory takes time to get.
#[repr(C, align(16))]
struct First(UnsafeCell<[u8; FIRST]>);

// SAFETY: the target has no threads: a component's instance is entered by one call at a time.
unsafe impl Sync for Allocator {}

// SAFETY: pieces are parts of chunks and do not overlap: each is cut off a chunk once, and is either in use or on one
// list. Their sizes are powers of two of at least SMALLEST, and chunks are so aligned, hence are they. Larger or more
// aligned ones come from `System`, by the same rule in every method.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promises are those that are asked for here.
            return unsafe { System.alloc(layout) };
        };
        let list = &self.free[class];
        let piece = list.get();
        if piece.is_null() {
            return self.cut(SMALLEST << class);
        }
        // SAFETY: what is on a list is a free piece, in whose beginning `dealloc` wrote.
        list.set(unsafe { (*piece).next });
        piece.cast()
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: by the same rule it came from there.
            return unsafe { System.dealloc(piece, layout) };
        };
        let piece: *mut Free = piece.cast();
        let list = &self.free[class];
        // SAFETY: the piece is nobody's any more, and large and aligned enough for a pointer.
        unsafe { piece.write(Free { next: list.get() }) };
        list.set(piece);
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the size with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            (Some(old), Some(new)) if old == new => piece,
            // SAFETY: by the same rule it came from there.
            (None, None) => unsafe { System.realloc(piece, layout, size) },
            _ => {
                // SAFETY: `size` is not 0, by the caller's promise.
                let moved = unsafe { self.alloc(wanted) };
                if !moved.is_null() {
                    // SAFETY: both have at least that many bytes, and a new piece overlaps no old one.
                    unsafe {
                        ptr::copy_nonoverlapping(piece, moved, layout.size().min(size));
                        self.dealloc(piece, layout);
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

    /// A new piece, off the end of the chunk. What is left of a chunk that is too small is given up: less than a page.
    fn cut(&self, size: usize) -> *mut u8 {
        if self.left.get() < size && !self.renew() {
            return ptr::null_mut();
        }
        let piece = self.next.get();
        self.next.set(piece.wrapping_add(size));
        self.left.set(self.left.get() - size);
        piece
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

/// The list for pieces of that layout; none where they are not small.
fn class(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > SMALLEST {
        return None;
    }
    let size = layout.size().max(SMALLEST).next_power_of_two();
    Some((size.ilog2() - SMALLEST.ilog2()) as usize)
}

/// In bytes, as all that follow. It holds a pointer, and is the strictest alignment that is common.
const SMALLEST: usize = 16;
const LARGEST: usize = 4 << 10;
const CLASSES: usize = (LARGEST.ilog2() - SMALLEST.ilog2() + 1) as usize;
const FIRST: usize = 16 << 10;
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
    fn sizes_have_their_lists() {
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
    fn a_freed_piece_is_the_next_of_its_size() {
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
    fn pieces_keep_their_bytes_and_do_not_overlap() {
        // Sizes and moves as a small generator gives them; every piece is filled with a number of its own.
        let allocator = Allocator::new();
        let mut pieces: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 1_u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let intact = |(piece, layout, mark): &(*mut u8, Layout, u8)| unsafe {
            std::slice::from_raw_parts(*piece, layout.size())
                .iter()
                .all(|byte| byte == mark)
        };
        for round in 0..2_000 {
            let mark = (round % 251) as u8;
            let size = 1 + next(3 * LARGEST / 2);
            let align = 1 << next(7);
            unsafe {
                if pieces.len() > 50 {
                    let piece = pieces.swap_remove(next(50));
                    assert!(intact(&piece));
                    let resized = layout(size, piece.1.align());
                    let moved = allocator.realloc(piece.0, piece.1, size);
                    assert!(moved.addr().is_multiple_of(piece.1.align()));
                    let kept = (moved, layout(size.min(piece.1.size()), 1), piece.2);
                    assert!(intact(&kept));
                    allocator.dealloc(moved, resized);
                }
                let piece = allocator.alloc(layout(size, align));
                assert!(piece.addr().is_multiple_of(align));
                piece.write_bytes(mark, size);
                pieces.push((piece, layout(size, align), mark));
            }
        }
        assert!(pieces.iter().all(intact));
        for (piece, layout, _) in pieces {
            unsafe { allocator.dealloc(piece, layout) };
        }
    }
}
