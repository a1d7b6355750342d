//! [`OAuthError`]: the refusal of a provider, with a hint that follows from its cause.

use super::terms::Endpoint;
use crate::{
    base::sentence::{Remedy, debug_is_sentence},
    message::ErrorResponse,
    sender::dpop_nonce,
};
use http::{HeaderMap, StatusCode};
use std::fmt;

/// The error codes of the specifications. Any other code from a provider could contain anything.
const REGISTERED: [&str; 41] = [
    // RFC 6749 sections 4.1.2.1 and 5.2
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    // RFC 6750 section 3.1, RFC 7009 section 2.2.1, RFC 8707 section 2, RFC 9449 section 5, RFC 9470 section 3
    "invalid_token",
    "insufficient_scope",
    "unsupported_token_type",
    "invalid_target",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "insufficient_user_authentication",
    // RFC 8628 section 3.5
    "authorization_pending",
    "slow_down",
    "expired_token",
    // OpenID Connect Core 1.0 section 3.1.2.6
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "invalid_request_uri",
    "invalid_request_object",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
    // Unmet Authentication Requirements 1.0, RFC 9396 section 5
    "unmet_authentication_requirements",
    "invalid_authorization_details",
    // CIBA sections 12 and 13
    "transaction_failed",
    "expired_login_hint_token",
    "unknown_user_id",
    "missing_user_code",
    "invalid_user_code",
    "invalid_binding_message",
    // RFC 7591 section 3.2.2
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "invalid_software_statement",
    "unapproved_software_statement",
];

/// The hint for a client that the provider does not know, or whose proof of itself is wrong.
const CLIENT: &str = "; check `client_id`, `ClientBuilder::secret` and the registered authentication method (`ClientBuilder::authentication`)";

/// The hint for a client whose assertion is refused.
const ASSERTION: &str = "; check `client_id`, the registered key (`ClientBuilder::signer`) or secret, the algorithm (`token_endpoint_auth_signing_alg`), the clock, and the audience and the type that the provider wants (`ClientBuilder::assertion_audience`, `ClientBuilder::assertion_type`)";

/// Whether a refusal says that the login page was open for too long. Keycloak reports that as an outage.
fn left_open(said: &ErrorResponse) -> bool {
    said.error_description.as_deref() == Some("authentication_expired")
}

/// Whether the provider's description has this word, in any case.
fn says(said: &ErrorResponse, word: &str) -> bool {
    said.error_description.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains(word))
}

/// Whether a refusal says that what was asked about, or to be revoked, is no token any more.
fn says_no_token(said: &ErrorResponse) -> bool {
    matches!(said.error.as_str(), "invalid_token" | "invalid_grant" | "expired_token")
}

/// What helps against a refusal at this endpoint. Nobody logs in to introspect, to revoke or to begin at a device; and at a
/// pushed request, somebody logs in already.
fn remedy_at(endpoint: Endpoint, status: u16, said: &ErrorResponse) -> Remedy {
    let of_token = matches!(endpoint, Endpoint::Introspection | Endpoint::Revocation);
    let of_client = matches!(said.error.as_str(), "invalid_client" | "unauthorized_client");
    // A token that is not valid is no error there (RFC 7662 section 2.2, RFC 7009 section 2.2).
    if of_token && says_no_token(said) && status != 401 {
        return Remedy::ProviderAtFault;
    }
    if endpoint == Endpoint::UserInfo && of_client {
        return Remedy::LogInAgain;
    }
    let remedy = remedy(said);
    // Nobody has been asked yet (CIBA section 13).
    if endpoint == Endpoint::BackchannelAuthentication && said.error == "access_denied" {
        return Remedy::FixConfiguration;
    }
    let begins = matches!(
        endpoint,
        Endpoint::DeviceAuthorization
            | Endpoint::PushedAuthorizationRequest
            | Endpoint::Registration
            | Endpoint::ClientConfiguration
    );
    if (of_token || begins) && remedy == Remedy::LogInAgain { Remedy::FixConfiguration } else { remedy }
}

/// The hint for a refusal that means something else at this endpoint than at the token endpoint.
fn hint_at(endpoint: Endpoint, status: u16, said: &ErrorResponse) -> Option<&'static str> {
    let code = said.error.as_str();
    Some(match (endpoint, code) {
        // These two take the credentials of the client, and some servers call them a token.
        (Endpoint::Introspection | Endpoint::Revocation, "invalid_token") if status == 401 => CLIENT,
        (Endpoint::Introspection, _) if says_no_token(said) => {
            "; the provider says so of the token that was asked about, which is not valid, and should answer that it is not \
             active"
        }
        (Endpoint::Revocation, _) if says_no_token(said) => {
            "; the provider says so of the token to revoke: that token is not valid any more, and nothing is left to do"
        }
        (
            Endpoint::Introspection,
            "insufficient_scope" | "access_denied" | "unauthorized_client" | "unsupported_grant_type",
        ) if status != 401 => "; at the provider, let this client introspect tokens",
        (Endpoint::Revocation, "access_denied" | "unauthorized_client") if status != 401 => {
            "; a client revokes its own tokens only, and the provider must let it do so"
        }
        (Endpoint::Revocation, "unsupported_token_type") => {
            "; the provider does not revoke tokens of this kind"
        }
        (Endpoint::DeviceAuthorization, "unauthorized_client" | "access_denied") if status != 401 => {
            "; at the provider, let this client use the device flow"
        }
        (Endpoint::PushedAuthorizationRequest, "unauthorized_client" | "access_denied") if status != 401 => {
            "; at the provider, let this client push authorization requests"
        }
        (Endpoint::PushedAuthorizationRequest, "invalid_request_object") => {
            "; the provider does not accept the signed request: check the clock, and the key that is registered \
             (`ClientBuilder::request_object_signer`, `ClientBuilder::request_object_signing_alg`)"
        }
        (
            Endpoint::DeviceAuthorization | Endpoint::PushedAuthorizationRequest,
            "invalid_grant" | "invalid_token" | "expired_token",
        ) => "",
        (Endpoint::BackchannelAuthentication, "unauthorized_client" | "access_denied") if status != 401 => {
            "; at the provider, let this client use backchannel authentication, and register its delivery mode"
        }
        (Endpoint::BackchannelAuthentication, "unknown_user_id") => {
            "; the provider knows no user by this hint: ask the user for another one"
        }
        (Endpoint::BackchannelAuthentication, "expired_login_hint_token") => {
            "; get a new `login_hint_token`, and begin again"
        }
        (Endpoint::BackchannelAuthentication, "missing_user_code" | "invalid_user_code") => {
            "; ask the user for the code (`BackchannelAuthenticationRequest::user_code`), and begin again"
        }
        (Endpoint::BackchannelAuthentication, "invalid_binding_message") => {
            "; the provider shows no such text: make `BackchannelAuthenticationRequest::binding_message` shorter and \
             plainer"
        }
        (
            Endpoint::Registration,
            "invalid_token" | "access_denied" | "unauthorized_client" | "insufficient_scope",
        ) => {
            "; the provider lets nobody register a client without an initial access token, or not with this one \
             (`RegistrationRequest::initial_access_token`)"
        }
        (Endpoint::ClientConfiguration, "invalid_token" | "access_denied" | "unauthorized_client") => {
            "; the provider has forgotten the client, has issued a newer token for its registration, or lets nobody manage it: \
             if its token endpoint does not know the client either, register once more"
        }
        (Endpoint::Registration | Endpoint::ClientConfiguration, "invalid_redirect_uri") => {
            "; the provider does not accept a redirect URI: compare `redirect_uris` with the `application_type` (a `web` \
             client has `https`, a `native` one this machine or a scheme of its own)"
        }
        (Endpoint::Registration | Endpoint::ClientConfiguration, "invalid_client_metadata") => {
            "; the provider does not accept a member of the client metadata: compare it with what its metadata supports"
        }
        (
            Endpoint::Registration | Endpoint::ClientConfiguration,
            "invalid_software_statement" | "unapproved_software_statement",
        ) => "; the provider does not accept the software statement, or does not trust who has signed it",
        // A UserInfo request shows an access token, and no credentials of the client.
        (Endpoint::UserInfo, "invalid_client" | "unauthorized_client" | "invalid_grant") => {
            "; the provider does not accept the access token here: log in again"
        }
        (Endpoint::Token, "invalid_token") => {
            "; the token in the request has expired or was revoked: log in again"
        }
        (Endpoint::Token, "access_denied") => "; the user or the provider has refused: begin again",
        (Endpoint::Token, "expired_token") => "; the user did not decide in time: begin again",
        _ => return None,
    })
}

/// What helps against a refusal, by its error code (and by the description of Keycloak that contradicts the code).
pub(super) fn remedy(said: &ErrorResponse) -> Remedy {
    match said.error.as_str() {
        "temporarily_unavailable" if left_open(said) => Remedy::LogInAgain,
        "server_error" | "temporarily_unavailable" | "slow_down" | "authorization_pending" => {
            Remedy::TryLater { after: None }
        }
        "invalid_grant"
        | "invalid_token"
        | "access_denied"
        | "expired_token"
        | "login_required"
        | "interaction_required"
        | "consent_required"
        | "account_selection_required"
        | "insufficient_user_authentication"
        | "unmet_authentication_requirements"
        | "transaction_failed"
        | "expired_login_hint_token"
        | "unknown_user_id"
        | "missing_user_code"
        | "invalid_user_code"
        // Names of Entra and of drafts of RFC 8628; of LinkedIn and Apple; of GitHub and Slack.
        | "authorization_declined"
        | "code_expired"
        | "user_cancelled_login"
        | "user_cancelled_authorize"
        | "bad_verification_code"
        | "incorrect_device_code"
        | "bad_refresh_token"
        | "invalid_code"
        | "code_already_used" => Remedy::LogInAgain,
        "use_dpop_nonce" => Remedy::ProviderAtFault, // Its nonce was used, and it asks for another one.
        _ => Remedy::FixConfiguration,
    }
}

/// What to do about a refusal of an authorization request.
pub(super) fn hint_of_callback(said: &ErrorResponse) -> &'static str {
    match said.error.as_str() {
        _ if left_open(said) => "; the login page was open for too long: begin again",
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            "; the user must act on the provider's page: begin again without `prompt=none`"
        }
        "invalid_scope" => "; ask for scopes that the client may have",
        "unauthorized_client" | "unsupported_response_type" => {
            "; the client is not registered for this kind of login"
        }
        "server_error" | "temporarily_unavailable" => "; try again later",
        _ => "",
    }
}

/// An error response of the provider (RFC 6749 section 5.2, RFC 6750 section 3.1).
///
/// Every flow can end with it: [`Error::OAuth`](crate::flow::Error::OAuth).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthError {
    /// The endpoint that answered.
    pub endpoint: Endpoint,
    /// The status of the response.
    pub status: u16,
    /// The error response: the error code, its description and its URI.
    pub response: ErrorResponse,
    /// The nonce for the next DPoP proof (RFC 9449 section 8), if the server named one.
    pub dpop_nonce: Option<String>,
    /// Whether the request sent a PKCE verifier to a provider whose metadata do not mention PKCE.
    pub(in crate::flow) sent_unknown_pkce: bool,
    /// Whether form encoding has changed the credentials of the request.
    pub(in crate::flow) sent_encoded: bool,
    /// Whether an assertion has authenticated the client.
    pub(in crate::flow) sent_assertion: bool,
}

impl OAuthError {
    pub(crate) fn new(
        endpoint: Endpoint,
        status: StatusCode,
        response: ErrorResponse,
        headers: &HeaderMap,
    ) -> Self {
        let dpop_nonce = dpop_nonce(headers).map(str::to_owned);
        let (status, sent_unknown_pkce, sent_encoded) = (status.as_u16(), false, false);
        let sent_assertion = false;
        Self { endpoint, status, response, dpop_nonce, sent_unknown_pkce, sent_encoded, sent_assertion }
    }

    /// Whether the server asks for the same request once more, with the nonce that it named.
    pub(in crate::flow) fn wants_nonce(&self) -> bool {
        self.response.error == "use_dpop_nonce" && self.dpop_nonce.is_some()
    }

    /// Returns a short, stable name of the error, for logs and metrics: the provider's code if a specification has
    /// registered it, and otherwise `oauth_error`. [`provider_code`](Self::provider_code) has any code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        registered(&self.response)
    }

    /// Returns the error code as the provider wrote it, cleaned for logs. It may be any text, so it is no name for a
    /// metric.
    #[must_use]
    pub fn provider_code(&self) -> &str {
        &self.response.error
    }

    /// Returns who can do what about the refusal.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        remedy_at(self.endpoint, self.status, &self.response)
    }

    /// What to do about the refusal, by its likely cause.
    fn hint(&self) -> &'static str {
        let said = &self.response;
        let of_dpop = says(said, "dpop");
        if let Some(hint) = hint_at(self.endpoint, self.status, said).filter(|_| !of_dpop) {
            return hint;
        }
        match said.error.as_str() {
            "invalid_dpop_proof" => {
                "; the provider refuses the DPoP proof: check the key (`ClientBuilder::dpop_key`) and the clock"
            }
            "invalid_request" | "invalid_grant" | "invalid_client" | "invalid_token" if of_dpop => {
                "; this client must use DPoP as it is registered: call `ClientBuilder::dpop_key`"
            }
            "invalid_client" => CLIENT,
            // GitHub's and Slack's names for it.
            "incorrect_client_credentials" | "bad_client_secret" | "invalid_client_id" => CLIENT,
            // Keycloak and others report a wrong secret so.
            "unauthorized_client" if says(said, "credential") || says(said, "secret") => CLIENT,
            "unauthorized_client" if matches!(self.status, 401 | 403) => {
                "; the client secret is wrong (`ClientBuilder::secret`), or the client is not registered for this grant"
            }
            "unauthorized_client" => "; the client is not registered for this grant",
            "unsupported_grant_type" => "; the provider does not offer this grant, or not to this client",
            "invalid_grant" => {
                "; the code or refresh token was used already, has expired or is another client's, or the session has \
                 ended: log in again (if no login works, the client may be registered for another redirect URI, or for \
                 DPoP: `ClientBuilder::dpop_key`)"
            }
            "invalid_scope" => "; ask for scopes that the client may have",
            "invalid_target" => {
                "; ask for a resource or an audience that the client may have, spelt as the provider knows it (a provider may \
                 want one resource for each token: `for_resources` of the pending login, `RefreshRequest::resource`)"
            }
            "invalid_authorization_details" => {
                "; the provider does not know the type of the authorization details, or its definition does not allow them, or \
                 they are more than was granted"
            }
            "invalid_token" => "; the access token has expired or was revoked: refresh it, or log in again",
            "insufficient_scope" => "; ask for the scope at the login",
            "server_error" | "temporarily_unavailable" => "; try again later",
            _ if REGISTERED.contains(&said.error.as_str()) => "",
            _ if self.remedy() == Remedy::LogInAgain => "; log in again",
            // Servers whose framework answers in their place: `Unauthorized` (Spring), `request_unauthorized` (Hydra).
            _ if self.status == 401 && self.endpoint != Endpoint::UserInfo => CLIENT,
            _ => "",
        }
    }
}

debug_is_sentence!(OAuthError);

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pkce = match self.response.error.as_str() {
            "invalid_client" | "invalid_request" if self.sent_unknown_pkce => {
                "; or the provider refuses PKCE, which its metadata do not mention (`Quirks::no_pkce` does without)"
            }
            _ => "",
        };
        let (mut hint, mut encoded) = (self.hint(), "");
        if self.sent_encoded && hint.contains("`ClientBuilder::secret`") {
            encoded = "; or the provider does not decode HTTP Basic credentials, and some characters of these are encoded \
                       (`Quirks::basic_not_form_encoded` sends them as they are)";
        }
        if self.sent_assertion && hint == CLIENT {
            hint = ASSERTION;
        }
        let Self { endpoint, status, response, .. } = self;
        write!(f, "{endpoint} answered {status}: {response}{hint}{encoded}{pkce}")
    }
}

impl std::error::Error for OAuthError {}

/// Returns the code of an error that the provider has told, if a specification has registered it.
pub(super) fn registered(said: &ErrorResponse) -> &'static str {
    REGISTERED.into_iter().find(|known| *known == said.error).unwrap_or("oauth_error")
}
