//! [`Task`] and [`Job`]: what runs in the background.

use std::{future::Future, pin::Pin};

/// What a renewal in the background is, for a runtime that is to carry it out.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a renewal in the background is, for a thread that is to carry it out.
pub type Job = Box<dyn FnOnce() + Send>;

/// What comes later.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
