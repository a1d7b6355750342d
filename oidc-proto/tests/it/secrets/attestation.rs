//! Client attestations: neither they nor the proofs that go with them show.

use super::*;
use oidc_proto::{
    flow::{Attempt, Endpoint},
    sender::{AttestationChallenges, AttestationError, ClientAttestation},
};
use oidc_testkit::{Attester, KeyRing};

/// Looks at an attestation, its client and its proof. The proof is derived from the moment, so it is the same each time.
pub(super) fn look_at_an_attestation(look: &mut Looker, metadata: oidc_proto::metadata::ProviderMetadata) {
    let (key, jwk) = KeyRing::client_key(Algorithm::EdDSA);
    let text = Attester::new(Algorithm::EdDSA).attest("app", &jwk, NOW, 3600);
    look.hide("client attestation", &text);
    let attestation = ClientAttestation::parse(text.as_str()).unwrap();
    look.at(&attestation);
    for damaged in ["".to_owned(), format!("{text}.x"), text.replacen("ey", "e", 1), format!("{text}{text}")]
    {
        let error: AttestationError = ClientAttestation::parse(damaged).unwrap_err();
        look.at_error(&error);
    }
    let mut known = AttestationChallenges::new();
    let challenge = "a-challenge-that-is-long-enough";
    look.hide("challenge", challenge);
    let headers = [("oauth-client-attestation-challenge".parse().unwrap(), challenge.parse().unwrap())];
    known.learn(&"https://op.example/token".parse().unwrap(), &http::HeaderMap::from_iter(headers));
    look.at(&known);

    let method = ClientAuthentication::AttestJwtClientAuth;
    let builder = Client::builder(metadata, "app").authentication(method);
    let builder = builder.attestation_key(key).attestation(attestation);
    look.at(&builder);
    let client = builder.build().unwrap();
    look.at(&client);
    let begin = || client.client_credentials(&ClientCredentialsRequest::default(), moment(9)).unwrap();
    let pop = begin().request().headers()["oauth-client-attestation-pop"].to_str().unwrap().to_owned();
    look.hide("proof of possession", &pop);
    look_at_call(look, begin());
    provoke(look, &["client attestation", "proof of possession"], begin);
    let to_sign = client.attestation_pop_to_sign(Endpoint::Token, moment(14)).unwrap();
    let unsigned = std::str::from_utf8(to_sign.signing_input()).unwrap().to_owned();
    look.hide("a proof of possession that is not signed", &unsigned);
    look.at(&to_sign);
    let pop = to_sign.with_signature(b"a signature of nobody");
    look.at(&pop);
    look.at(&Attempt::from(&client).with_attestation_pop(pop));
}
