//! The times of a token (RFC 7519 sections 4.1.4 to 4.1.6).

use super::{Claims, Rejected};
use crate::base::moment::Timestamp;

/// How far, in seconds, the clocks of issuer and verifier may differ, unless set otherwise.
pub const DEFAULT_LEEWAY: u16 = 30;

/// The largest leeway that can be set, in seconds.
pub const MAX_LEEWAY: u16 = 600;

/// Leeway always helps the token, at either end: it expires later and begins earlier.
pub(crate) fn check(claims: &Claims<'_>, leeway: u16, now: Timestamp) -> Result<(), Rejected> {
    let leeway = i64::from(leeway.min(MAX_LEEWAY));
    let (earliest, latest) = (now.plus(-leeway).0, now.plus(leeway).0);
    if claims.exp.is_some_and(|exp| exp <= earliest) {
        return Err(Rejected::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err(Rejected::NotYetValid);
    }
    if claims.iat.is_some_and(|iat| iat > latest) {
        return Err(Rejected::IssuedInFuture);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leeway_is_exact_at_both_ends_and_only_ever_lenient() {
        let verdict = |exp, nbf, iat, leeway| {
            let claims = Claims { exp: Some(exp), nbf: Some(nbf), iat: Some(iat), ..Claims::default() };
            check(&claims, leeway, Timestamp(1000))
        };
        assert_eq!(verdict(1001, 1000, 1000, 0), Ok(()));
        assert_eq!(verdict(1000, 1000, 1000, 0), Err(Rejected::Expired), "on or after `exp` it is over");
        assert_eq!(verdict(971, 1030, 1030, 30), Ok(()));
        assert_eq!(verdict(970, 1000, 1000, 30), Err(Rejected::Expired));
        assert_eq!(verdict(1001, 1031, 1000, 30), Err(Rejected::NotYetValid));
        assert_eq!(verdict(1001, 1000, 1031, 30), Err(Rejected::IssuedInFuture));
        assert_eq!(verdict(400, 0, 0, u16::MAX), Err(Rejected::Expired), "leeway has a ceiling");
    }
}
