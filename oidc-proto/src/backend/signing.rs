//! Private keys of a [`Backend`](super::Backend): what it is given, and what it makes of that.

/// A private key that a [`Backend`](super::Backend) has parsed for one scheme.
pub trait SigningKey: Send + Sync {
    /// Signs a message. Returns `None` if that fails, for example without randomness. An ECDSA signature is the
    /// concatenation of its two numbers, each as long as the prime of the curve (RFC 7518 section 3.4).
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;

    /// Returns the public half.
    fn public(&self) -> PublicHalf;
}

/// The public half of a key.
///
/// ```
/// use oidc_proto::backend::PublicHalf;
///
/// let half = PublicHalf::Ed25519(vec![7; 32]);
/// assert!(matches!(half, PublicHalf::Ed25519(point) if point.len() == 32));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicHalf {
    /// The modulus and the exponent of an RSA key, big-endian, without leading zero bytes.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// The coordinates of a point of P-256 (32 bytes each), P-384 (48 bytes each) or P-521 (66 bytes each).
    Point {
        /// The x coordinate.
        x: Vec<u8>,
        /// The y coordinate.
        y: Vec<u8>,
    },
    /// A point of Ed25519.
    Ed25519(Vec<u8>),
    /// A public key of ML-DSA.
    MlDsa(Vec<u8>),
}

/// A private key as it is written: what a [`Backend`](super::Backend) parses. It has no `Debug`, so it shows nowhere.
///
/// ```
/// use oidc_proto::backend::{Backend, PrivateMaterial, Scheme, SigningKey};
///
/// /// A backend that has no private keys. That is the default.
/// struct Mine;
/// impl Backend for Mine {}
///
/// assert!(Mine.signing_key(Scheme::P521, &PrivateMaterial::Pkcs8(b"...")).is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy)]
pub enum PrivateMaterial<'a> {
    /// PKCS#8 DER (RFC 5958).
    Pkcs8(&'a [u8]),
    /// The numbers of an RSA key.
    Rsa(RsaNumbers<'a>),
    /// The private number and the coordinates of the public point of a NIST curve, big-endian.
    Point {
        /// The private number.
        d: &'a [u8],
        /// The x coordinate.
        x: &'a [u8],
        /// The y coordinate.
        y: &'a [u8],
    },
    /// The seed and the public key, of Ed25519 (RFC 8037 section 2) or of ML-DSA (RFC 9964 section 3).
    Seed {
        /// The seed.
        seed: &'a [u8],
        /// The public key.
        public: &'a [u8],
    },
}

/// The numbers of an RSA key (RFC 8017 section 3.2), big-endian.
///
/// ```
/// use oidc_proto::backend::RsaNumbers;
///
/// let [n, e, d, p, q, d_p, d_q, q_inv] = [&[7][..]; 8]; // no real key
/// assert_eq!(RsaNumbers::new([n, e, d], [p, q, d_p, d_q, q_inv]).n, [7]);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy)]
pub struct RsaNumbers<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
    /// The private exponent.
    pub d: &'a [u8],
    /// The first prime.
    pub p: &'a [u8],
    /// The second prime.
    pub q: &'a [u8],
    /// The exponent of the first prime.
    pub d_p: &'a [u8],
    /// The exponent of the second prime.
    pub d_q: &'a [u8],
    /// The coefficient of the Chinese remainder theorem.
    pub q_inv: &'a [u8],
}

impl<'a> RsaNumbers<'a> {
    /// Names the numbers: `n`, `e` and `d`, and then `p`, `q`, `dp`, `dq` and `qi`, as a JWK calls them (RFC 7518 section
    /// 6.3).
    #[must_use]
    pub const fn new([n, e, d]: [&'a [u8]; 3], [p, q, d_p, d_q, q_inv]: [&'a [u8]; 5]) -> Self {
        Self { n, e, d, p, q, d_p, d_q, q_inv }
    }
}
