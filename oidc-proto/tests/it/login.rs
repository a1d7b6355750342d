//! Successful logins, with every algorithm and client authentication method, and the content of an
//! authorization request (OpenID Connect Core 1.0 sections 3.1.2 and 3.1.3, RFC 7636).

use oidc_proto::{
    Error, Secret,
    flow::{Client, ConfigError},
    jose::{Algorithm, AlgorithmSet},
    message::{AuthorizationRequest, Display, Prompt},
    metadata::ProviderMetadata,
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, Party, hostile,
    scenario::{CLIENT_ID, SECRET},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use url::Url;

fn authentications() -> [ClientAuthentication; 3] {
    [
        ClientAuthentication::None,
        ClientAuthentication::ClientSecretBasic(SECRET.to_owned()),
        ClientAuthentication::ClientSecretPost(SECRET.to_owned()),
    ]
}

/// The parameters of a URL. Checks that each of them appears once.
fn parameters(url: &Url) -> BTreeMap<String, String> {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "no parameter is repeated");
    map
}

/// The metadata of the party's provider, with changes.
fn metadata(changes: Value) -> Result<ProviderMetadata, Error> {
    let mut party = Party::new();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            party.provider.alter_response(EndpointName::Discovery, hostile::remove_member(name));
        } else {
            let set = hostile::set_member(name, value.clone());
            party.provider.alter_response(EndpointName::Discovery, set);
        }
    }
    party.discover()
}

fn client(changes: Value) -> Client {
    Client::builder(metadata(changes).unwrap(), CLIENT_ID)
        .redirect_uri("https://app.example/callback")
        .build()
        .unwrap()
}

fn begin(client: &Client, request: &AuthorizationRequest) -> Result<Url, Error> {
    client.authorize(request, Party::new().clock.moment()).map(|(url, _)| url)
}

#[test]
fn every_algorithm_logs_a_user_in_with_every_client_authentication() {
    for authentication in authentications() {
        for algorithm in Algorithm::RING.iter().copied() {
            if algorithm.is_symmetric() && authentication == ClientAuthentication::None {
                continue; // the client has no secret to sign with
            }
            let mut party =
                Party::builder().authentication(authentication.clone()).id_token_alg(algorithm).build();
            let user = party.login().unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
            assert_eq!(user.id_token.sub, "alice");
            assert_eq!(user.id_token.iss, "https://op.example");
            assert_eq!(user.id_token.aud, [CLIENT_ID]);
            assert_eq!(user.learned.keys.is_some(), !algorithm.is_symmetric(), "{algorithm:?}");
            assert_eq!(party.userinfo(&user).unwrap().claim::<String>("name").unwrap(), "Alice Example");
            assert!(party.refresh(&user).unwrap().id_token.is_some());
            party.provider.assert_clean();
        }
    }
}

#[test]
fn without_a_pin_only_asymmetric_algorithms_of_the_metadata_are_accepted() {
    for algorithm in Algorithm::RING.iter().copied() {
        let mut party = Party::new();
        party.provider.sign_with(algorithm);
        let accepted = party.login().is_ok();
        assert_eq!(accepted, AlgorithmSet::ASYMMETRIC.contains(algorithm), "{algorithm:?}");
        party.provider.assert_clean();
    }
}

#[test]
fn providers_without_a_supported_algorithm_are_refused_before_the_user_leaves() {
    for listed in [json!(["HS256"]), json!(["none", "ES512"]), json!([])] {
        let client = client(json!({ "id_token_signing_alg_values_supported": listed }));
        let refused = begin(&client, &AuthorizationRequest::default());
        assert_eq!(refused.unwrap_err(), ConfigError::NoAlgorithm.into());
    }
}

#[test]
fn symmetric_algorithms_need_a_secret_that_is_long_enough() {
    let build = |algorithm, secret: Option<&str>| {
        let builder =
            Client::builder(metadata(json!({})).unwrap(), CLIENT_ID).id_token_signed_response_alg(algorithm);
        secret.map(|secret| builder.clone().secret(secret)).unwrap_or(builder).build().map(|_| ())
    };
    for (algorithm, length) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        assert_eq!(build(algorithm, Some(&"k".repeat(length))), Ok(()));
        assert_eq!(build(algorithm, Some(&"k".repeat(length - 1))), Err(ConfigError::SecretTooShort));
        assert_eq!(build(algorithm, None), Err(ConfigError::SecretTooShort));
    }
}

#[test]
fn each_login_sends_new_state_nonce_and_pkce_and_fetches_nothing_needless() {
    let mut party = Party::new();
    let keys = party.keys().unwrap();
    let mut values = BTreeSet::new();
    for _ in 0..5 {
        let user = party.login_with(&AuthorizationRequest::new(["email"]), Some(keys.clone())).unwrap();
        assert!(user.learned.keys.is_none(), "the known keys were enough");
    }
    for seen in party.provider.requests() {
        match seen.endpoint {
            EndpointName::Authorize => {
                for name in ["state", "nonce", "code_challenge"] {
                    let value = seen.parameter(name).expect(name);
                    assert_eq!(value.len(), 43, "{name} carries 256 bits");
                    assert!(values.insert(value), "{name} is new");
                }
                assert_eq!(seen.parameter("response_type").as_deref(), Some("code"));
                assert_eq!(seen.parameter("code_challenge_method").as_deref(), Some("S256"));
                assert_eq!(seen.parameter("scope").as_deref(), Some("openid email"));
            }
            EndpointName::Token => {
                let verifier = seen.parameter("code_verifier").unwrap();
                assert!(values.insert(verifier), "the verifier is none of the values that the browser saw");
                assert_eq!(seen.parameter("redirect_uri").unwrap(), "https://app.example/callback");
            }
            _ => {}
        }
    }
    assert_eq!(values.len(), 20);
    assert_eq!(party.provider.count(EndpointName::Jwks), 1);
    party.provider.assert_clean();
}

#[test]
fn the_same_seed_repeats_a_request_and_another_seed_changes_it() {
    let url = |seed| {
        let mut party = Party::builder().seed(seed).build();
        party.authorize(&AuthorizationRequest::default()).unwrap().0
    };
    assert_eq!(url(7), url(7));
    let (a, b) = (parameters(&url(7)), parameters(&url(8)));
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(a[name], b[name]);
    }
}

#[test]
fn every_typed_parameter_reaches_the_provider_once_and_encoded() {
    let mut party = Party::new();
    let mut request = AuthorizationRequest::new(["profile", "email profile"])
        .prompt([Prompt::Login, Prompt::Consent])
        .max_age(Duration::from_secs(60))
        .login_hint("alice+b&c=d@example.com")
        .parameter("resource", "https://a.example/")
        .parameter("vendor", "é ü&=");
    request.display = Some(Display::Touch);
    request.ui_locales = vec!["de-CH".into(), "de".into()];
    request.claims_locales = vec!["fr".into()];
    request.acr_values = vec!["gold".into(), "silver".into()];
    request.id_token_hint = Some(Secret::new("a.b.c"));
    request.claims = json!({"userinfo": {"name": {"essential": true}}}).as_object().cloned();
    party.provider.allow_parameter(EndpointName::Authorize, "vendor");
    let user = party.login_with(&request, None).unwrap();
    assert_eq!(user.id_token.acr.as_deref(), Some("gold"));
    let seen = party.provider.requests().iter().find(|seen| seen.endpoint == EndpointName::Authorize);
    let sent: BTreeMap<_, _> = seen.unwrap().query_pairs().into_iter().collect();
    for (name, value) in [
        ("scope", "openid profile email"),
        ("prompt", "login consent"),
        ("display", "touch"),
        ("max_age", "60"),
        ("ui_locales", "de-CH de"),
        ("claims_locales", "fr"),
        ("acr_values", "gold silver"),
        ("id_token_hint", "a.b.c"),
        ("login_hint", "alice+b&c=d@example.com"),
        ("claims", r#"{"userinfo":{"name":{"essential":true}}}"#),
        ("resource", "https://a.example/"),
        ("vendor", "é ü&="),
    ] {
        assert_eq!(sent[name], value, "{name}");
    }
    party.provider.assert_clean();
}

#[test]
fn extra_parameters_cannot_override_or_repeat_those_of_the_library() {
    let client = client(json!({}));
    for (name, advice) in [
        ("response_type", "`AuthorizationRequest::response_type`"),
        ("response_mode", "`AuthorizationRequest::response_mode`"),
        ("client_id", "`Client::builder`"),
        ("redirect_uri", "`ClientBuilder::redirect_uri`"),
        ("scope", "`new`"),
        ("state", "nothing may choose it"),
        ("nonce", "nothing may choose it"),
        ("code_challenge", "nothing may choose it"),
        ("code_challenge_method", "nothing may choose it"),
        ("prompt", "`AuthorizationRequest::prompt`"),
        ("display", "`AuthorizationRequest::display`"),
        ("max_age", "`AuthorizationRequest::max_age`"),
        ("ui_locales", "`AuthorizationRequest::ui_locales`"),
        ("claims_locales", "`AuthorizationRequest::claims_locales`"),
        ("id_token_hint", "`AuthorizationRequest::id_token_hint`"),
        ("login_hint", "`AuthorizationRequest::login_hint`"),
        ("acr_values", "`AuthorizationRequest::acr_values`"),
        ("claims", "`AuthorizationRequest::claims`"),
        ("request", "call `Client::push_authorize`"),
        ("request_uri", "call `Client::push_authorize`"),
        ("client_secret", "`ClientBuilder::secret`"),
        ("dpop_jkt", "`ClientBuilder::dpop_key`"),
    ] {
        let request = AuthorizationRequest::default().parameter(name, "evil");
        let refused = begin(&client, &request).unwrap_err();
        assert_eq!(refused, ConfigError::Reserved(name).into());
        assert!(refused.to_string().contains(advice), "{refused}");
    }
    let twice = AuthorizationRequest::default().parameter("a", "1").parameter("a", "2");
    assert_eq!(begin(&client, &twice).unwrap_err(), ConfigError::Reserved("extra").into());
    let resources = AuthorizationRequest::default().parameter("resource", "1").parameter("resource", "2");
    assert!(begin(&client, &resources).is_ok(), "RFC 8707 allows several resources");
}

#[test]
fn forbidden_values_are_refused_before_the_user_leaves() {
    let client = client(json!({}));
    let refused = |request: AuthorizationRequest, name: &'static str| {
        assert_eq!(begin(&client, &request).unwrap_err(), ConfigError::Parameter(name).into());
    };
    let plain = AuthorizationRequest::default;
    refused(plain().prompt([Prompt::None, Prompt::Login]), "prompt");
    for scope in ["é", "a\"b", "a\\b", "a\nb"] {
        refused(AuthorizationRequest::new([scope]), "scope");
    }
    for value in ["", "a b", "a\tb"] {
        let mut request = plain();
        request.acr_values = vec![value.to_owned()];
        refused(request, "acr_values");
    }
    for claims in [json!({"id_token": {"acr": null}}), json!({"id_token": []})] {
        let mut request = plain().essential_acr(["gold"]);
        request.claims = claims.as_object().cloned();
        refused(request, "claims");
    }
}

#[test]
fn the_query_of_the_authorization_endpoint_is_kept_unchanged() {
    let client = client(json!({ "authorization_endpoint": "https://op.example/authorize?tenant=a%20b&x=" }));
    let url = begin(&client, &AuthorizationRequest::default()).unwrap();
    assert!(url.query().unwrap().starts_with("tenant=a%20b&x=&response_type=code&"), "{url}");
    parameters(&url);
}

#[test]
fn an_endpoint_whose_query_sets_parameters_of_the_library_is_refused() {
    for query in ["state=fixed", "client_id=other&x=1", "%72edirect_uri=https://evil.example", "nonce"] {
        let endpoint = format!("https://op.example/authorize?{query}");
        let client = client(json!({ "authorization_endpoint": endpoint }));
        let refused = begin(&client, &AuthorizationRequest::default()).unwrap_err();
        assert_eq!(refused, ConfigError::NoEndpoint("authorization_endpoint").into(), "{query}");
    }
}

#[test]
fn pkce_is_always_used_and_providers_without_s256_are_refused() {
    let plain = client(json!({ "code_challenge_methods_supported": ["plain"] }));
    assert_eq!(begin(&plain, &AuthorizationRequest::default()).unwrap_err(), ConfigError::NoS256.into());
    for silent in [json!(null), json!([])] {
        let client = client(json!({ "code_challenge_methods_supported": silent }));
        let url = begin(&client, &AuthorizationRequest::default()).unwrap();
        assert_eq!(
            parameters(&url)["code_challenge_method"],
            "S256",
            "a provider that does not mention PKCE is not refused"
        );
    }
}

#[test]
fn redirect_uris_are_checked_and_sent_to_the_letter() {
    let build = |uri: &str| {
        Client::builder(metadata(json!({})).unwrap(), CLIENT_ID).redirect_uri(uri).build().map(|_| ())
    };
    for good in
        ["com.example.app:/callback", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "https://A.example"]
    {
        assert_eq!(build(good), Ok(()), "{good}");
    }
    for bad in ["/callback", "http://app.example/cb", "https://app.example/#x", "javascript:alert(1)", ""] {
        assert!(matches!(build(bad), Err(ConfigError::RedirectUri(_))), "{bad}");
    }
    let odd = "com.example.app:/callback?a=b%20c";
    let mut party = Party::builder().redirect_uri(odd).build();
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    assert_eq!(parameters(&url)["redirect_uri"], odd);
    let query = party.callback_query(&url);
    party.callback(pending, &query, None).unwrap();
    party.provider.assert_clean();
    let bare = Client::builder(metadata(json!({})).unwrap(), CLIENT_ID).build().unwrap();
    assert_eq!(
        begin(&bare, &AuthorizationRequest::default()).unwrap_err(),
        ConfigError::NoRedirectUri.into()
    );
}

#[test]
fn a_login_may_end_with_userinfo() {
    let mut party = Party::builder().client(|client| client.fetch_userinfo()).build();
    let user = party.login().unwrap();
    assert_eq!(user.userinfo.unwrap().claim::<String>("email").unwrap(), "alice@example.com");
    assert_eq!(party.provider.count(EndpointName::UserInfo), 1);
    party.provider.assert_clean();
}
