//! The answer of a provider against the request: what is told, what is forgiven, and what is refused without losing the
//! client.

use super::*;
use oidc_proto::{
    Timestamp,
    flow::{ClientAuthentication, Endpoint, ResponseRule},
    message::ClientMetadataChange,
    metadata::MemberError,
};
use oidc_testkit::hostile;

fn told(registered: &RegisteredClient) -> Vec<(&str, Option<Value>, Option<Value>)> {
    let of = |change: &'static ClientMetadataChange| {
        (change.member.as_str(), change.asked.clone(), change.registered.clone())
    };
    registered.changes.clone().leak().iter().map(of).collect()
}

fn refused(error: &Error) -> (&ResponseRule, &RegisteredClient) {
    let client = error.registered_client().expect("the client is not lost");
    let Error::Response(cause) = error.cause() else { panic!("{error}") };
    assert_eq!(cause.endpoint, Endpoint::Registration);
    assert!(error.to_string().contains("`registered_client`"), "{error}");
    (&cause.rule, client)
}

/// Many small servers answer so, and so does the conformance suite of MCP.
#[test]
fn a_minimal_answer_is_enough() {
    for body in [
        json!({"client_id": "1"}),
        json!({"client_id": "1", "client_name": "Agent", "redirect_uris": ["http://127.0.0.1/callback"]}),
        json!({"client_id": "1", "client_secret": "s", "client_name": null}),
    ] {
        for status in [200, 201] {
            let provider = provider(&json!(["none"]));
            let registered = answered_by(&provider, native(), status, &body).unwrap();
            assert_eq!((registered.client_id.as_str(), registered.client_secret_expires_at), ("1", None));
            assert_eq!(registered.authentication, ClientAuthentication::None);
            let uris = registered.metadata.redirect_uris.as_deref().unwrap();
            assert_eq!(uris, ["http://127.0.0.1/callback"], "what was asked for counts");
            let client = registered.builder(provider, NOW).unwrap().build().unwrap();
            assert_eq!(client.authentication(), ClientAuthentication::None);
        }
    }
    let mut party = party();
    party.provider.answer_registrations_minimally(true);
    for wanted in [web(), native(), web().token_endpoint_auth_method("client_secret_post")] {
        let registered = register(&mut party, wanted).unwrap();
        assert!(registered.registration_access_token.is_none() && registered.read(&policy()).is_err());
        let builder = registered.builder(party.discover().unwrap(), NOW).unwrap();
        party.client = builder.build().unwrap();
        party.login().unwrap();
    }
    party.provider.assert_clean();
}

#[test]
fn what_the_provider_has_changed_is_told() {
    let wanted = web()
        .scope("a b c")
        .client_name("Shop")
        .dpop_bound_access_tokens(true)
        .tos_uri("https://app.example/tos");
    let answer = json!({
        "client_id": "1",
        "client_secret": "s",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "client_credentials"],
        "response_types": ["code"],
        "scope": "b a",
        "client_name": "Shop",
        "dpop_bound_access_tokens": false,
        "subject_type": "pairwise",
        "application_type": "web",
        "id_token_signed_response_alg": "RS256",
        "require_auth_time": false,
        "of_a_vendor": 7,
    });
    let registered = answered(wanted, &answer).unwrap();
    let some = |value: Value| Some(value);
    assert_eq!(
        told(&registered),
        [
            ("dpop_bound_access_tokens", some(json!(true)), some(json!(false))),
            (
                "grant_types",
                some(json!(["authorization_code", "refresh_token"])),
                some(json!(["authorization_code", "client_credentials"])),
            ),
            ("of_a_vendor", None, some(json!(7))),
            ("scope", some(json!("a b c")), some(json!("b a"))),
            ("subject_type", None, some(json!("pairwise"))),
            ("tos_uri", some(json!("https://app.example/tos")), None),
        ]
    );
    assert_eq!(registered.metadata.scope.as_deref(), Some("b a"));
    assert_eq!(registered.metadata.tos_uri.as_deref(), Some("https://app.example/tos"), "nobody said no");
    assert_eq!(registered.metadata.extra["of_a_vendor"], 7);
}

#[test]
fn another_order_and_a_written_default_are_no_change() {
    for (wanted, answer) in [
        (web(), json!({"grant_types": ["refresh_token", "authorization_code"]})),
        (web().scope("a b"), json!({"scope": "b  a"})),
        (web(), json!({"token_endpoint_auth_method": "client_secret_basic", "client_secret": "s"})),
        (
            web().response_types(["code id_token", "code"]).grant_types(["authorization_code", "implicit"]),
            json!({"response_types": ["code", "id_token code"]}),
        ),
        (
            ClientMetadata::new().redirect_uris([CALLBACK]),
            json!({"grant_types": ["authorization_code"], "response_types": ["code"]}),
        ),
        (web().require_auth_time(false), json!({})),
    ] {
        let mut told_ = wanted.to_json();
        told_.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        told_["client_id"] = "1".into();
        let registered = answered(wanted, &told_).unwrap();
        assert_eq!(told(&registered), [], "{answer}");
    }
    // Of these, the first is the best.
    let wanted = web().default_acr_values(["high", "low"]);
    let mut told_ = wanted.to_json();
    told_["client_id"] = "1".into();
    told_["default_acr_values"] = json!(["low", "high"]);
    assert_eq!(told(&answered(wanted, &told_).unwrap()).len(), 1);
}

/// Through a redirect URI of somebody else, somebody else gets the codes of users.
#[test]
fn redirect_uris_that_nobody_asked_for_are_refused_and_the_client_is_not_lost() {
    for uris in [
        json!(["https://evil.example/callback"]),
        json!([CALLBACK, "https://evil.example/callback"]),
        json!(["https://app.example/callback/"]),
        json!(["http://app.example/callback"]),
        json!(["https://app.example/callback?next=https://evil.example"]),
        json!([]),
    ] {
        let body = json!({
            "client_id": "1",
            "client_secret": "s",
            "redirect_uris": uris,
            "registration_access_token": "t",
            "registration_client_uri": PLACE,
        });
        let error = answered(web(), &body).unwrap_err();
        let (rule, client) = refused(&error);
        assert_eq!(rule, &ResponseRule::Registered("redirect_uris"), "{uris}");
        assert_eq!((client.client_id.as_str(), client.client_secret.is_some()), ("1", true));
        let call = client.delete(&policy()).unwrap();
        assert_eq!(call.request().uri(), PLACE);
    }
    // The same place in another spelling, fewer places, and a redirect to this machine without its port.
    for (asked, registered) in [
        (web(), json!(["https://APP.example:443/callback"])),
        (ClientMetadata::web([CALLBACK, "https://app.example/b"]), json!([CALLBACK])),
        (ClientMetadata::native(["http://127.0.0.1:7000/cb"]), json!(["http://127.0.0.1/cb"])),
        (ClientMetadata::native(["http://localhost:1/cb"]), json!(["http://localhost:2/cb"])),
        (ClientMetadata::native(["com.example.app:/cb"]), json!(["com.example.app:/cb"])),
    ] {
        answered(asked, &json!({"client_id": "1", "client_secret": "s", "redirect_uris": registered}))
            .unwrap();
    }
    let native = ClientMetadata::native(["http://127.0.0.1:7000/cb"]);
    for foreign in ["http://127.0.0.1:7000/other", "http://localhost:7000/cb", "https://127.0.0.1:7000/cb"] {
        let error =
            answered(native.clone(), &json!({"client_id": "1", "redirect_uris": [foreign]})).unwrap_err();
        assert_eq!(refused(&error).0, &ResponseRule::Registered("redirect_uris"), "{foreign}");
    }
}

#[test]
fn a_client_is_not_lost_with_a_member_that_cannot_be_used() {
    for (member, value, rule) in [
        (
            "client_secret",
            json!(7),
            ResponseRule::Json(oidc_proto::base::JsonError::WrongType {
                member: "client_secret",
                expected: "a string",
            }),
        ),
        ("client_secret", json!("line\nbreak"), ResponseRule::Value("client_secret")),
        ("client_id", json!("\u{e9}"), ResponseRule::Value("client_id")),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            ResponseRule::Registered("token_endpoint_auth_method"),
        ),
        (
            "token_endpoint_auth_method",
            json!("secret_handshake"),
            ResponseRule::Registered("token_endpoint_auth_method"),
        ),
        (
            "token_endpoint_auth_method",
            json!("tls_client_auth"),
            ResponseRule::Registered("token_endpoint_auth_method"),
        ),
    ] {
        let mut body = json!({
            "client_id": "1",
            "client_secret": "s",
            "registration_access_token": "t",
            "registration_client_uri": PLACE,
        });
        body[member] = value;
        let error = answered(web(), &body).unwrap_err();
        let (found, client) = refused(&error);
        assert_eq!(found, &rule);
        assert_eq!(error.code(), error.cause().code());
        assert!(client.delete(&policy()).is_ok());
    }
}

/// The client works without them, so they are set aside.
#[test]
fn members_that_a_client_can_do_without_are_set_aside() {
    let body = json!({
        "client_id": "1",
        "client_secret": "s",
        "client_secret_expires_at": "never",
        "client_id_issued_at": [],
        "registration_access_token": 5,
        "registration_client_uri": {},
        "client_name": 7,
        "jwks": {"keys": [{"kty": "EC", "d": "a private key"}]},
        "dpop_bound_access_tokens": "true",
    });
    let registered = answered(web(), &body).unwrap();
    let aside: Vec<_> = registered.metadata.set_aside.iter().map(|aside| aside.member).collect();
    assert_eq!(
        aside,
        [
            "client_name",
            "dpop_bound_access_tokens",
            "jwks",
            "client_id_issued_at",
            "client_secret_expires_at",
            "registration_access_token",
            "registration_client_uri",
        ]
    );
    let jwks = registered.metadata.set_aside.iter().find(|aside| aside.member == "jwks").unwrap();
    assert_eq!(jwks.why, MemberError::PrivateKey);
    assert_eq!((registered.client_secret_expires_at, registered.client_id_issued_at), (None, None));
    assert!(registered.read(&policy()).is_err());
    registered.builder(provider(&Value::Null), NOW).unwrap().build().unwrap();
    let shown = format!("{registered:?}");
    assert!(!shown.contains("a private key"), "{shown}");
}

#[test]
fn a_secret_that_is_empty_is_none_and_one_that_expires_at_zero_never_does() {
    let registered = answered(native(), &json!({"client_id": "1", "client_secret": ""})).unwrap();
    assert_eq!((registered.client_secret, registered.authentication), (None, ClientAuthentication::None));
    for (told, end) in [
        (json!(0), None),
        (json!(1_900_000_000), Some(Timestamp(1_900_000_000))),
        (json!(-1), Some(Timestamp(-1))),
    ] {
        let body = json!({"client_id": "1", "client_secret": "s", "client_secret_expires_at": told});
        let registered = answered(web(), &body).unwrap();
        assert_eq!(registered.client_secret_expires_at, end);
        assert_eq!(registered.is_expired(NOW), told == json!(-1));
    }
}

#[test]
fn what_a_registration_says_of_signatures_and_requests_is_set() {
    let body = json!({
        "client_id": "1",
        "client_secret": "a secret that is long enough for 256 bits",
        "require_pushed_authorization_requests": true,
        "id_token_signed_response_alg": "ES256",
        "userinfo_signed_response_alg": "unknown",
    });
    let registered = answered(web(), &body).unwrap();
    let mut metadata = provider(&Value::Null);
    metadata.pushed_authorization_request_endpoint = metadata.token_endpoint.clone();
    let client = registered.builder(metadata, NOW).unwrap().build().unwrap();
    assert!(client.requires_pushed_requests() && !client.requires_signed_requests());
    let body = json!({"client_id": "1", "client_secret": "short", "id_token_signed_response_alg": "HS256"});
    let builder = answered(web(), &body).unwrap().builder(provider(&Value::Null), NOW).unwrap();
    assert_eq!(builder.build().map(drop), Err(oidc_proto::flow::ConfigError::SecretTooShort));
}

#[test]
fn a_provider_that_changes_every_member_in_turn_breaks_nothing() {
    let values = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!(["a", 5]),
        json!({"a": []}),
    ];
    let mut asked = web().client_name("a").scope("b").to_json();
    asked.as_object_mut().unwrap().extend(
        json!({
            "client_id": "1", "client_secret": "s", "client_secret_expires_at": 0, "client_id_issued_at": 5,
            "registration_access_token": "t", "registration_client_uri": PLACE,
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    for name in asked.as_object().unwrap().keys() {
        for value in &values {
            let mut body = asked.clone();
            body[name] = value.clone();
            let outcome = answered(web().client_name("a").scope("b"), &body);
            let client = match &outcome {
                Ok(client) => Some(client),
                Err(error) => error.registered_client(),
            };
            let unnamed = name == "client_id" && value != "x";
            assert_eq!(client.is_none(), unnamed, "{name}: {value}: the client is not lost");
        }
    }
    let mut party = party();
    party
        .provider
        .alter_response(oidc_testkit::EndpointName::Registration, hostile::remove_member("client_id"));
    assert_eq!(register(&mut party, web()).unwrap_err().code(), "response_missing_member");
}
