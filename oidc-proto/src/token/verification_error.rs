//! [`VerificationError`]: the reason why a token is refused.

use crate::{
    base::{
        json::JsonError,
        sentence::{Remedy, debug_is_sentence, predicate},
    },
    jose::JwsError,
};
use std::time::Duration;

/// The reason why a token is refused. It is `Copy` and holds nothing of the token, so it is safe to log.
///
/// ```
/// use oidc_proto::token::VerificationError;
///
/// /// What an API does about a token that was refused.
/// fn advice(why: VerificationError) -> &'static str {
///     match why {
///         why if why.wants_newer_keys() => "fetch the keys of the issuer and verify once more",
///         VerificationError::Audience => "this token is for another API",
///         VerificationError::SenderConstrained => "check a DPoP proof or a certificate, then call `verify_bound`",
///         VerificationError::Missing(_) | VerificationError::Value(_) => "the issuer makes tokens of another kind",
///         _ => "refuse the request",
///     }
/// }
///
/// assert_eq!(advice(VerificationError::Audience), "this token is for another API");
/// assert_eq!(VerificationError::Missing("sub").to_string(), "the token lacks the claim `sub`");
/// assert_eq!(VerificationError::Missing("sub").code(), "token_missing_claim"); // For logs and metrics.
/// ```
///
/// Verifiers return it, and so does every flow in which a token arrives ([`Error::Token`](crate::flow::Error::Token)). An
/// error of time says how far the time is off, in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// The token is longer than the limit of its verifier, which is [`MAX_TOKEN`](super::MAX_TOKEN) by default.
    #[error(
        "the token is longer than the limit of its verifier ({} bytes, unless `max_token` sets another)",
        super::MAX_TOKEN
    )]
    TooLarge,
    /// The token is not an acceptable JWS, or its signature does not verify with these keys (RFC 7515 section 5.2).
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// The claims are not acceptable JSON (RFC 7519 section 4).
    #[error("the payload of the token {}", predicate(.0))]
    Claims(JsonError),
    /// The `typ` of the header names another kind of token (RFC 8725 section 3.11).
    #[error("the header of the token has the `typ` of another kind of token")]
    Type,
    /// A required claim is missing.
    #[error("the token lacks the claim `{0}`")]
    Missing(&'static str),
    /// The `act` names more parties, one within the other, than the limit of the verifier: `max_actors`.
    #[error(
        "the token names more actors (`act`), one within the other, than the {limit} that `max_actors` allows"
    )]
    TooManyActors {
        /// The largest number of actors.
        limit: u8,
    },
    /// A claim has a forbidden value.
    #[error("the token has a claim `{0}` with a value that is not allowed")]
    Value(&'static str),
    /// The `iss` is not the expected issuer.
    #[error("the token was issued (`iss`) by another issuer than the one expected")]
    Issuer,
    /// The key set says that the key that signed the token belongs to another issuer.
    #[error("the token was signed with a key of another issuer")]
    KeyIssuer,
    /// The `aud` does not name this client or resource.
    #[error("the token is not meant (`aud`) for this client or resource")]
    Audience,
    /// The `aud` also names an audience that is not trusted (OpenID Connect Core 1.0 section 3.1.3.7): see
    /// [`trusted_audiences`](super::IdTokenVerifier::trusted_audiences).
    #[error("the token is meant (`aud`) for others, too (`trusted_audiences` names those you trust)")]
    UntrustedAudience,
    /// The `azp` names another client.
    #[error("the token was issued to another client (`azp`)")]
    AuthorizedParty,
    /// The token has expired: its `exp` is in the past.
    #[error("the token expired {} s ago (`exp`), and `leeway` is {} s", .ago.as_secs(), .leeway.as_secs())]
    Expired {
        /// How long ago it expired.
        ago: Duration,
        /// How long ago it may have expired at most, exclusively.
        leeway: Duration,
    },
    /// The token is not valid yet: its `nbf` is in the future.
    #[error("the token is valid only in {} s (`nbf`), and `leeway` is {} s; are the clocks right?", .ahead.as_secs(), .leeway.as_secs())]
    NotYetValid {
        /// How long it will be until it is valid.
        ahead: Duration,
        /// How long that may be.
        leeway: Duration,
    },
    /// The token claims to be issued later than now: its `iat` is in the future.
    #[error("the token was issued {} s in the future (`iat`), and `leeway` is {} s; are the clocks right?", .ahead.as_secs(), .leeway.as_secs())]
    IssuedInFuture {
        /// How far its `iat` is ahead of this clock.
        ahead: Duration,
        /// How far it may be.
        leeway: Duration,
    },
    /// The token was made for another request: its `iat` is too long ago. Only a signed response (RFC 9701
    /// section 5) and a logout token ([`max_age`](super::LogoutTokenVerifier::max_age)) have such a limit.
    #[error("the token was issued {} s ago (`iat`), and may be {} s old; are the clocks right?", .ago.as_secs(), .allowed.as_secs())]
    TooOld {
        /// How long ago it was issued.
        ago: Duration,
        /// How long ago that may have been: the limit, and the leeway.
        allowed: Duration,
    },
    /// The `nonce` is not that of the authorization request.
    #[error("the token answers another request: its `nonce` is not the one that was sent")]
    Nonce,
    /// The user's authentication (`auth_time`) is older than the maximum age that the client set.
    #[error("the user authenticated {} s ago (`auth_time`), and `max_age` and `leeway` allow {} s", .ago.as_secs(), .allowed.as_secs())]
    AuthenticationTooOld {
        /// How long ago the user authenticated.
        ago: Duration,
        /// How long ago that may have been: the maximum age, and the leeway.
        allowed: Duration,
    },
    /// The class of the user's authentication (`acr`) is not one that the client accepts.
    #[error("the user authenticated in a way (`acr`) that is none of those demanded")]
    AuthenticationContext,
    /// The `at_hash` is not the hash of the access token.
    #[error("the token belongs to another access token (`at_hash`)")]
    AccessTokenHash,
    /// The `c_hash` is not the hash of the code.
    #[error("the token belongs to another authorization code (`c_hash`)")]
    CodeHash,
    /// The `s_hash` is not the hash of the state.
    #[error("the token belongs to another `state` (`s_hash`)")]
    StateHash,
    /// The `urn:openid:params:jwt:claim:rt_hash` is not the hash of the refresh token (CIBA section 10.3.1).
    #[error("the token belongs to another refresh token (`urn:openid:params:jwt:claim:rt_hash`)")]
    RefreshTokenHash,
    /// The `urn:openid:params:jwt:claim:auth_req_id` is that of another authentication request (CIBA section 10.3.1).
    #[error("the token answers another authentication request (`urn:openid:params:jwt:claim:auth_req_id`)")]
    AuthenticationRequest,
    /// The `sub` is not the user that the client demanded.
    #[error("the token is of another user (`sub`) than the one who was to log in")]
    OtherUser,
    /// A refreshed ID token changed a claim that must stay the same (OpenID Connect Core 1.0 section 12.2).
    #[error("the token has another `{0}` than the ID token had at login")]
    Changed(&'static str),
    /// A claim differs between the ID token from the browser and the one from the token endpoint (OpenID Connect Core
    /// 1.0 section 3.3.3.6).
    #[error("the token has another `{0}` than the ID token that came through the browser")]
    FrontChannel(&'static str),
    /// The token is an ID token, but an access token is needed.
    #[error("the token is an ID token, and not an access token")]
    IdTokenAsAccessToken,
    /// The token is bound to a key or certificate, and the sender has not proven that it holds that key.
    #[error("the token is bound to a key (`cnf`), and must not be used as a bearer token")]
    SenderConstrained,
    /// The token is bound to a key or certificate other than the sender's (RFC 9449 section 7.1, RFC 8705 section 3).
    #[error("the token is bound (`cnf`) to another key or certificate than that of the sender")]
    WrongSender,
    /// The binding names no method, or an unsupported method (RFC 7800 section 3.1).
    #[error("the token is bound (`cnf`) by a method that is not supported")]
    ConfirmationMethod,
    /// The token is not bound, but the sender has proven a key or the API demands a binding.
    #[error("the token is not bound (`cnf`) to the key or certificate of the sender")]
    NotBound,
}

debug_is_sentence!(VerificationError);

impl VerificationError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "token_too_large",
            Self::Jws(error) => error.code(),
            Self::Claims(_) => "token_claims_json",
            Self::Type => "token_typ",
            Self::Missing(_) => "token_missing_claim",
            Self::Value(_) => "token_claim_value",
            Self::TooManyActors { .. } => "token_too_many_actors",
            Self::Issuer => "token_issuer",
            Self::KeyIssuer => "token_key_issuer",
            Self::Audience => "token_audience",
            Self::UntrustedAudience => "token_untrusted_audience",
            Self::AuthorizedParty => "token_azp",
            Self::Expired { .. } => "token_expired",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::IssuedInFuture { .. } => "token_issued_in_future",
            Self::TooOld { .. } => "token_too_old",
            Self::Nonce => "token_nonce",
            Self::AuthenticationTooOld { .. } => "token_auth_time",
            Self::AuthenticationContext => "token_acr",
            Self::AccessTokenHash => "token_at_hash",
            Self::CodeHash => "token_c_hash",
            Self::StateHash => "token_s_hash",
            Self::RefreshTokenHash => "token_rt_hash",
            Self::AuthenticationRequest => "token_auth_req_id",
            Self::OtherUser => "token_other_user",
            Self::Changed(_) => "token_changed_claim",
            Self::FrontChannel(_) => "token_front_channel",
            Self::IdTokenAsAccessToken => "token_is_id_token",
            Self::SenderConstrained => "token_sender_constrained",
            Self::WrongSender => "token_wrong_sender",
            Self::ConfirmationMethod => "token_cnf_method",
            Self::NotBound => "token_not_bound",
        }
    }

    /// Returns who can do what about a token that the provider has sent to this client: an ID token, or a signed
    /// response. Of an access token that came to an API, see
    /// [`DenialReason::remedy`](crate::resource::DenialReason::remedy): its sender is to blame.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Jws(why) => why.remedy(),
            // A setting, the registration, or a clock.
            Self::Issuer
            | Self::UntrustedAudience
            | Self::AuthorizedParty
            | Self::Missing("nonce")
            | Self::Changed("auth_time" | "azp")
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::IssuedInFuture { .. }
            | Self::TooOld { .. }
            | Self::TooManyActors { .. }
            | Self::SenderConstrained => Remedy::FixConfiguration,
            // The token belongs to another login, or the login was not good enough.
            Self::Nonce
            | Self::AuthenticationTooOld { .. }
            | Self::AuthenticationContext
            | Self::CodeHash
            | Self::StateHash
            | Self::AuthenticationRequest
            | Self::OtherUser
            | Self::Changed(_)
            | Self::FrontChannel(_) => Remedy::LogInAgain,
            Self::TooLarge
            | Self::Claims(_)
            | Self::Type
            | Self::Missing(_)
            | Self::Value(_)
            | Self::KeyIssuer
            | Self::Audience
            | Self::AccessTokenHash
            | Self::RefreshTokenHash
            | Self::IdTokenAsAccessToken
            | Self::WrongSender
            | Self::ConfirmationMethod
            | Self::NotBound => Remedy::ProviderAtFault,
        }
    }

    /// Whether this library lacks what the issuer signs with: the algorithm, or the type, curve or size of the key. No
    /// other token of the issuer would help.
    #[must_use]
    pub const fn is_unsupported(self) -> bool {
        matches!(self, Self::Jws(why) if why.is_unsupported())
    }

    /// Whether the token might be accepted with newer keys of the issuer. If so, fetch the keys and verify once more.
    #[must_use]
    pub const fn wants_newer_keys(self) -> bool {
        matches!(self, Self::Jws(error) if error.wants_newer_keys())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_as_small_as_without_its_numbers() {
        let names = size_of::<JsonError>();
        assert!(size_of::<VerificationError>() <= names + 8, "{}", size_of::<VerificationError>());
    }
}
