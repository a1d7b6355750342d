//! Ready-made misbehaviour for [`TestProvider::alter_response`](super::TestProvider::alter_response),
//! [`alter_id_token`](super::TestProvider::alter_id_token) and
//! [`alter_access_token`](super::TestProvider::alter_access_token). Each function returns a closure; a test
//! can pass a closure of its own as well.
//!
//! ```
//! use oidc_testkit::{EndpointName, TestProvider, Timestamp, hostile};
//!
//! let mut provider = TestProvider::new("https://op.example");
//! provider.alter_response(EndpointName::Jwks, hostile::times(1, hostile::retry_after(5)));
//!
//! let request = http::Request::get("https://op.example/jwks")
//!     .header("accept", "application/json")
//!     .body(Vec::new())?;
//! let now = Timestamp(1_800_000_000);
//! assert_eq!(provider.handle(&request, now).status(), 503);
//! assert_eq!(provider.handle(&request, now).status(), 200);
//! # Ok::<(), http::Error>(())
//! ```

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// Replaces the response by this one.
///
/// # Panics
/// If HTTP cannot carry the status or the content type.
pub fn respond(
    status: u16,
    content_type: &str,
    body: impl Into<Vec<u8>>,
) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let status = StatusCode::from_u16(status).expect("a status of three digits");
    let content_type = HeaderValue::from_str(content_type).expect("a header value");
    let body = body.into();
    move |response| {
        *response = Response::new(body.clone());
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
}

/// Redirects with 307, which asks the client to send the same method and body to another URL.
///
/// # Panics
/// If a header field cannot carry the URL.
pub fn redirect_to(url: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let url = HeaderValue::from_str(url).expect("a header value");
    move |response| {
        *response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(header::LOCATION, url.clone());
    }
}

/// Answers 503 with a `Retry-After` of this many seconds (RFC 9110 section 10.2.3).
pub fn retry_after(seconds: u64) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    move |response| {
        *response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Answers with an OAuth error (RFC 6749 section 5.2).
///
/// # Panics
/// If HTTP cannot carry the status.
pub fn oauth_error(status: u16, error: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    respond(status, "application/json", serde_json::json!({ "error": error }).to_string())
}

/// Sets a header field. A field of the same name is replaced.
///
/// # Panics
/// If HTTP cannot carry the name or the value.
pub fn set_header(name: &str, value: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let name: header::HeaderName = name.parse().expect("a header name");
    let value = HeaderValue::from_str(value).expect("a header value");
    move |response| {
        response.headers_mut().insert(name.clone(), value.clone());
    }
}

/// Sets a member of the JSON object in the body. A body that is no JSON object stays as it is.
pub fn set_member(
    name: impl Into<String>,
    value: impl Into<Value>,
) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let (name, value) = (name.into(), value.into());
    move |response| {
        edit(response, |members| {
            members.insert(name.clone(), value.clone());
        });
    }
}

/// Removes a member of the JSON object in the body. A body that is no JSON object stays as it is.
pub fn remove_member(name: impl Into<String>) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let name = name.into();
    move |response| {
        edit(response, |members| {
            members.remove(&name);
        });
    }
}

/// Appends this many bytes of white space to the body, which JSON ignores.
pub fn pad_body(bytes: usize) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    move |response| {
        let body = response.body_mut();
        body.resize(body.len().saturating_add(bytes), b' ');
    }
}

/// Cuts the body off after this many bytes.
pub fn truncate_body(bytes: usize) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    move |response| response.body_mut().truncate(bytes)
}

/// Applies an alteration this many times, and then no more.
pub fn times<T>(
    count: usize,
    mut alteration: impl FnMut(&mut T) + Send + 'static,
) -> impl FnMut(&mut T) + Send + 'static {
    let mut left = count;
    move |response| {
        if let Some(fewer) = left.checked_sub(1) {
            left = fewer;
            alteration(response);
        }
    }
}

/// Sets a claim of a token.
pub fn set_claim(
    name: impl Into<String>,
    value: impl Into<Value>,
) -> impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static {
    let (name, value) = (name.into(), value.into());
    move |_, claims| {
        claims.insert(name.clone(), value.clone());
    }
}

/// Removes a claim of a token.
pub fn remove_claim(
    name: impl Into<String>,
) -> impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static {
    let name = name.into();
    move |_, claims| {
        claims.remove(&name);
    }
}

/// Sets a member of a token's header. With `alg` set to `none`, the signature is empty.
pub fn set_header_member(
    name: impl Into<String>,
    value: impl Into<Value>,
) -> impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static {
    let (name, value) = (name.into(), value.into());
    move |header, _| {
        header.insert(name.clone(), value.clone());
    }
}

/// Removes a member of a token's header.
pub fn remove_header_member(
    name: impl Into<String>,
) -> impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static {
    let name = name.into();
    move |header, _| {
        header.remove(&name);
    }
}

/// Sets a parameter of the authorization response. The provider's own value is removed.
pub fn set_callback_parameter(
    name: &str,
    value: &str,
) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let (name, value) = (name.to_owned(), value.to_owned());
    move |response| {
        callback(response, |pairs| {
            pairs.retain(|(known, _)| *known != name);
            pairs.push((name.clone(), value.clone()));
        });
    }
}

/// Adds a parameter to the authorization response, even if it is there already.
pub fn add_callback_parameter(
    name: &str,
    value: &str,
) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let (name, value) = (name.to_owned(), value.to_owned());
    move |response| callback(response, |pairs| pairs.push((name.clone(), value.clone())))
}

/// Removes a parameter from the authorization response.
pub fn remove_callback_parameter(name: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let name = name.to_owned();
    move |response| callback(response, |pairs| pairs.retain(|(known, _)| *known != name))
}

fn callback(response: &mut Response<Vec<u8>>, change: impl FnOnce(&mut Vec<(String, String)>)) {
    let Some(to) = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()) else { return };
    let (base, query) = to.split_once('?').unwrap_or((to, ""));
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    change(&mut pairs);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let to = HeaderValue::from_str(&format!("{base}?{query}")).expect("a URL is visible ASCII");
    response.headers_mut().insert(header::LOCATION, to);
}

fn edit(response: &mut Response<Vec<u8>>, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Ok(Value::Object(mut members)) = serde_json::from_slice(response.body()) {
        change(&mut members);
        *response.body_mut() = Value::Object(members).to_string().into_bytes();
    }
}
