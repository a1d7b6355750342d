//! [`DpopNonces`]: a client's memory of the newest nonce of each server (RFC 9449 sections 8.2 and 9).

use super::proof::dpop_nonce;
use http::{HeaderMap, Uri};
use std::{fmt, sync::Arc};

/// The maximum number of servers whose nonces are kept.
pub const MAX_NONCE_ORIGINS: usize = 16;

/// The newest nonce of each server, by origin: a nonce of one server means nothing to another.
///
/// A driver calls [`learn`](Self::learn) for every response, and gives the nonces to the client for the next flow
/// ([`Client::with_dpop_nonces`](crate::flow::Client::with_dpop_nonces)). Without a known nonce, the first request to a
/// server that demands one costs one more exchange. This type is cheap to clone.
///
/// ```
/// use oidc_proto::sender::DpopNonces;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut nonces = DpopNonces::new();
/// let response = http::Response::builder().header("dpop-nonce", "eyJ7S_zG").body(())?;
/// nonces.learn(&"https://op.example/token".parse()?, response.headers());
/// assert_eq!(nonces.newest(&"https://op.example/userinfo".parse()?), Some("eyJ7S_zG"));
/// assert_eq!(nonces.newest(&"https://api.example/orders".parse()?), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DpopNonces {
    /// Pairs of origin and nonce, in the order in which they were learned.
    known: Arc<Vec<(String, String)>>,
}

impl DpopNonces {
    /// Makes an empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns the nonce of a response, if it has one. `asked` is the URL of the request, `headers` are those of the
    /// response. With more than [`MAX_NONCE_ORIGINS`] servers, the nonce that was learned longest ago is forgotten.
    pub fn learn(&mut self, asked: &Uri, headers: &HeaderMap) {
        if let Some(nonce) = dpop_nonce(headers) {
            self.put(asked, nonce);
        }
    }

    /// Returns the newest nonce of the server at this URL.
    #[must_use]
    pub fn newest(&self, url: &Uri) -> Option<&str> {
        let origin = origin_of(url)?;
        self.known.iter().find(|(known, _)| *known == origin).map(|(_, nonce)| nonce.as_str())
    }

    pub(crate) fn put(&mut self, url: &Uri, nonce: &str) {
        let Some(origin) = origin_of(url) else { return };
        let known = Arc::make_mut(&mut self.known);
        known.retain(|(other, _)| *other != origin);
        if known.len() >= MAX_NONCE_ORIGINS {
            known.remove(0);
        }
        known.push((origin, nonce.to_owned()));
    }
}

/// Returns the scheme, the host and the port of a URL, in lower case and with the port of the scheme.
pub(crate) fn origin_of(url: &Uri) -> Option<String> {
    let host = url.host()?.to_ascii_lowercase();
    let port = url.port_u16().or(match url.scheme_str()? {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    })?;
    Some(format!("{}://{host}:{port}", url.scheme_str()?))
}

/// Shows the servers, but not their nonces.
impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|(origin, _)| origin)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::proof::MAX_NONCE, *};

    fn learn(nonces: &mut DpopNonces, url: &str, nonce: &str) {
        let headers = HeaderMap::from_iter([("dpop-nonce".parse().unwrap(), nonce.parse().unwrap())]);
        nonces.learn(&url.parse().unwrap(), &headers);
    }

    fn newest(nonces: &DpopNonces, url: &str) -> Option<String> {
        nonces.newest(&url.parse().unwrap()).map(str::to_owned)
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let mut nonces = DpopNonces::new();
        learn(&mut nonces, "https://OP.example/token?x=1", "a");
        for same in ["https://op.example/other", "https://op.example:443/"] {
            assert_eq!(newest(&nonces, same).as_deref(), Some("a"), "{same}");
        }
        for other in ["https://op.example:8443/", "http://op.example/", "https://sub.op.example/", "/token"] {
            assert_eq!(newest(&nonces, other), None, "{other}");
        }
        learn(&mut nonces, "https://op.example/", "b");
        nonces.learn(&"https://op.example/".parse().unwrap(), &HeaderMap::new());
        assert_eq!(
            newest(&nonces, "https://op.example/").as_deref(),
            Some("b"),
            "a response without a nonce changes nothing"
        );
    }

    #[test]
    fn the_number_and_length_of_kept_nonces_are_bounded() {
        let mut nonces = DpopNonces::new();
        for server in 0..100 {
            learn(&mut nonces, &format!("https://s{server}.example/"), "n");
            learn(&mut nonces, "https://op.example/", &server.to_string());
        }
        assert_eq!(nonces.known.len(), MAX_NONCE_ORIGINS);
        assert_eq!(newest(&nonces, "https://op.example/").as_deref(), Some("99"));
        assert_eq!(
            (newest(&nonces, "https://s84.example/"), newest(&nonces, "https://s99.example/").is_some()),
            (None, true)
        );
        learn(&mut nonces, "https://op.example/", &"n".repeat(MAX_NONCE + 1));
        assert_eq!(newest(&nonces, "https://op.example/").as_deref(), Some("99"), "too long to be kept");
        assert!(!format!("{nonces:?}").contains("99\"") && format!("{nonces:?}").contains("op.example"));
    }
}
