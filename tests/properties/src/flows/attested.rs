//! A client with an attestation: each attempt has a new proof of possession, and a flow ends in its number of requests.

use super::{World, as_it_is};
use crate::{CLIENT, ISSUER, NOW, moment};
use oidc_proto::{
    UrlPolicy,
    flow::{ChallengeRetrieval, Client, ClientCredentialsGrant, ClientCredentialsRequest, MAX_RETRIES},
    metadata::{Profile, ProviderMetadata},
    sender::ClientAttestation,
};
use oidc_testkit::{Algorithm, Attester, ClientAuthentication, KeyRing, Registration};

/// How long the attestation counts, in seconds. A script may go further.
const LIFETIME: i64 = 1 << 20;

pub(super) fn attested(world: &mut World<'_>, flags: u8) {
    let attester = Attester::new(Algorithm::EdDSA);
    let (key, jwk) = KeyRing::client_key(Algorithm::EdDSA);
    let client = Registration::new(CLIENT, ClientAuthentication::Attested(attester.jwk()));
    world.provider.register(client.grant_type("client_credentials"));
    if flags & 8 != 0 {
        world.provider.demand_attestation_challenges(60);
    }
    world.provider.challenge_endpoint(flags & 16 != 0);
    let document = world.provider.metadata().to_string();
    let policy = UrlPolicy::default();
    let metadata = ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy);
    let attestation = ClientAttestation::parse(attester.attest(CLIENT, &jwk, NOW, LIFETIME));
    let client = Client::builder(metadata.expect("good metadata"), CLIENT).attestation_key(key);
    let client = client.attestation(attestation.expect("an attestation")).build().expect("it goes together");

    if flags & 48 == 48 {
        let call = client.attestation_challenge_retrieval().expect("the metadata says where");
        let challenge = world.drive::<ChallengeRetrieval>(call, as_it_is);
        assert!(world.requests == 1 && world.waits == 0);
        assert!(challenge.is_none_or(|challenge| (1..=1024).contains(&challenge.len())));
        return;
    }
    let wanted = ClientCredentialsRequest::new(["read"]);
    let call = client.client_credentials(&wanted, moment(NOW, 7)).expect("the request is good");
    let tokens = world.drive::<ClientCredentialsGrant>(call, as_it_is);
    assert!(tokens.is_some() || !world.honest, "an honest provider takes the newest challenge");
    let most = usize::from(MAX_RETRIES);
    // An attempt is a challenge, the request, and the request once more.
    assert!(world.requests <= 3 * (1 + most) && world.waits <= most);
}
