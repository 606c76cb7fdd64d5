//! Memory that is free and that the allocator still holds, which it does to be fast. It gives it back as it goes on working, and that is too late for a
//! program that waits for just that before it goes on working.
#![expect(unsafe_code, reason = "the allocator is a library of C")]

/// Gives what is free on this thread back to the system, and what is free and belongs to no thread. It takes milliseconds: for when
/// memory is short. Without effect where another allocator is the program's.
pub fn release_memory() {
    // SAFETY: it takes and gives no pointers, touches only what is free, and may be called at any time on any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
