//! The exchanges with an endpoint, from which every flow is built.

mod check;
#[cfg(test)]
mod diagrams_tests;
mod document;
mod jwks;
mod learned;
mod post;

pub use jwks::JwksRetrieval;
pub use learned::Learned;
pub use post::{MAX_RETRIES, RETRY_AFTER_CAP};

pub(in crate::flow) use check::{Check, Checked, Checking, Demands, Presented, Signed, SignedResponse};
pub(crate) use document::{Document, Get};
pub(in crate::flow) use document::{check_status, get};
pub(crate) use jwks::{get as get_keys, usable as usable_keys};
pub(crate) use post::seconds;
pub(in crate::flow) use post::{Answer, Ask, Body, Post, Posting, Repeated, Resting};
