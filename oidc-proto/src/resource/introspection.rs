//! [`IntrospectionClaims`]: what an introspection endpoint said of a token (RFC 7662 section 2.2), as
//! the verdict on an opaque token needs it.

use crate::{
    base::json::{Extra, JsonError, Members, integer},
    message::{Introspection, check_limits, date_of},
    token::Confirmation,
};
use serde_json::Value;
use std::fmt;

/// The members of an introspection response, typed.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct IntrospectionClaims {
    /// Whether the token is one that may be used; all that there is to say of one that is not.
    pub active: bool,
    /// Who issued it.
    pub iss: Option<String>,
    /// Whom it is about.
    pub sub: Option<String>,
    /// Whom it is meant for; `None` if the response does not say.
    pub aud: Option<Vec<String>>,
    /// When it expires.
    pub exp: Option<i64>,
    /// When it begins to be valid.
    pub nbf: Option<i64>,
    /// When it was issued.
    pub iat: Option<i64>,
    /// The client it was issued to.
    pub client_id: Option<String>,
    /// A name of the user for people to read.
    pub username: Option<String>,
    /// How it is to be presented, such as `Bearer` or `DPoP`.
    pub token_type: Option<String>,
    /// The keys that it is bound to (RFC 9449 section 6.2, RFC 8705 section 3.2).
    pub cnf: Option<Confirmation<'static>>,
    /// When the user was authenticated (RFC 9470 section 6.2).
    pub auth_time: Option<i64>,
    /// The class of that authentication.
    pub acr: Option<String>,
    /// Every member of the response, those above among them.
    pub claims: Extra,
    /// Why the response cannot be read, if it cannot.
    pub(super) unreadable: Option<JsonError>,
}

impl IntrospectionClaims {
    /// What is known of a token of which the issuer says something that cannot be read: that it is not to be
    /// used. The verdict on it is a refusal, for this reason.
    #[must_use]
    pub fn unreadable(why: JsonError) -> Self {
        Self { unreadable: Some(why), ..Self::default() }
    }

    /// Reads the members of a response. `null` counts as absent.
    ///
    /// # Errors
    /// `active` is missing, or a member has another type than the specification's.
    pub fn from_members(members: Extra) -> Result<Self, JsonError> {
        let mut members = Members::new(members);
        check_limits(&members)?;
        let claims = members.clone().rest();
        let missing = JsonError::WrongType { member: "active", expected: "a boolean" };
        Ok(Self {
            active: members.boolean("active")?.ok_or(missing)?,
            iss: members.string("iss")?,
            sub: members.string("sub")?,
            aud: audience(&mut members)?,
            exp: date(&mut members, "exp")?,
            nbf: date(&mut members, "nbf")?,
            iat: date(&mut members, "iat")?,
            client_id: members.string("client_id")?,
            username: members.string("username")?,
            token_type: members.string("token_type")?,
            cnf: members.object("cnf")?.map(Confirmation::from_members).transpose()?,
            auth_time: date(&mut members, "auth_time")?,
            acr: members.string("acr")?,
            claims,
            unreadable: None,
        })
    }

    /// Whether the response says that this is a refresh token or an ID token: no endpoint should tell of it
    /// as of an access token, and some do.
    pub(super) fn is_another_token(&self) -> bool {
        const OTHERS: [&str; 4] = ["refresh", "refresh_token", "id", "id_token"];
        let says = |name: &str| self.claims.get(name).and_then(Value::as_str);
        [self.token_type.as_deref(), says("token_use"), says("typ")]
            .into_iter()
            .flatten()
            .any(|kind| OTHERS.iter().any(|other| kind.eq_ignore_ascii_case(other)))
    }
}

/// What an introspection flow has brought, as the verdict needs it.
impl From<Introspection> for IntrospectionClaims {
    fn from(said: Introspection) -> Self {
        let mut all = said.extra;
        for (name, value) in [
            ("scope", &said.scope),
            ("client_id", &said.client_id),
            ("username", &said.username),
            ("token_type", &said.token_type),
            ("sub", &said.sub),
            ("iss", &said.iss),
            ("jti", &said.jti),
        ] {
            all.extend(value.as_ref().map(|value| (name.to_owned(), value.as_str().into())));
        }
        for (name, date) in [("exp", said.exp), ("iat", said.iat), ("nbf", said.nbf)] {
            all.extend(date.map(|date| (name.to_owned(), date.0.into())));
        }
        if !said.aud.is_empty() {
            all.insert("aud".to_owned(), said.aud.clone().into());
        }
        let cnf = said.cnf.map(|cnf| {
            all.insert("cnf".to_owned(), Value::Object(cnf.clone()));
            // A binding that cannot be read is none that anybody could show to hold.
            Confirmation::from_members(cnf)
                .unwrap_or_else(|_| Confirmation { other: true, ..Confirmation::default() })
        });
        Self {
            active: said.active,
            iss: said.iss,
            sub: said.sub,
            // Nobody is another audience than none.
            aud: all.contains_key("aud").then_some(said.aud),
            exp: said.exp.map(|date| date.0),
            nbf: said.nbf.map(|date| date.0),
            iat: said.iat.map(|date| date.0),
            client_id: said.client_id,
            username: said.username,
            token_type: said.token_type,
            cnf,
            auth_time: all.get("auth_time").and_then(date_of),
            acr: all.get("acr").and_then(Value::as_str).map(str::to_owned),
            claims: all,
            unreadable: None,
        }
    }
}

/// Of the members the names alone: with UAA the identifier of an opaque token is the token itself, with
/// Keycloak the whole token (`jwt`) may be among them.
impl fmt::Debug for IntrospectionClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionClaims")
            .field("active", &self.active)
            .field("iss", &self.iss)
            .field("sub", &self.sub)
            .field("aud", &self.aud)
            .field("exp", &self.exp)
            .field("nbf", &self.nbf)
            .field("iat", &self.iat)
            .field("client_id", &self.client_id)
            .field("username", &self.username.as_ref().map(|_| ".."))
            .field("token_type", &self.token_type)
            .field("cnf", &self.cnf)
            .field("auth_time", &self.auth_time)
            .field("acr", &self.acr)
            .field("claims", &self.claims.keys())
            .finish()
    }
}

fn audience(members: &mut Members) -> Result<Option<Vec<String>>, JsonError> {
    match members.any("aud") {
        None => Ok(None),
        Some(Value::String(one)) => Ok(Some(vec![one])),
        Some(Value::Array(many)) => many
            .into_iter()
            .map(|one| if let Value::String(one) = one { Some(one) } else { None })
            .collect::<Option<_>>()
            .map(Some)
            .ok_or(WRONG_AUDIENCE),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::Null) => Err(WRONG_AUDIENCE),
    }
}

const WRONG_AUDIENCE: JsonError =
    JsonError::WrongType { member: "aud", expected: "a string or an array of strings" };

fn date(members: &mut Members, member: &'static str) -> Result<Option<i64>, JsonError> {
    let wrong = JsonError::WrongType { member, expected: "a date in seconds" };
    let Some(value) = members.any(member) else { return Ok(None) };
    value.as_f64().and_then(|seconds| integer(seconds.floor())).map(Some).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(members: Value) -> Result<IntrospectionClaims, JsonError> {
        IntrospectionClaims::from_members(members.as_object().unwrap().clone())
    }

    #[test]
    fn members_are_typed_and_active_must_be_there() {
        let read_all = read(json!({"active": true, "aud": "a", "exp": 10.9, "cnf": {"jkt": "k"}, "x": 1,
                                   "iss": null}))
        .unwrap();
        assert_eq!((read_all.aud, read_all.exp, read_all.iss), (Some(vec!["a".to_owned()]), Some(10), None));
        assert_eq!(read_all.cnf.unwrap().jkt.as_deref(), Some("k"));
        assert_eq!(read_all.claims.get("x"), Some(&json!(1)));
        for (member, bad) in [
            ("active", json!({})),
            ("active", json!({"active": "true"})),
            ("active", json!({"active": null})),
            ("aud", json!({"active": true, "aud": 5})),
            ("aud", json!({"active": true, "aud": ["a", 5]})),
            ("exp", json!({"active": true, "exp": "10"})),
            ("exp", json!({"active": true, "exp": 1e300})),
            ("cnf", json!({"active": true, "cnf": "k"})),
            ("jkt", json!({"active": true, "cnf": {"jkt": 5}})),
            ("sub", json!({"active": true, "sub": 5})),
        ] {
            let Err(JsonError::WrongType { member: named, .. }) = read(bad.clone()) else { panic!("{bad}") };
            assert_eq!(named, member, "{bad}");
        }
    }

    #[test]
    fn a_refresh_token_is_known_by_what_endpoints_say() {
        for (name, value) in [
            ("token_type", "refresh_token"),
            ("token_use", "refresh_token"),
            ("typ", "Refresh"),
            ("token_type", "Refresh_Token"),
            ("token_use", "id"),
            ("typ", "ID"),
        ] {
            assert!(read(json!({"active": true, name: value})).unwrap().is_another_token(), "{name}");
        }
        assert!(
            !read(json!({"active": true, "token_type": "Bearer", "typ": "Bearer"}))
                .unwrap()
                .is_another_token()
        );
    }
}
