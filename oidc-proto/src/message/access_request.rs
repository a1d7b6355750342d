//! [`AccessRequest`]: the authorization request of plain OAuth (RFC 6749 section 4.1.1). It asks for access, and not
//! for a login.

use super::{
    authorization_request::{add_extra, scope},
    response_type::{Answer, RequestError, ResponseMode},
    target::{AuthorizationDetail, AuthorizationDetails, parameters},
};

/// The authorization request for access without a login. Start with [`new`](Self::new) and add what you need.
///
/// [`Client::authorize_access`](crate::flow::Client::authorize_access) turns it into a URL. It always adds
/// `response_type`, `client_id`, `redirect_uri`, `state` and PKCE with S256, and nothing overrides them. Use an
/// [`AuthorizationRequest`](super::AuthorizationRequest) to learn who the user is, too.
///
/// ```
/// use oidc_proto::message::AccessRequest;
///
/// let request = AccessRequest::new(["repo"]).resource("https://api.example");
/// assert_eq!(request.scopes, ["repo"]);
/// assert_eq!(request.resources, ["https://api.example"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessRequest {
    /// The scopes to ask for. `openid` is refused, because it asks for a login.
    pub scopes: Vec<String>,
    /// The resources to access (RFC 8707 section 2): absolute URIs without a fragment. They are sent to the letter, here
    /// and with the code.
    pub resources: Vec<String>,
    /// The rights to ask for besides the scopes (RFC 9396 section 3).
    pub authorization_details: AuthorizationDetails,
    /// The way in which the response comes to the redirect URI. The default is the query.
    pub response_mode: Option<ResponseMode>,
    /// Further parameters. `authorize_access` refuses a parameter that the library sets itself.
    pub extra: Vec<(String, String)>,
}

/// The parameters for which a login request has a setter. An access request has none, and no ID token in which their
/// effect could be checked, so the program may add them: GitHub knows `prompt`, and a resource may demand a class and an
/// age (RFC 9470 section 4).
const OF_A_LOGIN: [&str; 8] = [
    "prompt",
    "display",
    "max_age",
    "ui_locales",
    "claims_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
];

/// The parameters that the client adds to an access request.
pub(crate) struct Sender<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) state: &'a str,
    pub(crate) code_challenge: &'a str,
    /// The thumbprint of the key to which the code is bound (RFC 9449 section 10).
    pub(crate) dpop_jkt: Option<&'a str>,
    pub(crate) answer: Answer,
}

impl AccessRequest {
    /// Creates a request for these scopes. There may be none.
    #[must_use]
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
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

    /// Sets [`response_mode`](Self::response_mode).
    #[must_use]
    pub const fn response_mode(mut self, response_mode: ResponseMode) -> Self {
        self.response_mode = Some(response_mode);
        self
    }

    /// Adds one parameter to [`extra`](Self::extra), such as `prompt`, `login_hint` or `acr_values`. No ID token says whether
    /// the provider has followed it.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// Returns the parameters in the order in which they are sent.
    pub(crate) fn encode(&self, sender: &Sender<'_>) -> Result<Vec<(String, String)>, RequestError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
        add("response_type", sender.answer.kind);
        add("client_id", sender.client_id);
        add("redirect_uri", sender.redirect_uri);
        add("state", sender.state);
        add("code_challenge", sender.code_challenge);
        add("code_challenge_method", "S256");
        sender.dpop_jkt.into_iter().for_each(|thumbprint| add("dpop_jkt", thumbprint));
        if let Some(mode) = sender.answer.mode {
            add("response_mode", mode.name());
        }
        if !self.scopes.is_empty() {
            let scope = scope(&[], &self.scopes)?;
            if scope.split(' ').any(|scope| scope == "openid") {
                return Err(RequestError::Parameter("scope"));
            }
            add("scope", &scope);
        }
        for (name, value) in parameters(&self.resources, &self.authorization_details)? {
            add(name, &value);
        }
        add_extra(&mut pairs, &self.extra, &OF_A_LOGIN)?;
        Ok(pairs)
    }
}

/// Shows only the names of further parameters: their values may be secrets.
impl std::fmt::Debug for AccessRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessRequest")
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("authorization_details", &self.authorization_details)
            .field("response_mode", &self.response_mode)
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
