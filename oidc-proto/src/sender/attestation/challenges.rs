//! [`AttestationChallenges`]: a client's memory of the newest challenge of each server
//! (draft-ietf-oauth-attestation-based-client-auth-10 section 6.2).

use crate::sender::nonces::DpopNonces;
use http::{HeaderMap, Uri};
use std::fmt;

/// The maximum length of a challenge that is kept, in bytes. A longer one is ignored.
const MAX_CHALLENGE: usize = 1024;

/// Returns the challenge that a server wants in the next proof of possession, from the headers of any of its responses
/// (draft-ietf-oauth-attestation-based-client-auth-10 section 6.2).
///
/// ```
/// let response = http::Response::builder().header("OAuth-Client-Attestation-Challenge", "AYjcyMzY3").body(())?;
/// assert_eq!(oidc_proto::sender::attestation_challenge(response.headers()), Some("AYjcyMzY3"));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn attestation_challenge(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("oauth-client-attestation-challenge").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().and_then(challenge_text)
}

/// Returns the text if it may be a challenge: one word of visible ASCII, and not too long.
pub(crate) fn challenge_text(text: &str) -> Option<&str> {
    let is_word =
        (1..=MAX_CHALLENGE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then_some(text)
}

/// The newest challenge of each server, by origin. A driver calls [`learn`](Self::learn) for every response, and gives the
/// challenges to the client for the next flow
/// ([`Client::with_attestation_challenges`](crate::flow::Client::with_attestation_challenges)). Cheap to clone.
///
/// Without a known challenge, a client asks the challenge endpoint of the provider first, if there is one.
///
/// ```
/// use oidc_proto::sender::AttestationChallenges;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut challenges = AttestationChallenges::new();
/// let response = http::Response::builder().header("oauth-client-attestation-challenge", "AYjcyMzY3").body(())?;
/// challenges.learn(&"https://op.example/token".parse()?, response.headers());
/// assert_eq!(challenges.newest(&"https://op.example/par".parse()?), Some("AYjcyMzY3"));
/// assert_eq!(challenges.newest(&"https://api.example/orders".parse()?), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AttestationChallenges(DpopNonces);

impl AttestationChallenges {
    /// Makes an empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns the challenge of a response, if it has one. `asked` is the URL of the request, `headers` are those of the
    /// response. With more than [`MAX_NONCE_ORIGINS`](crate::sender::MAX_NONCE_ORIGINS) servers, the challenge that was
    /// learned longest ago is forgotten.
    pub fn learn(&mut self, asked: &Uri, headers: &HeaderMap) {
        if let Some(challenge) = attestation_challenge(headers) {
            self.0.put(asked, challenge);
        }
    }

    /// Returns the newest challenge of the server at this URL.
    #[must_use]
    pub fn newest(&self, url: &Uri) -> Option<&str> {
        self.0.newest(url)
    }

    pub(crate) fn put(&mut self, url: &Uri, challenge: &str) {
        self.0.put(url, challenge);
    }
}

/// Shows the servers, but not their challenges.
impl fmt::Debug for AttestationChallenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
