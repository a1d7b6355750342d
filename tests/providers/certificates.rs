//! Clients that present certificates (RFC 8705) at a real, OpenID-certified provider, over each adapter: `oidc-provider`
//! from npm over https, with the endpoints for certificates on a port of their own.

use crate::{adapters::Http, npm};
use oidc_drive::{moment, now};
use oidc_proto::{
    UrlPolicy,
    flow::{
        Client, ClientAuthentication, ClientBuilder, ClientCredentialsRequest, Discovery, DiscoveryOptions,
        JwksRetrieval, TokenTypeHint,
    },
    jose::KeySet,
    metadata::{Profile, ProviderMetadata},
    resource::{RequestView, ResourceServer, TrustedIssuer, Verdict},
    sender::CertificateThumbprint,
    token::Scratch,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use std::{
    io::BufReader,
    process::{Child, ChildStdout},
    sync::{Arc, Mutex, OnceLock},
};

const RESOURCE: &str = "https://api.example/";

/// A certificate and its key, in PEM.
struct Pair {
    chain: String,
    key: String,
}

impl Pair {
    fn thumbprint(&self) -> CertificateThumbprint {
        let der = CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("a certificate");
        CertificateThumbprint::of_der(&der)
    }
}

/// The provider, and the certificates of its clients.
struct Site {
    issuer: String,
    /// The authority of the server and of the clients.
    authority: String,
    orders: Pair,
    /// A certificate of the same authority for another client.
    mail: Pair,
    own: Pair,
    _child: Mutex<(Child, BufReader<ChildStdout>)>,
}

fn site() -> Option<&'static Site> {
    static SITE: OnceLock<Option<Site>> = OnceLock::new();
    SITE.get_or_init(start).as_ref()
}

fn start() -> Option<Site> {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate for self-signed if its subject is its issuer.
    params.distinguished_name.push(DnType::CommonName, "the authority of the tests");
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    let params = |name: &str| {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params
    };
    let issue = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let chain = params(name).signed_by(&key, &authority).expect("a certificate").pem();
        Pair { chain, key: key.serialize_pem() }
    };
    let key = KeyPair::generate().expect("a key");
    let chain = params("own.example").self_signed(&key).expect("a certificate").pem();
    let (server, own) = (issue("127.0.0.1"), Pair { chain, key: key.serialize_pem() });
    let tls =
        json!({"chain": server.chain, "key": server.key, "authority": authority.pem(), "own": own.chain});
    let (child, issuer) = npm::spawn("certificates.mjs", ("OIDC_TLS", tls.to_string()))?;
    let (orders, mail) = (issue("orders.example"), issue("mail.example"));
    Some(Site { issuer, authority: authority.pem(), orders, mail, own, _child: Mutex::new(child) })
}

/// An HTTP client that trusts the authority, and presents this certificate where the terms say so.
trait Certified: Http + Sized {
    fn with(authority: &str, own: Option<&Pair>) -> Self;
    /// Runs a flow that ends in an error of the protocol.
    fn refused<F: oidc_proto::flow::Flow>(&self, step: impl Into<oidc_proto::flow::Step<F>>) -> String;
}

macro_rules! certified {
    ($($http:ty, |$self:ident, $step:ident| $run:expr;)+) => {$(
        impl Certified for $http {
            fn with(authority: &str, own: Option<&Pair>) -> Self {
                let http = <$http>::with_root_certificates(authority.as_bytes()).expect("certificates");
                match own {
                    Some(Pair { chain, key }) => {
                        http.with_client_certificate(chain.as_bytes(), key.as_bytes()).expect("a pair")
                    }
                    None => http,
                }
            }
            fn refused<F: oidc_proto::flow::Flow>(&$self, $step: impl Into<oidc_proto::flow::Step<F>>) -> String {
                $run.err().expect("a refusal").to_string()
            }
        }
    )+};
}

certified! {
    oidc_ureq::Http, |self, step| self.run(step);
    oidc_hyper::Http, |self, step| crate::adapters::RUNTIME.block_on(self.run(step));
    oidc_reqwest::Http, |self, step| crate::adapters::RUNTIME.block_on(self.run(step));
}

fn metadata(http: &impl Http, site: &Site) -> Arc<ProviderMetadata> {
    let policy = UrlPolicy::default().with_loopback();
    let options = DiscoveryOptions::of_profile(Profile::AuthorizationServer, &policy);
    Arc::new(http.finish(Discovery::with(&site.issuer, options.or_other_form()).expect("an issuer")))
}

fn service() -> ClientCredentialsRequest {
    ClientCredentialsRequest::new(["api:read"]).resource(RESOURCE)
}

fn everything<H: Certified>() {
    let Some(site) = site() else { return };
    let plain = H::with(&site.authority, None);
    let metadata = metadata(&plain, site);
    let keys = plain.finish(JwksRetrieval::start(metadata.jwks_uri.as_ref().expect("keys")));
    let client = |id: &str, shape: fn(ClientBuilder) -> ClientBuilder| {
        shape(Client::builder(metadata.clone(), id)).build().expect("a client")
    };
    // The metadata lists the method of the authority first; a certificate of one's own must be asked for.
    let of_authority = client("authority", |client| client.certificate());
    assert_eq!(of_authority.authentication(), ClientAuthentication::TlsClientAuth);
    let own =
        client("self-signed", |client| client.authentication(ClientAuthentication::SelfSignedTlsClientAuth));
    let secret =
        client("secret", |client| client.secret("its secret").tls_client_certificate_bound_access_tokens());

    for (client, pair) in [(&of_authority, &site.orders), (&own, &site.own), (&secret, &site.mail)] {
        let http = H::with(&site.authority, Some(pair));
        let tokens = http.finish(client.client_credentials(&service(), moment()).expect("a request"));
        api(site, &keys, tokens.access_token.expose(), pair);
        // Without a resource, the token is opaque, and the provider says what it is bound to.
        let opaque = ClientCredentialsRequest::default();
        let tokens = http.finish(client.client_credentials(&opaque, moment()).expect("a request"));
        let ask = || client.introspect(&tokens.access_token, None, moment()).expect("a request");
        let said = http.finish(ask());
        let cnf = said.cnf.expect("the token is bound");
        assert!(said.active && cnf["x5t#S256"] == pair.thumbprint().as_str(), "{client:?}");
        let hint = Some(TokenTypeHint::AccessToken);
        http.finish(client.revoke(&tokens.access_token, hint, moment()).expect("a request"));
        assert!(!http.finish(ask()).active, "{client:?}");
    }
    // With the certificate of another client, and with one that the authority has not issued.
    let wrong = [(&of_authority, &site.mail), (&of_authority, &site.own), (&own, &site.orders)];
    for (client, pair) in wrong {
        let http = H::with(&site.authority, Some(pair));
        let refused = http.refused(client.client_credentials_once(&service(), moment()).expect("a request"));
        assert!(refused.contains("`invalid_client`"), "{client:?}: {refused}");
    }
    // Without a certificate, nothing is sent.
    for client in [&of_authority, &own, &secret] {
        let refused = plain.refused(client.client_credentials_once(&service(), moment()).expect("a request"));
        assert!(refused.contains("`Http::with_client_certificate`"), "{client:?}: {refused}");
    }
}

/// An API takes the token from the client that presents the certificate, and from nobody else.
fn api(site: &Site, keys: &KeySet, token: &str, pair: &Pair) {
    let issuer = TrustedIssuer::new(&site.issuer);
    let server = ResourceServer::builder(RESOURCE).trust(issuer).require_certificate_bound().build();
    let server = server.expect("settings");
    let request = http::Request::get("/orders").header("authorization", format!("Bearer {token}"));
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let ask = |thumbprint: Option<&CertificateThumbprint>| {
        let view = RequestView::of(&parts);
        let view = match thumbprint {
            Some(thumbprint) => view.certificate(thumbprint),
            None => view,
        };
        let mut scratch = Scratch::new();
        let inspected = server.inspect(&view, &mut scratch).expect("a token");
        match server.judge(&inspected, keys, &mut scratch, now()) {
            Verdict::Accepted(_) => Ok(()),
            Verdict::Denied(denied) => Err(denied.code()),
            other => panic!("{other:?}"),
        }
    };
    let other = [&site.orders, &site.mail, &site.own].into_iter().find(|other| other.chain != pair.chain);
    assert_eq!(ask(Some(&pair.thumbprint())), Ok(()));
    assert_eq!(ask(other.map(Pair::thumbprint).as_ref()), Err("token_wrong_sender"));
    assert_eq!(ask(None), Err("token_sender_constrained"));
}

#[test]
fn clients_with_certificates_get_bound_tokens_over_ureq() {
    everything::<oidc_ureq::Http>();
}

#[test]
fn clients_with_certificates_get_bound_tokens_over_hyper() {
    everything::<oidc_hyper::Http>();
}

#[test]
fn clients_with_certificates_get_bound_tokens_over_reqwest() {
    everything::<oidc_reqwest::Http>();
}
