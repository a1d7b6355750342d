//! [`Claims`]: the registered claims of a JWT (RFC 7519 section 4, OpenID Connect Core 1.0 section 2, RFC 9068 section
//! 2.2). They are read in one pass and borrowed from the token.

use super::{
    audience::Audience,
    binding::{Bound, Confirmation},
    member::{Date, Scope, Strings, Text},
};
use crate::{
    base::{
        json::{Checked, JsonError, MAX_DEPTH, Name, Names, check, utf8},
        moment::{Timestamp, whole_seconds},
    },
    token::VerificationError,
};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, time::Duration};

/// The registered claims of a token. `null` counts as absent. A claim of the wrong type is an error and never counts as
/// absent, but for `auth_time`, `acr`, `amr` and `sid`: they are set aside, and are absent where something demands them.
///
/// ```
/// use oidc_proto::token::Claims;
///
/// /// A name for logs: the user, or the client that acts for itself.
/// fn caller<'a>(claims: &'a Claims<'_>) -> Option<&'a str> {
///     claims.sub.as_deref().or(claims.client_id.as_deref())
/// }
///
/// // A program gets them from `VerifiedAccessToken::claims`; a test can make its own:
/// let mut claims = Claims::default();
/// claims.client_id = Some("batch-job".into());
/// assert_eq!(caller(&claims), Some("batch-job"));
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Claims<'a> {
    /// The issuer.
    pub iss: Option<Cow<'a, str>>,
    /// The subject: the user, or the client that acts for itself.
    pub sub: Option<Cow<'a, str>>,
    /// The audiences: the clients or APIs for which the token is meant.
    pub aud: Option<Audience<'a>>,
    /// The time at which the token expires, in seconds since the Unix epoch, rounded down.
    pub exp: Option<Timestamp>,
    /// The time at which the token becomes valid.
    pub nbf: Option<Timestamp>,
    /// The time at which the token was issued.
    pub iat: Option<Timestamp>,
    /// The identifier of the token.
    pub jti: Option<Cow<'a, str>>,
    /// The client to which the token was issued (the authorized party).
    pub azp: Option<Cow<'a, str>>,
    /// The nonce of the authorization request.
    pub nonce: Option<Cow<'a, str>>,
    /// The time at which the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The class of the authentication.
    pub acr: Option<Cow<'a, str>>,
    /// The methods of the authentication.
    pub amr: Option<Audience<'a>>,
    /// The hash of the access token.
    pub at_hash: Option<Cow<'a, str>>,
    /// The hash of the code.
    pub c_hash: Option<Cow<'a, str>>,
    /// The hash of the state.
    pub s_hash: Option<Cow<'a, str>>,
    /// The session of the user at the provider.
    pub sid: Option<Cow<'a, str>>,
    /// The client to which an access token was issued (RFC 9068 section 2.2).
    pub client_id: Option<Cow<'a, str>>,
    /// The scopes in one string, separated by spaces (RFC 8693 section 4.2). `None` if the token has them in another
    /// form: [`VerifiedAccessToken::scopes`](crate::token::VerifiedAccessToken::scopes) reads every form.
    pub scope: Option<Cow<'a, str>>,
    /// Whether `scope` is an array of strings.
    pub(crate) scope_is_list: bool,
    /// The claim `scp`: a string or an array of strings.
    pub(crate) scp: Option<Audience<'a>>,
    /// Whether the token has `events` (RFC 8417). Then it is a logout token or another security event, and grants
    /// nothing.
    pub events: bool,
    /// The keys to which the token is bound (RFC 7800).
    pub cnf: Option<Confirmation<'a>>,
    /// The claims that were set aside, because nothing but a check needs their type.
    pub(crate) odd: Odd,
}

/// The claims that are of another type than they should be.
#[derive(Clone, Copy, Default)]
pub(crate) struct Odd {
    pub(in crate::token) auth_time: bool,
    pub(in crate::token) acr: bool,
    pub(in crate::token) amr: bool,
    pub(in crate::token) sid: bool,
}

/// Shows issuer, subject, audience, client, scope and times. It leaves out every claim that ties the token to a request
/// or a session.
impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("iss", &self.iss)
            .field("sub", &self.sub)
            .field("aud", &self.aud)
            .field("exp", &self.exp)
            .field("nbf", &self.nbf)
            .field("iat", &self.iat)
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl<'a> Claims<'a> {
    /// Reads a set of claims, each in its type. Claims that only some logins and some routes need may be of another type:
    /// they are set aside.
    pub(in crate::token) fn read(payload: &'a [u8], names: &mut Names) -> Result<Self, VerificationError> {
        Self::read_as(payload, names, Reading::Strict)
    }

    /// Reads the claims of an ID token, or of another statement about a user. Claims that only access tokens have are
    /// not read.
    pub(in crate::token) fn read_of_user(
        payload: &'a [u8],
        names: &mut Names,
    ) -> Result<Self, VerificationError> {
        Self::read_as(payload, names, Reading::OfUser)
    }

    fn read_as(payload: &'a [u8], names: &mut Names, reading: Reading) -> Result<Self, VerificationError> {
        names.clear();
        let mut from = serde_json::Deserializer::from_str(utf8(payload).map_err(VerificationError::Claims)?);
        let mut claims = Self::default();
        match from
            .deserialize_map(Reader { payload, names, claims: &mut claims, reading })
            .and_then(|()| from.end())
        {
            Ok(()) => Ok(claims),
            Err(error) => Err(VerificationError::Claims(names.why(&error))),
        }
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

#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Strict,
    OfUser,
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
                Claim::Jti | Claim::ClientId | Claim::Scope | Claim::Scp | Claim::Cnf
                    if reading == Reading::OfUser =>
                {
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

macro_rules! names {
    ($($claim:ident = $name:literal is $expected:literal,)*) => {
        #[derive(Clone, Copy)]
        enum Claim { $($claim,)* Other }

        impl Claim {
            fn of(name: &str) -> Self {
                match name { $($name => Self::$claim,)* _ => Self::Other }
            }
            const fn may_be_odd(self) -> bool {
                matches!(self, Self::AuthTime | Self::Acr | Self::Amr | Self::Sid)
            }
            const fn name(self) -> &'static str {
                match self { $(Self::$claim => $name,)* Self::Other => "" }
            }
            const fn expected(self) -> &'static str {
                match self { $(Self::$claim => $expected,)* Self::Other => "" }
            }
        }
    };
}

names! {
    Iss = "iss" is "a string",
    Sub = "sub" is "a string",
    Aud = "aud" is "a string or an array of strings",
    Exp = "exp" is "a date in seconds",
    Nbf = "nbf" is "a date in seconds",
    Iat = "iat" is "a date in seconds",
    Jti = "jti" is "a string",
    Azp = "azp" is "a string",
    Nonce = "nonce" is "a string",
    AuthTime = "auth_time" is "a date in seconds",
    Acr = "acr" is "a string",
    Amr = "amr" is "an array of strings",
    AtHash = "at_hash" is "a string",
    CHash = "c_hash" is "a string",
    SHash = "s_hash" is "a string",
    Sid = "sid" is "a string",
    ClientId = "client_id" is "a string",
    Scope = "scope" is "a string or an array of strings",
    Events = "events" is "an object",
    Cnf = "cnf" is "an object",
    Scp = "scp" is "a string or an array of strings",
}

/// The default leeway: how far the clocks of issuer and verifier may differ, 30 seconds.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// The maximum leeway: ten minutes. A larger setting counts as this one.
pub const MAX_LEEWAY: Duration = Duration::from_secs(600);

/// Returns a leeway in seconds, [`MAX_LEEWAY`] at most.
pub(crate) const fn leeway_seconds(leeway: Duration) -> i64 {
    let (seconds, most) = (whole_seconds(leeway), whole_seconds(MAX_LEEWAY));
    if seconds < most { seconds } else { most }
}

/// Checks the times of a token (RFC 7519 sections 4.1.4 to 4.1.6). The leeway always helps the token: it expires later
/// and becomes valid earlier.
pub(crate) fn check_times(
    claims: &Claims<'_>,
    leeway: Duration,
    now: Timestamp,
) -> Result<(), VerificationError> {
    let seconds = leeway_seconds(leeway);
    let (earliest, latest) = (now.plus(-seconds), now.plus(seconds));
    let leeway = Duration::from_secs(seconds.unsigned_abs());
    if let Some(exp) = claims.exp.filter(|exp| *exp <= earliest) {
        return Err(VerificationError::Expired { ago: exp.until(now), leeway });
    }
    if let Some(nbf) = claims.nbf.filter(|nbf| *nbf > latest) {
        return Err(VerificationError::NotYetValid { ahead: now.until(nbf), leeway });
    }
    if let Some(iat) = claims.iat.filter(|iat| *iat > latest) {
        return Err(VerificationError::IssuedInFuture { ahead: now.until(iat), leeway });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Result<Claims<'_>, VerificationError> {
        Claims::read(payload.as_bytes(), &mut Names::default())
    }

    #[test]
    fn claims_are_borrowed_typed_and_null_is_absent() {
        let payload = r#"{"iss":"https:\/\/op.example","sub":"alice","aud":["a","b"],"exp":10.9,"nbf":-1.5,
            "iat":1e1,"nonce":null,"amr":["pwd"],"scope":"x y","cnf":{"jkt":"k"},"custom":{"deep":[1]}}"#;
        let claims = read(payload).unwrap();
        assert_eq!(claims.iss.as_deref(), Some("https://op.example"));
        assert!(matches!(claims.sub, Some(Cow::Borrowed("alice"))));
        assert_eq!(
            (claims.exp, claims.nbf, claims.iat),
            (Some(Timestamp(10)), Some(Timestamp(-2)), Some(Timestamp(10)))
        );
        assert!(claims.nonce.is_none() && claims.aud.unwrap().contains("b"));
    }

    #[test]
    fn another_type_is_an_error_that_names_the_claim() {
        for (member, payload) in [
            ("exp", r#"{"exp":"10"}"#),
            ("exp", r#"{"exp":[10]}"#),
            ("exp", r#"{"exp":9007199254740993}"#),
            ("exp", r#"{"exp":18446744073709551615}"#),
            ("nbf", r#"{"nbf":true}"#),
            ("iat", r#"{"iat":{}}"#),
            ("aud", r#"{"aud":5}"#),
            ("aud", r#"{"aud":["a",5]}"#),
            ("iss", r#"{"iss":{}}"#),
            ("sub", r#"{"sub":7}"#),
            ("azp", r#"{"azp":["a"]}"#),
            ("scope", r#"{"scope":5}"#),
            ("scope", r#"{"scope":["a",5]}"#),
            ("scp", r#"{"scp":{"a":1}}"#),
            ("scp", r#"{"scp":["a",null]}"#),
        ] {
            let error = read(payload).unwrap_err();
            let VerificationError::Claims(JsonError::WrongType { member: named, .. }) = error else {
                panic!("{payload}: {error}")
            };
            assert_eq!(named, member, "{payload}");
        }
    }

    #[test]
    fn a_claim_that_only_some_checks_need_is_set_aside_if_it_is_of_another_type() {
        for payload in [
            r#"{"auth_time":"1799999990"}"#,
            r#"{"auth_time":[1]}"#,
            r#"{"acr":2}"#,
            r#"{"amr":{"a":1}}"#,
            r#"{"sid":{"a":[1,{"b":null}]}}"#,
        ] {
            let claims = read(payload).unwrap();
            let Odd { auth_time, acr, amr, sid } = claims.odd;
            assert_eq!([auth_time, acr, amr, sid].iter().filter(|odd| **odd).count(), 1, "{payload}");
            assert!(claims.auth_time.is_none() && claims.acr.is_none());
            assert!(claims.amr.is_none() && claims.sid.is_none(), "{payload}");
        }
        // What is set aside must be sound JSON all the same.
        for (payload, why) in [
            (r#"{"acr":{"a":1,"a":2}}"#, JsonError::DuplicateMember),
            (r#"{"acr":1,"acr":2}"#, JsonError::DuplicateMember),
            (r#"{"sid":[}"#, JsonError::NotJson),
        ] {
            let VerificationError::Claims(found) = read(payload).unwrap_err() else { panic!("{payload}") };
            assert_eq!(found, why, "{payload}");
        }
    }

    #[test]
    fn a_malformed_set_of_claims_is_refused() {
        for (payload, why) in [
            ("", JsonError::NotJson),
            (r#"{"exp":10"#, JsonError::NotJson),
            (r#"{"exp":10}x"#, JsonError::NotJson),
            (r#"{"exp":1,"exp":2}"#, JsonError::DuplicateMember),
            (r#"{"x":1,"\u0078":2}"#, JsonError::DuplicateMember),
            (r#"{"x":{"a":1,"a":2}}"#, JsonError::DuplicateMember),
            (r#"{"cnf":{"jkt":"a","jkt":"b"}}"#, JsonError::DuplicateMember),
            ("[]", JsonError::NotAnObject),
            ("7", JsonError::NotAnObject),
        ] {
            assert_eq!(read(payload).unwrap_err(), VerificationError::Claims(why), "{payload}");
        }
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(50), "]".repeat(50));
        assert_eq!(read(&deep).unwrap_err(), VerificationError::Claims(JsonError::TooDeep));
    }

    #[test]
    fn leeway_is_exact_at_both_ends_and_only_ever_lenient() {
        let verdict = |exp, nbf, iat, leeway| {
            let [exp, nbf, iat] = [exp, nbf, iat].map(Timestamp);
            let claims = Claims { exp: Some(exp), nbf: Some(nbf), iat: Some(iat), ..Claims::default() };
            check_times(&claims, Duration::from_secs(leeway), Timestamp(1000))
        };
        assert_eq!(verdict(1001, 1000, 1000, 0), Ok(()));
        assert_eq!(
            verdict(1000, 1000, 1000, 0),
            Err(VerificationError::Expired { ago: Duration::from_secs(0), leeway: Duration::from_secs(0) }),
            "a token is expired from `exp` on"
        );
        assert_eq!(verdict(971, 1030, 1030, 30), Ok(()));
        assert_eq!(
            verdict(970, 1000, 1000, 30),
            Err(VerificationError::Expired { ago: Duration::from_secs(30), leeway: Duration::from_secs(30) })
        );
        assert_eq!(
            verdict(1001, 1031, 1000, 30),
            Err(VerificationError::NotYetValid {
                ahead: Duration::from_secs(31),
                leeway: Duration::from_secs(30)
            })
        );
        assert_eq!(
            verdict(1001, 1000, 1031, 30),
            Err(VerificationError::IssuedInFuture {
                ahead: Duration::from_secs(31),
                leeway: Duration::from_secs(30)
            })
        );
        assert_eq!(
            verdict(400, 0, 0, u64::MAX),
            Err(VerificationError::Expired {
                ago: Duration::from_secs(600),
                leeway: Duration::from_secs(600)
            }),
            "leeway has a ceiling"
        );
    }
}
