//! A client written by hand: plain requests, without the library's protocol code.
#![allow(dead_code, reason = "each test file uses only a part of it")]

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{Request, Response, header};
use oidc_testkit::{Browser, EndpointName, Landing, Registration, TestProvider, Timestamp};
use serde_json::Value;

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const CALLBACK: &str = "https://app.example/callback";
pub(crate) const SECRET: &str = "a secret: 100% + 64 characters or more, so that HS512 can sign too..";

pub(crate) type Pairs = Vec<(String, String)>;

/// A provider with one client of each authentication method.
pub(crate) fn provider() -> TestProvider {
    let mut provider = TestProvider::new("https://op.example/tenant");
    provider.register(Registration::public("public").redirect_uri(CALLBACK));
    let basic = Registration::basic("basic", SECRET).redirect_uri(CALLBACK);
    provider.register(basic.grant_type("client_credentials"));
    let post = Registration::post("post", SECRET).redirect_uri(CALLBACK);
    provider.register(post.grant_type("client_credentials"));
    provider
}

pub(crate) fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn set(pairs: &mut Pairs, name: &str, value: &str) {
    remove(pairs, name);
    pairs.push((name.to_owned(), value.to_owned()));
}

pub(crate) fn remove(pairs: &mut Pairs, name: &str) {
    pairs.retain(|(known, _)| known != name);
}

pub(crate) fn encode(pairs: &Pairs) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub(crate) fn get(url: &str) -> Request<Vec<u8>> {
    Request::get(url).header(header::ACCEPT, "application/json").body(Vec::new()).unwrap()
}

pub(crate) fn post(url: &str, pairs: &Pairs) -> Request<Vec<u8>> {
    Request::post(url)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(encode(pairs).into_bytes())
        .unwrap()
}

pub(crate) fn with_header(
    mut request: Request<Vec<u8>>,
    name: &'static str,
    value: &str,
) -> Request<Vec<u8>> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

pub(crate) fn basic(request: Request<Vec<u8>>, id: &str, secret: &str) -> Request<Vec<u8>> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let value = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    with_header(request, "authorization", &format!("Basic {value}"))
}

pub(crate) fn bearer(request: Request<Vec<u8>>, token: &str) -> Request<Vec<u8>> {
    with_header(request, "authorization", &format!("Bearer {token}"))
}

/// A value of 43 characters that is derived from a number.
pub(crate) fn value(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes()))
}

pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()))
}

/// The parameters of a valid authorization request, and its verifier.
pub(crate) fn authorization(client: &str, number: u64) -> (Pairs, String) {
    let verifier = value(number * 10);
    let params = pairs([
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email"),
        ("state", &value(number * 10 + 1)),
        ("nonce", &value(number * 10 + 2)),
        ("code_challenge", &challenge(&verifier)),
        ("code_challenge_method", "S256"),
    ]);
    (params, verifier)
}

pub(crate) fn visit(provider: &mut TestProvider, params: &Pairs) -> Landing {
    let url = format!("{}?{}", provider.url(EndpointName::Authorize), encode(params));
    Browser::new().visit(provider, url, NOW)
}

/// Makes a valid authorization request. Returns the parameters of the token request that follows.
pub(crate) fn code(provider: &mut TestProvider, client: &str, number: u64) -> Pairs {
    let (params, verifier) = authorization(client, number);
    let landing = visit(provider, &params);
    let code = landing.parameter("code").expect("a code");
    pairs([
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &verifier),
    ])
}

/// Sends a token request with the client's registered authentication method.
pub(crate) fn token(provider: &mut TestProvider, client: &str, params: &Pairs) -> Response<Vec<u8>> {
    token_at(provider, client, params, NOW)
}

pub(crate) fn token_at(
    provider: &mut TestProvider,
    client: &str,
    params: &Pairs,
    now: Timestamp,
) -> Response<Vec<u8>> {
    let request = token_request(provider, client, params);
    provider.handle(&request, now)
}

pub(crate) fn token_request(provider: &TestProvider, client: &str, params: &Pairs) -> Request<Vec<u8>> {
    let mut params = params.clone();
    if client != "basic" {
        params.push(("client_id".to_owned(), client.to_owned()));
    }
    if client == "post" {
        params.push(("client_secret".to_owned(), SECRET.to_owned()));
    }
    let request = post(&provider.url(EndpointName::Token), &params);
    if client == "basic" { basic(request, client, SECRET) } else { request }
}

/// Performs a whole login.
pub(crate) fn login(provider: &mut TestProvider, client: &str, number: u64) -> Value {
    let params = code(provider, client, number);
    let response = token(provider, client, &params);
    assert_eq!(response.status(), 200, "{}", String::from_utf8_lossy(response.body()));
    body(&response)
}

pub(crate) fn refresh(refresh_token: &str) -> Pairs {
    pairs([("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
}

pub(crate) fn body(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).expect("a JSON body")
}

pub(crate) fn text<'a>(members: &'a Value, name: &str) -> &'a str {
    members[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

pub(crate) fn field<'a>(response: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

/// The header, the claims and the signature of a token.
pub(crate) fn decode(token: &str) -> (Value, Value, Vec<u8>) {
    let parts: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("not three parts") };
    (serde_json::from_slice(header).unwrap(), serde_json::from_slice(claims).unwrap(), signature.clone())
}

#[track_caller]
pub(crate) fn assert_finding(provider: &TestProvider, what: &str) {
    let found: Vec<_> = provider.audit().iter().map(|finding| finding.what.as_str()).collect();
    assert!(found.iter().any(|finding| finding.contains(what)), "no finding {what:?} in {found:#?}");
}

/// Checks that this is the only finding.
#[track_caller]
pub(crate) fn assert_only_finding(provider: &TestProvider, what: &str) {
    let found: Vec<_> = provider.audit().iter().map(|finding| finding.what.as_str()).collect();
    assert!(found.len() == 1 && found[0].contains(what), "not just {what:?}: {found:#?}");
}

#[track_caller]
pub(crate) fn assert_error(response: &Response<Vec<u8>>, status: u16, error: &str) {
    assert_eq!((response.status().as_u16(), text(&body(response), "error")), (status, error));
}
