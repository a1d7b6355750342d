//! Room `renew`: values that go stale and are shared by many readers (keys, metadata, access tokens).
//!
//! One [`RenewalPolicy`] for all of them, and one state machine, [`Renewal`]: it says whether to use what is
//! there, who renews it, and until when the others wait. It never waits itself.

#[cfg(test)]
mod diagrams_tests;
mod keys;
mod metadata;
mod policy;
mod publish;
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
