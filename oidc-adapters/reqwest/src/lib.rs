//! Drives the flows of `oidc-proto` with [`reqwest`]: one configured client, one `send`.
//!
//! reqwest opens the connections, and hyper speaks over them: what comes from the wire is
//! [counted](oidc_drive::meter::Meter), and reqwest lets nobody count.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let http = oidc_reqwest::Http::new();
//! let call = oidc_proto::flow::Discovery::start("https://op.example", &Default::default())?;
//! let metadata = http.run(call).await?;
//! # Ok(()) }
//! ```
//!
//! [`Http::provider`] makes a handle that does all of that, and renews what goes stale.
//!
//! # TLS and the rest of a program
//! This crate switches on the feature `ring` of [`rustls`], names ring in its own configurations, and neither
//! installs a provider for the process nor uses one. If something else in the program switches on another
//! provider, `rustls::ClientConfig::builder()` panics there until one is installed: rustls does not know
//! which one is meant. Call `install_default()` on yours, first thing in `main`.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod connection;
mod egress;

pub use oidc_drive::{
    DriveError, Event, Io, Observer, Provider, ProviderBuilder, ProviderError, moment, now, stack::Error,
};
// In the signatures of this crate. With these, one dependency is enough.
pub use oidc_drive;
pub use oidc_proto;

use http::Uri;
use oidc_drive::{
    egress::Guard,
    stack::{self, Connect},
};
use reqwest::{Client, ClientBuilder, redirect, retry};
use rustls::ClientConfig;
use std::{io, sync::Arc, time::Duration};

/// A client over reqwest. It keeps the [terms](oidc_proto::flow::Terms) of the contract: no redirects, no retries,
/// no cookies, no proxy of the environment, certificates verified by rustls, no name that leads into a private
/// network. HTTP/2 where the server offers it. Its methods are those of [`stack::Http`].
pub type Http = stack::Http<Reqwest>;

/// Opens connections by reqwest. An [`Error::Connection`] has the [`reqwest::Error`] inside.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Reqwest;

impl Connect for Reqwest {
    const USER_AGENT: &'static str = concat!("oidc-reqwest/", env!("CARGO_PKG_VERSION"));

    type Connector = connection::Opened;

    async fn connect(
        &self,
        to: &Uri,
        guard: &Guard,
        config: &Arc<ClientConfig>,
        time: Duration,
    ) -> Result<Self::Connector, Error> {
        let opened = connection::open(client(config, guard, time), to).await;
        opened.map_err(|error| Error::Connection(io::Error::other(error.without_url())))
    }
}

/// What opens the connection of one exchange. It speaks no TLS; but without a configuration of it, reqwest
/// looks for the provider of the process.
fn client(config: &Arc<ClientConfig>, guard: &Guard, time: Duration) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(ClientConfig::clone(config))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(time)
        .no_proxy()
        .no_hickory_dns()
        .dns_resolver(egress::Resolver(guard.clone()))
}
