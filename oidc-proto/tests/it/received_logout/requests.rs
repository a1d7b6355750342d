//! The request that brings a logout token, and what the client answers (Back-Channel Logout 1.0 sections 2.5 and 2.8).

use super::*;
use http::Request;
use oidc_proto::{
    base::FormError,
    flow::{BackchannelLogoutError, BackchannelLogoutRequest, MAX_LOGOUT_REQUEST},
    jose::JwsError,
    sender::{ReplayAnswer, ReplayWindow},
    token::EndedSessions,
};

const URI: &str = "https://app.example/backchannel-logout";

/// An application with the sessions of its users, by `sub` and `sid`.
struct Application {
    client: Client,
    keys: KeySet,
    used: ReplayWindow,
    sessions: Vec<(&'static str, Option<&'static str>)>,
    /// Whether the store of the sessions answers.
    store: bool,
}

impl Application {
    fn new(provider: &mut TestProvider) -> Self {
        let (client, keys) = (client(provider), keys(provider));
        let sessions =
            vec![("alice", Some("a1")), ("alice", Some("a2")), ("alice", None), ("bob", Some("b1"))];
        Self { client, keys, used: ReplayWindow::new(), sessions, store: true }
    }

    fn judge(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Result<(), BackchannelLogoutError> {
        let request = BackchannelLogoutRequest::read(request)?;
        let token = request.verify(&self.client, &self.keys, now)?;
        let ends: &EndedSessions = token.first_use(self.used.first_use(token.replay_key(), now))?;
        if !self.store {
            return Err(BackchannelLogoutError::Failed);
        }
        self.sessions.retain(|(sub, sid)| !ends.include(ISSUER, sub, *sid));
        Ok(())
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        match self.judge(request, NOW) {
            Ok(()) => BackchannelLogoutRequest::accepted(),
            Err(error) => error.response(),
        }
    }
}

fn request(provider: &mut TestProvider, sub: Option<&str>, sid: Option<&str>) -> Request<Vec<u8>> {
    TestProvider::logout_request(URI, &provider.logout_token("app", sub, sid, NOW))
}

#[test]
fn a_logout_ends_the_sessions_that_it_names_and_is_answered_with_200() {
    for (sub, sid, left) in [
        (Some("alice"), Some("a1"), vec![("alice", Some("a2")), ("alice", None), ("bob", Some("b1"))]),
        (None, Some("b1"), vec![("alice", Some("a1")), ("alice", Some("a2")), ("alice", None)]),
        (Some("alice"), None, vec![("bob", Some("b1"))]),
        (
            Some("carol"),
            None,
            vec![("alice", Some("a1")), ("alice", Some("a2")), ("alice", None), ("bob", Some("b1"))],
        ),
        (
            Some("bob"),
            Some("a1"),
            vec![("alice", Some("a1")), ("alice", Some("a2")), ("alice", None), ("bob", Some("b1"))],
        ),
    ] {
        let mut provider = provider(Algorithm::RS256);
        let mut application = Application::new(&mut provider);
        let response = application.answer(&request(&mut provider, sub, sid));
        assert_eq!((response.status().as_u16(), response.body().len()), (200, 0), "{sub:?} {sid:?}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(application.sessions, left, "{sub:?} {sid:?}");
    }
}

#[test]
fn a_logout_token_is_used_once_and_a_memory_that_does_not_know_uses_none() {
    let mut provider = provider(Algorithm::ES256);
    let mut application = Application::new(&mut provider);
    for sid in ["a1", "a2", "b1"] {
        let request = request(&mut provider, None, Some(sid));
        assert_eq!(application.judge(&request, NOW), Ok(()));
        for later in [0, 60, 149] {
            let again = application.judge(&request, NOW.plus(later)).unwrap_err();
            assert_eq!(again, BackchannelLogoutError::Replayed, "{sid} {later}");
        }
    }
    let token = BackchannelLogoutRequest::read(&request(&mut provider, Some("alice"), None)).unwrap();
    let token = token.verify(&application.client, &application.keys, NOW).unwrap();
    assert_eq!(token.first_use(ReplayAnswer::Unknown), Err(BackchannelLogoutError::Failed));
    assert_eq!(token.first_use(ReplayAnswer::Replayed), Err(BackchannelLogoutError::Replayed));
}

#[test]
fn what_is_no_logout_request_is_answered_with_400_and_says_why() {
    let mut provider = provider(Algorithm::RS256);
    let mut application = Application::new(&mut provider);
    let good = request(&mut provider, Some("alice"), None);
    let changed = |change: &dyn Fn(&mut Request<Vec<u8>>)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let body = |text: &'static [u8]| changed(&|request| *request.body_mut() = text.to_vec());
    let kind = |kind: &'static str| {
        changed(&|request| drop(request.headers_mut().insert("content-type", kind.parse().unwrap())))
    };
    use BackchannelLogoutError::{Form, MediaType, Method, Missing, TooLarge};
    for (request, why) in [
        (changed(&|request| *request.method_mut() = http::Method::GET), Method),
        (changed(&|request| *request.method_mut() = http::Method::PUT), Method),
        (changed(&|request| *request.method_mut() = http::Method::HEAD), Method),
        (changed(&|request| request.headers_mut().clear()), MediaType),
        (kind("application/json"), MediaType),
        (kind("application/logout+jwt"), MediaType),
        (kind("multipart/form-data; boundary=x"), MediaType),
        (
            changed(&|request| {
                let also = "application/x-www-form-urlencoded".parse().unwrap();
                assert!(request.headers_mut().append("content-type", also));
            }),
            MediaType,
        ),
        (changed(&|request| request.body_mut().resize(MAX_LOGOUT_REQUEST + 1, b'a')), TooLarge),
        (body(b""), Missing),
        (body(b"logout_token="), Missing),
        (body(b"token=a.b.c"), Missing),
        (body(b"LOGOUT_TOKEN=a.b.c"), Missing),
        (body(b"logout_token=a.b.c&logout_token=d.e.f"), Form(FormError::Duplicate)),
        (body(b"logout_token=%ff"), Form(FormError::NotUtf8)),
        (body(b"logout_token=a.b.c&%ff=1"), Form(FormError::NotUtf8)),
    ] {
        let refused = BackchannelLogoutRequest::read(&request).unwrap_err();
        assert_eq!(refused, why);
        let response = application.answer(&request);
        assert_eq!(response.status(), 400, "{why}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["content-type"], "application/json");
        let said: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (&said["error"], said["error_description"].as_str()),
            (&"invalid_request".into(), Some(&*why.to_string()))
        );
    }
    assert_eq!(application.sessions.len(), 4, "nobody was logged out");
    let more = changed(&|request| request.body_mut().extend(b"&state=x&unknown=1"));
    assert_eq!(application.judge(&more, NOW), Ok(()), "other parameters are ignored (section 2.5)");
    let charset = kind("application/x-www-form-urlencoded; charset=UTF-8");
    assert!(BackchannelLogoutRequest::read(&charset).is_ok());
    let full = changed(&|request| {
        request.body_mut().extend(b"&a=");
        request.body_mut().resize(MAX_LOGOUT_REQUEST, b'a');
    });
    assert!(BackchannelLogoutRequest::read(&full).is_ok());
}

#[test]
fn a_bad_token_is_answered_with_400_and_the_text_repeats_nothing_of_it() {
    let mut provider = provider(Algorithm::RS256);
    let mut application = Application::new(&mut provider);
    for (name, value) in [
        ("iss", "https://evil.example\"\\<script>"),
        ("aud", "somebody-else-entirely"),
        ("nonce", "a nonce that must not show"),
        ("jti", ""),
    ] {
        let token = provider.logout_token_with("app", Some("alice"), Some(SID), NOW, move |_, claims| {
            claims.insert(name.to_owned(), value.into());
        });
        let request = TestProvider::logout_request(URI, &token);
        let BackchannelLogoutError::Token(why) = application.judge(&request, NOW).unwrap_err() else {
            panic!("{name}")
        };
        let response = application.answer(&request);
        assert_eq!(response.status(), 400);
        let said: Value = serde_json::from_slice(response.body()).unwrap();
        let description = said["error_description"].as_str().unwrap();
        assert!(description.contains(&why.to_string()), "{description}");
        assert!(value.is_empty() || !description.contains(value), "{description}");
        assert!(description.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte)));
    }
    assert_eq!(application.sessions.len(), 4);
}

#[test]
fn a_store_that_is_out_of_reach_is_answered_with_400_too() {
    let mut provider = provider(Algorithm::RS256);
    let mut application = Application::new(&mut provider);
    application.store = false;
    for sid in ["a1", "a2", "b1"] {
        let response = application.answer(&request(&mut provider, None, Some(sid)));
        assert_eq!(response.status(), 400);
        let said: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(said["error"], "temporarily_unavailable");
    }
}

#[test]
fn new_keys_are_fetched_once_and_the_logout_goes_on() {
    for generation in [2, 3, 4] {
        let mut provider = provider(Algorithm::RS256);
        let mut application = Application::new(&mut provider);
        while provider.generation() < generation {
            provider.rotate_keys();
        }
        let request = request(&mut provider, Some("bob"), None);
        let refused = application.judge(&request, NOW).unwrap_err();
        assert!(refused.wants_newer_keys(), "{refused}");
        application.keys = keys(&provider);
        assert_eq!(application.judge(&request, NOW), Ok(()));
        assert_eq!(application.sessions.len(), 3);
    }
    assert!(!BackchannelLogoutError::Missing.wants_newer_keys());
    assert!(!BackchannelLogoutError::Token(VerificationError::Audience).wants_newer_keys());
}

/// Where the secret signs ID tokens, it signs logout tokens; the public keys do not count, and never as a secret.
#[test]
fn a_client_whose_secret_signs_its_id_tokens_gets_logout_tokens_signed_with_it() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let mut provider = provider(algorithm);
        let client = client_with(&mut provider, |builder| builder.id_token_signed_response_alg(algorithm));
        let token = provider.logout_token("app", Some("alice"), None, NOW);
        let read = BackchannelLogoutRequest::read(&TestProvider::logout_request(URI, &token)).unwrap();
        assert!(read.verify(&client, &KeySet::default(), NOW).is_ok(), "{algorithm:?}");
        let plain = self::client(&mut provider);
        let refused = read.verify(&plain, &keys(&provider), NOW).unwrap_err();
        assert_eq!(refused, BackchannelLogoutError::Token(JwsError::AlgorithmNotAllowed.into()));
    }
}
