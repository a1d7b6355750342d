//! [`StoreError`]: why a [`Store`](super::Store) has no answer.

use crate::sentence::debug_is_sentence;
use oidc_proto::{Remedy, flow::SealError};
use std::fmt;

/// Why a [`Store`](super::Store) has no answer, or one that is of no use.
///
/// ```
/// use oidc_drive::store::StoreError;
///
/// /// The error of a store of one's own.
/// fn lost(error: &std::io::Error) -> StoreError {
///     StoreError::NoAnswer(error.kind().to_string())
/// }
/// let error = lost(&std::io::ErrorKind::ConnectionRefused.into());
/// assert_eq!(error.to_string(), "the shared store did not answer: connection refused");
/// assert_eq!(error.code(), "store_no_answer");
/// ```
///
/// Every method of this module that asks a store returns it.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreError {
    /// The store did not answer in time, or cannot be reached, or refused. The text says why, without a value or a key. It
    /// is unknown whether a change was made.
    NoAnswer(String),
    /// The store is of no use before somebody puts it right: a full disk, missing rights, a damaged file. The text says what
    /// to do, without a value or a key.
    Unusable(String),
    /// The value has a form that this version does not know. A later version has written it, or another program uses the
    /// same keys.
    Value,
    /// The sealed value cannot be opened, or the new one cannot be sealed.
    Seal(SealError),
}

impl StoreError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoAnswer(_) => "store_no_answer",
            Self::Unusable(_) => "store_unusable",
            Self::Value => "store_value",
            Self::Seal(error) => error.code(),
        }
    }

    /// Returns [`TryLater`](Remedy::TryLater) for a store that does not answer, and
    /// [`FixConfiguration`](Remedy::FixConfiguration) otherwise: the store is to be put right, or the nodes do not have
    /// the same version or the same sealing keys.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::NoAnswer(_) => Remedy::TryLater { after: None },
            Self::Unusable(_) | Self::Value | Self::Seal(_) => Remedy::FixConfiguration,
        }
    }
}

impl From<SealError> for StoreError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) if why.is_empty() => f.write_str("the shared store did not answer"),
            Self::NoAnswer(why) => write!(f, "the shared store did not answer: {why}"),
            Self::Unusable(why) => write!(f, "the shared store cannot be used: {why}"),
            Self::Value => f.write_str(
                "a value in the shared store was written by a later version of this library, or by another program under the same prefix",
            ),
            Self::Seal(error) => {
                write!(f, "a value in the shared store: {error}; all nodes need the same keys (`SealingKeys::new`)")
            }
        }
    }
}

debug_is_sentence!(StoreError);

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Seal(error) = self { Some(error) } else { None }
    }
}
