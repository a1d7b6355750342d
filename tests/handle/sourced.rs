//! Credentials that change: assertions of a platform and secrets of an operator, read anew for each attempt.

use super::{
    colour::{Async, *},
    login::log_in,
};
use oidc_drive::{
    ProviderError, blocking,
    source::{MAX_CREDENTIAL, Source},
};
use oidc_proto::{
    EndpointUrl, Remedy, Secret, UrlPolicy,
    flow::{AssertionGrantRequest, ClientCredentialsRequest, TokenExchangeRequest, TokenTypeIdentifier},
    jose::{Algorithm, sign_compact},
    renew::Published,
};
use oidc_testkit::{
    ClientAuthentication, EndpointName, FederatedCredential, JWT_BEARER_GRANT, KeyRing, Registration,
    TOKEN_EXCHANGE_GRANT, hostile,
};
use serde_json::json;
use std::{
    fs,
    future::ready,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

const CLUSTER: &str = "https://cluster.example";
const ORDERS: &str = "system:serviceaccount:shop:orders";

/// A platform that gives a new token to its workload whenever it is asked.
#[derive(Clone)]
pub(super) struct Platform {
    world: World,
    given: Arc<AtomicUsize>,
}

impl Platform {
    fn new(world: &World) -> Self {
        Self { world: world.clone(), given: Arc::default() }
    }

    /// A platform that the provider trusts: it takes each of its tokens once.
    pub(super) fn trusted(world: &World) -> Self {
        let cluster = FederatedCredential::new(CLUSTER, ORDERS).audience(ISSUER).once();
        world.change(|provider| {
            provider.register(
                Registration::new("app", ClientAuthentication::Federated(cluster))
                    .grant_types(["authorization_code", "refresh_token", "client_credentials"])
                    .redirect_uri(CALLBACK),
            );
        });
        Self::new(world)
    }

    fn token(&self) -> Secret {
        let number = self.given.fetch_add(1, SeqCst);
        let now = self.world.clock.now().0;
        let claims = json!({"iss": CLUSTER, "sub": ORDERS, "aud": ISSUER, "iat": now, "exp": now + 600,
                            "jti": format!("the token with number {number}")});
        let (key, _) = KeyRing::new().signer(Algorithm::ES256, 1, None);
        sign_compact(&*key, Default::default(), claims.to_string().as_bytes())
            .expect("a key that signs")
            .into()
    }

    pub(super) fn source(&self) -> Source {
        let platform = self.clone();
        Source::from_fn("the platform", move || ready(Ok::<_, String>(platform.token())))
    }

    pub(super) fn given(&self) -> usize {
        self.given.load(SeqCst)
    }
}

/// Tells a story to each handle, with one more setting.
macro_rules! each_with {
    ($world:expr, |$builder:ident| $shape:expr, $story:expr) => {{
        let story = $story;
        let world = $world;
        let $builder = world.asynchronous();
        let handle: Box<dyn Handle> = Box::new(Async($shape.build().expect("settings"), world.clone()));
        story(world, &*handle);
        let world = $world;
        let $builder = world.blocking();
        let handle: Box<dyn Handle> = Box::new($shape.build().expect("settings"));
        story(world, &*handle);
    }};
}

fn read() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["api:read"])
}

/// A file that is gone at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oidc-source-{}-{name}", std::process::id()));
        fs::write(&path, content).expect("a file");
        Self(path)
    }
    fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(&self.0, content).expect("a file");
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

#[test]
fn every_request_authenticates_with_a_new_token_of_the_platform() {
    let worlds = Mutex::new(Vec::new());
    let trusting = || {
        let world = World::new();
        worlds.lock().unwrap().push(Platform::trusted(&world));
        world
    };
    let newest = || worlds.lock().unwrap().last().cloned().expect("a platform");
    each_with!(
        trusting(),
        |builder| builder.assertion_source(newest().source()),
        |world: World, handle: &dyn Handle| {
            let platform = newest();
            world.change(|provider| {
                provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
                provider.require_pushed_requests(true);
            });
            let login = log_in(&world, handle);
            let refresh = login.tokens.refresh_token.expect("a refresh token");
            let refreshed = handle.refresh(&refresh, None).expect("new tokens");
            let access = refreshed.tokens.access_token.clone();
            assert!(handle.introspect(&access).expect("a response").active);
            let wanted = TokenExchangeRequest::new(access.clone(), TokenTypeIdentifier::ACCESS_TOKEN);
            assert!(handle.exchange(&wanted).is_ok());
            handle.revoke(&access).expect("it is revoked");
            let service = handle.service(&read()).expect("a token");
            assert_eq!(handle.service(&read()).expect("a token").epoch, service.epoch);
            let newer = handle.newer(&read(), service.epoch).expect("a newer token");
            assert_ne!(newer.value.access_token, service.value.access_token);
            // The provider refuses a token that comes twice.
            assert_eq!(platform.given(), 8, "one token for each request");
            world.change(|provider| provider.assert_clean());
        }
    );
}

#[test]
fn a_repetition_is_a_new_attempt_with_a_new_token() {
    let world = World::new();
    let platform = Platform::trusted(&world);
    let handle = Async(
        world.asynchronous().assertion_source(platform.source()).build().expect("settings"),
        world.clone(),
    );
    let token = handle.service(&read()).expect("a token").value.access_token.clone();
    let before = platform.given();
    world.impatient.store(true, SeqCst);
    // Busy twice, with and without a date.
    let mut answers = 0;
    world.change(|provider| {
        provider.alter_response(EndpointName::Introspection, move |response| {
            answers += 1;
            if answers <= 2 {
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                if answers == 2 {
                    response.headers_mut().insert("retry-after", http::HeaderValue::from_static("7"));
                }
            }
        });
    });
    assert!(handle.introspect(&token).expect("a response").active);
    assert_eq!(platform.given(), before + 3);
    assert_eq!(lock(&world.slept).iter().map(std::time::Duration::as_secs).collect::<Vec<_>>(), [1, 7]);
    // A provider that is never ready ends it, after three repetitions.
    world.change(|provider| {
        provider.alter_response(EndpointName::Revocation, hostile::respond(503, "text/plain", "busy"));
    });
    let before = platform.given();
    assert_eq!(handle.revoke(&token).unwrap_err().code(), "unavailable");
    assert_eq!(platform.given(), before + 4);
    // A lost response does not spend the token of the platform, which was sent, again.
    world.down(true);
    let before = platform.given();
    assert!(matches!(handle.introspect(&token), Err(ProviderError::NoResponse(_))));
    assert_eq!(platform.given(), before + 4);
}

#[test]
fn what_must_be_sent_once_is_not_repeated() {
    let world = World::new();
    let platform = Platform::trusted(&world);
    let handle = Async(
        world.asynchronous().assertion_source(platform.source()).build().expect("settings"),
        world.clone(),
    );
    let refresh = log_in(&world, &handle).tokens.refresh_token.expect("a refresh token");
    let (url, pending) = handle.authorize().expect("a URL");
    let back = world.visit(&url);
    let before = (platform.given(), world.sent());
    world.impatient.store(true, SeqCst);
    world.down(true);
    assert!(handle.refresh(&refresh, None).is_err());
    assert!(handle.callback(pending, back).is_err());
    assert_eq!((platform.given(), world.sent()), (before.0 + 2, before.1 + 2), "one attempt for each");
}

#[test]
fn another_nonce_is_another_attempt() {
    let world = World::new();
    let platform = Platform::trusted(&world);
    let mut asked = 0;
    let demand = move |response: &mut http::Response<Vec<u8>>| {
        asked += 1;
        if asked % 2 == 1 {
            hostile::respond(400, "application/json", r#"{"error": "use_dpop_nonce"}"#)(response);
        }
        response.headers_mut().insert("dpop-nonce", http::HeaderValue::from_static("newest"));
    };
    world.change(|provider| provider.alter_response(EndpointName::Token, demand));
    let (key, _) = KeyRing::client_key(Algorithm::ES256);
    let provider = world
        .asynchronous()
        .assertion_source(platform.source())
        .client(move |client| client.dpop_key(Arc::clone(&key)))
        .build()
        .expect("settings");
    let handle = Async(provider, world.clone());
    // The token that is issued is a bearer token: only the number of attempts counts here.
    let error = handle.service(&read()).map(drop).unwrap_err();
    assert_eq!(platform.given(), 2, "a token for each attempt: {error}");
    assert_eq!(world.count(EndpointName::Token), 2);
}

#[test]
fn a_secret_is_replaced_without_a_restart() {
    let file = File::new("secret", "its secret\n");
    each_with!(
        World::new(),
        |builder| builder.secret_source(Source::file(&file.0)),
        |world: World, handle: &dyn Handle| {
            file.write("its secret\n");
            let first = handle.service(&read()).expect("a token");
            for secret in ["another secret", "a third, with a space", "a fourth: é"] {
                world.change(|provider| {
                    let app = Registration::basic("app", secret).grant_types([
                        "authorization_code",
                        "refresh_token",
                        "client_credentials",
                    ]);
                    provider.register(app.redirect_uri(CALLBACK));
                });
                // The operator is late.
                assert_eq!(
                    handle.introspect(&first.value.access_token).unwrap_err().code(),
                    "invalid_client"
                );
                file.write(format!("{secret}\r\n"));
                if secret.is_ascii() {
                    assert!(handle.introspect(&first.value.access_token).is_ok(), "{secret}");
                    log_in(&world, handle);
                } else {
                    // A client secret is printable ASCII (RFC 6749 appendix A.2).
                    assert_eq!(handle.authorize().unwrap_err().code(), "config_characters");
                }
            }
        }
    );
}

#[test]
fn a_source_without_a_credential_is_named_and_nothing_is_sent() {
    let file = File::new("odd", "");
    let missing = std::env::temp_dir().join("oidc-source-that-is-not-there");
    let too_long = "x".repeat(MAX_CREDENTIAL + 1);
    let cases: [(Source, &[u8], &str, &str); 8] = [
        (Source::file(&missing), b"", "source_file", "oidc-source-that-is-not-there"),
        (Source::file(std::env::temp_dir()), b"", "source_file", "the file"),
        (Source::file(&file.0), b"", "source_empty", "it is empty"),
        (Source::file(&file.0), b"\n\r\n", "source_empty", "it is empty"),
        (Source::file(&file.0), b"one\ntwo", "source_characters", "control characters"),
        (Source::file(&file.0), b"\xff\xfe", "source_characters", "UTF-8"),
        (Source::file(&file.0), too_long.as_bytes(), "source_too_long", "65536"),
        (Source::environment("OIDC_NOBODY_SETS_THIS"), b"", "source_environment", "OIDC_NOBODY_SETS_THIS"),
    ];
    for (source, content, code, text) in cases {
        file.write(content);
        each_with!(
            World::new(),
            |builder| builder.assertion_source(source.clone()),
            |world: World, handle: &dyn Handle| {
                let errors = [
                    handle.service(&read()).map(drop).unwrap_err(),
                    handle.refresh(&"a refresh token".into(), None).map(drop).unwrap_err(),
                    handle.introspect(&"a token".into()).map(drop).unwrap_err(),
                ];
                for error in errors {
                    let said = error.to_string();
                    assert_eq!(error.code(), code, "{said}");
                    assert!(said.starts_with("no credential from the ") && said.contains(text), "{said}");
                    assert_eq!(error.remedy(), Remedy::FixConfiguration);
                    assert!(!said.contains("two"), "what was read is not told");
                }
                assert_eq!(world.count(EndpointName::Token) + world.count(EndpointName::Introspection), 0);
            }
        );
    }
}

#[test]
fn a_source_of_the_program_and_one_that_is_asked_fail_with_their_reason() {
    let failing = || Source::from_fn("the workload API", || ready(Err::<Secret, _>("no identity issued")));
    each_with!(World::new(), |builder| builder.assertion_source(failing()), |_, handle: &dyn Handle| {
        let error = handle.introspect(&"a token".into()).unwrap_err();
        assert_eq!(error.to_string(), "no credential from the workload API: no identity issued");
        assert_eq!(error.remedy(), Remedy::TryLater { after: None });
    });
    let place = EndpointUrl::parse(&format!("{ISSUER}/nothing-is-here?id=secret"), &UrlPolicy::default());
    let place = place.expect("a URL");
    each_with!(
        World::new(),
        |builder| builder.assertion_source(Source::http(place.clone())),
        |_, handle: &dyn Handle| {
            let error = handle.introspect(&"a token".into()).unwrap_err();
            assert_eq!(error.to_string(), "no credential from op.example: the response has status 404");
        }
    );
    let place =
        EndpointUrl::parse(&format!("{ISSUER}/.well-known/openid-configuration"), &UrlPolicy::default());
    let place = place.expect("a URL");
    for (member, code) in
        [("value", "source_member"), ("scopes_supported", "source_member"), ("issuer", "invalid_client")]
    {
        each_with!(
            World::new(),
            |builder| builder.assertion_source(Source::http(place.clone()).member(member)),
            |_, handle: &dyn Handle| {
                assert_eq!(handle.introspect(&"a token".into()).unwrap_err().code(), code, "{member}");
            }
        );
    }
}

#[test]
fn the_token_of_a_workload_becomes_access_tokens_that_are_kept_and_renewed() {
    for exchanges in [true, false] {
        let world = World::new();
        let platform = Platform::new(&world);
        world.change(|provider| {
            provider.trust_assertions(CLUSTER, KeyRing::new().document());
            provider.allow_grant("app", TOKEN_EXCHANGE_GRANT);
            provider.allow_grant("app", JWT_BEARER_GRANT);
        });
        let provider = world.asynchronous().build().expect("settings");
        let threads = world.blocking().build().expect("settings");
        let exchange = |token| {
            TokenExchangeRequest::new(token, TokenTypeIdentifier::JWT).audience("https://orders.example")
        };
        let (tokens, blocking): (_, blocking::WorkloadTokens) = match exchanges {
            true => (
                provider.workload(platform.source(), exchange),
                threads.workload(platform.source(), exchange),
            ),
            false => (
                provider.workload(platform.source(), AssertionGrantRequest::jwt),
                threads.workload(platform.source(), AssertionGrantRequest::jwt),
            ),
        };
        let get = |which: bool| -> Published<_> {
            if which {
                world.finish(tokens.token()).expect("a token")
            } else {
                blocking.token().expect("a token")
            }
        };
        for which in [true, false] {
            let before = platform.given();
            let first = get(which);
            assert_eq!(get(which).epoch, first.epoch);
            assert_eq!(platform.given(), before + 1);
            let newer = match which {
                true => world.finish(tokens.newer_than(first.epoch)).expect("a newer one"),
                false => blocking.newer_than(first.epoch).expect("a newer one"),
            };
            assert_ne!(newer.value.access_token, first.value.access_token);
            assert_eq!(platform.given(), before + 2, "the subject token of each attempt is new");
        }
        let held = get(true);
        world.clock.advance(299);
        get(true);
        world.settle();
        assert_ne!(get(true).epoch, held.epoch, "it was renewed before its end");
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn a_workload_outlives_an_outage_of_its_platform_for_as_long_as_its_token() {
    let world = World::new();
    let platform = Platform::new(&world);
    world.change(|provider| {
        provider.trust_assertions(CLUSTER, KeyRing::new().document());
        provider.allow_grant("app", JWT_BEARER_GRANT);
    });
    let up = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (given, works) = (platform.clone(), Arc::clone(&up));
    let source = Source::from_fn("the platform", move || {
        ready(if works.load(SeqCst) { Ok(given.token()) } else { Err("the platform is down") })
    });
    let provider = world.asynchronous().build().expect("settings");
    let tokens = provider.workload(source, AssertionGrantRequest::jwt);
    let first = world.finish(tokens.token()).expect("a token");
    up.store(false, SeqCst);
    world.clock.advance(290);
    assert_eq!(world.finish(tokens.token()).expect("the old token").epoch, first.epoch);
    world.clock.advance(20);
    let error = world.finish(tokens.token()).unwrap_err();
    assert_eq!(error.code(), "source_program", "{error}");
    assert!(error.to_string().ends_with("the platform: the platform is down"), "{error}");
    assert!(!format!("{tokens:?}").contains("token with number"));
    up.store(true, SeqCst);
    world.clock.advance(60);
    assert!(world.finish(tokens.token()).is_ok());
}
