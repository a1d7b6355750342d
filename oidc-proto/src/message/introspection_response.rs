//! The introspection response (RFC 7662 section 2.2).

use crate::base::{
    json::{Extra, JsonError, Members, integer},
    moment::Timestamp,
};
use serde_json::Value;
use std::fmt;

/// What the authorization server says of a token. Only [`active`](Self::active) is always said.
///
/// Read as leniently as is safe: texts of another type stay in [`extra`](Self::extra). What limits a token
/// (`exp`, `nbf`, `aud`, `cnf`) is an error if it cannot be read, for a limit must not be lost by a
/// spelling mistake. Of a token that is not active, nothing else counts or is read.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token may be used, as the server sees it now.
    pub active: bool,
    /// The scopes, with spaces between.
    pub scope: Option<String>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
    /// A name of the user, for humans.
    pub username: Option<String>,
    /// How the token is used: `Bearer`, `DPoP`.
    pub token_type: Option<String>,
    /// When it expires.
    pub exp: Option<Timestamp>,
    /// When it was issued.
    pub iat: Option<Timestamp>,
    /// When it begins to be valid.
    pub nbf: Option<Timestamp>,
    /// Whom it is about.
    pub sub: Option<String>,
    /// Whom it is meant for; empty if the server does not say. A list of nobody stays in
    /// [`extra`](Self::extra).
    pub aud: Vec<String>,
    /// Who issued it.
    pub iss: Option<String>,
    /// Its identifier.
    pub jti: Option<String>,
    /// What it is bound to (RFC 7800, RFC 8705, RFC 9449).
    pub cnf: Option<Extra>,
    /// The members that no field knows, or that are of another type.
    pub extra: Extra,
}

impl Introspection {
    /// Reads a response; `None` if it does not say whether the token is active.
    pub(crate) fn from_members(mut members: Members) -> Result<Option<Self>, JsonError> {
        let Some(active) = members.boolean("active")? else { return Ok(None) };
        if !active {
            return Ok(Some(Self { extra: members.rest(), ..Self::default() }));
        }
        Ok(Some(Self {
            active,
            scope: scope(&mut members),
            client_id: text(&mut members, "client_id"),
            username: text(&mut members, "username"),
            token_type: text(&mut members, "token_type"),
            exp: date(&mut members, "exp")?,
            iat: date(&mut members, "iat")?,
            nbf: date(&mut members, "nbf")?,
            sub: text(&mut members, "sub"),
            aud: audience(&mut members)?,
            iss: text(&mut members, "iss"),
            jti: text(&mut members, "jti"),
            cnf: members.object("cnf")?,
            extra: members.rest(),
        }))
    }

    /// The scopes.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.as_deref().unwrap_or_default().split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether it has this scope.
    #[must_use]
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scopes().any(|scope| scope == wanted)
    }
}

/// Not the identifier: with UAA, that of an opaque token is the token itself. Of what it is bound to, and
/// of the members that no field knows, the names alone: a key that is shared (RFC 9200 section 5.9.2), and
/// with Keycloak the whole token (`jwt`), may be among them.
impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("active", &self.active)
            .field("scope", &self.scope)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("token_type", &self.token_type)
            .field("exp", &self.exp)
            .field("iat", &self.iat)
            .field("nbf", &self.nbf)
            .field("sub", &self.sub)
            .field("aud", &self.aud)
            .field("iss", &self.iss)
            .field("cnf", &self.cnf.as_ref().map(Extra::keys))
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}

fn text(members: &mut Members, member: &'static str) -> Option<String> {
    members.string(member).ok().flatten()
}

/// A string, or an array of strings as some servers write it.
fn scope(members: &mut Members) -> Option<String> {
    text(members, "scope").or_else(|| members.strings("scope").ok().flatten().map(|words| words.join(" ")))
}

/// A number, or a string of digits as some servers write it.
fn date(members: &mut Members, member: &'static str) -> Result<Option<Timestamp>, JsonError> {
    let seconds = match members.string(member) {
        Ok(Some(text)) => text.parse().ok().and_then(|seconds: f64| integer(seconds.floor())),
        Ok(None) => return Ok(None),
        Err(_) => members.date(member)?,
    };
    let expected = "a date in seconds";
    seconds.map(Timestamp).map(Some).ok_or(JsonError::WrongType { member, expected })
}

fn audience(members: &mut Members) -> Result<Vec<String>, JsonError> {
    match members.any("aud") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(other) => {
            members.put("aud", other);
            let audience = members.strings("aud")?.unwrap_or_default();
            if audience.is_empty() {
                members.put("aud", Value::Array(Vec::new()));
            }
            Ok(audience)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(response: &Value) -> Result<Option<Introspection>, JsonError> {
        Introspection::from_members(Members::parse(response.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn the_example_of_rfc_7662_is_read_and_nothing_gets_lost() {
        let said = read(&json!({
            "active": true, "client_id": "l238j323ds-23ij4", "username": "jdoe",
            "scope": "read write dolphin", "sub": "Z5O3upPC88QrAjx00dis",
            "aud": "https://protected.example.net/resource", "iss": "https://server.example.com/",
            "exp": 1_419_356_238, "iat": 1_419_350_238, "cnf": {"jkt": "k"}, "extension_field": "twenty-seven"
        }))
        .unwrap()
        .unwrap();
        assert!(said.active && said.has_scope("write") && !said.has_scope("rite"));
        assert_eq!((said.exp, said.nbf), (Some(Timestamp(1_419_356_238)), None));
        assert_eq!(said.aud, ["https://protected.example.net/resource"]);
        assert_eq!((said.extra.len(), &said.extra["extension_field"]), (1, &json!("twenty-seven")));
        assert_eq!(said.cnf.unwrap()["jkt"], "k");
    }

    #[test]
    fn active_is_a_boolean_and_must_be_there() {
        assert_eq!(read(&json!({"exp": 5})), Ok(None));
        assert_eq!(read(&json!({"active": null})), Ok(None));
        for bad in [json!("true"), json!(1), json!([true])] {
            assert!(matches!(
                read(&json!({"active": bad})),
                Err(JsonError::WrongType { member: "active", .. })
            ));
        }
    }

    #[test]
    fn of_an_inactive_token_nothing_counts() {
        let said = read(&json!({"active": false, "exp": "soon", "sub": "alice"})).unwrap().unwrap();
        assert!(!said.active && said.sub.is_none() && said.extra["sub"] == "alice");
    }

    #[test]
    fn oddities_are_read_but_no_limit_is_lost() {
        let said = read(&json!({
            "active": true, "exp": "1419356238", "nbf": 5.9, "scope": ["a", "b"], "aud": ["x", "y"], "sub": 7
        }))
        .unwrap()
        .unwrap();
        assert_eq!((said.exp, said.nbf), (Some(Timestamp(1_419_356_238)), Some(Timestamp(5))));
        assert_eq!((said.scope.as_deref(), said.aud.len(), said.sub), (Some("a b"), 2, None));
        assert_eq!(said.extra["sub"], 7);
        for (member, value) in [
            ("exp", json!("soon")),
            ("exp", json!("NaN")),
            ("exp", json!("inf")),
            ("exp", json!({})),
            ("exp", json!(1e300)),
            ("nbf", json!(true)),
            ("aud", json!(5)),
            ("aud", json!(["a", 5])),
            ("cnf", json!("jkt")),
        ] {
            let read = read(&json!({"active": true, member: value}));
            assert!(matches!(read, Err(JsonError::WrongType { member: m, .. }) if m == member), "{member}");
        }
    }
}
