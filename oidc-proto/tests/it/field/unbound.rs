//! ID tokens without a nonce, codes without PKCE, and further authorized parties.

use oidc_proto::{
    Error,
    flow::{Client, ClientBuilder, ConfigError, PendingAuthorizations, Quirks, SealingKeys, Step},
    message::{AccessRequest, AuthorizationRequest, AuthorizationResponse, ResponseType},
    token::VerificationError,
};
use oidc_testkit::{ClientAuthentication, EndpointName, Party, hostile, scenario::SECRET};
use serde_json::json;

fn no_nonce() -> Quirks {
    let mut quirks = Quirks::default();
    quirks.no_nonce = true;
    quirks
}

fn no_pkce() -> Quirks {
    let mut quirks = Quirks::default();
    quirks.no_pkce = true;
    quirks
}

fn with(quirks: Quirks) -> Party {
    Party::builder().client(move |client| client.quirks(quirks)).build()
}

#[test]
fn an_id_token_without_a_nonce_needs_the_quirk_and_a_wrong_nonce_is_never_accepted() {
    for value in [None, Some(serde_json::Value::Null)] {
        let alter = |party: &mut Party| match &value {
            None => party.provider.alter_id_token(hostile::remove_claim("nonce")),
            Some(null) => party.provider.alter_id_token(hostile::set_claim("nonce", null.clone())),
        };
        let mut strict = Party::new();
        alter(&mut strict);
        let error = strict.login().unwrap_err();
        assert_eq!(error, VerificationError::Missing("nonce").into());
        assert!(error.to_string().contains("`Quirks::no_nonce`"), "{error}");
        let mut lenient = with(no_nonce());
        alter(&mut lenient);
        assert_eq!(lenient.login().unwrap().id_token.nonce, None);
        let seen =
            lenient.provider.requests().iter().find(|seen| seen.endpoint == EndpointName::Token).unwrap();
        assert!(seen.parameter("code_verifier").is_some(), "PKCE binds the code");
    }
    for wrong in ["", "of another login"] {
        let mut lenient = with(no_nonce());
        lenient.provider.alter_id_token(hostile::set_claim("nonce", wrong));
        assert_eq!(lenient.login().unwrap_err(), VerificationError::Nonce.into());
    }
}

#[test]
fn a_public_client_keeps_its_nonce_unless_the_provider_says_that_it_checks_pkce() {
    for (named, bound) in [(json!(["S256"]), true), (json!(["plain", "S256"]), true), (json!(null), false)] {
        let mut party = Party::new();
        let methods = hostile::set_member("code_challenge_methods_supported", named.clone());
        party.provider.alter_response(EndpointName::Discovery, methods);
        let metadata = party.discover().unwrap();
        let client = Client::builder(metadata.clone(), "app").quirks(no_nonce());
        let built = client.redirect_uri("https://app.example/callback").build();
        assert_eq!(built.err(), (!bound).then_some(ConfigError::Unbound), "{named}");
        let client = Client::builder(metadata, "app").secret(SECRET).quirks(no_nonce());
        assert!(client.redirect_uri("https://app.example/callback").build().is_ok(), "{named}");
    }
}

#[test]
fn an_id_token_from_the_browser_needs_its_nonce_all_the_same() {
    let mut party = Party::new();
    party.provider.alter_response(
        EndpointName::Discovery,
        hostile::set_member("response_types_supported", json!(["code", "code id_token"])),
    );
    party.provider.alter_response(
        EndpointName::Discovery,
        hostile::set_member("response_modes_supported", json!(["query", "form_post"])),
    );
    let metadata = party.discover().unwrap();
    party.provider.alter_id_token(hostile::remove_claim("nonce"));
    let client = || Client::builder(metadata.clone(), "app").secret(SECRET).quirks(no_nonce());
    party.client = client().redirect_uri("https://app.example/callback").build().unwrap();
    let id_token = party.login().unwrap().tokens.id_token.unwrap();
    let sent = party.provider.count(EndpointName::Token);
    let request = AuthorizationRequest::default().response_type(ResponseType::CodeIdToken);
    let (_, pending) = party.client.authorize(&request, party.clock.moment()).unwrap();
    let (state, issuer) = (pending.state().to_owned(), party.provider.issuer().to_owned());
    let query = format!("code=c&state={state}&iss={issuer}&id_token={}", id_token.expose());
    let error = party.callback(pending, &query, None).unwrap_err();
    assert_eq!(error, VerificationError::Missing("nonce").into());
    assert_eq!(party.provider.count(EndpointName::Token), sent, "the code is not sent");
}

#[test]
fn a_code_is_never_left_without_a_tie() {
    let metadata = Party::new().client.metadata().clone();
    let mut both = no_nonce();
    both.no_pkce = true;
    let build = |quirks, secret: Option<&str>| {
        let builder = Client::builder(metadata.clone(), "app").redirect_uri("https://app.example/callback");
        secret.into_iter().fold(builder, ClientBuilder::secret).quirks(quirks).build()
    };
    let refused = |built: Result<Client, ConfigError>| built.map(drop).unwrap_err();
    assert_eq!(refused(build(both, Some(SECRET))), ConfigError::Unbound);
    assert_eq!(refused(build(no_pkce(), None)), ConfigError::Unbound, "a public client");
    let text = ConfigError::Unbound.to_string();
    assert!(text.contains("`Quirks::no_nonce`") && text.contains("public client"), "{text}");
    let client = build(no_pkce(), Some(SECRET)).unwrap();
    let access = client.authorize_access(&AccessRequest::new(["repo"]), Party::new().clock.moment());
    assert_eq!(access.map(drop).unwrap_err(), ConfigError::Unbound.into(), "no nonce is in such a request");
    build(no_nonce(), None).unwrap();
}

#[test]
fn without_pkce_no_challenge_and_no_verifier_is_sent_and_the_nonce_binds_the_code() {
    let mut party = with(no_pkce());
    let (url, pending) =
        party.client.authorize(&AuthorizationRequest::default(), party.clock.moment()).unwrap();
    assert!(!url.as_str().contains("code_challenge"), "{url}");
    assert!(url.as_str().contains("nonce="), "{url}");
    // It is saved, sealed and opened like any other, alone and beside a usual one.
    let text = serde_json::to_string(&pending).unwrap();
    assert_eq!(serde_json::from_str::<oidc_proto::flow::PendingAuthorization>(&text).unwrap(), pending);
    assert!(serde_json::from_str::<oidc_proto::flow::PendingFrontLogin>(&text).is_err(), "another kind");
    assert!(serde_json::from_str::<oidc_proto::flow::PendingAccess>(&text).is_err(), "another kind");
    let mut usual = Party::new();
    let (_, other) = usual.client.authorize(&AuthorizationRequest::default(), usual.clock.moment()).unwrap();
    let (mut open, keys) = (PendingAuthorizations::new(), SealingKeys::new(1, &[42; 32]));
    open.add(pending.clone(), party.clock.now());
    open.add(other, party.clock.now());
    let cookie = keys.seal(&open, "logins@app.example", party.clock.moment()).unwrap();
    let mut opened: PendingAuthorizations = keys.open(&cookie, "logins@app.example").unwrap();
    assert_eq!(opened, open);
    let pending = opened.take(pending.state()).unwrap();
    let response = format!("code=c&state={}&iss={}", pending.state(), party.provider.issuer());
    let response = AuthorizationResponse::from_query(&response).unwrap();
    let step = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
    let Step::Send(call) = step else { panic!("the code is sent") };
    let body = String::from_utf8_lossy(call.request().body()).into_owned();
    assert!(body.contains("code=c") && !body.contains("code_verifier"), "{body}");
}

/// A login that began without PKCE ends at a node whose settings have changed meanwhile.
#[test]
fn a_login_without_pkce_needs_its_nonce_even_if_the_settings_changed() {
    let mut party = with(no_nonce());
    let begins = with(no_pkce());
    let (_, pending) =
        begins.client.authorize(&AuthorizationRequest::default(), party.clock.moment()).unwrap();
    // Another login gives a code that the provider accepts; its PKCE is checked by a provider that we bend.
    party.provider.alter_id_token(hostile::remove_claim("nonce"));
    let user = Party::new().login().unwrap();
    let id_token = {
        let mut other = with(no_nonce());
        other.provider.alter_id_token(hostile::remove_claim("nonce"));
        other.login().unwrap().tokens.id_token.unwrap()
    };
    let body = json!({"access_token": user.tokens.access_token.expose(), "token_type": "Bearer",
        "id_token": id_token.expose()});
    party
        .provider
        .alter_response(EndpointName::Token, hostile::respond(200, "application/json", body.to_string()));
    let query = format!("code=c&state={}&iss={}", pending.state(), party.provider.issuer());
    let refused = party.callback(pending, &query, None).unwrap_err();
    assert_eq!(refused, VerificationError::Missing("nonce").into());
}

#[test]
fn metadata_without_s256_refuses_the_request_and_names_the_quirk() {
    let mut party = Party::new();
    let listed = hostile::set_member("code_challenge_methods_supported", json!(["plain"]));
    party.provider.alter_response(EndpointName::Discovery, listed);
    let metadata = party.discover().unwrap();
    let build = |quirks| {
        let client = Client::builder(metadata.clone(), "app").secret(SECRET).quirks(quirks);
        client.redirect_uri("https://app.example/callback").build().unwrap()
    };
    let mut begin =
        |client: &Client| client.authorize(&AuthorizationRequest::default(), party.clock.moment());
    let error = begin(&build(Quirks::default())).map(drop).unwrap_err();
    assert_eq!(error, ConfigError::NoS256.into());
    assert!(error.to_string().contains("`Quirks::no_pkce`"), "{error}");
    assert!(begin(&build(no_pkce())).is_ok());
}

#[test]
fn a_refused_code_mentions_pkce_where_the_metadata_are_silent_about_it() {
    let refused = |silent: bool, error: &'static str, quirks: Quirks| {
        let mut party = Party::new();
        if silent {
            let gone = hostile::remove_member("code_challenge_methods_supported");
            party.provider.alter_response(EndpointName::Discovery, gone);
        }
        let metadata = party.discover().unwrap();
        let client = Client::builder(metadata, "app").secret(SECRET).quirks(quirks);
        party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
        party.provider.alter_response(EndpointName::Token, hostile::oauth_error(401, error));
        let (_, pending) =
            party.client.authorize(&AuthorizationRequest::default(), party.clock.moment()).unwrap();
        let query = format!("code=c&state={}&iss={}", pending.state(), party.provider.issuer());
        match party.callback(pending, &query, None) {
            Err(Error::OAuth(refused)) => refused.to_string(),
            other => panic!("{other:?}"),
        }
    };
    for error in ["invalid_client", "invalid_request"] {
        assert!(refused(true, error, Quirks::default()).contains("`Quirks::no_pkce`"), "{error}");
        assert!(!refused(false, error, Quirks::default()).contains("PKCE"), "the metadata name S256");
        assert!(!refused(true, error, no_pkce()).contains("PKCE"), "it was not sent");
    }
    assert!(!refused(true, "invalid_grant", Quirks::default()).contains("PKCE"));
}

#[test]
fn a_further_authorized_party_is_accepted_only_if_it_is_named() {
    for (named, azp, accepted) in [
        (&[][..], "app", true),
        (&[], "mobile-app", false),
        (&["mobile-app"], "mobile-app", true),
        (&["mobile-app"], "app", true),
        (&["mobile-app", "desk"], "desk", true),
        (&["mobile-app"], "desk", false),
        (&["mobile-app"], " ", false),
    ] {
        let mut party = Party::builder()
            .client(move |client| client.trusted_authorized_parties(named.iter().copied()))
            .build();
        party.provider.alter_id_token(hostile::set_claim("azp", azp));
        match party.login() {
            Ok(user) => assert!(accepted && user.id_token.azp.as_deref() == Some(azp), "{named:?} {azp}"),
            Err(error) => {
                assert!(!accepted, "{named:?} {azp}: {error}");
                assert_eq!(error, VerificationError::AuthorizedParty.into());
                assert!(error.to_string().contains("`ClientBuilder::trusted_authorized_parties`"), "{error}");
            }
        }
    }
    // It says nothing of the audience.
    let configure = |client: ClientBuilder| client.trusted_authorized_parties(["mobile-app"]);
    let mut party = Party::builder().client(configure).authentication(ClientAuthentication::None).build();
    party.provider.alter_id_token(hostile::set_claim("aud", json!(["app", "mobile-app"])));
    assert_eq!(party.login().unwrap_err(), VerificationError::UntrustedAudience.into());
}
