//! Refreshes: for everything or a part of what was granted, once in this program and, with a store, among several nodes.

mod narrowed;
mod sharing;
pub(super) mod spent;
