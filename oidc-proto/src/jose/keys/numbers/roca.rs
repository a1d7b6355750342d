//! Detection of RSA keys from a broken generator (CVE-2017-15361, "ROCA": M. Nemec et al., "The Return of
//! Coppersmith's Attack", 2017). The private half of such a key can be computed from the public half with modest
//! effort.
//!
//! Each prime of such a key is a power of 65537 modulo the product of small primes. So the modulus is a power of
//! 65537 modulo each small prime. A sound key has this property by chance about once in 2^27.

/// The small primes that the generator used for keys of every length, without 2, which gives no information.
const PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Seven of the primes, each with the set of the powers of 65537 modulo it. Together they tell all but one sound key in
/// 46,000.
const FIRST: [(u64, u128); 7] = [
    (97, powers(97)),
    (37, powers(37)),
    (79, powers(79)),
    (11, powers(11)),
    (13, powers(13)),
    (17, powers(17)),
    (3, powers(3)),
];

/// The product of these primes, which has 31 bits.
const PRODUCT: u64 = 97 * 37 * 79 * 11 * 13 * 17 * 3;

/// Returns the set of the powers of 65537 modulo a prime below 128, one bit for each.
const fn powers(prime: u64) -> u128 {
    let (mut set, mut power) = (0, 1);
    while set >> power & 1 == 0 {
        set |= 1 << power;
        power = power * 65537 % prime;
    }
    set
}

/// The powers of 2^32 modulo the product, for moduli up to 8192 bits.
const WEIGHTS: [u64; 256] = {
    let mut weights = [1; 256];
    let (mut rest, mut weight): (&mut [u64], _) = (&mut weights, 1);
    while let Some((first, others)) = rest.split_first_mut() {
        *first = weight;
        weight = (weight << 32) % PRODUCT;
        rest = others;
    }
    weights
};

/// Whether a modulus (most significant byte first) has the mark of the generator.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    let rest = rest(modulus);
    FIRST.iter().all(|(prime, powers)| powers >> (rest % prime) & 1 == 1) && is_marked_by_all(modulus)
}

/// Returns the modulus modulo the product, or a number with the same rest modulo each of the first primes.
fn rest(modulus: &[u8]) -> u64 {
    // The words below 2^8192, and the part above them, which no key has.
    let (above, words) = modulus.split_at(modulus.len().saturating_sub(4 * WEIGHTS.len()));
    let sum: u128 =
        words.rchunks(4).zip(WEIGHTS).map(|(word, weight)| u128::from(number(word) * weight)).sum();
    let top = WEIGHTS.last().map_or(0, |last| (last << 32) % PRODUCT);
    let above = above.iter().fold(0, |rest, byte| (rest << 8 | u64::from(*byte)) % PRODUCT);
    #[allow(clippy::cast_possible_truncation, reason = "a rest is less than the product")]
    let below = (sum % u128::from(PRODUCT)) as u64;
    (below + above * top) % PRODUCT
}

/// Returns the number that up to four bytes stand for.
fn number(bytes: &[u8]) -> u64 {
    match *bytes {
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d]).into(),
        _ => bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// Whether the modulus has the mark modulo each prime.
fn is_marked_by_all(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u64::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * 65537 % prime;
            power == rest
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_65537_are_marked_and_real_keys_are_not() {
        // 65537 to the power of 7 is a power of 65537 modulo every prime.
        let power = 65537_u128.pow(7).to_be_bytes();
        assert!(is_marked(&power));
        assert!(!is_marked(&(65537_u128.pow(7) + 2).to_be_bytes()));
        let jwk = crate::jose::testdata::jwk(crate::jose::testdata::RSA2048, crate::jose::Algorithm::RS256);
        assert!(!is_marked(&crate::base::base64url::decode(&jwk.n.unwrap()).unwrap()));
    }

    #[test]
    fn the_first_primes_never_miss_a_mark_and_words_have_the_rest_of_bytes() {
        assert_eq!(FIRST.iter().map(|(prime, _)| prime).product::<u64>(), PRODUCT);
        assert!(FIRST.iter().all(|(prime, _)| PRIMES.contains(prime)));
        let mut state = 3_u64;
        for length in (0..40).chain([255, 256, 257, 511, 512, 1023, 1024, 1025, 1100]) {
            let modulus: Vec<u8> = (0..length)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    state.to_be_bytes()[0]
                })
                .collect();
            let bytewise = modulus.iter().fold(0, |rest, byte| (rest << 8 | u64::from(*byte)) % PRODUCT);
            assert_eq!(rest(&modulus) % PRODUCT, bytewise, "{length}");
            assert_eq!(is_marked(&modulus), is_marked_by_all(&modulus), "{length}");
        }
        for exponent in 1..8 {
            assert!(is_marked(&65537_u128.pow(exponent.min(7)).to_be_bytes()), "{exponent}");
        }
    }
}
