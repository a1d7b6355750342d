//! [`resource_metadata`]: serves the metadata of a resource to anybody (RFC 9728 section 3).

use crate::cors;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use oidc_proto::resource::PublishedMetadata;

/// How long others may keep the document. It bounds how long a client goes on with an authorization server that the
/// resource no longer names.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Returns the response to a request for the metadata of a resource: the document as JSON, for `GET` and `HEAD` of anybody
/// and any origin. `OPTIONS` is answered for browsers, and every other method with 405. Call it where
/// [`PublishedMetadata::is_at`] holds. [`ProtectLayer`](crate::ProtectLayer) does so itself.
///
/// ```
/// use http::{Request, Response};
/// use oidc_tower::{
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
///     resource_metadata,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .publish(|about| about.scopes_supported(["api:read"]))
///     .build()?;
/// let published = server.published().ok_or("it publishes nothing")?;
/// let request = Request::get("/.well-known/oauth-protected-resource").body(())?;
/// assert!(published.is_at(request.uri()));
/// let response: Response<String> = resource_metadata(published, &request);
/// assert_eq!(response.headers()["access-control-allow-origin"], "*");
/// assert!(response.body().contains(r#""authorization_servers":["https://op.example"]"#));
/// # Ok(()) }
/// ```
pub fn resource_metadata<B, R: From<String>>(
    published: &PublishedMetadata,
    request: &Request<B>,
) -> Response<R> {
    let document = published.document();
    let (status, body) = match *request.method() {
        Method::GET => (StatusCode::OK, document),
        Method::HEAD => (StatusCode::OK, ""),
        Method::OPTIONS => (StatusCode::NO_CONTENT, ""),
        _ => (StatusCode::METHOD_NOT_ALLOWED, ""),
    };
    let mut response = Response::new(R::from(body.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, cors::ANY);
    if status == StatusCode::OK {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
        headers.insert(header::CACHE_CONTROL, CACHED);
    } else {
        headers.insert(header::ALLOW, METHODS);
    }
    if cors::asks(request) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        // The document is for everybody, so no header of a request matters.
        cors::allow_headers(request.headers(), headers, |_| true);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, cors::MAX_AGE);
    }
    response
}
