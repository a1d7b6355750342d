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

/// Whether a modulus (most significant byte first) has the mark of the generator.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
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
}
