//! The egress guard as a resolver for ureq. ureq connects only to the addresses that the guard has judged.

use oidc_drive::egress::Guard;
use std::{
    io,
    net::SocketAddr,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
};
use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{self, ArrayVec, ResolvedSocketAddrs},
        transport::NextTimeout,
    },
};

/// Resolves the names of hosts with a guard.
#[derive(Debug)]
pub(crate) struct Resolver(pub(crate) Guard);

impl resolver::Resolver for Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?.to_owned();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let (guard, (tell, told)) = (self.0.clone(), channel());
        // A lookup cannot be cancelled. If it hangs, it stays behind with its thread.
        thread::Builder::new().spawn(move || tell.send(guard.addresses(&host)))?;
        let addresses = match told.recv_timeout(*timeout.after) {
            Ok(addresses) => addresses?,
            Err(RecvTimeoutError::Timeout) => return Err(Error::Timeout(timeout.reason)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the lookup was broken off").into());
            }
        };
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port));
        let mut resolved = self.empty();
        let room = room(&resolved);
        for address in config.ip_family().keep_wanted(addresses).take(room) {
            resolved.push(address);
        }
        if resolved.is_empty() { Err(Error::HostNotFound) } else { Ok(resolved) }
    }
}

/// Returns the capacity of a list of addresses: `push` panics beyond it.
const fn room<const N: usize>(_: &ArrayVec<SocketAddr, N>) -> usize {
    N
}
