//! How many keys are tried for one token, and at what cost.

use super::{
    super::{compact::JwsError, header::Header},
    key::Key,
};

/// The maximum number of keys that are tried for one token. Their cost together may not exceed [`MAX_WORK`].
pub const MAX_CANDIDATES: usize = 8;

/// The maximum cost of one token: the [work](Key::work) of all keys that are tried for it, together.
///
/// The number, the length and the exponent of the keys are each limited, but an attacker could combine them: the
/// cost of a forged token is their product. So this limits the product. It is the cost of two keys on P-384, the
/// most expensive curve: 1.5 ms on a machine that takes 0.02 ms for an RSA key of 2048 bits. Eight RSA keys of 4096
/// bits fit, or four of 8192 bits, each with the exponent 65537. Of RSA keys of 8192 bits whose exponent is 33
/// ones, one fits.
pub const MAX_WORK: u32 = 2_100_000;

/// Tries the keys that fit the algorithm, up to the limits. Returns `None` if there is no such key.
pub(super) fn attempt<'k>(
    keys: impl Iterator<Item = &'k Key>,
    header: &Header<'_>,
    signed: &[u8],
    signature: &[u8],
) -> Option<Result<&'k Key, JwsError>> {
    let mut found = None;
    let (mut tried, mut work) = (0, 0_u32);
    for key in keys.filter(|key| key.algorithms().contains(header.alg)) {
        work = work.saturating_add(key.work());
        if tried == MAX_CANDIDATES || work > MAX_WORK {
            return Some(Err(JwsError::TooManyCandidates));
        }
        tried += 1;
        if key.verify(header.alg, signed, signature) {
            return Some(Ok(key));
        }
        found = Some(Err(JwsError::Signature));
    }
    found
}
