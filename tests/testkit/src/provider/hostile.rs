//! Ways to misbehave, for [`TestProvider::alter_response`](super::TestProvider::alter_response) and its
//! siblings for tokens. Each is a closure; a test may as well write its own.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// Answers something else altogether.
///
/// # Panics
/// If the status or the content type is not one that HTTP can carry.
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

/// Redirects with 307, which asks the client to send the same method and body again elsewhere.
///
/// # Panics
/// If the URL is not one that a header can carry.
pub fn redirect_to(url: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let url = HeaderValue::from_str(url).expect("a header value");
    move |response| {
        *response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert(header::LOCATION, url.clone());
    }
}

/// Answers 503 with `Retry-After` in seconds (RFC 9110 section 10.2.3).
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
/// If the status is not one that HTTP can carry.
pub fn oauth_error(status: u16, error: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    respond(status, "application/json", serde_json::json!({ "error": error }).to_string())
}

/// Sets a header field, or adds it.
///
/// # Panics
/// If name or value are not ones that HTTP can carry.
pub fn set_header(name: &str, value: &str) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let name: header::HeaderName = name.parse().expect("a header name");
    let value = HeaderValue::from_str(value).expect("a header value");
    move |response| {
        response.headers_mut().insert(name.clone(), value.clone());
    }
}

/// Sets a member of the JSON object in the body. Other bodies stay as they are.
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

/// Removes a member of the JSON object in the body. Other bodies stay as they are.
pub fn remove_member(name: impl Into<String>) -> impl FnMut(&mut Response<Vec<u8>>) + Send + 'static {
    let name = name.into();
    move |response| {
        edit(response, |members| {
            members.remove(&name);
        });
    }
}

/// Makes the body this many bytes longer with white space, which JSON does not mind.
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

/// Misbehaves only this many times, and then no more.
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

/// Sets a member of a token's header. With `alg` set to `none` the signature stays empty.
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

/// Sets a parameter of the authorization response: what the provider wrote there is gone.
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
