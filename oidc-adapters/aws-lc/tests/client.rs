//! A client whose keys are with AWS-LC, at a provider that verifies what it sends with ring, and ID tokens of the
//! algorithms that ring does not have.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::wildcard_enum_match_arm, reason = "tests of a table")]

use oidc_aws_lc::{
    AwsLc, AwsLcSigner,
    oidc_proto::{
        Secret,
        base::base64url,
        flow::{Client, ClientAuthentication, ClientCredentialsRequest, ConfigError, Step},
        jose::{
            Algorithm, AlgorithmSet, JwsError, KeyError, KeySet, KeySetReader, Scratch, Sign, sign_compact,
            verify_compact,
        },
        metadata::ProviderMetadata,
        token::{Expected, IdTokenVerifier, VerificationError},
    },
};
use oidc_testkit::{
    ClientAuthentication as Registered, EndpointName, Party, hostile,
    scenario::{CLIENT_ID, SECRET},
};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/vectors");
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/testkit/data/test-only-keys.json");
const NEW: [Algorithm; 4] = [Algorithm::ES512, Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A signer for an algorithm that ring has, too.
fn usual(algorithm: Algorithm) -> Arc<AwsLcSigner> {
    let crv = match algorithm {
        Algorithm::ES256 => Some("P-256"),
        Algorithm::ES384 => Some("P-384"),
        Algorithm::EdDSA | Algorithm::Ed25519 => Some("Ed25519"),
        _ => None,
    };
    let file = read(Path::new(KEYS));
    let keys = file["keys"].as_array().unwrap();
    let mut key = keys.iter().find(|key| key["crv"].as_str() == crv).unwrap().clone();
    key.as_object_mut().unwrap().remove("alg");
    key["kid"] = json!("mine");
    Arc::new(AwsLcSigner::from_jwk(key.to_string().as_bytes(), Some(algorithm)).unwrap())
}

/// A signer for an algorithm that ring does not have.
fn new(algorithm: Algorithm) -> Arc<AwsLcSigner> {
    let mut jwk = match algorithm {
        Algorithm::ES512 => read(&Path::new(VECTORS).join("rfc/rfc7515_A.4.jwk")),
        other => read(&Path::new(VECTORS).join(format!("rfc9964/{other}.json")))["jwk"].clone(),
    };
    // As a provider publishes it: the key of RFC 7515 has no name.
    jwk["kid"] = jwk["kid"].as_str().unwrap_or("the key of a provider").into();
    Arc::new(AwsLcSigner::from_jwk(jwk.to_string().as_bytes(), Some(algorithm)).unwrap())
}

fn reader() -> KeySetReader {
    KeySetReader::new().backend(Arc::new(AwsLc::new()))
}

fn keys_of(signer: &AwsLcSigner) -> KeySet {
    reader().from_jwks(signer.public_jwk()).unwrap()
}

#[test]
fn a_client_logs_in_with_assertions_of_every_algorithm_that_the_provider_can_check() {
    for algorithm in AlgorithmSet::DEFAULT.iter() {
        let signer = usual(algorithm);
        let mut jwk = signer.public_jwk().unwrap().to_json();
        jwk.as_object_mut().unwrap().remove("alg");
        let mut party = Party::builder()
            .authentication(Registered::PrivateKeyJwt(jwk))
            .client(move |client| client.signer(signer).backend(Arc::new(AwsLc::new())))
            .build();
        party.provider.assertion_algorithms([algorithm]);
        let user = party.login().unwrap();
        party.refresh(&user).unwrap();
        party.client_credentials(&ClientCredentialsRequest::new(["reports"])).unwrap();
        party.provider.assert_clean();
    }
}

fn metadata() -> ProviderMetadata {
    let names: Vec<_> = AlgorithmSet::ASYMMETRIC.iter().map(Algorithm::name).collect();
    let mut party = Party::new();
    for member in ["token_endpoint_auth_signing_alg_values_supported", "dpop_signing_alg_values_supported"] {
        party.provider.alter_response(EndpointName::Discovery, hostile::set_member(member, json!(names)));
    }
    party.provider.alter_response(
        EndpointName::Discovery,
        hostile::set_member("token_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
    );
    party.discover().unwrap()
}

#[test]
fn assertions_and_proofs_of_every_algorithm_are_what_their_specifications_say() {
    let metadata = metadata();
    for algorithm in AlgorithmSet::ASYMMETRIC.iter() {
        let signer = if NEW.contains(&algorithm) { new(algorithm) } else { usual(algorithm) };
        let client = Client::builder(metadata.clone(), "app")
            .signer(Arc::<AwsLcSigner>::clone(&signer))
            .dpop_key(Arc::<AwsLcSigner>::clone(&signer))
            .build()
            .unwrap();
        let moment = Party::new().clock.moment();
        let call = client.client_credentials(&ClientCredentialsRequest::new(["reports"]), moment).unwrap();
        let Step::Send(call) = call.into() else { panic!("it sends") };
        let (request, _, _) = call.into_parts();
        let body: Vec<_> = url::form_urlencoded::parse(request.body()).into_owned().collect();
        let assertion = &body.iter().find(|(name, _)| name == "client_assertion").unwrap().1;
        let mut scratch = Scratch::new();
        let jws = verify_compact(assertion, &keys_of(&signer), AlgorithmSet::ALL, &mut scratch).unwrap();
        assert_eq!(jws.header().alg(), algorithm);

        let proof = request.headers()["dpop"].to_str().unwrap();
        let header: Value =
            serde_json::from_slice(&base64url::decode(proof.split('.').next().unwrap()).unwrap()).unwrap();
        assert_eq!(header["alg"], algorithm.name());
        let jwk = header["jwk"].as_object().unwrap();
        let names: Vec<_> = {
            let mut names: Vec<_> = jwk.keys().map(String::as_str).collect();
            names.sort_unstable();
            names
        };
        let expected: &[&str] = match jwk["kty"].as_str().unwrap() {
            "RSA" => &["e", "kty", "n"],
            "EC" => &["crv", "kty", "x", "y"],
            "OKP" => &["crv", "kty", "x"],
            _ => &["alg", "kty", "pub"], // the algorithm is a part of the key
        };
        assert_eq!(names, expected);
        let keys = reader().parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        assert!(verify_compact(proof, &keys, AlgorithmSet::ALL, &mut scratch).is_ok());
        assert_eq!(
            keys.keys().next().unwrap().thumbprint(),
            signer.public_jwk().unwrap().thumbprint().as_deref()
        );
    }
}

#[test]
fn a_provider_that_lists_none_of_the_new_algorithms_is_sent_none() {
    let signer = new(Algorithm::ES512);
    let metadata = Party::new().discover().unwrap();
    let refused = Client::builder(metadata, "app").signer(signer).build();
    assert!(
        matches!(refused.map(drop), Err(ConfigError::NoAssertionAlgorithm { .. })),
        "before anything is sent"
    );
}

/// The hash of ML-DSA is SHAKE256, and that of ES512 is SHA-512 (OpenID Connect Core 1.0 section 3.1.3.6).
#[test]
fn an_id_token_of_a_new_algorithm_is_accepted_by_name_with_the_right_hash_only() {
    let now = Party::new().clock.moment().now();
    for algorithm in NEW {
        let signer = new(algorithm);
        let keys = keys_of(&signer);
        let access_token = Secret::new("an access token");
        let token = |at_hash: &str| {
            let claims = json!({"iss": "https://op.example", "sub": "alice", "aud": "app",
                "iat": now.0, "exp": now.0 + 300, "at_hash": at_hash});
            Secret::new(sign_compact(&*signer, Default::default(), claims.to_string().as_bytes()).unwrap())
        };
        let mut expected = Expected::default();
        expected.access_token = Some(&access_token);
        let verifier = IdTokenVerifier::new("https://op.example", "app");
        let named = verifier.clone().algorithms(AlgorithmSet::DEFAULT.with(algorithm));
        let hash = algorithm.left_half_hash(access_token.expose().as_bytes());
        let good = token(&hash);
        assert_eq!(named.verify(&good, &keys, &expected, now).unwrap().sub, "alice", "{algorithm}");
        assert_eq!(
            verifier.verify(&good, &keys, &expected, now).err(),
            Some(VerificationError::Jws(JwsError::AlgorithmNotAllowed)),
            "{algorithm}: nobody has named it"
        );
        for wrong in [&hash[1..], "", &Algorithm::RS256.left_half_hash(access_token.expose().as_bytes())] {
            let refused = named.verify(&token(wrong), &keys, &expected, now).err();
            assert_eq!(refused, Some(VerificationError::AccessTokenHash), "{algorithm}");
        }
    }
}

/// Signs the ID token of a token response anew, with its hash.
fn signed_anew(signer: &AwsLcSigner, body: &[u8]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    let old = body["id_token"].as_str().unwrap();
    let mut claims: Value =
        serde_json::from_slice(&base64url::decode(old.split('.').nth(1).unwrap()).unwrap()).unwrap();
    claims["at_hash"] =
        json!(signer.algorithm().left_half_hash(body["access_token"].as_str().unwrap().as_bytes()));
    let token = sign_compact(signer, Default::default(), claims.to_string().as_bytes()).unwrap();
    body["id_token"] = json!(token);
    body.to_string().into_bytes()
}

/// The whole way: a client with the backend, at a provider that signs with a new algorithm from now on.
#[test]
fn a_login_with_a_new_algorithm_needs_the_backend_and_a_provider_that_lists_it() {
    for algorithm in NEW {
        let login = |listed: bool, named: bool, backend: bool| {
            let mut party = Party::new();
            let names = json!([if listed { algorithm.name() } else { "RS256" }, "RS256"]);
            let set = hostile::set_member("id_token_signing_alg_values_supported", names);
            party.provider.alter_response(EndpointName::Discovery, set);
            // The client of the party has read its metadata before.
            let client = Client::builder(party.discover().unwrap(), CLIENT_ID)
                .authentication(ClientAuthentication::ClientSecretBasic)
                .secret(SECRET)
                .redirect_uri("https://app.example/callback");
            let client = if named { client.id_token_signed_response_alg(algorithm) } else { client };
            let client = if backend { client.backend(Arc::new(AwsLc::new())) } else { client };
            party.client = client.build().unwrap();
            let signer = new(algorithm);
            party.provider.publish_extra_jwk(signer.public_jwk().unwrap().to_json());
            party.provider.alter_response(EndpointName::Token, move |response| {
                *response.body_mut() = signed_anew(&signer, response.body());
            });
            party.login().map(|user| user.id_token.sub.clone())
        };
        let refused = |why| Err(VerificationError::Jws(why).into());
        assert_eq!(login(true, false, true), Ok("alice".to_owned()), "{algorithm}");
        assert_eq!(login(false, true, true), Ok("alice".to_owned()), "{algorithm}");
        assert_eq!(login(false, false, true), refused(JwsError::AlgorithmNotAllowed), "{algorithm}");
        assert_eq!(login(true, false, false), refused(JwsError::AlgorithmNotAllowed), "{algorithm}");
        let lacks = JwsError::KeySetAside(KeyError::NeedsBackend(algorithm));
        assert_eq!(login(true, true, false), refused(lacks), "{algorithm}: the error names the backend");
    }
}
