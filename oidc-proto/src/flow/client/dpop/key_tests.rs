//! Tests of the keys of sessions: how they are made, and saved.

use super::*;
use crate::base::moment::Timestamp;
use std::collections::BTreeSet;

fn key(seed: u8) -> DpopKey {
    DpopKey::ed25519(Moment::new(Timestamp(1_800_000_000), [seed; 32])).unwrap()
}

#[test]
fn a_key_depends_on_the_entropy_alone_and_survives_being_saved() {
    let keys: BTreeSet<_> = (0..20).map(|seed| key(seed).thumbprint().to_owned()).collect();
    assert_eq!(keys.len(), 20);
    for seed in [0, 7, 255] {
        let saved = serde_json::to_string(&key(seed)).unwrap();
        let restored: DpopKey = serde_json::from_str(&saved).unwrap();
        assert_eq!(restored, key(seed));
        let message = b"a message";
        let sign = |key: &DpopKey| key.0.prover.key().unwrap().sign(message).unwrap();
        assert_eq!(sign(&restored), sign(&key(seed)), "the private half is the same, too");
        assert_eq!(format!("{restored:?}"), "DpopKey(..)");
    }
}

#[test]
fn a_saved_key_that_is_damaged_is_refused() {
    let saved = serde_json::to_value(key(7)).unwrap();
    for (member, value, why) in [
        ("v", 2.into(), "another version"),
        ("a", "ES256".into(), "damaged"),
        ("a", "HS256".into(), "damaged"),
        ("a", "made-up".into(), "damaged"),
        ("k", "".into(), "damaged"),
        ("k", "AAAA".into(), "damaged"),
        ("k", "not base64url!".into(), "damaged"),
        ("x", 1.into(), "unknown field"),
    ] {
        let mut odd = saved.clone();
        odd[member] = value;
        let error = serde_json::from_value::<DpopKey>(odd).unwrap_err().to_string();
        assert!(error.contains(why), "{member}: {error}");
    }
}

#[test]
fn a_thumbprint_is_32_bytes() {
    assert!(is_thumbprint(key(1).thumbprint()));
    for odd in ["", "abc", &"A".repeat(42), &"A".repeat(44), "é"] {
        assert!(!is_thumbprint(odd), "{odd}");
    }
}
