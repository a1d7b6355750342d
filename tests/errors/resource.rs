//! What a protected resource says to its clients, and to its own log.

use crate::{
    page::{Page, Said, said, show, shows_itself},
    settings::alone,
};
use http::{HeaderMap, HeaderValue, Method, Uri};
use oidc_proto::{
    Timestamp,
    base::{JsonError, base64url},
    jose::{Algorithm, JwsError, KeyError, KeySet, RingSigner, Sign},
    message::IntrospectionResponse,
    resource::{
        Access, CredentialsError, DenialReason, Denied, RequestView, Requirement, ResourceServer,
        TrustedIssuer, Verdict,
    },
    sender::{DpopVerifier, NonceKeys, ProofError, ReplayAnswer},
    token::{Scratch, VerificationError},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000);
pub(crate) const ISSUER: &str = "https://op.example";

/// A published test-only key of the testkit.
pub(crate) fn key(material: &str, algorithm: Algorithm) -> RingSigner {
    let file: Value = serde_json::from_str(include_str!("../testkit/data/test-only-keys.json")).unwrap();
    let key = file["keys"].as_array().unwrap().iter().find(|key| key["material"] == material).unwrap();
    RingSigner::from_jwk(key.to_string().as_bytes(), Some(algorithm)).unwrap()
}

pub(crate) fn sign(signer: &dyn Sign, header: &Value, payload: &Value) -> String {
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    format!("{signed}.{}", base64url::encode(&signer.sign(signed.as_bytes()).unwrap()))
}

pub(crate) fn token(issuer: &str, exp: i64, cnf: &Value) -> String {
    let mut claims = json!({"iss": issuer, "sub": "alice", "aud": "https://api.example", "client_id": "app",
                            "jti": "t", "scope": "read", "iat": NOW.0 - 600, "exp": exp});
    if !cnf.is_null() {
        claims["cnf"] = cnf.clone();
    }
    sign(&key("ed25519-1", Algorithm::EdDSA), &json!({"typ": "at+jwt", "alg": "EdDSA"}), &claims)
}

/// A proof without a nonce, and what a token that is bound to its key says.
pub(crate) fn proof(token: &dyn Fn(&Value) -> String) -> (String, String) {
    let client = key("p256-1", Algorithm::ES256);
    let public = client.public_jwk().unwrap();
    let token = token(&json!({"jkt": public.thumbprint().unwrap()}));
    let mut jwk = public.to_json();
    jwk.as_object_mut().unwrap().remove("use");
    let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let claims = json!({"jti": "p", "htm": "GET", "htu": "https://api.example/orders", "iat": NOW.0,
                        "ath": base64url::encode(hash.as_ref())});
    let proof = sign(&client, &json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}), &claims);
    (token, proof)
}

/// Accepts bearer tokens; those that are bound as well, or those alone.
fn server(dpop: Option<(DpopVerifier, bool)>) -> ResourceServer {
    let server = ResourceServer::builder("https://api.example")
        .realm("api")
        .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
        .trust(TrustedIssuer::new(ISSUER).introspects_opaque_tokens());
    let server = match dpop {
        None => server,
        Some((verifier, true)) => server.require_dpop(verifier),
        Some((verifier, false)) => server.accept_dpop(verifier),
    };
    server.build().unwrap()
}

fn strict() -> ResourceServer {
    let server = ResourceServer::builder("https://api.example").trust(TrustedIssuer::new(ISSUER));
    server.build().unwrap()
}

/// The keys of the issuer.
pub(crate) fn keys() -> KeySet {
    KeySet::from_jwks(key("ed25519-1", Algorithm::EdDSA).public_jwk()).unwrap()
}

pub(crate) fn judged(
    server: &ResourceServer,
    headers: &[(&'static str, &str)],
) -> Result<Arc<Access>, Denied> {
    let keys = keys();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let inspected = server.inspect(&RequestView::new(&method, &uri, &map), &mut Scratch::new())?;
    let verdict = match inspected.is_opaque() {
        true => {
            let said = json!({"active": false}).as_object().cloned().unwrap();
            server.judge_introspected(&inspected, &IntrospectionResponse::from_members(said).unwrap(), NOW)
        }
        false => server.judge(&inspected, &keys, &mut Scratch::new(), NOW),
    };
    match verdict {
        Verdict::Accepted(access) => Ok(access),
        Verdict::CheckReplay(check) => check.finish(ReplayAnswer::Replayed),
        Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn access() -> Arc<Access> {
    let bearer = format!("Bearer {}", token(ISSUER, NOW.0 + 300, &Value::Null));
    judged(&server(None), &[("authorization", &bearer)]).unwrap()
}

/// The whole response, and the line of the log.
fn whole(page: &mut Page, title: &str, denied: &Denied) {
    let sentence = denied.to_string();
    page.add(said!(denied));
    assert_eq!(format!("{denied:?}"), format!("{} ({})", denied.reason(), denied.record()));
    assert!(sentence.starts_with(&denied.reason().to_string()), "{sentence}");
    page.line(&format!("    {title}"));
    let response = oidc_tower::answer::<String>(denied);
    page.line(&format!("    HTTP/1.1 {}", response.status()));
    for (name, value) in response.headers() {
        page.line(&format!("    {name}: {}", value.to_str().unwrap()));
    }
    if !response.body().is_empty() {
        page.line(&format!("    {}", response.body()));
    }
    page.line(&format!("    log: {}", denied.record()));
}

fn refusals(page: &mut Page) {
    let plain = server(None);
    let bearer = |token: String| format!("Bearer {token}");
    let denied =
        |server: &ResourceServer, headers: &[(&'static str, &str)]| judged(server, headers).unwrap_err();
    let authorization = |server: &ResourceServer, value: &str| denied(server, &[("authorization", value)]);
    let good = bearer(token(ISSUER, NOW.0 + 300, &Value::Null));
    whole(page, "no token", &denied(&plain, &[]));
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    whole(page, "two tokens", &denied(&plain, &twice));
    let expired = bearer(token(ISSUER, NOW.0 - 31, &Value::Null));
    whole(page, "a token that has expired", &authorization(&plain, &expired));
    let foreign = bearer(token("https://evil.example", NOW.0 + 300, &Value::Null));
    whole(page, "a token of another issuer", &authorization(&strict(), &foreign));
    let orders = ResourceServer::builder("https://orders.example").trust(TrustedIssuer::new(ISSUER)).build();
    whole(page, "a token for another API", &authorization(&orders.unwrap(), &good));
    whole(page, "an opaque token, where none is introspected", &authorization(&strict(), "Bearer opaque"));
    whole(page, "an opaque token that is not active", &authorization(&plain, "Bearer opaque"));
    let dpop = server(Some((DpopVerifier::new(), true)));
    whole(page, "a bearer token, where a proof is demanded", &authorization(&dpop, &good));
    let both = server(Some((DpopVerifier::new(), false)));
    let (bound, proof) = proof(&|cnf| token(ISSUER, NOW.0 + 300, cnf));
    let with_proof = format!("DPoP {bound}");
    whole(page, "a bound token without its proof", &authorization(&both, &with_proof));
    let sent = [("authorization", with_proof.as_str()), ("dpop", proof.as_str())];
    whole(page, "a proof that was used before", &denied(&both, &sent));
    let nonces = server(Some((DpopVerifier::new().demand_nonce(NonceKeys::new(&[1; 32])), true)));
    whole(page, "a proof without a nonce, where one is demanded", &denied(&nonces, &sent));
    let access = judged(&plain, &[("authorization", &good)]).unwrap();
    let needs = |requirement: &Requirement| access.require(requirement, NOW).unwrap_err();
    whole(page, "a route that needs a scope", &needs(&Requirement::new().scope("write")));
    whole(page, "a route that needs a role", &needs(&Requirement::new().role("roles", "admin")));
    let strong = Requirement::new().acr_values(["phr"]).max_age(Duration::from_secs(60));
    whole(page, "a route that needs a strong and recent login", &needs(&strong));
    whole(
        page,
        "a route for another audience",
        &needs(&Requirement::new().audience("https://other.example")),
    );
    let outage =
        plain.unavailable_of(Some(ISSUER), Some(("op.example", 443)), std::time::Duration::from_secs(5));
    whole(page, "an issuer that does not answer", &outage);
    page.mark("oidc_proto::Denied");
}

fn reason(reason: DenialReason) -> Said {
    shows_itself(&reason);
    assert!(!reason.to_string().contains("Client"), "a server has no client to set: {reason}");
    said!(reason)
}

pub(crate) fn show(page: &mut Page) {
    page.part("A request to a protected resource: the refusal, the response (`Gate`, tower, axum), the log");
    refusals(page);

    page.part(
        "Every other reason for a refusal (`Denied`); its challenge has the sentence without the setting",
    );
    show!(page, oidc_proto::DenialReason, reason;
        NoCredentials, BadRequest(CredentialsError::Several), Token(VerificationError::TooLarge),
        Unsupported(VerificationError::Jws(JwsError::KeySetAside(KeyError::UnknownCurve))),
        Unsupported(VerificationError::Jws(JwsError::KeySetAside(KeyError::NeedsBackend(oidc_proto::jose::Algorithm::ES512)))),
        UntrustedIssuer,
        NotJwt, Inactive, ProofRequired, Proof(ProofError::Missing), Scope, Privilege, Actor, Authentication, Unavailable);
    show!(page, oidc_proto::CredentialsError, |error| reason(DenialReason::BadRequest(error));
        Several, Syntax, TooLarge);
    let leeway = Duration::from_secs(30);
    show!(page, oidc_proto::VerificationError, |error| reason(DenialReason::Token(error));
        Jws(JwsError::AlgorithmNotAllowed), Claims(JsonError::TooDeep), Type, Missing("exp"), Missing("aud"),
        Missing("client_id"), Missing("sub"), Value("sub"), Issuer, Audience,
        NotYetValid { ahead: Duration::from_secs(60), leeway: leeway }, IdTokenAsAccessToken, SenderConstrained,
        WrongSender, ConfirmationMethod, NotBound);
    show!(page, oidc_proto::ProofError, |error| reason(DenialReason::Proof(error));
        Missing, Several, TooLarge, Jws(JwsError::Signature), Type, MissingKey, KeyTooLong, Key(KeyError::BadPoint),
        Claims(JsonError::WrongType { member: "iat", expected: "a date in seconds" }), MissingClaim("jti"),
        Identifier, Method, Target, TooOld { ago: Duration::from_secs(91), allowed: Duration::from_secs(90) },
        FromFuture { ahead: Duration::from_secs(31), leeway: leeway }, TokenHash, Nonce, Replayed);
    show!(page, oidc_proto::ProofError, alone; Method);
}
