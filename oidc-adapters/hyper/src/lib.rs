//! Drives the flows of `oidc-proto` with [`hyper`]: one configured client, one `send`.
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

mod egress;

pub use oidc_drive::{Event, Failed, Io, Observer, Provider, ProviderBuilder, ProviderError, moment, now};

use http::HeaderValue;
use hyper_util::client::legacy::connect::HttpConnector;
use oidc_drive::{
    egress::Guard,
    meter::Exceeded,
    wire::{self, Lost},
};
use oidc_proto::flow::{Flow, Request, Step, Terms};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use std::{fmt, io, net::IpAddr, sync::Arc, time::Duration};

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("oidc-hyper/", env!("CARGO_PKG_VERSION")));

/// Why there was no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The exchange was not over in the time that its [`Terms`] allow.
    Timeout,
    /// The server sent more than this many bytes in one exchange, whatever they were: see
    /// [`Meter`](oidc_drive::meter::Meter).
    TooMuch(u64),
    /// The terms ask for a client certificate, and there is none.
    NoClientCertificate,
    /// A certificate or key that was given is not in PEM.
    Pem(pem::Error),
    /// A certificate or key that was given cannot be used.
    Tls(rustls::Error),
    /// No connection, no request, or no head of a response.
    Exchange(hyper_util::client::legacy::Error),
    /// The body of the response broke off.
    Body(hyper::Error),
    /// The server ended the body of the response before its end, and called it no error.
    Cut,
}

/// A client that keeps the [terms](Terms) of the contract: no redirects, no retries, no cookies, no
/// proxy of the environment, certificates verified by rustls, no name that leads into a private network.
/// HTTP/2 where the server offers it.
///
/// Each exchange has a connection of its own: none meets one that the server is just closing, and none
/// shares one that was opened with a client certificate. Compression is not asked for; a body that is
/// compressed all the same stays as it is, and the flow says that it is not JSON.
#[derive(Clone)]
pub struct Http {
    roots: Arc<RootCertStore>,
    guard: Guard,
    plain: Arc<ClientConfig>,
    certified: Option<Arc<ClientConfig>>,
    observer: Observer,
}

impl Http {
    /// The configured client. It trusts the authorities that Mozilla's browsers trust.
    #[must_use]
    pub fn new() -> Self {
        Self::with_roots(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// The same, but it trusts these authorities and no others: one certificate or several, in PEM.
    ///
    /// # Errors
    /// There is none, or one of them is no certificate.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate)?;
        }
        Ok(Self::with_roots(roots))
    }

    /// Presents this certificate (RFC 8705) whenever the [`Terms`] ask for it, and never else. The chain
    /// and its key are in PEM.
    ///
    /// # Errors
    /// The chain or the key is none, or they do not belong together.
    pub fn with_client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let key = PrivateKeyDer::from_pem_slice(key)?;
        let config = tls(&self.roots).with_client_auth_cert(certificates(chain)?, key)?;
        self.certified = Some(offering(config));
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

    /// What a [`Gate`](oidc_drive::Gate) needs: this client, on this runtime (tokio's, with its timer).
    #[must_use]
    pub fn io(&self) -> Io {
        let http = self.clone();
        let send = move |request, terms| {
            let http = http.clone();
            async move { http.send(request, terms).await }
        };
        Io::explained(send, why, |task| drop(tokio::spawn(task)), tokio::time::sleep)
    }

    /// Runs a flow to its end on this runtime (tokio's, with its timer).
    ///
    /// # Errors
    /// As [`oidc_drive::run_async`].
    pub async fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, Failed<Error>> {
        let send = |request, terms| self.send(request, terms);
        oidc_drive::run_async_observed(step, send, tokio::time::sleep, &self.observer).await
    }

    /// Carries one request out on its terms.
    ///
    /// # Errors
    /// Only if there was no response.
    pub async fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, Error> {
        let sending = self.observer.sending(&request, terms);
        sending.ended(self.exchange(request, terms).await, why)
    }

    async fn exchange(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, Error> {
        let config = match &self.certified {
            Some(certified) if terms.client_certificate => certified,
            None if terms.client_certificate => return Err(Error::NoClientCertificate),
            Some(_) | None => &self.plain,
        };
        let connector = connector(&self.guard, terms.timeout);
        let exchanged = wire::exchange(connector, Arc::clone(config), request, terms, USER_AGENT).await;
        exchanged.map_err(Error::from)
    }

    fn with_roots(roots: RootCertStore) -> Self {
        let roots = Arc::new(roots);
        let plain = offering(tls(&roots).with_no_client_auth());
        Self { roots, guard: Guard::new(), plain, certified: None, observer: Observer::none() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

/// Why there was no response, for events.
fn why(error: &Error) -> &'static str {
    if matches!(error, Error::Timeout) {
        "timeout"
    } else if matches!(error, Error::Exchange(error) if error.is_connect()) {
        "connection"
    } else {
        "no_response"
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
}

fn tls(roots: &Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    // Named here, so that it does not depend on what else of the program chooses for the process.
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    #[allow(clippy::expect_used, reason = "it serves both versions")]
    let config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("ring serves TLS 1.2 and 1.3");
    config.with_root_certificates(Arc::clone(roots))
}

fn offering(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Opens the connection of one exchange. TLS is put on it, where it is wanted, by who counts what comes.
fn connector(guard: &Guard, time: Duration) -> HttpConnector<egress::Resolver> {
    let mut http = HttpConnector::new_with_resolver(egress::Resolver(guard.clone()));
    // It is given `https`, too; what is spoken on the connection is decided around it. Plain http never
    // gets here, unless the caller's `UrlPolicy` allows it for this machine.
    http.enforce_http(false);
    // The addresses of a name share it: of two, the second has two fifths of the time if the first is dead.
    http.set_connect_timeout(Some(time.saturating_mul(6) / 5));
    http
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("authorities", &self.roots.len())
            .field("client_certificate", &self.certified.is_some())
            .field("guard", &self.guard)
            .finish()
    }
}

impl From<pem::Error> for Error {
    fn from(error: pem::Error) -> Self {
        Self::Pem(error)
    }
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Exceeded(Exceeded::Bytes(most)) => Self::TooMuch(most),
            Lost::Exceeded(Exceeded::Time(_)) => Self::Timeout,
            Lost::Exchange(error) => Self::Exchange(error),
            Lost::Body(error) => Self::Body(error),
            Lost::Cut => Self::Cut,
        }
    }
}

/// With all causes, in one line: there is no [`source`](std::error::Error::source) besides.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause: &dyn std::error::Error = match self {
            Self::Timeout => return f.write_str("the exchange took too long"),
            Self::TooMuch(most) => return Exceeded::Bytes(*most).fmt(f),
            Self::Cut => return f.write_str("the body of the response was cut off"),
            Self::NoClientCertificate => {
                return f.write_str("a client certificate is needed, and there is none");
            }
            Self::Pem(error) => error,
            Self::Tls(error) => error,
            Self::Exchange(error) => error,
            Self::Body(error) => error,
        };
        let mut next = Some(cause);
        while let Some(error) = next {
            next = error.source();
            write!(f, "{error}{}", if next.is_some() { ": " } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
