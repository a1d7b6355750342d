//! The checks of single settings.

use crate::flow::{contract::ConfigError, saved::text};
use url::Url;

/// Accepts one or more `VSCHAR` (RFC 6749 appendix A.1 and A.2).
pub(super) fn check_characters(name: &'static str, text: &str) -> Result<(), ConfigError> {
    if text.is_empty() || !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(ConfigError::Characters(name));
    }
    Ok(())
}

/// Accepts `https`, `http` to this machine (RFC 8252 section 7.3), and the scheme of a native application.
pub(in crate::flow) fn check_redirect_uri(uri: &str) -> Result<(), ConfigError> {
    let url = Url::parse(uri).map_err(|_| ConfigError::RedirectUri("is not an absolute URL"))?;
    if !text::is_text(uri) {
        return Err(ConfigError::RedirectUri("is too long or has control characters"));
    }
    if url.fragment().is_some() {
        return Err(ConfigError::RedirectUri("has a fragment (RFC 6749 section 3.1.2)"));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" => {
            let local = match url.host() {
                Some(url::Host::Domain(name)) => name == "localhost",
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            };
            if local {
                Ok(())
            } else {
                Err(ConfigError::RedirectUri("is plain http and not on this machine"))
            }
        }
        "javascript" | "data" | "file" | "blob" | "about" | "ftp" | "ws" | "wss" => {
            Err(ConfigError::RedirectUri("has a scheme that no client can receive"))
        }
        _ => Ok(()),
    }
}
