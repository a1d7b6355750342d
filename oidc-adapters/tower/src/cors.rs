//! [`Cors`]: what browsers are told about an API that publishes its metadata (Fetch standard, "CORS protocol").
//!
//! Credentials of browsers (cookies, certificates) are never allowed: a page must have the token itself. So a page of any
//! origin can do nothing that a program elsewhere could not.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use oidc_proto::resource::PublishedMetadata;
use std::sync::Arc;

pub(crate) const ANY: HeaderValue = HeaderValue::from_static("*");

/// How long a browser may keep the answer to a preflight, in seconds.
pub(crate) const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The headers that a page may read: what our own responses say.
const EXPOSED: HeaderValue = HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce, Retry-After");

/// The headers of an MCP server that a page may read (Streamable HTTP).
const EXPOSED_OF_MCP: HeaderValue = HeaderValue::from_static("Mcp-Session-Id, MCP-Protocol-Version");

/// The headers that a page may send, in lower case.
const ALLOWED: [&str; 4] = ["accept", "authorization", "content-type", "dpop"];

/// What browsers are told about pages of other origins. The default lets pages of every origin call the API.
///
/// A browser asks first, with a preflight, before it sends a token to another origin. The layer answers that a page may send
/// `Authorization`, `DPoP`, `Content-Type` and `Accept`, and read `WWW-Authenticate`, `DPoP-Nonce` and `Retry-After`. At
/// an [MCP server](oidc_proto::resource::ResourceServerBuilder::mcp), a page may also send `Last-Event-ID` and every
/// header that begins with `Mcp-`, and read `Mcp-Session-Id` and `MCP-Protocol-Version`. Cookies are never allowed.
///
/// None of this refuses a request: it tells browsers what to keep from pages.
///
/// ```
/// use http::{HeaderName, Request, Response};
/// use oidc_tower::{
///     Cors, ProtectLayer,
///     oidc_drive::Gate,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
/// };
/// use std::convert::Infallible;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # async fn hello(_: Request<String>) -> Result<Response<String>, Infallible> { Ok(Response::new(String::new())) }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .publish(|about| about)
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let cors = Cors::default()
///     .allow_origins(["https://app.example"])
///     .allow_headers([HeaderName::from_static("idempotency-key")]);
/// let api = ProtectLayer::new(gate).cors(cors).layer(service_fn(hello));
///
/// let preflight = Request::options("/orders")
///     .header("origin", "https://app.example")
///     .header("access-control-request-method", "POST")
///     .header("access-control-request-headers", "authorization,idempotency-key");
/// let response = api.oneshot(preflight.body(String::new())?).await?;
/// assert_eq!(response.status(), 204);
/// assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
/// assert_eq!(response.headers()["access-control-allow-headers"], "authorization, idempotency-key");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Cors(Arc<Rules>);

#[derive(Clone, Debug, Default)]
struct Rules {
    /// The origins of pages that may call the API. `None` for every origin.
    origins: Option<Vec<String>>,
    headers: Vec<HeaderName>,
    exposed: Option<HeaderValue>,
}

impl Cors {
    /// Lets only pages of these origins call the API, such as `https://app.example`: scheme, host, and port if it is not the
    /// usual one. A second call adds others. An empty list lets no page of another origin call it. The metadata of the
    /// resource are for every origin all the same.
    pub fn allow_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        let origins = origins.into_iter().map(|origin| {
            let origin: String = origin.into();
            origin.strip_suffix('/').unwrap_or(&origin).to_ascii_lowercase()
        });
        Arc::make_mut(&mut self.0).origins.get_or_insert_default().extend(origins);
        self
    }

    /// Lets pages send these headers as well. A second call adds others.
    pub fn allow_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Arc::make_mut(&mut self.0).headers.extend(names);
        self
    }

    /// Lets pages read these headers of responses as well. A second call adds others.
    pub fn expose_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let Rules { exposed, .. } = Arc::make_mut(&mut self.0);
        let known = exposed.iter().filter_map(|names| names.to_str().ok()).map(str::to_owned);
        let names: Vec<_> = known.chain(names.into_iter().map(|name| name.as_str().to_owned())).collect();
        *exposed = HeaderValue::try_from(names.join(", ")).ok().filter(|names| !names.is_empty());
        self
    }

    /// Returns the value that tells a browser that a page of this origin may read the response.
    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let Some(origins) = &self.0.origins else { return Some(ANY) };
        let mut sent = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
        origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// Answers a preflight.
    pub(crate) fn preflight<B, R: From<&'static str>>(
        &self,
        published: &PublishedMetadata,
        request: &Request<B>,
    ) -> Option<Response<R>> {
        let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| asks(request))?;
        let mut response = Response::new(R::from(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        self.name_origin(self.allowed_origin(request.headers()), headers);
        if Method::from_bytes(asked.as_bytes()).is_ok() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        }
        let mcp = published.is_mcp();
        allow_headers(request.headers(), headers, |name| {
            let of_mcp = mcp && (name.as_str().starts_with("mcp-") || name == "last-event-id");
            of_mcp || ALLOWED.contains(&name.as_str()) || self.0.headers.contains(name)
        });
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// Returns what a browser is told about the response to this request.
    pub(crate) fn told(&self, published: &PublishedMetadata, headers: &HeaderMap) -> Told {
        Told { cors: self.clone(), origin: self.allowed_origin(headers), mcp: published.is_mcp() }
    }

    fn name_origin(&self, allowed: Option<HeaderValue>, headers: &mut HeaderMap) {
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if self.0.origins.is_some() {
            add(headers, header::VARY, &HeaderValue::from_static("Origin"));
        }
    }
}

/// Whether a request is a preflight.
pub(crate) fn asks<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Allows those of the requested headers that are allowed. Only names of headers are repeated.
pub(crate) fn allow_headers(
    requested: &HeaderMap,
    headers: &mut HeaderMap,
    allowed: impl Fn(&HeaderName) -> bool,
) {
    let lines = requested.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let names = names.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    let names: Vec<_> = names.filter(allowed).map(|name| name.as_str().to_owned()).collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", "))
        && !names.is_empty()
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
}

/// What a browser is told about one response.
pub(crate) struct Told {
    cors: Cors,
    origin: Option<HeaderValue>,
    mcp: bool,
}

impl Told {
    /// Adds the headers. What the service itself has said about origins stays.
    pub(crate) fn add_to(self, headers: &mut HeaderMap) {
        let Self { cors, origin, mcp } = self;
        if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            cors.name_origin(origin, headers);
        }
        let lines = [Some(EXPOSED), mcp.then_some(EXPOSED_OF_MCP), cors.0.exposed.clone()];
        for line in lines.into_iter().flatten() {
            add(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &line);
        }
    }
}

/// Adds a line, unless another layer has added the same.
fn add(headers: &mut HeaderMap, name: HeaderName, line: &HeaderValue) {
    if headers.get_all(&name).iter().all(|known| known != line) {
        headers.append(name, line.clone());
    }
}
