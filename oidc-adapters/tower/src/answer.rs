//! [`answer`]: a refusal as a response.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use oidc_drive::gate::error_body;
use oidc_proto::resource::Denied;

/// The response to a request that is refused: status, challenge, and the error code in JSON.
pub fn answer<R: From<&'static str>>(denied: &Denied) -> Response<R> {
    response(denied.status(), denied.headers(), error_body(denied))
}

/// For a request that came past no gate: nothing may be believed of it.
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
