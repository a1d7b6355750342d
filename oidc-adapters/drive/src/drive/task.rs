//! [`Task`] and [`Job`]: the types of background work.

use std::{future::Future, pin::Pin};

/// A background renewal, for a runtime to run.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A background renewal, for a thread to run.
pub type Job = Box<dyn FnOnce() + Send>;

/// A boxed future.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
