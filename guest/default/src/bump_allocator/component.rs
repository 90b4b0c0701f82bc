//! The allocator of the component, on its only memory.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::ptr;

use super::{BumpAllocator, Memory, PAGE};

// The compiler emits calls to memcmp. Nothing else of the C library is linked.
#[link(name = "c")]
unsafe extern "C" {}

#[global_allocator]
static ALLOCATOR: BumpAllocator<ComponentMemory> = BumpAllocator::new(ComponentMemory);

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

/// The component's only memory, after the data that the linker places. Addresses are offsets into it.
struct ComponentMemory;

unsafe extern "C" {
    /// The linker defines it. Its address is the start of the heap.
    static __heap_base: u8;
}

// SAFETY: nothing else uses the memory from `__heap_base` on, because memcmp is the only linked function of the C library.
// The target has no threads: only one call at a time enters an instance.
unsafe impl Memory for ComponentMemory {
    fn start(&self) -> usize {
        (&raw const __heap_base).expose_provenance()
    }

    fn end(&self) -> usize {
        wasm32::memory_size::<0>() * PAGE
    }

    fn grow(&self, pages: usize) -> bool {
        wasm32::memory_grow::<0>(pages) != usize::MAX
    }
}
