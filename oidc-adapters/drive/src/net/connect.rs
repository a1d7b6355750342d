//! [`Connect`]: how a stack over hyper opens a connection. All else is the same for each of them.

use super::{egress::Guard, error::Error};
use http::Uri;
use hyper::rt::{Read, Write};
use rustls::ClientConfig;
use std::{error, future::Future, io, net::SocketAddr, sync::Arc, time::Duration, vec};
use tokio::task::JoinSet;
use tower_service::Service;

/// How a stack over hyper opens the connection of one exchange.
///
/// TLS is put on the connection afterwards, if the URL says so. The time that opening takes is part of the
/// exchange's time.
pub trait Connect: Clone + Send + Sync + 'static {
    /// The header `User-Agent` of requests that have none: a name and a version.
    const USER_AGENT: &'static str;

    /// What hyper calls for the connection.
    type Connector: Service<
            Uri,
            Response: Read + Write + Send + Unpin,
            Error: Into<Box<dyn error::Error + Send + Sync>>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static;

    /// Prepares or opens the connection that a request to this URL needs. It may lead only to
    /// [addresses](addresses) that the guard allows. `time` is what connecting may take,
    /// for all addresses of the host together.
    ///
    /// # Errors
    /// [`Error::Connection`] if there is none.
    fn connect(
        &self,
        to: &Uri,
        guard: &Guard,
        config: &Arc<ClientConfig>,
        time: Duration,
    ) -> impl Future<Output = Result<Self::Connector, Error>> + Send;
}

/// The time for all addresses of a name, in an exchange that may take this long. They share it: of two addresses,
/// the second has two fifths of the exchange's time if the first is dead.
pub(crate) fn connect_timeout(exchange: Duration) -> Duration {
    exchange.saturating_mul(6) / 5
}

/// The addresses of a name that the guard allows, without a port: that is the one of the URL. The lookup runs on a
/// thread for blocking work, and is dropped with this future.
///
/// # Errors
/// As [`Guard::addresses`].
pub async fn addresses(guard: Guard, name: String) -> io::Result<vec::IntoIter<SocketAddr>> {
    // A lookup that still waits for a thread when it is dropped never begins.
    let mut lookup = JoinSet::new();
    lookup.spawn_blocking(move || guard.addresses(&name));
    let Some(Ok(addresses)) = lookup.join_next().await else {
        return Err(io::Error::other("the lookup was broken off"));
    };
    let addresses: Vec<_> = addresses?.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
    Ok(addresses.into_iter())
}
