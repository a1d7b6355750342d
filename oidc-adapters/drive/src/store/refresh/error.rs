//! [`SharedRefreshError`]: why a refresh that several nodes share has no tokens.

use crate::{sentence::debug_is_sentence, store::error::StoreError};
use oidc_proto::{Error, Remedy, Secret};
use std::{fmt, time::Duration};

/// Why a refresh that several nodes [share](crate::store::SharedRefreshes) has no tokens, if it is not for a reason that a
/// refresh of one node has, too.
///
/// ```
/// use oidc_drive::{ProviderError, store::SharedRefreshError};
///
/// /// Whether the session is over.
/// fn is_over(error: &ProviderError) -> bool {
///     match error {
///         ProviderError::Shared(SharedRefreshError::NotBelieved(new)) => new.is_none(),
///         other => other.remedy() == oidc_drive::oidc_proto::Remedy::LogInAgain,
///     }
/// }
/// assert!(is_over(&ProviderError::Shared(SharedRefreshError::MaybeSpent)));
/// assert!(!is_over(&ProviderError::Shared(SharedRefreshError::Busy(std::time::Duration::from_secs(9)))));
/// ```
///
/// [`Provider::refresh`](crate::Provider::refresh) returns it inside a
/// [`ProviderError::Shared`](crate::ProviderError::Shared).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedRefreshError {
    /// The store has no answer. The refresh token was not sent.
    Store(StoreError),
    /// Another node has the lease of this refresh token, for at most this long, and has not finished. Try again then.
    Busy(Duration),
    /// Another node may have sent the refresh token, and nobody knows what came of it. The policy is
    /// [`LostLease::LogInAgain`](crate::store::LostLease::LogInAgain), so the token was not sent again.
    MaybeSpent,
    /// The provider refused the refresh token. Another node may have sent it before, and was lost before it stored the
    /// new tokens. So the refusal probably comes from that, and not from the user or the provider's rules.
    RefusedAfterLoss(Box<Error>),
    /// Another node refreshed, and did not believe the response. The provider has replaced the refresh token: keep this
    /// one in place of the old one, and believe nothing else. `None`: the response may be somebody else's, so end the
    /// session.
    NotBelieved(Option<Secret>),
}

impl SharedRefreshError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Busy(_) => "refresh_busy",
            Self::MaybeSpent => "refresh_maybe_spent",
            Self::RefusedAfterLoss(_) => "refresh_refused_after_loss",
            Self::NotBelieved(_) => "refresh_not_believed",
        }
    }

    /// Returns who can do what about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Store(error) => error.remedy(),
            Self::Busy(left) => Remedy::TryLater { after: Some(*left) },
            Self::MaybeSpent | Self::NotBelieved(None) => Remedy::LogInAgain,
            Self::RefusedAfterLoss(error) => error.remedy(),
            Self::NotBelieved(Some(_)) => Remedy::ProviderAtFault,
        }
    }

    /// Returns the refresh token to keep from now on, if the provider replaced the old one.
    #[must_use]
    pub const fn new_refresh_token(&self) -> Option<&Secret> {
        if let Self::NotBelieved(Some(new)) = self { Some(new) } else { None }
    }
}

impl fmt::Display for SharedRefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the refresh token was not sent: {error}"),
            Self::Busy(left) => write!(
                f,
                "another node is refreshing these tokens, and may take {} s more",
                left.as_millis().div_ceil(1_000)
            ),
            Self::MaybeSpent => f.write_str(
                "another node may have spent the refresh token, and was lost with the new tokens; the token is not sent \
                 again (`SharedRefreshes::lost_lease` says so)",
            ),
            Self::RefusedAfterLoss(error) => write!(
                f,
                "{error}; another node may have spent the refresh token before, and was lost with the new tokens"
            ),
            Self::NotBelieved(Some(_)) => f.write_str(
                "another node did not believe the response to its refresh; the new refresh token that came with it is not \
                 lost (`new_refresh_token` has it)",
            ),
            Self::NotBelieved(None) => f.write_str(
                "another node did not believe the response to its refresh; the new tokens may be another user's: end the \
                 session",
            ),
        }
    }
}

debug_is_sentence!(SharedRefreshError);

impl std::error::Error for SharedRefreshError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::RefusedAfterLoss(error) => Some(error),
            Self::Busy(_) | Self::MaybeSpent | Self::NotBelieved(_) => None,
        }
    }
}
