//! [`KeyMembers`]: the members of a key that decide what it verifies, borrowed from a JSON text or from a [`Jwk`].

use super::{
    jwk::{self, Jwk},
    key_error::KeyError,
    spelling,
};
use crate::base::{
    json::{
        Checked, JsonError,
        object::{Slot, SlotSeed, Target},
    },
    secret::Secret,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{borrow::Cow, fmt};

/// The members of a key. Their types are right, and their values are not checked.
pub(super) struct KeyMembers<'k> {
    pub(super) kty: &'k str,
    pub(super) kid: Option<&'k str>,
    pub(super) public_key_use: Option<&'k str>,
    /// Whether `key_ops` has `verify`. `None` without `key_ops`.
    pub(super) verifies: Option<bool>,
    pub(super) alg: Option<&'k str>,
    pub(super) crv: Option<&'k str>,
    pub(super) x: Option<Cow<'k, str>>,
    pub(super) y: Option<Cow<'k, str>>,
    pub(super) n: Option<Cow<'k, str>>,
    pub(super) e: Option<Cow<'k, str>>,
    /// `pub`.
    pub(super) public: Option<Cow<'k, str>>,
    pub(super) k: Option<&'k str>,
    pub(super) x5t_s256: Option<&'k str>,
    /// `issuer`, which limits the tokens that the key may sign. An unreadable value must not count as absent.
    pub(super) issuer: Result<Option<&'k str>, KeyError>,
}

impl<'k> From<&'k Jwk> for KeyMembers<'k> {
    fn from(jwk: &'k Jwk) -> Self {
        let issuer = match jwk.extra.get("issuer") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(issuer)) => Ok(Some(issuer.as_str())),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(KeyError::WrongType("issuer"))
            }
        };
        Self {
            kty: &jwk.kty,
            kid: jwk.kid.as_deref(),
            public_key_use: jwk.public_key_use.as_deref(),
            verifies: jwk.key_ops.as_ref().map(|ops| ops.iter().any(|op| op == "verify")),
            alg: jwk.alg.as_deref(),
            crv: jwk.crv.as_deref(),
            x: jwk.x.as_deref().map(Cow::Borrowed),
            y: jwk.y.as_deref().map(Cow::Borrowed),
            n: jwk.n.as_deref().map(Cow::Borrowed),
            e: jwk.e.as_deref().map(Cow::Borrowed),
            public: jwk.public.as_deref().map(Cow::Borrowed),
            k: jwk.k.as_ref().map(Secret::expose),
            x5t_s256: jwk.x5t_s256.as_deref(),
            issuer,
        }
    }
}

/// A key as it stands in a JSON text: its members of any type.
#[derive(Default)]
pub(super) struct WrittenKey<'t> {
    kty: Slot<'t>,
    kid: Slot<'t>,
    public_key_use: Slot<'t>,
    key_ops: Operations,
    alg: Slot<'t>,
    crv: Slot<'t>,
    x: Slot<'t>,
    y: Slot<'t>,
    n: Slot<'t>,
    e: Slot<'t>,
    public: Slot<'t>,
    k: Slot<'t>,
    x5t_s256: Slot<'t>,
    issuer: Slot<'t>,
    has_private_member: bool,
}

impl WrittenKey<'_> {
    /// The name of the key, whatever else is wrong with it.
    pub(super) fn named(&self) -> Option<&str> {
        said(self.kid.text())
    }

    /// Whether the key tells a private member of an asymmetric key, with any type but `null`.
    pub(super) fn tells_private_members(&self) -> bool {
        self.has_private_member && self.kty.text() != Some("oct")
    }

    /// Returns the members, if all have the right type.
    pub(super) fn members(&self) -> Result<KeyMembers<'_>, KeyError> {
        let verifies = match self.key_ops {
            Operations::Absent => None,
            Operations::Listed { verify, sign: _ } => Some(verify),
            Operations::One { .. } | Operations::Other => return Err(KeyError::WrongType("key_ops")),
        };
        self.typed(verifies, |number| number.map(Cow::Borrowed))
    }

    /// Returns the members of a key that an issuer publishes, if all have the right type: whatever another spelling of the
    /// same key means is read, too.
    pub(super) fn published(&self) -> Result<KeyMembers<'_>, KeyError> {
        let verifies = match self.key_ops {
            Operations::Absent => None,
            // A public key that comes from a pair for signatures can do nothing but verify them.
            Operations::Listed { verify, sign } | Operations::One { verify, sign } => Some(verify || sign),
            Operations::Other => return Err(KeyError::WrongType("key_ops")),
        };
        let members = self.typed(verifies, |number| number.map(spelling::usual))?;
        // An empty member says nothing, like an absent one.
        let KeyMembers { kid, public_key_use, alg, .. } = members;
        Ok(KeyMembers { kid: said(kid), public_key_use: said(public_key_use), alg: said(alg), ..members })
    }

    fn typed<'k>(
        &'k self,
        verifies: Option<bool>,
        number: fn(Option<&'k str>) -> Option<Cow<'k, str>>,
    ) -> Result<KeyMembers<'k>, KeyError> {
        Ok(KeyMembers {
            kty: self.kty.string("kty")?.ok_or(KeyError::MissingMember("kty"))?,
            kid: self.kid.string("kid")?,
            public_key_use: self.public_key_use.string("use")?,
            verifies,
            alg: self.alg.string("alg")?,
            crv: self.crv.string("crv")?,
            x: number(self.x.string("x")?),
            y: number(self.y.string("y")?),
            n: number(self.n.string("n")?),
            e: number(self.e.string("e")?),
            public: number(self.public.string("pub")?),
            k: self.k.string("k")?,
            x5t_s256: self.x5t_s256.string("x5t#S256")?,
            issuer: self.issuer.string("issuer").map_err(KeyError::from),
        })
    }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

pub(super) enum Member {
    Kty,
    Kid,
    Use,
    KeyOps,
    Alg,
    Crv,
    X,
    Y,
    N,
    E,
    Pub,
    K,
    X5tS256,
    Issuer,
    Private,
    Other,
}

impl<'t> Target<'t> for WrittenKey<'t> {
    type Member = Member;

    fn member(name: &str) -> Member {
        match name {
            "kty" => Member::Kty,
            "kid" => Member::Kid,
            "use" => Member::Use,
            "key_ops" => Member::KeyOps,
            "alg" => Member::Alg,
            "crv" => Member::Crv,
            "x" => Member::X,
            "y" => Member::Y,
            "n" => Member::N,
            "e" => Member::E,
            "pub" => Member::Pub,
            "k" => Member::K,
            "x5t#S256" => Member::X5tS256,
            "issuer" => Member::Issuer,
            _ if jwk::PRIVATE.contains(&name) => Member::Private,
            _ => Member::Other,
        }
    }

    fn read<A: MapAccess<'t>>(
        &mut self,
        member: Member,
        members: &mut A,
        inner: Checked<'_, '_>,
    ) -> Result<(), A::Error> {
        let slot = match member {
            Member::Kty => &mut self.kty,
            Member::Kid => &mut self.kid,
            Member::Use => &mut self.public_key_use,
            Member::Alg => &mut self.alg,
            Member::Crv => &mut self.crv,
            Member::X => &mut self.x,
            Member::Y => &mut self.y,
            Member::N => &mut self.n,
            Member::E => &mut self.e,
            Member::Pub => &mut self.public,
            Member::K => &mut self.k,
            Member::X5tS256 => &mut self.x5t_s256,
            Member::Issuer => &mut self.issuer,
            Member::KeyOps => {
                self.key_ops = members.next_value_seed(ReadOperations(inner))?;
                return Ok(());
            }
            Member::Private => {
                self.has_private_member |= Slot::read(members, inner)? != Slot::Absent;
                return Ok(());
            }
            Member::Other => return members.next_value_seed(inner),
        };
        *slot = Slot::read(members, inner)?;
        Ok(())
    }
}

/// The operations that a key is for (RFC 7517 section 4.3).
#[derive(Clone, Copy, Default)]
enum Operations {
    #[default]
    Absent,
    Listed {
        verify: bool,
        sign: bool,
    },
    /// A string instead of an array with one.
    One {
        verify: bool,
        sign: bool,
    },
    /// A value that is neither a string nor an array of strings.
    Other,
}

struct ReadOperations<'a, 'n>(Checked<'a, 'n>);

impl<'t> DeserializeSeed<'t> for ReadOperations<'_, '_> {
    type Value = Operations;
    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<Operations, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for ReadOperations<'_, '_> {
    type Value = Operations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Operations, E> {
        Ok(Operations::Absent)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Operations, E> {
        Ok(Operations::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Operations, E> {
        Ok(Operations::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Operations, E> {
        Ok(Operations::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Operations, E> {
        Ok(Operations::Other)
    }
    fn visit_str<E>(self, operation: &str) -> Result<Operations, E> {
        Ok(Operations::One { verify: operation == "verify", sign: operation == "sign" })
    }
    fn visit_map<A: MapAccess<'t>>(self, members: A) -> Result<Operations, A::Error> {
        self.0.visit_map(members).map(|()| Operations::Other)
    }
    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<Operations, A::Error> {
        let Checked { text, names, depth } = self.0;
        let Some(depth) = depth.checked_sub(1) else {
            return Err(names.fail(JsonError::TooDeep));
        };
        let (mut verify, mut sign, mut strings) = (false, false, true);
        while let Some(item) = items.next_element_seed(SlotSeed(Checked { text, names, depth }))? {
            strings &= matches!(item, Slot::Text(_));
            verify |= item.text() == Some("verify");
            sign |= item.text() == Some("sign");
        }
        Ok(if strings { Operations::Listed { verify, sign } } else { Operations::Other })
    }
}
