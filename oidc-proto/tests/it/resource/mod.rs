//! A protected resource from outside: defects of other libraries that it must not have, the examples of RFC
//! 9449, and bad input.

mod bad_input;
mod once;
pub(crate) mod presets;
mod provider_tokens;
pub(crate) mod world;

use http::{Method, Uri, header};
use oidc_proto::{
    base::Secret,
    jose::{Algorithm, KeySet, Sign},
    message::IntrospectionResponse,
    resource::{Access, DenialReason, RequestView, Requirement, ResourceServer, TrustedIssuer, Verdict},
    sender::{CertificateThumbprint, DpopVerifier, NonceKeys, ProofError, ReplayWindow},
    token::{Scratch, VerificationError},
};
use oidc_testkit::Timestamp;
use serde_json::{Value, json};
use std::{sync::Mutex, time::Duration};
use world::*;

// The examples of RFC 9449.

fn vector(id: &str) -> Value {
    let all: Value =
        serde_json::from_str(include_str!("../../../../tests/data/vectors/rfc/misc.json")).unwrap();
    all.as_array().unwrap().iter().find(|vector| vector["id"] == id).unwrap().clone()
}

#[test]
fn the_proofs_of_rfc_9449_are_accepted_only_for_their_own_requests() {
    let verify = |id: &str, method: Method, url: &str, token: Option<&str>, now: i64| {
        let vector = vector(id);
        let headers = headers(&[("dpop", vector["proof"].as_str().unwrap().as_bytes())]);
        let token = token.map(Secret::new);
        let proof = DpopVerifier::new().verify(&headers, &method, url, token.as_ref(), Timestamp(now))?;
        assert_eq!(proof.jkt(), vector["jkt"].as_str().unwrap());
        Ok(())
    };
    let (token_url, resource) =
        ("https://server.example.com/token", "https://resource.example.org/protectedresource");
    let access_token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    assert_eq!(verify("rfc9449-4.1", Method::POST, token_url, None, 1_562_262_616), Ok(()));
    let get = |url: &str, token, now| verify("rfc9449-7.1", Method::GET, url, Some(token), now);
    assert_eq!(get(resource, access_token, 1_562_262_618), Ok(()));
    assert_eq!(get(&format!("{resource}?a=b#c"), access_token, 1_562_262_618 + 90), Ok(()));
    assert_eq!(get(resource, access_token, 1_562_262_618 - 30), Ok(()));
    for (result, why) in [
        (
            get(resource, access_token, 1_562_262_618 + 91),
            ProofError::TooOld { ago: Duration::from_secs(91), allowed: Duration::from_secs(90) },
        ),
        (
            get(resource, access_token, 1_562_262_618 - 31),
            ProofError::FromFuture { ahead: Duration::from_secs(31), leeway: Duration::from_secs(30) },
        ),
        (get(resource, "another", 1_562_262_618), ProofError::TokenHash),
        (get(token_url, access_token, 1_562_262_618), ProofError::Target),
        (
            verify("rfc9449-7.1", Method::POST, resource, Some(access_token), 1_562_262_618),
            ProofError::Method,
        ),
        (
            verify("rfc9449-4.1", Method::POST, token_url, Some(access_token), 1_562_262_616),
            ProofError::MissingClaim("ath"),
        ),
    ] {
        assert_eq!(result, Err(why));
    }
}

#[test]
fn the_request_of_rfc_9449_section_7_1_passes_once_through_introspection() {
    let vector = vector("rfc9449-7.1");
    let issuer = TrustedIssuer::new("https://server.example.com").introspects_opaque_tokens();
    let server = ResourceServer::builder("https://resource.example.org")
        .trust(issuer)
        .accept_dpop(DpopVerifier::new())
        .build()
        .unwrap();
    let authorization = format!("DPoP {}", vector["access_token"].as_str().unwrap());
    let proof = vector["proof"].as_str().unwrap();
    let headers = headers(&[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())]);
    let (method, uri) = (Method::GET, Uri::from_static("/protectedresource"));
    let inspected = server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new()).unwrap();
    assert!(inspected.is_opaque());
    // The response of section 6.2, figure 11, with an audience added.
    let response = json!({"active": true, "sub": "someone@example.com", "iss": "https://server.example.com",
                          "nbf": 1_562_262_611, "exp": 1_562_266_216, "aud": "https://resource.example.org",
                          "cnf": {"jkt": vector["jkt"]}});
    let claims = IntrospectionResponse::from_members(response.as_object().unwrap().clone()).unwrap();
    let now = Timestamp(1_562_262_620);
    let mut window = ReplayWindow::new();
    let mut pass = || {
        let Verdict::CheckReplay(check) = server.judge_introspected(&inspected, &claims, now) else {
            panic!()
        };
        let answer = window.first_use(check.replay_key(), now);
        check.finish(answer)
    };
    assert_eq!(pass().unwrap().subject(), Some("someone@example.com"));
    assert_eq!(pass().unwrap_err().reason(), DenialReason::Proof(ProofError::Replayed));
}

// Defects of other libraries.

#[test]
fn d10_of_two_uses_of_one_proof_exactly_one_passes_in_every_interleaving() {
    let world = World::new();
    let server = server().accept_dpop(DpopVerifier::new()).build().unwrap();
    let token = world.bound_token();
    let proof = world.proof(&token, &json!({}));
    let authorization = format!("DPoP {token}");
    let headers = headers(&[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())]);
    // Each request takes three steps: judge, ask, conclude. The test tries all orders of the six.
    let orders = (0..64_u32).filter(|order| order.count_ones() == 3);
    let mut seen = 0;
    for order in orders {
        let mut window = ReplayWindow::new();
        let mut state = [(0, None, None), (0, None, None)];
        let mut passed = 0;
        for step in 0..6 {
            let (stage, proven, answer) = &mut state[usize::from(order >> step & 1 == 1)];
            match *stage {
                0 => {
                    let Verdict::CheckReplay(value) = world.verdict(&server, &headers) else { panic!() };
                    *proven = Some(value);
                }
                1 => *answer = Some(window.first_use(proven.as_ref().unwrap().replay_key(), NOW)),
                _ => {
                    let result = proven.take().unwrap().finish(answer.take().unwrap());
                    passed += usize::from(result.is_ok());
                }
            }
            *stage += 1;
        }
        assert_eq!(passed, 1, "{order:06b}");
        seen += 1;
    }
    assert_eq!(seen, 20);

    let window = Mutex::new(ReplayWindow::new());
    let passed: usize = std::thread::scope(|scope| {
        let request = || {
            let Verdict::CheckReplay(check) = world.verdict(&server, &headers) else { panic!() };
            let answer = window.lock().unwrap().first_use(check.replay_key(), NOW);
            usize::from(check.finish(answer).is_ok())
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(request)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 1);
}

#[test]
fn d15_no_policy_is_read_from_the_token_or_the_proof() {
    let world = World::new();
    let verifier = DpopVerifier::new().demand_nonce(NonceKeys::new(&[1; 32]));
    let server = server().accept_dpop(verifier).build().unwrap();
    let token = world.token(&json!({"cnf": {"jkt": world.jkt()}, "nonce_supported": false, "dpop": "off"}));
    let proof = world.proof(&token, &json!({"nonce_supported": false}));
    let authorization = format!("DPoP {token}");
    let headers = headers(&[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())]);
    let denied = end(world.verdict(&server, &headers)).unwrap_err();
    assert_eq!(denied.reason(), DenialReason::Proof(ProofError::Nonce));
    // An issuer that is not on the list is refused by a function that never sees a key set.
    let stranger = format!("Bearer {}", world.token(&json!({"iss": "https://evil.example"})));
    let headers = self::headers(&[("authorization", stranger.as_bytes())]);
    let (method, uri) = (Method::GET, Uri::from_static("/"));
    let denied = server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new()).unwrap_err();
    assert_eq!(denied.reason(), DenialReason::UntrustedIssuer);
    assert!(!format!("{denied:?} {:?}", denied.headers()).contains("evil"));
}

#[test]
fn d16_a_token_with_its_own_key_an_extension_or_no_signature_is_refused() {
    let world = World::new();
    let payload = json!({"iss": ISSUER, "sub": "a", "aud": RESOURCE, "client_id": "c", "jti": "t",
                         "iat": NOW.0, "exp": NOW.0 + 60});
    let attacker = key("ed25519-2", Algorithm::EdDSA);
    let header = |more: Value| merge(json!({"typ": "at+jwt", "alg": "EdDSA"}), &more);
    let own_key = json!({"jwk": attacker.public_jwk().unwrap().to_json()});
    for (token, code) in [
        (sign(&attacker, &header(own_key), &payload), "jws_signature"),
        (sign(&world.issuer, &header(json!({"crit": ["x"], "x": 1})), &payload), "jws_crit"),
        (sign(&world.issuer, &header(json!({"alg": "none"})), &payload), "jws_unsigned"),
        (sign(&world.issuer, &header(json!({"alg": "HS256"})), &payload), "jws_alg_not_allowed"),
        (format!("{}.", world.token(&json!({})).rsplit_once('.').unwrap().0), "jws_signature"),
    ] {
        assert_eq!(world.why(&token).map(DenialReason::code), Some(code), "{token}");
    }
    assert_eq!(world.why(&sign(&world.issuer, &header(json!({})), &payload)), None);
    // The JSON serialization does not even have the syntax of a token.
    let denied = world.bearer(&server().build().unwrap(), r#"{"payload":"e30"}"#).unwrap_err();
    assert_eq!((denied.status().as_u16(), denied.code()), (400, "credentials_syntax"));
}

#[test]
fn d17_a_flood_of_proofs_uses_bounded_memory_and_fails_closed() {
    let world = World::new();
    let server = server().accept_dpop(DpopVerifier::new()).build().unwrap();
    let token = world.bound_token();
    let authorization = format!("DPoP {token}");
    // One key gets half of the window.
    let mut window = ReplayWindow::with_capacity(16);
    let mut answers = Vec::new();
    for n in 0..12 {
        let proof = world.proof(&token, &json!({"jti": n.to_string()}));
        let headers = headers(&[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())]);
        let Verdict::CheckReplay(check) = world.verdict(&server, &headers) else { panic!() };
        let answer = window.first_use(check.replay_key(), NOW);
        answers.push(check.finish(answer).map(|_| ()).map_err(|denied| denied.status().as_u16()));
        assert!(window.len() <= 8);
    }
    assert_eq!(answers[..8], [Ok(()); 8]);
    assert_eq!(answers[8..], [Err(503); 4], "the shortage is the server's, not the client's fault");
}

#[test]
fn d18_the_leeway_moves_every_limit_in_favour_of_the_token() {
    let world = World::new();
    for leeway in [0_i64, 30, 90] {
        let issuer = TrustedIssuer::new(ISSUER)
            .access_tokens(|verifier| verifier.leeway(Duration::from_secs(leeway.unsigned_abs())));
        let server = ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
        let accepts = |claim: &str, offset: i64| {
            world.bearer(&server, &world.token(&json!({claim: NOW.0 + offset}))).is_ok()
        };
        assert!(accepts("exp", 1 - leeway) && !accepts("exp", -leeway), "{leeway}");
        assert!(accepts("nbf", leeway) && !accepts("nbf", leeway + 1), "{leeway}");
        assert!(accepts("iat", leeway) && !accepts("iat", leeway + 1), "{leeway}");
    }
}

#[test]
fn d21_a_token_with_two_bindings_needs_both_and_an_uncheckable_one_is_refused() {
    let world = World::new();
    let certificate = CertificateThumbprint::of_der(b"certificate");
    let server = server().accept_dpop(DpopVerifier::new()).accept_certificate_bound().build().unwrap();
    let judge = |cnf: Value, with_proof: bool, certificate: Option<&CertificateThumbprint>| {
        let token = world.token(&json!({"cnf": cnf}));
        let proof = world.proof(&token, &json!({}));
        let scheme = if with_proof { "DPoP" } else { "Bearer" };
        let authorization = format!("{scheme} {token}");
        let headers = headers(&[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())]);
        let (method, uri) = (Method::GET, Uri::from_static("/orders"));
        let mut view = RequestView::new(&method, &uri, &headers);
        if let Some(certificate) = certificate {
            view = view.certificate(certificate);
        }
        let inspected = server.inspect(&view, &mut Scratch::new()).unwrap();
        end(server.judge(&inspected, &world.keys, &mut Scratch::new(), NOW))
            .err()
            .map(|denied| denied.reason())
    };
    let both = json!({"jkt": world.jkt(), "x5t#S256": certificate.as_str()});
    let token = |why| Some(DenialReason::Token(why));
    assert_eq!(judge(both.clone(), true, Some(&certificate)), None);
    assert_eq!(judge(both.clone(), true, None), token(VerificationError::SenderConstrained));
    assert_eq!(judge(both.clone(), false, Some(&certificate)), token(VerificationError::SenderConstrained));
    let other = CertificateThumbprint::of_der(b"other");
    assert_eq!(judge(both, true, Some(&other)), token(VerificationError::WrongSender));
    let unknown = json!({"jkt": world.jkt(), "kid": "x"});
    assert_eq!(judge(unknown, true, Some(&certificate)), token(VerificationError::ConfirmationMethod));
    assert_eq!(judge(json!({}), false, None), token(VerificationError::ConfirmationMethod));
    let keycloak = json!({"jkt": world.jkt(), "kc-jkt-type": "DPoP"});
    assert_eq!(judge(keycloak.clone(), true, None), None);
    assert_eq!(judge(keycloak, false, None), token(VerificationError::SenderConstrained));
}

#[test]
fn e3_every_required_claim_is_present_and_of_its_type() {
    let world = World::new();
    for (changes, code) in [
        (json!({"iss": null}), "token_missing_claim"),
        (json!({"aud": null}), "token_missing_claim"),
        (json!({"exp": null}), "token_missing_claim"),
        (json!({"aud": 5}), "token_claims_json"),
        (json!({"aud": {}}), "token_claims_json"),
        (json!({"iss": {}}), "token_claims_json"),
        (json!({"iss": [ISSUER]}), "token_claims_json"),
        (json!({"exp": "9999999999"}), "token_claims_json"),
        (json!({"nbf": NOW.0 + 86_400}), "token_not_yet_valid"),
        (json!({"cnf": "x"}), "token_claims_json"),
    ] {
        let denied = world.bearer(&server().build().unwrap(), &world.token(&changes)).unwrap_err();
        assert_eq!((denied.status().as_u16(), denied.code()), (401, code), "{changes}");
    }
}

#[test]
fn e8_only_audiences_in_the_settings_are_trusted() {
    let world = World::new();
    for aud in [json!("https://other.example"), json!([]), json!(["x", "https://api.example/"]), json!("")] {
        assert_eq!(
            world.why(&world.token(&json!({"aud": aud}))),
            Some(DenialReason::Token(VerificationError::Audience)),
            "{aud}"
        );
    }
    assert_eq!(world.why(&world.token(&json!({"aud": ["x", RESOURCE]}))), None);
}

#[test]
fn e20_every_condition_of_a_route_is_checked_on_every_way_in() {
    let world = World::new();
    let access = world.bearer(&server().build().unwrap(), &world.token(&json!({}))).unwrap();
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let note = |name: &'static str, answer: bool| {
        let asked = asked.clone();
        move |_: &Access| {
            asked.lock().unwrap().push(name);
            answer
        }
    };
    let needs = Requirement::new().satisfies(note("first", true)).satisfies(note("second", false));
    assert_eq!(access.require(&needs, NOW).unwrap_err().status().as_u16(), 403);
    assert_eq!(*asked.lock().unwrap(), ["first", "second"]);
}

#[test]
fn e22_missing_keys_are_requested_and_an_outage_is_a_503() {
    let world = World::new();
    let server = server().build().unwrap();
    let headers = headers(&[("authorization", format!("Bearer {}", world.token(&json!({}))).as_bytes())]);
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let inspected = server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new()).unwrap();
    let verdict = server.judge(&inspected, &KeySet::default(), &mut Scratch::new(), NOW);
    let Verdict::NewerKeys(denied) = verdict else { panic!("{verdict:?}") };
    assert_eq!(denied.status().as_u16(), 401, "if there are no newer keys");
    let outage = server.unavailable(Duration::from_secs(30));
    assert_eq!(outage.status().as_u16(), 503);
    assert_eq!(outage.headers().get(header::RETRY_AFTER).unwrap(), "30");
    assert!(outage.headers().get(header::WWW_AUTHENTICATE).is_none());
}
