//! The redirect URIs of a client that publishes its metadata, and the kind of application that follows from them.

use url::{Host, Url};

/// The party that receives the response of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A server.
    Site,
    /// A program on the machine of the user (RFC 8252 section 7.3).
    Loopback,
    /// An app that owns a scheme (RFC 8252 section 7.1).
    App,
}

/// Returns the receiver of a redirect URI, or the reason why no client may have it.
pub(super) fn receiver(uri: &str) -> Result<Receiver, &'static str> {
    let url = Url::parse(uri).map_err(|_| "is not an absolute URL")?;
    if url.fragment().is_some() {
        return Err("has a fragment (RFC 6749 section 3.1.2)");
    }
    if uri.contains('*') {
        return Err("has an asterisk, and servers compare it to the letter");
    }
    match url.scheme() {
        "https" => Ok(Receiver::Site),
        "http" if is_loopback(&url) => Ok(Receiver::Loopback),
        "http" => Err("is plain http and not on this machine"),
        "javascript" | "data" | "file" | "blob" | "about" | "ftp" | "ws" | "wss" => {
            Err("has a scheme that no client can receive")
        }
        _ => Ok(Receiver::App),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns a redirect URI on this machine without its port. `None` if it is not one, or has no port.
pub(super) fn without_loopback_port(uri: &str) -> Option<String> {
    if receiver(uri) != Ok(Receiver::Loopback) {
        return None;
    }
    let behind = uri.strip_prefix("http://")?;
    let end = behind.find(['/', '?']).unwrap_or(behind.len());
    let (host, port) = behind.get(..end)?.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) && !host.contains('@');
    is_port.then(|| format!("http://{host}{}", behind.get(end..).unwrap_or_default()))
}

/// Returns the `application_type` of a client with these redirect URIs: `native` if one of them is on the machine of the
/// user or has a scheme of an app, and `web` otherwise (OpenID Connect Dynamic Client Registration 1.0 section 2).
pub(crate) fn application_type<S: AsRef<str>>(redirect_uris: &[S]) -> &'static str {
    let native = |uri: &S| matches!(receiver(uri.as_ref()), Ok(Receiver::Loopback | Receiver::App));
    if redirect_uris.iter().any(native) { "native" } else { "web" }
}
