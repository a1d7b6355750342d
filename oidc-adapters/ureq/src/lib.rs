//! Drives the flows of `oidc-proto` with [`ureq`]: one configured client, one `send`.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let http = oidc_ureq::Http::new();
//! let call = oidc_proto::flow::Discovery::start("https://op.example", &Default::default())?;
//! let metadata = http.run(call)?;
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
mod metered;

pub use oidc_drive::{
    DriveError, Event, Observer, ProviderBuilder, ProviderError,
    blocking::{Io, Provider},
    moment, now,
};
// In the signatures of this crate. With these, one dependency is enough.
pub use oidc_drive;
pub use oidc_proto;

use http::Method;
use oidc_drive::{
    egress::Guard,
    meter::{Exceeded, Meter},
};
use oidc_proto::flow::{Flow, Request, Step, TIMEOUT, Terms};
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};
use std::{
    io::{self, Read},
    net::IpAddr,
    sync::Arc,
};
use ureq::{
    Agent, Timeout,
    config::{AutoHeaderValue, Config},
    tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider},
    unversioned::transport::RustlsConnector,
};

/// As much as a head may have on every stack.
const MAX_HEAD: usize = 64 * 1024;

/// A client that keeps the [terms](Terms) of the contract: no redirects, no retries, no cookies, no
/// proxy of the environment, certificates verified by rustls, no name that leads into a private network.
/// HTTP/1.1.
///
/// Each exchange has a connection of its own: none meets one that the server is just closing.
/// Compression is not asked for; a body that is compressed all the same stays as it is, and the flow
/// says that it is not JSON. (If something else in the program switches ureq's `gzip` on, it is
/// decompressed, and counted after that.)
#[derive(Clone, Debug)]
pub struct Http {
    roots: RootCerts,
    guard: Guard,
    plain: Parts,
    certified: Option<Parts>,
    observer: Observer,
}

impl Http {
    /// The configured client. It trusts the authorities that Mozilla's browsers trust.
    #[must_use]
    pub fn new() -> Self {
        Self::with_roots(RootCerts::WebPki)
    }

    /// The same, but it trusts these authorities and no others: one certificate or several, in PEM.
    ///
    /// # Errors
    /// There is none, or one of them is no certificate.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self, ureq::Error> {
        let (roots, mut judge) = (certificates(pem)?, RootCertStore::empty());
        for certificate in &roots {
            // ureq itself would leave out, without a word, what it cannot read.
            judge.add(CertificateDer::from(certificate.der()))?;
        }
        Ok(Self::with_roots(RootCerts::new_with_certs(&roots)))
    }

    /// Presents this certificate (RFC 8705) whenever the [`Terms`] ask for it, and never else. The chain
    /// and its key are in PEM.
    ///
    /// # Errors
    /// The chain or the key is none, or they do not belong together.
    pub fn with_client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, ureq::Error> {
        let (chain, private) = (certificates(chain)?, PrivateKey::from_pem(key)?);
        // ureq itself would panic at the first exchange, if it could not use them.
        let der = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        let judge = PrivateKeyDer::from_pem_slice(key).map_err(ureq::Error::Pem)?;
        CertifiedKey::from_der(der, judge, &ring::default_provider())?;
        let certificate = ClientCert::new_with_certs(&chain, private);
        self.certified = Some(Parts::new(&self.roots, Some(certificate)));
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
        let http = self.clone().with_observer(Observer::none());
        let io = Io::with_error_labels(move |request, terms| http.send(request, terms), why);
        Provider::builder(issuer, io).with_observer(self.observer.clone())
    }

    /// Runs a flow to its end on this thread.
    ///
    /// # Errors
    /// As [`oidc_drive::run`].
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, DriveError<ureq::Error>> {
        oidc_drive::run_with_observer(step, |request, terms| self.send(request, terms), &self.observer)
    }

    /// Carries one request out on its terms.
    ///
    /// # Errors
    /// Only if there was no response. If the server sent too many bytes, that is an error of input and
    /// output, with [`Exceeded`] in it.
    pub fn send(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, ureq::Error> {
        let sending = self.observer.sending(&request, terms);
        sending.ended(self.exchange(request, terms), why)
    }

    fn exchange(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, ureq::Error> {
        let parts = match &self.certified {
            Some(certified) if terms.client_certificate => certified,
            None if terms.client_certificate => {
                return Err(ureq::Error::Tls(
                    "the request needs a client certificate, and the HTTP client has none: call `Http::with_client_certificate`",
                ));
            }
            Some(_) | None => &self.plain,
        };
        let meter = Arc::new(Meter::new(terms));
        let spoken = speak(&parts.agent(&self.guard, &meter), request, terms);
        // What ureq makes of a read that was refused is not the reason.
        spoken.map_err(|error| match meter.exceeded() {
            Some(exceeded @ Exceeded::Bytes(_)) => io::Error::from(exceeded).into(),
            Some(Exceeded::Time(_)) => ureq::Error::Timeout(Timeout::Global),
            None => error,
        })
    }

    fn with_roots(roots: RootCerts) -> Self {
        let plain = Parts::new(&roots, None);
        Self { roots, guard: Guard::new(), plain, certified: None, observer: Observer::none() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

fn speak(agent: &Agent, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, ureq::Error> {
    let response = if request.body().is_empty() && request.method() != Method::POST {
        // An empty body is no body: it has no Content-Length. A POST of nothing has: a length of 0.
        agent.run(configure(agent, request.map(drop), terms))?
    } else {
        agent.run(configure(agent, request, terms))?
    };
    let (parts, body) = response.into_parts();
    let mut read = Vec::new();
    let most = (terms.max_body as u64).saturating_add(1);
    body.into_reader().take(most).read_to_end(&mut read)?;
    Ok(http::Response::from_parts(parts, read))
}

/// Why there was no response, for events.
fn why(error: &ureq::Error) -> &'static str {
    if matches!(error, ureq::Error::Timeout(_)) {
        "timeout"
    } else if matches!(error, ureq::Error::HostNotFound | ureq::Error::ConnectionFailed)
        || matches!(error, ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
    {
        "connection"
    } else {
        "no_response"
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ureq::Error> {
    let owned = |der: CertificateDer<'_>| Certificate::from_der(&der).to_owned();
    let certificates = CertificateDer::pem_slice_iter(pem).map(|der| der.map(owned));
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(ureq::Error::Pem)?;
    if certificates.is_empty() { Err(ureq::Error::Pem(pem::Error::NoItemsFound)) } else { Ok(certificates) }
}

/// What the agent of each exchange is made of.
#[derive(Clone, Debug)]
struct Parts {
    config: Config,
    /// It keeps the configuration of TLS.
    tls: Arc<RustlsConnector>,
}

impl Parts {
    fn new(roots: &RootCerts, certificate: Option<ClientCert>) -> Self {
        Self { config: config(roots, certificate), tls: Arc::default() }
    }

    /// An agent for one exchange. If something else in the program switches ureq's `cookies` on, one that
    /// lives longer sends what it was told in the exchange of one user with the request of another.
    fn agent(&self, guard: &Guard, meter: &Arc<Meter>) -> Agent {
        let connector = metered::Metered { tls: Arc::clone(&self.tls), meter: Arc::clone(meter) };
        Agent::with_parts(self.config.clone(), connector, egress::Resolver(guard.clone()))
    }
}

fn config(roots: &RootCerts, certificate: Option<ClientCert>) -> Config {
    let provider = Arc::new(ring::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        // Named here, so that it does not depend on what else of the program chooses for the process.
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(roots.clone())
        .client_cert(certificate)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        // As much as a head may have. With more, ureq takes what follows an interim response at once for a
        // head that is too large.
        .input_buffer_size(MAX_HEAD)
        .max_response_header_size(MAX_HEAD)
        .proxy(None)
        .accept(AutoHeaderValue::None)
        // No header at all would allow every coding (RFC 9110 section 12.5.3).
        .accept_encoding("identity")
        .user_agent(concat!("oidc-ureq/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(TIMEOUT))
        .build()
}

/// A request that is configured differently from its agent costs a TLS configuration of its own.
fn configure<S: ureq::AsSendBody>(
    agent: &Agent,
    request: http::Request<S>,
    terms: Terms,
) -> http::Request<S> {
    if terms.timeout == TIMEOUT {
        return request;
    }
    agent.configure_request(request).timeout_global(Some(terms.timeout)).build()
}
