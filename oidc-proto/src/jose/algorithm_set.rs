//! [`AlgorithmSet`]: the algorithms that a key may be used with, or that a caller allows.

use super::algorithm::Algorithm;
use std::fmt;

/// A set of [`Algorithm`]s, such as the algorithms that a verifier allows.
///
/// ```
/// use oidc_proto::jose::{Algorithm, AlgorithmSet};
///
/// let allowed = AlgorithmSet::EMPTY.with(Algorithm::ES256).with(Algorithm::EdDSA);
/// assert!(allowed.contains(Algorithm::ES256));
/// assert!(!allowed.contains(Algorithm::RS256));
/// assert!(!AlgorithmSet::ASYMMETRIC.contains(Algorithm::HS256));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u32);

impl AlgorithmSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);
    /// All algorithms of this library.
    pub const ALL: Self = Self::of(Algorithm::ALL);
    /// All algorithms except HMAC. A verifier cannot sign with these.
    pub const ASYMMETRIC: Self = Self(Self::ALL.0 & !Self::HMAC.0);

    /// The algorithms that a verifier accepts unless it is told otherwise: the asymmetric ones among
    /// [`Algorithm::RING`]. ES512 and ML-DSA are not among them, whatever the backend: name them, as in
    /// `AlgorithmSet::DEFAULT.with(Algorithm::ES512)`.
    pub const DEFAULT: Self = Self(Self::of(Algorithm::RING).0 & !Self::HMAC.0);

    pub(super) const RSA: Self = Self::of(&[
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ]);
    pub(super) const P256: Self = Self::of(&[Algorithm::ES256]);
    pub(super) const P384: Self = Self::of(&[Algorithm::ES384]);
    pub(super) const P521: Self = Self::of(&[Algorithm::ES512]);
    pub(super) const ED25519: Self = Self::of(&[Algorithm::EdDSA, Algorithm::Ed25519]);
    pub(super) const HMAC: Self = Self::of(&[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]);

    const fn of(mut algorithms: &[Algorithm]) -> Self {
        let mut set = Self::EMPTY;
        while let [first, rest @ ..] = algorithms {
            set = set.with(*first);
            algorithms = rest;
        }
        set
    }

    /// Whether the algorithm is in the set.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & bit(algorithm) != 0
    }

    /// Returns this set with one more algorithm.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | bit(algorithm))
    }

    /// Returns this set without one algorithm.
    #[must_use]
    pub const fn without(self, algorithm: Algorithm) -> Self {
        Self(self.0 & !bit(algorithm))
    }

    /// Returns the algorithms that are in this set or in the other.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the algorithms that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number, for fingerprints.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Returns the algorithms in the set, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |algorithm| self.contains(*algorithm))
    }
}

/// The algorithms that a verifier accepts. By default, these are [`AlgorithmSet::DEFAULT`]. The first call of
/// [`only`](Self::only) replaces the default; each further call narrows the set and never widens it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowed(Option<AlgorithmSet>);

impl Allowed {
    pub(crate) const DEFAULT: Self = Self(None);

    /// Accepts only these algorithms. If the caller named algorithms before, only those in both sets remain.
    pub(crate) const fn only(self, algorithms: AlgorithmSet) -> Self {
        match self.0 {
            Some(before) => Self(Some(before.intersection(algorithms))),
            None => Self(Some(algorithms)),
        }
    }

    pub(crate) const fn set(self) -> AlgorithmSet {
        match self.0 {
            Some(named) => named,
            None => AlgorithmSet::DEFAULT,
        }
    }
}

const fn bit(algorithm: Algorithm) -> u32 {
    1 << algorithm as u32
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_operations_are_correct() {
        let two = AlgorithmSet::EMPTY.with(Algorithm::ES256).with(Algorithm::HS512);
        assert_eq!(format!("{two:?}"), "{ES256, HS512}");
        assert_eq!(two, [Algorithm::HS512, Algorithm::ES256, Algorithm::ES256].into_iter().collect());
        assert!(two.contains(Algorithm::ES256) && !two.contains(Algorithm::ES384));
        assert_eq!(two.intersection(AlgorithmSet::ASYMMETRIC), AlgorithmSet::P256);
        assert!(two.without(Algorithm::ES256).without(Algorithm::HS512).is_empty());
        assert_eq!(AlgorithmSet::ASYMMETRIC.union(AlgorithmSet::HMAC), AlgorithmSet::ALL);
        assert_eq!(AlgorithmSet::ALL.iter().count(), Algorithm::ALL.len());
        assert!(AlgorithmSet::ASYMMETRIC.iter().all(|algorithm| !algorithm.is_symmetric()));
    }

    #[test]
    fn what_ring_does_not_verify_is_accepted_only_by_name() {
        let default: Vec<_> = AlgorithmSet::DEFAULT.iter().map(Algorithm::name).collect();
        assert_eq!(default.join(" "), "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA Ed25519");
        assert_eq!(Allowed::DEFAULT.set(), AlgorithmSet::DEFAULT);
        let named = AlgorithmSet::DEFAULT.with(Algorithm::ES512);
        assert_eq!(Allowed::DEFAULT.only(named).set(), named);
        assert!(!Allowed::DEFAULT.only(AlgorithmSet::DEFAULT).only(named).set().contains(Algorithm::ES512));
        assert!(Algorithm::ALL.starts_with(Algorithm::RING), "the numbers of the others in saved sets stay");
    }
}
