//! The rules of tower: only a service that was polled ready is called. Also, requests that are dropped at
//! any point and renewals that are killed leave nothing stuck.

use super::*;

/// A service that must be polled ready before each call. A clone of it is not ready.
#[derive(Default)]
struct Strict {
    ready: bool,
    /// The number of times that it is not ready yet.
    busy: usize,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false, busy: 1, calls: self.calls.clone() }
    }
}

impl Service<Incoming> for Strict {
    type Response = Outgoing;
    type Error = Infallible;
    type Future = Ready<Result<Outgoing, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.busy > 0 {
            self.busy -= 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Incoming) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been polled ready");
        self.calls.fetch_add(1, SeqCst);
        ready(Ok(http::Response::default()))
    }
}

#[tokio::test]
async fn only_the_service_that_was_polled_ready_is_called() {
    let world = World::new();
    let inner = Strict { busy: 3, ..Strict::default() };
    let calls = inner.calls.clone();
    let stack = RequireLayer::new(Requirement::new().scope("reports:read")).layer(inner);
    let mut api = ProtectLayer::new(world.gate()).layer(stack);
    assert!(api.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending(), "its busyness shows");
    let good = world.token();
    // The first call has to wait for keys, the second does not, and a third waits for newer keys. Refusals
    // between them use up no readiness.
    for round in 0..3 {
        let Ok(()) = poll_fn(|context| api.poll_ready(context)).await;
        if round == 1 {
            let Ok(refused) = api.call(get(&[])).await;
            assert_eq!(refused.status(), 401);
        }
        if round == 2 {
            world.provider(TestProvider::rotate_keys_keeping_old);
        }
        let Ok(()) = poll_fn(|context| api.poll_ready(context)).await;
        let token = if round == 2 { world.token() } else { good.clone() };
        let Ok(response) = api.call(bearer(&token)).await;
        assert_eq!((response.status().as_u16(), calls.load(SeqCst)), (200, round + 1));
    }
}

#[tokio::test]
async fn calls_that_wait_side_by_side_each_use_a_ready_service() {
    let world = World::new();
    let inner = Strict::default();
    let calls = inner.calls.clone();
    let mut api = ProtectLayer::new(world.gate()).layer(inner);
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let Ok(()) = poll_fn(|context| api.poll_ready(context)).await;
        waiting.push(api.call(bearer(&world.token())));
    }
    for one in waiting {
        let Ok(response) = one.await;
        assert_eq!(response.status(), 200);
    }
    assert_eq!(calls.load(SeqCst), 10);
}

/// Background tasks that the test polls.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<Task>>>);

impl Tasks {
    fn poll(&self) {
        let tasks = std::mem::take(&mut *lock(&self.0));
        let mut context = Context::from_waker(Waker::noop());
        let left = tasks
            .into_iter()
            .filter_map(|mut task| task.as_mut().poll(&mut context).is_pending().then_some(task));
        let left: Vec<_> = left.collect();
        lock(&self.0).extend(left);
    }

    fn kill(&self) {
        lock(&self.0).clear();
    }
}

fn scene(world: &World) -> (Tasks, Gate, oidc_tower::Protect<Api>) {
    let tasks = Tasks::default();
    let queue = tasks.clone();
    let client = |metadata| Client::builder(metadata, "api").secret("s").build();
    let builder = world.builder_on(World::introspecting(), move |task| lock(&queue.0).push(task));
    let gate = builder.introspection(client).build().unwrap();
    (tasks, gate.clone(), ProtectLayer::new(gate).layer(Api::default()))
}

/// Polls a request to its end. Returns the number of polls.
fn finish(api: &oidc_tower::Protect<Api>, tasks: &Tasks, request: Incoming) -> (Outgoing, usize) {
    let mut running = pin!(call(api, request));
    for polls in 1..1_000 {
        if let Poll::Ready(response) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (response, polls);
        }
        tasks.poll();
    }
    panic!("stuck");
}

fn requests(world: &World) -> [Incoming; 2] {
    lock(&world.said).insert("opaque".to_owned(), json!({"active": true, "aud": RESOURCE}));
    [bearer(&world.token()), bearer("opaque")]
}

#[test]
fn a_request_dropped_at_any_point_leaves_nothing_stuck() {
    for which in 0..2 {
        let world = World::new();
        let (tasks, _, api) = scene(&world);
        let (_, most) = finish(&api, &tasks, requests(&world)[which].clone());
        assert!(most > 3, "there are points to drop the request at: {most}");
        for points in 0..most {
            let world = World::new();
            let (tasks, gate, api) = scene(&world);
            let request = requests(&world)[which].clone();
            let mut given_up = Box::pin(call(&api, request.clone()));
            for _ in 0..points {
                assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                tasks.poll();
            }
            drop(given_up);
            assert_eq!(gate.waiting("https://op.example"), Some(0));
            assert_eq!(finish(&api, &tasks, request).0.status(), 200, "after {points} polls");
            let url = if which == 0 { "/jwks" } else { "/introspect" };
            assert_eq!(world.count(url), 1, "the result of the background task is used");
        }
    }
}

#[test]
fn a_renewal_killed_at_any_point_is_begun_again_by_a_waiting_request() {
    for which in 0..2 {
        let world = World::new();
        let (tasks, _, api) = scene(&world);
        let (_, most) = finish(&api, &tasks, requests(&world)[which].clone());
        for points in 0..most {
            let world = World::new();
            let (tasks, gate, api) = scene(&world);
            let request = requests(&world)[which].clone();
            let mut waiting = Box::pin(call(&api, request.clone()));
            for _ in 0..points {
                assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                tasks.poll();
            }
            tasks.kill();
            // The waiting request gets an answer now: a request that leads once leads no second time.
            let mut answer = None;
            for _ in 0..100 {
                if let Poll::Ready(response) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
                {
                    answer = Some(response.status().as_u16());
                    break;
                }
                tasks.poll();
            }
            assert!(matches!(answer, Some(200 | 503)), "after {points} polls: {answer:?}");
            assert_eq!(gate.waiting("https://op.example"), Some(0));
            world.clock.advance(1);
            assert_eq!(finish(&api, &tasks, request).0.status(), 200, "after {points} polls");
        }
    }
}

/// Killed renewals do not say anything about the provider: keys that are old stay doubtful.
#[test]
fn e22_killed_renewals_never_blame_an_unknown_key_on_its_token() {
    let world = World::new();
    let (tasks, _, api) = scene(&world);
    assert_eq!(finish(&api, &tasks, bearer(&world.token())).0.status(), 200);
    world.clock.advance(100);
    for attempt in 0..5 {
        let mut waiting = Box::pin(call(&api, bearer(&world.forged("new"))));
        let mut context = Context::from_waker(Waker::noop());
        let mut polled = waiting.as_mut().poll(&mut context);
        if polled.is_pending() {
            tasks.kill();
            polled = waiting.as_mut().poll(&mut context);
        }
        let Poll::Ready(response) = polled else { panic!("stuck") };
        assert_eq!(response.status(), 503, "attempt {attempt}");
    }
}
