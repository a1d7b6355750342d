//! DPoP nonces: a handle learns the nonce of each server from a response, and uses it in the proof of the next request.

use oidc_drive::blocking::{Io, Provider};
use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, Request, Terms},
    jose::{Algorithm, RingSigner},
};
use std::sync::{Arc, Mutex};

/// RFC 8037 appendix A.1.
const KEY: &[u8] = br#"{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

const METADATA: &str = r#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
    "authorization_endpoint": "https://op.example/auth", "userinfo_endpoint": "https://users.example/me",
    "jwks_uri": "https://op.example/jwks", "response_types_supported": ["code"],
    "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
    "token_endpoint_auth_methods_supported": ["none"]}"#;

/// The nonces of the proofs in the order in which they were sent, each with the host that received it.
type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

fn nonce(request: &Request) -> Option<String> {
    let proof = request.headers().get("dpop")?.to_str().unwrap();
    let claims = oidc_proto::base::base64url::decode(proof.split('.').nth(1).unwrap()).unwrap();
    let claims = String::from_utf8(claims).unwrap();
    let (_, nonce) = claims.split_once(r#""nonce":""#)?;
    Some(nonce.split('"').next().unwrap().to_owned())
}

/// Two servers that each require a nonce of their own in every proof.
fn answer(request: &Request, seen: &Seen) -> http::Response<Vec<u8>> {
    let host = request.uri().host().unwrap().to_owned();
    let wanted = format!("nonce-of-{host}");
    let response = http::Response::builder().header("content-type", "application/json");
    let path = request.uri().path();
    if path.ends_with("openid-configuration") {
        return response.body(METADATA.into()).unwrap();
    }
    let sent = nonce(request);
    seen.lock().unwrap().push((host, sent.clone()));
    let response = response.header("dpop-nonce", &wanted);
    match (sent.as_ref() == Some(&wanted), path) {
        (false, "/token") => response.status(400).body(br#"{"error": "use_dpop_nonce"}"#.into()).unwrap(),
        (false, _) => {
            let response = response.status(401).header("www-authenticate", r#"DPoP error="use_dpop_nonce""#);
            response.body(Vec::new()).unwrap()
        }
        (true, "/token") => response.body(br#"{"access_token": "a", "token_type": "DPoP"}"#.into()).unwrap(),
        (true, _) => response.body(br#"{"sub": "alice"}"#.into()).unwrap(),
    }
}

#[test]
fn each_server_gets_its_own_nonce_and_asks_for_it_once() {
    let seen = Seen::default();
    let told = Arc::clone(&seen);
    let io = Io::new(move |request: Request, _: Terms| Ok::<_, String>(answer(&request, &told)));
    let key = Arc::new(RingSigner::from_jwk(KEY, Some(Algorithm::EdDSA)).unwrap());
    let provider = Provider::builder("https://op.example", io)
        .client_id("app")
        .client(move |client| client.dpop_key(key.clone()))
        .build()
        .unwrap();
    let token = |scope: &str| {
        provider.client_credentials(&ClientCredentialsRequest::new([scope])).unwrap();
        std::mem::take(&mut *seen.lock().unwrap())
    };
    let op = |nonce: Option<&str>| ("op.example".to_owned(), nonce.map(str::to_owned));
    assert_eq!(token("a"), [op(None), op(Some("nonce-of-op.example"))]);
    assert_eq!(token("b"), [op(Some("nonce-of-op.example"))], "the nonce is known already");

    let me = || {
        provider.userinfo(&Secret::new("a"), "alice").unwrap();
        std::mem::take(&mut *seen.lock().unwrap())
    };
    let users = |nonce: Option<&str>| ("users.example".to_owned(), nonce.map(str::to_owned));
    assert_eq!(me(), [users(None), users(Some("nonce-of-users.example"))], "another server, another nonce");
    assert_eq!(me(), [users(Some("nonce-of-users.example"))]);
    assert_eq!(token("c"), [op(Some("nonce-of-op.example"))]);
    // The client for flows of one's own knows the nonces, too.
    let (client, wanted) = (provider.client().unwrap(), ClientCredentialsRequest::new(["d"]));
    let call = client.client_credentials(&wanted, oidc_drive::moment()).unwrap();
    assert_eq!(nonce(call.request()).as_deref(), Some("nonce-of-op.example"));
}
