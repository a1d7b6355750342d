//! Tests APIs behind a gate: tower services in memory, and axum on loopback. The tests check the outcome of each
//! request, who is blamed for a refusal, and the number of requests to the provider.
//!
//! The tests move the clock by hand. A test that waits for an event waits until a counter or a record shows it.

mod cache;
mod delegated;
mod demands;
mod discipline;
mod dpop;
mod introspected;
mod layers;
mod outage;
mod outcomes;
mod published;
mod rotation;
mod routes;
mod served;
mod signed;
mod stalled;
mod world;

use oidc_drive::{
    Gate, Io, Task,
    gate::{GateBuilder, GateError, INTROSPECTION, KeySource, MAX_INTROSPECTIONS},
};
use oidc_proto::{
    base::base64url,
    flow::{Client, Request},
    jose::{KeySet, RingSigner, Sign, sign_compact},
    renew::RenewalPolicy,
    resource::{
        Access, CredentialPolicy, RequestView, Requirement, ResourceServer, TrustedIssuer, VerdictRecord,
    },
    sender::{CertificateThumbprint, DpopVerifier, NonceKeys},
};
use oidc_testkit::{
    Algorithm, EndpointName, Registration, Seed, SimClock, TestProvider, Timestamp, provider::hostile,
};
use oidc_tower::{ProtectLayer, RequireLayer, require_scope};
use ring::{digest, rand::SystemRandom, signature};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Future, Ready, poll_fn, ready},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::watch;
use tower_layer::Layer;
use tower_service::Service;
use world::{Holder, Net, RESOURCE, START, World, lock};

type Incoming = http::Request<String>;
type Outgoing = http::Response<String>;

/// The service behind the gate. It returns the client of the access and the request's body, and counts its calls.
#[derive(Clone, Default)]
struct Api(Arc<AtomicUsize>);

impl Service<Incoming> for Api {
    type Response = Outgoing;
    type Error = Infallible;
    type Future = Ready<Result<Outgoing, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Incoming) -> Self::Future {
        self.0.fetch_add(1, SeqCst);
        let access = oidc_tower::access(request.extensions());
        let client = access.and_then(|access| access.client_id()).unwrap_or("nobody").to_owned();
        ready(Ok(http::Response::new(format!("{client}: {}", request.body()))))
    }
}

/// Calls a service as a server does: once, after it reports that it is ready.
async fn call<S>(service: &S, request: Incoming) -> Outgoing
where
    S: Service<Incoming, Response = Outgoing, Error = Infallible> + Clone,
{
    let mut service = service.clone();
    let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
    let Ok(response) = service.call(request).await;
    response
}

fn bearer(token: &str) -> Incoming {
    get(&[("authorization", &format!("Bearer {token}"))])
}

fn get(headers: &[(&str, &str)]) -> Incoming {
    let mut request = http::Request::get("/reports?page=2");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body("the body".to_owned()).unwrap()
}

/// Returns the status, and the values of a header in one line.
fn told(response: &Outgoing, header: &str) -> (u16, String) {
    let values = response.headers().get_all(header).iter().map(|value| value.to_str().unwrap());
    (response.status().as_u16(), values.collect::<Vec<_>>().join(" & "))
}

/// Lets other tasks run until the condition holds.
async fn until(so: impl Fn() -> bool) {
    while !so() {
        tokio::task::yield_now().await;
    }
}
