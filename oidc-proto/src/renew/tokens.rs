//! [`TokenRenewal`]: fetches a new access token by client credentials (RFC 6749 section 4.4).
//!
//! ```text
//! Repeating ──granted──▶ Done(Renewed<TokenResponse>)
//! ```

use super::{Freshness, Renewed};
use crate::{
    base::moment::Moment,
    flow::{Attempt, Call, ClientCredentialsGrant, ClientCredentialsRequest, Error, Step, Then},
    message::TokenResponse,
};
use std::sync::Arc;

/// The flow that fetches an access token for the client itself, for a [`Renewal`](super::Renewal).
///
/// It sends one request and does not repeat it: the [`RenewalPolicy`](super::RenewalPolicy) decides when to try again.
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp, UrlPolicy,
///     flow::{Client, ClientCredentialsRequest, Step},
///     metadata::{Profile, ProviderMetadata},
///     renew::{Freshness, TokenRenewal},
/// };
/// use std::time::Duration;
///
/// let document = br#"{
///     "issuer": "https://op.example",
///     "token_endpoint": "https://op.example/token",
///     "jwks_uri": "https://op.example/jwks"
/// }"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-service").secret("a secret of the client").build()?;
/// let moment = |entropy| Moment::new(Timestamp(1_800_000_000), [entropy; 32]);
/// let call = TokenRenewal::start(&client, &ClientCredentialsRequest::new(["read"]), moment(1))?;
/// let (_request, _terms, pending) = call.into_parts();
///
/// // The provider's response to `_request`:
/// let body = r#"{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 3600}"#;
/// let response = http::Response::builder().header("content-type", "application/json");
/// let step = pending.receive(response.body(body.as_bytes().to_vec())?, moment(2))?;
/// let Step::Done(renewed) = step else { return Err("the flow goes on".into()) };
/// assert_eq!(renewed.value.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
/// assert_eq!(renewed.freshness, Freshness::lasting(Duration::from_secs(3600)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenRenewal;

impl TokenRenewal {
    /// Makes the token request of a client, or of one attempt of it.
    ///
    /// # Errors
    /// Fails as [`Client::client_credentials`](crate::flow::Client::client_credentials) does.
    pub fn start(
        attempt: impl Into<Attempt>,
        wanted: &ClientCredentialsRequest,
        moment: Moment,
    ) -> Result<Call<Self>, Error> {
        Ok(attempt.into().client_credentials(wanted, moment)?.carrying(()))
    }
}

impl Then for TokenRenewal {
    type First = ClientCredentialsGrant;
    type Carried = ();
    type Output = Renewed<TokenResponse>;

    fn then(tokens: TokenResponse, (): (), _: Moment) -> Result<Step<Self>, Error> {
        let freshness = tokens.expires_in.map_or(Freshness::UNKNOWN, Freshness::lasting);
        Ok(Step::Done(Renewed::new(Arc::new(tokens), freshness)))
    }
}
