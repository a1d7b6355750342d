//! Other spellings of the same key: what issuers write into their key sets, and what it means.
//!
//! None of them changes which key it is, so no switch is needed. A private key of one's own and the key of a proof are
//! read without this: their writer can be asked to spell them right.

use crate::base::json::Extra;
use serde_json::Value;

/// Spells the members of a published key as RFC 7517 and RFC 7518 do.
pub(super) fn mend(members: &mut Extra) {
    // An empty member says nothing, like an absent one.
    for member in ["use", "alg", "kid"] {
        if members.get(member).and_then(Value::as_str).is_some_and(str::is_empty) {
            members.remove(member);
        }
    }
    for member in ["n", "e", "x", "y"] {
        if let Some(Value::String(text)) = members.get_mut(member)
            && let Some(usual) = base64url_of(text)
        {
            *text = usual;
        }
    }
    if let Some(one @ Value::String(_)) = members.get_mut("key_ops") {
        *one = Value::Array(vec![one.take()]);
    }
    // A public key that comes from a pair for signatures: it can do nothing but verify them.
    if let Some(Value::Array(operations)) = members.get_mut("key_ops")
        && operations.iter().any(|operation| operation == "sign")
    {
        operations.push("verify".into());
    }
}

/// Returns the base64url of a text in base64, or of base64url with padding. `None` if the text is neither.
fn base64url_of(text: &str) -> Option<String> {
    let bare = match text.len() % 4 {
        0 => text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text),
        _ => text,
    };
    let foreign = bare.contains(['+', '/']);
    // A text in two alphabets at once is damaged.
    if foreign && bare.contains(['-', '_']) || !foreign && bare.len() == text.len() {
        return None;
    }
    Some(bare.replace('+', "-").replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_and_padding_are_spelt_as_base64url() {
        for (text, usual) in [
            ("_-8=", Some("_-8")),
            ("_w==", Some("_w")),
            ("/+8=", Some("_-8")),
            ("/+8", Some("_-8")),
            ("ab/d", Some("ab_d")),
            ("AQAB", None),
            ("AQAB==", None),
            ("_-8", None),
            ("_+8=", None),
            ("", None),
        ] {
            assert_eq!(base64url_of(text).as_deref(), usual, "{text}");
        }
    }

    #[test]
    fn only_members_that_say_nothing_are_dropped() {
        let mended = |key: Value| {
            let Value::Object(mut members) = key else { panic!("an object") };
            mend(&mut members);
            Value::Object(members)
        };
        assert_eq!(mended(json!({"use": "", "alg": "", "kid": "", "kty": ""})), json!({"kty": ""}));
        let kept = json!({"use": "enc", "alg": "none", "kid": "1", "key_ops": ["encrypt"], "k": "a+=="});
        assert_eq!(mended(kept.clone()), kept);
        assert_eq!(mended(json!({"key_ops": "verify"})), json!({"key_ops": ["verify"]}));
        assert_eq!(mended(json!({"key_ops": ["sign"]})), json!({"key_ops": ["sign", "verify"]}));
    }
}
