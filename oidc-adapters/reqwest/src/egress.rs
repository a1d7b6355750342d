//! The egress guard as a resolver for reqwest. reqwest connects only to the addresses that the guard has judged.

use oidc_drive::{egress::Guard, stack};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves the names of hosts with a guard.
pub(crate) struct Resolver(pub(crate) Guard);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = stack::addresses(self.0.clone(), name.as_str().to_owned());
        Box::pin(async { Ok(Box::new(addresses.await?) as Addrs) })
    }
}
