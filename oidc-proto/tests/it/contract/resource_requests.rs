//! The requests of an application to an API: where a token goes, how it is proven, and what a response leads to.

use super::{NOW, builder, key, moment, read};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use oidc_proto::{
    Error, Moment, Secret, UrlPolicy,
    base::UrlError,
    flow::{
        Client, ConfigError, NotSentAgain, PendingResource, ResourceOrigins, ResourceOutcome,
        ResourceRequest, ResourceRequestError, ResourceStep,
    },
    jose::Sign,
    sender::{DpopNonces, DpopVerifier},
};
use std::{collections::BTreeSet, time::Duration};

const API: &str = "https://api.example";
pub(super) const ORDERS: &str = "https://api.example/orders?page=2";

fn origins() -> ResourceOrigins {
    ResourceOrigins::new(API, &UrlPolicy::default()).unwrap()
}

pub(super) fn request(url: &str) -> Result<ResourceRequest, ResourceRequestError> {
    with_headers(url, &HeaderMap::new())
}

fn with_headers(url: &str, headers: &HeaderMap) -> Result<ResourceRequest, ResourceRequestError> {
    ResourceRequest::new(&origins(), &Method::POST, &url.parse::<Uri>().unwrap(), headers)
}

pub(super) fn bound() -> Client {
    builder().dpop_key(key()).build().unwrap()
}

pub(super) fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
    let value = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    of.iter().map(value).collect()
}

/// The headers and the state after a request with a bearer token.
fn bearer(request: ResourceRequest) -> (HeaderMap, PendingResource) {
    request.with_bearer(&Secret::new("a-token")).unwrap()
}

fn answered(status: u16, of: &[(&'static str, &str)]) -> ResourceStep {
    let (_, pending) = bearer(request(ORDERS).unwrap());
    pending.receive(StatusCode::from_u16(status).unwrap(), &headers(of))
}

fn done(step: ResourceStep) -> ResourceOutcome {
    match step {
        ResourceStep::Done(outcome) => outcome,
        other => panic!("it is over: {other:?}"),
    }
}

/// The claims of a proof that a server accepts for this request.
pub(super) fn proven(headers: &HeaderMap, url: &str, token: &str, after: i64) -> serde_json::Value {
    let proof =
        DpopVerifier::new().verify(headers, &Method::POST, url, Some(&Secret::new(token)), NOW.plus(after));
    assert!(proof.is_ok(), "a server accepts the proof: {proof:?}");
    read(headers["dpop"].to_str().unwrap()).1
}

// Where a token goes.

#[test]
fn a_token_goes_to_the_named_servers_and_to_no_other() {
    for url in
        [ORDERS, "https://api.example", "HTTPS://API.Example:443/a/../b", "https://api.example/%7Euser"]
    {
        assert!(request(url).is_ok(), "{url}");
    }
    for other in [
        "https://api.example:8443/",
        "https://evil.example/",
        "https://api.example.evil.example/",
        "https://sub.api.example/",
        "https://api.example./",
    ] {
        assert_eq!(request(other).unwrap_err(), ResourceRequestError::OtherOrigin, "{other}");
    }
    for (url, why) in [
        ("http://api.example/", UrlError::PlainHttp),
        ("/orders", UrlError::NotAbsolute),
        ("https://user:password@api.example/", UrlError::Credentials),
        ("https://@api.example/", UrlError::Credentials),
        ("https://127.0.0.1/", UrlError::Loopback),
        ("ftp://api.example/", UrlError::Scheme),
    ] {
        assert_eq!(request(url).unwrap_err(), ResourceRequestError::Url(why), "{url}");
    }
}

#[test]
fn a_second_origin_is_named_and_plain_http_needs_the_policy() {
    let check = |origins: &ResourceOrigins, url: &str| origins.check(&url.parse().unwrap());
    let both = origins().and("https://files.example:8443/").unwrap();
    assert_eq!(check(&both, "https://files.example:8443/a"), Ok(()));
    assert_eq!(check(&both, ORDERS), Ok(()));
    assert_eq!(check(&both, "https://files.example/a"), Err(ResourceRequestError::OtherOrigin));

    let here = UrlPolicy::default().with_loopback();
    let local = ResourceOrigins::new("http://127.0.0.1:8080", &here).unwrap();
    assert_eq!(check(&local, "http://127.0.0.1:8080/a"), Ok(()));
    for other in
        ["http://127.0.0.1:8081/", "http://localhost:8080/", "http://127.1:8080/", "http://[::1]:8080/"]
    {
        assert_eq!(check(&local, other), Err(ResourceRequestError::OtherOrigin), "{other}");
    }
    for (origin, why) in [
        ("http://api.example", ResourceRequestError::Origin(UrlError::PlainHttp)),
        ("http://127.0.0.1:8080", ResourceRequestError::Origin(UrlError::Loopback)),
        ("api.example", ResourceRequestError::Origin(UrlError::NotAbsolute)),
        ("https://api.example/v1", ResourceRequestError::NotAnOrigin),
        ("https://api.example/?a", ResourceRequestError::NotAnOrigin),
        ("https://api.example/#a", ResourceRequestError::Origin(UrlError::Fragment)),
    ] {
        assert_eq!(ResourceOrigins::new(origin, &UrlPolicy::default()), Err(why), "{origin}");
    }
}

#[test]
fn a_request_with_credentials_of_its_own_is_refused() {
    for (name, value, shown) in [
        ("authorization", "Bearer other", "header Authorization"),
        ("authorization", "Basic dTpw", "header Authorization"),
        ("dpop", "a.b.c", "header DPoP"),
    ] {
        let refused = with_headers(ORDERS, &headers(&[(name, value)])).unwrap_err();
        assert_eq!(refused, ResourceRequestError::Credentials(shown));
    }
    for query in ["access_token=a", "a=b&access_token=", "%61ccess_token=a"] {
        let refused = request(&format!("https://api.example/?{query}")).unwrap_err();
        assert_eq!(refused, ResourceRequestError::Credentials("parameter access_token"), "{query}");
    }
    assert!(request("https://api.example/?my_access_token=1&q=access_token").is_ok());
}

#[test]
fn a_redirect_goes_to_the_application_and_its_target_gets_no_token() {
    for status in [301, 302, 303, 307, 308] {
        let step = answered(status, &[("location", "https://evil.example/")]);
        assert_eq!(done(step), ResourceOutcome::Answered, "{status}");
    }
    assert_eq!(request("https://evil.example/").unwrap_err(), ResourceRequestError::OtherOrigin);
}

// How a token is sent.

#[test]
fn a_bearer_token_is_in_the_header_and_nowhere_else() {
    let (headers, _) = bearer(request(ORDERS).unwrap());
    assert_eq!((headers.len(), &headers["authorization"]), (1, &HeaderValue::from_static("Bearer a-token")));
    assert!(headers["authorization"].is_sensitive());
    let client = builder().build().unwrap();
    let (same, _) =
        request(ORDERS).unwrap().authorize(&client, &Secret::new("a-token"), moment(0, 1)).unwrap();
    assert_eq!(headers, same, "a client without a DPoP key has bearer tokens");
    for bad in ["", "a b", "a\nb", "é"] {
        let refused = request(ORDERS).unwrap().with_bearer(&Secret::new(bad)).unwrap_err();
        assert_eq!(refused, Error::Config(ConfigError::Characters("access_token")), "{bad:?}");
    }
}

#[test]
fn a_bound_token_comes_with_a_proof_of_exactly_this_request() {
    let client = bound();
    let mut seen = BTreeSet::new();
    for (url, htu) in [
        (ORDERS, "https://api.example/orders"),
        ("HTTPS://API.example:443/a/./b/../%7Ec?secret=1", "https://api.example/a/~c"),
        ("https://api.example", "https://api.example/"),
        ("https://api.example/%c3%a9/%2F", "https://api.example/%C3%A9/%2F"),
    ] {
        for seed in 1..4 {
            let token = Secret::new("a-token");
            let (headers, _) = request(url).unwrap().authorize(&client, &token, moment(5, seed)).unwrap();
            assert_eq!(headers["authorization"], "DPoP a-token");
            assert!(headers["authorization"].is_sensitive() && headers["dpop"].is_sensitive());
            let claims = proven(&headers, htu, "a-token", 5);
            assert_eq!((&claims["htu"], &claims["htm"]), (&htu.into(), &"POST".into()));
            assert_eq!(claims["iat"], NOW.plus(5).0);
            assert_eq!(claims.get("nonce"), None);
            seen.insert(claims["jti"].to_string());
        }
    }
    assert_eq!(seen.len(), 3, "an identifier follows from the entropy of its request");
}

#[test]
fn a_nonce_goes_to_the_server_that_named_it() {
    let mut nonces = DpopNonces::new();
    nonces.learn(&Uri::from_static("https://api.example/other"), &headers(&[("dpop-nonce", "n1")]));
    nonces.learn(&Uri::from_static("https://op.example/token"), &headers(&[("dpop-nonce", "n2")]));
    let client = bound().with_dpop_nonces(nonces);
    let token = Secret::new("a-token");
    let (headers, _) = request(ORDERS).unwrap().authorize(&client, &token, moment(0, 1)).unwrap();
    assert_eq!(proven(&headers, "https://api.example/orders", "a-token", 0)["nonce"], "n1");
}

#[test]
fn a_key_that_is_elsewhere_proves_each_repetition_anew() {
    let signer = key();
    let jwk = signer.public_jwk().unwrap();
    let client = builder().dpop_public_key(jwk, signer.algorithm()).build().unwrap();
    let token = Secret::new("a-token");
    let refused = request(ORDERS).unwrap().authorize(&client, &token, moment(0, 1)).unwrap_err();
    assert_eq!(refused, Error::Config(ConfigError::NoProof));
    let none = request(ORDERS).unwrap().proof_to_sign(&builder().build().unwrap(), &token, moment(0, 1));
    assert_eq!(none.unwrap_err(), Error::Config(ConfigError::NoProof));

    let sign = |request: &ResourceRequest, seed| {
        let to_sign = request.proof_to_sign(&client, &token, moment(0, seed)).unwrap();
        let signature = signer.sign(to_sign.signing_input()).unwrap();
        to_sign.with_signature(&signature)
    };
    let first = request(ORDERS).unwrap();
    let proof = sign(&first, 1);
    let (one, pending) = first.with_proof(&token, &proof).unwrap();
    let demand = headers(&[("www-authenticate", "DPoP error=\"use_dpop_nonce\""), ("dpop-nonce", "n1")]);
    let ResourceStep::Again(second) = pending.receive(StatusCode::UNAUTHORIZED, &demand) else {
        panic!("it is sent again")
    };
    let proof = sign(&second, 2);
    let (two, _) = second.with_proof(&token, &proof).unwrap();
    let url = "https://api.example/orders";
    let (one, two) = (proven(&one, url, "a-token", 0), proven(&two, url, "a-token", 0));
    assert_eq!((one.get("nonce"), &two["nonce"]), (None, &"n1".into()));
    assert_ne!(one["jti"], two["jti"]);
}

// What a response leads to.

#[test]
fn a_missing_scope_is_handed_over() {
    for (status, challenge, scope) in [
        (
            403,
            r#"Bearer realm="x", error="insufficient_scope", scope="orders.write pay""#,
            &["orders.write", "pay"][..],
        ),
        (401, r#"Bearer error=insufficient_scope"#, &[]),
        (403, r#"DPoP algs="ES256", Bearer scope="a  b", error="insufficient_scope""#, &["a", "b"]),
    ] {
        let ResourceOutcome::InsufficientScope(needed) =
            done(answered(status, &[("www-authenticate", challenge)]))
        else {
            panic!("{challenge}")
        };
        assert_eq!(
            (needed.status.as_u16(), &*needed.scope),
            (status, scope.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice())
        );
        assert_eq!(needed.not_sent_again, None);
    }
}

#[test]
fn a_demand_for_another_authentication_is_handed_over() {
    let step_up = |rest: &str| {
        let challenge = format!(r#"Bearer error="insufficient_user_authentication"{rest}"#);
        match done(answered(401, &[("www-authenticate", &challenge)])) {
            ResourceOutcome::InsufficientAuthentication(needed) => *needed,
            other => panic!("{other:?}"),
        }
    };
    // The example of RFC 9470 section 3 names one class; a second one is less preferred.
    let needed = step_up(r#", error_description="another, please", acr_values="myACR other""#);
    assert_eq!(needed.acr_values, ["myACR", "other"]);
    assert_eq!(needed.response.unwrap().error_description.as_deref(), Some("another, please"));
    for (text, max_age) in [("5", Some(5)), ("0", Some(0)), ("-1", None), ("soon", None), ("", None)] {
        let needed = step_up(&format!(r#", max_age="{text}""#));
        assert_eq!(needed.max_age, max_age.map(Duration::from_secs), "{text}");
    }
    assert_eq!(step_up("").max_age, None);
}

#[test]
fn a_response_that_is_not_about_the_token_is_only_handed_back() {
    for status in [200, 204, 304, 400, 403, 404, 409, 429, 500, 502, 503] {
        assert_eq!(done(answered(status, &[])), ResourceOutcome::Answered, "{status}");
    }
    // The status decides, too: an API may repeat its challenge on any response.
    for status in [200, 404, 500] {
        let odd = [("www-authenticate", "Bearer error=\"invalid_token\"")];
        assert_eq!(done(answered(status, &odd)), ResourceOutcome::Answered, "{status}");
    }
    for (status, error) in [
        (400, "invalid_request"),
        (401, "invalid_dpop_proof"),
        (403, "invalid_token"),
        (403, "use_dpop_nonce"),
        (400, "insufficient_scope"),
        (403, "insufficient_user_authentication"),
        (401, "an error of the future"),
    ] {
        let challenge = format!("Bearer error=\"{error}\"");
        let outcome = done(answered(status, &[("www-authenticate", &challenge)]));
        assert_eq!(outcome.code(), Some("resource_refused"), "{status} {error}");
        assert_eq!(outcome.challenge().unwrap().response.as_ref().unwrap().error, error);
    }
}

#[test]
fn a_401_refuses_the_token_even_without_a_reason() {
    for challenge in ["", "Bearer", "Bearer realm=\"x\"", "Basic realm=\"x\"", "Negotiate abc==", "Bearer =="]
    {
        let step = answered(401, &[("www-authenticate", challenge)]);
        assert!(matches!(&step, ResourceStep::Renew(_)), "{challenge}: {step:?}");
    }
    let with_reason = answered(401, &[("www-authenticate", r#"Bearer error="invalid_token""#)]);
    let ResourceStep::Renew(renewal) = with_reason else { panic!("{with_reason:?}") };
    assert_eq!(renewal.challenge().response.as_ref().unwrap().error, "invalid_token");
    assert!(matches!(renewal.give_up(), ResourceOutcome::InvalidToken(_)));
}

#[test]
fn the_challenge_of_the_scheme_that_was_sent_counts_first() {
    let both = r#"DPoP error="use_dpop_nonce", Bearer error="insufficient_scope""#;
    assert_eq!(done(answered(403, &[("www-authenticate", both)])).code(), Some("insufficient_scope"));
    let token = Secret::new("a-token");
    let (_, pending) = request(ORDERS).unwrap().authorize(&bound(), &token, moment(0, 1)).unwrap();
    let both = headers(&[
        ("www-authenticate", r#"Bearer error="invalid_token", DPoP error="use_dpop_nonce""#),
        ("dpop-nonce", "n1"),
    ]);
    assert!(matches!(pending.receive(StatusCode::UNAUTHORIZED, &both), ResourceStep::Again(_)));
    // A bearer token has no proof, so a nonce would help nobody.
    let demand = [("www-authenticate", r#"DPoP error="use_dpop_nonce""#), ("dpop-nonce", "n1")];
    let outcome = done(answered(401, &demand));
    assert_eq!(outcome.code(), Some("use_dpop_nonce"));
    assert_eq!(outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::NoNonce));
}

#[test]
fn no_outcome_repeats_the_token() {
    for error in ["invalid_request", "insufficient_scope", "insufficient_user_authentication", "a-token"] {
        let challenge = format!(
            r#"Bearer error="{error}", error_description="not a-token", scope="ok a-token xa-tokenx", acr_values="a-token b""#
        );
        for status in [401, 403] {
            let outcome = done(answered(status, &[("www-authenticate", &challenge)]));
            assert!(!format!("{outcome:?}").contains("a-token"), "{outcome:?}");
            assert_eq!(outcome.challenge().unwrap().scope, ["ok"]);
            assert_eq!(outcome.challenge().unwrap().acr_values, ["b"]);
        }
    }
}

#[test]
fn the_same_input_gives_the_same_request() {
    let client = bound();
    let run = |seed| {
        let token = Secret::new("a-token");
        let moment = Moment::new(NOW, [seed; 32]);
        let (headers, pending) = request(ORDERS).unwrap().authorize(&client, &token, moment).unwrap();
        let claims = proven(&headers, "https://api.example/orders", "a-token", 0);
        (claims, format!("{:?}", pending.receive(StatusCode::UNAUTHORIZED, &HeaderMap::new())))
    };
    for seed in [1, 2, 3] {
        assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn neither_the_token_nor_the_query_of_a_request_shows() {
    let url = "https://api.example/orders?secret-query=1";
    let begun = request(url).unwrap();
    let shown = format!("{begun:?}");
    let (headers, pending) = begun.authorize(&bound(), &Secret::new("a-token"), moment(0, 1)).unwrap();
    let proof = headers["dpop"].to_str().unwrap().to_owned();
    let shown = format!("{shown} {headers:?} {pending:?}");
    let step = pending.receive(StatusCode::UNAUTHORIZED, &HeaderMap::new());
    let shown = format!("{shown} {step:?}");
    for secret in ["a-token", "secret-query", &proof] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("https://api.example/orders"), "{shown}");
}
