//! A client with an attestation (`attest_jwt_client_auth`) at a real provider, over each adapter: `oidc-provider` from npm,
//! which demands a challenge in each proof of possession.

use crate::{
    adapters::Http,
    npm::{self, Browser, Npm, User, protocol},
};
use oidc_drive::moment;
use oidc_proto::{
    Error,
    flow::{
        Attempt, Client, ClientBuilder, ClientCredentialsRequest, Endpoint, PreviousLogin, TokenTypeHint,
    },
    jose::{Algorithm, Jwk},
    message::{AuthorizationRequest, AuthorizationResponse},
    sender::ClientAttestation,
};
use oidc_testkit::{Attester, KeyRing};

const KEYS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256];

fn attestation(attester: &Attester, client_id: &str, algorithm: Algorithm) -> ClientAttestation {
    let (_, jwk) = KeyRing::client_key(algorithm);
    let jwt = attester.attest(client_id, &jwk, oidc_drive::now(), 300);
    ClientAttestation::parse(jwt).expect("an attestation")
}

fn builder(npm: &Npm, client_id: &str) -> ClientBuilder {
    let client = Client::builder(npm.metadata.clone(), client_id).redirect_uri(npm::REDIRECT_URI);
    client.id_token_signed_response_alg(Algorithm::ES256)
}

/// An instance whose key signs with this algorithm.
fn instance(npm: &Npm, algorithm: Algorithm) -> Client {
    let attestation = attestation(&Attester::new(Algorithm::ES256), "attested", algorithm);
    let client = builder(npm, "attested").attestation_key(KeyRing::client_key(algorithm).0);
    client.attestation(attestation).build().expect("a client")
}

fn everything(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    for algorithm in KEYS {
        let client = instance(npm, algorithm);
        assert_eq!(client.authentication().name(), "attest_jwt_client_auth", "the metadata says so");
        let request = AuthorizationRequest::new(["profile", "email"]);
        let pushed = http.finish(client.push_authorize(&request, moment()).expect("a request"));
        let callback = Browser::new().visit(&pushed.url, User::Agrees("alice"));
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        let call = pushed.pending.callback(&client, None, response, moment()).expect("a code");
        let login = http.finish(call);
        assert_eq!(login.id_token.sub, "alice");

        let spent = login.tokens.refresh_token.expect("a refresh token");
        let previous = PreviousLogin::from(&login.id_token);
        let call = client.refresh(&spent, Some(previous), login.learned.keys, moment()).expect("a request");
        let refreshed = http.finish(call);
        assert!(refreshed.rotated);
        let wanted = ClientCredentialsRequest::new(["api:read"]).resource("https://api.example/");
        http.finish(client.client_credentials(&wanted, moment()).expect("a request"));

        let (token, hint) =
            (refreshed.tokens.refresh_token.expect("a new one"), Some(TokenTypeHint::RefreshToken));
        assert!(http.finish(client.introspect(&token, hint, moment()).expect("a request")).active);
        http.finish(client.revoke(&token, hint, moment()).expect("a request"));
        assert!(!http.finish(client.introspect(&token, hint, moment()).expect("a request")).active);
    }
}

#[test]
fn npm_attested_clients_log_in_refresh_and_serve_over_ureq() {
    everything(&oidc_ureq::Http::new());
}

#[test]
fn npm_attested_clients_log_in_refresh_and_serve_over_hyper() {
    everything(&oidc_hyper::Http::new());
}

#[test]
fn npm_attested_clients_log_in_refresh_and_serve_over_reqwest() {
    everything(&oidc_reqwest::Http::new());
}

#[test]
fn npm_refuses_a_foreign_attester_and_the_refresh_token_of_another_instance() {
    let Some(npm) = npm::npm() else { return };
    let refused = |client: &Client| {
        let call = client.client_credentials(&ClientCredentialsRequest::default(), moment());
        let Err(Error::OAuth(refused)) = npm.http.run(call.expect("a request")).map_err(protocol) else {
            panic!("{client:?}")
        };
        assert_eq!(refused.code(), "invalid_client");
        assert!(refused.to_string().contains("whether the provider trusts the attester"), "{refused}");
    };
    for algorithm in KEYS {
        let client = instance(npm, algorithm);
        refused(
            &client
                .with_attestation(&attestation(&Attester::new(Algorithm::PS256), "attested", algorithm))
                .expect("it fits"),
        );

        let request = AuthorizationRequest::new(["email"]);
        let (url, pending) = client.authorize(&request, moment()).expect("a request");
        let callback = Browser::new().visit(&url, User::Agrees("alice"));
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        let call = pending.callback(&client, None, response, moment()).expect("a code");
        let login = npm.http.run(call).unwrap_or_else(|failed| panic!("{failed}"));
        let token = login.tokens.refresh_token.expect("a refresh token");
        let another = instance(npm, Algorithm::ES384);
        let call = another.refresh(&token, None, None, moment()).expect("a request");
        let error = npm.http.run(call).map(drop).map_err(protocol).unwrap_err();
        assert_eq!(error.code(), "invalid_grant", "{error}");
    }
}

/// The key is elsewhere, so the program fetches the challenge and sends the proof itself. The provider takes a proof once.
#[test]
fn npm_takes_a_proof_of_a_key_that_is_elsewhere_once() {
    let Some(npm) = npm::npm() else { return };
    for algorithm in KEYS {
        let (key, jwk) = KeyRing::client_key(algorithm);
        let public = Jwk::parse(jwk.to_string().as_bytes()).expect("a key");
        let client = builder(npm, "attested").attestation_public_key(public, algorithm);
        let attestation = attestation(&Attester::new(Algorithm::ES256), "attested", algorithm);
        let client = client.attestation(attestation).build().expect("a client");
        let signed = |client: &Client| {
            let to_sign = client.attestation_pop_to_sign(Endpoint::Token, moment()).expect("it attests");
            let signature = key.sign(to_sign.signing_input()).expect("a signature");
            let attempt = Attempt::from(client).with_attestation_pop(to_sign.with_signature(&signature));
            attempt.client_credentials(&ClientCredentialsRequest::default(), moment()).expect("a request")
        };
        // Without a challenge, the provider names one.
        let Err(Error::OAuth(refused)) = npm.http.run(signed(&client)).map_err(protocol) else { panic!() };
        assert_eq!(refused.code(), "use_attestation_challenge");
        let named = refused.attestation_challenge.as_deref().expect("a challenge");
        let challenged = client.with_attestation_challenge(Endpoint::Token, named);
        assert!(npm.http.run(signed(&challenged)).is_ok());

        let fetched = client.attestation_challenge_retrieval().expect("the provider has an endpoint");
        let fetched = npm.http.run(fetched).unwrap_or_else(|failed| panic!("{failed}"));
        let challenged = client.with_attestation_challenge(Endpoint::Token, &fetched);
        let call = signed(&challenged);
        let again = call.request().clone();
        assert!(npm.http.run(call).is_ok());
        let body = String::from_utf8(again.body().clone()).expect("a form");
        let mut request = ureq::post(again.uri().to_string());
        for (name, value) in again.headers() {
            request = request.header(name, value);
        }
        let status =
            request.config().http_status_as_error(false).build().send(body).expect("an answer").status();
        assert!(status.is_client_error(), "{status}");
    }
}
