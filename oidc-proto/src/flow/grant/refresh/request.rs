//! [`RefreshRequest`]: a refresh that asks for less than was granted (RFC 6749 section 6, RFC 8707 section 2.2, RFC 9396
//! section 6).

use crate::{
    base::secret::Secret,
    flow::{client::Form, contract::ConfigError},
    message::{AuthorizationDetail, AuthorizationDetails},
};

/// The request for new tokens with a refresh token, for a part of what was granted. The grant stays as it is: another
/// refresh may ask for another part of it.
///
/// ```
/// use oidc_proto::{flow::RefreshRequest, message::AuthorizationRequest};
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let request = AuthorizationRequest::new(["offline_access", "read", "write"])
///     .resource("https://orders.example/")
///     .resource("https://stock.example/");
/// let user = party.login_with(&request, None)?;
/// let refresh_token = user.tokens.refresh_token.ok_or("no refresh token")?;
///
/// // An access token for one of the two APIs, to read.
/// let wanted = RefreshRequest::new(refresh_token).resource("https://stock.example/").scopes(["read"]);
/// let call = party.client.refresh_with(&wanted, None, None, party.clock.moment())?;
/// let refreshed = drive(call, &mut party.provider, &mut party.clock)?;
/// assert_eq!(refreshed.tokens.scope.as_deref(), Some("read"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshRequest {
    /// The refresh token.
    pub refresh_token: Secret,
    /// The scopes of the access token, of those that were granted. If empty, the request names none, and the token has
    /// all. Without `openid`, there is no ID token.
    pub scopes: Vec<String>,
    /// The resources that the access token is for, of those that were granted (RFC 8707). They are sent to the letter.
    pub resources: Vec<String>,
    /// The rights of the access token, of those that were granted (RFC 9396 section 6).
    pub authorization_details: AuthorizationDetails,
}

impl RefreshRequest {
    /// Returns a request for everything that was granted.
    #[must_use]
    pub fn new(refresh_token: impl Into<Secret>) -> Self {
        Self {
            refresh_token: refresh_token.into(),
            scopes: Vec::new(),
            resources: Vec::new(),
            authorization_details: AuthorizationDetails::default(),
        }
    }

    /// Adds [`scopes`](Self::scopes).
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds one resource to [`resources`](Self::resources).
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds one entry to [`authorization_details`](Self::authorization_details).
    #[must_use]
    pub fn authorization_detail(mut self, detail: AuthorizationDetail) -> Self {
        self.authorization_details.push(detail);
        self
    }

    /// Returns the parameters, besides those for the resources and the details.
    pub(super) fn form(&self) -> Result<Form, ConfigError> {
        let mut form: Form = vec![
            ("grant_type".into(), "refresh_token".into()),
            ("refresh_token".into(), self.refresh_token.clone()),
        ];
        // RFC 6749 section 3.3.
        let is_scope = |scope: &String| {
            let allowed = |byte: u8| (0x21..=0x7e).contains(&byte) && !b"\"\\".contains(&byte);
            !scope.is_empty() && scope.bytes().all(allowed)
        };
        if !self.scopes.iter().all(is_scope) {
            return Err(ConfigError::Parameter("scope"));
        }
        if !self.scopes.is_empty() {
            form.push(("scope".into(), Secret::new(self.scopes.join(" "))));
        }
        Ok(form)
    }
}
