//! [`PreparedLogout`]: a logout request that is complete, and goes to the provider by URL or by form (RP-Initiated Logout
//! 1.0 section 2).

use super::{error::LogoutError, hint, pending::PendingLogout};
use crate::{
    base::{moment::Moment, secret::Secret, visible::without_query},
    flow::{
        client::{Client, check_redirect_uri},
        contract::ConfigError,
    },
    message::LogoutRequest,
};
use std::fmt;
use url::Url;

/// The longest URL of a logout request that servers take as a rule, in bytes. Some accept no query above 2,048 bytes, and
/// many no URL above 8,192. It is no setting: [`PreparedLogout::fits_url`] compares with it, and
/// [`PreparedLogout::by_url`] makes longer URLs, too.
pub const MAX_LOGOUT_URL: usize = 2_000;

/// A logout request that is complete, and not sent yet. [`Client::logout`] makes it.
///
/// It goes to the provider in one of two ways. Every provider must take both (section 2), but some take only the URL
/// (`oidc-provider` of npm, by its default settings, answers a form with 404):
///
/// | way | for |
/// |---|---|
/// | a redirect to a URL ([`by_url`](Self::by_url)) | requests that [fit](Self::fits_url) a URL |
/// | a form that a page of yours posts ([`by_form`](Self::by_form)) | long ID tokens; and ID tokens that must not stand in the logs of servers and in the history of the browser |
///
/// The URL has the ID token, with what it says about the user. Do not write it to a log.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, message::LogoutRequest, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "end_session_endpoint": "https://op.example/logout",
///     "jwks_uri": "https://op.example/jwks", "id_token_signing_alg_values_supported": ["RS256"]}"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-app").build()?;
///
/// let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let logout = client.logout(&LogoutRequest::new(), moment())?;
/// assert!(logout.fits_url());
/// let (url, pending) = logout.by_url();
/// assert_eq!(url.as_str(), "https://op.example/logout?client_id=my-app");
/// assert!(pending.is_none(), "the user stays at the provider");
///
/// // The same as a form.
/// let (form, _) = client.logout(&LogoutRequest::new(), moment())?.by_form();
/// assert_eq!(form.action().as_str(), "https://op.example/logout");
/// assert_eq!(form.fields().collect::<Vec<_>>(), [("client_id", "my-app")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a prepared logout does nothing until the user goes to the provider"]
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedLogout {
    form: LogoutForm,
    pending: Option<PendingLogout>,
}

/// A logout request as the data of a form, for a page of your application. [`PreparedLogout::by_form`] makes it.
///
/// The page has a form with `method="post"`, with [`action`](Self::action) as its `action`, and a hidden field for each
/// of [`fields`](Self::fields). Escape names and values as your HTML library does. The page submits the form by a button,
/// or by a script. Send it with `Cache-Control: no-store`. If it has a `Content-Security-Policy`, its `form-action` must
/// allow the origin of the provider, and those to which the provider redirects.
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutForm {
    action: Url,
    fields: Vec<(String, Secret)>,
}

impl Client {
    /// Prepares a logout at the provider: the user of this browser goes there, and its session with the provider ends.
    /// End the session of your application first.
    ///
    /// The request has a new `state` if the user is to come back, and always the `client_id`. An ID token hint must be an
    /// ID token of this provider for this client. It may have expired, and nobody verifies its signature but the provider.
    ///
    /// # Errors
    /// [`LogoutError::NoEndpoint`] if the provider offers no such logout; others if a hint, the post-logout redirect URI
    /// or a parameter cannot be sent.
    pub fn logout(&self, request: &LogoutRequest, moment: Moment) -> Result<PreparedLogout, LogoutError> {
        let endpoint = self.metadata().end_session_endpoint.as_ref().ok_or(LogoutError::NoEndpoint)?;
        if let Some(token) = &request.id_token_hint {
            hint::check(self, token)?;
        }
        let pending = match &request.post_logout_redirect_uri {
            Some(uri) => {
                check_uri(uri)?;
                Some(PendingLogout::new(self, moment))
            }
            None => None,
        };
        let fields = request.encode(self.client_id(), pending.as_ref().map(PendingLogout::state))?;
        // The query of the endpoint is kept. An endpoint whose query has one of our parameters is unusable.
        let action = endpoint.as_url().clone();
        if action.query_pairs().any(|(name, _)| fields.iter().any(|(ours, _)| *ours == name)) {
            return Err(LogoutError::NoEndpoint);
        }
        Ok(PreparedLogout { form: LogoutForm { action, fields }, pending })
    }
}

/// Checks a post-logout redirect URI as any redirect URI, and that the `state` of the return will be the only one.
fn check_uri(uri: &str) -> Result<(), LogoutError> {
    check_redirect_uri(uri).map_err(|error| {
        let why = if let ConfigError::RedirectUri(why) = error { why } else { "cannot be used" };
        LogoutError::RedirectUri(why)
    })?;
    let has_state = |url: Url| url.query_pairs().any(|(name, _)| name == "state");
    if Url::parse(uri).is_ok_and(has_state) {
        return Err(LogoutError::RedirectUri("has a `state` of its own in its query"));
    }
    Ok(())
}

impl PreparedLogout {
    /// Whether the URL has at most [`MAX_LOGOUT_URL`] bytes. A longer request goes by [form](Self::by_form).
    #[must_use]
    pub fn fits_url(&self) -> bool {
        self.form.url().as_str().len() <= MAX_LOGOUT_URL
    }

    /// Returns the URL to send the user to, and the state to keep until they return. There is none if the user stays at
    /// the provider.
    #[must_use = "the user goes to the URL"]
    pub fn by_url(self) -> (Url, Option<PendingLogout>) {
        (self.form.url(), self.pending)
    }

    /// Returns the form that the user's browser posts to the provider, and the state to keep until they return.
    #[must_use = "the user's browser posts the form"]
    pub fn by_form(self) -> (LogoutForm, Option<PendingLogout>) {
        (self.form, self.pending)
    }
}

impl LogoutForm {
    /// Returns the URL to which the form is posted.
    #[must_use]
    pub const fn action(&self) -> &Url {
        &self.action
    }

    /// Returns the names and the values of the hidden fields, in their order. One of the values is the ID token.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }

    fn url(&self) -> Url {
        let mut url = self.action.clone();
        url.query_pairs_mut().extend_pairs(self.fields());
        url
    }
}

/// Shows no value.
impl fmt::Debug for LogoutForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutForm")
            .field("action", &without_query(self.action.as_str()))
            .field("fields", &self.fields.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

/// Shows no value.
impl fmt::Debug for PreparedLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedLogout").field("form", &self.form).field("pending", &self.pending).finish()
    }
}
