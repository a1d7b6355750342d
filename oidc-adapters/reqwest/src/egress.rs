//! The egress guard as reqwest's resolver: it connects to the addresses that were judged, and to no others.

use oidc_drive::{egress::Guard, stack};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

pub(crate) struct Resolver(pub(crate) Guard);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = stack::addresses(self.0.clone(), name.as_str().to_owned());
        Box::pin(async { Ok(Box::new(addresses.await?) as Addrs) })
    }
}
