//! The choice of `attest_jwt_client_auth`, and of the algorithm of its proofs, by the metadata.

use super::{attestation, attester};
use crate::contract::{ISSUER, moment, read, sent};
use oidc_proto::{
    UrlPolicy,
    flow::{Client, ClientAuthentication, ClientBuilder, ClientCredentialsRequest, ConfigError},
    jose::{Algorithm, AlgorithmSet, Jwk, RingSigner},
    metadata::{Profile, ProviderMetadata},
    sender::{AttestationError, ClientAttestation},
};
use oidc_testkit::{KeyRing, drive::NOW};
use serde_json::{Value, json};
use std::sync::Arc;

/// The builder of a client at a provider with these members.
fn at(members: Value) -> ClientBuilder {
    let mut document = json!({"issuer": ISSUER, "token_endpoint": "https://op.example/token",
        "response_types_supported": ["code"]});
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    let metadata = ProviderMetadata::parse(document.to_string().as_bytes(), ISSUER, profile, &policy);
    Client::builder(metadata.unwrap(), "app")
}

fn keyed(builder: ClientBuilder, algorithm: Algorithm) -> ClientBuilder {
    builder.attestation_key(KeyRing::client_key(algorithm).0)
}

#[test]
fn a_client_with_an_attestation_key_uses_it_if_the_provider_lists_the_method() {
    use ClientAuthentication::{AttestJwtClientAuth, ClientSecretBasic, None as Public, PrivateKeyJwt};
    let chosen = |builder: ClientBuilder| builder.build().map(|client| client.authentication());
    let all = || {
        at(json!({"token_endpoint_auth_methods_supported":
            ["none", "client_secret_basic", "private_key_jwt", "attest_jwt_client_auth"]}))
    };
    let none = || at(json!({"token_endpoint_auth_methods_supported": ["none", "client_secret_basic"]}));
    for algorithm in super::ALGORITHMS {
        assert_eq!(chosen(keyed(all(), algorithm)), Ok(AttestJwtClientAuth));
        let both = keyed(all().signer(KeyRing::client_key(Algorithm::ES256).0), algorithm);
        assert_eq!(chosen(both.clone()), Ok(AttestJwtClientAuth));
        assert_eq!(chosen(both.authentication(PrivateKeyJwt)), Ok(PrivateKeyJwt));
        assert_eq!(
            chosen(keyed(at(json!({})), algorithm)),
            Ok(AttestJwtClientAuth),
            "the key speaks for itself"
        );
        assert_eq!(chosen(keyed(none(), algorithm).secret("s")), Ok(ClientSecretBasic));
        assert_eq!(chosen(keyed(none(), algorithm).authentication(Public)), Ok(Public));
        let error = chosen(keyed(none(), algorithm)).unwrap_err().to_string();
        assert!(error.contains("is for `attest_jwt_client_auth` ("), "{error}");
        // An attestation that no request sends is no mistake.
        let jwk = KeyRing::client_key(algorithm).1;
        let unused = keyed(none(), algorithm).secret("s").attestation(attestation("app", &jwk));
        assert_eq!(chosen(unused), Ok(ClientSecretBasic));
    }
    assert_eq!(chosen(all()), Ok(Public));
    let refused = Err(AttestationError::NoKey.into());
    assert_eq!(chosen(all().authentication(AttestJwtClientAuth)), refused);
    assert_eq!(chosen(all().secret("s").authentication(AttestJwtClientAuth)), refused);
}

#[test]
fn the_algorithms_are_those_that_the_provider_lists() {
    let listing = |attestations: &[&str], proofs: &[&str]| {
        at(json!({"token_endpoint_auth_methods_supported": ["attest_jwt_client_auth"],
            "client_attestation_signing_alg_values_supported": attestations,
            "client_attestation_pop_signing_alg_values_supported": proofs}))
    };
    for (algorithm, listed, named) in [
        (Algorithm::ES256, &["RS256", "ES256"][..], "ES256"),
        (Algorithm::EdDSA, &["Ed25519"], "Ed25519"),
        (Algorithm::EdDSA, &["EdDSA", "Ed25519"], "EdDSA"),
        (Algorithm::PS256, &[], "PS256"),
    ] {
        let jwk = KeyRing::client_key(algorithm).1;
        let client = keyed(listing(&["EdDSA"], listed), algorithm).attestation(attestation("app", &jwk));
        let client = client.build().unwrap();
        let call = client.client_credentials(&ClientCredentialsRequest::default(), moment(0, 1)).unwrap();
        let (request, ..) = sent(call);
        let pop = request.headers()["oauth-client-attestation-pop"].to_str().unwrap();
        assert_eq!(read(pop).0["alg"], named, "{listed:?}");
        let attested = |listed| keyed(listing(listed, &[]), algorithm).attestation(attestation("app", &jwk));
        assert!(attested(&[]).build().is_ok(), "an empty list says nothing");
        let offered = AlgorithmSet::EMPTY.with(Algorithm::ES256);
        let refused = Err(AttestationError::Algorithm { offered }.into());
        assert_eq!(attested(&["ES256", "ES256K"]).build().map(drop), refused);
    }
    let usable = AlgorithmSet::EMPTY.with(Algorithm::ES256);
    let offered = AlgorithmSet::EMPTY.with(Algorithm::RS256).with(Algorithm::HS256);
    let refused = keyed(listing(&[], &["RS256", "HS256"]), Algorithm::ES256).build().unwrap_err();
    assert_eq!(refused, AttestationError::PopAlgorithm { offered, usable }.into());
    assert!(refused.to_string().contains("with ES256,") && refused.to_string().contains("RS256, HS256"));
}

#[test]
fn a_key_that_no_provider_could_verify_is_refused() {
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let key = Arc::new(RingSigner::from_secret(algorithm, &secret, None).unwrap());
        let refused = Err(ConfigError::Attestation(AttestationError::NoPublicKey));
        assert_eq!(at(json!({})).attestation_key(key).build().map(drop), refused);
        let shared = Jwk::parse(br#"{"kty": "oct", "k": "AAAA"}"#).unwrap();
        assert_eq!(at(json!({})).attestation_public_key(shared, algorithm).build().map(drop), refused);
    }
    let mut client = at(json!({}));
    let (key, jwk) = KeyRing::client_key(Algorithm::ES256);
    client = client.attestation_key(key);
    let another = ClientAttestation::parse(attester().attest("other", &jwk, NOW, 60)).unwrap();
    assert_eq!(client.attestation(another).build().map(drop), Err(AttestationError::Subject.into()));
}
