//! The answers of a provider to a pushed request: references, refusals, lies and silence.

use super::*;
use oidc_proto::{
    Error,
    flow::{Call, GrantRequest, PushedAuthorization, Quirks, ResponseRule},
    message::AuthorizationRequest,
};
use serde_json::json;

const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c";

fn place() -> Place {
    Place::new(How::Basic, |_| {})
}

fn pushed(place: &Place) -> Call<PushedAuthorization> {
    place.client.push_authorize(&AuthorizationRequest::new(["email"]), moment(NOW)).unwrap()
}

fn told(call: Call<PushedAuthorization>, status: u16, body: &Value) -> Result<Pushed, Error> {
    answer(call, status, "application/json", body).map(|step| match step {
        Step::Done(pushed) => pushed,
        other => panic!("one answer is enough: {other:?}"),
    })
}

#[test]
fn every_success_with_a_reference_and_a_lifetime_is_believed() {
    let place = place();
    // RFC 9126 section 2.2 says 201. Some providers say 200.
    for status in [201, 200] {
        for (reference, expires_in) in [
            (REFERENCE, 60),
            ("https://op.example/requests/7", 1),
            ("urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2", 86_400),
        ] {
            let body = json!({"request_uri": reference, "expires_in": expires_in, "other": [1]});
            let pushed = told(self::pushed(&place), status, &body).unwrap();
            assert_eq!(query(&pushed.url)["request_uri"], reference);
            assert_eq!(pushed.expires_at, NOW.plus(expires_in));
        }
    }
    // A fraction of a second does not count, and a very large number is no mistake.
    for (expires_in, at) in [(json!(59.9), NOW.plus(59)), (json!(1e12), NOW.plus(1_000_000_000_000))] {
        let body = json!({"request_uri": REFERENCE, "expires_in": expires_in});
        assert_eq!(told(pushed(&place), 201, &body).unwrap().expires_at, at);
    }
}

#[test]
fn an_answer_without_a_usable_reference_or_lifetime_is_refused() {
    let place = place();
    let long = format!("urn:x:{}", "y".repeat(2048));
    for (request_uri, rule) in [
        (json!(null), ResponseRule::Missing("request_uri")),
        (json!(""), ResponseRule::Value("request_uri")),
        (json!("a b"), ResponseRule::Value("request_uri")),
        (json!("urn:x:a\nb"), ResponseRule::Value("request_uri")),
        (json!("urn:x:a\u{0}b"), ResponseRule::Value("request_uri")),
        (json!("urn:x:a\u{202e}b"), ResponseRule::Value("request_uri")),
        (json!("urn:x:é"), ResponseRule::Value("request_uri")),
        (json!("no-scheme"), ResponseRule::Value("request_uri")),
        (json!(long), ResponseRule::Value("request_uri")),
    ] {
        let mut body = json!({"request_uri": request_uri, "expires_in": 60});
        if request_uri.is_null() {
            body.as_object_mut().unwrap().remove("request_uri");
        }
        let Err(Error::Response(refused)) = told(pushed(&place), 201, &body) else { panic!("{request_uri}") };
        assert_eq!((refused.rule, refused.status), (rule, 201), "{request_uri}");
    }
    for (expires_in, code) in [
        (json!(0), "response_value"),
        (json!(-1), "response_value"),
        (json!(0.5), "response_value"),
        (json!("60"), "response_json"),
        (json!([60]), "response_json"),
        (json!(null), "response_missing_member"),
    ] {
        let body = json!({"request_uri": REFERENCE, "expires_in": expires_in});
        assert_eq!(told(pushed(&place), 201, &body).unwrap_err().code(), code, "{expires_in}");
    }
    let body = json!({"request_uri": REFERENCE});
    let Err(Error::Response(refused)) = told(pushed(&place), 201, &body) else { panic!("no lifetime") };
    assert_eq!(refused.rule, ResponseRule::Missing("expires_in"));
}

#[test]
fn a_lifetime_that_is_a_text_needs_the_quirk_that_the_error_names() {
    let strict = place();
    let body = |expires_in: &str| json!({"request_uri": REFERENCE, "expires_in": expires_in});
    let refused = told(pushed(&strict), 201, &body("60")).unwrap_err();
    assert!(refused.to_string().contains("`Quirks::expires_in_as_string`"), "{refused}");
    let mut quirks = Quirks::default();
    quirks.expires_in_as_string = true;
    let lenient =
        Place::with(How::Basic.registration(), |_| {}, |client| How::Basic.shape(client).quirks(quirks));
    assert_eq!(told(pushed(&lenient), 201, &body("60")).unwrap().expires_at, NOW.plus(60));
    for odd in ["", "soon", "6e1", "60 s"] {
        assert_eq!(told(pushed(&lenient), 201, &body(odd)).unwrap_err().code(), "response_json", "{odd}");
    }
}

#[test]
fn a_refusal_says_why_and_repeats_nothing_of_the_request() {
    let place = place();
    for (status, error) in [
        (400, "invalid_request"),
        (400, "invalid_request_uri"),
        (400, "invalid_request_object"),
        (400, "unauthorized_client"),
        (401, "invalid_client"),
        (413, "invalid_request"),
    ] {
        let call = pushed(&place);
        let form: BTreeMap<_, _> = url::form_urlencoded::parse(call.request().body()).into_owned().collect();
        let said = format!("state {} and nonce {} are odd", form["state"], form["nonce"]);
        let body = json!({"error": error, "error_description": said});
        let Err(Error::OAuth(refused)) = told(call, status, &body) else { panic!("{error}") };
        assert_eq!((refused.code(), refused.response.error.as_str()), (error, error));
        let text = refused.to_string();
        assert!(!text.contains(&form["state"]) && !text.contains(&form["nonce"]), "{text}");
        assert!(text.contains("are odd"), "{text}");
    }
    // What everybody knows may be repeated.
    let body = json!({"error": "invalid_request", "error_description": "code_challenge_method must be S256"});
    let refused = told(pushed(&place), 400, &body).unwrap_err().to_string();
    assert!(refused.contains("code_challenge_method must be S256"), "{refused}");
    // At another endpoint, a parameter of this name is the application's own.
    let wanted =
        GrantRequest::new("urn:example:grant").parameter("acr_values", "a-ticket-of-the-application");
    let call = place.client.grant(&wanted, moment(NOW)).unwrap();
    let body = json!({"error": "invalid_request", "error_description": "a-ticket-of-the-application is odd"});
    let refused = answer(call, 400, "application/json", body).unwrap_err().to_string();
    assert!(!refused.contains("a-ticket-of-the-application"), "{refused}");
    // GitHub refuses like this.
    let body = json!({"error": "invalid_request", "error_description": "no"});
    assert!(matches!(told(pushed(&place), 200, &body), Err(Error::OAuth(_))));
}

/// A program that begins a login anew after such a refusal would push for ever.
#[test]
fn no_refusal_of_a_push_asks_for_another_login() {
    let place = place();
    for (status, error) in [
        (400, "invalid_token"),
        (400, "access_denied"),
        (400, "login_required"),
        (401, "invalid_grant"),
        (400, "expired_token"),
        (400, "invalid_request_object"),
    ] {
        let refused = told(pushed(&place), status, &json!({"error": error})).unwrap_err();
        assert_eq!(refused.remedy(), oidc_proto::Remedy::FixConfiguration, "{error}");
        assert!(!refused.to_string().contains("log in again"), "{refused}");
    }
    let refused = told(pushed(&place), 400, &json!({"error": "invalid_request_object"})).unwrap_err();
    assert!(refused.to_string().contains("`ClientBuilder::request_object_signer`"), "{refused}");
}

#[test]
fn a_busy_a_silent_and_a_strange_server_end_the_flow_at_once() {
    let place = place();
    for status in [429, 500, 503] {
        let ended = told(pushed(&place), status, &json!({})).unwrap_err();
        assert_eq!(ended.code(), "unavailable", "{status}");
    }
    for arrived in [false, true] {
        let (_, _, pending) = pushed(&place).into_parts();
        assert!(pending.fail(moment(NOW)).unwrap().is_none(), "it is not sent again: {arrived}");
    }
    for (status, content_type, body, code) in [
        (200, "text/html", "<p>hello", "response_json"),
        (201, "application/json", "{\"request_uri\": ", "response_json"),
        (201, "application/json", "[]", "response_json"),
        (
            201,
            "application/json",
            "{\"request_uri\":\"urn:a:b\",\"request_uri\":\"urn:a:c\",\"expires_in\":1}",
            "response_json",
        ),
        (302, "application/json", "{}", "response_redirect"),
        (404, "text/html", "<p>nothing", "response_status"),
    ] {
        let ended = answer(pushed(&place), status, content_type, body).unwrap_err();
        assert_eq!(ended.code(), code, "{status} {body}");
    }
    let huge = format!(
        "{{\"request_uri\": \"{REFERENCE}\", \"expires_in\": 60, \"x\": \"{}\"}}",
        "x".repeat(65_536)
    );
    assert_eq!(
        answer(pushed(&place), 201, "application/json", huge).unwrap_err().code(),
        "response_too_large"
    );
}
