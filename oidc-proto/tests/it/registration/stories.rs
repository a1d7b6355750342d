//! Stories of clients that register: who may, what is sent, what follows, and what goes wrong on the way.

use super::*;
use oidc_proto::{
    Secret, Timestamp,
    flow::{
        ClientAuthentication, ClientCredentialsRequest, ConfigError, Endpoint, MAX_RESPONSE,
        RegisteredClientError, ResponseRule,
    },
    jose::Algorithm,
    message::ClientMetadataError,
};
use oidc_testkit::{EndpointName, KeyRing, hostile};

#[test]
fn a_program_registers_and_its_user_logs_in() {
    for (wanted, method) in [
        (web(), ClientAuthentication::ClientSecretBasic),
        (web().token_endpoint_auth_method("client_secret_post"), ClientAuthentication::ClientSecretPost),
        (web().token_endpoint_auth_method("client_secret_jwt"), ClientAuthentication::ClientSecretJwt),
        (native(), ClientAuthentication::None),
    ] {
        let mut party = party();
        let wanted = wanted.id_token_signed_response_alg("EdDSA").client_name("Shop");
        let registered = register(&mut party, wanted.clone()).unwrap();
        assert_eq!(registered.authentication, method);
        assert_eq!(registered.client_secret.is_some(), method != ClientAuthentication::None);
        assert_eq!(
            (registered.issuer.as_str(), registered.client_id_issued_at),
            ("https://op.example", Some(NOW))
        );
        assert_eq!(registered.changes, [], "it is registered as it was asked for");
        assert_eq!(registered.metadata.client_name.as_deref(), Some("Shop"));

        let builder = registered.builder(party.discover().unwrap(), party.clock.now()).unwrap();
        party.client = builder.build().unwrap();
        let user = party.login().unwrap();
        assert_eq!(user.id_token.sub, "alice");
        party.refresh(&user).unwrap();
        party.provider.assert_clean();
        let sent = party.provider.requests().iter().find(|seen| seen.endpoint == EndpointName::Registration);
        let sent: Value = serde_json::from_slice(&sent.unwrap().body).unwrap();
        assert_eq!(sent, wanted.to_json());
    }
}

#[test]
fn a_client_that_signs_registers_its_public_key() {
    let (signer, _) = KeyRing::client_key(Algorithm::EdDSA);
    let mut party = party();
    let wanted = web().token_endpoint_auth_method("private_key_jwt").jwks([signer.public_jwk().unwrap()]);
    let registered = register(&mut party, wanted).unwrap();
    assert_eq!(registered.authentication, ClientAuthentication::PrivateKeyJwt);
    let builder = registered.builder(party.discover().unwrap(), party.clock.now()).unwrap();
    party.client = builder.signer(signer).build().unwrap();
    party.login().unwrap();
    party.provider.assert_clean();
}

#[test]
fn a_service_registers_and_gets_tokens_for_itself() {
    let mut party = party();
    let registered = register(&mut party, ClientMetadata::service()).unwrap();
    let client = registered.builder(party.discover().unwrap(), party.clock.now()).unwrap().build().unwrap();
    let call = client.client_credentials(&ClientCredentialsRequest::default(), party.clock.moment()).unwrap();
    drive(call, &mut party.provider, &mut party.clock).unwrap();
    party.provider.assert_clean();
}

#[test]
fn a_provider_may_let_only_those_register_who_have_a_token() {
    let mut party = party();
    party.provider.demand_initial_access_token("the-right-token");
    let request = |token: &str| RegistrationRequest::new(web()).initial_access_token(token);
    register(&mut party, request("the-right-token")).unwrap();
    for refused in [RegistrationRequest::new(web()), request("another-token")] {
        let error = register(&mut party, refused).unwrap_err();
        assert_eq!(error.code(), "invalid_token", "{error}");
        assert!(error.to_string().contains("`RegistrationRequest::initial_access_token`"), "{error}");
    }
    assert_eq!(party.provider.registered_clients().len(), 1);
    party.provider.assert_clean();
    // A token that cannot stand in a header is not sent.
    for bad in ["", "two\nlines", "\u{e9}"] {
        let error = Registration::start(&party.discover().unwrap(), &request(bad)).unwrap_err();
        assert_eq!(error, Error::Config(ConfigError::Characters("initial_access_token")), "{bad:?}");
    }
}

#[test]
fn a_software_statement_speaks_for_the_client() {
    let mut party = party();
    let statement = "eyJhbGciOiJSUzI1NiJ9.eyJzb2Z0d2FyZV9pZCI6IjEifQ.c2lnbmF0dXJl";
    let said = json!({"redirect_uris": [CALLBACK], "software_id": "1", "client_name": "Certified"});
    party.provider.accept_software_statement(statement, said);
    let registered = register(&mut party, ClientMetadata::new().software_statement(statement)).unwrap();
    assert_eq!(registered.metadata.redirect_uris.as_deref(), Some(&[CALLBACK.to_owned()][..]));
    assert_eq!(registered.metadata.software_statement.as_deref(), Some(statement));
    let told: Vec<_> = registered.changes.iter().map(|change| change.member.as_str()).collect();
    assert_eq!(told, ["client_name", "redirect_uris", "software_id"]);

    for (bad, code) in [("no JWT", "invalid_software_statement"), ("a.b.c", "unapproved_software_statement")]
    {
        let error = register(&mut party, ClientMetadata::new().software_statement(bad)).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!error.to_string().contains(bad), "{error}");
    }
    party.provider.assert_clean();
}

#[test]
fn a_refusal_says_what_is_wrong() {
    for (wanted, code, advice) in [
        (ClientMetadata::web(["http://localhost/callback"]), "invalid_redirect_uri", "`application_type`"),
        (ClientMetadata::web(["app.example:/callback"]), "invalid_redirect_uri", "`redirect_uris`"),
        (web().token_endpoint_auth_method("tls_client_auth"), "invalid_client_metadata", "client metadata"),
        (web().id_token_signed_response_alg("none"), "invalid_client_metadata", "client metadata"),
        (web().application_type("desktop"), "invalid_client_metadata", "client metadata"),
        (native().application_type("web"), "invalid_redirect_uri", "`native`"),
    ] {
        let mut party = party();
        let error = register(&mut party, wanted).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(advice), "{error}");
        assert_eq!(error.remedy(), oidc_proto::Remedy::FixConfiguration);
        assert_eq!(error.registered_client(), None, "there is no client");
        assert!(party.provider.registered_clients().is_empty());
    }
}

#[test]
fn what_cannot_work_is_not_sent() {
    let provider = provider(&Value::Null);
    let start =
        |wanted: ClientMetadata| Registration::start(&provider, &wanted.into()).map(drop).unwrap_err();
    let config = Error::Config;
    for (wanted, error) in [
        (
            ClientMetadata::new(),
            ConfigError::ClientMetadata(ClientMetadataError::NoRedirectUri("authorization_code")),
        ),
        (
            web().token_endpoint_auth_method("private_key_jwt"),
            ConfigError::ClientMetadata(ClientMetadataError::NoKeys("private_key_jwt")),
        ),
        (
            web().member("client_secret", "mine"),
            ConfigError::ClientMetadata(ClientMetadataError::OfProvider("client_secret")),
        ),
        (
            ClientMetadata::web([CALLBACK, "https://app.example/#a"]),
            ConfigError::RedirectUri("has a fragment (RFC 6749 section 3.1.2)"),
        ),
        (
            ClientMetadata::web(["http://app.example/"]),
            ConfigError::RedirectUri("is plain http and not on this machine"),
        ),
        (
            ClientMetadata::native(["javascript:alert(1)"]),
            ConfigError::RedirectUri("has a scheme that no client can receive"),
        ),
        (ClientMetadata::web(["/callback"]), ConfigError::RedirectUri("is not an absolute URL")),
    ] {
        assert_eq!(start(wanted), config(error));
    }
    let mut silent = provider.clone();
    silent.registration_endpoint = None;
    let error = Registration::start(&silent, &web().into()).map(drop).unwrap_err();
    assert_eq!(error, config(ConfigError::NoEndpoint("registration_endpoint")));
}

#[test]
fn a_registration_is_sent_once_whatever_happens_to_it() {
    let provider = provider(&Value::Null);
    let start = || Registration::start(&provider, &web().into()).unwrap();
    let (request, terms, pending) = start().into_parts();
    assert_eq!((request.method().as_str(), terms.endpoint), ("POST", Endpoint::Registration));
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["accept"], "application/json");
    assert!(!request.headers().contains_key("authorization"));
    assert!(matches!(pending.fail(moment(NOW)), Ok(None)), "nobody knows whether it has arrived");
    for status in [429, 500, 502, 503, 504] {
        let error = answer(start(), status, "application/json", "{}").unwrap_err();
        assert_eq!(error.code(), "unavailable", "{status}");
    }
    for (status, kind, body, code) in [
        (200, "text/html", "<html>", "response_json"),
        (201, "application/json", "[]", "response_json"),
        (201, "application/json", "{}", "response_missing_member"),
        (201, "application/json", r#"{"client_id": ""}"#, "response_missing_member"),
        (201, "application/json", r#"{"client_id": 7}"#, "response_json"),
        (201, "application/json", r#"{"client_id": "a", "client_id": "b"}"#, "response_json"),
        (200, "application/json", r#"{"error": "invalid_client_metadata"}"#, "invalid_client_metadata"),
        (200, "application/json", r#"{"error": {"message": "no"}}"#, "response_refusal"),
        (307, "text/html", "", "response_redirect"),
        (404, "text/html", "<p>nothing here", "response_status"),
        (403, "text/plain", "registration is closed", "response_refusal"),
    ] {
        let error = answer(start(), status, kind, body).unwrap_err();
        assert_eq!((error.code(), error.registered_client()), (code, None), "{status} {body}");
    }
    let large = answer(start(), 201, "application/json", " ".repeat(MAX_RESPONSE + 1)).unwrap_err();
    assert!(
        matches!(&large, Error::Response(error) if error.rule == ResponseRule::TooLarge { limit: MAX_RESPONSE })
    );
    assert!(large.to_string().contains("`Call::max_body`"), "{large}");
}

#[test]
fn a_refusal_repeats_no_secret_of_the_request() {
    let statement = "eyJhbGciOiJSUzI1NiJ9.eyJzb2Z0d2FyZV9pZCI6IjEifQ.c2lnbmF0dXJl";
    let wanted = RegistrationRequest::new(ClientMetadata::new().software_statement(statement));
    let wanted = wanted.initial_access_token("the-token-of-the-developer");
    for repeated in [statement, "the-token-of-the-developer"] {
        let call = Registration::start(&provider(&Value::Null), &wanted).unwrap();
        let body =
            json!({"error": "invalid_client_metadata", "error_description": format!("not {repeated}")});
        let error = answer(call, 400, "application/json", body).unwrap_err();
        assert!(error.to_string().contains("[secret]") && !error.to_string().contains(repeated), "{error}");
    }
}

#[test]
fn credentials_go_to_their_own_issuer_alone() {
    let registered = managed();
    let document =
        json!({"issuer": "https://other.example", "response_types_supported": ["code"]}).to_string();
    let other = ProviderMetadata::parse(
        document.as_bytes(),
        "https://other.example",
        Profile::AuthorizationServer,
        &policy(),
    );
    let error = registered.builder(other.unwrap(), NOW).unwrap_err();
    assert_eq!(error, ConfigError::Registered(RegisteredClientError::OtherIssuer));
    // An issuer is a string: a slash more is another one.
    let mut slashed = provider(&Value::Null);
    slashed.issuer = "https://op.example/".into();
    let error = registered.builder(slashed, NOW).unwrap_err();
    assert_eq!(error, ConfigError::Registered(RegisteredClientError::OtherIssuer));
    registered.builder(provider(&Value::Null), NOW).unwrap().build().unwrap();
}

#[test]
fn a_registration_that_has_expired_says_so() {
    let mut party = party();
    party.provider.client_secret_lifetime(Some(3600));
    let registered = register(&mut party, web()).unwrap();
    assert_eq!(registered.client_secret_expires_at, Some(NOW.plus(3600)));
    let metadata = party.discover().unwrap();
    for (now, expired) in
        [(NOW, false), (NOW.plus(3599), false), (NOW.plus(3600), true), (Timestamp(i64::MAX), true)]
    {
        assert_eq!(registered.is_expired(now), expired);
        let built = registered.builder(metadata.clone(), now).map(drop);
        let error = Err(ConfigError::Registered(RegisteredClientError::Expired));
        assert_eq!(built, if expired { error } else { Ok(()) });
    }
    // A client that was built before learns it from the provider.
    party.client = registered.builder(metadata, NOW).unwrap().build().unwrap();
    party.clock.advance(3600);
    assert_eq!(party.login().unwrap_err().code(), "invalid_client");
    assert!(party.provider.audit().iter().any(|finding| finding.what.contains("expired")));

    // A public client has no secret that could expire, and a client with a key needs none.
    party.provider.client_secret_lifetime(Some(1));
    let public = register(&mut party, native()).unwrap();
    assert!(!public.is_expired(Timestamp(i64::MAX)));
}

/// Issue M19 of other libraries: a server forgets its clients, and the dead identifier is used for ever.
#[test]
fn a_client_that_the_provider_has_forgotten_registers_once_more() {
    let mut party = party();
    let registered = register(&mut party, web()).unwrap();
    let client = |party: &mut Party, registered: &RegisteredClient| {
        registered.builder(party.discover().unwrap(), party.clock.now()).unwrap().build().unwrap()
    };
    party.client = client(&mut party, &registered);
    let user = party.login().unwrap();
    party.provider.forget_client(&registered.client_id);
    let error = party.refresh(&user).unwrap_err();
    assert_eq!(error.code(), "invalid_client");
    let error = run(&mut party.provider, registered.read(&policy()).unwrap()).unwrap_err();
    assert_eq!(error.code(), "invalid_token", "nor is there a registration to read");
    party.provider.assert_clean();

    let again = register(&mut party, web()).unwrap();
    assert_ne!(again.client_id, registered.client_id);
    party.client = client(&mut party, &again);
    party.login().unwrap();
    party.provider.assert_clean();
    // The kit finds a program that does not give up.
    party.client = client(&mut party, &registered);
    party.refresh(&user).unwrap_err();
    assert!(party.provider.audit().iter().any(|finding| finding.what.contains("that is gone")));
}

#[test]
fn an_answer_that_is_slow_or_cut_off_registers_nothing_twice() {
    let mut party = party();
    party.provider.alter_response(EndpointName::Registration, hostile::times(1, hostile::truncate_body(9)));
    let error = register(&mut party, web()).unwrap_err();
    assert_eq!(error.code(), "response_json");
    assert_eq!(party.provider.count(EndpointName::Registration), 1);
    party.provider.alter_response(EndpointName::Registration, hostile::times(1, hostile::retry_after(5)));
    let busy = register(&mut party, web()).unwrap_err();
    assert!(matches!(busy, Error::Unavailable(busy) if busy.retry_after().is_some()));
    assert_eq!(party.provider.count(EndpointName::Registration), 2);
    register(&mut party, web()).unwrap();
    party.provider.assert_clean();
}

#[test]
fn nothing_of_a_registration_shows() {
    let registered = managed();
    let shown = format!("{registered:?} {registered:#?}");
    for secret in ["the secret of the client", "the-token-of-the-registration"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(
        registered
            .client_secret
            .as_ref()
            .is_some_and(|secret: &Secret| secret.equals("the secret of the client"))
    );
}
