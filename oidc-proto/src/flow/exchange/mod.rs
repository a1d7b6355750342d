//! The exchanges with an endpoint, from which every flow is built.

mod aim;
mod challenge;
mod check;
#[cfg(test)]
mod diagrams_tests;
mod document;
mod jwks;
mod learned;
mod post;
mod secrets;
mod tokens;

pub use challenge::ChallengeRetrieval;
pub use check::{Checking, Presented, SignedResponse, SignedUserInfo};
pub use document::{Document, Get, Getting};
pub use jwks::JwksRetrieval;
pub use learned::Learned;
pub use post::{Answer, Body, MAX_RETRIES, Post, Posting, RETRY_AFTER_CAP, Repeated, Repeating, Resting};

pub(in crate::flow) use aim::Aim;
pub(in crate::flow) use check::{Backchannel, Check, Checked, Demands, Signed};
pub(in crate::flow) use document::{check_status, get, other_type};
pub(crate) use jwks::{get as get_keys, usable as usable_keys};
pub(crate) use post::seconds;
pub(in crate::flow) use post::{Ask, Mint, refusal_or_status};
pub(in crate::flow) use secrets::is_open;
pub(in crate::flow) use tokens::{bound, token_response, tokens};
