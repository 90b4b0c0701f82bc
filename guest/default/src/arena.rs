//! The allocator of the component: a pointer that moves on.
//!
//! An instance answers one request with a few kilobytes of small pieces, and is gone: to keep account of what
//! is free, as a general allocator does, would never pay. Here a piece costs an addition; the last piece can
//! grow, shrink and go; and when no piece is left, as after each answer of an instance that is kept, the
//! pointer goes back to the start.

#![allow(unsafe_code)]

// The compiler calls memcmp; the C library has it, and nothing else of that library is linked.
#[link(name = "c")]
unsafe extern "C" {}

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

#[global_allocator]
static ARENA: Arena = Arena {
    next: Cell::new(0),
    end: Cell::new(0),
    pieces: Cell::new(0),
};

/// Where the host puts what it passes in, such as the request's fields: the canonical ABI's `realloc`. An
/// `old_size` of 0 asks for a new piece. On this target the bindings leave it to the C library, whose
/// allocator would be a second one on the same memory.
///
/// # Safety
///
/// As [`GlobalAlloc::realloc`]; `size` is never 0 for a piece that is.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    piece: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    if size == 0 {
        return ptr::without_provenance_mut(align);
    }
    // SAFETY: alignments of the canonical ABI are powers of two, and the host passes on what it got from
    // here.
    let placed = unsafe {
        if old_size == 0 {
            ARENA.alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            ARENA.realloc(
                piece,
                Layout::from_size_align_unchecked(old_size, align),
                size,
            )
        }
    };
    if placed.is_null() {
        wasm32::unreachable()
    }
    placed
}

/// Addresses are offsets into the component's only memory.
struct Arena {
    /// Where the next piece goes; 0 before the first.
    next: Cell<usize>,
    /// Where the memory ends.
    end: Cell<usize>,
    /// How many are in use.
    pieces: Cell<usize>,
}

// SAFETY: the target has no threads: a component's instance is entered by one call at a time.
unsafe impl Sync for Arena {}

unsafe extern "C" {
    /// The linker's: where the heap begins. Its address is the value.
    static __heap_base: u8;
}

// SAFETY: pieces lie between `__heap_base` and the end of the memory, which nothing else uses (of the C
// library only memcmp is linked), and do not overlap: `next` only
// goes back over the last piece, or when no piece is left.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            self.next.set(heap_base());
            self.end.set(wasm32::memory_size::<0>() * PAGE);
        }
        let start = self.next.get().next_multiple_of(layout.align());
        if !self.reach(start, layout.size()) {
            return ptr::null_mut();
        }
        self.pieces.set(self.pieces.get() + 1);
        ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        self.pieces.set(self.pieces.get() - 1);
        if self.pieces.get() == 0 {
            self.next.set(heap_base());
        } else if self.is_last(piece, layout) {
            self.next.set(piece.addr());
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.is_last(piece, layout) {
            return if self.reach(piece.addr(), size) {
                piece
            } else {
                ptr::null_mut()
            };
        }
        if size <= layout.size() {
            return piece;
        }
        // SAFETY: the caller vouches for the alignment and for `size` not overflowing.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both are at least as long, and a new piece overlaps no old one.
            unsafe { ptr::copy_nonoverlapping(piece, moved, layout.size()) };
            self.pieces.set(self.pieces.get() - 1);
        }
        moved
    }
}

impl Arena {
    fn is_last(&self, piece: *mut u8, layout: Layout) -> bool {
        piece.addr() + layout.size() == self.next.get()
    }

    /// Moves `next` to `size` bytes behind `start`, with more memory if need be. False where there is none.
    fn reach(&self, start: usize, size: usize) -> bool {
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

/// A page of WebAssembly's memory, in bytes.
const PAGE: usize = 64 << 10;
