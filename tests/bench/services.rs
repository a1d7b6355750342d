//! Services in this process, called in a loop without sockets.

use crate::{
    others::{Registered, eleven, nine},
    tokens::Signer,
};
use axum::{
    Extension, Router,
    body::Body,
    extract::State,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, Request, StatusCode, header::AUTHORIZATION};
use oidc_axum::{Access, protect};
use oidc_drive::Gate;
use oidc_tower::ProtectLayer;
use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service, service_fn};

/// Runs a future that never waits.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a service of the benchmark waits for nothing"),
    }
}

fn value(token: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer {token}")).expect("a header")
}

fn request(value: &HeaderValue) -> Request<Body> {
    Request::get("/orders").header(AUTHORIZATION, value.clone()).body(Body::empty()).expect("a request")
}

/// Sends the same request to a router, again and again.
fn router(mut router: Router, token: &str) -> Box<dyn FnMut() -> StatusCode> {
    let value = value(token);
    let mut send = move || {
        let response = at_once(Service::<Request<Body>>::call(&mut router, request(&value)));
        response.expect("an answer").status()
    };
    assert_eq!(send(), 200);
    Box::new(send)
}

/// axum with a middleware that does nothing.
pub fn open(token: &str) -> Box<dyn FnMut() -> StatusCode> {
    async fn pass(request: Request<Body>, next: Next) -> Response {
        next.run(request).await
    }
    let routes = Router::new().route("/orders", get(async || "ok")).layer(middleware::from_fn(pass));
    router(routes, token)
}

/// `oidc-axum`: the handler takes the `Access`.
pub fn axum_of_ours(gate: Gate, token: &str) -> Box<dyn FnMut() -> StatusCode> {
    async fn handler(access: Access) -> &'static str {
        if access.subject().is_some() { "ok" } else { "nobody" }
    }
    router(Router::new().route("/orders", get(handler)).layer(protect(gate)), token)
}

/// `oidc-tower` before a service that does nothing.
pub fn tower_of_ours(gate: Gate, token: &str) -> Box<dyn FnMut() -> StatusCode> {
    let answer = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(http::Response::new(String::new()))));
    let (mut service, value) = (ProtectLayer::new(gate).layer(answer), value(token));
    let mut send = move || {
        let request =
            Request::get("/orders").header(AUTHORIZATION, value.clone()).body(()).expect("a request");
        at_once(service.call(request)).expect("an answer").status()
    };
    assert_eq!(send(), 200);
    Box::new(send)
}

/// The token of a request, as a middleware written by hand takes it.
fn token_of(request: &Request<Body>) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// A middleware written by hand over jsonwebtoken of one major version: the handler takes the claims.
macro_rules! by_hand {
    ($name:ident, $settings:path, $krate:ident) => {
        pub fn $name(signer: &Signer, token: &str) -> Box<dyn FnMut() -> StatusCode> {
            type Settings = Arc<($krate::DecodingKey, $krate::Validation)>;
            async fn check(State(own): State<Settings>, mut request: Request<Body>, next: Next) -> Response {
                let claims = token_of(&request)
                    .and_then(|token| $krate::decode::<Registered>(token, &own.0, &own.1).ok());
                let Some(claims) = claims else { return StatusCode::UNAUTHORIZED.into_response() };
                request.extensions_mut().insert(Arc::new(claims.claims));
                next.run(request).await
            }
            async fn handler(Extension(claims): Extension<Arc<Registered>>) -> &'static str {
                if claims.sub.is_empty() { "nobody" } else { "ok" }
            }
            let layer = middleware::from_fn_with_state(Arc::new($settings(signer)), check);
            router(Router::new().route("/orders", get(handler)).layer(layer), token)
        }
    };
}

by_hand!(by_hand_9, nine::settings, jsonwebtoken_9);
by_hand!(by_hand_11, eleven::settings, jsonwebtoken_11);
