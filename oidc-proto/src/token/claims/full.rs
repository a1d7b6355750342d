//! Reads the claims of any document, with serde_json. It decides what is an error, and which.

use super::{
    binding::Bound,
    member::{Date, Scope, Strings, Text},
    name::{Claim, Reading},
    registered::{Acting, Claims},
};
use crate::{
    base::{
        json::{Checked, JsonError, MAX_DEPTH, Name, Names, check, refuse},
        moment::Timestamp,
    },
    token::VerificationError,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads a set of claims.
pub(super) fn read<'a>(
    text: &'a str,
    names: &mut Names,
    reading: Reading,
) -> Result<Claims<'a>, VerificationError> {
    names.clear();
    let payload = text.as_bytes();
    let mut from = serde_json::Deserializer::from_str(text);
    let mut claims = Claims::default();
    match from
        .deserialize_map(Reader { payload, names, claims: &mut claims, reading })
        .and_then(|()| from.end())
    {
        Ok(()) => Ok(claims),
        Err(error) => Err(VerificationError::Claims(names.why(&error))),
    }
}

impl<'a> Claims<'a> {
    /// Sets a claim that may be odd. Returns whether its type fits; if not, it is noted as odd.
    #[allow(clippy::wildcard_enum_match_arm, reason = "only four claims may be odd")]
    fn set_if_it_fits(&mut self, claim: Claim, json: &'a str) -> bool {
        fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Option<T> {
            serde_json::from_str(json).ok()
        }
        let odd = match claim {
            Claim::AuthTime => {
                let date = read::<Date>(json).map(|date| self.auth_time = date.0.map(Timestamp));
                self.odd.auth_time = date.is_none();
                self.odd.auth_time
            }
            Claim::Acr => {
                self.odd.acr = read::<Text<'a>>(json).map(|text| self.acr = text.0).is_none();
                self.odd.acr
            }
            Claim::Amr => {
                self.odd.amr = read::<Strings<'a>>(json).map(|texts| self.amr = texts.0).is_none();
                self.odd.amr
            }
            // `Claim::may_be_odd` names these four.
            _ => {
                self.odd.sid = read::<Text<'a>>(json).map(|text| self.sid = text.0).is_none();
                self.odd.sid
            }
        };
        !odd
    }
}

struct Reader<'a, 'n> {
    payload: &'a [u8],
    names: &'n mut Names,
    claims: &'n mut Claims<'a>,
    reading: Reading,
}

impl<'a> Visitor<'a> for Reader<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { payload: text, names, claims, reading } = self;
        let from = names.open();
        while let Some(claim) = members.next_key_seed(Name { text, names, meaning: Claim::of })? {
            // The error shows this only if the value is of another type.
            names.expect(claim.name(), claim.expected());
            if claim.may_be_odd() {
                let json = members.next_value::<&RawValue>()?.get();
                if !claims.set_if_it_fits(claim, json) {
                    check(json.as_bytes()).map_err(|why| names.fail(why))?;
                }
                continue;
            }
            match claim {
                _ if reading == Reading::OfUser && claim.is_of_access() => {
                    members.next_value_seed(Checked { text, names, depth: MAX_DEPTH - 1 })?;
                }
                Claim::Iss => claims.iss = members.next_value::<Text<'a>>()?.0,
                Claim::Sub => claims.sub = members.next_value::<Text<'a>>()?.0,
                Claim::Aud => claims.aud = members.next_value::<Strings<'a>>()?.0,
                Claim::Exp => claims.exp = members.next_value::<Date>()?.0.map(Timestamp),
                Claim::Nbf => claims.nbf = members.next_value::<Date>()?.0.map(Timestamp),
                Claim::Iat => claims.iat = members.next_value::<Date>()?.0.map(Timestamp),
                Claim::Jti => claims.jti = members.next_value::<Text<'a>>()?.0,
                Claim::Azp => claims.azp = members.next_value::<Text<'a>>()?.0,
                Claim::Nonce => claims.nonce = members.next_value::<Text<'a>>()?.0,
                Claim::AtHash => claims.at_hash = members.next_value::<Text<'a>>()?.0,
                Claim::CHash => claims.c_hash = members.next_value::<Text<'a>>()?.0,
                Claim::SHash => claims.s_hash = members.next_value::<Text<'a>>()?.0,
                Claim::ClientId => claims.client_id = members.next_value::<Text<'a>>()?.0,
                // Some providers write an array.
                Claim::Scope => match members.next_value::<Scope<'a>>()? {
                    Scope::Text(text) => claims.scope = text,
                    Scope::Items => claims.scope_is_list = true,
                },
                Claim::Scp => claims.scp = members.next_value::<Strings<'a>>()?.0,
                Claim::Events => {
                    claims.events = true;
                    members.next_value_seed(Checked { text, names, depth: MAX_DEPTH - 1 })?;
                }
                Claim::Act => {
                    let json = members.next_value::<&RawValue>()?.get();
                    if json != "null" {
                        let depth = MAX_DEPTH - 1;
                        let mut value = serde_json::Deserializer::from_str(json);
                        let checked = Checked { text, names: &mut *names, depth }.deserialize(&mut value);
                        checked.map_err(|_| refuse())?;
                        claims.act = Some(Acting::of(json).ok_or_else(refuse)?);
                    }
                }
                Claim::Cnf => claims.cnf = members.next_value_seed(Bound { text, names })?,
                // The first four may be odd, and are read above.
                Claim::AuthTime | Claim::Acr | Claim::Amr | Claim::Sid | Claim::Other => {
                    members.next_value_seed(Checked { text, names, depth: MAX_DEPTH - 1 })?;
                }
            }
        }
        if names.close(text, from) { Ok(()) } else { Err(names.fail(JsonError::DuplicateMember)) }
    }
}
