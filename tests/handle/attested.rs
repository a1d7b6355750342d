//! Clients that authenticate with an attestation, which a source gives anew for each attempt.

use super::{
    colour::{Async, *},
    login::log_in,
};
use oidc_drive::{ProviderBuilder, source::Source};
use oidc_proto::{Secret, flow::ClientCredentialsRequest, jose::Algorithm};
use oidc_testkit::{Attester, ClientAuthentication, EndpointName, KeyRing, Registration};
use serde_json::json;
use std::{
    collections::BTreeSet,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

const KEY: Algorithm = Algorithm::EdDSA;

/// The backend of the client, which gives another attestation whenever it is asked.
#[derive(Clone)]
struct Backend {
    world: World,
    given: Arc<AtomicI64>,
    /// How old the first attestation is.
    age: i64,
}

impl Backend {
    fn new(world: &World, age: i64) -> Self {
        world.change(|provider| {
            let attester = ClientAuthentication::Attested(Attester::new(Algorithm::EdDSA).jwk());
            provider.register(
                Registration::new("app", attester)
                    .grant_types(["authorization_code", "refresh_token", "client_credentials"])
                    .redirect_uri(CALLBACK),
            );
        });
        Self { world: world.clone(), given: Arc::default(), age }
    }

    fn attest(&self) -> Secret {
        let number = self.given.fetch_add(1, SeqCst);
        let now = self.world.clock.now().0;
        let made = if number == 0 { now - self.age } else { now };
        let claims = json!({"sub": "app", "iat": made, "exp": now + 600, "number": number,
            "cnf": {"jwk": KeyRing::client_key(KEY).1}});
        let attester = Attester::new(Algorithm::EdDSA);
        attester.sign(json!({"typ": "oauth-client-attestation+jwt"}), &claims).into()
    }

    fn given(&self) -> i64 {
        self.given.load(SeqCst)
    }

    fn set<W>(&self, builder: ProviderBuilder<W>) -> ProviderBuilder<W> {
        let backend = self.clone();
        let source = Source::from_fn("the backend", move || ready(Ok::<_, String>(backend.attest())));
        let builder = builder.attestation_source(source);
        builder.client(|client| client.attestation_key(KeyRing::client_key(KEY).0))
    }
}

/// Tells a story to each handle.
fn each(age: i64, story: impl Fn(&World, &dyn Handle, &Backend)) {
    let world = World::new();
    let backend = Backend::new(&world, age);
    let handle = backend.set(world.asynchronous()).build().expect("settings");
    story(&world, &Async(handle, world.clone()), &backend);
    world.change(|provider| provider.assert_clean());
    let world = World::new();
    let backend = Backend::new(&world, age);
    let handle = backend.set(world.blocking()).build().expect("settings");
    story(&world, &handle, &backend);
    world.change(|provider| provider.assert_clean());
}

fn read() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["api:read"])
}

#[test]
fn each_request_has_the_newest_attestation_of_the_source() {
    each(0, |world, handle, backend| {
        world.change(|provider| provider.require_pushed_requests(true));
        let login = log_in(world, handle);
        let refresh = login.tokens.refresh_token.expect("a refresh token");
        let refreshed = handle.refresh(&refresh, None).expect("new tokens");
        assert!(handle.introspect(&refreshed.tokens.access_token).expect("a response").active);
        handle.revoke(&refreshed.tokens.access_token).expect("it is revoked");
        handle.service(&read()).expect("a token");
        let sent = world.change(|provider| {
            let attestation =
                |seen: &oidc_testkit::Seen| seen.header("oauth-client-attestation").map(str::to_owned);
            provider.requests().iter().filter_map(attestation).collect::<Vec<_>>()
        });
        assert_eq!((sent.len(), backend.given()), (6, 6), "one attestation for each request");
        assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), 6);
    });
}

#[test]
fn an_attestation_that_is_too_old_is_read_anew_and_the_request_is_sent_once_more() {
    for age in [61, 100, 500] {
        each(age, |world, handle, backend| {
            world.change(|provider| provider.attestation_max_age(60));
            let login = log_in(world, handle);
            assert_eq!((world.count(EndpointName::Token), backend.given()), (2, 2));
            handle.refresh(&login.tokens.refresh_token.expect("one"), None).expect("new tokens");
            assert_eq!((world.count(EndpointName::Token), backend.given()), (3, 3));
            // A backend that gives nothing better is not asked for ever.
            world.change(|provider| provider.attestation_max_age(-1));
            let error = handle.service(&read()).map(drop).unwrap_err();
            assert_eq!(error.code(), "use_fresh_attestation", "{error}");
            assert_eq!((world.count(EndpointName::Token), backend.given()), (5, 5));
        });
    }
}

#[test]
fn the_challenge_of_each_response_is_kept_for_the_next_request() {
    for endpoint in [true, false] {
        let world = World::new();
        let backend = Backend::new(&world, 0);
        world.change(|provider| {
            provider.demand_attestation_challenges(60);
            provider.challenge_endpoint(endpoint);
        });
        let handle = Async(backend.set(world.asynchronous()).build().expect("settings"), world.clone());
        let login = log_in(&world, &handle);
        handle.refresh(&login.tokens.refresh_token.expect("one"), None).expect("new tokens");
        handle.service(&read()).expect("a token");
        let sent = [EndpointName::Challenge, EndpointName::Token].map(|endpoint| world.count(endpoint));
        assert_eq!(sent, if endpoint { [1, 3] } else { [0, 4] }, "only the first request needs one more");
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn an_attestation_that_does_not_fit_is_not_sent() {
    let other = KeyRing::client_key(Algorithm::ES256).1;
    let key = KeyRing::client_key(KEY).1;
    for (client_id, key, code) in [
        ("another", &key, "config_attestation"),
        ("app", &other, "config_attestation"),
        ("app", &json!({"kty": "oct"}), "config_attestation"),
    ] {
        let world = World::new();
        let backend = Backend::new(&world, 0);
        let jwt = Attester::new(Algorithm::EdDSA).attest(client_id, key, world.clock.now(), 60);
        let source =
            Source::from_fn("the backend", move || ready(Ok::<_, String>(Secret::new(jwt.as_str()))));
        let handle = backend.set(world.asynchronous()).attestation_source(source).build().expect("settings");
        let error = Async(handle, world.clone()).service(&read()).map(drop).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(world.count(EndpointName::Token), 0);
    }
}
