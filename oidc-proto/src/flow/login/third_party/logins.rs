//! [`ThirdPartyLogins`]: whose requests for a login are accepted, and where they may lead the user.

use super::error::ThirdPartyLoginError;
use crate::{
    base::visible::without_query,
    flow::{client::check_redirect_uri, contract::ConfigError, saved::text},
    message::{AuthorizationRequest, ThirdPartyLoginRequest},
};
use std::fmt;
use url::{Origin, Url};

/// The rules for logins that somebody else begins: the issuers that may log users in, and the origins of the pages to
/// which such a login may lead. Anybody can send a user with such a request, so nothing in it is believed.
///
/// # What it is safe for
/// A login that begins here is as safe as any other. It has its own `state`, `nonce` and PKCE verifier, so nobody can
/// make a user continue the login of another browser. The target is a page of your application, so the request is no
/// open redirect. Three things are left to your program:
///
/// - **Logins that nobody wanted.** Any site can send the users of your application here, in an invisible frame, too. If
///   their provider logs them in without a question, they are logged in to your application, perhaps to another account
///   than the one that they use there. So ask a user who has a session before you replace it, and do not begin a login
///   in a frame: answer with `Content-Security-Policy: frame-ancestors 'none'`, and refuse a request with
///   `Sec-Fetch-Dest: iframe` (RFC 6819 section 4.4.1.9).
/// - **Pages that act.** Only the origin of the target is checked. A page that changes something when it is opened must
///   be no target, and neither must the pages that log users in or out: compare the path.
/// - **Other applications of the same origin** can be targets, too.
///
/// ```
/// use oidc_proto::{
///     flow::{ThirdPartyLoginError, ThirdPartyLogins},
///     message::{AuthorizationRequest, ThirdPartyLoginRequest},
/// };
///
/// let logins = ThirdPartyLogins::new("https://app.example")?.issuer("https://op.example");
///
/// let query = "iss=https://op.example&login_hint=alice&target_link_uri=https://app.example/orders/7";
/// let request = ThirdPartyLoginRequest::from_query(query)?;
/// let login = logins.accept(&request, AuthorizationRequest::new(["email"]))?;
/// assert_eq!(login.issuer, "https://op.example"); // choose the client of this issuer
/// assert_eq!(login.request.login_hint.as_deref(), Some("alice")); // for `Client::authorize`
/// // Keep the target with the pending login: `AppState((pending, login.target))`, sealed.
/// assert_eq!(login.target.as_deref(), Some("https://app.example/orders/7"));
///
/// let query = "iss=https://op.example&target_link_uri=https://app.example.evil.example/";
/// let refused = logins.accept(&ThirdPartyLoginRequest::from_query(query)?, AuthorizationRequest::default());
/// assert_eq!(refused, Err(ThirdPartyLoginError::Target));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdPartyLogins {
    issuers: Vec<String>,
    origins: Vec<Origin>,
}

/// A login that somebody else has begun, and that was accepted.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ThirdPartyLogin {
    /// The issuer that is to log the user in: one of those that were named.
    pub issuer: String,
    /// The authorization request, with the hint at the user.
    pub request: AuthorizationRequest,
    /// The page of the application to lead the user to after the login, in the normal form of the URL Standard. Keep it
    /// with the pending login, where the user cannot change it.
    pub target: Option<String>,
}

impl ThirdPartyLogins {
    /// Begins with the public address of the application, as browsers see it, and with no issuer. Targets must have the
    /// same scheme, host and port; its path does not count.
    ///
    /// # Errors
    /// [`ThirdPartyLoginError::Application`] if it is no `https` URL, nor one of `http` on this machine.
    pub fn new(application: &str) -> Result<Self, ThirdPartyLoginError> {
        Self { issuers: Vec::new(), origins: Vec::new() }.or_origin(application)
    }

    /// Adds an issuer that may log users in. The `iss` of a request must be the same to the letter.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Also allows targets at this origin: another address of the application.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn or_origin(mut self, url: &str) -> Result<Self, ThirdPartyLoginError> {
        check_redirect_uri(url).map_err(|error| {
            let why = if let ConfigError::RedirectUri(why) = error { why } else { "cannot be used" };
            ThirdPartyLoginError::Application(why)
        })?;
        match Url::parse(url).map(|url| url.origin()) {
            Ok(origin @ Origin::Tuple(..)) => self.origins.push(origin),
            Ok(Origin::Opaque(_)) | Err(_) => {
                return Err(ThirdPartyLoginError::Application("is not https"));
            }
        }
        Ok(self)
    }

    /// Checks a request, and adds what it asks for to the authorization request with which your logins begin.
    ///
    /// # Errors
    /// [`ThirdPartyLoginError`] names what is wrong. To lead the user of a wrong target to your start page, set
    /// [`target_link_uri`](ThirdPartyLoginRequest::target_link_uri) to `None`, and call this again.
    pub fn accept(
        &self,
        request: &ThirdPartyLoginRequest,
        base: AuthorizationRequest,
    ) -> Result<ThirdPartyLogin, ThirdPartyLoginError> {
        let issuer = request.iss.as_ref().ok_or(ThirdPartyLoginError::MissingIssuer)?;
        if !self.issuers.contains(issuer) {
            return Err(ThirdPartyLoginError::Issuer);
        }
        let target = match request.target_link_uri.as_deref() {
            Some(target) => Some(self.target(target).ok_or(ThirdPartyLoginError::Target)?),
            None => None,
        };
        let request = match &request.login_hint {
            Some(hint) if text::is_text(hint) => base.login_hint(hint),
            Some(_) => return Err(ThirdPartyLoginError::LoginHint),
            None => base,
        };
        Ok(ThirdPartyLogin { issuer: issuer.clone(), request, target })
    }

    /// Returns the target in its normal form, if it is at one of the origins. Parsers of URLs disagree about spaces,
    /// control characters and backslashes, so a target with one of these is none.
    fn target(&self, target: &str) -> Option<String> {
        if !text::is_text(target) || target.contains([' ', '\\']) {
            return None;
        }
        let url = Url::parse(target).ok()?;
        // A `blob:` URL has the origin of the page that made it.
        let is_page = ["https", "http"].contains(&url.scheme());
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        (is_page && self.origins.contains(&url.origin()) && !has_credentials).then(|| url.into())
    }
}

/// Shows no hint at the user, and no query of the target.
impl fmt::Debug for ThirdPartyLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThirdPartyLogin")
            .field("issuer", &self.issuer)
            .field("request", &self.request)
            .field("target", &self.target.as_deref().map(without_query))
            .finish()
    }
}
