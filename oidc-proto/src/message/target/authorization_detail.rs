//! [`AuthorizationDetail`]: one entry of `authorization_details`, with the common data fields (RFC 9396 section 2).

use super::AUTHORIZATION_DETAILS;
use crate::base::json::{Extra, JsonError, Members};
use serde_json::Value;
use std::fmt;

/// The names of the members that have a field.
const KNOWN: [&str; 6] = ["type", "locations", "actions", "datatypes", "identifier", "privileges"];

/// One right that a client asks for, or that it has: an entry of `authorization_details` (RFC 9396 section 2).
///
/// Its type says which members it has, and what they mean. The type is defined by an API, so this library knows none.
/// A list that is absent is not an empty one: many types take an absent list for all, and an empty one for none.
///
/// ```
/// use oidc_proto::message::{AuthorizationDetail, AuthorizationRequest};
///
/// let payment = AuthorizationDetail::new("payment_initiation")
///     .locations(["https://bank.example/payments"])
///     .actions(["initiate", "status"])
///     .member("instructedAmount", serde_json::json!({"currency": "EUR", "amount": "123.50"}));
/// let request = AuthorizationRequest::new(["email"]).authorization_detail(payment);
/// assert_eq!(request.authorization_details.iter().next().map(|one| &*one.detail_type), Some("payment_initiation"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationDetail {
    /// The type of the entry: the member `type`. It is compared to the letter.
    pub detail_type: String,
    /// The places of the resources, usually URLs.
    pub locations: Option<Vec<String>>,
    /// The kinds of action.
    pub actions: Option<Vec<String>>,
    /// The kinds of data.
    pub datatypes: Option<Vec<String>>,
    /// The identifier of one resource.
    pub identifier: Option<String>,
    /// The kinds or levels of privilege.
    pub privileges: Option<Vec<String>>,
    /// The members that have no field: those of the type.
    pub extra: Extra,
}

impl AuthorizationDetail {
    /// Returns an entry of this type, with no other member.
    #[must_use]
    pub fn new(detail_type: impl Into<String>) -> Self {
        Self {
            detail_type: detail_type.into(),
            locations: None,
            actions: None,
            datatypes: None,
            identifier: None,
            privileges: None,
            extra: Extra::new(),
        }
    }

    /// Adds [`locations`](Self::locations).
    #[must_use]
    pub fn locations<S: Into<String>>(mut self, locations: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.locations, locations);
        self
    }

    /// Adds [`actions`](Self::actions).
    #[must_use]
    pub fn actions<S: Into<String>>(mut self, actions: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.actions, actions);
        self
    }

    /// Adds [`datatypes`](Self::datatypes).
    #[must_use]
    pub fn datatypes<S: Into<String>>(mut self, datatypes: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.datatypes, datatypes);
        self
    }

    /// Sets [`identifier`](Self::identifier).
    #[must_use]
    pub fn identifier(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = Some(identifier.into());
        self
    }

    /// Adds [`privileges`](Self::privileges).
    #[must_use]
    pub fn privileges<S: Into<String>>(mut self, privileges: impl IntoIterator<Item = S>) -> Self {
        add(&mut self.privileges, privileges);
        self
    }

    /// Adds a member of the type to [`extra`](Self::extra). A request with a member that has a field is refused.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Whether a token with this entry may do what `needed` names: the entry is of its type, and has every location,
    /// action, type of data and privilege, the identifier, and every other member with the same value. What `needed`
    /// leaves out is not demanded. What this entry leaves out is not granted.
    ///
    /// A type whose values imply each other, such as `write` that implies `read`, needs a rule of its own.
    ///
    /// ```
    /// use oidc_proto::message::AuthorizationDetail;
    ///
    /// let granted = AuthorizationDetail::new("account_information").actions(["list", "balance"]);
    /// assert!(granted.covers(&AuthorizationDetail::new("account_information").actions(["list"])));
    /// assert!(!granted.covers(&AuthorizationDetail::new("account_information").actions(["pay"])));
    /// ```
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        let has = |mine: &Option<Vec<String>>, needed: &Option<Vec<String>>| {
            needed.as_ref().is_none_or(|needed| {
                mine.as_ref().is_some_and(|mine| needed.iter().all(|one| mine.contains(one)))
            })
        };
        self.detail_type == needed.detail_type
            && self.lists().into_iter().zip(needed.lists()).all(|((_, mine), (_, needed))| has(mine, needed))
            && (needed.identifier.is_none() || self.identifier == needed.identifier)
            && needed.extra.iter().all(|(name, value)| self.extra.get(name) == Some(value))
    }

    /// The members that are lists.
    pub(super) const fn lists(&self) -> [(&'static str, &Option<Vec<String>>); 4] {
        [
            ("locations", &self.locations),
            ("actions", &self.actions),
            ("datatypes", &self.datatypes),
            ("privileges", &self.privileges),
        ]
    }

    /// Whether the entry names its type, and has no member twice.
    pub(super) fn can_be_sent(&self) -> bool {
        !self.detail_type.is_empty() && !KNOWN.iter().any(|known| self.extra.contains_key(*known))
    }

    /// The members, `type` first and those without a field last.
    pub(super) fn members(&self) -> Vec<(&str, Value)> {
        let mut members = vec![("type", Value::from(&*self.detail_type))];
        let lists = self.lists().into_iter();
        members.extend(lists.filter_map(|(name, list)| list.clone().map(|list| (name, list.into()))));
        members.extend(self.identifier.as_deref().map(|identifier| ("identifier", identifier.into())));
        members.extend(self.extra.iter().map(|(name, value)| (name.as_str(), value.clone())));
        members
    }

    /// Reads an entry. A member that is `null` counts as absent.
    pub(super) fn from_value(value: &Value) -> Result<Self, JsonError> {
        let wrong = |expected| JsonError::WrongType { member: AUTHORIZATION_DETAILS, expected };
        let Value::Object(members) = value else { return Err(wrong("an array of objects")) };
        let mut members = Members::new(members.clone());
        let detail_type = members.string("type").ok().flatten().filter(|named| !named.is_empty());
        Ok(Self {
            detail_type: detail_type.ok_or(wrong("an array of objects with a `type`"))?,
            locations: members.strings("locations")?,
            actions: members.strings("actions")?,
            datatypes: members.strings("datatypes")?,
            identifier: members.string("identifier")?,
            privileges: members.strings("privileges")?,
            extra: members.rest(),
        })
    }
}

fn add<S: Into<String>>(to: &mut Option<Vec<String>>, items: impl IntoIterator<Item = S>) {
    to.get_or_insert_default().extend(items.into_iter().map(Into::into));
}

/// Shows the type, and only the names of the members: their values may be those of an account.
impl fmt::Debug for AuthorizationDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.members().into_iter().skip(1).map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        f.debug_struct("AuthorizationDetail")
            .field("detail_type", &self.detail_type)
            .field("members", &names)
            .finish()
    }
}
