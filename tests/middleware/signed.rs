//! A gate whose issuer signs what it says of opaque tokens (RFC 9701).

use super::*;

struct Signed {
    world: World,
    api: oidc_tower::Protect<Api>,
    failures: Arc<Mutex<Vec<String>>>,
}

fn signed() -> Signed {
    let world = World::new();
    world.provider(|provider| {
        provider.register(Registration::basic("api", "its secret"));
        provider.sign_introspection(Algorithm::ES256);
        provider.opaque_access_tokens(true);
    });
    let failures = Arc::<Mutex<Vec<String>>>::default();
    let noted = failures.clone();
    let client =
        |metadata| Client::builder(metadata, "api").secret("its secret").signed_introspection().build();
    let gate = world.builder(World::introspecting()).introspection(client);
    let gate = gate.observe_failures(move |_, why| {
        let code = match why {
            oidc_proto::renew::RenewalError::Flow(error) => error.code(),
            _ => "none",
        };
        lock(&noted).push(code.to_owned());
    });
    let layer = ProtectLayer::new(gate.build().unwrap()).require(Requirement::new().scope("reports:read"));
    Signed { world, api: layer.layer(Api::default()), failures }
}

impl Signed {
    fn token(&self) -> String {
        let now = self.world.clock.now();
        self.world.provider(|provider| world::mint_plain(provider, now))
    }

    async fn status(&self, token: &str) -> (u16, Option<&'static str>) {
        let status = call(&self.api, bearer(token)).await.status().as_u16();
        (status, self.world.clauses().last().copied())
    }
}

#[tokio::test]
async fn opaque_tokens_pass_by_the_signed_word_of_their_issuer_and_keys_are_fetched_once() {
    let signed = signed();
    for _ in 0..3 {
        let token = signed.token();
        for _ in 0..2 {
            assert_eq!(signed.status(&token).await, (200, Some("accepted")));
        }
    }
    assert_eq!(signed.status("invented").await, (401, Some("token_inactive")));
    assert_eq!((signed.world.count("/introspect"), signed.world.count("/jwks")), (4, 1));
    // After a rotation, the first response brings the new keys into the memory of the gate.
    signed.world.provider(TestProvider::rotate_keys);
    for _ in 0..3 {
        assert_eq!(signed.status(&signed.token()).await, (200, Some("accepted")));
    }
    assert_eq!((signed.world.count("/introspect"), signed.world.count("/jwks")), (7, 2));
    signed.world.provider(|provider| provider.assert_clean());
    assert!(lock(&signed.failures).is_empty());
}

#[tokio::test]
async fn a_word_that_nobody_has_signed_for_this_api_is_an_outage_and_no_verdict_on_the_token() {
    type Lie = fn(&mut TestProvider);
    let lies: [(Lie, &str); 6] = [
        (|provider| provider.break_signatures(true), "jws_signature"),
        (
            |provider| {
                let plain = hostile::respond(200, "application/json", r#"{"active":true}"#);
                provider.alter_response(EndpointName::Introspection, plain);
            },
            "response_not_signed",
        ),
        (
            |provider| provider.alter_introspection(hostile::set_claim("aud", json!("other"))),
            "token_audience",
        ),
        (
            |provider| provider.alter_introspection(hostile::set_claim("iss", json!("https://evil.example"))),
            "token_issuer",
        ),
        (
            |provider| provider.alter_introspection(hostile::set_header_member("typ", json!("at+jwt"))),
            "token_typ",
        ),
        (
            |provider| provider.alter_introspection(hostile::set_claim("iat", json!(START.0 - 600))),
            "token_too_old",
        ),
    ];
    for (lie, code) in lies {
        let signed = signed();
        let token = signed.token();
        signed.world.provider(lie);
        assert_eq!(signed.status(&token).await, (503, Some("unavailable")), "{code}");
        assert_eq!(*lock(&signed.failures), [code]);
        // The issuer behaves again.
        signed.world.provider(TestProvider::clear_alterations);
        signed.world.clock.advance(30);
        assert_eq!(signed.status(&token).await, (200, Some("accepted")), "{code}");
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_read_in_a_signed_response_refuses_the_token() {
    for said in [json!({"active": true, "exp": "soon"}), json!({"active": true, "act": "agent"})] {
        let signed = signed();
        let token = signed.token();
        let word = hostile::set_claim("token_introspection", said.clone());
        signed.world.provider(|provider| provider.alter_introspection(word));
        assert_eq!(signed.status(&token).await, (401, Some("token_claims_json")), "{said}");
    }
    // An inactive token has no limits.
    let signed = signed();
    let word = hostile::set_claim("token_introspection", json!({"active": false, "exp": "soon"}));
    let token = signed.token();
    signed.world.provider(|provider| provider.alter_introspection(word));
    assert_eq!(signed.status(&token).await, (401, Some("token_inactive")));
}

#[tokio::test]
async fn a_signed_response_opens_no_api_as_a_token() {
    let signed = signed();
    let token = signed.token();
    assert_eq!(signed.status(&token).await.0, 200);
    let request = http::Request::post("https://op.example/introspect")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/token-introspection+jwt")
        .header("authorization", "Basic YXBpOml0cytzZWNyZXQ=")
        .body(format!("token={token}").into_bytes())
        .unwrap();
    let now = signed.world.clock.now();
    let response = signed.world.provider(|provider| provider.handle(&request, now));
    let jwt = String::from_utf8(response.into_body()).unwrap();
    assert_eq!(jwt.split('.').count(), 3, "{jwt}");
    assert_eq!(signed.status(&jwt).await, (401, Some("token_typ")));
}
