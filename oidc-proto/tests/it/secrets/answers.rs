//! Responses that repeat secrets, and the errors that they cause.

use super::{look::Looker, scene::moment};
use http::{Response, header};
use oidc_proto::{
    Error,
    flow::{Call, Flow},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Responses that repeat a secret in every place that can hold text.
fn hostile(secret: &str) -> Vec<Response<Vec<u8>>> {
    let mut bodies = vec![
        json!({ "error": secret }),
        json!({ "error": "invalid_grant", "error_description": format!("`{secret}` is not valid") }),
        json!({ "error": "invalid_grant", "error_uri": format!("https://op.example/?c={secret}") }),
        json!({ "error": { "code": secret } }),
        json!({ "access_token": [secret], "token_type": "Bearer" }),
        json!({ "access_token": secret, "token_type": { "a": secret } }),
        json!({ "access_token": secret, "token_type": "Bearer", "expires_in": secret }),
        json!({ "access_token": secret, "token_type": "Bearer", "id_token": secret }),
        json!({ "access_token": secret, "token_type": "Bearer", "id_token": format!("{secret}.{secret}.{secret}") }),
        json!({ "access_token": secret, "token_type": "Bearer", "scope": [secret] }),
        json!({ "access_token": secret, "token_type": "Bearer", secret: secret, "id_token": null }),
        json!({ "sub": secret }),
        json!({ "keys": [{ "kty": secret, "kid": secret }] }),
        json!({ "keys": secret }),
        json!([secret]),
    ];
    let padded = format!("{}{secret}", "x".repeat(250));
    bodies.push(json!({ "error": padded, "error_description": padded, "error_uri": padded }));
    let mut texts: Vec<String> = bodies.iter().map(Value::to_string).collect();
    texts.extend([
        secret.to_owned(),
        format!("<p>{secret}</p>"),
        format!("{{\"{secret}\":1,\"{secret}\":2}}"),
    ]);
    texts.push(format!("{{\"error\":\"{secret}"));
    texts.push(" ".repeat(70_000) + secret);
    let visible = secret.replace(['"', '\\'], "");
    let challenge =
        format!("Bearer error=\"{visible}\", error_description=\"{visible}\", error_uri=\"{visible}\"");
    let mut answers = Vec::new();
    for status in [200, 302, 400, 401, 500, 503] {
        for text in &texts {
            for kind in ["application/json", visible.as_str()] {
                let answer = Response::builder()
                    .status(status)
                    .header(header::CONTENT_TYPE, kind)
                    .header(header::RETRY_AFTER, &visible)
                    .header(header::LOCATION, &visible);
                let mut answer = answer.body(text.clone().into_bytes()).unwrap();
                answers.push(answer.clone());
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
                answers.push(answer);
            }
        }
    }
    answers
}

/// Gives every hostile response to a flow, which begins anew each time, and looks at the errors. `sent` are
/// the secrets that the client has sent or knows at that point.
pub(crate) fn provoke<F: Flow>(look: &mut Looker, sent: &[&str], begin: impl Fn() -> Call<F>) {
    let (mut errors, mut codes) = (0, BTreeSet::new());
    for secret in sent.iter().filter_map(|name| look.secret(name)).collect::<Vec<_>>() {
        for answer in hostile(&secret) {
            let (_, _, pending) = begin().into_parts();
            match pending.receive(answer, moment(9)) {
                Ok(step) => look.at(&step),
                Err(error) => {
                    errors += 1;
                    codes.insert(error.code());
                    look_at_flow_error(look, &error);
                }
            }
        }
    }
    assert!(errors > 100 && codes.len() > 3, "hostile answers are refused in many ways: {codes:?}");
}

pub(crate) fn look_at_flow_error(look: &mut Looker, error: &Error) {
    look.at_error(error);
    look.text(error.code());
    match error {
        Error::OAuth(error) => {
            look.at_error(error.as_ref());
            look.at(&error.response);
            look.at_display(&error.response);
        }
        Error::Response(error) => {
            look.at_error(error.as_ref());
            look.at_error(&error.rule);
        }
        Error::Unavailable(error) => look.at_error(error),
        Error::Callback(error) => look.at_error(error),
        Error::Config(error) => look.at_error(error),
        _ => {}
    }
}
