//! Tests of the kinds of token in an introspection response, and of whose fault a refused token is.

use super::{super::testdata::*, *};
use http::{Method, StatusCode, Uri};
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

/// The issuer publishes keys that ring lacks. A token that anybody can write must neither look like a fault of the API nor
/// cause a fetch; one that names such a key is a matter for whoever runs the API.
#[test]
fn a_token_is_blamed_on_a_missing_backend_only_if_it_names_the_key() {
    let text = r#"{"keys":[{"kty":"EC","kid":"k","crv":"P-521"},{"kty":"AKP","kid":"m","alg":"ML-DSA-65"}]}"#;
    let published = KeySet::parse(text.as_bytes()).unwrap();
    let api = server().build().unwrap();
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let payload = base64url::encode(claims().to_string().as_bytes());
    for (header, status) in [
        (json!({"alg": "ES512"}), StatusCode::UNAUTHORIZED),
        (json!({"alg": "ML-DSA-65"}), StatusCode::UNAUTHORIZED),
        (json!({"alg": "ES512", "kid": "x"}), StatusCode::UNAUTHORIZED),
        (json!({"alg": "ES512", "kid": "m"}), StatusCode::UNAUTHORIZED),
        (json!({"alg": "ES512", "kid": "k"}), StatusCode::INTERNAL_SERVER_ERROR),
        (json!({"alg": "ML-DSA-65", "kid": "m"}), StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let mut header = header;
        header["typ"] = "at+jwt".into();
        let token = format!("{}.{payload}.AAAA", base64url::encode(header.to_string().as_bytes()));
        let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
        let request = RequestView::new(&method, &uri, &headers);
        let inspected = api.inspect(&request, &mut Scratch::new()).unwrap();
        let judged = api.judge(&inspected, &published, &mut Scratch::new(), NOW);
        let Verdict::Denied(denied) = judged else {
            panic!("{header}: no other keys are wanted: {judged:?}")
        };
        assert_eq!(denied.status(), status, "{header}");
    }
}
