//! [`TokenResponse`]: the tokens of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core 1.0 section
//! 3.1.3.3).

use super::target::{AUTHORIZATION_DETAILS, AuthorizationDetails};
use crate::base::{
    json::{Extra, JsonError, Members, integer},
    moment::Timestamp,
    secret::Secret,
};
use serde_json::Value;
use std::{fmt, time::Duration};

/// The tokens that the token endpoint sent (RFC 6749 section 5.1). The tokens themselves are not verified.
///
/// Flows return one that has an ID token only together with the verified claims of that ID token.
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp, UrlPolicy,
///     flow::{Client, ClientCredentialsRequest, Step},
///     metadata::{Profile, ProviderMetadata},
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
/// let call = client.client_credentials(&ClientCredentialsRequest::new(["read"]), moment(1))?;
/// let (_request, _terms, pending) = call.into_parts();
///
/// // The provider's response to `_request`:
/// let body = r#"{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 3600}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(body.as_bytes().to_vec())?;
/// let Step::Done(tokens) = pending.receive(response, moment(2))? else {
///     return Err("the flow goes on".into());
/// };
/// assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
/// assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));
/// assert_eq!(tokens.expires_at, Some(Timestamp(1_800_003_600)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// The type of the access token, such as `Bearer` or `DPoP`, in the provider's spelling. Upper and lower case do
    /// not count (RFC 6749 section 5.1).
    pub token_type: String,
    /// The lifetime of the access token from when the response was made.
    pub expires_in: Option<Duration>,
    /// When the access token expires: `expires_in` after the response arrived.
    pub expires_at: Option<Timestamp>,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
    /// The scopes of the access token. If absent, they are the scopes that were asked for (RFC 6749 section 5.1).
    pub scope: Option<String>,
    /// The ID token, as the provider sent it.
    pub id_token: Option<Secret>,
    /// The rights of the access token, as the provider has granted them (RFC 9396 section 7): compare them with those that
    /// you asked for ([`AuthorizationDetails::compare`]). Details that cannot be read stay in [`extra`](Self::extra). A
    /// flow that has sent details refuses a response without readable ones, and one with a type that was not asked for.
    pub authorization_details: Option<AuthorizationDetails>,
    /// The members that have no field.
    pub extra: Extra,
}

/// Known deviations of a provider from the specifications. All are off by default. The first three count at every
/// endpoint that sends tokens.
///
/// ```
/// use oidc_proto::{
///     UrlPolicy,
///     flow::{Client, Quirks},
///     metadata::{Profile, ProviderMetadata},
/// };
///
/// let document = br#"{
///     "issuer": "https://op.example",
///     "token_endpoint": "https://op.example/token",
///     "jwks_uri": "https://op.example/jwks"
/// }"#;
/// let (profile, policy) = (Profile::TokenIssuer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
///
/// // This provider sends `"expires_in": "3600"`. Without the quirk, its token responses would be refused.
/// let mut quirks = Quirks::default();
/// quirks.expires_in_as_string = true;
/// let client = Client::builder(metadata, "my-app").quirks(quirks).build()?;
/// assert_eq!(client.client_id(), "my-app");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// Whether `expires_in` may be a string of digits, in token responses, device authorization responses and responses to
    /// authentication requests (CIBA). In the latter two, so may be `interval`.
    pub expires_in_as_string: bool,
    /// Whether an `expires_in` that is no number of seconds counts as absent. At some providers, −1 or a number beyond
    /// 2^53 means that tokens never expire (WSO2). In a device authorization response, the codes then live for
    /// [`DEVICE_LIFETIME_CAP`](crate::flow::DEVICE_LIFETIME_CAP). In the response to an authentication request (CIBA), the
    /// user then has [`BACKCHANNEL_LIFETIME_CAP`](crate::flow::BACKCHANNEL_LIFETIME_CAP).
    pub odd_expires_in: bool,
    /// Whether the claims of UserInfo and the keys may come with any media type. Nothing but the media type is tolerated: the
    /// body must be what it is for. For metadata, and for keys that a handle or a gate keeps,
    /// [`DiscoveryOptions::any_media_type`](crate::flow::DiscoveryOptions::any_media_type) does the same.
    ///
    /// # Danger
    /// It takes a check away: a file that others may put there, such as an upload, passes for the document. See
    /// [`danger`](crate::danger).
    pub any_media_type: bool,
    /// Whether `scope` of token responses may be an array of strings.
    pub scope_as_array: bool,
    /// Whether `token_type` of token responses may be absent. It counts as `Bearer` then.
    ///
    /// # Danger
    /// It takes a check away: a token that needs a proof is sent as a bearer token. See [`danger`](crate::danger).
    pub no_token_type: bool,
    /// Whether the client ID and secret go into HTTP Basic credentials without form encoding, against RFC 6749 section
    /// 2.3.1.
    pub basic_not_form_encoded: bool,
    /// Whether the ID token from the token endpoint may lack the `nonce` of the request, against OpenID Connect Core 1.0
    /// section 3.1.3.6. A nonce that is there must still be the right one. An ID token that came through the browser
    /// still needs it. A client cannot have [`no_pkce`](Self::no_pkce), too. LinkedIn needs this.
    ///
    /// # Danger
    /// It takes a check away: only PKCE and the `state` tie the code to this login. See [`danger`](crate::danger).
    pub no_nonce: bool,
    /// Whether requests are sent without PKCE (RFC 7636), for a provider that refuses requests with it. A client cannot
    /// have [`no_nonce`](Self::no_nonce), too, must authenticate, and cannot ask for access without a login, because such
    /// a request has no nonce. LinkedIn refuses PKCE, too, unless the app is enabled for it. But its ID tokens have no
    /// nonce, so this switch is no way: ask LinkedIn to enable the app.
    ///
    /// # Danger
    /// It takes a check away: only the `nonce` and the `state` tie the code to this login, and the nonce does so after
    /// the code was sent. See [`danger`](crate::danger).
    pub no_pkce: bool,
    /// Whether the `auth_time` of a refreshed ID token may differ from that of the login, against OpenID Connect Core 1.0
    /// section 12.2. Cognito with rotation and Keycloak after a second login in another tab need this.
    ///
    /// # Danger
    /// It takes a check away: a refresh can make the login look newer than it is. See [`danger`](crate::danger).
    pub refreshed_auth_time_differs: bool,
    /// Whether a refreshed ID token may lack the `azp` of the login, against OpenID Connect Core 1.0 section 12.2. An
    /// `azp` that is there must still be the right one.
    ///
    /// # Danger
    /// It takes a check away: the provider does not repeat for which client the token is. See [`danger`](crate::danger).
    pub refreshed_without_azp: bool,
    /// Whether a signed authorization response (JARM) may have `iss` twice, with the same value, against RFC 7519 section 4.
    /// Keycloak sends it so: as the claim of the JWT, and once more as the parameter of RFC 9207. Two values that differ,
    /// and any other member that repeats, are still refused.
    pub doubled_iss_in_authorization_response: bool,
    /// Whether authorization requests of a client with a DPoP key have no `dpop_jkt` (RFC 9449 section 10), for a provider
    /// that refuses requests with a parameter that it does not know, against RFC 6749 section 3.1.
    ///
    /// # Danger
    /// It takes a check away: the provider does not bind the code to the key of this session, so only PKCE and the
    /// client's authentication protect a stolen code. See [`danger`](crate::danger).
    pub no_dpop_jkt: bool,
}

/// Why a token response cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenResponseError {
    Json(JsonError),
    Missing(&'static str),
    Value(&'static str),
}

impl From<JsonError> for TokenResponseError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// Shows only the names of members that have no field: their values may be tokens, too.
impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("access_token", &self.access_token)
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("expires_at", &self.expires_at)
            .field("refresh_token", &self.refresh_token)
            .field("scope", &self.scope)
            .field("id_token", &self.id_token)
            .field("authorization_details", &self.authorization_details)
            .field("extra", &self.extra.keys())
            .finish()
    }
}

impl TokenResponse {
    pub(crate) fn from_members(
        mut members: Members,
        quirks: Quirks,
        now: Timestamp,
    ) -> Result<Self, TokenResponseError> {
        let access_token =
            visible(&mut members, "access_token")?.ok_or(TokenResponseError::Missing("access_token"))?;
        let token_type = match members.string("token_type")?.filter(|token_type| !token_type.is_empty()) {
            Some(token_type) => token_type,
            None if quirks.no_token_type => "Bearer".to_owned(),
            None => return Err(TokenResponseError::Missing("token_type")),
        };
        let expires_in = match lifetime(members.any("expires_in"), quirks) {
            Err(_) if quirks.odd_expires_in => None,
            read => read?,
        };
        let scope = match members.any("scope") {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(Value::Array(items)) if quirks.scope_as_array => {
                let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                Some(words.ok_or(TokenResponseError::Value("scope"))?.join(" "))
            }
            Some(_) => {
                return Err(wrong_type("scope", "a string (`Quirks::scope_as_array` accepts an array)"));
            }
        };
        Ok(Self {
            access_token,
            token_type,
            expires_in: expires_in.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
            expires_at: expires_in.map(|seconds| now.plus(seconds)),
            refresh_token: visible(&mut members, "refresh_token")?,
            scope,
            id_token: visible(&mut members, "id_token")?,
            authorization_details: details(&mut members),
            extra: members.rest(),
        })
    }

    /// Whether the access token is a bearer token (RFC 6750).
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.token_type.eq_ignore_ascii_case("bearer")
    }

    /// Whether the token is an access token. A token exchange may issue another one, such as an ID token or an assertion,
    /// in the member `access_token`; its type is then `N_A` (RFC 8693 section 2.2.1).
    #[must_use]
    pub fn is_access_token(&self) -> bool {
        !self.token_type.eq_ignore_ascii_case("N_A")
    }

    /// Whether the response has this member.
    pub(crate) fn has(&self, member: &str) -> bool {
        match member {
            "access_token" | "token_type" => true,
            "expires_in" => self.expires_in.is_some(),
            "refresh_token" => self.refresh_token.is_some(),
            "scope" => self.scope.is_some(),
            "id_token" => self.id_token.is_some(),
            AUTHORIZATION_DETAILS => self.authorization_details.is_some() || self.extra.contains_key(member),
            other => self.extra.contains_key(other),
        }
    }
}

/// Takes authorization details that can be read. Others stay where they are: a client that has not asked for them does
/// without them.
fn details(members: &mut Members) -> Option<AuthorizationDetails> {
    let read = AuthorizationDetails::from_value(members.all().get(AUTHORIZATION_DETAILS)?).ok()?;
    members.any(AUTHORIZATION_DETAILS).map(|_| read)
}

/// Reads a lifetime in seconds. An empty one is absent.
fn lifetime(value: Option<Value>, quirks: Quirks) -> Result<Option<i64>, TokenResponseError> {
    let seconds: Option<i64> = match value {
        None => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) if quirks.expires_in_as_string => text.parse().ok(),
        Some(Value::Number(number)) => number.as_f64().and_then(integer),
        Some(_) => {
            return Err(wrong_type("expires_in", "a number (`Quirks::expires_in_as_string` accepts a text)"));
        }
    };
    let odd = TokenResponseError::Value("expires_in");
    seconds.filter(|seconds| *seconds >= 0).map(Some).ok_or(odd)
}

/// Reads a token. An empty one counts as absent: some providers send it if they have none to give. Tokens are `1*VSCHAR` (RFC 6749 appendix A.12 and A.17), so none can break out of a header.
fn visible(members: &mut Members, member: &'static str) -> Result<Option<Secret>, TokenResponseError> {
    match members.string(member)?.filter(|token| !token.is_empty()).map(Secret::new) {
        Some(token) if !is_token(token.expose()) => Err(TokenResponseError::Value(member)),
        token => Ok(token),
    }
}

/// Whether a text can be a token.
pub(crate) fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

const fn wrong_type(member: &'static str, expected: &'static str) -> TokenResponseError {
    TokenResponseError::Json(JsonError::WrongType { member, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANT: Quirks = Quirks {
        expires_in_as_string: true,
        odd_expires_in: false,
        any_media_type: false,
        scope_as_array: true,
        no_token_type: true,
        basic_not_form_encoded: false,
        no_nonce: false,
        no_pkce: false,
        refreshed_auth_time_differs: false,
        refreshed_without_azp: false,
        doubled_iss_in_authorization_response: false,
        no_dpop_jkt: false,
    };

    fn read(body: &str, quirks: Quirks) -> Result<TokenResponse, TokenResponseError> {
        TokenResponse::from_members(Members::parse(body.as_bytes()).unwrap(), quirks, Timestamp(100))
    }

    #[test]
    fn a_whole_response_is_read_and_unknown_members_are_kept() {
        let tokens = read(
            r#"{"access_token":"a","token_type":"bEARER","expires_in":60,"refresh_token":"r","scope":"x y","id_token":"i","b":[1],"n":null}"#,
            Quirks::default(),
        )
        .unwrap();
        assert!(tokens.is_bearer());
        assert_eq!(
            (tokens.expires_in, tokens.expires_at),
            (Some(Duration::from_secs(60)), Some(Timestamp(160)))
        );
        assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "r");
        assert_eq!(tokens.extra.keys().collect::<Vec<_>>(), ["b"]);
        assert!(!format!("{tokens:?}").contains("\"r\""));
    }

    #[test]
    fn missing_and_invalid_members_are_refused() {
        assert_eq!(read("{}", Quirks::default()), Err(TokenResponseError::Missing("access_token")));
        assert_eq!(
            read(r#"{"access_token":"a"}"#, Quirks::default()),
            Err(TokenResponseError::Missing("token_type"))
        );
        for (member, body) in [
            ("access_token", r#"{"access_token":"a\nb","token_type":"Bearer"}"#),
            ("access_token", r#"{"access_token":"é","token_type":"Bearer"}"#),
            ("refresh_token", r#"{"access_token":"a","token_type":"Bearer","refresh_token":"r\u0000"}"#),
            ("expires_in", r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#),
            ("expires_in", r#"{"access_token":"a","token_type":"Bearer","expires_in":1e300}"#),
        ] {
            assert_eq!(read(body, Quirks::default()), Err(TokenResponseError::Value(member)), "{body}");
        }
    }

    #[test]
    fn an_empty_member_is_an_absent_one() {
        for member in ["refresh_token", "id_token"] {
            let body = format!(r#"{{"access_token":"a","token_type":"Bearer","{member}":""}}"#);
            let tokens = read(&body, Quirks::default()).unwrap();
            assert_eq!((tokens.refresh_token, tokens.id_token), (None, None), "{member}");
        }
        for (member, body) in [
            ("access_token", r#"{"access_token":"","token_type":"Bearer"}"#),
            ("token_type", r#"{"access_token":"a","token_type":""}"#),
        ] {
            assert_eq!(read(body, Quirks::default()), Err(TokenResponseError::Missing(member)), "{member}");
        }
    }

    #[test]
    fn oddities_pass_only_by_their_quirk() {
        for (body, member) in [
            (r#"{"access_token":"a","token_type":"Bearer","expires_in":"60"}"#, "expires_in"),
            (r#"{"access_token":"a","token_type":"Bearer","scope":["x","y"]}"#, "scope"),
        ] {
            let error = read(body, Quirks::default()).unwrap_err();
            assert!(
                matches!(error, TokenResponseError::Json(JsonError::WrongType { member: m, .. }) if m == member)
            );
        }
        let tokens = read(r#"{"access_token":"a","expires_in":"60","scope":["x","y"]}"#, TOLERANT).unwrap();
        assert_eq!(
            (tokens.expires_in, tokens.scope.as_deref()),
            (Some(Duration::from_secs(60)), Some("x y"))
        );
        assert!(tokens.is_bearer());
        assert_eq!(
            read(r#"{"access_token":"a","scope":["x",5]}"#, TOLERANT),
            Err(TokenResponseError::Value("scope"))
        );
        assert_eq!(
            read(r#"{"access_token":"a","expires_in":"soon"}"#, TOLERANT),
            Err(TokenResponseError::Value("expires_in"))
        );
    }
}
