//! Combined layers: a rule means the same however it is spelled, and no request is judged twice.

use super::*;
use axum::{Router, body::Body, routing::get as on_get};
use oidc_axum::{Access as Caller, protect};

/// A service in any layers.
type Stack = Box<dyn Fn(Incoming) -> std::pin::Pin<Box<dyn Future<Output = Outgoing>>>>;

fn stack<S>(service: S) -> Stack
where
    S: Service<Incoming, Response = Outgoing, Error = Infallible> + Clone + 'static,
{
    Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move { call(&service, request).await })
    })
}

fn admin() -> Requirement {
    Requirement::new().scope("admin")
}

/// A request cannot weaken a rule by omitting the token, and a server cannot by omitting a setting.
#[tokio::test]
async fn a_requirement_holds_for_a_request_without_a_token() {
    let world = World::new();
    let optional = || ProtectLayer::new(world.gate()).optional();
    let spellings = [
        stack(optional().require(admin()).layer(Api::default())),
        stack(ProtectLayer::new(world.gate()).require(admin()).optional().layer(Api::default())),
        stack(optional().layer(RequireLayer::new(admin()).layer(Api::default()))),
        stack(optional().require(Requirement::new()).require(admin()).layer(Api::default())),
        stack(ProtectLayer::new(world.gate()).require(admin()).layer(Api::default())),
        stack(ProtectLayer::new(world.gate()).layer(RequireLayer::new(admin()).layer(Api::default()))),
    ];
    for (index, api) in spellings.iter().enumerate() {
        let (status, challenge) = told(&api(bearer(&world.token())).await, "www-authenticate");
        assert!(status == 403 && challenge.contains("scope=\"admin\""), "{index}: {challenge}");
        let (status, challenge) = told(&api(get(&[])).await, "www-authenticate");
        // If the outer layer refuses, it does not know the requirements of inner layers.
        assert!(
            status == 401 && (index == 5 || challenge.contains("scope=\"admin\"")),
            "{index}: {challenge}"
        );
        assert!(
            !challenge.contains("error="),
            "{index}: a client that has not tried yet is not blamed: {challenge}"
        );
        assert_eq!(world.clauses(), ["accepted", "access_scope", "credentials_missing"], "{index}");
    }
    // Even a requirement without conditions needs an access, and there is none.
    let nothing_more = Requirement::new();
    for api in [
        stack(optional().require(nothing_more.clone()).layer(Api::default())),
        stack(optional().layer(RequireLayer::new(nothing_more).layer(Api::default()))),
    ] {
        assert_eq!(api(get(&[])).await.status(), 401);
        assert_eq!(api(bearer(&world.token())).await.status(), 200);
    }
    assert_eq!(
        call(&optional().layer(Api::default()), get(&[])).await.status(),
        200,
        "without a requirement"
    );
}

/// This includes requests that wait for keys first.
#[tokio::test]
async fn a_requirement_holds_for_a_request_that_waited_too() {
    let world = World::new();
    let read = Requirement::new().scope("reports:read");
    for (requirement, status) in [(admin(), 403), (read, 200)] {
        let layer = ProtectLayer::new(world.gate()).optional().require(requirement);
        assert_eq!(call(&layer.layer(Api::default()), bearer(&world.token())).await.status(), status);
    }
}

#[tokio::test]
async fn requirements_add_up() {
    let world = World::new();
    let (read, anything) = (Requirement::new().scope("reports:read"), Requirement::new());
    for (first, second) in [(admin(), read.clone()), (read.clone(), admin()), (admin(), anything)] {
        let layer = ProtectLayer::new(world.gate()).require(first).require(second);
        assert_eq!(call(&layer.layer(Api::default()), bearer(&world.token())).await.status(), 403);
    }
    let layer = ProtectLayer::new(world.gate()).require(read.clone()).require(read);
    assert_eq!(call(&layer.layer(Api::default()), bearer(&world.token())).await.status(), 200);
}

fn proven(holder: &Holder, token: &str, jti: &str, now: Timestamp) -> Incoming {
    let proof = holder.proof(&format!("{RESOURCE}/reports"), token, jti, None, now);
    get(&[("authorization", &format!("DPoP {token}")), ("dpop", &proof)])
}

/// A gate before the whole API, and the same gate before a part of it.
#[tokio::test]
async fn the_same_gate_twice_does_not_take_a_proof_for_a_replay() {
    let world = World::new();
    let gate = world.gate();
    let once = || ProtectLayer::new(gate.clone());
    let holder = Holder::new();
    let token = holder.token(&world);
    let apis = [
        stack(once().layer(once().layer(Api::default()))),
        stack(once().optional().layer(once().layer(Api::default()))),
        stack(once().layer(once().optional().layer(once().layer(Api::default())))),
    ];
    for (index, api) in apis.iter().enumerate() {
        world.clauses();
        assert_eq!(api(bearer(&world.token())).await.status(), 200, "{index}");
        let request = proven(&holder, &token, &index.to_string(), world.clock.now());
        assert_eq!(api(request.clone()).await.status(), 200, "{index}");
        assert_eq!(api(request).await.status(), 401, "{index}: the proof is accepted once all the same");
        assert_eq!(world.clauses(), ["accepted", "accepted", "proof_replayed"], "{index}: each judged once");
        assert_eq!(api(get(&[])).await.status(), 401, "{index}");
    }
    // The additional requirements of the part are still checked.
    let api = once().layer(once().require(admin()).layer(Api::default()));
    assert_eq!(call(&api, proven(&holder, &token, "more", world.clock.now())).await.status(), 403);
}

/// Other gates share nothing: each judges, and remembers the proof for itself.
#[tokio::test]
async fn two_gates_judge_independently() {
    let world = World::new();
    let picky = ResourceServer::builder(RESOURCE)
        .trust(TrustedIssuer::new("https://other.example"))
        .accept_dpop(DpopVerifier::new());
    let picky = world.builder(picky).build().unwrap();
    let holder = Holder::new();
    let token = holder.token(&world);
    let request = |jti| proven(&holder, &token, jti, world.clock.now());
    let api = ProtectLayer::new(world.gate()).layer(ProtectLayer::new(world.gate()).layer(Api::default()));
    assert_eq!(call(&api, request("1")).await.status(), 200);
    let api = ProtectLayer::new(world.gate()).layer(ProtectLayer::new(picky).layer(Api::default()));
    assert_eq!(call(&api, request("2")).await.status(), 401, "the inner gate does not trust this issuer");
}

/// A layer between the two may change the sender of the request. It is then another request.
#[tokio::test]
async fn a_changed_request_is_judged_again() {
    type Change = fn(&mut Incoming, &str);
    #[derive(Clone)]
    struct Changed<S>(S, Change, String);
    impl<S: Service<Incoming>> Service<Incoming> for Changed<S> {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(context)
        }

        fn call(&mut self, mut request: Incoming) -> S::Future {
            self.1(&mut request, &self.2);
            self.0.call(request)
        }
    }
    let changes: [(u16, Change); 6] = [
        (200, |_, _| {}),
        (401, |request, _| drop(request.headers_mut().insert("authorization", "Bearer x".parse().unwrap()))),
        (400, |request, good| {
            request.headers_mut().append("authorization", good.parse().unwrap());
        }),
        (401, |request, _| drop(request.headers_mut().remove("authorization"))),
        // A DPoP proof is for one method, and this proof is used up.
        (401, |request, _| *request.method_mut() = http::Method::DELETE),
        (401, |request, _| drop(request.headers_mut().remove("dpop"))),
    ];
    let world = World::new();
    let gate = world.gate();
    let holder = Holder::new();
    let token = holder.token(&world);
    for (index, (status, change)) in changes.into_iter().enumerate() {
        let inner = ProtectLayer::new(gate.clone()).layer(Api::default());
        let between = Changed(inner, change, format!("DPoP {token}"));
        let api = ProtectLayer::new(gate.clone()).layer(between);
        let request = proven(&holder, &token, &index.to_string(), world.clock.now());
        assert_eq!(call(&api, request).await.status(), status, "{index}");
    }
}

async fn send(router: &Router, request: Incoming) -> http::Response<Body> {
    let mut router = router.clone();
    let Ok(()) = poll_fn(|context| Service::<http::Request<Body>>::poll_ready(&mut router, context)).await;
    let Ok(response) = router.call(request.map(Body::from)).await;
    response
}

/// Nested layers and extractors of axum, on one request with one proof.
#[tokio::test]
async fn nested_routers_and_extractors_use_a_proof_once() {
    let world = World::new();
    let gate = world.gate();
    let client = async |_: Option<Caller>, caller: Caller| caller.client_id().unwrap_or_default().to_owned();
    let part = Router::new()
        .route("/reports", on_get(client).layer(require_scope("reports:read")))
        .layer(protect(gate.clone()));
    let router = Router::new().nest("/v1", part).layer(protect(gate).optional());
    let holder = Holder::new();
    let token = holder.token(&world);
    let proof = holder.proof(&format!("{RESOURCE}/v1/reports"), &token, "1", None, world.clock.now());
    let mut request = get(&[("authorization", &format!("DPoP {token}")), ("dpop", &proof)]);
    *request.uri_mut() = "/v1/reports".parse().unwrap();
    assert_eq!(send(&router, request.clone()).await.status(), 200);
    assert_eq!(send(&router, request).await.status(), 401, "once");
    assert_eq!(world.clauses(), ["accepted", "proof_replayed"]);
}

/// A minimal CORS layer: it answers preflights, and names the headers that a page of this origin may send
/// and read.
async fn cors(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
    let preflight = request.method() == http::Method::OPTIONS
        && request.headers().contains_key("access-control-request-method");
    let mut response = if preflight { Default::default() } else { next.run(request).await };
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-headers", "authorization, dpop"),
        ("access-control-expose-headers", "www-authenticate, dpop-nonce"),
    ] {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// The Fetch standard: a preflight has no credentials, and a browser stops unless the response is a
/// success. A page can read other responses only with the headers of CORS.
#[tokio::test]
async fn a_cors_layer_belongs_outside_the_gate() {
    let world = World::new();
    let api = || Router::new().route("/reports", on_get(async || "a report"));
    let outside = api().layer(protect(world.gate())).layer(axum::middleware::from_fn(cors));
    let inside = api().layer(axum::middleware::from_fn(cors)).layer(protect(world.gate()));
    let preflight = || {
        let mut request = get(&[
            ("origin", "https://app.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ]);
        *request.method_mut() = http::Method::OPTIONS;
        request
    };
    let seen = |response: &http::Response<Body>| {
        let allowed = response.headers().contains_key("access-control-allow-origin");
        (response.status().as_u16(), allowed)
    };
    let good = world.token();
    for (router, answers) in [
        (&outside, [(200, true), (401, true), (401, true), (200, true)]),
        (&inside, [(401, false), (401, false), (401, false), (200, true)]),
    ] {
        let requests = [preflight(), get(&[]), bearer("opaque"), bearer(&good)];
        for (request, answer) in requests.into_iter().zip(answers) {
            assert_eq!(seen(&send(router, request).await), answer);
        }
    }
    let refused = send(&outside, bearer("opaque")).await;
    assert!(refused.headers().contains_key("www-authenticate"), "the page may see the reason");
}
