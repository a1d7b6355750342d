//! [`Error`]: the reasons for which a flow ends, sorted by who is to blame.

use super::{
    callback_error::CallbackError, new_tokens::NewTokens, oauth_error::OAuthError, terms::Endpoint,
    unavailable::Unavailable,
};
use crate::{
    base::{
        endpoint_url::UrlError,
        form::FormError,
        json::JsonError,
        sentence::{Quoted, debug_is_sentence, predicate, sentences_about},
    },
    jose::{JwsError, SignError},
    metadata::MetadataError,
    token::VerificationError,
};
use http::StatusCode;
use std::fmt;

/// The reason for which a flow ended. It is small and comparable, and shows no secret and no body. It holds no secret,
/// either, except for the [`NewTokens`] of a refresh.
///
/// ```
/// use oidc_proto::{Error, flow::{CallbackError, Discovery}};
///
/// /// The status and the page for a user whose login has failed.
/// fn page(error: &Error) -> (u16, &'static str) {
///     match error {
///         Error::Callback(CallbackError::Denied(_)) => (403, "You have not agreed."),
///         Error::Callback(CallbackError::Expired { .. } | CallbackError::State) => (400, "Please log in again."),
///         Error::OAuth(refused) if refused.response.error == "invalid_grant" => (400, "Please log in again."),
///         Error::Unavailable(_) => (503, "Please try again later."),
///         _ => (500, "The login does not work."), // log `error.code()` and `error`
///     }
/// }
///
/// assert_eq!(page(&Error::Callback(CallbackError::State)), (400, "Please log in again."));
///
/// let error = Discovery::start("http://op.example", &Default::default()).unwrap_err();
/// assert!(matches!(error, Error::Config(_)));
/// assert_eq!(error.code(), "config_issuer");
/// assert_eq!(page(&error).0, 500);
/// ```
///
/// Every flow that fails ends with it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The provider refused the request.
    #[error(transparent)]
    OAuth(Box<OAuthError>),
    /// The response of the provider breaks the specification.
    #[error(transparent)]
    Response(Box<ResponseError>),
    /// The provider is busy or down, by the status of its response.
    #[error(transparent)]
    Unavailable(Unavailable),
    /// The authorization response is not acceptable. The user, or the site that sent the user, is to blame.
    #[error("{0}")]
    Callback(#[from] CallbackError),
    /// The ID token is not acceptable.
    #[error("the ID token is refused: {}{}", .0, setting(.0))]
    Token(#[from] VerificationError),
    /// A refresh failed after the provider replaced the refresh token. The error has the new one.
    #[error("{cause}{}", new_tokens(.cause))]
    Refresh {
        /// The reason why the response of the provider is not believed.
        #[source]
        cause: Box<Self>,
        /// The tokens of the response.
        tokens: Box<NewTokens>,
    },
    /// The user of a device did not decide in time (RFC 8628 section 3.5).
    #[error("the user did not enter the code on the other device in time; begin again")]
    DeviceCodeExpired,
    /// The client's own key failed to sign the request.
    #[error("the client could not sign its request: {0}")]
    Sign(#[from] SignError),
    /// The request cannot work, whatever the provider answers: your code and the provider's metadata show it.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

debug_is_sentence!(Error, ResponseError);

/// What to do with the tokens of a refresh that failed.
fn new_tokens(cause: &Error) -> &'static str {
    if cause.is_of_somebody_else() {
        "; the new tokens may be another user's: end the session"
    } else {
        "; the new refresh token that came with it is not lost (`Error::new_refresh_token` has it)"
    }
}

/// What a client would set, so that the verdict on an ID token may be another.
fn setting(rejected: &VerificationError) -> &'static str {
    const SETTINGS: [(VerificationError, &str); 6] = [
        (
            VerificationError::Jws(JwsError::AlgorithmNotAllowed),
            " (`ClientBuilder::id_token_signed_response_alg` names the one that is allowed)",
        ),
        (
            VerificationError::Missing("nonce"),
            " (`Quirks::no_nonce` does without it where PKCE binds the code)",
        ),
        (
            VerificationError::AuthorizedParty,
            " (`ClientBuilder::trusted_authorized_parties` names those you trust)",
        ),
        (VerificationError::Changed("auth_time"), " (`Quirks::refreshed_auth_time_differs` accepts it)"),
        (VerificationError::Changed("azp"), " (`Quirks::refreshed_without_azp` does without it)"),
        (VerificationError::Issuer, " (`ClientBuilder::issuer_rule` accepts a template)"),
    ];
    SETTINGS.iter().find(|(error, _)| error == rejected).map_or("", |(_, setting)| setting)
}

impl Error {
    /// Returns a short, stable name of the error, for logs and metrics. Of an OAuth error it is the provider's own code if
    /// a specification has registered it, and otherwise `oauth_error`: an unknown code could be anything, even a secret.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OAuth(error) => error.code(),
            Self::Response(error) => error.rule.code(),
            Self::Unavailable(_) => "unavailable",
            Self::Callback(error) => error.code(),
            Self::Token(rejected) => rejected.code(),
            Self::Refresh { cause, .. } => cause.code(),
            Self::DeviceCodeExpired => "device_code_expired",
            Self::Sign(_) => "sign",
            Self::Config(error) => error.code(),
        }
    }
}

impl Error {
    /// Whether an ID token was refused because it names another user, issuer or client.
    pub(in crate::flow) fn is_of_somebody_else(&self) -> bool {
        use VerificationError::{Audience, Changed, Issuer};
        matches!(self, Self::Token(Issuer | Audience | Changed("sub" | "iss" | "aud")))
    }
}

impl From<ResponseError> for Error {
    fn from(error: ResponseError) -> Self {
        Self::Response(Box::new(error))
    }
}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(Box::new(error))
    }
}

impl From<FormError> for Error {
    fn from(error: FormError) -> Self {
        Self::Callback(error.into())
    }
}

/// A response that the specification does not allow.
///
/// Every flow can end with it: [`Error::Response`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseError {
    /// The endpoint that answered.
    pub endpoint: Endpoint,
    /// The status of the response.
    pub status: u16,
    /// The rule that the response breaks.
    pub rule: ResponseRule,
    /// The URLs that were asked for a document, in their order, without their queries. Empty for other endpoints.
    pub urls: Vec<String>,
    /// The media type of a document that is not of the right one, if it is a common one.
    pub media_type: Option<&'static str>,
}

impl ResponseError {
    pub(crate) fn new(endpoint: Endpoint, status: StatusCode, rule: ResponseRule) -> Self {
        Self { endpoint, status: status.as_u16(), rule, urls: Vec::new(), media_type: None }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ResponseRule::{MediaType, Missing, Redirect, Status, TooLarge};
        write!(f, "the response of {} (status {}) {}", self.endpoint, self.status, predicate(&self.rule))?;
        if let Some(found) = &self.media_type {
            write!(f, ", but of `{found}`")?;
        }
        let places = Quoted(&self.urls);
        match (self.endpoint, &self.rule) {
            (Endpoint::ResourceMetadata, ResponseRule::Status) if matches!(self.status, 404 | 410) => {
                f.write_str("; the resource may be misspelt, or publish no metadata")
            }
            (Endpoint::Token, Missing("token_type")) => {
                f.write_str(" (`ClientBuilder::quirks` does without it)")
            }
            (Endpoint::UserInfo, ResponseRule::UnexpectedJwt) => {
                f.write_str(" (`ClientBuilder::userinfo_signed_response_alg` accepts one that is signed)")
            }
            (Endpoint::Discovery | Endpoint::Jwks, TooLarge { .. }) => {
                f.write_str(" (`max_document` sets the limit)")
            }
            (Endpoint::ResourceMetadata, TooLarge { .. }) => {
                f.write_str(" (`Call::max_body` sets the limit)")
            }
            (_, Redirect) if self.urls.is_empty() => f.write_str("; check the issuer's URL"),
            (_, _) if self.urls.is_empty() => Ok(()),
            (Endpoint::Discovery, Status | Redirect | MediaType(_)) => write!(
                f,
                "; there is no metadata at {places}: check the issuer, which may be misspelt or only a part of what it must be, \
                 and `document_at` if its metadata is elsewhere"
            ),
            _ => write!(f, "; it came from {places}"),
        }
    }
}

impl std::error::Error for ResponseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.rule)
    }
}

/// A rule that a response broke.
///
/// [`ResponseError`] has it, with the endpoint that broke the rule.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseRule {
    /// The body is larger than [`Terms::max_body`](crate::flow::Terms::max_body).
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The response is a redirect. To follow it would send secrets to a place that nobody has agreed to.
    #[error("the response is a redirect, which is never followed")]
    Redirect,
    /// The status is not one that the exchange allows.
    #[error("the response has a status that the specification does not allow here")]
    Status,
    /// The provider refuses the request, with a body that is no error response of the specifications. These are the
    /// first texts of the body, if it is JSON. The provider wrote them: they are cleaned for logs, and nobody checked
    /// what they say.
    #[error(
        "the response is a refusal without the member `error`{}",
        .0.as_ref().map_or_else(String::new, |told| format!(" (the provider says: {told})"))
    )]
    Refusal(Option<Box<str>>),
    /// The media type is not this one.
    #[error("the response is not of the media type `{0}`")]
    MediaType(&'static str),
    /// The body is not acceptable JSON.
    #[error("the response has a body that {}", predicate(.0))]
    Json(#[from] JsonError),
    /// A required member is missing.
    #[error("the response lacks the member `{0}`")]
    Missing(&'static str),
    /// A member has a value that the specification does not allow.
    #[error("the response has a member `{0}` with a value that the specification does not allow")]
    Value(&'static str),
    /// The access token is not bound to the key of the client (RFC 9449 section 5).
    #[error(
        "the response has a token that is not bound to the client's DPoP key (its `token_type` is not `DPoP`)"
    )]
    NotBound,
    /// The metadata is not acceptable.
    #[error("the response is refused: {0}")]
    Metadata(#[from] MetadataError),
    /// The key set is not acceptable.
    #[error("the response is refused: {0}")]
    KeySet(#[from] crate::jose::KeySetError),
    /// The key set has no key that can be used.
    #[error("the response has no key that can be used")]
    NoUsableKey,
    /// The UserInfo response is about another user (OpenID Connect Core 1.0 section 5.3.2).
    #[error("the response is about another user (`sub`) than the ID token")]
    OtherSubject,
    /// The response is signed or encrypted, though JSON was expected.
    #[error("the response is a JWT, which this client has not asked for")]
    UnexpectedJwt,
    /// The UserInfo response is not signed, though the registration has it signed.
    #[error("the response is not signed, though `ClientBuilder::userinfo_signed_response_alg` is set")]
    NotSigned,
    /// The signed UserInfo response is not acceptable (OpenID Connect Core 1.0 section 5.3.4).
    #[error("the response is a JWT that is refused: {0}")]
    Jwt(VerificationError),
}

sentences_about!(ResponseRule: "the response ");

impl ResponseRule {
    /// Returns a short, stable name of the rule, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "response_too_large",
            Self::Redirect => "response_redirect",
            Self::Status => "response_status",
            Self::Refusal(_) => "response_refusal",
            Self::MediaType(_) => "response_media_type",
            Self::Json(_) => "response_json",
            Self::Missing(_) => "response_missing_member",
            Self::Value(_) => "response_value",
            Self::NotBound => "response_not_bound",
            Self::Metadata(error) => error.code(),
            Self::KeySet(crate::jose::KeySetError::TooManyKeys { .. }) => "key_set_too_many_keys",
            Self::KeySet(_) => "key_set",
            Self::NoUsableKey => "key_set_no_usable_key",
            Self::OtherSubject => "userinfo_other_subject",
            Self::UnexpectedJwt => "response_unexpected_jwt",
            Self::NotSigned => "response_not_signed",
            Self::Jwt(rejected) => rejected.code(),
        }
    }
}

/// The reason for which a request or a client cannot work, whatever the provider answers.
///
/// [`ClientBuilder::build`](crate::flow::ClientBuilder::build) returns it, and every flow at its start.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The issuer is not a URL that an issuer may have (OpenID Connect Discovery 1.0 section 2).
    #[error("the issuer {}", predicate(.0))]
    Issuer(UrlError),
    /// The resource is not a URL that a resource may have (RFC 9728 section 1.2).
    #[error("the resource {}", predicate(.0))]
    Resource(UrlError),
    /// The issuer rule does not admit the issuer of the metadata.
    #[error(
        "the issuer rule neither is nor admits the issuer of the provider's metadata: check `issuer_rule`"
    )]
    IssuerRule,
    /// The provider's metadata has no such endpoint, or a URL for it that may not be used.
    #[error("the provider's metadata has no usable `{0}`")]
    NoEndpoint(&'static str),
    /// The redirect URI is not one that may be used (RFC 6749 section 3.1.2, RFC 8252).
    #[error("the redirect URI (`redirect_uri`) {0}")]
    RedirectUri(&'static str),
    /// The client has no redirect URI.
    #[error("the client has no redirect URI: call `redirect_uri`")]
    NoRedirectUri,
    /// A text is empty, too long, or has characters that the specification does not allow.
    #[error("the value of `{0}` is empty, too long, or has characters outside visible ASCII")]
    Characters(&'static str),
    /// The authentication method needs a secret that is missing, or forbids the secret that is there.
    #[error(
        "the client authenticates with `{0}`, which does not go with its secret or the lack of one: check `ClientBuilder::authentication` and `ClientBuilder::secret`"
    )]
    Authentication(&'static str),
    /// The provider supports no authentication method of this client.
    #[error(
        "the provider's `token_endpoint_auth_methods_supported` has no method that this client can use (`ClientBuilder::authentication` chooses one all the same)"
    )]
    NoAuthentication,
    /// An extra parameter would override one that the library sets.
    #[error("the extra parameter `{0}` is one that the library sets itself, or is given twice")]
    Reserved(&'static str),
    /// A parameter's value is not allowed.
    #[error("the parameter `{0}` of the request has a value that the specification does not allow")]
    Parameter(&'static str),
    /// The provider does not support PKCE with S256, by its metadata.
    #[error(
        "the provider's `code_challenge_methods_supported` has no `S256`, and PKCE needs it (`Quirks::no_pkce` does without PKCE)"
    )]
    NoS256,
    /// The provider takes authorization requests only if they have been pushed (RFC 9126 section 5).
    #[error(
        "the provider has `require_pushed_authorization_requests`, so it takes no authorization request by URL"
    )]
    PushedRequestsOnly,
    /// The provider takes authorization requests only as signed request objects (RFC 9101 section 10.5).
    #[error("the provider has `require_signed_request_object`, so it takes no plain authorization request")]
    SignedRequestsOnly,
    /// The provider does not support this response type, by its metadata.
    #[error("the provider's `response_types_supported` has no `{0}`")]
    NoResponseType(&'static str),
    /// The provider does not support this response mode, by its metadata.
    #[error("the provider's `response_modes_supported` has no `{0}`")]
    NoResponseMode(&'static str),
    /// The client secret is shorter than the hash of the symmetric algorithm, or missing.
    #[error(
        "the client secret is too short for the algorithm of the ID token (`ClientBuilder::id_token_signed_response_alg`)"
    )]
    SecretTooShort,
    /// The client authenticates with `private_key_jwt`, and has neither a key nor an assertion.
    #[error(
        "the client authenticates with `private_key_jwt`, and no key signs for it: call `ClientBuilder::signer`, or begin with `Client::attempt`"
    )]
    NoAssertion,
    /// The request has no DPoP proof: the key is elsewhere, or the client has none.
    #[error(
        "the client has tokens that are bound to a key, and no key proves this request: call `ClientBuilder::dpop_key`, or call `dpop_public_key` without `fetch_userinfo` and begin with `Attempt::with_proof`"
    )]
    NoProof,
    /// The request has a DPoP proof, though it takes none.
    #[error(
        "the request takes no DPoP proof: only token and UserInfo requests do, and only of a client with `ClientBuilder::dpop_public_key`"
    )]
    UnwantedProof,
    /// The key for DPoP is a shared secret, so no server could verify its proofs.
    #[error("the key given to `ClientBuilder::dpop_key` is a shared secret, and DPoP needs a private key")]
    DpopKey,
    /// No acceptable signature algorithm is left for ID tokens.
    #[error(
        "the provider's `id_token_signing_alg_values_supported` has no algorithm that is accepted: call `ClientBuilder::id_token_signed_response_alg`"
    )]
    NoAlgorithm,
    /// No acceptable signature algorithm is left for authorization responses (JARM section 4).
    #[error(
        "the provider's `authorization_signing_alg_values_supported` has no algorithm that is accepted: call `ClientBuilder::authorization_signed_response_alg`"
    )]
    NoResponseAlgorithm,
    /// Nothing would tie the code to the login or to the client.
    #[error(
        "the quirk `Quirks::no_pkce` would leave the code tied to nothing: it needs the `nonce` of an ID token and a client that authenticates, so it goes neither with `Quirks::no_nonce`, nor with access without a login, nor with a public client"
    )]
    Unbound,
    /// The saved state belongs to another client, provider or version.
    #[error("the saved state belongs to another client, provider or version")]
    SavedState,
}

debug_is_sentence!(ConfigError);

impl ConfigError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Issuer(_) => "config_issuer",
            Self::Resource(_) => "config_resource",
            Self::IssuerRule => "config_issuer_rule",
            Self::PushedRequestsOnly => "config_pushed_requests_only",
            Self::SignedRequestsOnly => "config_signed_requests_only",
            Self::NoResponseType(_) => "config_no_response_type",
            Self::NoResponseMode(_) => "config_no_response_mode",
            Self::NoEndpoint(_) => "config_no_endpoint",
            Self::RedirectUri(_) | Self::NoRedirectUri => "config_redirect_uri",
            Self::Characters(_) => "config_characters",
            Self::Authentication(_) | Self::NoAuthentication | Self::NoAssertion => "config_authentication",
            Self::DpopKey | Self::NoProof | Self::UnwantedProof => "config_dpop_key",
            Self::Reserved(_) | Self::Parameter(_) => "config_parameter",
            Self::NoS256 => "config_no_s256",
            Self::SecretTooShort => "config_secret_too_short",
            Self::NoAlgorithm | Self::NoResponseAlgorithm => "config_no_algorithm",
            Self::Unbound => "config_unbound",
            Self::SavedState => "config_saved_state",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<Error>() <= 48, "{}", size_of::<Error>());
    }
}
