//! Reads the scopes of a token from `scope`, or else from `scp`: a string with spaces (RFC 6749 section 3.3), or an
//! array of strings, as some issuers write it.

use crate::base::json::{Extra, JsonError};
use serde_json::Value;

/// The types that `scope` and `scp` may have, in words.
pub(crate) const EXPECTED: &str = "a string or an array of strings";

/// The members that may have the scopes. The first that is present counts.
pub(crate) const MEMBERS: [&str; 2] = ["scope", "scp"];

/// Returns the words of a string.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// Returns the scopes in a value. A value that is neither a string nor an array of strings has none.
pub(crate) fn of_value(value: &Value) -> impl Iterator<Item = &str> {
    let all = if is_scopes(value) { Some(value) } else { None };
    let text = all.and_then(Value::as_str).map(words);
    let items = all.and_then(Value::as_array).map(|items| items.iter().filter_map(Value::as_str));
    text.into_iter().flatten().chain(items.into_iter().flatten().filter(|item| !item.is_empty()))
}

/// Returns the scopes among the members of a token or of an introspection response.
pub(crate) fn of_members(members: &Extra) -> impl Iterator<Item = &str> {
    let there = MEMBERS.iter().find_map(|name| members.get(*name).filter(|value| !value.is_null()));
    there.into_iter().flat_map(of_value)
}

/// Checks that `scope` and `scp` are absent or have one of the allowed types.
pub(crate) fn check(members: &Extra) -> Result<(), JsonError> {
    let wrong = |name: &&&str| members.get(**name).is_some_and(|value| !value.is_null() && !is_scopes(value));
    match MEMBERS.iter().find(wrong) {
        Some(member) => Err(JsonError::WrongType { member, expected: EXPECTED }),
        None => Ok(()),
    }
}

fn is_scopes(value: &Value) -> bool {
    value.is_string() || value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}
