//! Signed introspection responses (RFC 9701), for clients that ask for them.

use super::{Registration, TestProvider, insert};
use http::{Request, Response, header};
use oidc_proto::{base::Timestamp, jose::Algorithm};
use serde_json::{Map, Value, json};

const JWT: &str = "application/token-introspection+jwt";

/// Signed introspection responses.
impl TestProvider {
    /// Signs introspection responses with this algorithm if the client asks for it, and lists the algorithm in the
    /// metadata. By default, every response is JSON, whatever the client asks for.
    pub fn sign_introspection(&mut self, algorithm: Algorithm) {
        self.settings.signed_introspection = Some(algorithm);
    }

    /// Changes the header and the claims of every following signed introspection response, before it is signed.
    pub fn alter_introspection(
        &mut self,
        alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) {
        self.forgery.introspection.push(Box::new(alteration));
    }

    /// The response as a JWT (section 5), if the client asks for it and the settings say so.
    pub(super) fn signed_introspection(
        &mut self,
        request: &Request<Vec<u8>>,
        client: &Registration,
        said: &Map<String, Value>,
        now: Timestamp,
    ) -> Option<Response<Vec<u8>>> {
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let asked = accept.unwrap_or_default();
        if asked.contains("introspection") && asked != JWT {
            self.audit.note("Accept names a signed response, and not as RFC 9701 section 4 does");
        }
        let algorithm = self.settings.signed_introspection.filter(|_| asked == JWT)?;
        let algorithm = self.forgery.algorithm.unwrap_or(algorithm);
        let claims = json!({
            "iss": self.issuer,
            "aud": client.client_id,
            "iat": now.0,
            "token_introspection": said,
        });
        let header = Map::from_iter([("typ".to_owned(), "token-introspection+jwt".into())]);
        let mut alterations = std::mem::take(&mut self.forgery.introspection);
        let claims = claims.as_object().cloned().unwrap_or_default();
        let signed = self.sign(client, algorithm, header, claims, &mut alterations);
        self.forgery.introspection = alterations;
        let mut response = Response::new(signed.into_bytes());
        insert(&mut response, "content-type", JWT);
        insert(&mut response, "cache-control", "no-store");
        Some(response)
    }
}
