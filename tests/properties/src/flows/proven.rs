//! A client with a DPoP key of its session: no proof is sent twice.

use crate::moment;
use http::Request;
use oidc_proto::flow::{Client, DpopKey};
use oidc_testkit::{Algorithm, TestProvider, Timestamp};
use std::collections::BTreeSet;

/// The bit of the flags that gives the client a key.
const KEYED: u8 = 128;

/// Makes the provider accept proofs, if the flags say so.
pub(super) fn accept(provider: &mut TestProvider, flags: u8) {
    if flags & KEYED != 0 {
        provider.accept_dpop([Algorithm::EdDSA]);
    }
}

/// Gives the client a key, if the flags say so.
pub(super) fn keyed(client: Client, flags: u8, now: Timestamp) -> Client {
    if flags & KEYED == 0 {
        return client;
    }
    let key = DpopKey::ed25519(moment(now, 5)).expect("a key");
    client.with_dpop_key(&key).expect("the provider accepts it")
}

/// Checks that a proof is new.
pub(super) fn judge(request: &Request<Vec<u8>>, spent: &mut BTreeSet<String>) {
    for name in ["dpop", "oauth-client-attestation-pop"] {
        if let Some(proof) = request.headers().get(name) {
            let proof = proof.to_str().expect("a JWS");
            assert!(spent.insert(proof.to_owned()), "a proof is sent twice");
        }
    }
}
