//! [`AuthorizationDetails`]: the list of rights that a client asks for, or that a token has (RFC 9396 section 2).

use super::{
    AUTHORIZATION_DETAILS,
    authorization_detail::AuthorizationDetail,
    comparison::{DetailsComparison, compare},
};
use crate::base::json::JsonError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::{cmp::Ordering, fmt, hash};

/// The rights that a client asks for, or that a token has: `authorization_details` (RFC 9396 section 2). One type may be
/// there several times.
///
/// A provider may grant less, and may add what the user has chosen (section 7.1). [`compare`](Self::compare) says what
/// differs.
///
/// ```
/// use oidc_proto::message::{AuthorizationDetail, AuthorizationDetails, DetailDifference};
///
/// let asked = AuthorizationDetails::from(
///     AuthorizationDetail::new("account_information").actions(["list", "balance"]),
/// );
/// // The answer, as a `TokenResponse` has it. The user has chosen an account, and does not show its balance.
/// let granted: AuthorizationDetails = serde_json::from_str(
///     r#"[{"type": "account_information", "actions": ["list"], "identifier": "account 1"}]"#,
/// )?;
/// let comparison = granted.compare(&asked);
/// assert!(!comparison.has_all() && !comparison.has_no_more());
/// let actions = DetailDifference::Narrowed { asked: 0, granted: 0, member: "actions".to_owned() };
/// assert_eq!(comparison.differences().first(), Some(&actions));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthorizationDetails(Vec<AuthorizationDetail>);

impl AuthorizationDetails {
    /// Adds an entry.
    pub fn push(&mut self, detail: AuthorizationDetail) {
        self.0.push(detail);
    }

    /// Returns the entries.
    pub fn iter(&self) -> impl Iterator<Item = &AuthorizationDetail> {
        self.0.iter()
    }

    /// Returns the entries of this type. Types are compared to the letter (section 2).
    pub fn of_type<'d>(&'d self, detail_type: &'d str) -> impl Iterator<Item = &'d AuthorizationDetail> {
        self.0.iter().filter(move |detail| detail.detail_type == detail_type)
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares these details, which a provider has granted, with those that were asked for.
    ///
    /// What a difference means depends on the type (section 6.1), so this is a report and no verdict. The entries are
    /// paired by their type, and those that are equal first.
    #[must_use]
    pub fn compare(&self, asked: &Self) -> DetailsComparison {
        compare(&asked.0, &self.0)
    }

    /// Whether an entry [covers](AuthorizationDetail::covers) this one.
    #[must_use]
    pub fn cover(&self, needed: &AuthorizationDetail) -> bool {
        self.0.iter().any(|detail| detail.covers(needed))
    }

    /// Returns the JSON array, in one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("[");
        for (at, detail) in self.0.iter().enumerate() {
            json.push_str(if at == 0 { "{" } else { ",{" });
            for (at, (name, value)) in detail.members().into_iter().enumerate() {
                json.push_str(if at == 0 { "" } else { "," });
                json.push_str(&format!("{}:{value}", Value::from(name)));
            }
            json.push('}');
        }
        json.push(']');
        json
    }

    /// Reads the value of a member, a parameter or a claim.
    ///
    /// # Errors
    /// [`JsonError::WrongType`] if it is not an array of objects with a `type` each, or if a common data field has
    /// another type than RFC 9396 section 2.2 gives it.
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        let expected = "an array of objects";
        let wrong = JsonError::WrongType { member: AUTHORIZATION_DETAILS, expected };
        let entries = value.as_array().ok_or(wrong)?.iter();
        entries.map(AuthorizationDetail::from_value).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request may have them: each entry names its type, and has no member twice.
    pub(crate) fn can_be_sent(&self) -> bool {
        self.0.iter().all(AuthorizationDetail::can_be_sent)
    }

    /// Returns the types, each once, in their order.
    pub(crate) fn types(&self) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        for detail in &self.0 {
            if !types.contains(&detail.detail_type) {
                types.push(detail.detail_type.clone());
            }
        }
        types
    }

    /// The text by which details are ordered: the same for details that are equal, whatever the order of their members.
    fn canonical(&self) -> String {
        fn sorted(value: Value) -> Value {
            match value {
                Value::Object(members) => {
                    let mut members: Vec<_> = members.into_iter().collect();
                    members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                    Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
                }
                Value::Array(items) => items.into_iter().map(sorted).collect(),
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
            }
        }
        let objects = self.0.iter().map(|detail| {
            detail.members().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        });
        sorted(objects.map(Value::Object).collect()).to_string()
    }
}

impl From<AuthorizationDetail> for AuthorizationDetails {
    fn from(detail: AuthorizationDetail) -> Self {
        Self(vec![detail])
    }
}

impl FromIterator<AuthorizationDetail> for AuthorizationDetails {
    fn from_iter<I: IntoIterator<Item = AuthorizationDetail>>(details: I) -> Self {
        Self(details.into_iter().collect())
    }
}

impl Ord for AuthorizationDetails {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.is_empty() && other.is_empty() {
            return Ordering::Equal;
        }
        self.canonical().cmp(&other.canonical())
    }
}

impl PartialOrd for AuthorizationDetails {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl hash::Hash for AuthorizationDetails {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl Serialize for AuthorizationDetails {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.0.iter().map(|detail| {
            let members = detail.members().into_iter();
            members.map(|(name, value)| (name.to_owned(), value)).collect::<crate::base::json::Extra>()
        }))
    }
}

impl<'de> Deserialize<'de> for AuthorizationDetails {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Shows the types, and only the names of the members.
impl fmt::Debug for AuthorizationDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<AuthorizationDetails, JsonError> {
        AuthorizationDetails::from_value(&value)
    }

    #[test]
    fn what_is_read_is_sent_again_and_null_is_absent() {
        let value = json!([
            {"type": "a", "locations": ["l"], "actions": [], "datatypes": ["d"], "identifier": "i", "privileges": ["p"],
             "amount": {"value": 1.50}},
            {"type": "b", "actions": null},
            {"type": "a"},
        ]);
        let details = read(value).unwrap();
        assert_eq!(details.types(), ["a", "b"]);
        assert_eq!(details.of_type("a").count(), 2);
        let first = details.iter().next().unwrap();
        assert_eq!((first.actions.as_deref(), first.identifier.as_deref()), (Some(&[][..]), Some("i")));
        assert_eq!(details.iter().nth(1).unwrap().actions, None);
        assert!(details.to_json().starts_with(r#"[{"type":"a","locations":["l"],"actions":[],"#));
        let again: AuthorizationDetails = serde_json::from_str(&details.to_json()).unwrap();
        assert_eq!(again, details);
        let saved = serde_json::to_string(&details).unwrap();
        assert_eq!(serde_json::from_str::<AuthorizationDetails>(&saved).unwrap(), details);
    }

    #[test]
    fn what_is_no_list_of_typed_objects_is_refused() {
        for (bad, member) in [
            (json!({"type": "a"}), "authorization_details"),
            (json!("a"), "authorization_details"),
            (json!(["a"]), "authorization_details"),
            (json!([{}]), "authorization_details"),
            (json!([{"type": ""}]), "authorization_details"),
            (json!([{"type": 5}]), "authorization_details"),
            (json!([{"type": null}]), "authorization_details"),
            (json!([{"type": "a", "actions": "read"}]), "actions"),
            (json!([{"type": "a", "locations": [1]}]), "locations"),
            (json!([{"type": "a", "datatypes": {}}]), "datatypes"),
            (json!([{"type": "a", "identifier": 7}]), "identifier"),
            (json!([{"type": "a"}, {"type": "a", "privileges": true}]), "privileges"),
        ] {
            let refused = read(bad.clone());
            assert!(
                matches!(refused, Err(JsonError::WrongType { member: m, .. }) if m == member),
                "{bad} {refused:?}"
            );
        }
        assert_eq!(read(json!([])), Ok(AuthorizationDetails::default()));
    }

    #[test]
    fn a_member_is_not_sent_twice() {
        for known in ["type", "locations", "actions", "datatypes", "identifier", "privileges"] {
            let twice = AuthorizationDetail::new("a").member(known, "x");
            assert!(!AuthorizationDetails::from(twice).can_be_sent(), "{known}");
        }
        assert!(AuthorizationDetails::from(AuthorizationDetail::new("a").member("amount", 5)).can_be_sent());
    }

    #[test]
    fn details_are_equal_in_whatever_order_their_members_are() {
        let one = read(json!([{"type": "a", "x": 1, "y": {"b": 1, "a": 2}}])).unwrap();
        let other = read(json!([{"y": {"a": 2, "b": 1}, "x": 1, "type": "a"}])).unwrap();
        assert_eq!((one.cmp(&other), one == other), (Ordering::Equal, true));
        let third = read(json!([{"type": "a", "x": 2, "y": {"b": 1, "a": 2}}])).unwrap();
        assert_ne!((one.cmp(&third), one == third), (Ordering::Equal, true));
        assert_eq!(AuthorizationDetails::default().cmp(&one), Ordering::Less);
    }

    #[test]
    fn only_types_and_names_are_shown() {
        let payment = AuthorizationDetail::new("payment")
            .locations(["https://secret.example"])
            .identifier("DE40100100103307118608")
            .member("creditor", "Merchant A");
        let shown = format!("{:?}", AuthorizationDetails::from(payment));
        assert_eq!(
            shown,
            r#"[AuthorizationDetail { detail_type: "payment", members: ["creditor", "identifier", "locations"] }]"#
        );
    }

    #[test]
    fn an_entry_covers_what_it_names_and_nothing_else() {
        let granted = AuthorizationDetail::new("a")
            .actions(["read", "list"])
            .locations(["https://a.example"])
            .identifier("1")
            .member("level", 2);
        let needs = AuthorizationDetail::new;
        for covered in [
            needs("a"),
            needs("a").actions(["read"]),
            needs("a").actions(["list", "read"]).locations(["https://a.example"]).identifier("1"),
            needs("a").member("level", 2),
        ] {
            assert!(granted.covers(&covered), "{covered:?}");
        }
        for not in [
            needs("A"),
            needs("a").actions(["write"]),
            needs("a").actions(["read", "write"]),
            needs("a").locations(["https://a.example/"]),
            needs("a").datatypes(["x"]),
            needs("a").identifier("2"),
            needs("a").member("level", 3),
            needs("a").member("other", 2),
        ] {
            assert!(!granted.covers(&not), "{not:?}");
        }
        // What a token does not say is not granted.
        assert!(!needs("a").covers(&needs("a").actions(["read"])));
        assert!(!AuthorizationDetails::default().cover(&needs("a")));
    }
}
