//! The property of requests to an API: the token goes to the named server alone, a request is sent again once for each
//! reason, and no outcome repeats the token.

use crate::{NOW, moment, provider_metadata};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{Client, ResourceOrigins, ResourceRequest, ResourceStep},
    jose::Algorithm,
};
use oidc_testkit::KeyRing;
use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, LazyLock},
};
use url::Url;

static CLIENTS: LazyLock<[Client; 2]> = LazyLock::new(|| {
    let builder = || Client::builder(provider_metadata(&crate::document()), crate::CLIENT);
    let (key, _) = KeyRing::new().signer(Algorithm::EdDSA, 2, None);
    [builder(), builder().dpop_key(Arc::from(key))].map(|builder| builder.build().expect("a client"))
});

/// Reads lines such as `name: value`. Others are ignored.
fn headers<'t>(lines: impl Iterator<Item = &'t str>) -> HeaderMap {
    let pair = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(pair) {
        headers.append(name, value);
    }
    headers
}

/// Whether a request to this URL, with these headers, may have the token: by the rules in words, with a parser of URLs
/// that follows another standard.
fn may_have_it(uri: &Uri, headers: &HeaderMap) -> bool {
    let origin = uri.scheme_str() == Some("https")
        && uri.host().is_some_and(|host| host.eq_ignore_ascii_case("api.example"))
        && uri.port_u16().is_none_or(|port| port == 443)
        && uri.authority().is_some_and(|all| !all.as_str().contains('@'));
    let query = uri.query().unwrap_or_default().as_bytes();
    let in_query = url::form_urlencoded::parse(query).any(|(name, _)| name == "access_token");
    origin && !in_query && !headers.contains_key("authorization") && !headers.contains_key("dpop")
}

/// A token that the input cannot have written elsewhere: a hash of the input is its end. An empty one stays empty.
fn marked(token: &str, text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    if token.is_empty() { String::new() } else { format!("{token}{:016x}", hasher.finish()) }
}

/// Checks a request to an API. The input is text. Its first block has the URL of the request and its headers, one in a
/// line; `once: ` says that the body is a stream. Each further block is an answer: the status, the headers, and, as
/// `newer: …`, the token that the application then has. An answer that writes `{token}` repeats the token it was sent.
///
/// # Panics
/// Panics if the property does not hold.
pub fn resource_request(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for client in &*CLIENTS {
        run(&text, client);
    }
}

fn run(text: &str, client: &Client) {
    let mut blocks = text.split("\n\n");
    let mut head = blocks.next().unwrap_or_default().lines();
    let Ok(uri) = head.next().unwrap_or_default().parse::<Uri>() else { return };
    let given = headers(head);
    let origins = ResourceOrigins::new("https://api.example", &UrlPolicy::default()).expect("an origin");
    let begun = match ResourceRequest::new(&origins, &Method::PUT, &uri, &given) {
        Ok(begun) => begun,
        Err(refused) => {
            let odd = Url::parse(&uri.to_string()).is_err() || !uri.to_string().bytes().all(allowed);
            assert!(!may_have_it(&uri, &given) || odd, "{refused}: {uri}");
            return;
        }
    };
    assert!(may_have_it(&uri, &given), "{uri} {given:?}");
    let once = given.contains_key("once");
    let mut request = if once { begun.once() } else { begun };
    let first = marked("the-first-access-token", text);
    let (mut token, mut sent, mut proofs) = (first.clone(), 0_u8, BTreeSet::new());
    let (mut again, mut renewed) = (0, 0);
    loop {
        sent += 1;
        let Ok((added, pending)) = request.authorize(client, &Secret::new(&*token), moment(NOW, sent)) else {
            assert!(token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
            return;
        };
        let scheme = if added.contains_key("dpop") { "DPoP" } else { "Bearer" };
        assert_eq!(added["authorization"].as_bytes(), format!("{scheme} {token}").as_bytes());
        assert!(added.len() <= 2 && added.values().all(HeaderValue::is_sensitive));
        if let Some(proof) = added.get("dpop") {
            assert!(proofs.insert(proof.clone()), "a proof is sent twice");
        }
        let Some(block) = blocks.next() else { return };
        let block = block.replace("{token}", &token);
        let mut lines = block.lines();
        let Ok(status) = lines.next().unwrap_or_default().parse::<StatusCode>() else { return };
        let answer = headers(lines);
        let step = pending.receive(status, &answer);
        assert!(!format!("{step:?}").contains(&token), "{step:?}");
        request = match step {
            ResourceStep::Done(outcome) => {
                let refused = outcome.challenge().is_some();
                assert!(!refused || matches!(status.as_u16(), 400 | 401 | 403), "{status}");
                return;
            }
            ResourceStep::Again(request) => {
                again += 1;
                assert!(answer.contains_key("dpop-nonce") && scheme == "DPoP");
                request
            }
            ResourceStep::Renew(renewal) => {
                renewed += 1;
                let newer = answer.get("newer").and_then(|newer| newer.to_str().ok());
                let newer = newer.map_or_else(|| first.clone(), |newer| marked(newer, text));
                let same = newer == token;
                match renewal.retry(&Secret::new(&*newer)) {
                    Ok(request) => {
                        assert!(!same);
                        token = newer;
                        request
                    }
                    Err(outcome) => {
                        assert!(same && outcome.challenge().is_some());
                        return;
                    }
                }
            }
        };
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(!once && again <= 1 && renewed <= 1, "sent again too often");
    }
}

/// Whether RFC 3986 allows this byte in a URI.
const fn allowed(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'%')
}
