//! The UserInfo response (OpenID Connect Core 1.0 sections 5.1, 5.3.2 and 5.6.2).

use crate::base::{
    json::{Extra, JsonError, Members},
    secret::Secret,
    visible::without_query,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// Claims about the user. `sub` has been compared with the ID token by the flow that fetched them.
///
/// Standard claims are not forced into types: providers send `email_verified` as a string and
/// `updated_at` as text, and no login should fail over that. Read them with [`claim`](Self::claim).
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct UserInfo {
    /// The subject: who the claims are about, at this issuer.
    pub sub: String,
    /// Every other claim.
    pub claims: Extra,
    /// Where claims of others are: aggregated and distributed claims (section 5.6.2), in the order of
    /// the names of their sources. Not fetched, and not verified.
    pub claim_sources: Vec<ClaimSource>,
}

/// Of the claims the names alone.
impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo")
            .field("sub", &self.sub)
            .field("claims", &self.claims.keys())
            .field("claim_sources", &self.claim_sources)
            .finish()
    }
}

/// Claims that somebody else than the provider makes (OpenID Connect Core 1.0 section 5.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimSource {
    /// The names of the claims that are there.
    pub claims: Vec<String>,
    /// How to get at them.
    pub access: ClaimAccess,
}

/// How to get at claims that somebody else makes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimAccess {
    /// Aggregated: here they are, in a JWT of whoever makes them.
    Aggregated(Secret),
    /// Distributed: ask there. The URL is the provider's word; hold it against your
    /// [`UrlPolicy`](crate::UrlPolicy) before you send anything.
    Distributed {
        /// Where to ask.
        endpoint: String,
        /// The access token to ask with, if the provider gave one; else the one for UserInfo.
        access_token: Option<Secret>,
    },
}

/// Without the query of the endpoint.
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

    /// A claim in a type of your choice; `None` if it is absent or of another type.
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.claims.get(name)?).ok()
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
    fn sub_is_needed_and_the_rest_is_read_by_type() {
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
    fn claims_of_others_are_exposed_and_their_secrets_do_not_show() {
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
