//! [`UserInfo`]: the claims of the UserInfo response (OpenID Connect Core 1.0 sections 5.1, 5.3.2 and 5.6.2).

use crate::base::{
    json::{Extra, JsonError, Members, integer},
    secret::Secret,
    visible::without_query,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// Claims about the user, from the UserInfo endpoint. The flow that fetched them has compared `sub` with the ID token.
///
/// Read a claim with [`claim`](Self::claim). Claims are not read into types before: some providers send
/// `email_verified` or `updated_at` as a string, and a login must not fail because of that.
///
/// ```
/// use oidc_proto::{
///     Moment, Secret, Timestamp, UrlPolicy,
///     flow::{Client, Step},
///     metadata::{Profile, ProviderMetadata},
/// };
///
/// let document = br#"{
///     "issuer": "https://op.example",
///     "userinfo_endpoint": "https://op.example/userinfo",
///     "jwks_uri": "https://op.example/jwks"
/// }"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-app").build()?;
/// let moment = |entropy| Moment::new(Timestamp(1_800_000_000), [entropy; 32]);
/// let call = client.userinfo(&Secret::new("2YotnFZFEjr1zCsicMWpAA"), "alice", moment(1))?;
/// let (_request, _terms, pending) = call.into_parts();
///
/// // The provider's response to `_request`:
/// let body = r#"{"sub": "alice", "email": "alice@example.com", "email_verified": true}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(body.as_bytes().to_vec())?;
/// let Step::Done(user) = pending.receive(response, moment(2))? else {
///     return Err("the flow goes on".into());
/// };
/// assert_eq!(user.claim::<String>("email").as_deref(), Some("alice@example.com"));
/// assert_eq!(user.claim::<bool>("email_verified"), Some(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct UserInfo {
    /// The subject: the identifier of the user at this issuer.
    pub sub: String,
    /// All other claims.
    pub claims: Extra,
    /// The sources of claims that other parties make: aggregated and distributed claims (OpenID Connect Core 1.0
    /// section 5.6.2), in the order of the names of their sources. The claims are neither fetched nor verified.
    pub claim_sources: Vec<ClaimSource>,
}

/// Shows only the names of the claims.
impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo")
            .field("sub", &self.sub)
            .field("claims", &self.claims.keys())
            .field("claim_sources", &self.claim_sources)
            .finish()
    }
}

/// A source of claims that another party than the provider makes (OpenID Connect Core 1.0 section 5.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimSource {
    /// The names of the claims from this source.
    pub claims: Vec<String>,
    /// How to get the claims.
    pub access: ClaimAccess,
}

/// How to get the claims that another party makes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimAccess {
    /// Aggregated claims: a JWT from the party that makes them.
    Aggregated(Secret),
    /// Distributed claims: fetch them from this endpoint. The provider chose the URL, and nothing has checked it.
    /// Check it against your [`UrlPolicy`](crate::UrlPolicy) before you send a request.
    Distributed {
        /// The URL that returns the claims.
        endpoint: String,
        /// The access token for that request, if the provider sent one; else use the access token of UserInfo.
        access_token: Option<Secret>,
    },
}

/// Leaves out the query of the endpoint.
impl fmt::Debug for ClaimAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregated(jwt) => f.debug_tuple("Aggregated").field(jwt).finish(),
            Self::Distributed { endpoint, access_token } => f
                .debug_struct("Distributed")
                .field("endpoint", &without_query(endpoint))
                .field("access_token", access_token)
                .finish(),
        }
    }
}

impl UserInfo {
    pub(crate) fn from_json(body: &[u8]) -> Result<Option<Self>, JsonError> {
        let mut members = Members::parse(body)?;
        let sub = members.string("sub")?.filter(|sub| !sub.is_empty());
        let names = members.object("_claim_names")?.unwrap_or_default();
        let sources = members.object("_claim_sources")?.unwrap_or_default();
        let claim_sources = claim_sources(&names, sources)?;
        Ok(sub.map(|sub| Self { sub, claims: members.rest(), claim_sources }))
    }

    /// Returns a claim in a type of your choice, or `None` if it is absent or has another type.
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.claims.get(name)?).ok()
    }

    /// Returns a claim as a boolean. The strings `true` and `false`, which some providers write, count, too.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        boolean(self.claims.get(name)?)
    }

    /// Returns a claim as a whole number. A string of digits, which some providers write, counts, too.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        whole_number(self.claims.get(name)?)
    }
}

/// Reads a boolean, or a string that spells one.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads a whole number, or a string of its digits.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            let whole = || number.as_f64().filter(|number| number.fract() == 0.0).and_then(integer);
            number.as_i64().or_else(whole)
        }
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn claim_sources(names: &Extra, sources: Extra) -> Result<Vec<ClaimSource>, JsonError> {
    let mut found = Vec::new();
    for (name, source) in sources {
        let claims: Vec<String> = names
            .iter()
            .filter(|(_, at)| at.as_str() == Some(&name))
            .map(|(claim, _)| claim.clone())
            .collect();
        let Value::Object(source) = source else { continue };
        let mut source = Members::new(source);
        let access = match (source.string("JWT")?, source.string("endpoint")?) {
            (Some(jwt), _) => ClaimAccess::Aggregated(Secret::new(jwt)),
            (None, Some(endpoint)) => ClaimAccess::Distributed {
                endpoint,
                access_token: source.string("access_token")?.map(Secret::new),
            },
            (None, None) => continue,
        };
        found.push(ClaimSource { claims, access });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_is_required_and_other_claims_are_read_by_type() {
        let user =
            UserInfo::from_json(br#"{"sub":"alice","email_verified":"true","age":7}"#).unwrap().unwrap();
        assert_eq!(user.claim::<u8>("age"), Some(7));
        assert_eq!(user.claim::<bool>("email_verified"), None);
        assert_eq!(user.claim::<String>("email_verified").as_deref(), Some("true"));
        assert_eq!(UserInfo::from_json(br#"{"name":"x"}"#), Ok(None));
        assert_eq!(UserInfo::from_json(br#"{"sub":""}"#), Ok(None));
        assert!(UserInfo::from_json(br#"{"sub":7}"#).is_err());
    }

    #[test]
    fn claims_of_other_parties_are_exposed_and_secrets_are_not_shown() {
        let body = br#"{"sub":"alice","_claim_names":{"address":"a","phone":"a","score":"b","lost":"z"},
            "_claim_sources":{"a":{"JWT":"jwt.of.a"},"b":{"endpoint":"https://b.example/s","access_token":"ksj3n"},"c":5}}"#;
        let user = UserInfo::from_json(body).unwrap().unwrap();
        assert_eq!(
            user.claim_sources,
            [
                ClaimSource {
                    claims: vec!["address".into(), "phone".into()],
                    access: ClaimAccess::Aggregated("jwt.of.a".into()),
                },
                ClaimSource {
                    claims: vec!["score".into()],
                    access: ClaimAccess::Distributed {
                        endpoint: "https://b.example/s".into(),
                        access_token: Some("ksj3n".into()),
                    },
                },
            ]
        );
        assert!(!format!("{user:?}").contains("ksj3n") && user.claims.is_empty());
        assert!(UserInfo::from_json(br#"{"sub":"a","_claim_names":5}"#).is_err());
    }
}
