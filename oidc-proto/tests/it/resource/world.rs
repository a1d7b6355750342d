//! An issuer, a client and a protected resource, as values.

use http::{HeaderMap, HeaderValue, Method, Uri};
use oidc_proto::{
    base::base64url,
    jose::{Algorithm, KeySet, RingSigner, Sign},
    resource::{
        Access, DenialReason, Denied, RequestView, ResourceServer, ResourceServerBuilder, TrustedIssuer,
        Verdict,
    },
    sender::ReplayAnswer,
    token::Scratch,
};
use oidc_testkit::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000);
pub(crate) const ISSUER: &str = "https://op.example/tenant";
pub(crate) const RESOURCE: &str = "https://api.example";

/// A published test-only key of the testkit.
pub(crate) fn key(material: &str, algorithm: Algorithm) -> RingSigner {
    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/testkit/data/test-only-keys.json")).unwrap();
    let key = file["keys"].as_array().unwrap().iter().find(|key| key["material"] == material).unwrap();
    RingSigner::from_jwk(key.to_string().as_bytes(), Some(algorithm)).unwrap()
}

pub(crate) struct World {
    pub(crate) issuer: RingSigner,
    pub(crate) client: RingSigner,
    pub(crate) keys: KeySet,
}

impl World {
    pub(crate) fn new() -> Self {
        let issuer = key("ed25519-1", Algorithm::EdDSA);
        let keys = KeySet::from_jwks(issuer.public_jwk()).unwrap();
        Self { issuer, client: key("p256-1", Algorithm::ES256), keys }
    }

    pub(crate) fn jkt(&self) -> String {
        self.client.public_jwk().unwrap().thumbprint().unwrap()
    }

    pub(crate) fn token(&self, changes: &Value) -> String {
        let claims = json!({"iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "app", "jti": "t",
                            "scope": "read", "iat": NOW.0, "exp": NOW.0 + 300});
        sign(&self.issuer, &json!({"typ": "at+jwt", "alg": "EdDSA"}), &merge(claims, changes))
    }

    pub(crate) fn bound_token(&self) -> String {
        self.token(&json!({"cnf": {"jkt": self.jkt()}}))
    }

    pub(crate) fn proof(&self, token: &str, changes: &Value) -> String {
        let mut jwk = self.client.public_jwk().unwrap().to_json();
        jwk.as_object_mut().unwrap().remove("use");
        let claims = json!({"jti": "p", "htm": "GET", "htu": "https://api.example/orders", "iat": NOW.0,
                            "ath": base64url::encode(&sha256(token))});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        sign(&self.client, &header, &merge(claims, changes))
    }

    pub(crate) fn verdict(&self, server: &ResourceServer, headers: &HeaderMap) -> Verdict {
        let (method, uri) = (Method::GET, Uri::from_static("/orders"));
        match server.inspect(&RequestView::new(&method, &uri, headers), &mut Scratch::new()) {
            Ok(inspected) => server.judge(&inspected, &self.keys, &mut Scratch::new(), NOW),
            Err(denied) => Verdict::Denied(denied),
        }
    }

    pub(crate) fn bearer(&self, server: &ResourceServer, token: &str) -> Result<Arc<Access>, Denied> {
        end(self.verdict(server, &headers(&[("authorization", format!("Bearer {token}").as_bytes())])))
    }

    pub(crate) fn why(&self, token: &str) -> Option<DenialReason> {
        self.bearer(&server().build().unwrap(), token).err().map(|denied| denied.reason())
    }
}

pub(crate) fn server() -> ResourceServerBuilder {
    ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER)).resource_metadata(METADATA)
}

pub(crate) const METADATA: &str = "https://api.example/.well-known/oauth-protected-resource";

pub(crate) fn end(verdict: Verdict) -> Result<Arc<Access>, Denied> {
    match verdict {
        Verdict::Accepted(access) => Ok(access),
        Verdict::CheckReplay(check) => check.finish(ReplayAnswer::First),
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn sha256(text: &str) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

pub(crate) fn merge(mut members: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.as_object_mut().unwrap().remove(name)),
            value => members[name] = value.clone(),
        }
    }
    members
}

pub(crate) fn sign(signer: &dyn Sign, header: &Value, payload: &Value) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    format!("{signed}.{}", base64url::encode(&signer.sign(signed.as_bytes()).unwrap()))
}

pub(crate) fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}
