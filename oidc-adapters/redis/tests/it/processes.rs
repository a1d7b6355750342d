//! Three processes that refresh the token of one user through one Redis, or through one directory of files, at a provider
//! that rotates refresh tokens and detects reuse. One of them is killed at each of its steps.

use crate::{
    files::Files,
    node::{Node, STEPS, Settings},
    server::Server,
};
use oidc_proto::{
    Secret, Timestamp, UrlPolicy,
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, Socket, TestProvider};
use std::time::SystemTime;

const CALLBACK: &str = "https://app.example/callback";

fn provider() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.rotate_refresh_tokens(true);
        let grants = ["authorization_code", "refresh_token"];
        provider
            .register(Registration::basic("app", "its secret").grant_types(grants).redirect_uri(CALLBACK));
        provider
    })
}

/// The refresh token of a user who has just logged in.
fn log_in(socket: &Socket) -> Secret {
    let provider = oidc_ureq::Http::new()
        .provider(socket.issuer())
        .client_id("app")
        .secret("its secret")
        .redirect_uri(CALLBACK)
        .url_policy(UrlPolicy::default().with_loopback())
        .build()
        .expect("settings that fit");
    let request = AuthorizationRequest::new(["profile", "offline_access"]);
    let (url, pending) = provider.authorize(&request).expect("metadata");
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    let now = Timestamp(since.as_secs().try_into().expect("a time"));
    let landing = socket.provider(|provider| Browser::new().visit(provider, &url, now));
    let response = AuthorizationResponse::from_url(landing.url()).expect("a callback");
    provider.callback(pending, response).expect("a login").tokens.refresh_token.expect("a refresh token")
}

/// Tells a story over each store that processes share: files, and a Redis if there is one.
fn each(story: impl Fn(&str)) {
    let files = Files::new();
    story(&files.url());
    let Some(server) = Server::start() else { return };
    story(&server.url());
}

fn sent(socket: &Socket) -> usize {
    socket.provider(|provider| provider.count(EndpointName::Token))
}

/// What the other two processes get if the first is killed at a step: the second while the lease lives, the third after
/// it.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// The second refreshes, and the third gets its tokens.
    BothGoOn,
    /// The second is told to wait, and the third refreshes.
    ThirdGoesOn,
    /// The second is told to wait, and the provider refuses the third: the tokens were lost with the first process.
    ThirdIsRefused,
    /// Both get the tokens of the process that was killed.
    BothAdopt,
}

#[test]
fn a_process_that_is_killed_at_any_step_leaves_a_store_from_which_the_others_go_on() {
    each(killed_at_any_step);
}

fn killed_at_any_step(store: &str) {
    let socket = provider();
    for (at, name) in STEPS.iter().enumerate() {
        let then = match at {
            0..=2 => Then::BothGoOn,
            3..=4 => Then::ThirdGoesOn,
            5..=6 => Then::ThirdIsRefused,
            _ => Then::BothAdopt,
        };
        let token = log_in(&socket);
        let before = sent(&socket);
        let settings = Settings { store, issuer: socket.issuer(), token: &token, later: 0, patience: 0 };
        let mut first = Node::start(settings);
        for earlier in &STEPS[..at] {
            assert_eq!(first.says(), *earlier);
            first.go_on();
        }
        assert_eq!(first.says(), *name);
        first.kill();
        assert_eq!(sent(&socket) - before, usize::from(at > 4), "{name}");
        let second = Node::start(settings).end();
        let after_second = sent(&socket) - before;
        // The lease of the first process, which is a minute, has ended for this one.
        let third = Node::start(Settings { later: 60, ..settings }).end();
        let after_third = sent(&socket) - before;
        let context = format!("{name}: {then:?}, {second}, {third}");
        match then {
            Then::BothGoOn => {
                assert_eq!((&second, after_second, after_third), (&third, 1, 1), "{context}");
                assert_ne!(second, token.expose(), "{context}");
            }
            Then::ThirdGoesOn => {
                assert_eq!((&*second, after_second, after_third), ("refresh_busy", 0, 1), "{context}");
                assert!(!third.contains('_') || third.len() > 30, "{context}");
            }
            Then::ThirdIsRefused => {
                assert_eq!((&*second, after_second), ("refresh_busy", 1), "{context}");
                assert_eq!((&*third, after_third), ("refresh_refused_after_loss", 2), "{context}");
            }
            Then::BothAdopt => {
                assert_eq!((&second, after_second, after_third), (&third, 1, 1), "{context}");
            }
        }
        socket.provider(|provider| match then {
            // The provider saw a token twice, long after the lease of the first sender.
            Then::ThirdIsRefused => provider.clear_audit(),
            Then::BothGoOn | Then::ThirdGoesOn | Then::BothAdopt => provider.assert_clean(),
        });
    }
}

/// The process stands still at a step for longer than its lease, while another one goes on. Then it wakes.
#[test]
fn a_process_that_wakes_after_its_lease_loses_no_tokens() {
    each(wakes_after_its_lease);
}

fn wakes_after_its_lease(store: &str) {
    let socket = provider();
    for at in [1, 2, 7] {
        let token = log_in(&socket);
        let before = sent(&socket);
        let settings = Settings { store, issuer: socket.issuer(), token: &token, later: 0, patience: 0 };
        let mut first = Node::start(settings);
        for _ in 0..at {
            first.says();
            first.go_on();
        }
        assert_eq!(first.says(), STEPS[at]);
        let second = Node::start(Settings { later: 60, ..settings }).end();
        first.go_on();
        let woken = first.end();
        assert_eq!(woken, second, "{}", STEPS[at]);
        assert_eq!(sent(&socket) - before, 1);
        socket.provider(|provider| provider.assert_clean());
    }
}

/// The second process finds the lease ended while the tokens are on their way to the store. It sends the token again, and
/// is refused. The tokens of the first are stored all the same, and the second finds them.
#[test]
fn tokens_that_come_late_are_found_by_the_process_that_took_over() {
    each(tokens_come_late);
}

fn tokens_come_late(store: &str) {
    let socket = provider();
    let token = log_in(&socket);
    let settings = Settings { store, issuer: socket.issuer(), token: &token, later: 0, patience: 0 };
    let mut first = Node::start(settings);
    for step in &STEPS[..6] {
        assert_eq!(first.says(), *step);
        first.go_on();
    }
    assert_eq!(first.says(), "stores them");
    let mut second = Node::start(Settings { later: 60, ..settings });
    for step in &STEPS[..4] {
        assert_eq!(second.says(), *step);
        second.go_on();
    }
    assert_eq!(second.says(), "sends");
    // The first one wakes, and leaves its tokens in the lease of the second.
    first.go_on();
    let first = first.end();
    second.go_on();
    let (second, third) = (second.end(), Node::start(settings).end());
    assert_eq!((&second, &third), (&first, &first));
    socket.provider(|provider| provider.clear_audit());
}

#[test]
fn three_processes_at_once_send_the_token_once_and_get_the_same_tokens() {
    each(three_at_once);
}

fn three_at_once(store: &str) {
    let socket = provider();
    for _ in 0..3 {
        let token = log_in(&socket);
        let before = sent(&socket);
        let settings = Settings { store, issuer: socket.issuer(), token: &token, later: 0, patience: 60 };
        let nodes = [0, 1, 2].map(|_| Node::start(settings));
        let ends = nodes.map(|node| std::thread::spawn(|| node.end())).map(|end| end.join().unwrap());
        assert!(ends[0] == ends[1] && ends[1] == ends[2], "{ends:?}");
        assert_eq!(sent(&socket) - before, 1);
        socket.provider(|provider| provider.assert_clean());
    }
}
