//! Tests of the resource server: the settings that it refuses, and how the accepted settings decide requests.

use super::{super::testdata::*, super::*, *};
use crate::{
    base::header::challenges as parse,
    token::{AccessTokenVerifier, VerificationError},
};
use http::header;
use serde_json::json;
use std::time::Duration;

fn error(builder: ResourceServerBuilder) -> Option<ResourceServerError> {
    builder.build().err()
}

#[test]
fn settings_are_checked_once() {
    let bare = || ResourceServer::builder(RESOURCE);
    let issuer = |name: &str| TrustedIssuer::new(name);
    assert_eq!(error(bare()), Some(ResourceServerError::NoIssuer));
    for name in ["", "https://op.example/ a", "https://\u{f6}p.example", &"x".repeat(MAX_ISSUER + 1)] {
        assert_eq!(error(bare().trust(issuer(name))), Some(ResourceServerError::Issuer), "{name:.30}");
    }
    assert_eq!(error(bare().trust(issuer(&"x".repeat(MAX_ISSUER)))), None);
    assert_eq!(error(bare().trust(issuer("a")).trust(issuer("a"))), Some(ResourceServerError::IssuerTwice));
    let two =
        bare().trust(issuer("a").introspects_opaque_tokens()).trust(issuer("b").introspects_opaque_tokens());
    assert_eq!(error(two), Some(ResourceServerError::TwoIntrospectors));
    assert_eq!(error(server().realm("")), Some(ResourceServerError::Text("realm")));
    assert_eq!(error(server().realm("a\nb")), Some(ResourceServerError::Text("realm")));
    assert_eq!(
        error(server().resource_metadata("\u{e9}")),
        Some(ResourceServerError::Text("resource_metadata"))
    );
    assert_eq!(
        error(ResourceServer::builder("").trust(issuer("a"))),
        Some(ResourceServerError::Text("resource"))
    );
    let urn = || ResourceServer::builder("urn:api").trust(issuer("a"));
    assert_eq!(error(urn()), None);
    assert_eq!(error(urn().accept_dpop(DpopVerifier::new())), Some(ResourceServerError::Origin));
    assert_eq!(error(urn().accept_dpop(DpopVerifier::new()).origin("https://api.example")), None);
    assert_eq!(error(server().origin("api.example")), Some(ResourceServerError::Origin));
}

#[test]
fn the_number_of_issuers_is_bounded_exactly() {
    let many = |count: usize| {
        let bare = ResourceServer::builder(RESOURCE);
        (0..count).fold(bare, |builder, n| builder.trust(TrustedIssuer::new(format!("https://{n}.example"))))
    };
    assert_eq!(many(MAX_ISSUERS).build().unwrap().issuers().count(), MAX_ISSUERS);
    assert_eq!(error(many(MAX_ISSUERS + 1)), Some(ResourceServerError::TooManyIssuers));
}

#[test]
fn d15_an_issuer_is_trusted_by_the_settings_alone() {
    let server = server().build().unwrap();
    for iss in
        [json!("https://evil.example"), json!("https://op.example/"), json!("HTTPS://op.example"), json!("")]
    {
        let denied = bearer(&server, &token(json!({"iss": iss}))).unwrap_err();
        assert_eq!(denied.reason(), DenialReason::UntrustedIssuer, "{iss}");
        assert_eq!(denied.record().issuer, None, "an issuer that is not trusted is in no log");
    }
    assert_eq!(
        bearer(&server, &token(json!({"iss": null}))).unwrap_err().reason(),
        DenialReason::Token(VerificationError::Missing("iss"))
    );
    for opaque in ["opaque", "abcd.abcd.abcd", "W10.e30.AA", "a.b", "a.b.c.d.e"] {
        assert_eq!(bearer(&server, opaque).unwrap_err().reason(), DenialReason::NotJwt, "{opaque}");
    }
}

#[test]
fn a_token_without_a_readable_issuer_is_refused_before_any_keys_are_needed() {
    let server = server().build().unwrap();
    let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
    for changes in [json!({"iss": null}), json!({"iss": 5}), json!({"iss": {}}), json!({"aud": 5})] {
        let authorization = format!("Bearer {}", token(changes));
        let headers = headers(&[("authorization", &authorization)]);
        let denied = inspect(&server, &RequestView::new(&method, &uri, &headers)).unwrap_err();
        assert!(matches!(
            denied.reason(),
            DenialReason::Token(VerificationError::Missing("iss") | VerificationError::Claims(_))
        ));
    }
}

#[test]
fn a_verdict_that_another_step_completes_is_undecided() {
    let server = dpop_server();
    let bound = bound_token();
    let authorization = format!("DPoP {bound}");
    let headers = headers(&[("authorization", &authorization), ("dpop", &proof(&bound, json!({})))]);
    let once = judge(&server, &headers);
    assert_eq!((once.record().outcome, once.record().clause), (VerdictOutcome::Undecided, "accepted"));
    assert_eq!(outcome(once).unwrap().record().outcome, VerdictOutcome::Accepted);
    let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
    let inspected = inspect(&server, &RequestView::new(&method, &uri, &headers)).unwrap();
    let no_keys = crate::jose::KeySet::default();
    let newer = server.judge(&inspected, &no_keys, &mut Scratch::new(), NOW);
    assert!(matches!(newer, Verdict::NewerKeys(_)));
    assert_eq!(
        (newer.record().outcome, newer.record().clause),
        (VerdictOutcome::Undecided, "jws_unknown_key")
    );
    assert_eq!(outcome(newer).unwrap_err().record().outcome, VerdictOutcome::Denied);
}

#[test]
fn e8_the_audience_is_the_resource_unless_the_settings_say_otherwise() {
    let other = token(json!({"aud": "other"}));
    let why = |server: ResourceServerBuilder, token: &str| {
        bearer(&server.build().unwrap(), token).map(|_| ()).map_err(|denied| denied.reason())
    };
    let bare = || ResourceServer::builder(RESOURCE);
    assert_eq!(why(server(), &other), Err(DenialReason::Token(VerificationError::Audience)));
    let named = || bare().trust(AccessTokenVerifier::new(ISSUER, "other"));
    assert_eq!(why(named(), &other), Ok(()));
    assert_eq!(why(named(), &token(json!({}))), Err(DenialReason::Token(VerificationError::Audience)));
    let both =
        || bare().trust(TrustedIssuer::new(ISSUER).access_tokens(|verifier| verifier.or_audience("other")));
    assert_eq!(why(both(), &token(json!({}))), Ok(()));
    assert_eq!(why(both(), &other), Ok(()));
    assert_eq!(
        why(both(), &token(json!({"aud": "third"}))),
        Err(DenialReason::Token(VerificationError::Audience))
    );
}

#[test]
fn each_issuer_has_its_own_policy() {
    let lax = TrustedIssuer::new(ISSUER)
        .access_tokens(|verifier| verifier.accept_plain_jwt().leeway(Duration::from_secs(100)));
    let server =
        ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new("https://other.example")).trust(lax);
    let server = server.build().unwrap();
    let plain =
        sign(&issuer(), &json!({"alg": "EdDSA", "kid": "one"}), &with(claims(), json!({"exp": NOW.0 - 99})));
    assert!(bearer(&server, &plain).is_ok());
    let other = sign(
        &issuer(),
        &json!({"alg": "EdDSA", "kid": "one"}),
        &with(claims(), json!({"iss": "https://other.example"})),
    );
    assert_eq!(bearer(&server, &other).unwrap_err().reason(), DenialReason::Token(VerificationError::Type));
    let es256 = crate::jose::AlgorithmSet::EMPTY.with(crate::jose::Algorithm::ES256);
    let narrow = TrustedIssuer::new(ISSUER).access_tokens(|verifier| verifier.algorithms(es256));
    let narrow = ResourceServer::builder(RESOURCE).trust(narrow).build().unwrap();
    assert_eq!(bearer(&narrow, &token(json!({}))).unwrap_err().code(), "jws_alg_not_allowed");
}

#[test]
fn a_later_leeway_replaces_an_earlier_one() {
    let late = token(json!({"exp": NOW.0 - 50}));
    let accepts = |first, second| {
        let issuer = TrustedIssuer::new(ISSUER).access_tokens(|verifier| {
            verifier.leeway(Duration::from_secs(first)).leeway(Duration::from_secs(second))
        });
        let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
        bearer(&server, &late).is_ok()
    };
    assert!(accepts(0, 100) && !accepts(100, 0));
}

#[test]
fn a_later_accept_does_not_undo_an_earlier_require() {
    let settings = server().require_dpop(DpopVerifier::new()).accept_dpop(DpopVerifier::new());
    let settings = settings.require_certificate_bound().accept_certificate_bound().build().unwrap();
    assert_eq!(bearer(&settings, &token(json!({}))).unwrap_err().reason(), DenialReason::ProofRequired);
    let bound = bound_token();
    let unbound = dpop(&settings, &bound, &proof(&bound, json!({}))).unwrap_err();
    assert_eq!(
        unbound.reason(),
        DenialReason::Token(VerificationError::NotBound),
        "it is bound to no certificate"
    );
    let only = |algorithm| crate::jose::AlgorithmSet::EMPTY.with(algorithm);
    let narrow = TrustedIssuer::new(ISSUER)
        .access_tokens(|verifier| verifier.algorithms(only(crate::jose::Algorithm::ES256)))
        .access_tokens(|verifier| verifier.algorithms(only(crate::jose::Algorithm::EdDSA)));
    let narrow = ResourceServer::builder(RESOURCE).trust(narrow).build().unwrap();
    assert_eq!(bearer(&narrow, &token(json!({}))).unwrap_err().code(), "jws_alg_not_allowed");
}

#[test]
fn e22_an_outage_of_ours_is_never_the_fault_of_the_client() {
    let denied = server().build().unwrap().unavailable(Duration::from_secs(17));
    assert_eq!(denied.status().as_u16(), 503);
    assert_eq!(denied.headers().get(header::RETRY_AFTER).unwrap(), "17");
    assert!(parse(&denied.headers(), &header::WWW_AUTHENTICATE).is_empty());
    assert!(!denied.is_missing_credentials());
}

#[test]
fn a_bound_token_is_no_bearer_token_and_a_proof_needs_a_bound_token() {
    let bound = bound_token();
    let good = proof(&bound, json!({}));
    let accepting = dpop_server();
    let access = dpop(&accepting, &bound, &good).unwrap();
    assert_eq!(access.key(), Some(jkt().as_str()));
    let why = |result: Result<Arc<Access>, Denied>| result.map(|_| ()).map_err(|denied| denied.reason());
    assert_eq!(
        why(bearer(&accepting, &bound)),
        Err(DenialReason::Token(VerificationError::SenderConstrained))
    );
    let unbound = token(json!({}));
    let its_proof = proof(&unbound, json!({}));
    assert_eq!(
        why(dpop(&accepting, &unbound, &its_proof)),
        Err(DenialReason::Token(VerificationError::NotBound))
    );
    assert_eq!(why(dpop(&accepting, &bound, &its_proof)), Err(DenialReason::Proof(ProofError::TokenHash)));
    let to_another = token(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    let its_proof = proof(&to_another, json!({}));
    assert_eq!(
        why(dpop(&accepting, &to_another, &its_proof)),
        Err(DenialReason::Token(VerificationError::WrongSender))
    );
    // This proof names the right key, but another key signed it.
    let stolen = sign(&issuer(), &proof_header(), &proof_claims(&bound));
    assert_eq!(
        why(dpop(&accepting, &bound, &stolen)),
        Err(DenialReason::Proof(ProofError::Jws(crate::jose::JwsError::Signature)))
    );
    assert!(bearer(&accepting, &unbound).is_ok());

    let off = server().build().unwrap();
    assert_eq!(why(dpop(&off, &bound, &good)), Err(DenialReason::NoCredentials), "a scheme unknown here");
    assert_eq!(why(bearer(&off, &bound)), Err(DenialReason::Token(VerificationError::SenderConstrained)));
    let required = server().require_dpop(DpopVerifier::new()).build().unwrap();
    assert!(dpop(&required, &bound, &good).is_ok());
    assert_eq!(why(bearer(&required, &unbound)), Err(DenialReason::ProofRequired));
    assert_eq!(challenges(&bearer(&required, &unbound).unwrap_err()).len(), 1);
}

#[test]
fn a_demanded_nonce_comes_with_the_challenge_and_again_when_it_ages() {
    let keys = NonceKeys::new(&[7; 32]);
    let server = server().accept_dpop(DpopVerifier::new().demand_nonce(keys.clone())).build().unwrap();
    let bound = bound_token();
    let denied = dpop(&server, &bound, &proof(&bound, json!({}))).unwrap_err();
    let nonce = denied.headers().get("dpop-nonce").unwrap().to_str().unwrap().to_owned();
    assert_eq!(denied.reason().error(), Some("use_dpop_nonce"));
    assert_eq!(server.dpop_nonce(NOW).as_deref(), Some(nonce.as_str()));
    let access = dpop(&server, &bound, &proof(&bound, json!({"nonce": nonce}))).unwrap();
    assert!(access.response_headers().is_empty());
    let ageing = proof(&bound, json!({"nonce": keys.nonce(NOW.plus(-120))}));
    let headers = dpop(&server, &bound, &ageing).unwrap().response_headers();
    assert_eq!(headers.get("dpop-nonce").unwrap().to_str().unwrap(), nonce);
    assert_eq!(headers.get("cache-control").unwrap(), "no-store");
    let other = dpop(&server, &bound, &proof(&bound, json!({"htm": "PUT"}))).unwrap_err();
    assert_eq!(other.headers().get("dpop-nonce"), None);
}

#[test]
fn certificates_bind_as_the_settings_say() {
    let certificate = CertificateThumbprint::of_der(b"certificate");
    let other = CertificateThumbprint::of_der(b"other");
    let bound = token(json!({"cnf": {"x5t#S256": certificate.as_str()}}));
    let unbound = token(json!({}));
    let verdict = |builder: ResourceServerBuilder, token: &str, shown: Option<&CertificateThumbprint>| {
        let server = builder.build().unwrap();
        let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
        let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
        let mut view = RequestView::new(&method, &uri, &headers);
        if let Some(shown) = shown {
            view = view.certificate(shown);
        }
        let inspected = inspect(&server, &view).unwrap();
        let judged = server.judge(&inspected, &keys(), &mut Scratch::new(), NOW);
        outcome(judged).map(|it| it.certificate().map(str::to_owned)).map_err(|it| it.reason())
    };
    let refused = |why| Err(DenialReason::Token(why));
    let thumbprint = Ok(Some(certificate.as_str().to_owned()));
    let (off, accepted, required) =
        (server, || server().accept_certificate_bound(), || server().require_certificate_bound());
    assert_eq!(verdict(off(), &bound, Some(&certificate)), refused(VerificationError::SenderConstrained));
    assert_eq!(verdict(off(), &unbound, Some(&certificate)), Ok(None));
    assert_eq!(verdict(accepted(), &bound, Some(&certificate)), thumbprint);
    assert_eq!(verdict(accepted(), &bound, Some(&other)), refused(VerificationError::WrongSender));
    assert_eq!(verdict(accepted(), &bound, None), refused(VerificationError::SenderConstrained));
    assert_eq!(verdict(accepted(), &unbound, None), Ok(None));
    assert_eq!(verdict(required(), &bound, Some(&certificate)), thumbprint);
    assert_eq!(verdict(required(), &unbound, Some(&certificate)), refused(VerificationError::NotBound));
    assert_eq!(verdict(required(), &unbound, None), refused(VerificationError::NotBound));
}

#[test]
fn an_opaque_token_is_judged_by_its_introspection_response() {
    let asks = TrustedIssuer::new(ISSUER).introspects_opaque_tokens();
    let asks_any = asks.clone().introspects_without_audience();
    let judge = |issuer: &TrustedIssuer, scheme: &str, members: serde_json::Value| {
        let builder = ResourceServer::builder(RESOURCE).trust(issuer.clone());
        let server = builder.accept_dpop(DpopVerifier::new()).build().unwrap();
        let proof = proof("opaque", json!({}));
        let headers = headers(&[("authorization", &format!("{scheme} opaque")), ("dpop", &proof)]);
        let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
        let inspected = inspect(&server, &RequestView::new(&method, &uri, &headers)).unwrap();
        assert!(inspected.is_opaque() && inspected.issuer() == ISSUER);
        assert_eq!(inspected.token().expose(), "opaque");
        let local = server.judge(&inspected, &keys(), &mut Scratch::new(), NOW);
        let local = outcome(local).unwrap_err();
        assert_eq!((local.reason(), local.record().issuer.as_deref()), (DenialReason::NotJwt, Some(ISSUER)));
        let claims = crate::message::IntrospectionResponse::from_members(object(members)).unwrap();
        outcome(server.judge_introspected(&inspected, &claims, NOW)).map_err(|denied| denied.reason())
    };
    let good = json!({"active": true, "aud": RESOURCE, "sub": "alice", "client_id": "app", "scope": "read",
                      "exp": NOW.0 + 60});
    let changed = |changes| with(good.clone(), changes);
    let access = judge(&asks, "Bearer", good.clone()).unwrap();
    assert_eq!((access.subject(), access.client_id()), (Some("alice"), Some("app")));
    assert!(access.has_scope("read") && access.issuer() == ISSUER);
    for (changes, why) in [
        (json!({"active": false}), DenialReason::Inactive),
        (json!({"aud": null}), DenialReason::Token(VerificationError::Missing("aud"))),
        (json!({"aud": "other"}), DenialReason::Token(VerificationError::Audience)),
        (json!({"aud": []}), DenialReason::Token(VerificationError::Audience)),
        (json!({"iss": "https://evil.example"}), DenialReason::Token(VerificationError::Issuer)),
        (
            json!({"exp": NOW.0 - 30}),
            DenialReason::Token(VerificationError::Expired {
                ago: Duration::from_secs(30),
                leeway: Duration::from_secs(30),
            }),
        ),
        (
            json!({"nbf": NOW.0 + 31}),
            DenialReason::Token(VerificationError::NotYetValid {
                ahead: Duration::from_secs(31),
                leeway: Duration::from_secs(30),
            }),
        ),
        (
            json!({"iat": NOW.0 + 31}),
            DenialReason::Token(VerificationError::IssuedInFuture {
                ahead: Duration::from_secs(31),
                leeway: Duration::from_secs(30),
            }),
        ),
        (json!({"token_use": "refresh_token"}), DenialReason::Token(VerificationError::Type)),
        (json!({"token_type": "DPoP"}), DenialReason::Token(VerificationError::SenderConstrained)),
        (json!({"cnf": {"jkt": jkt()}}), DenialReason::Token(VerificationError::SenderConstrained)),
        (json!({"cnf": {}}), DenialReason::Token(VerificationError::ConfirmationMethod)),
        (json!({"cnf": {"jkt": 5}}), DenialReason::Token(VerificationError::ConfirmationMethod)),
        (json!({"active": false, "exp": "soon"}), DenialReason::Inactive),
    ] {
        assert_eq!(judge(&asks, "Bearer", changed(changes.clone())).unwrap_err(), why, "{changes}");
    }
    assert!(judge(&asks_any, "Bearer", changed(json!({"aud": null}))).is_ok());
    assert_eq!(
        judge(&asks_any, "Bearer", changed(json!({"aud": "other"}))).unwrap_err(),
        DenialReason::Token(VerificationError::Audience)
    );
    let bound = changed(json!({"cnf": {"jkt": jkt()}, "token_type": "DPoP"}));
    assert_eq!(judge(&asks, "DPoP", bound).unwrap().key(), Some(jkt().as_str()));
    assert_eq!(judge(&asks, "DPoP", good).unwrap_err(), DenialReason::Token(VerificationError::NotBound));
}

#[test]
fn the_client_never_says_where_it_sees_the_resource() {
    let bound = bound_token();
    let there = proof(&bound, json!({"htu": "https://evil.example/orders"}));
    let authorization = format!("DPoP {bound}");
    let headers = headers(&[("authorization", &authorization), ("dpop", &there), ("host", "evil.example")]);
    let (method, uri) = (http::Method::GET, http::Uri::from_static("https://evil.example/orders"));
    let server = dpop_server();
    let judged = |view: RequestView<'_>| {
        let inspected = inspect(&server, &view).unwrap();
        outcome(server.judge(&inspected, &keys(), &mut Scratch::new(), NOW))
    };
    let view = RequestView::new(&method, &uri, &headers);
    assert_eq!(judged(view).unwrap_err().reason(), DenialReason::Proof(ProofError::Target));
    assert!(judged(view.origin("https://evil.example")).is_ok(), "a trusted proxy may say it");
}

#[test]
fn s10_records_tell_the_clause_and_keep_the_secrets() {
    let server = server().pseudonyms(&[3; 32]).build().unwrap();
    let good = token(json!({}));
    let record = bearer(&server, &good).unwrap().record().clone();
    assert_eq!((record.outcome, record.clause), (VerdictOutcome::Accepted, "accepted"));
    assert_eq!(record.issuer.as_deref(), Some(ISSUER));
    assert_eq!(record.key.as_deref(), issuer_thumbprint().as_deref());
    let subject = record.subject.clone().unwrap();
    assert!(subject.len() == 11 && !subject.contains("alice"));
    assert_eq!(bearer(&server, &token(json!({"jti": "other"}))).unwrap().record().subject, record.subject);
    assert_ne!(bearer(&server, &token(json!({"sub": "bob"}))).unwrap().record().subject, record.subject);
    let expired = bearer(&server, &token(json!({"exp": 5}))).unwrap_err();
    assert_eq!((expired.record().clause, expired.record().subject.as_deref()), ("token_expired", None));
    assert_eq!(expired.record().status, Some(401));
    let without_key = super::super::testdata::server().build().unwrap();
    assert_eq!(bearer(&without_key, &good).unwrap().record().subject, None);
}

fn issuer_thumbprint() -> Option<String> {
    crate::jose::Sign::public_jwk(&issuer())?.thumbprint()
}

#[test]
fn a_token_in_a_form_counts_only_if_the_method_has_a_body() {
    let policy = CredentialPolicy::default().with_form().with_query();
    let server = server().credentials(policy).build().unwrap();
    let token = token(json!({}));
    let form_header = headers(&[("content-type", "application/x-www-form-urlencoded")]);
    let body = format!("access_token={token}");
    let judge = |method: http::Method, uri: &str, body: &str| {
        let uri: http::Uri = uri.parse().unwrap();
        let view = RequestView::new(&method, &uri, &form_header).form(body.as_bytes());
        let inspected = inspect(&server, &view).map_err(|denied| denied.reason())?;
        assert!(!format!("{view:?} {inspected:?}").contains(&token[..16]));
        let judged = server.judge(&inspected, &keys(), &mut Scratch::new(), NOW);
        outcome(judged).map(|access| access.response_headers()).map_err(|denied| denied.reason())
    };
    assert_eq!(judge(http::Method::POST, "/orders", &body), Ok(http::HeaderMap::new()));
    for bodiless in [http::Method::GET, http::Method::HEAD, http::Method::OPTIONS] {
        assert_eq!(judge(bodiless, "/orders", &body), Err(DenialReason::NoCredentials));
    }
    let in_query = judge(http::Method::GET, &format!("/orders?{body}"), "").unwrap();
    assert_eq!(in_query.get(header::CACHE_CONTROL).unwrap(), "private");
}

#[test]
fn a_request_inspected_by_one_server_is_not_judged_by_another() {
    let token = token(json!({"cnf": {"jkt": jkt()}}));
    let proof = proof(&token, json!({}));
    let authorization = format!("DPoP {token}");
    let headers = headers(&[("authorization", &authorization), ("dpop", &proof)]);
    let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
    let view = RequestView::new(&method, &uri, &headers);
    let inspected = inspect(&dpop_server(), &view).unwrap();
    let other = ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new("https://other.example"));
    let judge = |server: &ResourceServer| {
        let judged = server.judge(&inspected, &keys(), &mut Scratch::new(), NOW);
        outcome(judged).map(|_| ()).map_err(|denied| denied.reason())
    };
    assert_eq!(
        judge(&other.accept_dpop(DpopVerifier::new()).build().unwrap()),
        Err(DenialReason::UntrustedIssuer)
    );
    let off = server().build().unwrap();
    assert_eq!(judge(&off), Err(DenialReason::NoCredentials));
    assert!(inspect(&off, &view).unwrap_err().is_missing_credentials(), "it is not even inspected");
    assert_eq!(judge(&dpop_server()), Ok(()), "a server with the same settings does");
}

/// Anyone can make proofs and forged tokens at no cost. So the server verifies the token before it checks the key of
/// the proof.
#[test]
fn the_key_of_a_proof_is_judged_only_for_a_good_token() {
    let mut header = proof_header();
    header["jwk"] = json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)});
    let jwk = crate::jose::Jwk::parse(header["jwk"].to_string().as_bytes()).unwrap();
    let jkt = jwk.thumbprint().unwrap();
    let why = |token: &str| {
        let proof = sign(&client(), &header, &proof_claims(token));
        dpop(&dpop_server(), token, &proof).unwrap_err().reason()
    };
    let good = json!({"cnf": {"jkt": jkt}});
    assert_eq!(
        why(&token(good.clone())),
        DenialReason::Proof(ProofError::Key(crate::jose::KeyError::BadPoint))
    );
    for (changes, rejected) in [
        (
            json!({"exp": 1}),
            VerificationError::Expired {
                ago: Duration::from_secs(NOW.0.unsigned_abs() - 1),
                leeway: Duration::from_secs(30),
            },
        ),
        (json!({"aud": "other"}), VerificationError::Audience),
        (json!({"cnf": null}), VerificationError::NotBound),
        (json!({"cnf": {"jkt": "other"}}), VerificationError::WrongSender),
    ] {
        assert_eq!(
            why(&token(with(good.clone(), changes.clone()))),
            DenialReason::Token(rejected),
            "{changes}"
        );
    }
    let forged = token(good);
    let (signed, signature) = forged.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    assert!(matches!(why(&forged), DenialReason::Token(VerificationError::Jws(_))));
}

/// A server with laxer settings inspected the request, but the strict server judges it by its own settings.
#[test]
fn a_server_that_demands_proofs_takes_no_bearer_token_that_another_has_inspected() {
    let (lax, strict) =
        (server().build().unwrap(), server().require_dpop(DpopVerifier::new()).build().unwrap());
    let headers = headers(&[("authorization", &format!("Bearer {}", token(json!({}))))]);
    let (method, uri) = (http::Method::GET, http::Uri::from_static("/orders"));
    let inspected = inspect(&lax, &RequestView::new(&method, &uri, &headers)).unwrap();
    let verdict = strict.judge(&inspected, &keys(), &mut Scratch::new(), NOW);
    assert_eq!(outcome(verdict).unwrap_err().reason(), DenialReason::ProofRequired);
}
