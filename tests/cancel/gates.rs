//! `Gate::check`: for keys that are not there yet, for newer ones, for what an issuer says of an opaque
//! token. The request is dropped at every point, and the background with it or not.

use crate::{
    flows::ISSUER,
    stage::{Held, lock, points},
};
use http::{HeaderMap, Method, Uri};
use oidc_drive::{Gate, Io, Task, gate::MAX_INTROSPECTIONS};
use oidc_proto::{
    flow::Client,
    resource::{RequestView, ResourceServer, TrustedIssuer},
};
use oidc_testkit::{Algorithm, EndpointName, Provider, Registration, SimClock, Timestamp};
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
    /// Nothing is at hand: metadata and keys.
    FirstKeys,
    /// The provider has rotated: newer keys.
    NewerKeys,
    /// Metadata, and introspection.
    Opaque,
}

struct Scene {
    case: Case,
    clock: SimClock,
    provider: Arc<Mutex<Provider>>,
    tasks: Arc<Mutex<Vec<Task>>>,
    gate: Gate,
}

impl Scene {
    fn new(case: Case) -> Self {
        let mut provider = Provider::new(ISSUER);
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
        // Only the clock, which stands still, would end a wait.
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
            assert!(scene.finish(&scene.token()));
            lock(&scene.provider).rotate_keys_keeping_old();
            // Long enough for newer keys to be worth asking for; what is held is still fresh.
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

    fn request(&self, token: &str) -> Held<'static, bool> {
        let (gate, mut headers) = (self.gate.clone(), HeaderMap::new());
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        Held::new(async move {
            let (method, uri) = (Method::GET, Uri::from_static("/reports"));
            gate.check(&RequestView::new(&method, &uri, &headers)).await.is_ok()
        })
    }

    /// Lets the background go on by one point. Whoever spawns does so in front of the queue.
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

    /// Whether a request is accepted in the end.
    fn finish(&self, token: &str) -> bool {
        let mut request = self.request(token);
        for _ in 0..100 {
            if let Some(accepted) = request.poll() {
                return accepted;
            }
            self.background();
        }
        panic!("stuck: {:?}", self.case)
    }

    /// A request that is dropped when the background has gone on by so many points; whether it got so far.
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

    /// Metadata, keys and introspections that the provider was asked for.
    fn asked(&self) -> [usize; 3] {
        let provider = lock(&self.provider);
        [EndpointName::Discovery, EndpointName::Jwks, EndpointName::Introspection]
            .map(|endpoint| provider.count(endpoint))
    }
}

#[test]
fn a_request_dropped_at_any_point_leaves_the_gate_as_good_as_new() {
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
                assert!(scene.finish(&token), "{case:?} at point {point}");
                // What was begun in the background is used. What was dropped is begun again, once.
                let times = if killed { 2 } else { 1 };
                let asked = scene.asked();
                for (asked, before) in asked.iter().zip(before) {
                    assert!(asked - before <= times, "{case:?} at point {point}: {asked} times");
                }
                let counters = scene.gate.key_counters(ISSUER).expect("it is known");
                assert_eq!(counters.failures + counters.refused, 0, "{case:?} at point {point}");
                assert!(counters.leases == counters.renewals + counters.abandoned, "{counters:?}");
                lock(&scene.provider).assert_clean();
                // Nothing is left to do: the next one has everything at hand.
                assert!(scene.request(&token).poll().expect("at once"));
                assert_eq!(scene.asked(), asked);
                point += 1;
            }
            let exchanges = if case == Case::NewerKeys { 1 } else { 2 };
            assert!(point > 3 * exchanges && seen.len() == exchanges + 1, "{case:?}: {point}, {seen:?}");
        }
    }
}

/// The right to ask about a token that nobody knows comes back from whoever is dropped.
#[test]
fn dropped_introspections_leave_room_for_others() {
    for (point, killed) in (0..6).flat_map(|point| [(point, false), (point, true)]) {
        let scene = Scene::new(Case::Opaque);
        let (first, second) = (scene.token(), scene.token());
        assert!(scene.finish(&first), "there is metadata now");
        // As many as may be asked about at once; all under way at the same time, unless they are killed.
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
        assert_eq!(scene.request(&second).poll(), no_room.then_some(false), "{point}, {killed}");
        (0..6).for_each(|_| scene.background());
        assert!(scene.finish(&second), "{point}, {killed}");
    }
}
