//! The [`Scratch`] of each thread: memory for verifying tokens, used again and again.

use oidc_proto::token::Scratch;
use std::{cell::RefCell, mem::take};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `run` with the scratch memory of this thread.
pub(crate) fn with_scratch<T>(run: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = take_scratch();
    let result = run(&mut scratch);
    give_back(scratch);
    result
}

/// Takes the scratch memory of this thread, or makes new memory if that is in use or gone.
fn take_scratch() -> Scratch {
    let here =
        SCRATCH.try_with(|scratch| scratch.try_borrow_mut().ok().map(|mut scratch| take(&mut *scratch)));
    here.ok().flatten().unwrap_or_default()
}

/// Gives scratch memory back to this thread.
fn give_back(scratch: Scratch) {
    let _gone = SCRATCH.try_with(|mine| {
        if let Ok(mut mine) = mine.try_borrow_mut() {
            *mine = scratch;
        }
    });
}
