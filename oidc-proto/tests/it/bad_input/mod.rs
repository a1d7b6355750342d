//! Hostile documents, keys, tokens, callbacks and responses: each gets a typed error that names the broken
//! rule. Nothing panics, and nothing is accepted in part.

mod types;

use oidc_proto::{
    Error, Moment, Secret, UrlPolicy,
    base::{FormError, JsonError, base64url},
    flow::{CallbackError, ClientCredentialsRequest, Discovery, Endpoint, Flow, ResponseRule, Step},
    jose::{JwsError, KeySet, KeySetError},
    message::{AuthorizationRequest, AuthorizationResponse, MAX_CALLBACK},
    metadata::MetadataError,
    token::{AccessTokenVerifier, Expected, IdTokenVerifier, MAX_TOKEN, Scratch, VerificationError},
};
use oidc_testkit::{EndpointName, Party, TestProvider, drive::NOW, scenario::CLIENT_ID};
use serde_json::json;

const ENDPOINTS: [Endpoint; 4] = [Endpoint::Discovery, Endpoint::Jwks, Endpoint::Token, Endpoint::UserInfo];

/// Gives a response directly to the flow, as a driver without a limit of its own would.
fn receive(
    party: &Party,
    endpoint: Endpoint,
    response: http::Response<impl AsRef<[u8]>>,
) -> Result<(), Error> {
    fn end<F: Flow>(
        call: oidc_proto::flow::Call<F>,
        response: http::Response<impl AsRef<[u8]>>,
    ) -> Result<(), Error> {
        let (_, terms, pending) = call.into_parts();
        assert!(terms.max_body <= 64 * 1024);
        pending.receive(response, Moment::new(NOW, [1; 32])).map(|step| match step {
            Step::Done(_) | Step::Wait(_) => (),
            Step::Send(call) => panic!("another request: {call:?}"),
        })
    }
    let client = &party.client;
    match endpoint {
        Endpoint::Discovery => {
            end(Discovery::start("https://op.example", &UrlPolicy::default()).unwrap(), response)
        }
        Endpoint::Jwks => end(client.jwks().unwrap(), response),
        Endpoint::Token => end(
            client
                .client_credentials(&ClientCredentialsRequest::default(), Moment::new(NOW, [7; 32]))
                .unwrap(),
            response,
        ),
        _ => {
            end(client.userinfo(&Secret::new("token"), "alice", Moment::new(NOW, [7; 32])).unwrap(), response)
        }
    }
}

fn ok(body: impl Into<Vec<u8>>) -> http::Response<Vec<u8>> {
    http::Response::builder().header("content-type", "application/json").body(body.into()).unwrap()
}

/// A body that the endpoint accepts.
fn good(endpoint: Endpoint) -> String {
    let provider = TestProvider::new("https://op.example");
    match endpoint {
        Endpoint::Discovery => provider.metadata().to_string(),
        Endpoint::Jwks => provider.key_set().to_string(),
        Endpoint::Token => json!({"access_token": "a", "token_type": "Bearer", "scope": "x"}).to_string(),
        _ => json!({"sub": "alice", "name": "Alice"}).to_string(),
    }
}

/// The error of an endpoint for a fault in its JSON.
fn json_rule(endpoint: Endpoint, why: JsonError) -> ResponseRule {
    match endpoint {
        Endpoint::Discovery => ResponseRule::Metadata(MetadataError::Json(why)),
        Endpoint::Jwks => ResponseRule::KeySet(KeySetError::Json(why)),
        _ => ResponseRule::Json(why),
    }
}

#[track_caller]
fn assert_rule(result: Result<(), Error>, endpoint: Endpoint, rule: ResponseRule, what: &str) {
    match result {
        Err(Error::Response(error)) => {
            assert_eq!((error.endpoint, &error.rule), (endpoint, &rule), "{what:.80}");
        }
        other => panic!("{endpoint} {what:.80}: {rule:?} was expected: {other:?}"),
    }
}

#[test]
fn unacceptable_json_is_refused_at_every_endpoint_for_the_same_reason() {
    let deep = |open: &str, close: &str, levels: usize| {
        format!("{{\"x\":{}1{}}}", open.repeat(levels), close.repeat(levels))
    };
    let bodies: Vec<(Vec<u8>, JsonError)> = vec![
        (b"".into(), JsonError::NotJson),
        (b" ".into(), JsonError::NotJson),
        (b"\xff\xfe".into(), JsonError::NotJson),
        (b"{\"x\":\"\xc3\x28\"}".into(), JsonError::NotJson),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}".into(), JsonError::NotJson),
        (b"{".into(), JsonError::NotJson),
        (b"{}{}".into(), JsonError::NotJson),
        (b"{\"x\":1,}".into(), JsonError::NotJson),
        (b"{'x':1}".into(), JsonError::NotJson),
        (b"{\"x\":NaN}".into(), JsonError::NotJson),
        (b"{\"x\":01}".into(), JsonError::NotJson),
        (b"{\"x\":1e999}".into(), JsonError::NotJson),
        (b"{\"x\":\"\\ud800\"}".into(), JsonError::NotJson),
        (b"{\"x\":\"\0\"}".into(), JsonError::NotJson),
        (b"{\"x\":\"a\nb\"}".into(), JsonError::NotJson),
        (b"{} // comment".into(), JsonError::NotJson),
        (b"<html>".into(), JsonError::NotJson),
        (b"null".into(), JsonError::NotAnObject),
        (b"[]".into(), JsonError::NotAnObject),
        (b"\"text\"".into(), JsonError::NotAnObject),
        (b"17".into(), JsonError::NotAnObject),
        (b"true".into(), JsonError::NotAnObject),
        (deep("[", "]", 32).into(), JsonError::TooDeep),
        (deep("{\"y\":", "}", 32).into(), JsonError::TooDeep),
        ("[".repeat(60_000).into(), JsonError::TooDeep),
        (b"{\"x\":1,\"x\":1}".into(), JsonError::DuplicateMember),
        (b"{\"x\":1,\"\\u0078\":1}".into(), JsonError::DuplicateMember),
        (b"{\"x\":[{\"y\":1,\"z\":2,\"y\":3}]}".into(), JsonError::DuplicateMember),
    ];
    let party = Party::new();
    for endpoint in ENDPOINTS {
        for (body, why) in &bodies {
            let what = String::from_utf8_lossy(body);
            assert_rule(
                receive(&party, endpoint, ok(body.as_slice())),
                endpoint,
                json_rule(endpoint, *why),
                &what,
            );
        }
    }
}

#[test]
fn a_duplicate_or_a_deep_member_spoils_an_otherwise_valid_document() {
    let party = Party::new();
    for endpoint in ENDPOINTS {
        let body = good(endpoint);
        assert_eq!(receive(&party, endpoint, ok(body.as_str())), Ok(()), "{endpoint}");
        let with = |member: &str| body.replacen('{', &format!("{{{member},"), 1);
        let (name, _) = body[2..].split_once('"').unwrap();
        let deep = format!("\"vendor\":{}{}", "[".repeat(32), "]".repeat(32));
        for (body, why) in [
            (with(&format!("\"{name}\":\"evil\"")), JsonError::DuplicateMember),
            (
                with(&format!("\"\\u{:04x}{}\":null", u32::from(name.as_bytes()[0]), &name[1..])),
                JsonError::DuplicateMember,
            ),
            (with("\"vendor\":{\"a\":1,\"a\":2}"), JsonError::DuplicateMember),
            (with(&deep), JsonError::TooDeep),
        ] {
            let result = receive(&party, endpoint, ok(body.as_str()));
            assert_rule(result, endpoint, json_rule(endpoint, why), &body);
        }
    }
}

#[test]
fn a_document_that_is_cut_off_anywhere_is_refused() {
    let party = Party::new();
    for endpoint in ENDPOINTS {
        let body = good(endpoint);
        for end in 0..body.len() {
            let result = receive(&party, endpoint, ok(&body.as_bytes()[..end]));
            assert_rule(result, endpoint, json_rule(endpoint, JsonError::NotJson), &body[..end]);
        }
    }
}

#[test]
fn ten_megabytes_are_too_large_even_if_a_driver_reads_them() {
    let party = Party::new();
    for endpoint in ENDPOINTS {
        let mut body = good(endpoint).into_bytes();
        body.resize(10 << 20, b' ');
        let rule = ResponseRule::TooLarge { limit: 65536 };
        assert_rule(receive(&party, endpoint, ok(body)), endpoint, rule, "10 MB");
        let mut exact = good(endpoint).into_bytes();
        exact.resize(65536, b' ');
        assert_eq!(receive(&party, endpoint, ok(exact)), Ok(()), "{endpoint}: exactly 64 KiB");
    }
}

#[test]
fn only_a_success_status_is_a_success() {
    let party = Party::new();
    for endpoint in ENDPOINTS {
        for status in 100..=999 {
            let mut response = ok(good(endpoint));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            let result = receive(&party, endpoint, response);
            // The client credentials grant waits and repeats the request.
            let busy = endpoint == Endpoint::Token && matches!(status, 429 | 503);
            let success = match endpoint {
                Endpoint::Token => (200..300).contains(&status),
                // A hop may have changed the claims: they are checked all the same.
                Endpoint::UserInfo => matches!(status, 200 | 203),
                _ => status == 200,
            };
            assert_eq!(result.is_ok(), success || busy, "{endpoint} {status}: {result:?}");
        }
    }
}

#[test]
fn header_values_of_strange_bytes_count_as_absent() {
    let party = Party::new();
    for endpoint in [Endpoint::Discovery, Endpoint::Jwks, Endpoint::UserInfo] {
        for value in [
            &b"application/json\xff"[..],
            b"\xff",
            b"application/j\tson",
            b"",
            b";",
            b"application/json, text/html",
        ] {
            let mut response = ok(good(endpoint));
            response.headers_mut().insert("content-type", http::HeaderValue::from_bytes(value).unwrap());
            let what = String::from_utf8_lossy(value);
            let rule = ResponseRule::MediaType("application/json");
            assert_rule(receive(&party, endpoint, response), endpoint, rule, &what);
        }
        let mut twice = ok(good(endpoint));
        twice.headers_mut().append("content-type", http::HeaderValue::from_static("application/json"));
        assert_rule(
            receive(&party, endpoint, twice),
            endpoint,
            ResponseRule::MediaType("application/json"),
            "twice",
        );
    }
    for value in [&b"\xff"[..], b"", b"-1", b"1 2", b"1.5", b"Fri, 99 Foo", b"\t", b"0x10"] {
        let mut response = ok("busy");
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert("retry-after", http::HeaderValue::from_bytes(value).unwrap());
        let Err(Error::Unavailable(busy)) = receive(&party, Endpoint::Jwks, response) else { panic!() };
        assert_eq!(busy.retry_after(), None, "{value:?}");
    }
    let mut past = ok("busy");
    *past.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    past.headers_mut().insert("retry-after", http::HeaderValue::from_static("Fri, 15 Jan 2027 07:00:00 GMT"));
    let Err(Error::Unavailable(busy)) = receive(&party, Endpoint::Jwks, past) else { panic!() };
    assert_eq!(busy.retry_after(), Some(std::time::Duration::ZERO), "a date that has passed means now");
    for value in [
        &b"Bearer error=\"invalid_token\xff\""[..],
        b"Bearer error=\"",
        b"Bearer error=",
        b"Bearer =",
        b"=",
        b",,,,",
        b"Bearer error=\"a\\",
        b"error=\"invalid_token\"",
    ] {
        let mut response = ok("");
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        response.headers_mut().insert("www-authenticate", http::HeaderValue::from_bytes(value).unwrap());
        let what = String::from_utf8_lossy(value);
        assert_rule(
            receive(&party, Endpoint::UserInfo, response),
            Endpoint::UserInfo,
            ResponseRule::Refusal(None),
            &what,
        );
    }
    let tab = http::HeaderValue::from_static("Bearer error=\"invalid_token\", error_description=\"a\tb\"");
    let mut response = ok("");
    *response.status_mut() = http::StatusCode::UNAUTHORIZED;
    response.headers_mut().insert("www-authenticate", tab);
    let Err(Error::OAuth(error)) = receive(&party, Endpoint::UserInfo, response) else { panic!() };
    assert_eq!(error.response.error_description.as_deref(), Some("a\u{fffd}b"));
}

#[test]
fn control_characters_and_headers_cannot_be_smuggled_into_an_error_text() {
    let party = Party::new();
    let evil = "x\r\nset-cookie: a=b\u{1b}]0;\u{7}\u{9b}";
    let mut told = ok(json!({"error": evil, "error_description": evil, "error_uri": evil}).to_string());
    *told.status_mut() = http::StatusCode::BAD_REQUEST;
    let issuer = ok(json!({ "issuer": evil }).to_string());
    for (endpoint, response) in [(Endpoint::Token, told), (Endpoint::Discovery, issuer)] {
        let error = receive(&party, endpoint, response).unwrap_err();
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
    let long = receive(&party, Endpoint::Discovery, ok(json!({ "issuer": "x".repeat(9999) }).to_string()));
    assert!(long.unwrap_err().to_string().len() < 700, "no error is as long as the document");
    let denied = AuthorizationResponse::from_query("error=a%0d%0ab%1b&error_description=%00%c2%9b").unwrap();
    assert!(!denied.error.unwrap().to_string().contains(char::is_control));
}

/// The verdicts on this text as an ID token and as an access token.
fn verdicts(keys: &KeySet, token: &str) -> (VerificationError, VerificationError) {
    let expected = Expected::default();
    let id_token = IdTokenVerifier::new("https://op.example", CLIENT_ID);
    let access = AccessTokenVerifier::new("https://op.example", "https://api.example").accept_plain_jwt();
    (
        id_token.verify(&Secret::new(token), keys, &expected, NOW).unwrap_err(),
        access.verify(token, keys, &mut Scratch::new(), NOW).map(|_| ()).unwrap_err(),
    )
}

#[test]
fn malformed_tokens_are_refused_by_name() {
    let mut party = Party::new();
    let keys = party.keys().unwrap();
    let b64 = |bytes: &[u8]| base64url::encode(bytes);
    let head = b64(br#"{"alg":"RS256","kid":"rsa-1"}"#);
    let with_header = |header: &[u8]| format!("{}.e30.AA", b64(header));
    let with_claims = |claims: &[u8]| format!("{head}.{}.AA", b64(claims));
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let header = |why| VerificationError::Jws(JwsError::Header(why));
    let jws = VerificationError::Jws;
    let claims = VerificationError::Claims;
    let wrong = |member, expected| JsonError::WrongType { member, expected };
    for (token, why) in [
        (String::new(), jws(JwsError::NotCompact)),
        ("a".into(), jws(JwsError::NotCompact)),
        ("a.b".into(), jws(JwsError::NotCompact)),
        ("a.b.c.d".into(), jws(JwsError::NotCompact)),
        (".".repeat(MAX_TOKEN), jws(JwsError::NotCompact)),
        ("a.b.c.d.e".into(), jws(JwsError::Encrypted)),
        (r#"{"payload":"e30","signatures":[]}"#.into(), jws(JwsError::NotCompact)),
        ("..".into(), header(JsonError::NotJson)),
        ("a".repeat(MAX_TOKEN + 1), VerificationError::TooLarge),
        (format!("{head}.e30.A"), jws(JwsError::Base64)),
        (format!("{head}.e30.AB"), jws(JwsError::Base64)),
        (format!("{head}.e30.AA=="), jws(JwsError::Base64)),
        (format!("{head}.e3 0.AA"), jws(JwsError::Base64)),
        (format!("{head}.e30.A+/A"), jws(JwsError::Base64)),
        (format!("{head}\n.e30.AA"), jws(JwsError::Base64)),
        (format!("{}.e30.AA", &head[..head.len() - 1]), jws(JwsError::Base64)),
        (with_header(b"{"), header(JsonError::NotJson)),
        (with_header(b"[]"), header(JsonError::NotAnObject)),
        (with_header(b"{\"alg\":\"\xff\"}"), header(JsonError::NotJson)),
        (with_header(br#"{"alg":"RS256","alg":"none"}"#), header(JsonError::DuplicateMember)),
        (with_header(br#"{"alg":256}"#), header(wrong("alg", "a string"))),
        (with_header(br#"{"alg":"RS256","kid":7}"#), header(wrong("kid", "a string"))),
        (with_header(deep.as_bytes()), header(JsonError::TooDeep)),
        (with_header(br#"{"typ":"JWT"}"#), jws(JwsError::MissingAlgorithm)),
        (with_header(br#"{"alg":"none"}"#), jws(JwsError::Unsigned)),
        (with_header(br#"{"alg":"RS1"}"#), jws(JwsError::UnknownAlgorithm)),
        (with_header(br#"{"alg":"HS256"}"#), jws(JwsError::AlgorithmNotAllowed)),
        (with_claims(b""), claims(JsonError::NotJson)),
        (with_claims(b"{"), claims(JsonError::NotJson)),
        (with_claims(b"{\"iss\":\"\xff\"}"), claims(JsonError::NotJson)),
        (with_claims(b"[]"), claims(JsonError::NotAnObject)),
        (with_claims(b"\"sub\""), claims(JsonError::NotAnObject)),
        (with_claims(br#"{"sub":"a","sub":"b"}"#), claims(JsonError::DuplicateMember)),
        (with_claims(br#"{"x":{"y":1,"\u0079":2}}"#), claims(JsonError::DuplicateMember)),
        (with_claims(deep.as_bytes()), claims(JsonError::TooDeep)),
        (
            with_claims(br#"{"exp":1e999}"#),
            claims(JsonError::WrongType { member: "exp", expected: "a date in seconds" }),
        ),
        (with_claims(br#"{"exp":9007199254740993}"#), claims(wrong("exp", "a date in seconds"))),
        (with_claims(br#"{"exp":1e18}"#), claims(wrong("exp", "a date in seconds"))),
        (with_claims(br#"{"exp":-18446744073709551615}"#), claims(wrong("exp", "a date in seconds"))),
        (with_claims(br#"{"exp":"soon"}"#), claims(wrong("exp", "a date in seconds"))),
        (with_claims(b"{}"), VerificationError::Missing("iss")),
    ] {
        let (id_token, access) = verdicts(&keys, &token);
        assert_eq!((id_token, access), (why, why), "{token:.80}");
    }
}

#[test]
fn a_valid_token_that_is_cut_off_or_changed_anywhere_is_refused() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let keys = party.keys().unwrap();
    let verifier = IdTokenVerifier::new("https://op.example", CLIENT_ID);
    let expected = Expected::default();
    let good = user.id_token.token.expose();
    let verify = |text: &str| verifier.verify(&Secret::new(text), &keys, &expected, NOW);
    assert!(verify(good).is_ok());
    for end in 0..good.len() {
        assert!(verify(&good[..end]).is_err(), "{end}");
    }
    for at in 0..good.len() {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(verify(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at}");
        assert!(verify(&format!("{}A{}", &good[..at], &good[at..])).is_err(), "{at}");
    }
}

#[test]
fn callbacks_of_strange_bytes_are_refused_by_name() {
    let many: String = (0..100).map(|n| format!("p{n}=1&")).collect();
    for (query, why) in [
        ("code=a&code=b", FormError::Duplicate),
        ("code=a&%63ode=b", FormError::Duplicate),
        ("&&x&x", FormError::Duplicate),
        ("a+b=1&a%20b=2", FormError::Duplicate),
        ("code=%ff", FormError::NotUtf8),
        ("%c3%28=1", FormError::NotUtf8),
        ("state=%ed%a0%80", FormError::NotUtf8),
        (many.as_str(), FormError::TooMany),
        (&format!("code={}", "x".repeat(MAX_CALLBACK)), FormError::TooLong),
        (&"&".repeat(10 << 20), FormError::TooLong),
    ] {
        assert_eq!(AuthorizationResponse::from_query(query), Err(why), "{query:.40}");
    }
    // A callback that can be read must still belong to the login.
    for query in
        ["", "?", "=", "=&code=x", "code", "%", "%zz=%", "code=a;state=b", "state=\u{0}", "a=b=c", "#"]
    {
        let mut party = Party::new();
        let (_, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let refused = party.callback(pending, query, None).unwrap_err();
        assert_eq!(refused, CallbackError::State.into(), "{query}");
        assert_eq!(party.provider.count(EndpointName::Token), 0);
    }
}

#[test]
fn key_sets_of_a_hundred_strange_keys_are_read_and_yield_nothing() {
    let long = "A".repeat(2000);
    let kinds = [
        json!(null),
        json!(17),
        json!({"kty": null}),
        json!({"kty": ["RSA"]}),
        json!({"kty": "RSA"}),
        json!({"kty": "RSA", "n": "", "e": ""}),
        json!({"kty": "RSA", "n": long, "e": "AQAB"}),
        json!({"kty": "RSA", "n": "=", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": "", "y": ""}),
        json!({"kty": "EC", "crv": "P-384", "x": long, "y": long}),
        json!({"kty": "EC", "crv": 256, "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
        json!({"kty": "oct", "k": ""}),
        json!({"kty": "oct", "k": 7}),
        json!({"kty": "RSA", "key_ops": "verify", "n": long, "e": "AQAB"}),
        json!({"kty": "RSA", "kid": {}, "n": long, "e": "AQAB"}),
        json!({"kty": "\u{0}", "use": 1, "alg": []}),
    ];
    let keys: Vec<_> = kinds.iter().cycle().take(100).cloned().collect();
    let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    assert!(set.is_empty());
    assert_eq!(set.set_aside().len(), 100);
}
