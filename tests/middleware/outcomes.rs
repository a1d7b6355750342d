//! Every outcome: its status, its challenge, its body and its record, and the requests that never reach the
//! service.

use super::*;

const REALM: &str = r#"Bearer realm="https://api.example""#;

#[tokio::test]
async fn each_outcome_has_the_status_and_the_challenge_that_its_rfc_names() {
    let world = World::new();
    let inner = Api::default();
    let api = ProtectLayer::new(world.gate())
        .require(Requirement::new().scope("reports:read"))
        .layer(inner.clone());
    let good = world.token();
    let altered = |change: fn(&mut Map<String, Value>)| world.token_with(move |_, claims| change(claims));
    let holder = Holder::new();
    let bound = holder.token(&world);
    let certificate = CertificateThumbprint::of_der(b"a certificate");
    let thumbprint = certificate.as_str().to_owned();
    let mtls = world.token_with(move |_, claims| {
        claims.insert("cnf".into(), json!({ "x5t#S256": thumbprint }));
    });
    let mut shown = bearer(&mtls);
    shown.extensions_mut().insert(certificate);
    let mut another = bearer(&mtls);
    another.extensions_mut().insert(CertificateThumbprint::of_der(b"another one"));
    let broken = format!("{}AAAA", &good[..good.len() - 4]);
    let expired = altered(|claims| drop(claims.insert("exp".into(), json!(START.0 - 31))));
    let elsewhere = altered(|claims| drop(claims.insert("aud".into(), json!("https://else.example"))));
    let untrusted = altered(|claims| drop(claims.insert("iss".into(), json!("https://evil.example"))));
    let unscoped = altered(|claims| drop(claims.insert("scope".into(), json!("reports:write"))));
    let id_token = world.token_with(|header, _| drop(header.insert("typ".into(), json!("JWT"))));

    let token = "invalid_token";
    let cases: Vec<(&str, Incoming, u16, Option<&str>, &str)> = vec![
        ("a good token", bearer(&good), 200, None, "accepted"),
        (
            "the scheme in lower case",
            get(&[("authorization", &format!("bearer {good}"))]),
            200,
            None,
            "accepted",
        ),
        ("none", get(&[]), 401, None, "credentials_missing"),
        (
            "another scheme",
            get(&[("authorization", "Basic cm9ib3Q6c2VjcmV0")]),
            401,
            None,
            "credentials_missing",
        ),
        (
            "no syntax",
            get(&[("authorization", "Bearer a b")]),
            400,
            Some("invalid_request"),
            "credentials_syntax",
        ),
        (
            "two",
            get(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            400,
            Some("invalid_request"),
            "credentials_several",
        ),
        ("huge", bearer(&"a".repeat(8193)), 400, Some("invalid_request"), "credentials_too_large"),
        ("opaque", bearer("opaque"), 401, Some(token), "token_not_jwt"),
        ("expired", bearer(&expired), 401, Some(token), "token_expired"),
        ("of another audience", bearer(&elsewhere), 401, Some(token), "token_audience"),
        ("of a stranger", bearer(&untrusted), 401, Some(token), "token_untrusted_issuer"),
        ("an ID token", bearer(&id_token), 401, Some(token), "token_typ"),
        ("a broken signature", bearer(&broken), 401, Some(token), "jws_signature"),
        ("without the scope", bearer(&unscoped), 403, Some("insufficient_scope"), "access_scope"),
        ("bound to a key, as bearer", bearer(&bound), 401, Some(token), "token_sender_constrained"),
        ("bound to a certificate", shown, 200, None, "accepted"),
        ("and another is shown", another, 401, Some(token), "token_wrong_sender"),
        ("and none is shown", bearer(&mtls), 401, Some(token), "token_sender_constrained"),
    ];
    let mut passed = 0;
    for (what, request, status, error, clause) in cases {
        let response = call(&api, request).await;
        let (got, challenge) = told(&response, "www-authenticate");
        let clauses = world.clauses();
        assert_eq!((got, clauses.last().copied()), (status, Some(clause)), "{what}: {challenge}");
        passed += usize::from(status == 200);
        assert_eq!(inner.0.load(SeqCst), passed, "{what}: a refused request never reaches the service");
        if status == 200 {
            assert_eq!((response.body().as_str(), challenge.as_str()), ("robot: the body", ""), "{what}");
            continue;
        }
        assert!(challenge.starts_with(REALM), "{what}: {challenge}");
        assert!(challenge.contains("resource_metadata=\"https://api.example/.well-known"), "{what}");
        assert!(challenge.contains(" & DPoP "), "{what}: both schemes are offered");
        match error {
            Some(error) => {
                assert!(challenge.contains(&format!("error=\"{error}\"")), "{what}: {challenge}");
                assert_eq!(response.body(), &format!("{{\"error\":\"{error}\"}}"), "{what}: nothing else");
                assert_eq!(told(&response, "content-type").1, "application/json");
            }
            None => assert!(!challenge.contains("error=") && response.body().is_empty(), "{what}"),
        }
        // A client that has not tried yet, and a client that lacks a scope, learn which scope to ask for.
        let names_scope = matches!(clause, "credentials_missing" | "access_scope");
        assert_eq!(challenge.contains("scope=\"reports:read\""), names_scope, "{what}: {challenge}");
    }
}

/// An untrusted issuer is refused before any fetch, and a request with another fault causes no fetch.
#[tokio::test]
async fn a_request_with_a_visible_fault_costs_no_fetch() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let stranger =
        world.token_with(|_, claims| drop(claims.insert("iss".into(), json!("https://evil.example"))));
    for request in [get(&[]), bearer(&stranger), bearer("opaque"), get(&[("authorization", "Bearer")])] {
        assert!(call(&api, request).await.status().is_client_error());
    }
    assert_eq!(lock(&world.sent).len(), 0);
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    assert_eq!((world.count(""), world.count("/jwks")), (2, 1), "metadata, then keys, once");
}

/// S10: a record is typed and bounded, and contains no byte of a token.
#[tokio::test]
async fn every_verdict_is_recorded_and_no_record_has_a_token() {
    let world = World::new();
    let gate = world.builder(World::server().pseudonyms(&[7; 32])).build().unwrap();
    let api = ProtectLayer::new(gate).layer(Api::default());
    let tokens = [world.token(), world.forged("x"), "opaque".to_owned()];
    for token in &tokens {
        call(&api, bearer(token)).await;
    }
    let records = std::mem::take(&mut *lock(&world.records));
    let clauses: Vec<_> = records.iter().map(|record| record.clause).collect();
    assert_eq!(clauses, ["accepted", "jws_unknown_key", "token_not_jwt"]);
    assert!(records[0].subject.is_some() && records[0].key.is_some());
    let text = format!("{records:?}") + &serde_json::to_string(&records).unwrap();
    for token in &tokens {
        assert!(token.split('.').all(|part| !text.contains(part)), "{text}");
    }
}

#[test]
fn settings_that_allow_no_gate_are_named() {
    let world = World::new();
    let named = |builder: GateBuilder| builder.build().unwrap_err();
    let fixed = KeySource::Fixed(Arc::new(KeySet::parse(br#"{"keys":[]}"#).unwrap()));
    let stranger = world.builder(World::server()).keys_of("https://evil.example", fixed);
    assert_eq!(named(stranger), GateError::NotTrusted("https://evil.example".to_owned()));
    assert_eq!(named(world.builder(World::introspecting())), GateError::NoClient);
    let client = |metadata| Client::builder(metadata, "api").secret("s").build();
    assert_eq!(named(world.builder(World::server()).introspection(client)), GateError::NoIntrospector);
    let plain = ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new("http://op.example"));
    let error = named(world.builder(plain));
    assert!(matches!(&error, GateError::Issuer(issuer, _) if issuer == "http://op.example"), "{error}");
}

/// Anyone can send a token that names an issuer. Only the issuers in the settings get requests.
#[tokio::test]
async fn a_token_of_an_untrusted_issuer_causes_no_request() {
    let world = World::new();
    let api = ProtectLayer::new(world.gate()).layer(Api::default());
    let untrusted =
        world.token_with(|_, claims| drop(claims.insert("iss".into(), json!("https://evil.example"))));
    assert_eq!(call(&api, bearer(&untrusted)).await.status(), 401);
    assert_eq!(world.clauses(), ["token_untrusted_issuer"]);
    assert!(lock(&world.sent).is_empty(), "{:?}", lock(&world.sent));
    assert_eq!(call(&api, bearer(&world.token())).await.status(), 200);
    assert!(!lock(&world.sent).is_empty(), "control: requests are counted");
}

#[tokio::test]
async fn a_gate_reads_metadata_and_keys_of_any_media_type_only_if_it_is_told_to() {
    for endpoint in [EndpointName::Discovery, EndpointName::Jwks] {
        for media_type in ["text/plain", "binary/octet-stream", "text/html; charset=utf-8"] {
            let world = World::new();
            let token = world.token();
            let typed = hostile::set_header("content-type", media_type);
            world.provider(|provider| provider.alter_response(endpoint, typed));
            let strict = ProtectLayer::new(world.gate()).layer(Api::default());
            let refused = call(&strict, bearer(&token)).await;
            assert_eq!(
                refused.status().as_u16(),
                503,
                "the client is not to blame: {endpoint:?} {media_type}"
            );
            let gate = world.builder(World::server()).any_media_type().build().unwrap();
            let told = ProtectLayer::new(gate).layer(Api::default());
            assert_eq!(call(&told, bearer(&token)).await.status().as_u16(), 200, "{endpoint:?} {media_type}");
        }
    }
    // The document must be what it is for, whatever its type.
    for body in ["<html></html>", "[]", r#"{"issuer":"https://evil.example"}"#] {
        let world = World::new();
        let token = world.token();
        world.provider(|provider| {
            provider.alter_response(EndpointName::Discovery, hostile::respond(200, "text/html", body));
        });
        let gate = world.builder(World::server()).any_media_type().build().unwrap();
        let api = ProtectLayer::new(gate).layer(Api::default());
        assert_eq!(call(&api, bearer(&token)).await.status().as_u16(), 503, "{body}");
    }
}
