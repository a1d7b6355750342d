//! The [`Scratch`] of each thread: memory for verifying tokens, used again and again.

use oidc_proto::token::Scratch;
use std::cell::Cell;

thread_local! {
    /// In a box, so that taking it and giving it back moves a pointer.
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Runs `run` with the scratch memory of this thread.
pub(crate) fn with_scratch<T>(run: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = take_scratch();
    let result = run(&mut scratch);
    give_back(scratch);
    result
}

/// Takes the scratch memory of this thread, or makes new memory if that is in use or gone.
fn take_scratch() -> Box<Scratch> {
    SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default()
}

/// Gives scratch memory back to this thread.
fn give_back(scratch: Box<Scratch>) {
    let _gone = SCRATCH.try_with(|mine| mine.set(Some(scratch)));
}
