//! [`ThirdPartyLoginError`]: the reasons for which the request of somebody else begins no login.

use crate::base::sentence::{Remedy, debug_is_sentence};

/// The reason for which the request of somebody else begins no login. It holds nothing of the request.
///
/// [`ThirdPartyLogins`](crate::flow::ThirdPartyLogins) returns it. The request may come from anybody: answer with the page
/// at which users log in by themselves.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThirdPartyLoginError {
    /// An address of the application is not a URL that it may have.
    #[error("the address of the application (`ThirdPartyLogins::new`, `ThirdPartyLogins::or_origin`) {0}")]
    Application(&'static str),
    /// The request has no `iss`.
    #[error("the request of a third party for a login has no `iss`")]
    MissingIssuer,
    /// The issuer is not one that was named.
    #[error(
        "the request of a third party for a login names an issuer (`iss`) that is none of those that `ThirdPartyLogins::issuer` allows"
    )]
    Issuer,
    /// The hint is too long, or has characters that could hide something.
    #[error(
        "the request of a third party for a login has a `login_hint` that is too long or has control characters"
    )]
    LoginHint,
    /// The target is not a page of the application (an open redirect).
    #[error(
        "the request of a third party for a login has a `target_link_uri` that is no page of this application (`ThirdPartyLogins::or_origin` allows another origin)"
    )]
    Target,
}

debug_is_sentence!(ThirdPartyLoginError);

impl ThirdPartyLoginError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Application(_) => "third_party_login_application",
            Self::MissingIssuer | Self::Issuer => "third_party_login_issuer",
            Self::LoginHint => "third_party_login_hint",
            Self::Target => "third_party_login_target",
        }
    }

    /// Returns who can do what about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Application(_) => Remedy::FixConfiguration,
            Self::MissingIssuer | Self::Issuer | Self::LoginHint | Self::Target => Remedy::RequestAtFault,
        }
    }
}
