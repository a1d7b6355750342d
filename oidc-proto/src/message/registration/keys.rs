//! The public keys of a client, as its metadata has them (`jwks`).

use crate::{base::json::Members, jose::Jwk, metadata::MemberError};
use serde_json::{Map, Value};

/// Reads a JWK Set (RFC 7517 section 5). Keys of types that nobody here knows are kept.
pub(super) fn read(set: Value) -> Result<Vec<Jwk>, MemberError> {
    let wrong = MemberError::WrongType("a JWK Set");
    let Value::Object(set) = set else { return Err(wrong) };
    let Some(Value::Array(keys)) = Members::new(set).any("keys") else { return Err(wrong) };
    keys.into_iter()
        .map(|key| match key {
            Value::Object(members) if Jwk::tells_private(&members) => Err(MemberError::PrivateKey),
            Value::Object(members) => Jwk::from_members(members).map_err(|_| wrong),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(wrong)
            }
        })
        .collect()
}

/// Writes a JWK Set of the public halves.
pub(super) fn write(keys: &[Jwk]) -> Value {
    let keys = keys.iter().map(Jwk::to_json).collect();
    Value::Object(Map::from_iter([("keys".to_owned(), Value::Array(keys))]))
}
