//! `remedy` of a failed renewal: who can do what about it.

use super::renewal::RenewalError;
use crate::base::sentence::Remedy;

impl RenewalError {
    /// Returns who can do what about the failed renewal.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NoResponse => Remedy::TryLater { after: None },
            Self::Expired => Remedy::ProviderAtFault,
            Self::Flow(error) => error.remedy(),
        }
    }
}
