//! [`Grant`]: how a resource gets its tokens: from a user in a browser, or by a grant of the program.

use super::error::AccessError;
use crate::{
    drive::Boxed,
    event::Clock,
    provider::{Provider, ProviderError},
};
use oidc_proto::{
    Error,
    flow::{CallbackError, Client, PendingAccess},
    message::{AuthorizationResponse, TokenResponse},
    metadata::ResourceMetadata,
};
use std::sync::Arc;
use url::Url;

/// Sends a user to a URL, and returns the URL to which they came back.
pub(crate) type Browser = Arc<dyn Fn(Visit) -> Boxed<Result<String, String>> + Send + Sync>;

/// Gets tokens by a grant of the program.
pub(super) type Fetch = Arc<dyn Fn(Wanted) -> Boxed<Result<TokenResponse, ProviderError>> + Send + Sync>;

/// Where the tokens of a resource come from.
#[derive(Clone)]
pub(super) enum Grant {
    /// A user agrees in a browser (RFC 6749 section 4.1).
    User(Browser),
    /// The program has access of its own (RFC 6749 section 4.4).
    ClientCredentials,
    /// A grant of the program's choice.
    Own(Fetch),
    /// The settings have none.
    None,
}

/// A visit of a user to the authorization server. The [browser function](super::ResourceBuilder::browser) gets it: open
/// [`url`](Self::url), and return the URL to which the browser is sent back, with its query.
///
/// ```
/// use oidc_drive::resource::Visit;
///
/// /// Serves the redirect URI. `next_request` waits for the next request of the browser, and returns its path and query.
/// fn wait_for_callback(visit: &Visit, mut next_request: impl FnMut() -> String) -> String {
///     loop {
///         let url = format!("http://127.0.0.1:8400{}", next_request());
///         // Anybody can send a browser here. Only the answer to this visit ends it.
///         if visit.accepts(&url) {
///             return url;
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Visit {
    pub(super) url: Url,
    pub(super) client: Client,
    pub(super) pending: PendingAccess,
    pub(super) clock: Arc<dyn Clock>,
}

impl Visit {
    /// Returns the URL to open.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether this URL is the answer to this visit: an approval or a refusal, from the server that was asked. If not, go on
    /// waiting: the true answer may still come, because this one has spent nothing.
    #[must_use]
    pub fn accepts(&self, callback: &str) -> bool {
        match self.check(callback) {
            Ok(()) => true,
            Err(Error::Callback(error)) => {
                !error.login_may_still_end()
                    && !matches!(error, CallbackError::Form(_) | CallbackError::MissingCode)
            }
            Err(_) => true,
        }
    }

    fn check(&self, callback: &str) -> Result<(), Error> {
        let response = AuthorizationResponse::from_url(callback).map_err(CallbackError::from)?;
        // Nothing is sent: the step is dropped.
        self.pending.clone().callback(&self.client, response, self.clock.moment()).map(drop)
    }
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit").field("issuer", &self.pending.issuer()).finish_non_exhaustive()
    }
}

/// What a [grant of the program](super::ResourceBuilder::grant) is asked for.
///
/// ```
/// use oidc_drive::{
///     ProviderError,
///     oidc_proto::{Secret, flow::AssertionGrantRequest, message::TokenResponse},
///     resource::Wanted,
/// };
///
/// /// A workload, whose platform has signed a JWT for it (RFC 7523 section 2.1).
/// async fn with_platform_token(wanted: Wanted, jwt: Secret) -> Result<TokenResponse, ProviderError> {
///     let request = AssertionGrantRequest::jwt(jwt).resource(&wanted.resource).scopes(wanted.scopes);
///     wanted.provider.assertion_grant(request).await
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// The authorization server that was found, with this program as its client.
    pub provider: Provider,
    /// The identifier of the resource, to the letter: for the parameter `resource`.
    pub resource: String,
    /// The scopes to ask for. There may be none.
    pub scopes: Vec<String>,
    /// What the resource says of itself.
    pub metadata: Arc<ResourceMetadata>,
}

impl Grant {
    /// Whether a user decides.
    pub(super) const fn has_user(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// The error of a browser function.
pub(super) fn lost(why: String) -> AccessError {
    AccessError::Browser(why)
}
