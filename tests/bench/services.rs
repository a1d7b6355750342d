//! Services in this process, called in a loop without sockets. [`sockets`] has them behind sockets.

pub mod sockets;

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
    router(routes::open(), token)
}

/// `oidc-axum`: the handler takes the `Access`.
pub fn axum_of_ours(gate: Gate, token: &str) -> Box<dyn FnMut() -> StatusCode> {
    router(routes::of_ours(gate), token)
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

/// axum with a middleware written by hand over jsonwebtoken 9.
pub fn by_hand_9(signer: &Signer, token: &str) -> Box<dyn FnMut() -> StatusCode> {
    router(routes::by_hand_9(signer), token)
}

/// axum with a middleware written by hand over jsonwebtoken 11.
pub fn by_hand_11(signer: &Signer, token: &str) -> Box<dyn FnMut() -> StatusCode> {
    router(routes::by_hand_11(signer), token)
}

/// The routers of axum. Each has one route, `/orders`, behind one middleware.
pub mod routes {
    use super::*;

    /// The middleware does nothing.
    pub fn open() -> Router {
        async fn pass(request: Request<Body>, next: Next) -> Response {
            next.run(request).await
        }
        Router::new().route("/orders", get(async || "ok")).layer(middleware::from_fn(pass))
    }

    /// The middleware is `oidc_axum::protect`, and the handler takes the `Access`.
    pub fn of_ours(gate: Gate) -> Router {
        async fn handler(access: Access) -> &'static str {
            if access.subject().is_some() { "ok" } else { "nobody" }
        }
        Router::new().route("/orders", get(handler)).layer(protect(gate))
    }

    /// The token of a request, as a middleware written by hand takes it.
    fn token_of(request: &Request<Body>) -> Option<&str> {
        request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// A middleware written by hand over jsonwebtoken of one major version: the handler takes the claims.
    macro_rules! by_hand {
        ($name:ident, $settings:path, $krate:ident) => {
            pub fn $name(signer: &Signer) -> Router {
                type Settings = Arc<($krate::DecodingKey, $krate::Validation)>;
                async fn check(
                    State(own): State<Settings>,
                    mut request: Request<Body>,
                    next: Next,
                ) -> Response {
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
                Router::new().route("/orders", get(handler)).layer(layer)
            }
        };
    }

    by_hand!(by_hand_9, nine::settings, jsonwebtoken_9);
    by_hand!(by_hand_11, eleven::settings, jsonwebtoken_11);
}
