//! Client assertions at a provider that verifies them: methods, algorithms, audiences, and one assertion per attempt.

use super::{ISSUER, form, key, moment, read, response, sent};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        Assertion, AssertionAudience, AssertionType, Client, ClientAuthentication, ClientBuilder,
        ClientCredentialsRequest, ConfigError, Endpoint, Step, TokenTypeHint,
    },
    jose::{Algorithm, AlgorithmSet, Sign},
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{
    AssertionAudience as Wanted, ClientAuthentication as Registered, EndpointName, KeyRing, Party, drive,
    hostile,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

const PRIVATE: [Algorithm; 10] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::Ed25519,
];
const SHARED: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// A secret of this length.
fn secret(length: usize) -> String {
    "0123456789abcdef: +%".chars().cycle().take(length).collect()
}

/// A client whose assertions this algorithm signs, at a provider that accepts no other.
fn party(algorithm: Algorithm, set: fn(ClientBuilder) -> ClientBuilder) -> Party {
    let builder = Party::builder();
    let builder = match algorithm.is_symmetric() {
        true => builder
            .authentication(Registered::ClientSecretJwt(secret(64)))
            .client(move |client| set(client.token_endpoint_auth_signing_alg(algorithm))),
        false => {
            let (key, jwk) = KeyRing::client_key(algorithm);
            builder
                .authentication(Registered::PrivateKeyJwt(jwk))
                .client(move |client| set(client.signer(key)))
        }
    };
    let mut party = builder.build();
    party.provider.assertion_algorithms([algorithm]);
    party
}

/// Does everything for which a client authenticates, and returns the assertions as they arrived.
fn everything(party: &mut Party) -> Vec<(EndpointName, Value, Value)> {
    let user = party.login().unwrap();
    party.refresh(&user).unwrap();
    let tokens = party.client_credentials(&ClientCredentialsRequest::new(["reports"])).unwrap();
    let Party { provider, client, clock } = party;
    let hint = Some(TokenTypeHint::AccessToken);
    let call = client.introspect(&tokens.access_token, hint, clock.moment()).unwrap();
    assert!(drive(call, provider, clock).unwrap().active);
    drive(client.revoke(&tokens.access_token, hint, clock.moment()).unwrap(), provider, clock).unwrap();
    provider.assert_clean();
    let sent = provider.requests().iter().filter_map(|seen| {
        let (header, claims) = read(&seen.parameter("client_assertion")?);
        Some((seen.endpoint, header, claims))
    });
    sent.collect()
}

#[test]
fn every_algorithm_authenticates_a_client_at_every_endpoint_with_a_new_assertion() {
    for algorithm in PRIVATE.into_iter().chain(SHARED) {
        let sent = everything(&mut party(algorithm, |client| client));
        let at: Vec<_> = sent.iter().map(|(at, ..)| *at).collect();
        let (token, asked, revoked) =
            (EndpointName::Token, EndpointName::Introspection, EndpointName::Revocation);
        assert_eq!(at, [token, token, token, asked, revoked], "{algorithm:?}");
        let jtis: BTreeSet<_> = sent.iter().map(|(_, _, claims)| claims["jti"].to_string()).collect();
        assert_eq!(jtis.len(), sent.len(), "{algorithm:?}: one assertion for each request");
        for (_, header, claims) in &sent {
            assert_eq!((&header["alg"], &claims["aud"]), (&json!(algorithm.name()), &json!(ISSUER)));
            assert!(header.get("typ").is_none());
        }
    }
}

#[test]
fn the_audience_is_the_issuer_the_token_endpoint_or_the_endpoint_that_is_called() {
    type Set = fn(ClientBuilder) -> ClientBuilder;
    let audiences: [(Wanted, Set, [&str; 2]); 3] = [
        (Wanted::Issuer, |client| client, ["", ""]),
        (
            Wanted::TokenEndpoint,
            |client| client.assertion_audience(AssertionAudience::TokenEndpoint),
            ["/token", "/token"],
        ),
        (
            Wanted::RequestedEndpoint,
            |client| client.assertion_audience(AssertionAudience::RequestedEndpoint),
            ["/token", "/revoke"],
        ),
    ];
    for algorithm in [Algorithm::RS256, Algorithm::HS384, Algorithm::EdDSA] {
        for (wanted, set, paths) in audiences {
            let mut party = party(algorithm, set);
            party.provider.assertion_audience(wanted);
            let sent = everything(&mut party);
            let ends = [&sent[0], &sent[4]].map(|(_, _, claims)| claims["aud"].clone());
            assert_eq!(ends, paths.map(|path| json!(format!("{ISSUER}{path}"))), "{wanted:?}");
            for other in audiences.iter().filter(|(other, ..)| *other != wanted) {
                // At the token endpoint, the two endpoints are the same.
                if other.2[0] == paths[0] {
                    continue;
                }
                party.provider.assertion_audience(other.0);
                let refused = party.client_credentials(&ClientCredentialsRequest::default()).unwrap_err();
                assert!(refused.to_string().contains("`ClientBuilder::assertion_audience`"), "{refused}");
            }
        }
    }
}

#[test]
fn an_assertion_says_what_it_is_if_the_provider_wants_it() {
    for algorithm in [Algorithm::PS384, Algorithm::HS512, Algorithm::Ed25519] {
        let explicit = |client: ClientBuilder| client.assertion_type(AssertionType::ClientAuthenticationJwt);
        let mut typed = party(algorithm, explicit);
        typed.provider.typed_assertions(true);
        for (_, header, _) in everything(&mut typed) {
            assert_eq!(header["typ"], "client-authentication+jwt");
        }
        for (_, header, _) in
            everything(&mut party(algorithm, |client| client.assertion_type(AssertionType::Jwt)))
        {
            assert_eq!(header["typ"], "JWT");
        }
    }
}

#[test]
fn an_assertion_of_another_key_or_secret_is_refused_and_the_error_says_what_to_check() {
    let (_, jwk) = KeyRing::client_key(Algorithm::ES256);
    let stranger = key();
    let mut parties = [
        Party::builder()
            .authentication(Registered::PrivateKeyJwt(jwk))
            .client(move |client| client.signer(stranger))
            .build(),
        Party::builder()
            .authentication(Registered::ClientSecretJwt(secret(40)))
            .client(|client| client.secret(secret(41)))
            .build(),
    ];
    for party in &mut parties {
        let refused = party.client_credentials(&ClientCredentialsRequest::default()).unwrap_err();
        assert_eq!(refused.code(), "invalid_client");
        assert!(refused.to_string().contains("the registered key (`ClientBuilder::signer`)"), "{refused}");
        assert_eq!(party.provider.audit().len(), 1);
    }
}

#[test]
fn an_assertion_that_was_sent_is_never_accepted_again() {
    let mut party = party(Algorithm::ES256, |client| client);
    party.client_credentials(&ClientCredentialsRequest::default()).unwrap();
    let seen = party.provider.requests().last().unwrap().parameter("client_assertion").unwrap();
    let Party { provider, client, clock } = &mut party;
    let again = client.attempt(Assertion::foreign(seen));
    let call = again.client_credentials(&ClientCredentialsRequest::default(), clock.moment()).unwrap();
    assert_eq!(drive(call, provider, clock).unwrap_err().code(), "invalid_client");
    assert!(provider.audit().iter().any(|finding| finding.what.contains("a second time")));
}

/// The builder of a client at a provider with these members.
fn at(members: Value) -> ClientBuilder {
    let mut document = json!({"issuer": ISSUER, "token_endpoint": "https://op.example/token",
        "revocation_endpoint": "https://op.example/revoke", "response_types_supported": ["code"]});
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    let metadata = ProviderMetadata::parse(document.to_string().as_bytes(), ISSUER, profile, &policy);
    Client::builder(metadata.unwrap(), "app")
}

fn offering(methods: &[&str]) -> ClientBuilder {
    at(json!({ "token_endpoint_auth_methods_supported": methods }))
}

fn signer(algorithm: Algorithm) -> Arc<dyn Sign> {
    KeyRing::client_key(algorithm).0
}

#[test]
fn the_method_is_the_first_that_the_provider_lists_and_the_client_can_use() {
    use ClientAuthentication::{
        ClientSecretBasic, ClientSecretJwt, ClientSecretPost, None as Public, PrivateKeyJwt,
        SelfSignedTlsClientAuth, TlsClientAuth,
    };
    let keyed = |builder: ClientBuilder| builder.signer(signer(Algorithm::ES256));
    let secret = |builder: ClientBuilder| builder.secret(secret(32));
    let chosen = |builder: ClientBuilder| builder.build().map(|client| client.authentication());
    let all = || {
        offering(&[
            "none",
            "self_signed_tls_client_auth",
            "tls_client_auth",
            "client_secret_jwt",
            "private_key_jwt",
            "client_secret_post",
            "client_secret_basic",
        ])
    };
    assert_eq!(chosen(all()), Ok(Public));
    assert_eq!(chosen(secret(all())), Ok(ClientSecretBasic));
    assert_eq!(chosen(keyed(secret(all().certificate()))), Ok(PrivateKeyJwt));
    assert_eq!(chosen(all().certificate()), Ok(TlsClientAuth));
    let without = |name: &str| {
        let names = ["self_signed_tls_client_auth", "client_secret_jwt", "client_secret_post"];
        at(json!({ "token_endpoint_auth_methods_supported":
            names.iter().filter(|known| **known != name).collect::<Vec<_>>() }))
    };
    assert_eq!(chosen(secret(keyed(without("")))), Ok(ClientSecretPost), "the key is of no use there");
    assert_eq!(chosen(secret(without("client_secret_post"))), Ok(ClientSecretJwt));
    assert_eq!(chosen(without("").certificate()), Ok(SelfSignedTlsClientAuth));
    assert_eq!(chosen(keyed(without("").certificate())), Ok(SelfSignedTlsClientAuth));
    // Metadata without a list: the default of the specification for a secret, and a key speaks for itself.
    assert_eq!(chosen(keyed(at(json!({})))), Ok(PrivateKeyJwt));
    assert_eq!(chosen(secret(at(json!({})))), Ok(ClientSecretBasic));
    // What the program says counts.
    assert_eq!(chosen(secret(all()).authentication(ClientSecretJwt)), Ok(ClientSecretJwt));
    assert_eq!(chosen(keyed(without("")).authentication(PrivateKeyJwt)), Ok(PrivateKeyJwt));
    assert_eq!(chosen(all().authentication(SelfSignedTlsClientAuth)), Ok(SelfSignedTlsClientAuth));
    let refused = Err(ConfigError::Authentication("client_secret_jwt"));
    assert_eq!(chosen(all().authentication(ClientSecretJwt)), refused);
}

#[test]
fn if_no_method_fits_the_error_names_what_the_provider_offers_and_what_the_client_has() {
    let says = |builder: ClientBuilder| builder.build().unwrap_err().to_string();
    let error = says(offering(&["private_key_jwt", "windows_client_authentication"]).secret("s"));
    assert!(error.contains("it has `private_key_jwt`, and others, and"), "{error}");
    assert!(error.contains("`client_secret_basic`, `client_secret_post`, `client_secret_jwt` ("), "{error}");
    let error = says(offering(&["client_secret_basic", "none"]).signer(signer(Algorithm::RS256)));
    assert!(error.contains("`none`, `client_secret_basic`, and the"), "{error}");
    assert!(error.contains("is for `private_key_jwt` ("), "{error}");
    let error = says(offering(&[]).certificate());
    assert!(error.contains("it has none,"), "{error}");
    assert!(error.contains("for `tls_client_auth`, `self_signed_tls_client_auth` ("), "{error}");
    let error = says(offering(&["carrier_pigeon"]).secret("s"));
    assert!(error.contains("only methods that this library does not know") && !error.contains("pigeon"));
}

/// The algorithm of an assertion, as the header says.
fn alg(client: &Client) -> Value {
    let call = client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap();
    read(&form(&sent(call).0)["client_assertion"]).0["alg"].clone()
}

#[test]
fn the_algorithm_is_one_that_the_provider_lists_and_the_client_can_use() {
    let listing = |algorithms: &[&str]| {
        at(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms}))
    };
    let (rs, es) = (Algorithm::RS256, Algorithm::ES256);
    let both = |builder: ClientBuilder| builder.signer(signer(rs)).signer(signer(es)).build();
    assert_eq!(alg(&both(listing(&["ES256", "RS256"])).unwrap()), "RS256", "the first key goes first");
    assert_eq!(alg(&both(listing(&["ES256", "PS256"])).unwrap()), "ES256");
    assert_eq!(alg(&both(listing(&[])).unwrap()), "RS256", "an empty list says nothing");
    // Ed25519 has two names.
    let ed = |builder: ClientBuilder| builder.signer(signer(Algorithm::EdDSA)).build().unwrap();
    assert_eq!(alg(&ed(listing(&["Ed25519"]))), "Ed25519");
    assert_eq!(alg(&ed(listing(&["Ed25519", "EdDSA"]))), "EdDSA");

    let hashed = |list: &[&str], length| listing(list).secret(secret(length)).build();
    assert_eq!(alg(&hashed(&["HS512", "HS256"], 64).unwrap()), "HS256");
    assert_eq!(alg(&hashed(&["HS512", "RS256"], 64).unwrap()), "HS512");
    assert_eq!(alg(&hashed(&["HS384"], 48).unwrap()), "HS384");
    assert_eq!(hashed(&["HS256"], 31).unwrap_err(), ConfigError::SecretTooShort);
    let chosen = listing(&["HS256"]).secret(secret(64)).token_endpoint_auth_signing_alg(Algorithm::HS512);
    assert_eq!(alg(&chosen.build().unwrap()), "HS512", "the registration counts");

    let offered = AlgorithmSet::EMPTY.with(Algorithm::PS256).with(Algorithm::HS256);
    let refused = both(listing(&["PS256", "HS256", "ES256K"])).unwrap_err();
    let usable = AlgorithmSet::EMPTY.with(rs).with(es);
    assert_eq!(refused, ConfigError::NoAssertionAlgorithm { offered, usable });
    let text = refused.to_string();
    assert!(text.contains("with RS256, ES256,") && text.contains("has PS256, HS256:"), "{text}");
    let refused = hashed(&["HS512"], 63).unwrap_err();
    assert!(refused.to_string().contains("with HS256, HS384,"), "{refused}");
    let refused = both(listing(&["ES256K"])).unwrap_err();
    assert!(refused.to_string().contains("has none that this library knows"), "{refused}");
    let told = listing(&["RS256"]).signer(signer(rs)).token_endpoint_auth_signing_alg(Algorithm::PS256);
    assert!(matches!(told.build(), Err(ConfigError::NoAssertionAlgorithm { .. })));
}

#[test]
fn a_key_that_is_elsewhere_obeys_the_same_rules() {
    let method = ClientAuthentication::PrivateKeyJwt;
    let listing =
        at(json!({"token_endpoint_auth_signing_alg_values_supported": ["ES256", "Ed25519", "HS256"]}));
    let client = listing.clone().authentication(method).build().unwrap();
    let ask =
        |client: &Client, algorithm| client.assertion_to_sign(Endpoint::Token, algorithm, None, moment(0, 1));
    assert_eq!(ask(&client, Algorithm::ES256).unwrap().algorithm(), Algorithm::ES256);
    assert_eq!(ask(&client, Algorithm::EdDSA).unwrap().algorithm(), Algorithm::Ed25519, "its other name");
    for refused in [Algorithm::PS256, Algorithm::RS256, Algorithm::HS256] {
        let error = ask(&client, refused).unwrap_err();
        assert!(error.to_string().contains(&format!("with {},", refused.name())), "{error}");
    }
    // An assertion that nobody would send is refused, and is not lost in silence.
    let public = listing.clone().secret("s").build().unwrap();
    assert_eq!(ask(&public, Algorithm::ES256).unwrap_err(), ConfigError::UnwantedAssertion.into());
    let call =
        public.attempt(Assertion::foreign("a.b.c")).client_credentials(&Default::default(), moment(0, 1));
    assert_eq!(call.unwrap_err(), ConfigError::UnwantedAssertion.into());

    // If the endpoint is the audience, an assertion is for one endpoint.
    let called = listing.authentication(method).assertion_audience(AssertionAudience::RequestedEndpoint);
    let client = called.build().unwrap();
    let signed = |endpoint| {
        let to_sign = client.assertion_to_sign(endpoint, Algorithm::ES256, None, moment(0, 1))?;
        let call =
            client.attempt(to_sign.with_signature(b"later")).revoke(&"t".into(), None, moment(9, 2))?;
        Ok::<_, Error>(read(&form(&sent(call).0)["client_assertion"]).1["aud"].clone())
    };
    assert_eq!(signed(Endpoint::Revocation), Ok(json!("https://op.example/revoke")));
    assert_eq!(
        signed(Endpoint::Introspection),
        Err(ConfigError::NoEndpoint("introspection_endpoint").into())
    );
}

/// x/oauth2 sends the code again in another style when it does not know how to authenticate. The code is spent then.
#[test]
fn d12_a_refused_client_does_not_send_its_code_again_in_another_way() {
    for refusal in [401, 400, 403] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Token, hostile::oauth_error(refusal, "invalid_client"));
        assert!(party.login().is_err());
        let codes: Vec<_> =
            party.provider.requests().iter().filter_map(|seen| seen.parameter("code")).collect();
        assert_eq!(codes.len(), 1, "{refusal}");
    }
    // Not with an assertion, either, and not after one that was refused.
    let mut party = party(Algorithm::ES256, |client| client);
    party.provider.assertion_algorithms([Algorithm::RS256]);
    assert_eq!(party.login().unwrap_err().code(), "invalid_client");
    assert_eq!(party.provider.count(EndpointName::Token), 1);
}

#[test]
fn a_shared_secret_waits_and_asserts_anew() {
    let client = offering(&["client_secret_jwt"]).secret(secret(32)).build().unwrap();
    let call = client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap();
    let (request, _, pending) = sent(call);
    let first = form(&request)["client_assertion"].clone();
    let Step::Wait(pause) = pending.receive(response(503, ""), moment(1, 2)).unwrap() else { panic!() };
    let (request, _, pending) = sent(pause.wake(moment(100, 3)).unwrap());
    let second = form(&request)["client_assertion"].clone();
    assert_ne!(read(&first).1["jti"], read(&second).1["jti"]);
    // The secret itself is not sent, and no error repeats the assertion.
    assert!(!String::from_utf8_lossy(request.body()).contains(&secret(32)[..16]));
    let echo = json!({"error": "invalid_client", "error_description": format!("not {second}")}).to_string();
    let error = pending.receive(response(400, &echo), moment(101, 4)).unwrap_err().to_string();
    assert!(error.contains("[secret]") && !error.contains(&second[..40]), "{error}");
}
