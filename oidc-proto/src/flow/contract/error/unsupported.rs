//! [`UnsupportedDetailsError`]: the provider does not support what a request asks for.

use crate::base::{sentence::debug_is_sentence, visible::shown};
use std::fmt;

/// The provider does not support a type of authorization details that the request has (RFC 9396 section 10): its metadata
/// lists others. Nothing was sent.
///
/// [`Error::UnsupportedDetails`](crate::flow::Error::UnsupportedDetails) has it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the provider's `authorization_details_types_supported` has no `{}`: it has {} (what `ProviderMetadata::parse` returns may be completed)",
    shown(.wanted), Offered(.offered)
)]
#[non_exhaustive]
pub struct UnsupportedDetailsError {
    /// The type that the request has.
    pub wanted: Box<str>,
    /// The types that the provider lists.
    pub offered: Box<[String]>,
}

debug_is_sentence!(UnsupportedDetailsError);

/// The first of the types that a provider offers, for a sentence.
struct Offered<'o>(&'o [String]);

impl fmt::Display for Offered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 8;
        let names = self.0.iter().take(MOST).map(|name| format!("`{}`", shown(name)));
        f.write_str(if self.0.is_empty() { "none" } else { "" })?;
        f.write_str(&names.collect::<Vec<_>>().join(", "))?;
        f.write_str(if self.0.len() > MOST { ", and others" } else { "" })
    }
}
