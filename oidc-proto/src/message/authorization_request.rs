//! The authorization request (OpenID Connect Core 1.0 section 3.1.2.1, RFC 6749 section 4.1.1).

mod pages;

use super::{
    response_type::{Answer, RequestError, ResponseMode, ResponseType},
    target::{AUTHORIZATION_DETAILS, AuthorizationDetail, AuthorizationDetails, RESOURCE, parameters},
};
use crate::base::json::Extra;
use crate::base::moment::seconds_up_to;
use serde_json::{Value, json};
use std::{fmt, time::Duration};

pub use pages::{Display, Prompt};

/// The authorization request of a login. Start with [`new`](Self::new) and add what you need.
///
/// [`Client::authorize`](crate::flow::Client::authorize) turns it into a URL. It always adds `client_id`,
/// `redirect_uri`, `state`, `nonce` and PKCE with S256, and nothing overrides them.
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp, UrlPolicy,
///     flow::Client,
///     message::AuthorizationRequest,
///     metadata::{Profile, ProviderMetadata},
/// };
///
/// let document = br#"{
///     "issuer": "https://op.example",
///     "authorization_endpoint": "https://op.example/authorize",
///     "jwks_uri": "https://op.example/jwks",
///     "id_token_signing_alg_values_supported": ["RS256"]
/// }"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "my-app").redirect_uri("https://app.example/callback").build()?;
///
/// let request = AuthorizationRequest::new(["email"]).login_hint("alice@example.com");
/// // In your program: the clock, and 32 bytes of fresh entropy from the operating system.
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// let (url, _pending) = client.authorize(&request, moment)?;
/// assert!(url.as_str().starts_with("https://op.example/authorize?response_type=code&client_id=my-app&"));
/// assert!(url.as_str().contains("&scope=openid+email&"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The scopes to ask for. `openid` is always sent.
    pub scopes: Vec<String>,
    /// What the provider should ask the user to do.
    pub prompt: Vec<Prompt>,
    /// The form of the provider's pages.
    pub display: Option<Display>,
    /// The maximum age of the user's authentication; sent in whole seconds. An ID token with an older one is refused.
    pub max_age: Option<Duration>,
    /// The languages of the provider's pages, best first (BCP 47).
    pub ui_locales: Vec<String>,
    /// The languages of claims, best first (BCP 47).
    pub claims_locales: Vec<String>,
    /// An ID token that the provider issued before: it says which user the client expects.
    pub id_token_hint: Option<crate::base::secret::Secret>,
    /// A hint at the user, such as the email address that they have typed.
    pub login_hint: Option<String>,
    /// The preferred authentication context classes, best first. The ID token need not name any of them. See
    /// [`essential_acr`](Self::essential_acr) for classes that it must name.
    pub acr_values: Vec<String>,
    /// The authentication context classes of which the ID token must name one (OpenID Connect Core 1.0 section
    /// 5.5.1.1). If empty, it need not name any.
    pub essential_acr: Vec<String>,
    /// The claims to ask for: the `claims` parameter (OpenID Connect Core 1.0 section 5.5). Two demands on the ID token are
    /// checked: an essential `acr` with `value` or `values`, and an essential `auth_time`. No other one is.
    pub claims: Option<Extra>,
    /// The resources that the access token is for (RFC 8707 section 2): absolute URIs without a fragment. They are sent to
    /// the letter, here and with the code.
    pub resources: Vec<String>,
    /// The rights to ask for besides the scopes (RFC 9396 section 3).
    pub authorization_details: AuthorizationDetails,
    /// The tokens that come through the browser besides the code. The default is none.
    pub response_type: ResponseType,
    /// The way in which the response comes to the redirect URI. The default is the query, or, if the browser carries a
    /// token, a form that the browser posts. A cookie that identifies the login then needs `SameSite=None`. Use
    /// [`Fragment`](ResponseMode::Fragment) for a provider that does not support forms.
    pub response_mode: Option<ResponseMode>,
    /// Further parameters. `authorize` refuses a parameter that the library sets itself.
    pub extra: Vec<(String, String)>,
    /// Whether the calls of `essential_acr` have left no class.
    no_class_left: bool,
}

/// Shows only what may appear in a log: no hint at the user, and only the names of claims and further parameters.
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("scopes", &self.scopes)
            .field("prompt", &self.prompt)
            .field("display", &self.display)
            .field("max_age", &self.max_age)
            .field("ui_locales", &self.ui_locales)
            .field("claims_locales", &self.claims_locales)
            .field("id_token_hint", &self.id_token_hint)
            .field("login_hint", &self.login_hint.as_ref().map(|_| ".."))
            .field("acr_values", &self.acr_values)
            .field("essential_acr", &self.essential_acr)
            .field("claims", &self.claims.as_ref().map(Extra::keys))
            .field("resources", &self.resources)
            .field("authorization_details", &self.authorization_details)
            .field("response_type", &self.response_type)
            .field("response_mode", &self.response_mode)
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The parameters that the client adds to a login request. The provider binds its response to them.
pub(crate) struct Bound<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    /// The PKCE challenge, if the request asks for a code.
    pub(crate) code_challenge: Option<&'a str>,
    pub(crate) dpop_jkt: Option<&'a str>,
    pub(crate) answer: Answer,
}

/// The parameters that further parameters must not override.
const RESERVED: [&str; 22] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "display",
    "max_age",
    "ui_locales",
    "claims_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "claims",
    "request",
    "request_uri",
    "client_secret",
    "dpop_jkt",
];

impl AuthorizationRequest {
    /// Creates a request for `openid` and these scopes.
    #[must_use]
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Adds values to [`prompt`](Self::prompt).
    #[must_use]
    pub fn prompt(mut self, prompt: impl IntoIterator<Item = Prompt>) -> Self {
        for prompt in prompt {
            if !self.prompt.contains(&prompt) {
                self.prompt.push(prompt);
            }
        }
        self
    }

    /// Demands that the user's authentication is not older than `max_age`. If called again, the shortest time
    /// counts.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(self.max_age.map_or(max_age, |before| before.min(max_age)));
        self
    }

    /// Returns [`max_age`](Self::max_age) in seconds, as it is sent.
    pub(crate) fn max_age_seconds(&self) -> Option<u32> {
        self.max_age.map(|max_age| seconds_up_to(max_age, u32::MAX))
    }

    /// Sets [`login_hint`](Self::login_hint).
    #[must_use]
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.login_hint = Some(hint.into());
        self
    }

    /// Sets [`essential_acr`](Self::essential_acr). If called again, only classes that are in every list remain. If
    /// no class remains, `authorize` returns [`ConfigError::Parameter`](crate::flow::ConfigError::Parameter).
    #[must_use]
    pub fn essential_acr<S: Into<String>>(mut self, classes: impl IntoIterator<Item = S>) -> Self {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        match self.essential_acr.is_empty() {
            true => self.essential_acr = classes,
            false => self.essential_acr.retain(|class| classes.contains(class)),
        }
        self.no_class_left |= self.essential_acr.is_empty();
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

    /// Sets [`response_type`](Self::response_type).
    #[must_use]
    pub const fn response_type(mut self, response_type: ResponseType) -> Self {
        self.response_type = response_type;
        self
    }

    /// Sets [`response_mode`](Self::response_mode).
    #[must_use]
    pub const fn response_mode(mut self, response_mode: ResponseMode) -> Self {
        self.response_mode = Some(response_mode);
        self
    }

    /// Adds one parameter to [`extra`](Self::extra).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// Returns the parameters in the order in which they are sent.
    pub(crate) fn encode(&self, bound: &Bound<'_>) -> Result<Vec<(String, String)>, RequestError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
        add("response_type", bound.answer.kind.to_owned());
        add("client_id", bound.client_id.to_owned());
        add("redirect_uri", bound.redirect_uri.to_owned());
        add("scope", scope(&["openid"], &self.scopes)?);
        add("state", bound.state.to_owned());
        add("nonce", bound.nonce.to_owned());
        if let Some(code_challenge) = bound.code_challenge {
            add("code_challenge", code_challenge.to_owned());
            add("code_challenge_method", "S256".to_owned());
        }
        bound.dpop_jkt.into_iter().for_each(|thumbprint| add("dpop_jkt", thumbprint.to_owned()));
        if let Some(mode) = bound.answer.mode {
            add("response_mode", mode.name().to_owned());
        }
        if !self.prompt.is_empty() {
            if self.prompt.contains(&Prompt::None) && self.prompt.len() > 1 {
                return Err(RequestError::Parameter("prompt"));
            }
            let words: Vec<_> = self.prompt.iter().map(|prompt| prompt.name()).collect();
            add("prompt", words.join(" "));
        }
        if let Some(display) = self.display {
            add("display", display.name().to_owned());
        }
        if let Some(seconds) = self.max_age_seconds() {
            add("max_age", seconds.to_string());
        }
        for (name, words) in [
            ("ui_locales", &self.ui_locales),
            ("claims_locales", &self.claims_locales),
            ("acr_values", &self.acr_values),
        ] {
            if !words.is_empty() {
                add(name, join(name, words)?);
            }
        }
        if let Some(hint) = &self.id_token_hint {
            add("id_token_hint", hint.expose().to_owned());
        }
        if let Some(hint) = &self.login_hint {
            add("login_hint", hint.clone());
        }
        if let Some(claims) = self.all_claims()? {
            add("claims", claims.to_string());
        }
        let target = parameters(&self.resources, &self.authorization_details)?;
        pairs.extend(target.into_iter().map(|(name, value)| (name.to_owned(), value)));
        add_extra(&mut pairs, &self.extra, &[])?;
        Ok(pairs)
    }

    /// Returns the `claims` parameter, with the essential `acr` in it.
    fn all_claims(&self) -> Result<Option<Value>, RequestError> {
        if self.no_class_left {
            return Err(RequestError::Parameter("essential_acr"));
        }
        let mut claims = self.claims.clone().unwrap_or_default();
        if !self.essential_acr.is_empty() {
            let id_token = claims.entry("id_token").or_insert_with(|| json!({}));
            let Value::Object(id_token) = id_token else { return Err(RequestError::Parameter("claims")) };
            if id_token.contains_key("acr") {
                return Err(RequestError::Parameter("claims"));
            }
            id_token.insert("acr".to_owned(), json!({"essential": true, "values": self.essential_acr}));
        }
        Ok((!claims.is_empty()).then_some(Value::Object(claims)))
    }
}

/// Joins scopes: each once, `first` before all others (RFC 6749 section 3.3).
pub(super) fn scope(first: &[&str], scopes: &[String]) -> Result<String, RequestError> {
    let mut words = first.to_vec();
    for word in scopes.iter().flat_map(|words| super::scopes::words(words)) {
        if !word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
            return Err(RequestError::Parameter("scope"));
        }
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words.join(" "))
}

/// Adds further parameters. Refuses a parameter that the library sets, unless it is `free`, and one that is repeated.
pub(super) fn add_extra(
    pairs: &mut Vec<(String, String)>,
    extra: &[(String, String)],
    free: &[&str],
) -> Result<(), RequestError> {
    // A program may set these two itself, but not beside those of a field.
    let of_fields = |known: &&&str| pairs.iter().any(|(name, _)| name == **known);
    let set: Vec<_> = [RESOURCE, AUTHORIZATION_DETAILS].iter().filter(of_fields).copied().collect();
    for (index, (name, value)) in extra.iter().enumerate() {
        let reserved = RESERVED.iter().find(|reserved| **reserved == name);
        if let Some(reserved) = reserved.filter(|reserved| !free.contains(reserved)) {
            return Err(RequestError::Reserved(reserved));
        }
        if let Some(set) = set.iter().find(|set| **set == name) {
            return Err(RequestError::Reserved(set));
        }
        // Only `resource` may be repeated (RFC 8707 section 2).
        let mut earlier = extra.iter().take(index);
        if name != "resource" && earlier.any(|(known, _)| known == name) {
            return Err(RequestError::Reserved("extra"));
        }
        pairs.push((name.clone(), value.clone()));
    }
    Ok(())
}

fn join(name: &'static str, words: &[String]) -> Result<String, RequestError> {
    if words.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        return Err(RequestError::Parameter(name));
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    const BOUND: Bound<'_> = Bound {
        client_id: "c",
        redirect_uri: "https://app.example/cb",
        state: "s",
        nonce: "n",
        code_challenge: Some("h"),
        dpop_jkt: None,
        answer: Answer { kind: "code", mode: None },
    };

    fn sent(request: &AuthorizationRequest, name: &str) -> Option<String> {
        let pairs = request.encode(&BOUND).unwrap();
        let mut values = pairs.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is sent once");
        value
    }

    #[test]
    fn everything_typed_is_sent_once() {
        let mut request = AuthorizationRequest::new(["profile email", "openid", "profile"])
            .prompt([Prompt::Login, Prompt::Consent])
            .max_age(Duration::from_secs(60))
            .login_hint("alice & bob")
            .essential_acr(["urn:mfa"])
            .parameter("audience", "api");
        request.display = Some(Display::Popup);
        request.ui_locales = vec!["de-CH".into(), "de".into()];
        request.claims_locales = vec!["fr".into()];
        request.acr_values = vec!["1".into(), "2".into()];
        request.id_token_hint = Some(Secret::new("a.b.c"));
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", "c"),
            ("redirect_uri", "https://app.example/cb"),
            ("scope", "openid profile email"),
            ("state", "s"),
            ("nonce", "n"),
            ("code_challenge", "h"),
            ("code_challenge_method", "S256"),
            ("prompt", "login consent"),
            ("display", "popup"),
            ("max_age", "60"),
            ("ui_locales", "de-CH de"),
            ("claims_locales", "fr"),
            ("acr_values", "1 2"),
            ("id_token_hint", "a.b.c"),
            ("login_hint", "alice & bob"),
            ("audience", "api"),
            ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:mfa"]}}}"#),
        ] {
            assert_eq!(sent(&request, name).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn repeated_demands_add_up_and_a_demand_for_nothing_is_refused() {
        let twice = AuthorizationRequest::new(["email"])
            .prompt([Prompt::Login])
            .prompt([Prompt::Consent, Prompt::Login])
            .max_age(Duration::from_secs(60))
            .max_age(Duration::from_secs(3600))
            .essential_acr(["gold", "silver"])
            .essential_acr(["silver", "bronze"]);
        for (name, value) in [
            ("prompt", "login consent"),
            ("max_age", "60"),
            ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["silver"]}}}"#),
        ] {
            assert_eq!(sent(&twice, name).as_deref(), Some(value), "{name}");
        }
        let gold = || AuthorizationRequest::new(["email"]).essential_acr(["gold"]);
        for none in [
            AuthorizationRequest::new(["email"]).essential_acr(Vec::<String>::new()),
            AuthorizationRequest::new(["email"]).essential_acr(Vec::<String>::new()).essential_acr(["gold"]),
            gold().essential_acr(Vec::<String>::new()),
            gold().essential_acr(["silver"]),
        ] {
            assert_eq!(none.encode(&BOUND), Err(RequestError::Parameter("essential_acr")));
        }
    }

    #[test]
    fn extras_cannot_override_what_the_library_sets() {
        for name in RESERVED {
            let request = AuthorizationRequest::new(["email"]).parameter(name, "evil");
            assert_eq!(request.encode(&BOUND), Err(RequestError::Reserved(name)));
        }
        let twice = AuthorizationRequest::new(["email"]).parameter("a", "1").parameter("a", "2");
        assert_eq!(twice.encode(&BOUND), Err(RequestError::Reserved("extra")));
        let resources =
            AuthorizationRequest::new(["email"]).parameter("resource", "1").parameter("resource", "2");
        assert!(resources.encode(&BOUND).is_ok());
    }

    #[test]
    fn values_that_the_specification_does_not_allow_are_refused() {
        let both = AuthorizationRequest::new(["email"]).prompt([Prompt::None, Prompt::Login]);
        assert_eq!(both.encode(&BOUND), Err(RequestError::Parameter("prompt")));
        for scope in ["é", "a\"b", "a\\b", "a\nb"] {
            let request = AuthorizationRequest::new([scope]);
            assert_eq!(request.encode(&BOUND), Err(RequestError::Parameter("scope")), "{scope:?}");
        }
        let mut locales = AuthorizationRequest::new(["email"]);
        locales.ui_locales = vec!["de fr".into()];
        assert_eq!(locales.encode(&BOUND), Err(RequestError::Parameter("ui_locales")));
    }
}
