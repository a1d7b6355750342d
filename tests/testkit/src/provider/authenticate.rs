//! Client authentication (RFC 6749 section 2.3): only the registered method is accepted.

use super::{
    FederatedCredential, Registration, TestProvider, audit::is_form, params::Params, token::Refusal,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use std::fmt;

/// The way in which a client authenticates at the token endpoint.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// No authentication: a public client, which sends its `client_id`.
    None,
    /// HTTP Basic authentication with this secret (`client_secret_basic`).
    ClientSecretBasic(String),
    /// This secret in the body (`client_secret_post`).
    ClientSecretPost(String),
    /// An assertion that is authenticated with this secret (`client_secret_jwt`).
    ClientSecretJwt(String),
    /// An assertion that is signed with the private half of this JWK (`private_key_jwt`).
    PrivateKeyJwt(Value),
    /// The token of a platform that the provider trusts, as an assertion.
    Federated(FederatedCredential),
    /// The certificate with this SHA-256 thumbprint, issued by an authority (`tls_client_auth`).
    TlsClientAuth(String),
    /// The certificate with this SHA-256 thumbprint, which the client has signed itself (`self_signed_tls_client_auth`).
    SelfSignedTlsClientAuth(String),
}

impl ClientAuthentication {
    /// The name of this method in metadata (OpenID Connect Core 1.0 section 9).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic(_) => "client_secret_basic",
            Self::ClientSecretPost(_) => "client_secret_post",
            Self::ClientSecretJwt(_) => "client_secret_jwt",
            Self::PrivateKeyJwt(_) | Self::Federated(_) => "private_key_jwt",
            Self::TlsClientAuth(_) => "tls_client_auth",
            Self::SelfSignedTlsClientAuth(_) => "self_signed_tls_client_auth",
        }
    }

    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Self::None
            | Self::PrivateKeyJwt(_)
            | Self::Federated(_)
            | Self::TlsClientAuth(_)
            | Self::SelfSignedTlsClientAuth(_) => None,
            Self::ClientSecretBasic(secret)
            | Self::ClientSecretPost(secret)
            | Self::ClientSecretJwt(secret) => Some(secret),
        }
    }

    /// The parameters with which a client of this method authenticates.
    pub(super) const fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::None | Self::TlsClientAuth(_) | Self::SelfSignedTlsClientAuth(_) => &["client_id"],
            Self::ClientSecretBasic(_) => &[],
            Self::ClientSecretPost(_) => &["client_id", "client_secret"],
            Self::ClientSecretJwt(_) | Self::PrivateKeyJwt(_) | Self::Federated(_) => {
                &["client_id", "client_assertion_type", "client_assertion"]
            }
        }
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TestProvider {
    /// The parameters with which the client of a request may authenticate.
    pub(super) fn authentication_parameters(&self, params: &Params) -> &'static [&'static str] {
        let client = params.get("client_id").and_then(|id| self.clients.get(id));
        client.map_or(&[], |client| client.authentication.parameters())
    }

    /// Authenticates the client of a token request.
    pub(super) fn authenticate(
        &mut self,
        request: &Request<Vec<u8>>,
        params: &Params,
    ) -> Result<Registration, Refusal> {
        let asked = request.headers().contains_key(header::AUTHORIZATION);
        let failed = |description: &str| {
            let status = if asked { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
            Err(Refusal {
                status,
                error: "invalid_client",
                description: description.to_owned(),
                basic: asked,
            })
        };
        debug_assert!(is_form(request.headers()));
        let basic = match basic_credentials(request.headers()) {
            Ok(basic) => basic,
            Err(what) => {
                self.audit.note(what);
                return failed("the Authorization header is no Basic one");
            }
        };
        let in_body = params.get("client_secret");
        let assertion = params.get("client_assertion");
        let given = [basic.is_some(), in_body.is_some(), assertion.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            self.audit.note("two client authentication methods at once (RFC 6749 section 2.3)");
            return Err(Refusal::bad("invalid_request", "two client authentication methods"));
        }
        let id = basic.as_ref().map(|basic| basic.id.as_str()).or(params.get("client_id"));
        let Some(client) = id.and_then(|id| self.clients.get(id)).cloned() else {
            self.note_unknown_client(id);
            return failed("unknown client");
        };
        if self.secret_has_expired(&client) {
            return failed("the client secret has expired");
        }
        if params.get("client_id").is_some_and(|id| id != client.client_id) {
            self.audit.note("two different client_id in one request");
            return Err(Refusal::bad("invalid_request", "two different client_id"));
        }
        let registered = client.authentication.name();
        let used = match (&basic, in_body, assertion) {
            (Some(_), ..) => "client_secret_basic",
            (None, Some(_), _) => "client_secret_post",
            (None, None, Some(_)) if registered.ends_with("_jwt") => registered,
            (None, None, Some(_)) => "an assertion",
            (None, None, None) => match &client.authentication {
                ClientAuthentication::TlsClientAuth(thumbprint)
                | ClientAuthentication::SelfSignedTlsClientAuth(thumbprint)
                    if self.shows(thumbprint) =>
                {
                    registered
                }
                _ => "none",
            },
        };
        if used != registered {
            self.audit
                .note(format!("the client authenticated with {used}, but is registered for {registered}"));
            return failed("not the registered authentication method");
        }
        self.demand_certificate(&client)?;
        if let Some(assertion) = assertion {
            return match self.assertion(&client, assertion, params, request) {
                Ok(()) => Ok(client),
                Err(why) => failed(&why),
            };
        }
        let given = basic.as_ref().map(|basic| basic.secret.as_str()).or(in_body);
        if given == client.authentication.secret() {
            return Ok(client);
        }
        if basic.is_some_and(|basic| Some(basic.raw_secret.as_str()) == client.authentication.secret()) {
            self.audit.note("client_secret_basic without form encoding (RFC 6749 section 2.3.1)");
        }
        failed("wrong client secret")
    }
}

struct Basic {
    id: String,
    secret: String,
    /// The secret as it was sent, before form decoding.
    raw_secret: String,
}

fn basic_credentials(headers: &HeaderMap) -> Result<Option<Basic>, &'static str> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let broken = "the Authorization header of a token request is not Basic (RFC 7617)";
    let text = value.to_str().map_err(|_| broken)?;
    let (scheme, encoded) = text.split_once(' ').ok_or(broken)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(broken);
    }
    let pair = STANDARD.decode(encoded).map_err(|_| broken)?;
    let pair = String::from_utf8(pair).map_err(|_| broken)?;
    let (id, secret) = pair.split_once(':').ok_or(broken)?;
    Ok(Some(Basic { id: form_decode(id), secret: form_decode(secret), raw_secret: secret.to_owned() }))
}

/// Decodes one name of a form. The characters that separate pairs count as plain text here.
fn form_decode(text: &str) -> String {
    let text = text.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_decoded() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            let value = format!("Basic {}", STANDARD.encode(text));
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            basic_credentials(&headers).map(|basic| basic.map(|basic| (basic.id, basic.secret)))
        };
        let pair = |id: &str, secret: &str| Ok(Some((id.to_owned(), secret.to_owned())));
        assert_eq!(read("app:s3cret"), pair("app", "s3cret"));
        assert_eq!(read("a%3Ab:c+d%2B%25"), pair("a:b", "c d+%"));
        assert_eq!(read("a=b&c:d=&"), pair("a=b&c", "d=&"));
        assert!(read("no colon").is_err());
    }
}
