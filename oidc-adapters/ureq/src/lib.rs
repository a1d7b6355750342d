//! OpenID Connect and OAuth 2.0 over [`ureq`], for blocking programs.
//!
//! This program logs a user in:
//!
//! ```no_run
//! use oidc_ureq::{
//!     Http,
//!     oidc_proto::message::{AuthorizationRequest, AuthorizationResponse},
//! };
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let provider = Http::new()
//!         .provider("https://op.example")
//!         .client_id("my-client")
//!         .secret("my secret")
//!         .redirect_uri("http://127.0.0.1:8765/callback")
//!         .build()?;
//!     let (url, pending) = provider.authorize(&AuthorizationRequest::new(["profile"]))?;
//!     println!("Open {url}, log in, and paste the address of the page where you arrive:");
//!     let callback = std::io::stdin().lines().next().ok_or("no address")??;
//!     let login = provider.callback(pending, AuthorizationResponse::from_url(&callback)?)?;
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
mod metered;

pub use oidc_drive::{
    DriveError, Event, Observer, ProviderBuilder, ProviderError,
    blocking::{Io, Provider, Resource},
    moment, now,
};
// These crates are in the signatures of this one. With the re-exports, one dependency is enough.
pub use oidc_drive;
pub use oidc_proto;

use http::Method;
use oidc_drive::{
    egress::Guard,
    meter::{Exceeded, Meter},
    resource::ResourceBuilder,
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

/// The largest head of a response, in bytes. The limit is the same on every stack.
const MAX_HEAD: usize = 64 * 1024;

/// An HTTP client over ureq that keeps the [terms](Terms) of the contract.
///
/// It follows no redirects, sends no request twice, keeps no cookies, takes no proxy from the environment, verifies
/// certificates with rustls, and refuses names that resolve to an address of a private network. It speaks HTTP/1.1.
///
/// ```
/// use oidc_ureq::Http;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = Http::new();
/// let api = http.provider("https://op.example").audience("https://api.example/").build()?;
/// assert_eq!(api.issuer(), "https://op.example"); // no request has been sent yet
///
/// // This is no token, so `verify` refuses it before it fetches keys.
/// let refused = api.verify("no token", |token| token.has_scope("api:read"));
/// assert_eq!(refused.map_err(|error| error.code()), Err("jws_not_compact"));
/// # Ok(()) }
/// ```
///
/// Each exchange opens a connection of its own, so no request meets a connection that the server is just closing.
/// The client does not ask for compression. A body that is compressed anyway stays as it is, and the flow says that
/// it is not JSON. (If another crate of the program switches on ureq's feature `gzip`, ureq decompresses the body, and
/// the decompressed bytes count.)
#[derive(Clone, Debug)]
pub struct Http {
    roots: RootCerts,
    guard: Guard,
    plain: Parts,
    certified: Option<Parts>,
    observer: Observer,
}

impl Http {
    /// Makes a client that trusts the certificate authorities of Mozilla's browsers.
    #[must_use]
    pub fn new() -> Self {
        Self::with_roots(RootCerts::WebPki)
    }

    /// Makes a client that trusts these certificate authorities and no others. `pem` has one certificate or several.
    ///
    /// # Errors
    /// Fails if `pem` has no certificate, or if one of them cannot be read.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self, ureq::Error> {
        let (roots, mut judge) = (certificates(pem)?, RootCertStore::empty());
        for certificate in &roots {
            // ureq itself would leave out, without an error, a certificate that it cannot read.
            judge.add(CertificateDer::from(certificate.der()))?;
        }
        Ok(Self::with_roots(RootCerts::new_with_certs(&roots)))
    }

    /// Presents this client certificate (RFC 8705) whenever the [`Terms`] ask for it, and at no other time. The
    /// certificate chain and its private key are in PEM.
    ///
    /// # Errors
    /// Fails if the chain or the key cannot be read, or if they do not belong together.
    pub fn with_client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, ureq::Error> {
        let (chain, private) = (certificates(chain)?, PrivateKey::from_pem(key)?);
        // If ureq could not use the two, it would panic at the first exchange.
        let der = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        let judge = PrivateKeyDer::from_pem_slice(key).map_err(ureq::Error::Pem)?;
        CertifiedKey::from_der(der, judge, &ring::default_provider())?;
        let certificate = ClientCert::new_with_certs(&chain, private);
        self.certified = Some(Parts::new(&self.roots, Some(certificate)));
        Ok(self)
    }

    /// Allows names that resolve to an address of a private network: for a provider in your own network. By default,
    /// such a name is refused before a request is sent. See [`Guard`].
    ///
    /// ```
    /// use oidc_ureq::{DriveError, Http, oidc_proto::flow::Discovery};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // This resolver stands for a name server that leads into a private network.
    /// let http = Http::new().with_resolver(|_host| Ok(vec![[10, 0, 0, 7].into()]));
    /// let refused = http.run(Discovery::start("https://op.example", &Default::default())?);
    /// let Err(DriveError::Transport(error)) = refused else { return Err("a request was sent".into()) };
    /// assert!(error.to_string().contains("allow_private_networks"), "{error}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Danger
    /// It takes a check away: a name in metadata may lead into your own network. See [`oidc_proto::danger`].
    #[must_use]
    pub fn allow_private_networks(self) -> Self {
        Self { guard: self.guard.allow_private_networks(), ..self }
    }

    /// Resolves names with this function instead of the operating system. The function gets a name and returns all
    /// of its addresses, the best first. It may block. It is called once in each exchange, and the [`Guard`]
    /// judges its answer like any other.
    #[must_use]
    pub fn with_resolver(
        self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { guard: self.guard.with_resolver(resolver), ..self }
    }

    /// Calls this observer at every exchange. If a flow is [run](Self::run), it is also called at waits and at the
    /// end.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Starts the settings of a handle for the provider with this issuer. Make one handle for each client of your
    /// program, and keep it. The handle fetches metadata and keys when they are first needed.
    pub fn provider(&self, issuer: impl Into<String>) -> ProviderBuilder<Io> {
        let http = self.clone().with_observer(Observer::none());
        let io = Io::with_error_labels(move |request, terms| http.send(request, terms), why);
        Provider::builder(issuer, io).with_observer(self.observer.clone())
    }

    /// Starts the settings of a handle for the resource at this URL, whose authorization server is not known yet. Make one
    /// handle for each resource and user. It sends nothing before the first request.
    pub fn resource(&self, url: impl Into<String>) -> ResourceBuilder<Io> {
        let http = self.clone().with_observer(Observer::none());
        let io = Io::with_error_labels(move |request, terms| http.send(request, terms), why);
        Resource::builder(url, io).with_observer(self.observer.clone())
    }

    /// Runs a flow to its end on this thread, and returns its output.
    ///
    /// # Errors
    /// Fails as [`oidc_drive::run`] does: with the error of the flow, or of the request that got no response.
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, DriveError<ureq::Error>> {
        oidc_drive::run_with_observer(step, |request, terms| self.send(request, terms), &self.observer)
    }

    /// Sends one request on its terms, and returns the response, whatever its status.
    ///
    /// # Errors
    /// Fails only if there was no response. If the server sent too many bytes, the error is
    /// [`Io`](ureq::Error::Io), and it contains [`Exceeded`].
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
        // ureq turns the error of a refused read into one of its own. The meter knows the reason.
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
        // An empty body is no body, so it has no Content-Length. Only an empty POST has one, of 0.
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

/// Returns the word for events that says why there was no response.
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

/// The parts of which the agent of each exchange is made.
#[derive(Clone, Debug)]
struct Parts {
    config: Config,
    /// The connector, which keeps the configuration of TLS between exchanges.
    tls: Arc<RustlsConnector>,
}

impl Parts {
    fn new(roots: &RootCerts, certificate: Option<ClientCert>) -> Self {
        Self { config: config(roots, certificate), tls: Arc::default() }
    }

    /// Makes the agent of one exchange. An agent that lived longer could mix users: if another crate of the program
    /// switches on ureq's feature `cookies`, it would send the cookies of one user with the request of another.
    fn agent(&self, guard: &Guard, meter: &Arc<Meter>) -> Agent {
        let connector = metered::Metered { tls: Arc::clone(&self.tls), meter: Arc::clone(meter) };
        Agent::with_parts(self.config.clone(), connector, egress::Resolver(guard.clone()))
    }
}

fn config(roots: &RootCerts, certificate: Option<ClientCert>) -> Config {
    let provider = Arc::new(ring::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        // Named here, so that it does not depend on the provider that the program installs for the process.
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
        // The same size as the limit of a head. If the buffer were larger, ureq would reject a response that arrives
        // together with an interim response, as a head that is too large.
        .input_buffer_size(MAX_HEAD)
        .max_response_header_size(MAX_HEAD)
        .proxy(None)
        .accept(AutoHeaderValue::None)
        // Without this header, a server may use any coding (RFC 9110 section 12.5.3).
        .accept_encoding("identity")
        .user_agent(concat!("oidc-ureq/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(TIMEOUT))
        .build()
}

/// Sets the timeout of a request. A request whose timeout is that of the agent stays as it is, because each
/// request with settings of its own costs a new TLS configuration.
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
