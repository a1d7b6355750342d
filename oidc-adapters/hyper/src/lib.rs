//! OpenID Connect and OAuth 2.0 over [hyper](https://docs.rs/hyper), for async programs.
//!
//! This program logs a user in:
//!
//! ```no_run
//! use oidc_hyper::{
//!     Http,
//!     oidc_proto::message::{AuthorizationRequest, AuthorizationResponse},
//! };
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let provider = Http::new()
//!         .provider("https://op.example")
//!         .client_id("my-client")
//!         .secret("my secret")
//!         .redirect_uri("http://127.0.0.1:8765/callback")
//!         .build()?;
//!     let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile"])).await?;
//!     println!("Open {url}, log in, and paste the address of the page where you arrive:");
//!     let callback = std::io::stdin().lines().next().ok_or("no address")??;
//!     let login = provider.callback(pending, AuthorizationResponse::from_url(&callback)?).await?;
//!     println!("You are {}.", login.id_token.sub);
//!     Ok(())
//! }
//! ```
//!
//! [`Http`] is the configured client. [`Http::provider`] makes a handle, which fetches metadata and keys when they are
//! needed and keeps them fresh. The handle also verifies access tokens, refreshes tokens, and gets tokens for a
//! service. [`Http::run`] runs a single flow of [`oidc_proto`].
//!
//! # TLS and the rest of a program
//! This crate switches on the feature `ring` of [`rustls`], and names ring in its own configurations. It neither
//! installs nor uses the crypto provider of the process. If another crate of the program switches on a second
//! crypto provider, rustls cannot choose between the two, and `rustls::ClientConfig::builder()` panics until one is
//! installed. In that case call `install_default()` on your provider at the start of `main`.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod egress;

/// The error of a request that got no response.
///
/// ```
/// use oidc_hyper::{DriveError, Error, Http, oidc_proto::flow::Discovery};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // This resolver stands for a name server that leads into a private network. The client refuses the address.
/// let http = Http::new().with_resolver(|_host| Ok(vec![[10, 0, 0, 7].into()]));
/// let step = Discovery::start("https://op.example", &Default::default())?;
/// match http.run(step).await {
///     Err(DriveError::Transport(Error::Timeout)) => return Err("the provider is slow".into()),
///     Err(DriveError::Transport(error)) => assert!(matches!(error, Error::Connection(_)), "{error}"),
///     Err(DriveError::Protocol(error)) => return Err(error.into()),
///     Ok(metadata) => println!("the issuer is {}", metadata.issuer),
/// }
/// # Ok(()) }
/// ```
pub use oidc_drive::stack::Error;
pub use oidc_drive::{
    DriveError, Event, Io, Observer, Provider, ProviderBuilder, ProviderError, moment, now,
};
// These crates are in the signatures of this one. With the re-exports, one dependency is enough.
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

/// An HTTP client over hyper that keeps the [terms](oidc_proto::flow::Terms) of the contract.
///
/// It follows no redirects, sends no request twice, keeps no cookies, takes no proxy from the environment, verifies
/// certificates with rustls, and refuses names that resolve to an address of a private network. It uses HTTP/2 where
/// the server offers it. Its methods are those of [`stack::Http`].
///
/// ```
/// use oidc_hyper::Http;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = Http::new();
/// let api = http.provider("https://op.example").audience("https://api.example/").build()?;
/// assert_eq!(api.issuer(), "https://op.example"); // no request has been sent yet
///
/// // This is no token, so `verify` refuses it before it fetches keys.
/// let refused = api.verify("no token", |token| token.has_scope("api:read")).await;
/// assert_eq!(refused.map_err(|error| error.code()), Err("jws_not_compact"));
/// # Ok(()) }
/// ```
pub type Http = stack::Http<Hyper>;

/// Opens connections with hyper's own connector.
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
        // The connector also gets URLs with `https`; the code around it adds TLS to the connection. Plain http never
        // gets here, unless the caller's `UrlPolicy` allows it for this machine.
        http.enforce_http(false);
        http.set_connect_timeout(Some(time));
        Ok(http)
    }
}
