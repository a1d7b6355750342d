//! Scenarios E10, E16 and E29 to E45: defects of peers, each by its smallest input. Those of its keys are in
//! `peer_keys.rs`, E40 is in `laws/mod.rs` for every flow, E42 is in `refreshes.rs`, and E44 is in `middleware.rs`.

use crate::resource::world::{NOW as API_NOW, RESOURCE, World, server};
use http::{Method, Uri};
use oidc_proto::{
    Error,
    base::{JsonError, UrlError, base64url},
    flow::{CallbackError, Client, ClientCredentialsRequest, Endpoint, ResponseRule, Step},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::{MemberError, MetadataError, ProviderMetadata},
    resource::{CredentialPolicy, CredentialsError, DenialReason, RequestView},
    token::{AccessTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, KeyRing, Party, drive, drive::NOW, drive_with, hostile,
    scenario::SECRET,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// A party whose metadata do not say that responses have `iss`.
fn silent() -> Party {
    let mut party = Party::new();
    let gone = hostile::remove_member("authorization_response_iss_parameter_supported");
    party.provider.alter_response(EndpointName::Discovery, gone);
    let metadata = party.discover().unwrap();
    let client = oidc_proto::flow::Client::builder(metadata, "app").secret(SECRET);
    party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
    party
}

fn called_back(party: &mut Party, query: &str) -> Error {
    let (_, pending) =
        party.client.authorize(&AuthorizationRequest::default(), party.clock.moment()).unwrap();
    let query = query.replace("{state}", pending.state());
    party.callback(pending, &query, None).unwrap_err()
}

#[test]
fn e29_another_issuer_is_refused_even_if_the_metadata_do_not_mention_iss() {
    for iss in ["https://evil.example", "https://op.example/", ""] {
        let error = called_back(&mut silent(), &format!("code=c&state={{state}}&iss={iss}"));
        assert_eq!(error, CallbackError::Issuer.into(), "{iss}");
    }
}

#[test]
fn e30_a_refusal_of_another_issuer_is_not_that_of_this_one() {
    for mut party in [silent(), Party::new()] {
        let error = called_back(&mut party, "error=access_denied&state={state}&iss=https://evil.example");
        assert_eq!(error, CallbackError::Issuer.into());
        let error = called_back(&mut party, "error=access_denied&iss=https://evil.example");
        assert_eq!(error, CallbackError::State.into(), "not even its text is shown");
    }
}

#[test]
fn e31_the_answer_to_a_demand_is_checked() {
    let old = NOW.0 - 86_400;
    let demands =
        || AuthorizationRequest::default().max_age(Duration::from_secs(600)).essential_acr(["gold"]);
    let refused = |claim: &str, value: serde_json::Value| {
        let mut party = Party::new();
        party.provider.alter_id_token(hostile::set_claim("acr", "gold"));
        party.provider.alter_id_token(hostile::set_claim(claim, value));
        match party.login_with(&demands(), None) {
            Err(Error::Token(why)) => why,
            other => panic!("{claim}: {other:?}"),
        }
    };
    assert!(matches!(refused("auth_time", old.into()), VerificationError::AuthenticationTooOld { .. }));
    assert_eq!(refused("acr", "bronze".into()), VerificationError::AuthenticationContext);
    assert_eq!(refused("at_hash", "AAAA".into()), VerificationError::AccessTokenHash);
}

/// A peer took a token that is bound to a key for a bearer token, because it did not know the way in which it is bound.
#[test]
fn e36_a_token_that_is_bound_in_an_unknown_way_is_no_bearer_token() {
    let world = World::new();
    let token = |cnf: &Value| world.token(&json!({ "cnf": cnf }));
    for cnf in [
        json!({"kid": "the key of the client"}),
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}),
        json!({"jku": "https://app.example/keys", "kid": "1"}),
        json!({"x5t#S512": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"osc": {}}),
        json!({}),
    ] {
        let why = Some(DenialReason::Token(VerificationError::ConfirmationMethod));
        assert_eq!(world.why(&token(&cnf)), why, "{cnf}");
        let verifier = AccessTokenVerifier::new(crate::resource::world::ISSUER, RESOURCE);
        let verdict = verifier.verify(&token(&cnf), &world.keys, &mut Scratch::new(), API_NOW).map(drop);
        assert_eq!(verdict, Err(VerificationError::ConfirmationMethod), "{cnf}");
    }
    assert_eq!(world.why(&token(&Value::Null)), None, "a bearer token has no `cnf`");
}

/// A peer decoded a token of any length. `hot_path.rs` shows that such a token costs no memory here.
#[test]
fn e37_a_token_of_a_megabyte_is_refused_by_its_length_alone() {
    let megabyte = "A".repeat(1 << 20);
    let world = World::new();
    let good = world.token(&json!({"note": "x".repeat(1 << 20)}));
    // If any part were decoded first, each of these would be refused for another reason.
    for (what, token) in [
        ("a valid token", good),
        ("no base64", "!".repeat(1 << 20)),
        ("no header", format!("{megabyte}.e30.AA")),
        ("no algorithm", format!("e30.{megabyte}.AA")),
        ("no dots", megabyte.clone()),
    ] {
        let verifier = AccessTokenVerifier::new(crate::resource::world::ISSUER, RESOURCE);
        let verdict = verifier.verify(&token, &world.keys, &mut Scratch::new(), API_NOW).map(drop);
        assert_eq!(verdict, Err(VerificationError::TooLarge), "{what}");
        let headers =
            crate::resource::world::headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
        let (method, uri) = (Method::GET, Uri::from_static("/orders"));
        let view = RequestView::new(&method, &uri, &headers);
        let denied = server().build().unwrap().inspect(&view, &mut Scratch::new()).unwrap_err();
        assert_eq!(denied.reason(), DenialReason::BadRequest(CredentialsError::TooLarge), "{what}");
        let form = format!("access_token={token}");
        let headers = crate::resource::world::headers(&[(
            "content-type",
            "application/x-www-form-urlencoded".as_bytes(),
        )]);
        let method = Method::POST;
        let view = RequestView::new(&method, &uri, &headers).form(form.as_bytes());
        let lenient = server().credentials(CredentialPolicy::default().with_form()).build().unwrap();
        let denied = lenient.inspect(&view, &mut Scratch::new()).unwrap_err();
        assert_eq!(denied.reason(), DenialReason::BadRequest(CredentialsError::TooLarge), "{what}");
    }
    // An ID token comes in a response, whose length has a limit of its own.
    for (length, refused) in [(20_000, VerificationError::TooLarge.into()), (1 << 20, too_large())] {
        let mut party = Party::new();
        let long = base64url::encode("x".repeat(length).as_bytes());
        party
            .provider
            .alter_response(EndpointName::Token, hostile::set_member("id_token", format!("e30.{long}.!")));
        assert_eq!(party.login().unwrap_err(), refused);
    }
}

fn too_large() -> Error {
    let mut party = Party::new();
    party.provider.alter_response(EndpointName::Token, hostile::pad_body(1 << 20));
    let error = party.login().unwrap_err();
    let Error::Response(broken) = &error else { panic!("{error}") };
    assert!(matches!(broken.rule, ResponseRule::TooLarge { .. }) && broken.endpoint == Endpoint::Token);
    error
}

/// The metadata of a provider, with these members changed.
fn discovered(changes: &[(&str, Value)]) -> Result<ProviderMetadata, Error> {
    let mut party = Party::new();
    for (name, value) in changes {
        party.provider.alter_response(EndpointName::Discovery, hostile::set_member(*name, value.clone()));
    }
    party.discover()
}

/// A peer sent codes and secrets to the metadata service of its own cloud.
#[test]
fn e39_no_endpoint_is_at_a_link_local_address() {
    for host in ["169.254.169.254", "169.254.0.1:8443", "[fe80::1]", "[::ffff:169.254.169.254]", "0xa9fea9fe"]
    {
        for (name, every_flow_needs_it) in
            [("token_endpoint", true), ("jwks_uri", true), ("userinfo_endpoint", false)]
        {
            let url = json!(format!("https://{host}/latest"));
            let why = MemberError::Url(UrlError::PrivateAddress);
            match discovered(&[(name, url)]) {
                Err(Error::Response(broken)) if every_flow_needs_it => {
                    let ResponseRule::Metadata(MetadataError::Unusable(aside)) = &broken.rule else {
                        panic!("{broken}")
                    };
                    assert_eq!((aside.member, aside.why), (name, why), "{host}");
                    assert!(broken.to_string().contains("`UrlPolicy::with_private_addresses`"), "{broken}");
                }
                Ok(metadata) if !every_flow_needs_it => {
                    let [aside] = &metadata.set_aside[..] else { panic!("{host}: {:?}", metadata.set_aside) };
                    assert_eq!((aside.member, aside.why), (name, why), "{host}");
                }
                other => panic!("{name} at {host}: {other:?}"),
            }
        }
    }
}

/// A peer sent no `Accept`. GitHub then answers with a form.
#[test]
fn e40_a_provider_that_answers_with_a_form_unless_it_is_asked_for_json_can_be_read() {
    let as_form = |response: http::Response<Vec<u8>>| {
        let members: Value = serde_json::from_slice(response.body()).unwrap();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in members.as_object().unwrap() {
            form.append_pair(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str());
        }
        let answer = http::Response::builder().header("content-type", "application/x-www-form-urlencoded");
        answer.body(form.finish().into_bytes()).unwrap()
    };
    for strip in [false, true] {
        let mut party = Party::new();
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let response = AuthorizationResponse::from_query(&party.callback_query(&url)).unwrap();
        let call = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
        let Party { provider, clock, .. } = &mut party;
        let user = drive_with(call, clock, |request, _, now| {
            let json = request.headers().get("accept").is_some_and(|accept| {
                accept.to_str().unwrap().split(", ").any(|name| name == "application/json")
            });
            let response = provider.handle(request, now);
            Some(if json && !strip { response } else { as_form(response) })
        });
        match user {
            Ok(user) => assert!(!strip && user.unwrap().id_token.sub == "alice"),
            Err(Error::Response(broken)) => {
                assert!(strip, "{broken}");
                assert_eq!(broken.rule, ResponseRule::Json(JsonError::NotJson), "the form is no JSON");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn e41_a_success_that_is_an_error_shows_what_the_provider_said() {
    for (body, said) in [
        (
            r#"{"error":"bad_verification_code","error_description":"The code is incorrect"}"#,
            "The code is incorrect",
        ),
        (r#"{"error":"slow","access_token":null}"#, "`slow`"),
        (r#"{"error":"unknown_app","error_uri":"https://op.example/help"}"#, "https://op.example/help"),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, hostile::respond(200, "application/json", body));
        let error = party.login().unwrap_err();
        assert!(matches!(error, Error::OAuth(_)) && error.to_string().contains(said), "{error}");
    }
}

/// A peer refused the whole document because of a member that nobody needs.
#[test]
fn e43_a_member_that_nobody_needs_does_not_spoil_the_metadata() {
    for (name, value, aside) in [
        ("op_policy_uri", json!(null), false),
        ("op_policy_uri", json!("/privacy"), true),
        ("op_policy_uri", json!("privacy.html"), true),
        ("op_policy_uri", json!(""), true),
        ("op_policy_uri", json!(7), true),
        ("op_tos_uri", json!("//op.example/terms"), true),
        ("service_documentation", json!("http://op.example/help"), true),
        ("revocation_endpoint", json!(null), false),
        ("scopes_supported", json!(null), false),
        ("ui_locales_supported", json!("de en"), true),
        ("claims_parameter_supported", json!(null), false),
        ("claims_parameter_supported", json!("yes"), true),
        ("mtls_endpoint_aliases", json!(null), false),
        ("of_this_provider_alone", json!(null), false),
    ] {
        let metadata = discovered(&[(name, value.clone())]).unwrap_or_else(|e| panic!("{name}={value}: {e}"));
        let named: Vec<_> = metadata.set_aside.iter().map(|aside| aside.member).collect();
        assert_eq!(named, if aside { vec![name] } else { vec![] }, "{name}={value}");
        let mut party = Party::new();
        let client = oidc_proto::flow::Client::builder(metadata, "app").secret(SECRET);
        party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
        assert_eq!(party.login().unwrap().id_token.sub, "alice", "{name}={value}");
    }
    let everything = [
        ("op_policy_uri", json!("/privacy")),
        ("op_tos_uri", json!(null)),
        ("service_documentation", json!("help")),
    ];
    assert_eq!(discovered(&everything).unwrap().set_aside.len(), 2);
    // What every flow needs is another matter.
    for value in [json!(null), json!("/token"), json!(7)] {
        assert!(discovered(&[("token_endpoint", value.clone())]).is_err(), "{value}");
    }
}

#[test]
fn e45_the_text_of_a_stranger_is_never_that_of_a_refusal() {
    for query in [
        "error=access_denied&error_description=Call+0900+now&state=none-of-ours",
        "error=Call+0900+now&state=x",
    ] {
        let error = called_back(&mut Party::new(), query);
        assert_eq!(error, CallbackError::State.into());
        assert!(!error.to_string().contains("0900"), "{error}");
    }
    let error = called_back(&mut Party::new(), "error=access_denied&error_description=Call+0900+now");
    assert!(error.to_string().contains("nobody vouches for what it says"), "{error}");
    assert_ne!(error.code(), "callback_denied");
}

/// Two instances share a configuration, and a browser may come back to the other one.
#[test]
fn e10_each_login_has_its_own_pkce_pair_and_either_instance_ends_it() {
    let mut party = Party::new();
    let here = party.client.clone();
    let there = Client::builder(party.discover().unwrap(), "app")
        .secret(SECRET)
        .redirect_uri("https://app.example/callback")
        .build()
        .unwrap();
    let request = AuthorizationRequest::new(["profile"]);
    let mut begun: Vec<_> = (0..8)
        .map(|number| {
            let client = if number % 2 == 0 { &here } else { &there };
            let (url, pending) = client.authorize(&request, party.clock.moment()).unwrap();
            (url, pending, if number % 3 == 0 { here.clone() } else { there.clone() })
        })
        .collect();
    let challenges: BTreeSet<String> = begun
        .iter()
        .map(|(url, ..)| url.query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1.into_owned())
        .collect();
    assert_eq!(challenges.len(), begun.len(), "no verifier serves two logins");
    begun.reverse();
    for (url, pending, client) in begun {
        let response = AuthorizationResponse::from_query(&party.callback_query(&url)).unwrap();
        let step = pending.callback(&client, None, response, party.clock.moment()).unwrap();
        assert_eq!(drive(step, &mut party.provider, &mut party.clock).unwrap().id_token.sub, "alice");
    }
    party.provider.assert_clean();
}

/// A code is sent once. What may be repeated is repeated with another assertion and another proof, and the wait holds
/// nothing: another flow runs meanwhile.
#[test]
fn e16_no_repetition_sends_a_code_an_assertion_or_a_proof_again() {
    for status in [429, 500, 502, 503] {
        let (key, jwk) = KeyRing::client_key(Algorithm::ES256);
        let authentication = ClientAuthentication::PrivateKeyJwt(jwk);
        let proof = Arc::clone(&key);
        let mut party = Party::builder()
            .authentication(authentication)
            .client(move |client| client.signer(Arc::clone(&key)).dpop_key(proof))
            .build();
        let (url, pending) = party.authorize(&AuthorizationRequest::new(["profile"])).unwrap();
        let response = AuthorizationResponse::from_query(&party.callback_query(&url)).unwrap();
        let busy = hostile::respond(status, "text/plain", "not now");
        party.provider.alter_response(EndpointName::Token, busy);
        let step = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
        assert!(drive(step, &mut party.provider, &mut party.clock).is_err(), "{status}");
        assert_eq!(party.provider.count(EndpointName::Token), 1, "{status}: the code was sent once");

        // Client credentials are repeated. While they wait, another flow of the same client goes its way.
        let call =
            party.client.client_credentials(&ClientCredentialsRequest::new(["read"]), party.clock.moment());
        let mut step = Step::from(call.unwrap());
        let mut waits = 0;
        loop {
            step = match step {
                Step::Send(call) => {
                    let (request, _, pending) = call.into_parts();
                    let response = party.provider.handle(&request, party.clock.now());
                    match pending.receive(response, party.clock.moment()) {
                        Ok(step) => step,
                        Err(_) => break,
                    }
                }
                Step::Wait(pause) => {
                    waits += 1;
                    let wanted = ClientCredentialsRequest::new(["other"]);
                    let other = party.client.client_credentials_once(&wanted, party.clock.moment()).unwrap();
                    assert!(drive(other, &mut party.provider, &mut party.clock).is_err());
                    let until = pause.until();
                    party.clock.advance(until.0 - party.clock.now().0);
                    pause.wake(party.clock.moment()).unwrap()
                }
                Step::Done(_) => panic!("the provider is busy"),
            };
        }
        assert_eq!(waits > 0, matches!(status, 429 | 503), "{status}");
        // Each assertion and each proof of all these requests is another one.
        let sent: Vec<_> =
            party.provider.requests().iter().filter(|seen| seen.endpoint == EndpointName::Token).collect();
        let assertions: BTreeSet<_> =
            sent.iter().filter_map(|seen| seen.parameter("client_assertion")).collect();
        let proofs: BTreeSet<_> = sent.iter().filter_map(|seen| seen.header("dpop")).collect();
        assert_eq!((assertions.len(), proofs.len()), (sent.len(), sent.len()), "{status}");
    }
}
