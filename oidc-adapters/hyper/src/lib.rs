//! Drives the flows of `oidc-proto` with [hyper](https://docs.rs/hyper): one configured client, one `send`.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let http = oidc_hyper::Http::new();
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

mod egress;

pub use oidc_drive::{
    DriveError, Event, Io, Observer, Provider, ProviderBuilder, ProviderError, moment, now, stack::Error,
};
// In the signatures of this crate. With these, one dependency is enough.
pub use oidc_drive;
pub use oidc_proto;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use oidc_drive::{
    egress::Guard,
    stack::{self, Connect},
};
use rustls::ClientConfig;
use std::{sync::Arc, time::Duration};

/// A client over hyper. It keeps the [terms](oidc_proto::flow::Terms) of the contract: no redirects, no retries, no
/// cookies, no proxy of the environment, certificates verified by rustls, no name that leads into a private
/// network. HTTP/2 where the server offers it. Its methods are those of [`stack::Http`].
pub type Http = stack::Http<Hyper>;

/// Opens connections by hyper's own connector.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Hyper;

impl Connect for Hyper {
    const USER_AGENT: &'static str = concat!("oidc-hyper/", env!("CARGO_PKG_VERSION"));

    type Connector = HttpConnector<egress::Resolver>;

    async fn connect(
        &self,
        _: &Uri,
        guard: &Guard,
        _: &Arc<ClientConfig>,
        time: Duration,
    ) -> Result<Self::Connector, Error> {
        let mut http = HttpConnector::new_with_resolver(egress::Resolver(guard.clone()));
        // It is given `https`, too; what is spoken on the connection is decided around it. Plain http never
        // gets here, unless the caller's `UrlPolicy` allows it for this machine.
        http.enforce_http(false);
        http.set_connect_timeout(Some(time));
        Ok(http)
    }
}
