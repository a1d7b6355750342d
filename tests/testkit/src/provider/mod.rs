//! [`TestProvider`]: a strict OpenID Provider as a function from a request and a time to a response.

mod assertion;
mod attestation;
mod audit;
mod authenticate;
mod authorize;
mod certificate;
mod ciba;
mod client_documents;
mod delegation;
mod device;
mod documents;
mod dpop;
mod dynamic;
mod end_session;
mod federated;
mod grants;
pub mod hostile;
mod introspection;
mod logout_token;
mod mint;
mod params;
mod pushed;
mod rar;
mod registration;
mod request_object;
mod revocation;
mod settings;
mod signed_introspection;
mod store;
mod token;
mod userinfo;

pub use assertion::AssertionAudience;
pub use attestation::Attester;
pub use audit::{Finding, Seen};
pub use authenticate::ClientAuthentication;
pub use certificate::PeerCertificate;
pub use ciba::BACKCHANNEL_GRANT;
pub use device::DEVICE_GRANT;
pub use federated::FederatedCredential;
pub use grants::{JWT_BEARER_GRANT, SAML_BEARER_GRANT, TOKEN_EXCHANGE_GRANT};
pub use registration::{Registration, User};

use crate::{entropy::Seed, keys::KeyRing};
use audit::Audit;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use grants::Trust;
use http::{Method, Request, Response, StatusCode, header};
use mint::Forgery;
use oidc_proto::base::Timestamp;
use params::Params;
use pushed::Forms;
use rar::Rar;
use serde_json::Value;
use settings::Settings;
use std::{collections::BTreeMap, fmt};
use store::Store;
use url::Url;

/// An endpoint of the provider.
///
/// ```
/// use oidc_testkit::{EndpointName, TestProvider};
///
/// let provider = TestProvider::new("https://op.example/tenant");
/// assert_eq!(provider.url(EndpointName::Token), "https://op.example/tenant/token");
/// assert_eq!(provider.count(EndpointName::Token), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointName {
    /// `/.well-known/openid-configuration`, after the path of the issuer.
    Discovery,
    /// `/.well-known/oauth-authorization-server`, before the path of the issuer.
    OAuthMetadata,
    /// `/jwks`.
    Jwks,
    /// `/authorize`.
    Authorize,
    /// `/token`.
    Token,
    /// `/userinfo`.
    UserInfo,
    /// `/introspect`.
    Introspection,
    /// `/revoke`.
    Revocation,
    /// `/device_authorization`.
    DeviceAuthorization,
    /// `/par`.
    PushedAuthorizationRequest,
    /// `/bc-authorize`.
    BackchannelAuthentication,
    /// `/register`.
    Registration,
    /// A path below `/register/`: that of one client.
    ClientConfiguration,
    /// `/challenge`, for client attestations.
    Challenge,
    /// `/end_session`, for logouts that clients begin.
    EndSession,
    /// Any other path, which gets 404.
    Unknown,
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "discovery",
            Self::OAuthMetadata => "oauth metadata",
            Self::Jwks => "jwks",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::UserInfo => "userinfo",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::DeviceAuthorization => "device authorization",
            Self::PushedAuthorizationRequest => "pushed authorization request",
            Self::BackchannelAuthentication => "backchannel authentication",
            Self::Registration => "registration",
            Self::ClientConfiguration => "client configuration",
            Self::Challenge => "challenge",
            Self::EndSession => "end session",
            Self::Unknown => "unknown",
        })
    }
}

type Alteration = Box<dyn FnMut(&mut Response<Vec<u8>>) + Send>;

/// A strict OpenID Provider with one user, who consents to everything at once.
///
/// The provider holds all its state and reads nothing from outside. The same requests at the same times get
/// the same responses in every run, except for signatures of randomized algorithms.
///
/// Every request is judged, and [`audit`](Self::audit) lists the findings:
///
/// ```
/// use oidc_testkit::{Browser, EndpointName, Registration, TestProvider, Timestamp};
///
/// let mut provider = TestProvider::new("https://op.example");
/// provider.register(Registration::public("app").redirect_uri("https://app.example/callback"));
///
/// // A client that sends no PKCE challenge.
/// let url = provider.url(EndpointName::Authorize)
///     + "?client_id=app&response_type=code&scope=openid&redirect_uri=https://app.example/callback";
/// let landing = Browser::new().visit(&mut provider, url, Timestamp(1_800_000_000));
/// assert_eq!(landing.parameter("error").as_deref(), Some("invalid_request"));
/// assert!(provider.audit().iter().any(|finding| finding.what.contains("PKCE")));
/// ```
pub struct TestProvider {
    issuer: String,
    clients: BTreeMap<String, Registration>,
    user: User,
    deny_next: Option<String>,
    settings: Settings,
    trust: Trust,
    forms: Forms,
    dpop: dpop::Dpop,
    dynamic: dynamic::Dynamic,
    rar: Rar,
    keys: KeyRing,
    certificates: certificate::Certificates,
    attestations: attestation::Attestations,
    ciba: ciba::Ciba,
    client_documents: client_documents::ClientDocuments,
    end_session: end_session::EndSession,
    store: Store,
    audit: Audit,
    log: Vec<Seen>,
    alterations: Vec<(EndpointName, Alteration)>,
    forgery: Forgery,
    seed: Seed,
}

impl TestProvider {
    /// A provider for this issuer, with the user `alice` and no clients.
    ///
    /// # Panics
    /// If the issuer is no absolute URL, or has a query or a fragment.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        let url = Url::parse(&issuer).expect("the issuer is an absolute URL");
        assert!(
            url.host().is_some() && url.query().is_none() && url.fragment().is_none(),
            "the issuer {issuer} has a host, and neither query nor fragment"
        );
        Self {
            issuer,
            clients: BTreeMap::new(),
            user: User::default(),
            deny_next: None,
            settings: Settings::default(),
            trust: Trust::default(),
            forms: Forms::default(),
            dpop: dpop::Dpop::default(),
            dynamic: dynamic::Dynamic::default(),
            rar: Rar::default(),
            keys: KeyRing::new(),
            certificates: certificate::Certificates::default(),
            attestations: attestation::Attestations::default(),
            ciba: ciba::Ciba::default(),
            client_documents: client_documents::ClientDocuments::default(),
            end_session: end_session::EndSession::default(),
            store: Store::default(),
            audit: Audit::default(),
            log: Vec::new(),
            alterations: Vec::new(),
            forgery: Forgery::default(),
            seed: Seed::silent(0),
        }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The URL of an endpoint.
    #[must_use]
    pub fn url(&self, endpoint: EndpointName) -> String {
        let base = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        let path = match endpoint {
            EndpointName::Discovery => "/.well-known/openid-configuration",
            EndpointName::Jwks => "/jwks",
            EndpointName::Authorize => "/authorize",
            EndpointName::Token => "/token",
            EndpointName::UserInfo => "/userinfo",
            EndpointName::Introspection => "/introspect",
            EndpointName::Revocation => "/revoke",
            EndpointName::DeviceAuthorization => "/device_authorization",
            EndpointName::PushedAuthorizationRequest => "/par",
            EndpointName::BackchannelAuthentication => "/bc-authorize",
            EndpointName::Challenge => "/challenge",
            EndpointName::EndSession => "/end_session",
            EndpointName::OAuthMetadata => {
                let url = Url::parse(&self.issuer).expect("checked when the provider was made");
                let path = url.path().strip_suffix('/').unwrap_or(url.path());
                let origin = url.origin().ascii_serialization();
                return format!("{origin}/.well-known/oauth-authorization-server{path}");
            }
            EndpointName::Registration => "/register",
            EndpointName::ClientConfiguration => "/register/",
            EndpointName::Unknown => "/unknown",
        };
        format!("{base}{path}")
    }

    /// Answers a request, and judges it. `now` is the provider's time.
    pub fn handle(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        let (endpoint, stray) = self.route(request);
        self.log.push(Seen::new(now, endpoint, request));
        self.audit.begin(now, endpoint);
        if let Some(stray) = stray {
            self.audit.note(stray);
        }
        self.audit.general(request, endpoint);
        self.see_certificate(request);
        self.see_client(endpoint, request, now);
        let mut response = self.answer(endpoint, request, now);
        self.after_attestation(endpoint, request, &mut response, now);
        for (altered, alteration) in &mut self.alterations {
            if *altered == endpoint {
                alteration(&mut response);
            }
        }
        response
    }

    fn answer(
        &mut self,
        endpoint: EndpointName,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        let (get, post) = (request.method() == Method::GET, request.method() == Method::POST);
        match endpoint {
            EndpointName::Discovery if get => self.discovery(self.settings.openid_form),
            EndpointName::OAuthMetadata if get => self.discovery(self.settings.oauth_form),
            EndpointName::Jwks if get => self.jwks(),
            EndpointName::Authorize if get || post => self.bound_authorize(request, now),
            EndpointName::Token if post => self.proven_token(request, now),
            EndpointName::UserInfo if get || post => self.proven_userinfo(request, now),
            EndpointName::Introspection if post => self.introspection(request, now),
            EndpointName::Revocation if post => self.revocation(request),
            EndpointName::DeviceAuthorization if post => self.device(request, now),
            EndpointName::PushedAuthorizationRequest if post => self.pushed(request, now),
            EndpointName::BackchannelAuthentication if post => self.backchannel(request, now),
            EndpointName::Registration if post => self.register_dynamically(request, now),
            EndpointName::ClientConfiguration => self.configure(request),
            EndpointName::Challenge if post && self.attestations.endpoint => self.challenge(request, now),
            EndpointName::Challenge => page(StatusCode::NOT_FOUND, "There is nothing here."),
            EndpointName::EndSession if get || post => self.end_session(request),
            EndpointName::Unknown => page(StatusCode::NOT_FOUND, "There is nothing here."),
            EndpointName::Discovery | EndpointName::OAuthMetadata | EndpointName::Jwks => {
                self.method_not_allowed("GET")
            }
            EndpointName::Token
            | EndpointName::Introspection
            | EndpointName::Revocation
            | EndpointName::DeviceAuthorization
            | EndpointName::PushedAuthorizationRequest
            | EndpointName::BackchannelAuthentication
            | EndpointName::Registration => self.method_not_allowed("POST"),
            EndpointName::Authorize | EndpointName::UserInfo | EndpointName::EndSession => {
                self.method_not_allowed("GET, POST")
            }
        }
    }

    fn method_not_allowed(&mut self, allowed: &'static str) -> Response<Vec<u8>> {
        self.audit.note(format!("the method is not one of: {allowed}"));
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED, "This method does not work here.");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
        response
    }

    /// The endpoint that a request is for, and any fault of its target.
    fn route(&self, request: &Request<Vec<u8>>) -> (EndpointName, Option<&'static str>) {
        let uri = request.uri();
        let issuer = Url::parse(&self.issuer).expect("checked when the provider was made");
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(authority) = uri.authority().map(http::uri::Authority::as_str).or(host) else {
            return (EndpointName::Unknown, Some("neither an absolute target nor a Host header"));
        };
        let scheme = uri.scheme_str().unwrap_or(issuer.scheme());
        let origin = Url::parse(&format!("{scheme}://{authority}/"));
        if !origin.is_ok_and(|url| url.origin() == issuer.origin() && url.username().is_empty()) {
            return (EndpointName::Unknown, Some("the request is for another origin than the issuer's"));
        }
        let found = ENDPOINTS
            .into_iter()
            .find(|endpoint| Url::parse(&self.url(*endpoint)).is_ok_and(|url| url.path() == uri.path()));
        match found {
            Some(endpoint) => (endpoint, None),
            None if self.is_client_configuration(uri.path()) => (EndpointName::ClientConfiguration, None),
            None => (EndpointName::Unknown, Some("the request is for no endpoint of this provider")),
        }
    }

    /// A value that is the same in every run, and differs from all other values of the run.
    fn fresh(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.seed.bytes32())
    }
}

impl fmt::Debug for TestProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients: Vec<_> = self.clients.keys().collect();
        f.debug_struct("Provider")
            .field("issuer", &self.issuer)
            .field("clients", &clients)
            .field("requests", &self.log.len())
            .field("findings", &self.audit.findings)
            .finish_non_exhaustive()
    }
}

const ENDPOINTS: [EndpointName; 14] = [
    EndpointName::EndSession,
    EndpointName::Registration,
    EndpointName::Challenge,
    EndpointName::PushedAuthorizationRequest,
    EndpointName::BackchannelAuthentication,
    EndpointName::Revocation,
    EndpointName::DeviceAuthorization,
    EndpointName::Discovery,
    EndpointName::OAuthMetadata,
    EndpointName::Introspection,
    EndpointName::Jwks,
    EndpointName::Authorize,
    EndpointName::Token,
    EndpointName::UserInfo,
];

/// The parameters of a request to an endpoint that reads them from the body.
fn form(request: &Request<Vec<u8>>) -> Params {
    if audit::is_form(request.headers()) { Params::parse(request.body()) } else { Params::default() }
}

fn page(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    let mut response =
        Response::new(format!("<!doctype html><title>{status}</title><p>{text}\n").into_bytes());
    *response.status_mut() = status;
    insert(&mut response, "content-type", "text/html; charset=utf-8");
    insert(&mut response, "cache-control", "no-store");
    response
}

fn json(status: StatusCode, body: &Value, cache_control: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = status;
    insert(&mut response, "content-type", "application/json");
    insert(&mut response, "cache-control", cache_control);
    response
}

fn insert(response: &mut Response<Vec<u8>>, name: &'static str, value: &str) {
    let value = header::HeaderValue::from_str(value).expect("the provider writes only visible ASCII");
    response.headers_mut().insert(header::HeaderName::from_static(name), value);
}
