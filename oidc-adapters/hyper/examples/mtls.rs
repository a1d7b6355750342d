//! A service whose certificate authenticates it, and to which its tokens are bound (RFC 8705). A token that is stolen is
//! worth nothing: the API takes it only over a connection that shows the same certificate.
//!
//! The program starts a provider and an API over https, with an authority of its own:
//! `cargo run -p oidc-hyper --example mtls`

use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use oidc_drive::{Gate, now};
use oidc_hyper::{Http, Io, Provider, ProviderError};
use oidc_proto::{
    UrlPolicy,
    flow::ClientCredentialsRequest,
    resource::{RequestView, ResourceServer, TrustedIssuer},
    sender::CertificateThumbprint,
};
use oidc_testkit::{ClientAuthentication, PeerCertificate, Registration, TestProvider};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

type Problem = Box<dyn std::error::Error + Send + Sync>;
type Request = http::Request<Vec<u8>>;
type Response = http::Response<Vec<u8>>;

// This is what to copy: the service. `http` has its certificate, in PEM.
fn service(http: &Http, issuer: &str, urls: UrlPolicy) -> Result<Provider, ProviderError> {
    http.provider(issuer)
        .client_id("billing")
        .client(|client| client.certificate().tls_client_certificate_bound_access_tokens())
        .url_policy(urls) // not needed for a provider on the Internet
        .build()
}

// And the API. The server of TLS tells the certificate of the connection.
async fn orders(gate: &Gate, request: &Request) -> Response {
    let shown = request.extensions().get::<PeerCertificate>();
    let thumbprint = shown.map(|PeerCertificate(der)| CertificateThumbprint::of_der(der));
    let (parts, _body) = request.clone().into_parts();
    let view = RequestView::of(&parts);
    let view = match &thumbprint {
        Some(thumbprint) => view.certificate(thumbprint),
        None => view,
    };
    match gate.check(&view).await {
        Ok(access) => answer(200, format!("the orders of {}", access.client_id().unwrap_or_default())),
        Err(denied) => answer(denied.status().as_u16(), denied.code()),
    }
}
// To here.

fn answer(status: u16, text: impl Into<String>) -> Response {
    let mut response = Response::new(text.into().into_bytes());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// An authority, and the certificates that it has issued.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Result<Self, Problem> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the authority of this example");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Returns a certificate and its key, in PEM.
    fn issue(&self, name: &str) -> Result<(String, String), Problem> {
        let key = KeyPair::generate()?;
        let chain = CertificateParams::new([name.to_owned()])?.signed_by(&key, &self.0)?.pem();
        Ok((chain, key.serialize_pem()))
    }

    /// Returns the settings of a server that asks for certificates, and serves those who have none, too.
    fn server(&self) -> Result<ServerConfig, Problem> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone())?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let (chain, key) = self.issue("127.0.0.1")?;
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>()?;
        Ok(ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients.allow_unauthenticated().build()?)
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?)
    }
}

/// Serves requests over TLS, each with the certificate of its connection.
async fn serve(listener: TcpListener, tls: TlsAcceptor, site: Arc<Site>) -> Result<(), Problem> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, site) = (tls.clone(), Arc::clone(&site));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let shown = shown.map(|der| PeerCertificate(der.to_vec()));
            let answer = service_fn(|request: http::Request<Incoming>| {
                let (site, shown) = (Arc::clone(&site), shown.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let mut request = Request::from_parts(parts, body.collect().await?.to_bytes().to_vec());
                    request.extensions_mut().extend(shown.map(extension).unwrap_or_default());
                    Ok::<_, hyper::Error>(site.answer(request).await.map(|body| Full::new(Bytes::from(body))))
                }
            });
            let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn extension(shown: PeerCertificate) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(shown);
    extensions
}

struct Site {
    provider: Mutex<TestProvider>,
    gate: Gate,
}

impl Site {
    async fn answer(&self, request: Request) -> Response {
        if request.uri().path() == "/orders" {
            return orders(&self.gate, &request).await;
        }
        let provider = self.provider.lock();
        provider.map_or_else(|_| answer(500, ""), |mut provider| provider.handle(&request, now()))
    }
}

/// Sends a request to the API with this token, over a connection that shows the certificate of `http` or none.
async fn call(http: &Http, shows: bool, api: &str, token: &str) -> Result<String, Problem> {
    let request =
        http::Request::get(api).header("authorization", format!("Bearer {token}")).body(Vec::new())?;
    let mut terms = oidc_proto::flow::Terms::new(oidc_proto::flow::Endpoint::Other("orders"));
    terms.client_certificate = shows;
    let response = http.send(request, terms).await?;
    Ok(format!("{} {}", response.status().as_u16(), String::from_utf8_lossy(response.body())))
}

#[tokio::main]
async fn main() -> Result<(), Problem> {
    let authority = Authority::new()?;
    let roots = authority.0.pem();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("https://{}", listener.local_addr()?);
    let api = format!("{issuer}/orders");
    let with = |name: &str| -> Result<(Http, PeerCertificate), Problem> {
        let (chain, key) = authority.issue(name)?;
        let der = CertificateDer::from_pem_slice(chain.as_bytes())?;
        let http = Http::with_root_certificates(roots.as_bytes())?;
        let http = http.with_client_certificate(chain.as_bytes(), key.as_bytes())?;
        Ok((http, PeerCertificate(der.to_vec())))
    };
    let ((billing, shown), (thief, _)) = (with("billing.example")?, with("thief.example")?);

    let mut provider = TestProvider::new(&*issuer);
    provider.accept_certificates(true);
    provider.default_resource(&*api);
    let client = Registration::new("billing", ClientAuthentication::TlsClientAuth(shown.thumbprint()));
    provider.register(client.grant_types(["client_credentials"]).certificate_bound());
    let server =
        ResourceServer::builder(&*api).trust(TrustedIssuer::new(&*issuer)).require_certificate_bound();
    let urls = || UrlPolicy::default().with_loopback();
    let io: Io = Http::with_root_certificates(roots.as_bytes())?.io();
    let gate = Gate::builder(server.build()?, io).url_policy(urls()).build()?;
    let site = Arc::new(Site { provider: Mutex::new(provider), gate });
    let tls = TlsAcceptor::from(Arc::new(authority.server()?));
    tokio::spawn(serve(listener, tls, Arc::clone(&site)));

    let wanted = ClientCredentialsRequest::default();
    let token = service(&billing, &issuer, urls())?.client_credentials(&wanted).await?.value;
    println!("The certificate of billing gets a token, and no secret was sent.");
    let token = token.access_token.expose();
    println!("With the same certificate, the API answers {}", call(&billing, true, &api, token).await?);
    println!("With the certificate of a thief, {}", call(&thief, true, &api, token).await?);
    let nobody = Http::with_root_certificates(roots.as_bytes())?;
    println!("Without a certificate, {}", call(&nobody, false, &api, token).await?);
    let refused = service(&thief, &issuer, urls())?.client_credentials(&wanted).await;
    println!("The thief asks for a token of billing: {}", refused.err().ok_or("a token for a thief")?.code());
    let refused = service(&nobody, &issuer, urls())?.client_credentials(&wanted).await;
    println!("Somebody without a certificate: {}", refused.err().ok_or("a token for nobody")?);
    Ok(())
}
