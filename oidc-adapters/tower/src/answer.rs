//! [`answer`]: makes a response from a refusal.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use oidc_drive::gate::error_body;
use oidc_proto::resource::Denied;

/// Returns the response to a refused request: status, challenge, and the error code in JSON. The layers of this crate
/// answer with it. Use it where your own code asks a [`Gate`](oidc_drive::Gate).
///
/// ```
/// use http::Response;
/// use oidc_tower::{
///     answer,
///     oidc_drive::Gate,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let response: Response<String> = answer(&gate.demand_credentials());
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="https://api.example""#);
/// # Ok(()) }
/// ```
pub fn answer<R: From<&'static str>>(denied: &Denied) -> Response<R> {
    response(denied.status(), denied.headers(), error_body(denied))
}

/// Returns the response to a request that went through no gate: 500. Such a request must not count as authenticated.
pub(crate) fn no_gate<R: From<&'static str>>() -> Response<R> {
    response(StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), r#"{"error":"server_error"}"#)
}

fn response<R: From<&'static str>>(
    status: StatusCode,
    headers: HeaderMap,
    body: &'static str,
) -> Response<R> {
    let mut response = Response::new(R::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if !body.is_empty() {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}
