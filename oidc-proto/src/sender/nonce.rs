//! [`NonceKeys`]: nonces for DPoP proofs that no server has to store (RFC 9449 sections 8 and 9).
//!
//! Time is divided into slots. A nonce is the number of a slot and the HMAC of that number. Every node with the key
//! makes the same nonces and accepts those of the other nodes. A nonce is valid in its own slot and in the next one. So
//! a client needs a new nonce once a slot, and a proof made in advance is valid for two slots at most.

use crate::{
    backend::Mac,
    base::{
        base64url,
        moment::{Timestamp, whole_seconds},
        secret::equal,
    },
};
use std::{fmt, time::Duration};

/// The default length of a slot: two minutes.
pub const DEFAULT_NONCE_SLOT: Duration = Duration::from_secs(120);

/// Separates these nonces from any other use of the key.
const CONTEXT: &[u8] = b"oidc-proto DPoP nonce\0";

/// The keys that make and check the DPoP nonces of a server: the current one, and earlier ones while the nodes change
/// to a new key. Give them to [`DpopVerifier::demand_nonce`](super::DpopVerifier::demand_nonce).
///
/// ```
/// use oidc_proto::{
///     Timestamp,
///     sender::{DpopVerifier, NonceKeys},
/// };
///
/// // 32 random bytes from your secret store, the same on every node:
/// let (key, old_key) = ([1; 32], [2; 32]);
/// let keys = NonceKeys::new(&key).previous(&old_key);
/// let verifier = DpopVerifier::new().demand_nonce(keys.clone());
///
/// let now = Timestamp(1_800_000_000);
/// assert_eq!(verifier.nonce(now), Some(keys.nonce(now)));
/// assert_ne!(keys.nonce(now.plus(120)), keys.nonce(now)); // The next slot has another nonce.
/// ```
#[derive(Clone)]
pub struct NonceKeys {
    current: Mac,
    previous: Vec<Mac>,
    slot: i64,
}

impl NonceKeys {
    /// Makes nonces with a key of 32 random bytes. Every node needs the same key.
    #[must_use]
    pub fn new(current: &[u8; 32]) -> Self {
        Self { current: Mac::new(current), previous: Vec::new(), slot: whole_seconds(DEFAULT_NONCE_SLOT) }
    }

    /// Also accepts nonces of this earlier key, but makes no nonces with it. A second call adds another key.
    #[must_use]
    pub fn previous(mut self, previous: &[u8; 32]) -> Self {
        self.previous.push(Mac::new(previous));
        self
    }

    /// Sets the length of a slot, one second at least. Every node needs the same length. The default is
    /// [`DEFAULT_NONCE_SLOT`].
    #[must_use]
    pub fn slot(mut self, length: Duration) -> Self {
        self.slot = whole_seconds(length).max(1);
        self
    }

    /// Returns the current nonce, for a `DPoP-Nonce` header.
    #[must_use]
    pub fn nonce(&self, now: Timestamp) -> String {
        let slot = self.number(now).to_be_bytes();
        let tag = self.current.sign(&[CONTEXT, &slot]);
        base64url::encode(&[&slot[..], &tag].concat())
    }

    pub(super) fn check(&self, nonce: &str, now: Timestamp) -> Freshness {
        // 8 bytes of number and 32 of HMAC, in base64url.
        let decoded = if nonce.len() == 54 { base64url::decode(nonce) } else { None };
        let Some((slot, tag)) = decoded.as_deref().and_then(|bytes| bytes.split_first_chunk::<8>()) else {
            return Freshness::Foreign;
        };
        let made_by = |key: &Mac| equal(&key.sign(&[CONTEXT, slot]), tag);
        let is_ours = made_by(&self.current);
        if !is_ours && !self.previous.iter().any(made_by) {
            return Freshness::Foreign;
        }
        match i64::from_be_bytes(*slot).saturating_sub(self.number(now)) {
            // A node whose clock is ahead made a nonce of the next slot.
            0 | 1 if is_ours => Freshness::Current,
            -1..=1 => Freshness::Recent,
            _ => Freshness::Foreign,
        }
    }

    fn number(&self, now: Timestamp) -> i64 {
        now.0.div_euclid(self.slot)
    }
}

/// The verdict on a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The nonce is valid and the newest one.
    Current,
    /// The nonce is valid, but the client should get a new one.
    Recent,
    /// The nonce is too old, or not ours.
    Foreign,
}

impl fmt::Debug for NonceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceKeys").field("slot", &self.slot).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_valid_in_its_slot_and_the_next_on_every_node() {
        let (one, other) = (NonceKeys::new(&[1; 32]), NonceKeys::new(&[1; 32]));
        let nonce = one.nonce(Timestamp(1200));
        assert_eq!(nonce.len(), 54);
        assert_eq!(nonce, other.nonce(Timestamp(1319)));
        assert_ne!(nonce, other.nonce(Timestamp(1320)));
        for (now, verdict) in [
            (1079, Freshness::Foreign),
            (1080, Freshness::Current),
            (1200, Freshness::Current),
            (1319, Freshness::Current),
            (1320, Freshness::Recent),
            (1439, Freshness::Recent),
            (1440, Freshness::Foreign),
        ] {
            assert_eq!(other.check(&nonce, Timestamp(now)), verdict, "{now}");
        }
        let negative = one.nonce(Timestamp(-1));
        assert_eq!(one.check(&negative, Timestamp(0)), Freshness::Recent);
    }

    #[test]
    fn the_previous_key_is_accepted_and_no_other() {
        let now = Timestamp(1200);
        let old = NonceKeys::new(&[1; 32]).nonce(now);
        let two = NonceKeys::new(&[3; 32]).previous(&[1; 32]).previous(&[2; 32]);
        assert_eq!(two.check(&old, now), Freshness::Recent, "a further key replaces no other");
        assert_eq!(NonceKeys::new(&[2; 32]).check(&old, now), Freshness::Foreign);
        assert_eq!(NonceKeys::new(&[2; 32]).previous(&[1; 32]).check(&old, now), Freshness::Recent);
        assert_eq!(
            NonceKeys::new(&[2; 32]).previous(&[1; 32]).nonce(now),
            NonceKeys::new(&[2; 32]).nonce(now)
        );
    }

    #[test]
    fn a_changed_or_malformed_nonce_is_foreign() {
        let keys = NonceKeys::new(&[1; 32]).slot(Duration::ZERO);
        let good = keys.nonce(Timestamp(7));
        assert_eq!(keys.check(&good, Timestamp(8)), Freshness::Recent, "a slot lasts a second at least");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad.replace_range(at..=at, if good.get(at..=at) == Some("B") { "C" } else { "B" });
            assert_eq!(keys.check(&bad, Timestamp(7)), Freshness::Foreign, "{at}");
        }
        for bad in ["", "A", &"A".repeat(53), &"A".repeat(54), &"A".repeat(100_000), "é"] {
            assert_eq!(keys.check(bad, Timestamp(7)), Freshness::Foreign);
        }
        assert_eq!(format!("{keys:?}"), "NonceKeys { slot: 1, .. }");
    }
}
