//! [`Site`]: answers the requests at a host. It is a whole [`TestProvider`], or a [`KeySite`] that only
//! publishes keys.

use crate::provider::TestProvider;
use http::{Request, Response, StatusCode, header};
use oidc_proto::base::Timestamp;
use serde_json::{Value, json};

/// A server that answers the requests at a host.
pub trait Site: Send {
    /// Answers a request that arrives at this time.
    fn handle(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>>;
}

impl Site for TestProvider {
    fn handle(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        Self::handle(self, request, now)
    }
}

/// A provider that only publishes metadata and keys, cheap enough for thousands of them in one test.
#[derive(Clone, Debug)]
pub struct KeySite {
    issuer: String,
    keys: Vec<String>,
    max_age: Option<u32>,
    requests: u64,
}

/// The public key of RFC 8037 appendix A.2. A test that verifies nothing needs no other.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

impl KeySite {
    /// A provider with one key, whose `kid` is `1`.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), keys: vec!["1".to_owned()], max_age: None, requests: 0 }
    }

    /// Publishes a key with this `kid`, after the others.
    pub fn publish(&mut self, kid: impl Into<String>) {
        self.keys.push(kid.into());
    }

    /// Withdraws the key with this `kid`.
    pub fn withdraw(&mut self, kid: &str) {
        self.keys.retain(|key| key != kid);
    }

    /// Sets the `max-age` of its documents in seconds. By default it sends no `Cache-Control`.
    pub fn max_age(&mut self, seconds: Option<u32>) {
        self.max_age = seconds;
    }

    /// The URL of its keys.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.issuer)
    }

    /// The number of requests so far.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    fn document(&self, path: &str) -> Option<Value> {
        match path {
            "/.well-known/openid-configuration" => Some(json!({
                "issuer": self.issuer,
                "jwks_uri": self.jwks_uri(),
                "authorization_endpoint": format!("{}/authorize", self.issuer),
                "token_endpoint": format!("{}/token", self.issuer),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["EdDSA"],
            })),
            "/jwks" => {
                let key = |kid| json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": X });
                Some(json!({ "keys": self.keys.iter().map(key).collect::<Vec<_>>() }))
            }
            _ => None,
        }
    }
}

impl Site for KeySite {
    fn handle(&mut self, request: &Request<Vec<u8>>, _: Timestamp) -> Response<Vec<u8>> {
        self.requests += 1;
        let mut response = Response::new(Vec::new());
        match self.document(request.uri().path()) {
            None => *response.status_mut() = StatusCode::NOT_FOUND,
            Some(document) => {
                *response.body_mut() = document.to_string().into_bytes();
                let json = header::HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                if let Some(seconds) = self.max_age {
                    let says = header::HeaderValue::try_from(format!("max-age={seconds}"));
                    response.headers_mut().insert(header::CACHE_CONTROL, says.expect("a header value"));
                }
            }
        }
        response
    }
}
