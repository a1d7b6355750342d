//! [`IdToken`] and [`VerifiedIdToken`]: a verified ID token, copied and borrowed.

use crate::{
    base::{
        json::{Extra, JsonError},
        moment::Timestamp,
        secret::Secret,
    },
    message::{Actor, boolean, whole_number},
    token::{Audience, Claims, CustomClaimsError, VerificationError, claims::Acting, verified::may_act},
};
use serde::de::{Deserialize, DeserializeOwned};
use std::{borrow::Cow, fmt};

/// A verified ID token: the issuer's statement about who the user is.
///
/// Only a verifier or a flow can make one: see [`IdTokenVerifier`](crate::token::IdTokenVerifier).
///
/// ```
/// use oidc_proto::token::IdToken;
///
/// /// The key of a user account. Never use the email address: a provider may give it to another user.
/// fn account(user: &IdToken) -> (&str, &str) {
///     (&user.iss, &user.sub)
/// }
///
/// /// The name to show. It is a further claim, so the program names its type.
/// fn name(user: &IdToken) -> String {
///     user.claim("name").unwrap_or_else(|| user.sub.clone())
/// }
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct IdToken {
    /// The issuer.
    pub iss: String,
    /// The identifier of the user. It is unique only at this issuer: store it together with `iss`.
    pub sub: String,
    /// The audiences of the token: this client, and perhaps others.
    pub aud: Vec<String>,
    /// The time at which the token expires.
    pub exp: Timestamp,
    /// The time at which the token was issued.
    pub iat: Timestamp,
    /// The client to which the token was issued (the authorized party).
    pub azp: Option<String>,
    /// The nonce of the authorization request.
    pub nonce: Option<String>,
    /// The time at which the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The class of the user's authentication (authentication context class reference).
    pub acr: Option<String>,
    /// The methods of the user's authentication, such as `pwd`. Empty if the token does not name any.
    pub amr: Vec<String>,
    /// The identifier of the user's session at the provider.
    pub sid: Option<String>,
    /// Every other claim, and those that were set aside.
    pub claims: Extra,
    /// The claims of an unexpected type that nobody asked for, and the type that they should have: of `auth_time`,
    /// `acr`, `amr` and `sid`. Their fields are empty, and their values are in [`claims`](Self::claims).
    pub set_aside: Vec<SetAside>,
    /// The token itself, for `id_token_hint`.
    pub token: Secret,
}

/// Leaves out the nonce and the token, and shows only the names of the other claims.
impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            iss,
            sub,
            aud,
            exp,
            iat,
            azp,
            nonce: _,
            auth_time,
            acr,
            amr,
            sid,
            claims,
            set_aside,
            token: _,
        } = self;
        f.debug_struct("IdToken")
            .field("iss", iss)
            .field("sub", sub)
            .field("aud", aud)
            .field("exp", exp)
            .field("iat", iat)
            .field("azp", azp)
            .field("auth_time", auth_time)
            .field("acr", acr)
            .field("amr", amr)
            .field("sid", sid)
            .field("claims", &claims.keys())
            .field("set_aside", set_aside)
            .finish_non_exhaustive()
    }
}

/// A claim of an ID token that has another type than it should have. Nobody asked for it, so the login goes on.
///
/// [`IdToken::set_aside`] has them. A demanded claim of another type is an error instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetAside {
    /// The name of the claim.
    pub claim: &'static str,
    /// The type that the claim should have, in words.
    pub expected: &'static str,
}

const ODD: [SetAside; 4] = [
    SetAside { claim: "auth_time", expected: "a date in seconds" },
    SetAside { claim: "acr", expected: "a string" },
    SetAside { claim: "amr", expected: "an array of strings" },
    SetAside { claim: "sid", expected: "a string" },
];

fn set_aside(claims: &Claims<'_>) -> impl Iterator<Item = SetAside> + use<> {
    let odd = [claims.odd.auth_time, claims.odd.acr, claims.odd.amr, claims.odd.sid];
    ODD.into_iter().zip(odd).filter_map(|(claim, odd)| odd.then_some(claim))
}

/// The error of a claim that a check needs, and that is of another type.
pub(in crate::token) fn odd(name: &str) -> VerificationError {
    let found = ODD.into_iter().find(|odd| odd.claim == name);
    let SetAside { claim, expected } = found.unwrap_or(ODD[0]);
    VerificationError::Claims(JsonError::WrongType { member: claim, expected })
}

/// The claim of this name, as one that was set aside.
pub(super) fn aside(name: &str) -> Option<SetAside> {
    ODD.into_iter().find(|odd| odd.claim == name)
}

/// The claims that have a field of their own in [`IdToken`].
const TYPED: [&str; 11] =
    ["iss", "sub", "aud", "exp", "iat", "azp", "nonce", "auth_time", "acr", "amr", "sid"];

impl IdToken {
    /// Reads one of the other [`claims`](Self::claims) as a type of your choice. Returns `None` if the claim is absent
    /// or does not fit the type.
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.claims.get(name)?).ok()
    }

    /// Returns the party that acts for the user (RFC 8693 section 4.1), if the token names one. An `act` that cannot be read
    /// refuses the token, so `None` never hides an actor.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        Actor::of(self.claims.get("act")).ok().flatten()
    }

    /// Returns the party that may become the actor of the user (RFC 8693 section 4.4). `None` if the token names none, or not
    /// in a form that can be read: then nobody may.
    #[must_use]
    pub fn may_act(&self) -> Option<Actor> {
        Actor::of_may_act(self.claims.get("may_act"))
    }

    /// Reads one of the other [`claims`](Self::claims) as a boolean, or as the string `true` or `false`, which some
    /// providers write instead.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        boolean(self.claims.get(name)?)
    }

    /// Reads one of the other [`claims`](Self::claims) as a whole number, or as a string of digits, which some providers
    /// write instead.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        whole_number(self.claims.get(name)?)
    }
}

/// A verified ID token, borrowed from the [`Scratch`](crate::token::Scratch). Its claims may be believed.
///
/// [`IdTokenVerifier::verify_borrowed`](crate::token::IdTokenVerifier::verify_borrowed) returns it.
///
/// ```
/// use oidc_proto::token::{CustomClaimsError, VerifiedIdToken};
///
/// #[derive(serde::Deserialize)]
/// struct Custom<'a> {
///     tenant: &'a str,
/// }
///
/// /// The tenant of a user. It borrows from the scratch memory, too.
/// fn tenant<'s>(user: &VerifiedIdToken<'s>) -> Result<&'s str, CustomClaimsError> {
///     Ok(user.custom::<Custom<'s>>()?.tenant)
/// }
/// ```
#[derive(Clone)]
pub struct VerifiedIdToken<'s> {
    claims: Claims<'s>,
    payload: &'s [u8],
    token: &'s Secret,
}

impl fmt::Debug for VerifiedIdToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedIdToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl<'s> VerifiedIdToken<'s> {
    pub(super) const fn new(claims: Claims<'s>, payload: &'s [u8], token: &'s Secret) -> Self {
        Self { claims, payload, token }
    }

    /// Returns the issuer.
    #[must_use]
    pub fn iss(&self) -> &str {
        self.claims.iss.as_deref().unwrap_or_default()
    }

    /// Returns the identifier of the user. It is unique only at this issuer.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.claims.sub.as_deref().unwrap_or_default()
    }

    /// Returns the registered claims. `auth_time`, `acr`, `amr` and `sid` are absent if they were set aside: see
    /// [`set_aside`](Self::set_aside). Claims that only access tokens have are absent, too: `jti`, `client_id`, `scope`
    /// and `cnf`. [`custom`](Self::custom) reads them.
    #[must_use]
    pub const fn claims(&self) -> &Claims<'s> {
        &self.claims
    }

    /// Returns the party that acts for the user: see [`IdToken::actor`].
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        self.claims.act.and_then(Acting::actor)
    }

    /// Returns the party that may become the actor of the user: see [`IdToken::may_act`].
    #[must_use]
    pub fn may_act(&self) -> Option<Actor> {
        may_act(self.payload)
    }

    /// Returns the claims of an unexpected type that nobody asked for: see [`IdToken::set_aside`].
    pub fn set_aside(&self) -> impl Iterator<Item = SetAside> + use<> {
        set_aside(&self.claims)
    }

    /// Reads claims of your own: deserializes the whole set of claims into a type of your choice.
    ///
    /// # Errors
    /// [`CustomClaimsError`] if the claims are not of that type.
    pub fn custom<T: Deserialize<'s>>(&self) -> Result<T, CustomClaimsError> {
        serde_json::from_slice(self.payload).map_err(|_| CustomClaimsError)
    }

    /// Copies every claim, and the token itself.
    ///
    /// # Errors
    /// The claims do not fit into a map. A verified token has no such claims.
    pub fn to_id_token(&self) -> Result<IdToken, VerificationError> {
        let Self { claims, payload, token } = self;
        let owned = |claim: &Option<Cow<'_, str>>| claim.as_deref().map(str::to_owned);
        let mut others: Extra =
            serde_json::from_slice(payload).map_err(|_| VerificationError::Claims(JsonError::NotJson))?;
        let set_aside: Vec<SetAside> = self.set_aside().collect();
        let is_odd = |name: &str| set_aside.iter().any(|odd| odd.claim == name);
        others.retain(|name, value| !value.is_null() && (is_odd(name) || !TYPED.contains(&name.as_str())));
        Ok(IdToken {
            iss: owned(&claims.iss).ok_or(VerificationError::Missing("iss"))?,
            sub: owned(&claims.sub).ok_or(VerificationError::Missing("sub"))?,
            aud: claims.aud.map(Audience::to_vec).unwrap_or_default(),
            exp: claims.exp.ok_or(VerificationError::Missing("exp"))?,
            iat: claims.iat.ok_or(VerificationError::Missing("iat"))?,
            azp: owned(&claims.azp).filter(|azp| !azp.is_empty()),
            nonce: owned(&claims.nonce),
            auth_time: claims.auth_time,
            acr: owned(&claims.acr),
            amr: claims.amr.map(Audience::to_vec).unwrap_or_default(),
            sid: owned(&claims.sid),
            claims: others,
            set_aside,
            token: (*token).clone(),
        })
    }
}
