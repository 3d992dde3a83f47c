//! The C library's heap, for small long-lived processes.

/// Gives unused pages of the heap back to the kernel (malloc_trim(3)).
pub fn trim() {
    // SAFETY: takes no pointers; only pages that no allocation uses are released.
    unsafe { libc::malloc_trim(0) };
}

/// Lets threads share at most `most` heaps (mallopt(3), `M_ARENA_MAX`).
///
/// By default each thread of a busy process gets its own, and what one of them freed is of no use
/// to another. To be called before there are threads.
pub fn share(most: i32) {
    // SAFETY: changes a number of the allocator's; there is no other thread yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, most) };
}
