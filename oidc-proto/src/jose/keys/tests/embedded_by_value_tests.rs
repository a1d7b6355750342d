//! The key in a header against a reader that takes the long way.

use super::*;
use crate::jose::{Header, JwsError};

/// The keys of a header, read by value: the thumbprint, and then whether the numbers are right.
fn embedded_by_value(header: &[u8]) -> Result<(String, Result<(), KeyError>), Option<KeyError>> {
    let mut header = Members::parse(header).map_err(|_| None)?;
    let members = header.object("jwk").map_err(|_| None)?.ok_or(None)?;
    let private = is_private(&members);
    let jwk = typed(members)?;
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("AKP", _) => return Err(Some(KeyError::UnknownKeyType)),
        ("EC", Some("P-521")) => return Err(Some(KeyError::UnknownCurve)),
        _ => {}
    }
    if algorithms(&jwk)?.intersection(AlgorithmSet::ASYMMETRIC).is_empty() {
        return Err(Some(KeyError::UnknownKeyType));
    }
    if private {
        return Err(Some(KeyError::PrivateMembers));
    }
    let number = |name, member| match bytes(name, member)?.as_slice() {
        [0, ..] => Err(KeyError::LeadingZero(name)),
        _ => Ok(()),
    };
    let Some(thumbprint) = jwk.thumbprint() else {
        let (first, second) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => (number("n", &jwk.n), number("e", &jwk.e)),
            ("EC", Some("P-384")) => {
                (coordinate("x", &jwk.x, 48).map(drop), coordinate("y", &jwk.y, 48).map(drop))
            }
            ("EC", _) => (coordinate("x", &jwk.x, 32).map(drop), coordinate("y", &jwk.y, 32).map(drop)),
            _ => (coordinate("x", &jwk.x, 32).map(drop), Ok(())),
        };
        return Err(Some(first.and(second).err().unwrap_or(KeyError::BadPoint)));
    };
    let judged = numbers(&jwk, algorithms(&jwk)?).map(drop);
    if judged == Err(KeyError::RsaTooShort) {
        return Err(Some(KeyError::RsaTooShort));
    }
    let issuer = jwk.extra.get("issuer").is_none_or(|issuer| issuer.is_null() || issuer.is_string());
    Ok((thumbprint, judged.and(if issuer { Ok(()) } else { Err(KeyError::WrongType("issuer")) })))
}

pub(super) fn agree_embedded(header: &[u8]) {
    let mut key = HeaderKey::default();
    let key = match Header::parse_with(header, &mut Names::default(), &mut key).err() {
        // Another member is of another type, and ends the reading.
        Some(JwsError::Header(JsonError::WrongType { .. })) => return,
        Some(JwsError::Header(_)) => Ok(None),
        // What the rest of the header lacks is no fault of the key.
        Some(_) | None => key.found(),
    };
    let read = || {
        let key = EmbeddedKey::read(&key.map_err(|_| None)?.ok_or(None)?)?;
        let algorithm = key.algorithms().iter().next().ok_or(None)?;
        Ok((key.thumbprint().to_owned(), key.verify(algorithm, b"message", &[7; 64]).map(|_| ())))
    };
    assert_eq!(read(), embedded_by_value(header), "{}", String::from_utf8_lossy(header));
}
