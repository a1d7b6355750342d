//! Tests of the kinds of token in an introspection response.

use super::*;
use serde_json::json;

#[test]
fn refresh_and_id_tokens_are_recognized_in_an_introspection_response() {
    let is_another = |said: serde_json::Value| {
        let said = IntrospectionResponse::from_members(said.as_object().unwrap().clone()).unwrap();
        is_another_token(&said.members())
    };
    for (name, value) in [
        ("token_type", "refresh_token"),
        ("token_use", "refresh_token"),
        ("typ", "Refresh"),
        ("token_type", "Refresh_Token"),
        ("token_use", "id"),
        ("typ", "ID"),
        ("typ", "Offline"),
        ("token_use", "logout"),
    ] {
        assert!(is_another(json!({"active": true, name: value})), "{name}");
    }
    assert!(!is_another(json!({"active": true, "token_type": "Bearer", "typ": "Bearer"})));
}
