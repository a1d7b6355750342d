//! The egress guard as hyper's resolver: it connects to the addresses that were judged, and to no others.

use hyper_util::client::legacy::connect::dns::Name;
use oidc_drive::egress::Guard;
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    vec,
};
use tokio::task::JoinSet;
use tower_service::Service;

#[derive(Clone)]
pub(crate) struct Resolver(pub(crate) Guard);

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.0.clone();
        Box::pin(async move {
            // Dropped with the exchange; a lookup that still waits for a thread then never begins.
            let mut lookup = JoinSet::new();
            lookup.spawn_blocking(move || guard.addresses(name.as_str()));
            let Some(Ok(addresses)) = lookup.join_next().await else {
                return Err(io::Error::other("the lookup was broken off"));
            };
            // Without a port here, it is the one of the URL.
            let addresses: Vec<_> = addresses?.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}
