//! [`Unavailable`]: a renewal has nothing to give.

use oidc_proto::{Timestamp, renew::Failure};
use std::fmt;

/// There is nothing to use, and waiting longer would not be worth it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// When it makes sense to ask again.
    pub until: Timestamp,
    /// Why the last renewal failed. `None` if callers ask for something newer too often, or a renewal
    /// takes too long.
    pub because: Option<Failure>,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.because {
            Some(failure) => write!(f, "nothing to use: {failure}"),
            None => f.write_str("nothing newer to use yet"),
        }
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.because.as_ref().map(|failure| failure as _)
    }
}
