//! The egress guard as a resolver for hyper. hyper connects only to the addresses that the guard has judged.

use hyper_util::client::legacy::connect::dns::Name;
use oidc_drive::{egress::Guard, stack};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    vec,
};
use tower_service::Service;

/// Resolves the names of hosts with a guard.
#[derive(Clone)]
#[allow(unnameable_types, reason = "it stands in the type of a private connector only")]
pub struct Resolver(pub(crate) Guard);

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(stack::addresses(self.0.clone(), name.as_str().to_owned()))
    }
}
