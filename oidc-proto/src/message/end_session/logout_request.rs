//! [`LogoutRequest`]: the request with which an application sends a user to the provider to log out there (RP-Initiated
//! Logout 1.0 section 2).

use crate::{
    base::{secret::Secret, visible::without_query},
    message::response_type::RequestError,
};
use std::fmt;

/// The request that a user is logged out at the provider. Start with [`new`](Self::new) and add what you need.
///
/// [`Client::logout`](crate::flow::Client::logout) turns it into a URL or a form. It always adds `client_id`, and a new
/// `state` if the user is to come back, and nothing overrides them.
///
/// ```
/// use oidc_proto::message::LogoutRequest;
///
/// let request = LogoutRequest::new()
///     .logout_hint("alice@example.com")
///     .post_logout_redirect_uri("https://app.example/logged-out")
///     .ui_locales(["de-CH", "de"]);
/// assert_eq!(request.ui_locales, ["de-CH", "de"]);
/// assert!(!format!("{request:?}").contains("alice"), "no hint shows in a log");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutRequest {
    /// The ID token of the login or of its last refresh. It may have expired. Without it, most providers ask the user
    /// whether they want to log out, and some do not lead the user back.
    pub id_token_hint: Option<Secret>,
    /// A hint at the user, such as the `login_hint` of the login or a session identifier that the provider knows.
    pub logout_hint: Option<String>,
    /// Where the provider leads the user afterwards, exactly as it is registered (`post_logout_redirect_uris`). Without
    /// it, the user stays at the provider.
    pub post_logout_redirect_uri: Option<String>,
    /// The languages of the provider's pages, best first (BCP 47).
    pub ui_locales: Vec<String>,
    /// Further parameters. `logout` refuses a parameter that the library sets itself.
    pub extra: Vec<(String, String)>,
}

/// The parameters that further parameters must not override.
const RESERVED: [&str; 7] = [
    "id_token_hint",
    "logout_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
    "client_secret",
];

impl LogoutRequest {
    /// Creates a request without hints, after which the user stays at the provider.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`id_token_hint`](Self::id_token_hint).
    #[must_use]
    pub fn id_token_hint(mut self, id_token: impl Into<Secret>) -> Self {
        self.id_token_hint = Some(id_token.into());
        self
    }

    /// Sets [`logout_hint`](Self::logout_hint).
    #[must_use]
    pub fn logout_hint(mut self, hint: impl Into<String>) -> Self {
        self.logout_hint = Some(hint.into());
        self
    }

    /// Sets [`post_logout_redirect_uri`](Self::post_logout_redirect_uri).
    #[must_use]
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout_redirect_uri = Some(uri.into());
        self
    }

    /// Sets [`ui_locales`](Self::ui_locales).
    #[must_use]
    pub fn ui_locales<S: Into<String>>(mut self, locales: impl IntoIterator<Item = S>) -> Self {
        self.ui_locales = locales.into_iter().map(Into::into).collect();
        self
    }

    /// Adds one parameter to [`extra`](Self::extra).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// Returns the parameters in the order in which they are sent.
    pub(crate) fn encode(
        &self,
        client_id: &str,
        state: Option<&str>,
    ) -> Result<Vec<(String, Secret)>, RequestError> {
        if self.logout_hint.as_deref() == Some("") {
            return Err(RequestError::Parameter("logout_hint"));
        }
        if self.ui_locales.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
            return Err(RequestError::Parameter("ui_locales"));
        }
        let locales = (!self.ui_locales.is_empty()).then(|| self.ui_locales.join(" "));
        let mut pairs: Vec<(String, Secret)> = [
            ("client_id", Some(Secret::new(client_id))),
            ("id_token_hint", self.id_token_hint.clone()),
            ("logout_hint", self.logout_hint.as_deref().map(Secret::new)),
            ("post_logout_redirect_uri", self.post_logout_redirect_uri.as_deref().map(Secret::new)),
            ("state", state.map(Secret::new)),
            ("ui_locales", locales.map(Secret::new)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        for (index, (name, value)) in self.extra.iter().enumerate() {
            if let Some(reserved) = RESERVED.iter().find(|reserved| **reserved == name) {
                return Err(RequestError::Reserved(reserved));
            }
            if self.extra.iter().take(index).any(|(known, _)| known == name) {
                return Err(RequestError::Reserved("extra"));
            }
            pairs.push((name.clone(), value.as_str().into()));
        }
        Ok(pairs)
    }
}

/// Shows only what may appear in a log: no hint at the user, and only the names of further parameters.
impl fmt::Debug for LogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutRequest")
            .field("id_token_hint", &self.id_token_hint)
            .field("logout_hint", &self.logout_hint.as_ref().map(|_| ".."))
            .field("post_logout_redirect_uri", &self.post_logout_redirect_uri.as_deref().map(without_query))
            .field("ui_locales", &self.ui_locales)
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
