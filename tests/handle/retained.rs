//! What a handle or a gate holds is gone with it: no thread that has used it keeps its keys.

use super::colour::*;
use oidc_drive::{Gate, Io, gate::KeySource};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    flow::Request,
    jose::KeySet,
    resource::{RequestView, ResourceServer, TrustedIssuer},
};
use std::{
    future::ready,
    sync::{Arc, Weak},
    thread,
};

fn alive(held: &[Weak<KeySet>]) -> usize {
    held.iter().filter(|keys| keys.upgrade().is_some()).count()
}

/// One for each tenant, say, made and dropped.
#[test]
fn what_a_handle_held_is_gone_with_it() {
    let world = World::new();
    let good = world.token();
    let mut held = Vec::new();
    for _ in 0..50 {
        let (blocking, asynchronous) = (world.blocking().build().unwrap(), world.asynchronous().build().unwrap());
        for _ in 0..2 {
            blocking.verify(&good, |_| ()).unwrap();
            world.finish(asynchronous.verify(&good, |_| ())).unwrap();
        }
        held.push(Arc::downgrade(&blocking.keys().unwrap().value));
        held.push(Arc::downgrade(&world.finish(asynchronous.keys()).unwrap().value));
        assert_eq!(alive(&held), 2, "those of the two that are there");
    }
    assert_eq!(alive(&held), 0);
}

#[test]
fn what_a_gate_held_is_gone_with_it() {
    let world = World::new();
    let headers = http::HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        http::HeaderValue::from_str(&format!("Bearer {}", world.token())).unwrap(),
    )]);
    let uri = http::Uri::from_static("/");
    let request = RequestView::new(&http::Method::GET, &uri, &headers);
    let mut held = Vec::new();
    for _ in 0..50 {
        let (answers, clock) = (world.clone(), world.clock.clone());
        let keys = Arc::new(std::sync::Mutex::new(Weak::new()));
        let io = Io::new(
            move |request: Request, _| ready(answers.answer(&request)),
            {
                let background = Arc::clone(&world.background);
                move |task| lock(&background).push(task)
            },
            |_| std::future::pending(),
        );
        let server = ResourceServer::builder(API).trust(TrustedIssuer::new(ISSUER)).build().unwrap();
        let gate = Gate::builder(server, io).clock(move || clock.moment());
        let url = EndpointUrl::parse(&format!("{ISSUER}/jwks"), &UrlPolicy::default()).unwrap();
        let gate = gate.keys_of(ISSUER, KeySource::JwksUri(url)).build().unwrap();
        for _ in 0..2 {
            world.finish(gate.check(&request)).unwrap();
        }
        *lock(&keys) = Arc::downgrade(&gate.keys_for_test());
        held.push(lock(&keys).clone());
    }
    assert_eq!(alive(&held), 0);
}
