//! The C library's heap, for small long-lived processes.

/// Gives unused pages of the heap back to the kernel (malloc_trim(3)).
pub fn trim() {
    // SAFETY: takes no pointers; only pages that no allocation uses are released.
    unsafe { libc::malloc_trim(0) };
}
