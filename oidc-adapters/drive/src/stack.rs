//! [`Http`]: one configured client over hyper, for the adapters that use it (feature `hyper`).
//!
//! An adapter defines only how a connection is [opened](Connect). Settings, TLS, the exchange and its errors are the
//! same for all of them: `oidc_hyper::Http` and `oidc_reqwest::Http` are this type. So code over any of them can be
//! written once:
//!
//! ```
//! use oidc_drive::{Provider, ProviderError, stack::{Connect, Http}};
//!
//! fn provider<C: Connect>(http: Http<C>) -> Result<Provider, ProviderError> {
//!     // A provider in your own network. Without this call, its private address is refused.
//!     http.allow_private_networks()
//!         .provider("https://op.internal.example")
//!         .client_id("my-client")
//!         .secret("my secret")
//!         .build()
//! }
//! ```

pub use crate::net::{Connect, Error, addresses};

use crate::{
    drive::{DriveError, run_async_with_observer},
    egress::Guard,
    event::{NO_RESPONSE, Observer},
    io::Io,
    net::{connect_timeout, tls, wire},
    provider::{Provider, ProviderBuilder},
    resource::{Resource, ResourceBuilder},
};
use http::HeaderValue;
use oidc_proto::flow::{Flow, Request, Step, Terms};
use rustls::{ClientConfig, RootCertStore};
use std::{fmt, io, net::IpAddr, sync::Arc, time::Instant};

/// A client that obeys the [terms](Terms) of each request. It follows no redirect, sends no request twice, keeps no
/// cookies, and ignores proxies of the environment. rustls verifies certificates, and no name may resolve to a private
/// network. It uses HTTP/2 if the server offers it.
///
/// Each exchange has a connection of its own. So no request meets a connection that the server is just closing, and
/// none shares a connection with another client certificate. The client does not ask for compression. A body that is
/// compressed all the same is returned as it is, and the flow reports that it is not JSON.
#[derive(Clone)]
pub struct Http<C> {
    connect: C,
    roots: Arc<RootCertStore>,
    guard: Guard,
    plain: Arc<ClientConfig>,
    certified: Option<Arc<ClientConfig>>,
    observer: Observer,
}

impl<C: Connect + Default> Http<C> {
    /// Makes a client that trusts the certificate authorities that Mozilla's browsers trust.
    #[must_use]
    pub fn new() -> Self {
        Self::with_roots(tls::public_roots())
    }

    /// Makes a client that trusts only these certificate authorities: one or more certificates, in PEM.
    ///
    /// # Errors
    /// There is no certificate in `pem`, or one of them is invalid.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self, Error> {
        Ok(Self::with_roots(tls::roots(pem)?))
    }

    fn with_roots(roots: RootCertStore) -> Self {
        let roots = Arc::new(roots);
        let plain = tls::plain(&roots);
        let connect = C::default();
        Self { connect, roots, guard: Guard::new(), plain, certified: None, observer: Observer::none() }
    }
}

impl<C: Connect> Http<C> {
    /// Sets the client certificate (RFC 8705). The client presents it only if the [`Terms`] of a request require it.
    /// The chain and its key are in PEM.
    ///
    /// # Errors
    /// The chain or the key is missing or invalid, or they do not belong together.
    pub fn with_client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        self.certified = Some(tls::certified(&self.roots, chain, key)?);
        Ok(self)
    }

    /// Allows names to resolve to any address, for a provider in your own network. By default, a name that resolves to
    /// an address in a private network is refused before anything is sent; see [`Guard`].
    ///
    /// # Danger
    /// It takes a check away: a name in metadata may lead into your own network. See [`oidc_proto::danger`].
    #[must_use]
    pub fn allow_private_networks(self) -> Self {
        Self { guard: self.guard.allow_private_networks(), ..self }
    }

    /// Sets the resolver; the default is that of the system. It takes a name, may block, and returns all addresses, the
    /// best first. Its addresses are judged like any others. It is called once in each exchange.
    #[must_use]
    pub fn with_resolver(
        self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { guard: self.guard.with_resolver(resolver), ..self }
    }

    /// Sets the observer of every exchange, and of the waits and the end of every flow that is [run](Self::run). The
    /// default is none.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Begins the settings of a handle for the provider with this issuer. Make one handle for each client of a program,
    /// once. Nothing is fetched before it is needed.
    pub fn provider(&self, issuer: impl Into<String>) -> ProviderBuilder<Io> {
        let io = self.clone().with_observer(Observer::none()).io();
        Provider::builder(issuer, io).with_observer(self.observer.clone())
    }

    /// Begins the settings of a handle for the resource at this URL, whose authorization server is not known yet. Make one
    /// handle for each resource and user. Nothing is sent before the first request.
    pub fn resource(&self, url: impl Into<String>) -> ResourceBuilder<Io> {
        let io = self.clone().with_observer(Observer::none()).io();
        Resource::builder(url, io).with_observer(self.observer.clone())
    }

    /// Makes an [`Io`] for a [`Gate`](crate::Gate) from this client and the tokio runtime, which must have its timer
    /// enabled.
    #[must_use]
    pub fn io(&self) -> Io {
        let http = self.clone();
        let send = move |request, terms| {
            let http = http.clone();
            async move { http.send(request, terms).await }
        };
        Io::with_error_labels(send, label, |task| drop(tokio::spawn(task)), tokio::time::sleep)
    }

    /// Runs a flow to its end on the tokio runtime, which must have its timer enabled.
    ///
    /// # Errors
    /// As [`run_async`](crate::run_async).
    pub async fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, DriveError<Error>> {
        let send = |request, terms| self.send(request, terms);
        run_async_with_observer(step, send, tokio::time::sleep, &self.observer).await
    }

    /// Carries out one request on its terms.
    ///
    /// # Errors
    /// There was no response. A response with an error status is not an error.
    pub async fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, Error> {
        let sending = self.observer.sending(&request, terms);
        sending.ended(self.exchange(request, terms).await, label)
    }

    async fn exchange(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, Error> {
        let config = match &self.certified {
            Some(certified) if terms.client_certificate => certified,
            None if terms.client_certificate => return Err(Error::NoClientCertificate),
            Some(_) | None => &self.plain,
        };
        let (start, time) = (Instant::now(), connect_timeout(terms.timeout));
        let connecting = self.connect.connect(request.uri(), &self.guard, config, time);
        let connector =
            tokio::time::timeout(terms.timeout, connecting).await.map_err(|_| Error::Timeout)??;
        let mut rest = terms;
        rest.timeout = terms.timeout.saturating_sub(start.elapsed());
        let agent = HeaderValue::from_static(C::USER_AGENT);
        wire::exchange(connector, Arc::clone(config), request, rest, agent).await
    }
}

impl<C: Connect + Default> Default for Http<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for Http<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("authorities", &self.roots.len())
            .field("client_certificate", &self.certified.is_some())
            .field("guard", &self.guard)
            .finish()
    }
}

/// The one-word label of an error, for events.
const fn label(error: &Error) -> &'static str {
    match error {
        Error::Timeout => "timeout",
        Error::Connection(_) => "connection",
        Error::TooMuch(_)
        | Error::NoClientCertificate
        | Error::Pem(_)
        | Error::Tls(_)
        | Error::Exchange(_)
        | Error::Body(_)
        | Error::Cut => NO_RESPONSE,
    }
}
