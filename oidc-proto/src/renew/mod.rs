//! Values that expire and are shared by many callers: key sets, provider metadata, access tokens.
//!
//! A [`Renewal`] holds one such value. Each caller asks it what to do: use the value, renew it, wait for the caller
//! that renews it, or give up for now. So a thousand callers cause one request, and an outage of the provider is
//! bridged with the old value. A [`RenewalPolicy`] has the times. A renewal does no I/O and never waits: the adapter
//! crates do that.
//!
//! ```
//! use oidc_proto::{
//!     Moment, Timestamp,
//!     renew::{Decision, Freshness, Need, Renewal, RenewalPolicy, Renewed},
//! };
//! use std::sync::Arc;
//!
//! let now = Timestamp(1_800_000_000);
//! let mut keys = Renewal::new(RenewalPolicy::KEYS);
//! let Decision::Renew(lease) = keys.want(Need::Any, now) else { return Err("there is a value already") };
//!
//! // Fetch the value here: `KeyRenewal`, `MetadataRenewal` and `TokenRenewal` are the flows for it.
//! let fetched = Renewed::new(Arc::new("the keys"), Freshness::UNKNOWN);
//! keys.settle(lease, Ok(fetched), Moment::new(now, [7; 32]));
//!
//! let Decision::Use(_, value) = keys.want(Need::Any, now.plus(60)) else { return Err("the value is stale") };
//! assert_eq!(*value, "the keys");
//! # Ok::<(), &str>(())
//! ```
//!
//! A [`Publisher`] passes the newest value to many threads, each with a [`Reader`]. A [`SharedCache`] holds the
//! renewals of many issuers or tokens in bounded memory.

#[cfg(test)]
mod diagrams_tests;
mod keys;
mod metadata;
mod policy;
mod publish;
mod remedy;
mod renewal;
mod shared_cache;
mod time;
mod tokens;

pub use crate::base::freshness::Freshness;
pub use keys::KeyRenewal;
pub use metadata::MetadataRenewal;
pub use policy::RenewalPolicy;
pub use publish::{Epoch, Published, Publisher, Reader};
pub use renewal::{Counters, Decision, Lease, Need, Renewal, RenewalError, Renewed};
pub use shared_cache::{SharedCache, SharedCacheCounters};
pub use time::CLOCK_DISORDER;
pub use tokens::TokenRenewal;
