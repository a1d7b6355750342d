//! [`IntrospectionResponse`]: what the authorization server says about a token (RFC 7662 section 2.2).

mod actor;

pub use actor::Actor;

use super::{
    scopes,
    target::{AUTHORIZATION_DETAILS, AuthorizationDetails},
};
use crate::base::{
    json::{Extra, JsonError, Members, integer},
    moment::Timestamp,
};
use serde_json::Value;
use std::fmt;

/// The introspection response: what the authorization server says about a token (RFC 7662 section 2.2).
///
/// [`Client::introspect`](crate::flow::Client::introspect) asks for it, and
/// [`ResourceServer::judge_introspected`](crate::resource::ResourceServer::judge_introspected) decides by it. The
/// server always sends [`active`](Self::active). All other members are optional, and `null` counts as absent.
///
/// A `username`, `jti`, `acr` or `auth_time` of another type stays in [`extra`](Self::extra): where a route demands an
/// authentication, such a token does not have it. Other members limit a token, or say whose it is, or what kind of
/// token it is: `iss`, `sub`, `aud`, `exp`, `nbf`, `iat`, `client_id`, `azp`, `token_type`, `scope`, `scp`, `cnf`,
/// `typ`, `token_use`. `act` says who acts for the subject. If one of these cannot be read, the response is refused: a misspelled limit must not be lost. If
/// the token is not active, no other member is read.
///
/// ```
/// use oidc_proto::{Timestamp, message::IntrospectionResponse};
///
/// let body = r#"{"active": true, "scope": "read write", "exp": 1800000000, "sub": "alice"}"#;
/// let response = IntrospectionResponse::from_members(serde_json::from_str(body)?)?;
/// assert!(response.active && response.has_scope("write"));
/// assert_eq!(response.exp, Some(Timestamp(1_800_000_000)));
///
/// let unreadable = r#"{"active": true, "exp": "tomorrow"}"#;
/// assert!(IntrospectionResponse::from_members(serde_json::from_str(unreadable)?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct IntrospectionResponse {
    /// Whether the token is valid now, in the view of the server.
    pub active: bool,
    /// The scopes of the token, separated by spaces.
    pub scope: Option<String>,
    /// The client to which the token was issued.
    pub client_id: Option<String>,
    /// A name of the user for people to read.
    pub username: Option<String>,
    /// The type of the token, such as `Bearer` or `DPoP`.
    pub token_type: Option<String>,
    /// When the token expires.
    pub exp: Option<Timestamp>,
    /// When the token was issued.
    pub iat: Option<Timestamp>,
    /// When the token becomes valid.
    pub nbf: Option<Timestamp>,
    /// The subject of the token, usually its user.
    pub sub: Option<String>,
    /// The audience of the token; empty if the server does not say. An empty list of the server stays in
    /// [`extra`](Self::extra).
    pub aud: Vec<String>,
    /// The issuer of the token.
    pub iss: Option<String>,
    /// The identifier of the token.
    pub jti: Option<String>,
    /// The key or certificate to which the token is bound (RFC 7800, RFC 8705, RFC 9449).
    pub cnf: Option<Extra>,
    /// When the user was authenticated (RFC 9470 section 6.2).
    pub auth_time: Option<Timestamp>,
    /// The authentication context class of that authentication (RFC 9470 section 6.2).
    pub acr: Option<String>,
    /// The members that have no field, or have another type than their field.
    pub extra: Extra,
}

impl IntrospectionResponse {
    /// Reads the members of a response.
    ///
    /// # Errors
    /// [`JsonError::WrongType`] if `active` is missing or not a boolean, or if a member that limits an active token
    /// cannot be read.
    pub fn from_members(members: Extra) -> Result<Self, JsonError> {
        let missing = JsonError::WrongType { member: "active", expected: "a boolean" };
        Self::parse(Members::new(members))?.ok_or(missing)
    }

    /// Reads a response. Returns `None` if it does not say whether the token is active.
    pub(crate) fn parse(mut members: Members) -> Result<Option<Self>, JsonError> {
        let Some(active) = members.boolean("active")? else { return Ok(None) };
        if !active {
            return Ok(Some(Self { extra: members.rest(), ..Self::default() }));
        }
        check_limits(&members)?;
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
            auth_time: odd_date(&mut members, "auth_time"),
            acr: text(&mut members, "acr"),
            extra: members.rest(),
        }))
    }

    /// Returns all members of the response: fields as they were read, other members unchanged. A new field does not
    /// compile until it is named here.
    pub(crate) fn members(&self) -> Extra {
        let Self {
            active,
            scope,
            client_id,
            username,
            token_type,
            exp,
            iat,
            nbf,
            sub,
            aud,
            iss,
            jti,
            cnf,
            auth_time,
            acr,
            extra,
        } = self;
        let mut all = extra.clone();
        all.insert("active".to_owned(), (*active).into());
        for (name, text) in [
            ("scope", scope),
            ("client_id", client_id),
            ("username", username),
            ("token_type", token_type),
            ("sub", sub),
            ("iss", iss),
            ("jti", jti),
            ("acr", acr),
        ] {
            all.extend(text.as_ref().map(|text| (name.to_owned(), text.as_str().into())));
        }
        for (name, date) in [("exp", exp), ("iat", iat), ("nbf", nbf), ("auth_time", auth_time)] {
            all.extend(date.map(|date| (name.to_owned(), date.0.into())));
        }
        if !aud.is_empty() {
            all.insert("aud".to_owned(), aud.clone().into());
        }
        all.extend(cnf.as_ref().map(|cnf| ("cnf".to_owned(), Value::Object(cnf.clone()))));
        all
    }

    /// Whether the server names an audience. An empty list counts as one: it admits nobody.
    pub(crate) fn names_audience(&self) -> bool {
        !self.aud.is_empty() || self.extra.contains_key("aud")
    }

    /// Returns the party that acts for the subject (RFC 8693 section 4.1), if the token is used by another one. A token that
    /// is not active has none.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        Actor::of(self.extra.get("act").filter(|_| self.active)).ok().flatten()
    }

    /// Returns the party that may become the actor of the subject (RFC 8693 section 4.4). `None` if the response names none,
    /// or not in a form that can be read: then nobody may. A token that is not active has none.
    #[must_use]
    pub fn may_act(&self) -> Option<Actor> {
        Actor::of_may_act(self.extra.get("may_act").filter(|_| self.active))
    }

    /// Returns the scopes of the token: those of `scope`, or else those of `scp`. Either may be a string or an array.
    /// A token that is not active has none.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let others = (self.active && self.scope.is_none()).then_some(&self.extra);
        let words = self.scope.as_deref().map(scopes::words);
        words.into_iter().flatten().chain(others.into_iter().flat_map(scopes::of_members))
    }

    /// Returns the rights of the token besides its scopes: the member `authorization_details` (RFC 9396 section 9.2), which
    /// stays in [`extra`](Self::extra). There are none if the server names none, or if the token is not active.
    ///
    /// # Errors
    /// [`JsonError::WrongType`] if they are no list of entries with a type each. Take such a token for one without rights.
    pub fn authorization_details(&self) -> Result<AuthorizationDetails, JsonError> {
        match self.extra.get(AUTHORIZATION_DETAILS).filter(|_| self.active) {
            None => Ok(AuthorizationDetails::default()),
            Some(value) => AuthorizationDetails::from_value(value),
        }
    }

    /// Whether the token has this scope.
    #[must_use]
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scopes().any(|scope| scope == wanted)
    }
}

/// Leaves out `jti`: with UAA, the identifier of an opaque token is the token itself. Shows only the names of the
/// members of `cnf` and `extra`: `cnf` may contain a shared key (RFC 9200 section 5.9.2), and `extra` may contain the
/// whole token (`jwt`, with Keycloak).
impl fmt::Debug for IntrospectionResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionResponse")
            .field("active", &self.active)
            .field("scope", &self.scope)
            .field("client_id", &self.client_id)
            .field("username", &self.username.as_ref().map(|_| ".."))
            .field("token_type", &self.token_type)
            .field("exp", &self.exp)
            .field("iat", &self.iat)
            .field("nbf", &self.nbf)
            .field("sub", &self.sub)
            .field("aud", &self.aud)
            .field("iss", &self.iss)
            .field("cnf", &self.cnf.as_ref().map(Extra::keys))
            .field("auth_time", &self.auth_time)
            .field("acr", &self.acr)
            .field("extra", &self.extra.keys())
            .finish_non_exhaustive()
    }
}

fn text(members: &mut Members, member: &'static str) -> Option<String> {
    members.string(member).ok().flatten()
}

/// Reads a string, or an array of strings as some servers write it. An array stays in `extra` if one of its items has
/// a space: joined with spaces, it would name other scopes.
fn scope(members: &mut Members) -> Option<String> {
    let joinable =
        |items: &Vec<Value>| items.iter().filter_map(Value::as_str).all(|item| !item.contains(' '));
    if members.all().get("scope").and_then(Value::as_array).is_some_and(|items| !joinable(items)) {
        return None;
    }
    text(members, "scope").or_else(|| members.strings("scope").ok().flatten().map(|words| words.join(" ")))
}

/// Checks the types of the texts and scopes that limit a token. Limits of other types are checked when they are read.
fn check_limits(members: &Members) -> Result<(), JsonError> {
    const TEXTS: [&str; 7] = ["iss", "sub", "client_id", "azp", "token_type", "typ", "token_use"];
    for member in TEXTS {
        if members.all().get(member).is_some_and(|value| !value.is_string()) {
            return Err(JsonError::WrongType { member, expected: "a string" });
        }
    }
    Actor::of(members.all().get("act"))?;
    scopes::check(members.all())
}

/// Reads a number, or a string of digits as some servers write it. Rounds down.
fn date_of(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_f64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    seconds.and_then(|seconds: f64| integer(seconds.floor()))
}

fn date(members: &mut Members, member: &'static str) -> Result<Option<Timestamp>, JsonError> {
    let Some(value) = members.any(member) else { return Ok(None) };
    let wrong = JsonError::WrongType { member, expected: "a date in seconds" };
    date_of(&value).map(|seconds| Some(Timestamp(seconds))).ok_or(wrong)
}

/// Reads a time that only some routes demand. One that cannot be read stays where it is.
fn odd_date(members: &mut Members, member: &'static str) -> Option<Timestamp> {
    let seconds = members.all().get(member).and_then(date_of)?;
    members.any(member).map(|_| Timestamp(seconds))
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

    fn read(response: &Value) -> Result<Option<IntrospectionResponse>, JsonError> {
        IntrospectionResponse::parse(Members::parse(response.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn the_example_of_rfc_7662_is_read_and_nothing_is_lost() {
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
    fn active_is_a_boolean_and_is_required() {
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
    fn only_the_state_of_an_inactive_token_is_read() {
        let said = read(&json!({"active": false, "exp": "soon", "sub": "alice", "scope": "a", "scp": ["b"]}));
        let said = said.unwrap().unwrap();
        assert!(said.scopes().next().is_none() && !said.has_scope("a") && said.extra["scope"] == "a");
        assert!(!said.active && said.sub.is_none() && said.extra["sub"] == "alice");
    }

    #[test]
    fn oddities_are_read_but_no_limit_is_lost() {
        let said = read(&json!({
            "active": true, "exp": "1419356238", "nbf": 5.9, "scope": ["a", "b"], "aud": ["x", "y"], "jti": 7
        }))
        .unwrap()
        .unwrap();
        assert_eq!((said.exp, said.nbf), (Some(Timestamp(1_419_356_238)), Some(Timestamp(5))));
        assert_eq!((said.scope.as_deref(), said.aud.len(), &said.jti), (Some("a b"), 2, &None));
        assert_eq!(said.extra["jti"], 7);
        let whole = read(&json!({"active": true, "scope": ["a", "b c"]})).unwrap().unwrap();
        assert_eq!((whole.scopes().collect::<Vec<_>>(), &whole.scope), (vec!["a", "b c"], &None));
        let scp = read(&json!({"active": true, "scp": ["a", "b"]})).unwrap().unwrap();
        assert!(scp.has_scope("b") && !scp.has_scope("c"));
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

    #[test]
    fn an_authentication_that_cannot_be_read_is_none_and_stays_where_it_is() {
        for (member, value) in [
            ("auth_time", json!("now")),
            ("auth_time", json!(["7"])),
            ("auth_time", json!(1e300)),
            ("acr", json!(2)),
            ("acr", json!(["gold"])),
        ] {
            let said = read(&json!({"active": true, member: value.clone()})).unwrap().unwrap();
            assert_eq!((said.auth_time, &said.acr), (None, &None), "{member}");
            assert_eq!((&said.extra[member], &said.members()[member]), (&value, &value));
        }
    }

    #[test]
    fn every_member_that_was_read_is_returned_again() {
        let read = |said: Value| IntrospectionResponse::from_members(said.as_object().unwrap().clone());
        let said = read(json!({
            "active": true, "aud": "a", "exp": 10.9, "auth_time": "7", "acr": "gold", "scope": ["b", "c"],
            "cnf": {"jkt": "k"}, "x": 1, "iss": null, "jti": 5
        }))
        .unwrap();
        assert_eq!((said.auth_time, said.acr.as_deref()), (Some(Timestamp(7)), Some("gold")));
        let members = json!({
            "active": true, "aud": ["a"], "exp": 10, "auth_time": 7, "acr": "gold", "scope": "b c",
            "cnf": {"jkt": "k"}, "x": 1, "jti": 5
        });
        assert_eq!(Value::Object(said.members()), members);
        assert_eq!(read(members.clone()).unwrap(), said);
        for (aud, names) in
            [(json!(null), false), (json!([]), true), (json!("a"), true), (json!(["a"]), true)]
        {
            let said = read(json!({"active": true, "aud": aud.clone()})).unwrap();
            assert_eq!((said.names_audience(), said.members().contains_key("aud")), (names, names), "{aud}");
        }
        for (member, bad) in [
            ("active", json!({})),
            ("active", json!({"active": "true"})),
            ("active", json!({"active": null})),
            ("aud", json!({"active": true, "aud": 5})),
            ("aud", json!({"active": true, "aud": ["a", 5]})),
            ("exp", json!({"active": true, "exp": {}})),
            ("exp", json!({"active": true, "exp": 1e300})),
            ("cnf", json!({"active": true, "cnf": "k"})),
            ("sub", json!({"active": true, "sub": 5})),
        ] {
            let Err(JsonError::WrongType { member: named, .. }) = read(bad.clone()) else { panic!("{bad}") };
            assert_eq!(named, member, "{bad}");
        }
    }
}
