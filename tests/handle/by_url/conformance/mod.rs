//! The scenarios of the conformance suite of MCP, without Node.js. Each test is named after its scenario. These servers
//! refuse what those of the suite only note.

mod auth;
mod backcompat;
mod dpop;
mod draft;
mod extensions;

use super::{
    super::colour::START,
    town::{METADATA, ONE, Seen, TWO, claims, each_with},
    *,
};
use http::{Request, Response, StatusCode};
use oidc_testkit::{EndpointName, TestProvider, hostile};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::atomic::Ordering::SeqCst};

/// The metadata of the first server, in the form of OAuth.
const SERVER: &str = "https://one.example/.well-known/oauth-authorization-server";
const OPENID: &str = "https://one.example/.well-known/openid-configuration";
const REGISTER: &str = "https://one.example/register";
const TOKEN: &str = "https://one.example/token";
/// The metadata of the whole origin of the resource.
const ROOT: &str = "https://mcp.example/.well-known/oauth-protected-resource";

/// Tells a story of a program that no server knows, with servers that register it and say little, as those of the suite.
fn each_stranger(story: impl Fn(&Town, &Caller)) {
    let settings = |town: &Town| {
        town.offline.store(true, SeqCst);
        town.change(|net| {
            net.servers.values_mut().for_each(like_the_suite);
            // Or else both servers would make the same client ID.
            let another = json!({ "redirect_uris": ["https://app.example/callback"] });
            let another = Request::post("https://two.example/register")
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .body(another.to_string().into_bytes());
            let answer = net.servers.get_mut(TWO).unwrap().handle(&another.unwrap(), START);
            assert_eq!(answer.status(), StatusCode::CREATED);
        });
        (town.asynchronous().identities(Town::unknown()), town.blocking().identities(Town::unknown()))
    };
    each_with(settings, story);
}

fn like_the_suite(server: &mut TestProvider) {
    server.accept_registrations();
    server.answer_registrations_minimally(true);
    server.alter_response(EndpointName::OAuthMetadata, hostile::remove_member("scopes_supported"));
    server.alter_response(EndpointName::Discovery, hostile::remove_member("scopes_supported"));
}

/// The forms that were sent to this URL.
fn forms(log: &[Seen], url: &str) -> Vec<BTreeMap<String, String>> {
    let posts = log.iter().filter(|seen| seen.url == url && seen.method == http::Method::POST);
    posts.map(|seen| url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect()).collect()
}

/// What the suite demands in every scenario with a user: PKCE with S256, and the resource of the metadata, to the letter, in
/// both requests. The servers have compared the verifier, the code, the redirect URI and the client.
#[track_caller]
fn assert_authorized(town: &Town, resource: &str) {
    assert_eq!(town.asked("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(town.asked("resource").as_deref(), Some(resource));
    assert!(town.asked("state").is_some_and(|state| state.len() > 20));
    for form in forms(&town.log(), TOKEN) {
        assert_eq!(form["resource"], resource);
        assert!(form["code_verifier"].len() > 42);
    }
    town.assert_clean();
}

/// The URLs that were asked, besides the resource itself.
fn asked_of(town: &Town) -> Vec<String> {
    let others = town.log().into_iter().map(|seen| seen.url).filter(|url| url != RESOURCE);
    others.collect()
}

/// Puts a document at a URL.
fn page(town: &Town, url: &str, document: &Value) {
    town.change(|net| net.pages.insert(url.to_owned(), (200, document.to_string())));
}

/// Puts nothing at a URL.
fn nothing_at(town: &Town, url: &str) {
    town.change(|net| net.pages.insert(url.to_owned(), (404, "{}".to_owned())));
}

/// Puts another resource in place of the one of the town.
fn guard(
    town: &Town,
    guard: impl FnMut(&Request<Vec<u8>>, oidc_proto::Timestamp) -> Response<Vec<u8>> + Send + 'static,
) {
    town.change(|net| net.guard = Some(Box::new(guard)));
}

/// A resource that accepts the tokens for this audience, and refuses all others with this challenge.
fn guard_audience(town: &Town, audience: &'static str, challenge: &'static str) {
    guard(town, move |request, _| {
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer "));
        match token {
            Some(token) if claims(token)["aud"] == audience => did(request),
            _ => refuse(challenge),
        }
    });
}

fn refuse(challenge: &str) -> Response<Vec<u8>> {
    let response = Response::builder().status(StatusCode::UNAUTHORIZED).header("www-authenticate", challenge);
    response.body(b"no".to_vec()).unwrap()
}

fn did(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    Response::new([b"did ", &**request.body()].concat())
}
