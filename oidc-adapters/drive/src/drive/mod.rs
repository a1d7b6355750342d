//! The loop that runs a flow to its end over any HTTP client, on a thread or on a runtime. It is written once, as
//! async code; a thread [blocks on it](block_on).

mod block_on;
mod drive_error;
mod observed;
mod run;
mod task;

pub(crate) use block_on::{after, block_on};
pub use drive_error::DriveError;
pub(crate) use observed::{ended, observed, waited};
pub use observed::{run_async_with_observer, run_with_observer};
pub(crate) use run::{drive, drive_to_rest};
pub use run::{run, run_async};
pub(crate) use task::Boxed;
pub use task::{Job, Task};
