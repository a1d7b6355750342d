//! What each thread has for itself: memory for verifying.

use oidc_proto::token::Scratch;
use std::{cell::RefCell, mem::take};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The memory of this thread for verifying: taken, to be given back. New where it is in use, or gone.
pub(crate) fn take_scratch() -> Scratch {
    let here =
        SCRATCH.try_with(|scratch| scratch.try_borrow_mut().ok().map(|mut scratch| take(&mut *scratch)));
    here.ok().flatten().unwrap_or_default()
}

/// Gives it back.
pub(crate) fn give_back(scratch: Scratch) {
    let _gone = SCRATCH.try_with(|mine| {
        if let Ok(mut mine) = mine.try_borrow_mut() {
            *mine = scratch;
        }
    });
}
