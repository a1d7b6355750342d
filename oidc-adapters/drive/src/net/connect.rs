//! [`Connect`]: how an adapter over hyper opens a connection. Everything else is the same for all of them.

use super::{egress::Guard, error::Error};
use http::Uri;
use hyper::rt::{Read, Write};
use rustls::ClientConfig;
use std::{error, future::Future, io, net::SocketAddr, sync::Arc, time::Duration, vec};
use tokio::task::JoinSet;
use tower_service::Service;

/// How an adapter over hyper opens the connection of one exchange.
///
/// The connection has no TLS; [`Http`](crate::stack::Http) adds it for `https` URLs. The time for opening counts as
/// part of the exchange.
pub trait Connect: Clone + Send + Sync + 'static {
    /// The `User-Agent` header of requests that have none: a name and a version.
    const USER_AGENT: &'static str;

    /// The service that hyper calls for the connection.
    type Connector: Service<
            Uri,
            Response: Read + Write + Send + Unpin,
            Error: Into<Box<dyn error::Error + Send + Sync>>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static;

    /// Prepares or opens the connection for a request to this URL. It may connect only to [addresses](addresses) that
    /// the guard allows. `time` is the limit for connecting, for all addresses of the host together.
    ///
    /// # Errors
    /// [`Error::Connection`] if no connection could be opened.
    fn connect(
        &self,
        to: &Uri,
        guard: &Guard,
        config: &Arc<ClientConfig>,
        time: Duration,
    ) -> impl Future<Output = Result<Self::Connector, Error>> + Send;
}

/// The time for connecting to all addresses of a name, in an exchange that may take this long. The addresses share
/// it: if the first of two does not respond, the second still has two fifths of the exchange's time.
pub(crate) fn connect_timeout(exchange: Duration) -> Duration {
    exchange.saturating_mul(6) / 5
}

/// Resolves a name to the addresses that the guard allows, with port 0: the caller uses the port of the URL. The
/// lookup runs on a thread for blocking work, and is dropped with this future.
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
