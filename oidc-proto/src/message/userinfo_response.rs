//! The UserInfo response (OpenID Connect Core 1.0 sections 5.1 and 5.3.2).

use crate::base::json::{Extra, JsonError, Members};
use serde::de::DeserializeOwned;

/// Claims about the user. `sub` has been compared with the ID token by the flow that fetched them.
///
/// Standard claims are not forced into types: providers send `email_verified` as a string and
/// `updated_at` as text, and no login should fail over that. Read them with [`claim`](Self::claim).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UserInfo {
    /// The subject: who the claims are about, at this issuer.
    pub sub: String,
    /// Every other claim.
    pub claims: Extra,
}

impl UserInfo {
    pub(crate) fn from_json(body: &[u8]) -> Result<Option<Self>, JsonError> {
        let mut members = Members::parse(body)?;
        let sub = members.string("sub")?.filter(|sub| !sub.is_empty());
        Ok(sub.map(|sub| Self { sub, claims: members.rest() }))
    }

    /// A claim in a type of your choice; `None` if it is absent or of another type.
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.claims.get(name)?).ok()
    }
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
}
