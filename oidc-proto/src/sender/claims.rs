//! [`ProofClaims`]: the claims of a DPoP proof, read in one pass (RFC 9449 section 4.2).

use crate::base::json::{
    Checked, JsonError, MAX_DEPTH, Names,
    object::{Object, Slot, Target},
};
use serde::de::MapAccess;

/// The claims of a proof. Their types are not checked.
#[derive(Default)]
pub(super) struct ProofClaims<'t> {
    pub(super) jti: Slot<'t>,
    pub(super) htm: Slot<'t>,
    pub(super) htu: Slot<'t>,
    pub(super) ath: Slot<'t>,
    pub(super) nonce: Slot<'t>,
    pub(super) iat: Slot<'t>,
}

impl<'t> ProofClaims<'t> {
    /// Reads a decoded payload.
    pub(super) fn parse(payload: &'t [u8], names: &mut Names) -> Result<Self, JsonError> {
        names.clear();
        let mut claims = Self::default();
        let checked = Checked { text: payload, names, depth: MAX_DEPTH };
        Object { checked, target: &mut claims }.parse()?;
        Ok(claims)
    }
}

pub(super) enum Claim {
    Jti,
    Htm,
    Htu,
    Ath,
    Nonce,
    Iat,
    Other,
}

impl<'t> Target<'t> for ProofClaims<'t> {
    type Member = Claim;

    fn member(name: &str) -> Claim {
        match name {
            "jti" => Claim::Jti,
            "htm" => Claim::Htm,
            "htu" => Claim::Htu,
            "ath" => Claim::Ath,
            "nonce" => Claim::Nonce,
            "iat" => Claim::Iat,
            _ => Claim::Other,
        }
    }

    fn read<A: MapAccess<'t>>(
        &mut self,
        claim: Claim,
        members: &mut A,
        inner: Checked<'_, '_>,
    ) -> Result<(), A::Error> {
        let slot = match claim {
            Claim::Jti => &mut self.jti,
            Claim::Htm => &mut self.htm,
            Claim::Htu => &mut self.htu,
            Claim::Ath => &mut self.ath,
            Claim::Nonce => &mut self.nonce,
            Claim::Iat => &mut self.iat,
            Claim::Other => return members.next_value_seed(inner),
        };
        *slot = Slot::read(members, inner)?;
        Ok(())
    }
}
