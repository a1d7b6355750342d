//! Attestation-based client authentication at a provider that judges attestations
//! (draft-ietf-oauth-attestation-based-client-auth-10).

mod challenges;
mod choice;

use crate::contract::{moment, read};
use oidc_proto::{
    Error, Moment,
    flow::{
        Attempt, BackchannelAuthenticationRequest, Client, ClientBuilder, ClientCredentialsRequest,
        ConfigError, Endpoint, TokenTypeHint,
    },
    jose::{Algorithm, Jwk, Sign},
    message::AuthorizationRequest,
    sender::{AttestationError, ClientAttestation},
};
use oidc_testkit::{
    Attester, BACKCHANNEL_GRANT, ClientAuthentication as Registered, DEVICE_GRANT, EndpointName, KeyRing,
    Party, Registration, Seen, drive, drive::NOW,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// The algorithms of three kinds of key.
pub(crate) const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256];

const HOUR: i64 = 3600;
const CALLBACK: &str = "https://app.example/callback";

/// The attester of every test.
pub(crate) fn attester() -> Attester {
    Attester::new(Algorithm::EdDSA)
}

/// An attestation of this client and the public half of this key.
pub(crate) fn attestation(client_id: &str, jwk: &Value) -> ClientAttestation {
    ClientAttestation::parse(attester().attest(client_id, jwk, NOW, HOUR)).unwrap()
}

/// A client whose key signs with this algorithm.
pub(crate) fn party(
    algorithm: Algorithm,
    set: impl FnOnce(ClientBuilder) -> ClientBuilder + 'static,
) -> Party {
    let (key, jwk) = KeyRing::client_key(algorithm);
    let attestation = attestation("app", &jwk);
    Party::builder()
        .authentication(Registered::Attested(attester().jwk()))
        .client(move |client| set(client.attestation_key(key).attestation(attestation)))
        .build()
}

/// The attested requests, each with the header and the claims of its proof of possession.
fn proofs(party: &Party) -> Vec<(&Seen, Value, Value)> {
    let pop = |seen: &Seen| seen.header("oauth-client-attestation-pop").map(read);
    let seen = party.provider.requests().iter();
    seen.filter_map(|seen| pop(seen).map(|(header, claims)| (seen, header, claims))).collect()
}

fn service(party: &mut Party) -> Result<(), Error> {
    party.client_credentials(&ClientCredentialsRequest::new(["reports"])).map(drop)
}

fn refused(error: Error) -> AttestationError {
    match error {
        Error::Config(ConfigError::Attestation(error)) => error,
        other => panic!("{other}"),
    }
}

/// Does everything for which a client authenticates.
fn everything(party: &mut Party) {
    let user = party.login().unwrap();
    party.refresh(&user).unwrap();
    let tokens = party.client_credentials(&ClientCredentialsRequest::new(["reports"])).unwrap();
    let Party { provider, client, clock } = party;
    let app = Registration::new("app", Registered::Attested(attester().jwk()));
    provider.register(app.grant_type(DEVICE_GRANT).grant_type(BACKCHANNEL_GRANT).redirect_uri(CALLBACK));
    provider.allow_backchannel("app", "poll");
    let hint = Some(TokenTypeHint::AccessToken);
    let call = client.introspect(&tokens.access_token, hint, clock.moment()).unwrap();
    assert!(drive(call, provider, clock).unwrap().active);
    drive(client.revoke(&tokens.access_token, hint, clock.moment()).unwrap(), provider, clock).unwrap();
    let request = AuthorizationRequest::new(["email"]);
    let call = client.push_authorize(&request, clock.moment()).unwrap();
    drive(call, provider, clock).unwrap();
    let call = client.device_authorization(["email"], clock.moment()).unwrap();
    drive(call, provider, clock).unwrap();
    let wanted = BackchannelAuthenticationRequest::login_hint("alice");
    let call = client.backchannel_authentication(&wanted, clock.moment()).unwrap();
    drive(call, provider, clock).unwrap();
    provider.assert_clean();
}

#[test]
fn an_attestation_and_a_new_proof_authenticate_a_client_at_every_endpoint() {
    use EndpointName::{
        BackchannelAuthentication, DeviceAuthorization, Introspection, PushedAuthorizationRequest,
        Revocation, Token,
    };
    for algorithm in ALGORITHMS {
        let mut party = party(algorithm, |client| client);
        everything(&mut party);
        let proofs = proofs(&party);
        let at: Vec<_> = proofs.iter().map(|(seen, ..)| seen.endpoint).collect();
        let expected = [
            Token,
            Token,
            Token,
            Introspection,
            Revocation,
            PushedAuthorizationRequest,
            DeviceAuthorization,
            BackchannelAuthentication,
        ];
        assert_eq!(at, expected, "{algorithm:?}");
        let jtis: BTreeSet<_> = proofs.iter().map(|(_, _, claims)| claims["jti"].to_string()).collect();
        assert_eq!(jtis.len(), proofs.len(), "one proof for each request");
        for (seen, header, claims) in &proofs {
            assert_eq!(header["typ"], "oauth-client-attestation-pop+jwt");
            assert_eq!((&header["alg"], header.get("jwk")), (&json!(algorithm.name()), None));
            assert_eq!((&claims["aud"], claims.get("challenge")), (&json!("https://op.example"), None));
            assert_eq!(claims["iat"], NOW.0);
            assert_eq!(seen.parameter("client_id").as_deref(), Some("app"));
            assert!(seen.parameter("client_assertion").is_none() && seen.header("authorization").is_none());
            assert!(seen.headers["oauth-client-attestation"].is_sensitive());
            assert!(seen.headers["oauth-client-attestation-pop"].is_sensitive());
        }
    }
}

#[test]
fn an_attestation_is_checked_before_anything_is_sent() {
    for algorithm in ALGORITHMS {
        let (key, jwk) = KeyRing::client_key(algorithm);
        let other = KeyRing::client_key(Algorithm::ES384).1;
        let client = party(algorithm, |client| client).client;
        let with = |text: String| match client.with_attestation(&ClientAttestation::parse(text).unwrap()) {
            Err(ConfigError::Attestation(error)) => error,
            other => panic!("{other:?}"),
        };
        let attester = attester();
        assert_eq!(with(attester.attest("another", &jwk, NOW, HOUR)), AttestationError::Subject);
        assert_eq!(with(attester.attest("app", &other, NOW, HOUR)), AttestationError::OtherKey);
        let claims = json!({"sub": "app", "exp": NOW.0 + 1, "cnf": {"jwk": jwk}});
        let header = json!({"typ": "oauth-client-attestation+jwt", "alg": "HS256"});
        let error = with(attester.sign(header, &claims));
        assert!(matches!(error, AttestationError::Algorithm { .. }) && error.to_string().contains("ES384"));

        // Not a second longer than the attester says.
        let mut party = party(algorithm, |client| client);
        party.clock.advance(HOUR - 1);
        service(&mut party).unwrap();
        party.clock.advance(1);
        let error = service(&mut party).unwrap_err();
        assert_eq!(
            (error.code(), party.provider.count(EndpointName::Token)),
            ("config_attestation_expired", 1)
        );
        assert_eq!(refused(error), AttestationError::Expired);
        // A newer one for the same key goes on where the old one has ended.
        let newer = attester.attest("app", &jwk, party.clock.now(), HOUR);
        let newer = ClientAttestation::parse(newer).unwrap();
        party.client = party.client.with_attestation(&newer).unwrap();
        service(&mut party).unwrap();
        party.provider.assert_clean();

        let bare = Client::builder(party.discover().unwrap(), "app").attestation_key(key).build().unwrap();
        let call = bare.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1));
        assert_eq!(refused(call.unwrap_err()), AttestationError::NoAttestation);
        // One that a client without such a method would not send is no attestation of it.
        let public = Client::builder(party.discover().unwrap(), "app").build().unwrap();
        assert_eq!(public.with_attestation(&newer).unwrap_err(), AttestationError::Unwanted.into());
        let call = public.attestation_pop_to_sign(Endpoint::Token, moment(0, 1));
        assert_eq!(refused(call.unwrap_err()), AttestationError::Unwanted);
    }
}

/// The attacks that a provider must withstand: this one does, so it is worth asking.
#[test]
fn the_provider_refuses_what_no_client_instance_may_send() {
    for algorithm in ALGORITHMS {
        let (key, jwk) = KeyRing::client_key(algorithm);
        let mut party = party(algorithm, |client| client);
        let good = attester().attest("app", &jwk, NOW, HOUR);
        let now = NOW.0;
        let pop = |key: &dyn Sign, claims: Value| {
            let header = json!({"typ": "oauth-client-attestation-pop+jwt"}).as_object().unwrap().clone();
            oidc_proto::jose::sign_compact(key, header, claims.to_string().as_bytes()).unwrap()
        };
        let claims = |jti: &str| json!({"aud": "https://op.example", "jti": format!("an identifier that is unique {jti}"), "iat": now});
        let mut post = |attestation: &str, proof: &str| {
            let request = http::Request::post("https://op.example/token")
                .header("accept", "application/json")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("oauth-client-attestation", attestation)
                .header("oauth-client-attestation-pop", proof)
                .body(b"grant_type=client_credentials&client_id=app".to_vec());
            let response = party.provider.handle(&request.unwrap(), NOW);
            let found = party.provider.audit().iter().map(|finding| finding.what.clone()).collect::<Vec<_>>();
            party.provider.clear_audit();
            (response.status().as_u16(), found.concat())
        };
        let once = pop(&*key, claims("1"));
        assert_eq!(post(&good, &once), (200, String::new()));
        let mut refused = |attestation: &str, proof: &str, why: &str| {
            let (status, found) = post(attestation, proof);
            assert!(status == 400 && found.contains(why), "{why}: {status} {found}");
        };
        refused(&good, &once, "a second time");
        let mut other = claims("2");
        other["aud"] = json!("https://op.example/token");
        refused(&good, &pop(&*key, other), "`aud` is not the issuer");
        let stranger = KeyRing::client_key(Algorithm::ES384).0;
        refused(&good, &pop(&*stranger, claims("3")), "signature is of another key");
        let fresh = pop(&*key, claims("4"));
        refused(&attester().attest("app", &jwk, NOW.plus(-HOUR), HOUR), &fresh, "has expired");
        refused(&attester().attest("another", &jwk, NOW, HOUR), &fresh, "`sub` is another client");
        refused(&Attester::new(Algorithm::ES256).attest("app", &jwk, NOW, HOUR), &fresh, "of another key");
        let untyped = attester().sign(json!({"typ": "JWT"}), &read(&good).1);
        refused(&untyped, &fresh, "`typ` is another");
        let mut old = claims("5");
        old["iat"] = json!(now - 61);
        refused(&good, &pop(&*key, old), "too old");
        assert_eq!(post(&good, &fresh), (200, String::new()), "nothing was wrong with this proof");
    }
}

#[test]
fn a_refresh_token_belongs_to_the_instance_that_got_it() {
    for algorithm in ALGORITHMS {
        let mut first = party(algorithm, |client| client);
        let user = first.login().unwrap();
        // Another instance of the same client, with a key and an attestation of its own.
        let (key, jwk) = KeyRing::client_key(Algorithm::ES384);
        let second = Client::builder(first.discover().unwrap(), "app").attestation_key(key);
        let second = second.attestation(attestation("app", &jwk)).build().unwrap();
        let token = user.tokens.refresh_token.clone().unwrap();
        let mine = std::mem::replace(&mut first.client, second);
        assert_eq!(first.refresh_with(&token, None, None).unwrap_err().code(), "invalid_grant");
        assert!(first.provider.audit()[0].what.contains("another instance"), "{:?}", first.provider.audit());
        first.provider.clear_audit();
        first.client = mine;
        let newer = first.refresh(&user).unwrap();
        first.refresh_with(newer.tokens.refresh_token.as_ref().unwrap(), None, None).unwrap();
        first.provider.assert_clean();
    }
}

/// A key in the secure element of a phone: it signs between two steps.
#[test]
fn a_key_that_is_elsewhere_signs_one_proof_for_each_attempt() {
    for algorithm in ALGORITHMS {
        let (key, jwk) = KeyRing::client_key(algorithm);
        let public = Jwk::parse(jwk.to_string().as_bytes()).unwrap();
        let attestation = attestation("app", &jwk);
        let mut party = Party::builder()
            .authentication(Registered::Attested(attester().jwk()))
            .client(move |client| client.attestation_public_key(public, algorithm).attestation(attestation))
            .build();
        let sign = |client: &Client, moment: Moment| {
            let to_sign = client.attestation_pop_to_sign(Endpoint::Token, moment).unwrap();
            assert_eq!(to_sign.algorithm(), algorithm);
            let signature = key.sign(to_sign.signing_input()).unwrap();
            Attempt::from(client).with_attestation_pop(to_sign.with_signature(&signature))
        };
        let wanted = ClientCredentialsRequest::new(["reports"]);
        for _ in 0..2 {
            let Party { provider, client, clock } = &mut party;
            let call = sign(client, clock.moment()).client_credentials(&wanted, clock.moment()).unwrap();
            drive(call, provider, clock).unwrap();
        }
        party.provider.assert_clean();
        let unsigned = party.client.client_credentials(&wanted, party.clock.moment()).unwrap_err();
        assert_eq!(refused(unsigned), AttestationError::NoPop);
        // Whoever does not authenticate so drops no proof in silence.
        let basic = Client::builder(party.discover().unwrap(), "app").secret("s");
        let basic = basic.authentication(oidc_proto::flow::ClientAuthentication::ClientSecretPost).build();
        let pop = party.client.attestation_pop_to_sign(Endpoint::Token, moment(0, 3)).unwrap();
        let stray = Attempt::from(&basic.unwrap()).with_attestation_pop(pop.with_signature(b"s"));
        let call = stray.client_credentials(&wanted, moment(0, 4)).unwrap_err();
        assert_eq!(refused(call), AttestationError::Unwanted);
        // Another challenge ends the attempt, and the next one has it.
        party.provider.demand_attestation_challenges(60);
        let Party { provider, client, clock } = &mut party;
        let call = sign(client, clock.moment()).client_credentials(&wanted, clock.moment()).unwrap();
        let Err(Error::OAuth(refused)) = drive(call, provider, clock) else { panic!() };
        assert_eq!(refused.code(), "use_attestation_challenge");
        let client = client
            .with_attestation_challenge(Endpoint::Token, refused.attestation_challenge.as_deref().unwrap());
        let call = sign(&client, clock.moment()).client_credentials(&wanted, clock.moment()).unwrap();
        drive(call, provider, clock).unwrap();
        provider.assert_clean();
    }
}

#[test]
fn no_error_repeats_an_attestation_or_its_proof() {
    for algorithm in ALGORITHMS {
        let client = party(algorithm, |client| client).client;
        let call =
            client.client_credentials_once(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap();
        let (request, _, pending) = crate::contract::sent(call);
        let text = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        let (attestation, pop) = (text("oauth-client-attestation"), text("oauth-client-attestation-pop"));
        let echo = json!({"error": "invalid_client", "error_description": format!("{attestation} {pop}")});
        let response = crate::contract::response(401, &echo.to_string());
        let error = pending.receive(response, moment(1, 2)).unwrap_err().to_string();
        assert!(error.contains("[secret]"), "{error}");
        assert!(!error.contains(&attestation[..40]) && !error.contains(&pop[..40]), "{error}");
        assert!(error.contains("whether the provider trusts the attester"), "{error}");
    }
}

/// The registration that an attester vouches for, at a provider with other clients, too.
#[test]
fn the_method_is_listed_only_where_it_is_known() {
    let mut party = Party::new();
    assert!(!party.provider.metadata().to_string().contains("attest"));
    party.provider.register(Registration::new("app", Registered::Attested(attester().jwk())));
    let metadata = party.discover().unwrap();
    assert!(metadata.supports_token_endpoint_auth_method("attest_jwt_client_auth"));
    assert!(metadata.client_attestation_algorithms().contains(Algorithm::ES384));
    assert!(metadata.client_attestation_pop_algorithms().contains(Algorithm::EdDSA));
    assert_eq!(metadata.challenge_endpoint, None);
    let key: Arc<dyn Sign> = KeyRing::client_key(Algorithm::EdDSA).0;
    let client = Client::builder(metadata, "app").attestation_key(key).build().unwrap();
    assert_eq!(client.authentication().name(), "attest_jwt_client_auth");
}
