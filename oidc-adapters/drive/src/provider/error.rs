//! [`ProviderError`]: why a method of a handle failed.

use crate::{
    drive::DriveError,
    event::{Event, Observer, Started, why_ended},
    flight::NotAvailableError,
    io::{Lost, NoResponse},
    sentence::debug_is_sentence,
    source::SourceError,
    store::SharedRefreshError,
};
use oidc_proto::{
    Error, Remedy, Secret,
    base::FormError,
    flow::{ConfigError, Endpoint},
    renew::RenewalError,
    resource::DenialReason,
    token::VerificationError,
};
use std::fmt;

/// Why a method of a [`Provider`](super::Provider) failed.
///
/// ```
/// use oidc_drive::{ProviderError, blocking::{Io, Provider}, http, oidc_proto::flow::{Request, Terms}};
///
/// fn status(result: Result<(), ProviderError>) -> u16 {
///     match result {
///         Ok(()) => 200,
///         Err(ProviderError::AccessToken(_)) => 401, // another token would help
///         Err(error) => {
///             eprintln!("{}: {error}", error.code());
///             503 // the client cannot help it
///         }
///     }
/// }
///
/// let send = |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network");
/// let provider = Provider::builder("https://op.example", Io::new(send)).audience("https://api.example").build()?;
/// assert_eq!(status(provider.verify("not a token", |_| ())), 401);
/// assert_eq!(status(provider.keys().map(drop)), 503);
/// let lost = provider.metadata().unwrap_err();
/// assert_eq!(lost.code(), "no_response");
/// assert!(lost.to_string().ends_with("op.example:443: no network"), "{lost}");
/// # Ok::<(), ProviderError>(())
/// ```
///
/// Every method of a handle returns it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderError {
    /// There was no response. The text names the issuer, the endpoint, the host and the port, and has the reason in
    /// the words of the HTTP client. If another caller began the renewal, the text is that of the latest failed
    /// renewal of the same kind.
    NoResponse(String),
    /// The flow failed because of the provider, the user or the settings.
    Protocol(Error),
    /// Keys, metadata or a token are needed first, and they are not available at the moment.
    Unavailable(NotAvailableError),
    /// The access token is not valid: another one would help, unless
    /// [`is_unsupported`](VerificationError::is_unsupported) says that this library cannot verify any of its kind.
    AccessToken(VerificationError),
    /// The authorization code was sent before, for another login than this one. A code is valid once, so the handle
    /// does not send it again.
    CodeSpent,
    /// The refresh token was sent before, for something else than this caller asks for, and the provider has replaced it.
    /// The handle does not send it again. Call again with the new one.
    RefreshTokenSpent {
        /// The refresh token that has replaced it, if it is known.
        next: Option<Secret>,
    },
    /// An access token is to be verified, but no audience is set: see
    /// [`ProviderBuilder::audience`](super::ProviderBuilder::audience).
    NoAudience,
    /// The rules for access tokens or the metadata are for this issuer, and the handle is for another one: see
    /// [`ProviderBuilder::trust`](super::ProviderBuilder::trust) and
    /// [`ProviderBuilder::metadata`](super::ProviderBuilder::metadata).
    OtherIssuer(String),
    /// The rules for access tokens have an issuer rule of their own, and the metadata has another one
    /// ([`DiscoveryOptions::issuer_rule`](oidc_proto::flow::DiscoveryOptions::issuer_rule)).
    TwoIssuerRules,
    /// The program's own source of its assertion or its secret had none: see
    /// [`assertion_source`](super::ProviderBuilder::assertion_source).
    Source(SourceError),
    /// A refresh that several nodes [share](super::ProviderBuilder::shared_refreshes) has no tokens.
    Shared(SharedRefreshError),
}

impl ProviderError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoResponse(_) => "no_response",
            Self::Protocol(error) => error.code(),
            Self::Unavailable(_) => "unavailable",
            Self::AccessToken(rejected) => rejected.code(),
            Self::CodeSpent => "code_spent",
            Self::RefreshTokenSpent { .. } => "refresh_token_spent",
            Self::NoAudience => "config_no_audience",
            Self::OtherIssuer(_) => "config_other_issuer",
            Self::TwoIssuerRules => "config_two_issuer_rules",
            Self::Source(error) => error.code(),
            Self::Shared(error) => error.code(),
        }
    }

    /// Returns the refresh token to keep from now on, if the provider replaced the old one and the refresh failed all
    /// the same. See [`NewTokens`](oidc_proto::flow::NewTokens).
    #[must_use]
    pub fn new_refresh_token(&self) -> Option<&Secret> {
        match self {
            Self::Protocol(error) => error.new_refresh_token(),
            Self::RefreshTokenSpent { next } => next.as_ref(),
            Self::Shared(error) => error.new_refresh_token(),
            Self::NoResponse(_)
            | Self::Unavailable(_)
            | Self::AccessToken(_)
            | Self::CodeSpent
            | Self::NoAudience
            | Self::OtherIssuer(_)
            | Self::TwoIssuerRules
            | Self::Source(_) => None,
        }
    }

    /// Returns who can do what about it: log in again, try later, change a setting, or nobody but the provider or the
    /// sender of the access token. Without a response it is [`TryLater`](Remedy::TryLater); the text may know more, such
    /// as a client certificate that is missing.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::NoResponse(_) => Remedy::TryLater { after: None },
            Self::Protocol(error) => error.remedy(),
            Self::Unavailable(unavailable) => unavailable.remedy(),
            Self::AccessToken(rejected) => DenialReason::of_token(*rejected).remedy(),
            Self::CodeSpent => Remedy::LogInAgain,
            Self::RefreshTokenSpent { .. } => Remedy::TryLater { after: None },
            Self::NoAudience | Self::OtherIssuer(_) | Self::TwoIssuerRules => Remedy::FixConfiguration,
            Self::Source(error) => error.remedy(),
            Self::Shared(error) => error.remedy(),
        }
    }

    /// Makes the error of a failed renewal of `what`.
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

/// The error of a login whose code was sent by a caller that was stopped before the response.
pub(crate) fn stopped(issuer: &str) -> ProviderError {
    let endpoint = Endpoint::Token;
    ProviderError::NoResponse(format!("{issuer}: {endpoint}: nobody waits for the response any more"))
}

/// Turns the error of a flow into that of the handle.
pub(crate) fn reason(failed: DriveError<NoResponse>, issuer: &str) -> ProviderError {
    match failed {
        DriveError::Transport(lost) => ProviderError::NoResponse(format!("{issuer}: {}", lost.text)),
        DriveError::Protocol(error) => ProviderError::Protocol(error),
    }
}

/// Reports the end of the verification of an access token to the observer.
pub(crate) fn told(observer: &Observer, began: Started, verified: Result<(), &ProviderError>) {
    let outcome = verified.map_err(|error| match error {
        ProviderError::Protocol(error) => why_ended(error),
        ProviderError::NoResponse(_)
        | ProviderError::Unavailable(_)
        | ProviderError::AccessToken(_)
        | ProviderError::CodeSpent
        | ProviderError::RefreshTokenSpent { .. }
        | ProviderError::NoAudience
        | ProviderError::OtherIssuer(_)
        | ProviderError::TwoIssuerRules
        | ProviderError::Source(_)
        | ProviderError::Shared(_) => error.code(),
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

impl From<SourceError> for ProviderError {
    fn from(failed: SourceError) -> Self {
        Self::Source(failed)
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
            Self::AccessToken(rejected) => DenialReason::of_token(*rejected).fmt(f),
            Self::CodeSpent => {
                f.write_str("the authorization code of this login was sent already, for another login")
            }
            Self::Source(failed) => failed.fmt(f),
            Self::RefreshTokenSpent { .. } => f.write_str(
                "the refresh token was sent already, for something else, and the provider has replaced it: call again with \
                 `ProviderError::new_refresh_token`",
            ),
            Self::NoAudience => f.write_str(
                "the provider handle has no audience for access tokens: call `ProviderBuilder::audience`",
            ),
            Self::Shared(error) => error.fmt(f),
            Self::OtherIssuer(issuer) => write!(
                f,
                "the provider handle has rules or metadata of `{issuer}`, which is not its issuer: check `ProviderBuilder::trust` and \
                 `ProviderBuilder::metadata`"
            ),
            Self::TwoIssuerRules => f.write_str(
                "the provider handle has one issuer rule for the metadata (`DiscoveryOptions::issuer_rule`) and another one \
                 in `ProviderBuilder::trust`: leave it out of `trust`, and call `issuer_rule` in \
                 `ProviderBuilder::access_tokens` if access tokens need another",
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
            Self::Source(failed) => Some(failed),
            Self::Shared(error) => error.source(),
            Self::NoResponse(_)
            | Self::AccessToken(_)
            | Self::CodeSpent
            | Self::RefreshTokenSpent { .. }
            | Self::NoAudience
            | Self::OtherIssuer(_)
            | Self::TwoIssuerRules => None,
        }
    }
}
