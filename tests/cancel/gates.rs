//! `Gate::check` for missing keys, for newer keys, and for the introspection of an opaque token. The
//! request is dropped at every point, with or without the background tasks.

use crate::{
    flows::ISSUER,
    stage::{Held, lock, points},
};
use http::{HeaderMap, Method, Uri};
use oidc_drive::{Gate, Io, Task, gate::MAX_INTROSPECTIONS};
use oidc_proto::{
    base::base64url,
    flow::Client,
    resource::{RequestView, ResourceServer, TrustedIssuer},
};
use oidc_testkit::{Algorithm, EndpointName, Registration, SimClock, TestProvider, Timestamp};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    future::pending,
    sync::{Arc, Mutex},
};

const START: Timestamp = Timestamp(1_800_000_000);
const RESOURCE: &str = "https://api.example";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    /// Metadata and keys are both missing.
    FirstKeys,
    /// The provider has rotated its keys, and newer ones are needed.
    NewerKeys,
    /// Metadata and introspection are needed.
    Opaque,
}

struct Scene {
    case: Case,
    clock: SimClock,
    provider: Arc<Mutex<TestProvider>>,
    tasks: Arc<Mutex<Vec<Task>>>,
    gate: Gate,
}

impl Scene {
    fn new(case: Case) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.access_token_alg(Algorithm::EdDSA);
        provider.access_token_lifetime(3_600);
        provider.opaque_access_tokens(case == Case::Opaque);
        for id in ["robot", "api"] {
            provider.register(Registration::basic(id, "secret").grant_types(["client_credentials"]));
        }
        let (provider, tasks) = (Arc::new(Mutex::new(provider)), Arc::new(Mutex::new(Vec::new())));
        let clock = SimClock::new(START, 1);
        let (asked, shown, time, queue) = (provider.clone(), clock.clone(), clock.clone(), tasks.clone());
        let send = move |request, _| {
            let (provider, clock) = (asked.clone(), shown.clone());
            async move {
                points(1).await;
                let response = lock(&provider).handle(&request, clock.now());
                points(2).await;
                Ok::<_, std::convert::Infallible>(response)
            }
        };
        // Only the clock would end a wait, and it stands still.
        let io = Io::new(send, move |task| lock(&queue).push(task), |_| pending::<()>());
        let mut issuer = TrustedIssuer::new(ISSUER);
        if case == Case::Opaque {
            issuer = issuer.introspects_opaque_tokens();
        }
        let server = ResourceServer::builder(RESOURCE).trust(issuer).build().expect("an API");
        let mut builder = Gate::builder(server, io).clock(move || time.moment());
        if case == Case::Opaque {
            builder =
                builder.introspection(|metadata| Client::builder(metadata, "api").secret("secret").build());
        }
        let scene = Self { case, clock, provider, tasks, gate: builder.build().expect("a gate") };
        if case == Case::NewerKeys {
            assert_eq!(scene.finish(&scene.token()), 200);
            lock(&scene.provider).rotate_keys_keeping_old();
            // Enough time for newer keys to be worth a request. The held keys are still fresh.
            scene.clock.advance(60);
        }
        lock(&scene.provider).assert_clean();
        scene
    }

    fn token(&self) -> String {
        let mut provider = lock(&self.provider);
        let request = http::Request::post(provider.url(EndpointName::Token))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .header("authorization", "Basic cm9ib3Q6c2VjcmV0")
            .body(b"grant_type=client_credentials&scope=reports".to_vec())
            .expect("a request");
        let response = provider.handle(&request, self.clock.now());
        let members: Value = serde_json::from_slice(response.body()).expect("tokens");
        members["access_token"].as_str().expect("a token").to_owned()
    }

    /// A request with this token. Its result is the status.
    fn request(&self, token: &str) -> Held<'static, u16> {
        let (gate, mut headers) = (self.gate.clone(), HeaderMap::new());
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        Held::new(async move {
            let (method, uri) = (Method::GET, Uri::from_static("/reports"));
            let checked = gate.check(&RequestView::new(&method, &uri, &headers)).await;
            checked.map_or_else(|denied| denied.status().as_u16(), |_| 200)
        })
    }

    /// Lets the background go on by one point. A newly spawned task goes to the front of the queue.
    fn background(&self) {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks {
            let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
            let mut task = task;
            if task.as_mut().poll(&mut waker).is_pending() {
                lock(&self.tasks).push(task);
            }
        }
    }

    /// The final status of a request.
    fn finish(&self, token: &str) -> u16 {
        let mut request = self.request(token);
        for _ in 0..100 {
            if let Some(status) = request.poll() {
                return status;
            }
            self.background();
        }
        panic!("stuck: {:?}", self.case)
    }

    /// Drops a request when the background has gone on by this many points. Returns whether it got so far.
    fn dropped_at(&self, token: &str, point: usize) -> bool {
        let mut request = self.request(token);
        for _ in 0..point {
            if request.poll().is_some() {
                return false;
            }
            self.background();
        }
        true
    }

    /// The numbers of requests for metadata, keys and introspection.
    fn asked(&self) -> [usize; 3] {
        let provider = lock(&self.provider);
        [EndpointName::Discovery, EndpointName::Jwks, EndpointName::Introspection]
            .map(|endpoint| provider.count(endpoint))
    }
}

/// A token with an unknown key.
fn forged(token: &str) -> String {
    let header = br#"{"typ":"at+jwt","alg":"EdDSA","kid":"nobody"}"#;
    let (_, rest) = token.split_once('.').expect("a JWT");
    format!("{}.{rest}", base64url::encode(header))
}

#[test]
fn a_request_dropped_at_any_point_leaves_nothing_behind_in_the_gate() {
    for case in [Case::FirstKeys, Case::NewerKeys, Case::Opaque] {
        for killed in [false, true] {
            let (mut seen, mut point) = (BTreeSet::new(), 0);
            loop {
                let scene = Scene::new(case);
                let (token, before) = (scene.token(), scene.asked());
                if !scene.dropped_at(&token, point) {
                    break;
                }
                seen.insert(scene.asked());
                if killed {
                    lock(&scene.tasks).clear();
                }
                assert_eq!(scene.gate.waiting(ISSUER), Some(0), "{case:?} at point {point}");
                assert_eq!(scene.finish(&token), 200, "{case:?} at point {point}");
                // A background task's result is used. A dropped request for it begins again, once.
                let times = if killed { 2 } else { 1 };
                let asked = scene.asked();
                for (asked, before) in asked.iter().zip(before) {
                    assert!(asked - before <= times, "{case:?} at point {point}: {asked} times");
                }
                let counters = scene.gate.key_counters(ISSUER).expect("it is known");
                assert_eq!(counters.failures + counters.refused, 0, "{case:?} at point {point}");
                assert!(counters.leases == counters.renewals + counters.abandoned, "{counters:?}");
                lock(&scene.provider).assert_clean();
                // Nothing is left to fetch: the next request has everything.
                assert_eq!(scene.request(&token).poll(), Some(200), "at once");
                assert_eq!(scene.asked(), asked);
                // A dropped renewal does not count as one that is still under way: an unknown key is blamed
                // on its token.
                if case != Case::Opaque {
                    assert_eq!(scene.finish(&forged(&token)), 401, "{case:?} at point {point}");
                }
                point += 1;
            }
            let exchanges = if case == Case::NewerKeys { 1 } else { 2 };
            assert!(point > 3 * exchanges && seen.len() == exchanges + 1, "{case:?}: {point}, {seen:?}");
        }
    }
}

/// The permission to ask about an unknown token returns when the request is dropped.
#[test]
fn dropped_introspections_leave_room_for_others() {
    for (point, killed) in (0..6).flat_map(|point| [(point, false), (point, true)]) {
        let scene = Scene::new(Case::Opaque);
        let (first, second) = (scene.token(), scene.token());
        assert_eq!(scene.finish(&first), 200, "the metadata is known now");
        // As many as may be asked about at once, all at the same time unless they are killed.
        for stranger in 0..MAX_INTROSPECTIONS {
            let mut request = scene.request(&format!("made-up-{stranger}"));
            assert!(point == 0 || request.poll().is_none(), "there is room for {stranger}");
            if killed {
                (1..point).for_each(|_| scene.background());
                drop(request);
                lock(&scene.tasks).clear();
            }
        }
        let no_room = !killed && point > 0;
        assert_eq!(scene.request(&second).poll(), no_room.then_some(503), "{point}, {killed}");
        (0..6).for_each(|_| scene.background());
        assert_eq!(scene.finish(&second), 200, "{point}, {killed}");
    }
}
