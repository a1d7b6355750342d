//! The steps of a store over files, at which a test can stop it or let it fail.

use std::io;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The lock file is open. The lock is asked for.
    Lock,
    /// The lock is there. The time is written.
    WriteTime,
    /// The time is written. The work begins.
    Work,
    /// The new value goes into a file of its own.
    WriteNew,
    /// That file goes to the disk.
    SyncNew,
    /// That file takes the place of the old one.
    Rename,
    /// The old file goes.
    Remove,
    /// The names of the directory go to the disk.
    SyncDirectory,
    /// The lock is given up.
    Unlock,
}

/// A test's look at each step. Programs have none.
#[derive(Clone, Default)]
pub(super) struct Steps {
    #[cfg(test)]
    pub(super) watch: Option<std::sync::Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>>,
}

impl Steps {
    #[cfg_attr(
        not(test),
        allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "a test may say no")
    )]
    pub(super) fn next(&self, step: Step) -> io::Result<()> {
        #[cfg(test)]
        if let Some(watch) = &self.watch {
            return watch(step);
        }
        // Only a test looks at the steps.
        let _ = step;
        Ok(())
    }
}
