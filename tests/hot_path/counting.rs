//! An allocator that counts the allocations of each thread.
#![allow(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one passes every call on to the system's"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// The number of bytes that this thread has allocated and not freed.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The size that is counted separately, and the number of its allocations.
    static SIZE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(size: usize) {
    // A thread that is ending has no counter any more, and runs no test.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    let _ = SIZE.try_with(|counted| {
        let (wanted, count) = counted.get();
        counted.set((wanted, count + usize::from(wanted == size)));
    });
}

fn hold(bytes: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call goes to `System` with its own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        hold(size as isize - layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of bytes that this thread holds. It is negative if the thread has freed memory of another.
pub(crate) fn held() -> isize {
    HELD.get()
}

/// Runs `run`, and returns its number of allocations on this thread, and its result.
pub(crate) fn allocations<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.get();
    let result = run();
    (COUNT.get() - before, result)
}

/// Runs `run`, and returns how often it allocates this many bytes on this thread, and its result.
pub(crate) fn allocations_of<T>(bytes: usize, run: impl FnOnce() -> T) -> (usize, T) {
    SIZE.set((bytes, 0));
    let result = run();
    let (_, count) = SIZE.replace((0, 0));
    (count, result)
}
