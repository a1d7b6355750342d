//! Drives the flows of `oidc-proto` with [`reqwest`]: one configured client, one `send`.
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
#![forbid(unsafe_code)]

mod egress;

pub use oidc_drive::{Event, Failed, Io, Observer, Provider, ProviderBuilder, ProviderError, moment, now};

use http::{HeaderValue, Method, StatusCode, Version, header, response::Parts};
use oidc_drive::egress::Guard;
use oidc_proto::flow::{Flow, Request, Step, TIMEOUT, Terms};
use reqwest::{Client, redirect, retry};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use std::{fmt, io, net::IpAddr, sync::Arc};

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("oidc-reqwest/", env!("CARGO_PKG_VERSION")));
/// No header at all would allow every coding (RFC 9110 section 12.5.3).
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// As much as HTTP/1.1 has room for on every stack; without it, a head of HTTP/2 may have 16 KB.
const MAX_HEAD: u32 = 64 * 1024;

/// Why there was no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The exchange was not over in the time that its [`Terms`] allow.
    Timeout,
    /// The terms ask for a client certificate, and there is none.
    NoClientCertificate,
    /// A certificate or key that was given is not in PEM.
    Pem(pem::Error),
    /// A certificate or key that was given cannot be used.
    Tls(rustls::Error),
    /// No connection, no request, no head of a response, or a body that broke off.
    Exchange(reqwest::Error),
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
    plain: Client,
    certified: Option<(ClientConfig, Client)>,
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
        self.certified = Some((config.clone(), client(config, &self.guard)?));
        Ok(self)
    }

    /// Names may lead anywhere: for a provider in one's own network. Without it, a name that resolves to
    /// an address of a private network is refused before anything is sent; see [`Guard`].
    #[must_use]
    pub fn allow_private_networks(self) -> Self {
        let guard = self.guard.clone().allow_private_networks();
        self.guarded(guard)
    }

    /// Another resolver than that of the system. It gets a name, may block, and gives all addresses that
    /// it knows, the best first. What it says is judged as any answer is, and asked for once in each
    /// exchange.
    #[must_use]
    pub fn with_resolver(
        self,
        resolver: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        let guard = self.guard.clone().with_resolver(resolver);
        self.guarded(guard)
    }

    /// Tells this observer of every exchange; and of waits and of the end, if a flow is [run](Self::run).
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Begins the settings of a handle for the provider with this issuer: one for a program and a client,
    /// made once. Nothing is fetched before it is needed.
    pub fn provider(&self, issuer: impl Into<String>) -> ProviderBuilder<Io> {
        let io = self.clone().observed(Observer::none()).io();
        Provider::builder(issuer, io).events(self.observer.clone())
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
        let exchange = self.exchange(request, terms);
        let result = tokio::time::timeout(terms.timeout, exchange).await.unwrap_or(Err(Error::Timeout));
        sending.ended(result, why)
    }

    async fn exchange(&self, request: Request, terms: Terms) -> Result<http::Response<Vec<u8>>, Error> {
        let client = match &self.certified {
            Some((_, certified)) if terms.client_certificate => certified,
            None if terms.client_certificate => return Err(Error::NoClientCertificate),
            Some(_) | None => &self.plain,
        };
        // RFC 9110 section 8.6: a GET of nothing has no length, a POST of nothing has.
        let nothing = request.method() == Method::POST && request.body().is_empty();
        let mut request = reqwest::Request::try_from(request)?;
        request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
        request.headers_mut().entry(header::ACCEPT_ENCODING).or_insert(IDENTITY);
        if nothing {
            request.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        let mut response = client.execute(request).await?;
        let (mut read, most) = (Vec::new(), terms.max_body.saturating_add(1));
        while read.len() < most
            && let Some(data) = response.chunk().await?
        {
            read.extend(data.into_iter().take(most - read.len()));
        }
        let (parts, _) = http::Response::<reqwest::Body>::from(response).into_parts();
        if read.len() < most && is_cut(&parts, read.len()) {
            return Err(Error::Cut);
        }
        Ok(http::Response::from_parts(parts, read))
    }

    fn with_roots(roots: RootCertStore) -> Self {
        let (roots, guard) = (Arc::new(roots), Guard::new());
        let plain = configured(tls(&roots).with_no_client_auth(), &guard);
        Self { roots, guard, plain, certified: None, observer: Observer::none() }
    }

    fn guarded(self, guard: Guard) -> Self {
        let plain = configured(tls(&self.roots).with_no_client_auth(), &guard);
        let certified = self.certified.map(|(config, _)| (config.clone(), configured(config, &guard)));
        Self { roots: self.roots, guard, plain, certified, observer: self.observer }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

/// A stream that is reset with NO_ERROR ends for reqwest as one that is whole; its length tells, if it has
/// one. (Whether the stream has ended would tell always, but not with other features of reqwest.)
fn is_cut(head: &Parts, read: usize) -> bool {
    let length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    head.version == Version::HTTP_2 && !bodiless && length.is_some_and(|length: u64| (read as u64) < length)
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

#[allow(clippy::expect_used, reason = "what comes from outside was in a client before")]
fn configured(config: ClientConfig, guard: &Guard) -> Client {
    client(config, guard).expect("a client that can be configured")
}

fn client(mut config: ClientConfig, guard: &Guard) -> Result<Client, reqwest::Error> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        // A connection is never used twice: hyper would send again what met one that was closing, and
        // reqwest cannot switch that off.
        .pool_max_idle_per_host(0)
        .http2_max_header_list_size(MAX_HEAD)
        // A connection ends with its exchange of itself; but a server that takes nothing could hold it for
        // ever. It is given up if it answers no ping, within `TIMEOUT`.
        .http2_keep_alive_interval(TIMEOUT / 2)
        .http2_keep_alive_timeout(TIMEOUT / 2)
        .http2_keep_alive_while_idle(true)
        // The addresses of a name share it: of two, the second has two fifths of `TIMEOUT` if the first is
        // dead.
        .connect_timeout(TIMEOUT.saturating_mul(6) / 5)
        .no_proxy()
        .referer(false)
        // Whatever features others in the program need of reqwest.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .no_hickory_dns()
        .dns_resolver(egress::Resolver(guard.clone()))
        .build()
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

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Exchange(error.without_url())
    }
}

/// With all causes, in one line: there is no [`source`](std::error::Error::source) besides.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause: &dyn std::error::Error = match self {
            Self::Timeout => return f.write_str("the exchange took too long"),
            Self::Cut => return f.write_str("the body of the response was cut off"),
            Self::NoClientCertificate => {
                return f.write_str("a client certificate is needed, and there is none");
            }
            Self::Pem(error) => error,
            Self::Tls(error) => error,
            Self::Exchange(error) => error,
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
