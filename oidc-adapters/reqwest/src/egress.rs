//! The egress guard as reqwest's resolver: it connects to the addresses that were judged, and to no others.

use oidc_drive::egress::Guard;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{io, net::SocketAddr};
use tokio::task::JoinSet;

pub(crate) struct Resolver(pub(crate) Guard);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            // Dropped with the exchange; a lookup that still waits for a thread then never begins.
            let mut lookup = JoinSet::new();
            lookup.spawn_blocking(move || guard.addresses(name.as_str()));
            let Some(Ok(addresses)) = lookup.join_next().await else {
                return Err(io::Error::other("the lookup was broken off").into());
            };
            // Without a port here, it is the one of the URL.
            let addresses = addresses?.into_iter().map(|ip| SocketAddr::new(ip, 0));
            let addresses: Addrs = Box::new(addresses);
            Ok(addresses)
        })
    }
}
