//! Random requests: the provider answers each of them, never panics, and never grants anything.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use http::Request;
use oidc_testkit::{EndpointName, Seed};

/// The pieces that requests are made of.
const PIECES: [&str; 24] = [
    "grant_type=authorization_code",
    "grant_type=refresh_token",
    "grant_type=client_credentials",
    "client_id=public",
    "client_id=post",
    "client_secret=",
    "client_secret=wrong",
    "code=x",
    "code_verifier=%ff%00",
    "redirect_uri=https://app.example/callback",
    "redirect_uri=https%3A%2F%2Fapp.example%2Fcallback",
    "resource=:",
    "scope=openid",
    "scope=%20",
    "claims=%7B%22id_token%22%3A1%7D",
    "max_age=99999999999999999999",
    "state=%0d%0aset-cookie%3Aa",
    "access_token=%F0%9F%98%80",
    "refresh_token=x",
    "code_challenge_method=S256",
    "response_type=code",
    "=",
    "%",
    "&&",
];

const HEADERS: [(&str, &str); 8] = [
    ("authorization", "Basic"),
    ("authorization", "Basic !!"),
    ("authorization", "Basic Og=="),
    ("authorization", "Bearer x"),
    ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    ("content-type", "application/json"),
    ("host", "[::"),
    ("accept", ""),
];

#[test]
fn random_requests_get_a_response_and_no_token() {
    let mut seed = Seed::new(3);
    let mut provider = provider();
    let endpoints = [
        EndpointName::Discovery,
        EndpointName::Jwks,
        EndpointName::Authorize,
        EndpointName::Token,
        EndpointName::UserInfo,
        EndpointName::Unknown,
    ];
    let mut pick = |bound: usize| usize::try_from(seed.below(bound as u64)).unwrap();
    for _ in 0..3000 {
        let mut text = || (0..pick(12)).map(|_| PIECES[pick(PIECES.len())]).collect::<Vec<_>>().join("&");
        let (query, body) = (text(), text());
        let base = provider.url(endpoints[pick(endpoints.len())]);
        let target = if pick(3) == 0 { format!("{base}?{query}") } else { base };
        let mut builder = Request::builder().method(["GET", "POST", "BREW"][pick(3)]).uri(target);
        for _ in 0..pick(4) {
            let (name, value) = HEADERS[pick(HEADERS.len())];
            builder = builder.header(name, value);
        }
        let mut body = body.into_bytes();
        if pick(4) == 0 && !body.is_empty() {
            let at = pick(body.len());
            body[at] = u8::try_from(pick(256)).unwrap();
        }
        let response = provider.handle(&builder.body(body).unwrap(), NOW);
        let body = String::from_utf8_lossy(response.body());
        assert!(!body.contains("\"access_token\""), "{:?}", provider.requests().last());
    }
}
