//! The claims of a request object (RFC 9101 section 4, OpenID Connect Core 1.0 section 6.1).

use crate::{base::json::Extra, message::RequestError};
use serde_json::Value;

/// The claims about the request object itself. No parameter may have one of their names. `sub` is among them, so that
/// nobody can use a request object as a client assertion (RFC 9101 section 10.8).
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The parameters whose value is JSON.
const JSON: [&str; 2] = ["claims", "authorization_details"];

/// Returns the parameters of a request as claims: a number as a number, JSON as JSON, and every other value as a text. A
/// parameter that is there several times becomes a list.
pub(crate) fn request_object(pairs: &[(String, String)]) -> Result<Extra, RequestError> {
    let mut claims = Extra::new();
    for (name, text) in pairs {
        if let Some(name) = REGISTERED.into_iter().find(|registered| registered == name) {
            return Err(RequestError::Reserved(name));
        }
        let value = value(name, text);
        match claims.get_mut(name) {
            None => drop(claims.insert(name.clone(), value)),
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    Ok(claims)
}

fn value(name: &str, text: &str) -> Value {
    let read = match name {
        "max_age" => text.parse::<u64>().ok().map(Value::from),
        _ if JSON.contains(&name) => {
            serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
        }
        _ => None,
    };
    read.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(pairs: &[(&str, &str)]) -> Result<Value, RequestError> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        request_object(&pairs).map(Value::Object)
    }

    #[test]
    fn a_number_is_a_number_json_is_json_and_every_other_value_is_a_text() {
        let pairs = [
            ("client_id", "42"),
            ("max_age", "60"),
            ("claims", r#"{"id_token": {"acr": null}}"#),
            ("authorization_details", r#"[{"type": "payment"}]"#),
            ("state", "true"),
            ("display", "{}"),
        ];
        let wanted = json!({
            "client_id": "42", "max_age": 60, "claims": {"id_token": {"acr": null}},
            "authorization_details": [{"type": "payment"}], "state": "true", "display": "{}",
        });
        assert_eq!(claims(&pairs), Ok(wanted));
        let odd = [("max_age", "soon"), ("claims", "7"), ("authorization_details", "[")];
        let wanted = json!({"max_age": "soon", "claims": "7", "authorization_details": "["});
        assert_eq!(claims(&odd), Ok(wanted));
    }

    #[test]
    fn repeated_parameters_become_a_list_in_their_order() {
        let resource = |value| ("resource", value);
        assert_eq!(claims(&[resource("a")]), Ok(json!({"resource": "a"})));
        assert_eq!(claims(&[resource("b"), resource("a")]), Ok(json!({"resource": ["b", "a"]})));
        let three = [resource("c"), resource("a"), resource("b")];
        assert_eq!(claims(&three), Ok(json!({"resource": ["c", "a", "b"]})));
    }

    #[test]
    fn no_parameter_passes_for_a_claim_about_the_request_object() {
        for name in REGISTERED {
            assert_eq!(claims(&[("state", "s"), (name, "evil")]), Err(RequestError::Reserved(name)));
        }
    }
}
