//! Private keys as they are written: PEM, and private JWKs (RFC 7517, RFC 7518 section 6, RFC 9964 section 2). What signs
//! with them is elsewhere.

use crate::jose::{
    algorithm::Algorithm,
    keys::{Jwk, KeyError},
    sign::SignError,
};
use crate::{
    backend::{PrivateMaterial, PublicHalf, RsaNumbers, Scheme},
    base::{
        base64url,
        json::{Extra, Members},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// A private JWK that was read.
pub(super) struct PrivateJwk<K> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) key: K,
}

/// Returns the DER of exactly one `PRIVATE KEY` block of PEM.
pub(super) fn read_pem(pem: &str) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
        .ok_or(SignError::Pem)?;
    // The full capacity from the start: growing would leave copies in memory that are not wiped.
    let mut text = Zeroizing::new(String::with_capacity(body.len()));
    text.extend(body.split_ascii_whitespace());
    Ok(Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| SignError::Pem)?))
}

/// Reads a private JWK of an asymmetric key. Its algorithm is the `alg` of the JWK or the given algorithm.
pub(super) fn read_jwk<K>(
    jwk: &[u8],
    algorithm: Option<Algorithm>,
    make: impl FnOnce(Scheme, &PrivateMaterial<'_>) -> Option<K>,
) -> Result<PrivateJwk<K>, SignError> {
    let members = Members::parse(jwk).map_err(SignError::Json)?.rest();
    let mut private = Members::new(members.clone());
    let mut private =
        |name| private.string(name).map(|text| text.map(Zeroizing::new)).map_err(SignError::Json);
    let jwk = Jwk::from_members(members).map_err(SignError::Json)?;
    let algorithm = algorithm_of(&jwk, algorithm)?;
    let scheme = algorithm.scheme();
    let key = match scheme {
        Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => {
            type_is(&jwk, "RSA", None)?;
            let (d, p, q) = (private("d")?, private("p")?, private("q")?);
            let (d_p, d_q, q_inv) = (private("dp")?, private("dq")?, private("qi")?);
            let numbers = RsaNumbers {
                n: &decode("n", jwk.n.as_deref())?,
                e: &decode("e", jwk.e.as_deref())?,
                d: &decode("d", text(&d))?,
                p: &decode("p", text(&p))?,
                q: &decode("q", text(&q))?,
                d_p: &decode("dp", text(&d_p))?,
                d_q: &decode("dq", text(&d_q))?,
                q_inv: &decode("qi", text(&q_inv))?,
            };
            make(scheme, &PrivateMaterial::Rsa(numbers))
        }
        Scheme::P256 | Scheme::P384 | Scheme::P521 => {
            let curves = [(Scheme::P256, "P-256"), (Scheme::P384, "P-384"), (Scheme::P521, "P-521")];
            let curve = curves.iter().find(|(of, _)| *of == scheme).map(|(_, curve)| *curve);
            type_is(&jwk, "EC", curve)?;
            let d = decode("d", text(&private("d")?))?;
            let (x, y) = (decode("x", jwk.x.as_deref())?, decode("y", jwk.y.as_deref())?);
            make(scheme, &PrivateMaterial::Point { d: &d, x: &x, y: &y })
        }
        Scheme::Ed25519 => {
            type_is(&jwk, "OKP", Some("Ed25519"))?;
            let (d, x) = (decode("d", text(&private("d")?))?, decode("x", jwk.x.as_deref())?);
            make(scheme, &PrivateMaterial::Seed { seed: &d, public: &x })
        }
        Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => {
            type_is(&jwk, "AKP", None)?;
            let seed = decode("priv", text(&private("priv")?))?;
            let public = decode("pub", jwk.public.as_deref())?;
            make(scheme, &PrivateMaterial::Seed { seed: &seed, public: &public })
        }
        Scheme::Hmac(_) => return Err(SignError::AlgorithmMismatch),
    };
    Ok(PrivateJwk { algorithm, kid: jwk.kid, key: key.ok_or(SignError::KeyRejected)? })
}

/// Returns the algorithm of a private JWK for signatures, and checks it against the requested algorithm.
pub(super) fn algorithm_of(jwk: &Jwk, asked: Option<Algorithm>) -> Result<Algorithm, SignError> {
    let algorithm = match (jwk.alg.as_deref(), asked) {
        (None, asked) => asked.ok_or(SignError::MissingAlgorithm)?,
        (Some(named), asked) => {
            let named = Algorithm::from_name(named).ok_or(SignError::Jwk(KeyError::UnknownAlgorithm))?;
            let twins = |algorithm| matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519);
            match asked {
                None => named,
                Some(asked) if asked == named || twins(asked) && twins(named) => asked,
                Some(_) => return Err(SignError::AlgorithmMismatch),
            }
        }
    };
    if jwk.public_key_use.as_deref().is_some_and(|purpose| purpose != "sig")
        || jwk.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "sign"))
    {
        return Err(SignError::Jwk(KeyError::NotForSignatures));
    }
    Ok(algorithm)
}

/// Checks the type and the curve of a key.
pub(super) fn type_is(jwk: &Jwk, kty: &str, crv: Option<&str>) -> Result<(), SignError> {
    if jwk.kty == kty && jwk.crv.as_deref() == crv { Ok(()) } else { Err(SignError::AlgorithmMismatch) }
}

/// Decodes a member of a key.
pub(super) fn decode(name: &'static str, text: Option<&str>) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let text = text.ok_or(SignError::Jwk(KeyError::MissingMember(name)))?;
    base64url::decode(text).map(Zeroizing::new).ok_or(SignError::Jwk(KeyError::Base64(name)))
}

fn text(member: &Option<Zeroizing<String>>) -> Option<&str> {
    member.as_ref().map(|text| text.as_str())
}

/// Returns the public half of a key as a JWK for signatures.
pub(super) fn public_jwk(algorithm: Algorithm, kid: Option<&str>, half: &PublicHalf) -> Option<Jwk> {
    let encode = |bytes: &[u8]| base64url::encode(bytes);
    let (kty, members) = match half {
        PublicHalf::Rsa { n, e } => ("RSA", vec![("n", encode(n)), ("e", encode(e))]),
        PublicHalf::Point { x, y } => {
            let curve = match x.len() {
                32 => "P-256",
                48 => "P-384",
                _ => "P-521",
            };
            ("EC", vec![("crv", curve.to_owned()), ("x", encode(x)), ("y", encode(y))])
        }
        PublicHalf::Ed25519(x) => ("OKP", vec![("crv", "Ed25519".to_owned()), ("x", encode(x))]),
        PublicHalf::MlDsa(key) => ("AKP", vec![("pub", encode(key))]),
    };
    let mut jwk = Extra::new();
    let fixed = [("kty", kty), ("use", "sig"), ("alg", algorithm.name())];
    jwk.extend(fixed.map(|(name, value)| (name.to_owned(), value.into())));
    jwk.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    jwk.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
    Jwk::from_members(jwk).ok()
}
