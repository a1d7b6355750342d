//! Tokens of the provider, unchanged or altered, and DPoP proofs.

use super::Problem;
use oidc_proto::{
    Timestamp,
    base::base64url,
    jose::{Algorithm, RingSigner, Sign, sign_compact},
};
use oidc_testkit::{Socket, TestProvider};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Map, Value, json};

type Members = Map<String, Value>;

/// Returns a token for the client `robot`. `change` alters it before it is signed.
pub(super) fn token(
    socket: &Socket,
    now: Timestamp,
    change: impl FnMut(&mut Members, &mut Members) + Send + 'static,
) -> Result<String, Problem> {
    let body = b"grant_type=client_credentials&scope=reports%3Aread".to_vec();
    let response = socket.provider(|provider| {
        provider.alter_access_token(change);
        let request = http::Request::post(provider.url(oidc_testkit::EndpointName::Token))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            // robot:secret
            .header("authorization", "Basic cm9ib3Q6c2VjcmV0")
            .body(body);
        let response = request.map(|request| provider.handle(&request, now));
        TestProvider::clear_alterations(provider);
        response
    })?;
    let members: Value = serde_json::from_slice(response.body())?;
    Ok(members.get("access_token").and_then(Value::as_str).ok_or("no token")?.to_owned())
}

/// A client's own key, and proofs of its possession (RFC 9449 section 4.2).
pub(super) struct Holder(RingSigner);

impl Holder {
    pub(super) fn new() -> Result<Self, Problem> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pkcs8 = pkcs8.map_err(|_| "no key")?;
        Ok(Self(RingSigner::from_pkcs8(Algorithm::ES256, pkcs8.as_ref(), None)?))
    }

    pub(super) fn thumbprint(&self) -> Option<String> {
        self.0.public_jwk()?.thumbprint()
    }

    pub(super) fn proof(&self, url: &str, token: &str, jti: &str, now: Timestamp) -> Result<String, Problem> {
        let jwk = self.0.public_jwk().ok_or("no public key")?.to_json();
        let header = Members::from_iter([("typ".to_owned(), json!("dpop+jwt")), ("jwk".to_owned(), jwk)]);
        let ath = base64url::encode(digest(&SHA256, token.as_bytes()).as_ref());
        let claims = json!({ "jti": jti, "htm": "GET", "htu": url, "iat": now.0, "ath": ath });
        Ok(sign_compact(&self.0, header, claims.to_string().as_bytes())?)
    }
}
