//! [`Error`]: the reasons for which a flow ends, sorted by who is to blame.

mod registered;
mod unsupported;

pub use registered::RegisteredClientError;
pub use unsupported::UnsupportedDetailsError;

use super::{
    callback_error::CallbackError,
    new_tokens::NewTokens,
    oauth_error::{OAuthError, registered},
    reserved::Refusal,
    response_error::ResponseError,
    unavailable::Unavailable,
};
use crate::{
    base::{
        endpoint_url::UrlError,
        form::FormError,
        sentence::{debug_is_sentence, predicate},
    },
    jose::{Algorithm, AlgorithmSet, JwsError, SignError},
    message::{ClientMetadataError, ErrorResponse, RegisteredClient},
    metadata::ClientAuthenticationSet,
    token::VerificationError,
};
use std::fmt;

/// The reason for which a flow ended. It is small and comparable, and shows no secret and no body. It holds no secret,
/// either, except for the [`NewTokens`] of a refresh and the [`RegisteredClient`] of a registration.
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
    /// A registration failed after the provider had made or changed the client. The error has the client.
    #[error(
        "{cause}; the client exists at the provider (`registered_client` has it, to use or to delete it)"
    )]
    Registration {
        /// The reason why the client cannot be used as it was asked for.
        #[source]
        cause: Box<Self>,
        /// The client.
        client: Box<RegisteredClient>,
    },
    /// The user of a device did not decide in time (RFC 8628 section 3.5).
    #[error("the user did not enter the code on the other device in time; begin again")]
    DeviceCodeExpired,
    /// The user did not answer an authentication request in time (CIBA section 11).
    #[error("the user did not answer the authentication request in time; begin again")]
    AuthenticationRequestExpired,
    /// The provider has told the client that the authentication of the user failed (CIBA section 12).
    #[error("the provider reports that the user was not authenticated: {0}; begin again")]
    AuthenticationFailed(Box<ErrorResponse>),
    /// The client's own key failed to sign the request.
    #[error("the client could not sign its request: {0}")]
    Sign(#[from] SignError),
    /// The request cannot work, whatever the provider answers: your code and the provider's metadata show it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The provider does not support a type of authorization details that the request has, by its metadata.
    #[error(transparent)]
    UnsupportedDetails(Box<UnsupportedDetailsError>),
}

debug_is_sentence!(Error);

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
        (
            VerificationError::Issuer,
            " (`ClientBuilder::issuer_rule` accepts a template, or a second name: `IssuerRule::or_exact`)",
        ),
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
            Self::Refresh { cause, .. } | Self::Registration { cause, .. } => cause.code(),
            Self::DeviceCodeExpired => "device_code_expired",
            Self::AuthenticationRequestExpired => "authentication_request_expired",
            Self::AuthenticationFailed(said) => registered(said),
            Self::Sign(_) => "sign",
            Self::Config(error) => error.code(),
            Self::UnsupportedDetails(_) => "config_unsupported_details",
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

impl From<UnsupportedDetailsError> for Error {
    fn from(error: UnsupportedDetailsError) -> Self {
        Self::UnsupportedDetails(Box::new(error))
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
    /// The document of a client is at a URL that requests may not go to.
    #[error("the client identifier {}", predicate(.0))]
    ClientId(UrlError),
    /// The issuer rule does not admit the issuer of the metadata.
    #[error(
        "the issuer rule neither is nor admits the issuer of the provider's metadata: check `issuer_rule` (if tokens have a second name for it, begin with that of the metadata and add `IssuerRule::or_exact`)"
    )]
    IssuerRule,
    /// The provider's metadata has no such endpoint, or a URL for it that may not be used.
    #[error(
        "the provider's metadata has no usable `{0}` (what `ProviderMetadata::parse` returns may be completed)"
    )]
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
    /// The provider lists no authentication method that the client can use with its secret, its key or its certificate.
    #[error(
        "the provider's `token_endpoint_auth_methods_supported` has no method that this client can use: it has {offered}, and the secret, the key or the certificate of the client is for {usable} (`ClientBuilder::authentication` chooses one all the same)"
    )]
    NoAuthentication {
        /// The methods that the provider lists.
        offered: ClientAuthenticationSet,
        /// The methods that the client can use.
        usable: ClientAuthenticationSet,
    },
    /// No algorithm that the provider lists for assertions, or that is registered, can be used by the client.
    #[error(
        "the client can sign its assertions with {}, and the provider's `token_endpoint_auth_signing_alg_values_supported`, or the registration, has {}: check `ClientBuilder::signer` and `ClientBuilder::token_endpoint_auth_signing_alg`",
        Names(.usable), Names(.offered)
    )]
    NoAssertionAlgorithm {
        /// The algorithms that the provider lists and this library knows, or the registered one.
        offered: AlgorithmSet,
        /// The algorithms of the client's keys or of its secret.
        usable: AlgorithmSet,
    },
    /// The attempt has an assertion, though the client authenticates without one.
    #[error(
        "the client does not authenticate with assertions: `ClientBuilder::authentication` sets `private_key_jwt` or `client_secret_jwt`"
    )]
    UnwantedAssertion,
    /// An extra parameter would override one that the library sets, or is given twice. The name is then `extra`.
    #[error("{}", Refusal(.0))]
    Reserved(&'static str),
    /// A parameter's value is not allowed.
    #[error("the parameter `{0}` of the request has a value that the specification does not allow")]
    Parameter(&'static str),
    /// The token to introspect or revoke is longer than the limit.
    #[error(
        "the token is longer than those that the client introspects and revokes ({limit} bytes; `ClientBuilder::max_token` sets the limit)"
    )]
    TokenTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The provider does not support PKCE with S256, by its metadata.
    #[error(
        "the provider's `code_challenge_methods_supported` has no `S256`, and PKCE needs it (`Quirks::no_pkce` does without PKCE)"
    )]
    NoS256,
    /// The provider takes authorization requests only if they have been pushed (RFC 9126 section 5).
    #[error(
        "the provider or the client has `require_pushed_authorization_requests`, so no authorization request goes by URL: call `Client::push_authorize` (the handle's `authorize` does)"
    )]
    PushedRequestsOnly,
    /// The provider takes authorization requests only as signed request objects (RFC 9101 section 10.5).
    #[error(
        "the provider or the client has `require_signed_request_object`, so no authorization request goes unsigned: give `ClientBuilder::signer` or `ClientBuilder::request_object_signer` a key, or call `Client::prepare_authorization` if the key is elsewhere"
    )]
    SignedRequestsOnly,
    /// The client has no key that signs request objects.
    #[error(
        "the client has no key for request objects: call `ClientBuilder::signer` or `ClientBuilder::request_object_signer`, or `ClientBuilder::request_object_signing_alg` for its secret, or `PreparedRequest::to_sign` if the key is elsewhere"
    )]
    NoRequestObjectKey,
    /// No algorithm that the provider lists for request objects, or that is registered, can be used by the client.
    #[error(
        "the client can sign request objects with {}, and the provider's `request_object_signing_alg_values_supported`, or the registration, has {}: check `ClientBuilder::request_object_signer` and `ClientBuilder::request_object_signing_alg`",
        Names(.usable), Names(.offered)
    )]
    NoRequestObjectAlgorithm {
        /// The algorithms that the provider lists and this library knows, or the registered one.
        offered: AlgorithmSet,
        /// The algorithms of the client's keys or of its secret.
        usable: AlgorithmSet,
    },
    /// The provider does not take request objects in this parameter, by its metadata.
    #[error(
        "the provider does not support the parameter `{0}`, by its metadata (`{0}_parameter_supported`): call `RequestObject::push` to send the request object ahead"
    )]
    NoRequestParameter(&'static str),
    /// The provider does not support this response type, by its metadata.
    #[error(
        "the provider's `response_types_supported` has no `{0}` (what `ProviderMetadata::parse` returns may be completed)"
    )]
    NoResponseType(&'static str),
    /// The provider does not support this response mode, by its metadata.
    #[error(
        "the provider's `response_modes_supported` has no `{0}` (what `ProviderMetadata::parse` returns may be completed)"
    )]
    NoResponseMode(&'static str),
    /// The provider does not deliver tokens in this mode (CIBA section 4).
    #[error(
        "the provider's `backchannel_token_delivery_modes_supported` has no `{0}` (what `ProviderMetadata::parse` returns may be completed)"
    )]
    NoDeliveryMode(&'static str),
    /// The provider takes no `user_code` (CIBA section 4).
    #[error(
        "the provider's `backchannel_user_code_parameter_supported` is not true, so it takes no `user_code` (what `ProviderMetadata::parse` returns may be completed)"
    )]
    NoUserCode,
    /// The provider accepts no signature of this key on an authentication request (CIBA section 4).
    #[error(
        "the key signs the authentication request with {}, and the provider's `backchannel_authentication_request_signing_alg_values_supported` has {}",
        Names(.usable), Names(.offered)
    )]
    NoBackchannelRequestAlgorithm {
        /// The algorithms that the provider lists and this library knows.
        offered: AlgorithmSet,
        /// The algorithm of the key.
        usable: AlgorithmSet,
    },
    /// The tokens of this authentication come to the notification endpoint of the client, and cannot be asked for (CIBA
    /// section 5).
    #[error(
        "the tokens of this authentication are pushed to the client's notification endpoint, so nothing can ask for them: `BackchannelAuthentication::receive` takes them"
    )]
    Pushed,
    /// The client secret is shorter than the hash of the symmetric algorithm, or missing.
    #[error(
        "the client secret is too short for the algorithm of the ID token (`ClientBuilder::id_token_signed_response_alg`) or of the client's assertions (`client_secret_jwt`)"
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
        "the request takes no DPoP proof: only token, UserInfo and pushed authorization requests do, and only of a client with `ClientBuilder::dpop_public_key`"
    )]
    UnwantedProof,
    /// The key for DPoP is a shared secret, or has no public half with a thumbprint: no server could verify its proofs.
    #[error(
        "the key given to `ClientBuilder::dpop_key` is a shared secret or has no public half with a thumbprint, and DPoP needs a private key"
    )]
    DpopKey,
    /// The provider lists the algorithms of DPoP proofs, and the key has none of them (RFC 9449 section 5.1).
    #[error(
        "the client can sign its DPoP proofs with {}, and the provider's `dpop_signing_alg_values_supported` has {}: make another key (`DpopKey::from_pkcs8`)",
        Names(.usable), Names(.offered)
    )]
    NoDpopAlgorithm {
        /// The algorithms that the provider lists and this library knows.
        offered: AlgorithmSet,
        /// The algorithm of the key.
        usable: AlgorithmSet,
    },
    /// The login, or the refresh token, is bound to a DPoP key that this client does not have.
    #[error(
        "the saved login or the refresh token is bound to another DPoP key than that of this client: restore the key of the session, and call `Client::with_dpop_key`"
    )]
    OtherDpopKey,
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
    /// The metadata of a client to register contradict themselves, or would give a secret away.
    #[error("{0}")]
    ClientMetadata(#[from] ClientMetadataError),
    /// The registered client cannot be used here or now, or its registration cannot be managed.
    #[error("{0}")]
    Registered(#[from] RegisteredClientError),
    /// The saved state belongs to another client, provider or version.
    #[error("the saved state belongs to another client, provider or version")]
    SavedState,
}

debug_is_sentence!(ConfigError);

/// The names of algorithms, for a sentence.
struct Names<'n>(&'n AlgorithmSet);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(Algorithm::name).collect();
        f.write_str(if names.is_empty() { "none that this library knows" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

impl ConfigError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Issuer(_) => "config_issuer",
            Self::Resource(_) => "config_resource",
            Self::ClientId(_) => "config_client_id",
            Self::IssuerRule => "config_issuer_rule",
            Self::PushedRequestsOnly => "config_pushed_requests_only",
            Self::SignedRequestsOnly => "config_signed_requests_only",
            Self::NoRequestObjectKey | Self::NoRequestObjectAlgorithm { .. } => "config_request_object",
            Self::NoRequestParameter(_) => "config_no_request_parameter",
            Self::NoResponseType(_) => "config_no_response_type",
            Self::NoResponseMode(_) => "config_no_response_mode",
            Self::NoEndpoint(_) => "config_no_endpoint",
            Self::RedirectUri(_) | Self::NoRedirectUri => "config_redirect_uri",
            Self::Characters(_) => "config_characters",
            Self::Authentication(_)
            | Self::NoAuthentication { .. }
            | Self::NoAssertionAlgorithm { .. }
            | Self::UnwantedAssertion
            | Self::NoAssertion => "config_authentication",
            Self::DpopKey | Self::NoProof | Self::UnwantedProof => "config_dpop_key",
            Self::NoDpopAlgorithm { .. } => "config_no_dpop_algorithm",
            Self::OtherDpopKey => "config_other_dpop_key",
            Self::Reserved(_) | Self::Parameter(_) => "config_parameter",
            Self::TokenTooLong { .. } => "config_token_too_long",
            Self::NoDeliveryMode(_) | Self::Pushed => "config_delivery_mode",
            Self::NoUserCode => "config_no_user_code",
            Self::NoS256 => "config_no_s256",
            Self::SecretTooShort => "config_secret_too_short",
            Self::NoAlgorithm | Self::NoResponseAlgorithm | Self::NoBackchannelRequestAlgorithm { .. } => {
                "config_no_algorithm"
            }
            Self::Unbound => "config_unbound",
            Self::ClientMetadata(_) => "config_client_metadata",
            Self::Registered(error) => error.code(),
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
