//! [`Http`]: one configured client over hyper, for the adapters that speak by it. They say how a connection is
//! [opened](Connect); settings, TLS, the exchange and its errors are the same for all of them.

pub use crate::net::{Connect, Error, addresses};

use crate::{
    drive::{DriveError, run_async_with_observer},
    egress::Guard,
    event::{NO_RESPONSE, Observer},
    io::Io,
    net::{connect_timeout, tls, wire},
    provider::{Provider, ProviderBuilder},
};
use http::HeaderValue;
use oidc_proto::flow::{Flow, Request, Step, Terms};
use rustls::{ClientConfig, RootCertStore};
use std::{fmt, io, net::IpAddr, sync::Arc, time::Instant};

/// A client that keeps the [terms](Terms) of the contract: no redirects, no retries, no cookies, no
/// proxy of the environment, certificates verified by rustls, no name that leads into a private network.
/// HTTP/2 where the server offers it.
///
/// Each exchange has a connection of its own: none meets one that the server is just closing, and none
/// shares one that was opened with a client certificate. Compression is not asked for; a body that is
/// compressed all the same stays as it is, and the flow says that it is not JSON.
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
    /// The configured client. It trusts the authorities that Mozilla's browsers trust.
    #[must_use]
    pub fn new() -> Self {
        Self::with_roots(tls::public_roots())
    }

    /// The configured client, but it trusts these authorities and no others: one certificate or several, in PEM.
    ///
    /// # Errors
    /// There is none, or one of them is no certificate.
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
    /// Presents this certificate (RFC 8705) whenever the [`Terms`] ask for it, and never else. The chain
    /// and its key are in PEM.
    ///
    /// # Errors
    /// The chain or the key is none, or they do not belong together.
    pub fn with_client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        self.certified = Some(tls::certified(&self.roots, chain, key)?);
        Ok(self)
    }

    /// Names may lead anywhere: for a provider in one's own network. Without it, a name that resolves to
    /// an address of a private network is refused before anything is sent; see [`Guard`].
    #[must_use]
    pub fn allow_private_networks(self) -> Self {
        Self { guard: self.guard.allow_private_networks(), ..self }
    }

    /// Another resolver than that of the system. It gets a name, may block, and gives all addresses that
    /// it knows, the best first. What it says is judged as any answer is, and asked for once in each
    /// exchange.
    #[must_use]
    pub fn with_resolver(
        self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { guard: self.guard.with_resolver(resolver), ..self }
    }

    /// Tells this observer of every exchange; and of waits and of the end, if a flow is [run](Self::run).
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Begins the settings of a handle for the provider with this issuer: one for a program and a client,
    /// made once. Nothing is fetched before it is needed.
    pub fn provider(&self, issuer: impl Into<String>) -> ProviderBuilder<Io> {
        let io = self.clone().with_observer(Observer::none()).io();
        Provider::builder(issuer, io).with_observer(self.observer.clone())
    }

    /// What a [`Gate`](crate::Gate) needs: this client, on this runtime (tokio's, with its timer).
    #[must_use]
    pub fn io(&self) -> Io {
        let http = self.clone();
        let send = move |request, terms| {
            let http = http.clone();
            async move { http.send(request, terms).await }
        };
        Io::with_error_labels(send, label, |task| drop(tokio::spawn(task)), tokio::time::sleep)
    }

    /// Runs a flow to its end on this runtime (tokio's, with its timer).
    ///
    /// # Errors
    /// As [`run_async`](crate::run_async).
    pub async fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, DriveError<Error>> {
        let send = |request, terms| self.send(request, terms);
        run_async_with_observer(step, send, tokio::time::sleep, &self.observer).await
    }

    /// Carries one request out on its terms.
    ///
    /// # Errors
    /// Only if there was no response.
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

/// An error in one word, for events.
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
