//! [`ProviderError`]: why a handle could not do what was asked of it.

use crate::{
    drive::DriveError,
    event::{Event, Observer, Started, why_ended},
    flight::NotAvailableError,
    io::{Lost, NoResponse},
    sentence::debug_is_sentence,
};
use oidc_proto::{
    Error,
    base::form::FormError,
    flow::{ConfigError, Endpoint},
    renew::RenewalError,
    resource::DenialReason,
    token::VerificationError,
};
use std::fmt;

/// Why a [`Provider`](super::Provider) could not do what was asked of it.
///
/// Every method of a handle returns it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderError {
    /// There was no response: the issuer, the endpoint, the host and the port that were asked, and the reason in
    /// the words of the HTTP stack. Of a renewal that
    /// others began, it is what was said last of one of its kind.
    NoResponse(String),
    /// A flow is over: the provider, the user or the settings are to blame.
    Protocol(Error),
    /// What is needed first (keys, a token) cannot be had at the moment.
    Unavailable(NotAvailableError),
    /// The access token is no good: another one would help.
    AccessToken(VerificationError),
    /// The authorization code was sent already, for another login than this one. A code is good once, so it is
    /// sent nowhere again.
    CodeSpent,
    /// Access tokens are to be verified, and nothing says for whom they must be meant.
    NoAudience,
}

impl ProviderError {
    /// A short, stable name for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoResponse(_) => "no_response",
            Self::Protocol(error) => error.code(),
            Self::Unavailable(_) => "unavailable",
            Self::AccessToken(rejected) => rejected.code(),
            Self::CodeSpent => "code_spent",
            Self::NoAudience => "config_no_audience",
        }
    }

    /// Of what was to be renewed.
    pub(crate) fn of_unavailable(
        unavailable: NotAvailableError,
        what: &'static str,
        issuer: &str,
        lost: &Lost,
    ) -> Self {
        match unavailable.because {
            Some(RenewalError::NoResponse) => Self::NoResponse(format!("{issuer}: {}", lost.why(what))),
            Some(RenewalError::Flow(error)) => Self::Protocol(error),
            Some(_) | None => Self::Unavailable(unavailable),
        }
    }
}

/// Why there is no login, though the code was sent: whoever sent it was stopped.
pub(crate) fn stopped(issuer: &str) -> ProviderError {
    let endpoint = Endpoint::Token;
    ProviderError::NoResponse(format!("{issuer}: {endpoint}: nobody waits for the response any more"))
}

/// How a flow that was run has failed.
pub(crate) fn reason(failed: DriveError<NoResponse>, issuer: &str) -> ProviderError {
    match failed {
        DriveError::Transport(lost) => ProviderError::NoResponse(format!("{issuer}: {}", lost.text)),
        DriveError::Protocol(error) => ProviderError::Protocol(error),
    }
}

/// Tells how the verification of an access token ended.
pub(crate) fn told(observer: &Observer, began: Started, verified: Result<(), &ProviderError>) {
    let outcome = verified.map_err(|error| match error {
        ProviderError::Protocol(error) => why_ended(error),
        ProviderError::NoResponse(_)
        | ProviderError::Unavailable(_)
        | ProviderError::AccessToken(_)
        | ProviderError::CodeSpent
        | ProviderError::NoAudience => error.code(),
    });
    let took = observer.since(began);
    observer.tell(&Event::Ended { flow: "Verification", outcome, took });
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<ConfigError> for ProviderError {
    fn from(error: ConfigError) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<FormError> for ProviderError {
    fn from(error: FormError) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<VerificationError> for ProviderError {
    fn from(rejected: VerificationError) -> Self {
        Self::AccessToken(rejected)
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResponse(why) if why.is_empty() => f.write_str("the provider did not answer"),
            Self::NoResponse(why) => write!(f, "the provider did not answer: {why}"),
            Self::Protocol(error) => error.fmt(f),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::AccessToken(rejected) => DenialReason::Token(*rejected).fmt(f),
            Self::CodeSpent => {
                f.write_str("the authorization code of this login was sent already, for another login")
            }
            Self::NoAudience => f.write_str(
                "the provider handle has no audience for access tokens: call `ProviderBuilder::audience`",
            ),
        }
    }
}

debug_is_sentence!(ProviderError);

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => error.source(),
            Self::Unavailable(unavailable) => unavailable.source(),
            Self::NoResponse(_) | Self::AccessToken(_) | Self::CodeSpent | Self::NoAudience => None,
        }
    }
}
