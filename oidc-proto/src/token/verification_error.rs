//! [`VerificationError`]: the clause that a token breaks.

use crate::{base::json::JsonError, jose::JwsError};

/// Why a token is not accepted. `Copy`, and without a byte of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// Longer than [`MAX_TOKEN`](super::MAX_TOKEN).
    #[error("it is longer than {} bytes", super::MAX_TOKEN)]
    TooLarge,
    /// Not a JWS that these keys vouch for (RFC 7515 section 5.2).
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// The claims are not acceptable JSON (RFC 7519 section 4).
    #[error("its set of claims {0}")]
    Claims(JsonError),
    /// The header says that it is another kind of token (RFC 8725 section 3.11).
    #[error("its header `typ` is that of another kind of token")]
    Type,
    /// A claim that must be there is not.
    #[error("it lacks the claim `{0}`")]
    Missing(&'static str),
    /// A claim has a value that it may not have.
    #[error("its claim `{0}` has a value that is not allowed")]
    Value(&'static str),
    /// Issued by someone else.
    #[error("its `iss` is not the issuer expected")]
    Issuer,
    /// Signed with a key that the key set gives to another issuer.
    #[error("the key that signed it is that of another issuer")]
    KeyIssuer,
    /// Meant for someone else.
    #[error("its `aud` does not name this client or resource")]
    Audience,
    /// Meant for others, too, whom nobody has said to trust (OpenID Connect Core 1.0 section 3.1.3.7).
    #[error("its `aud` names others besides this client; name those you trust in `trusted_audiences`")]
    UntrustedAudience,
    /// Issued to another client.
    #[error("its `azp` is not this client")]
    AuthorizedParty,
    /// Its time is over.
    #[error("it has expired (`exp`)")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet (`nbf`); are the clocks right?")]
    NotYetValid,
    /// It claims to be from the future.
    #[error("it was issued in the future (`iat`); are the clocks right?")]
    IssuedInFuture,
    /// It answers another request.
    #[error("its `nonce` is not the one sent")]
    Nonce,
    /// The user's authentication is older than was asked for.
    #[error("the authentication it tells of (`auth_time`) is older than `max_age`")]
    AuthenticationTooOld,
    /// The user's authentication is not of a class that was demanded.
    #[error("its `acr` is none of those demanded")]
    AuthenticationContext,
    /// It does not go with the access token.
    #[error("its `at_hash` is not that of the access token")]
    AccessTokenHash,
    /// It does not go with the code.
    #[error("its `c_hash` is not that of the code")]
    CodeHash,
    /// It does not go with the state.
    #[error("its `s_hash` is not that of the state")]
    StateHash,
    /// A refreshed ID token changed what must stay (OpenID Connect Core 1.0 section 12.2).
    #[error("its `{0}` differs from that of the ID token at login")]
    Changed(&'static str),
    /// The ID token that came with a code differs from the one that the code led to (OpenID Connect Core 1.0 section
    /// 3.3.3.6).
    #[error("its `{0}` differs from that of the ID token that came through the browser")]
    FrontChannel(&'static str),
    /// An ID token where an access token is needed.
    #[error("it is an ID token, and not an access token")]
    IdTokenAsAccessToken,
    /// It is bound to a key or certificate that nobody has checked.
    #[error("it is bound to a key (`cnf`), and may not be used as a bearer token")]
    SenderConstrained,
    /// It is bound to another key or certificate than the sender's (RFC 9449 section 7.1, RFC 8705
    /// section 3).
    #[error("it is bound (`cnf`) to another key or certificate than the sender's")]
    WrongSender,
    /// Its binding names no method, or one that cannot be checked (RFC 7800 section 3.1).
    #[error("it is bound (`cnf`) by a method that is not supported")]
    ConfirmationMethod,
    /// The sender proved to hold a key, or must, and the token is not bound to any.
    #[error("it is not bound (`cnf`) to the key or certificate that is to be shown")]
    NotBound,
}

impl VerificationError {
    /// A short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "token_too_large",
            Self::Jws(error) => error.code(),
            Self::Claims(_) => "token_claims_json",
            Self::Type => "token_typ",
            Self::Missing(_) => "token_missing_claim",
            Self::Value(_) => "token_claim_value",
            Self::Issuer => "token_issuer",
            Self::KeyIssuer => "token_key_issuer",
            Self::Audience => "token_audience",
            Self::UntrustedAudience => "token_untrusted_audience",
            Self::AuthorizedParty => "token_azp",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::IssuedInFuture => "token_issued_in_future",
            Self::Nonce => "token_nonce",
            Self::AuthenticationTooOld => "token_auth_time",
            Self::AuthenticationContext => "token_acr",
            Self::AccessTokenHash => "token_at_hash",
            Self::CodeHash => "token_c_hash",
            Self::StateHash => "token_s_hash",
            Self::Changed(_) => "token_changed_claim",
            Self::FrontChannel(_) => "token_front_channel",
            Self::IdTokenAsAccessToken => "token_is_id_token",
            Self::SenderConstrained => "token_sender_constrained",
            Self::WrongSender => "token_wrong_sender",
            Self::ConfirmationMethod => "token_cnf_method",
            Self::NotBound => "token_not_bound",
        }
    }

    /// Whether newer keys of the issuer could lead to another verdict.
    #[must_use]
    pub const fn wants_newer_keys(self) -> bool {
        matches!(self, Self::Jws(error) if error.wants_newer_keys())
    }
}
