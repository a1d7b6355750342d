//! The client credentials grant (RFC 6749 section 4.4): an access token for the client itself.
//!
//! ```text
//! Repeating ──granted──▶ Done(TokenResponse)
//!           ──429, 503, lost──▶ Wait ──▶ Repeating
//! ```

use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client, Form},
        contract::{Along, Call, ConfigError, Endpoint, Error, Pause, Step, Then},
        exchange::{Aim, Ask, MAX_RETRIES, RETRY_AFTER_CAP, Repeated, Resting},
        saved::{seal_as_json, text},
    },
    message::{AuthorizationDetail, AuthorizationDetails, TokenResponse},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the saved form.
const VERSION: u32 = 1;

/// The flow from a client to an access token for itself. [`Client::client_credentials`] starts it.
///
/// If the provider is busy, or if the response is lost, it waits and asks again, because a second request does no harm.
///
/// ```
/// use oidc_proto::flow::ClientCredentialsRequest;
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let wanted = ClientCredentialsRequest::new(["orders.read"]).resource("https://api.example/");
/// let call = party.client.client_credentials(&wanted, party.clock.moment())?;
/// let tokens = drive(call, &mut party.provider, &mut party.clock)?;
///
/// assert!(tokens.is_bearer());
/// let bearer = format!("Bearer {}", tokens.access_token.expose()); // for a request to the API
/// # let _ = bearer;
/// assert!(tokens.expires_at > Some(party.clock.now())); // ask again before that
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientCredentialsGrant;

/// The request for an access token for the client itself. The whole request is the key of a token in a cache: requests
/// that differ in a scope, a resource or a right never share a token.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientCredentialsRequest {
    /// The scopes of the token.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The resources that the token is for (RFC 8707): absolute URIs without a fragment, which are sent to the letter.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The rights of the token besides its scopes (RFC 9396 section 6).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
    /// Further parameters. A parameter that the library sets itself is refused.
    #[serde(default)]
    pub extra: Vec<(String, String)>,
}

/// Shows only the names of the further parameters.
impl fmt::Debug for ClientCredentialsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentialsRequest")
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("authorization_details", &self.authorization_details)
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

impl ClientCredentialsRequest {
    /// Returns a request for these scopes.
    #[must_use]
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Adds a resource.
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

    /// Adds a further parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    fn form(&self) -> Result<Form, ConfigError> {
        const RESERVED: [&str; 6] =
            ["grant_type", "scope", "resource", "client_id", "client_secret", "client_assertion"];
        let mut form: Form = vec![("grant_type".into(), "client_credentials".into())];
        if !self.scopes.is_empty() {
            form.push(("scope".into(), Secret::new(self.scopes.join(" "))));
        }
        for (index, (name, value)) in self.extra.iter().enumerate() {
            if let Some(reserved) = RESERVED.iter().find(|reserved| **reserved == name) {
                return Err(ConfigError::Reserved(reserved));
            }
            if name == "authorization_details" && !self.authorization_details.is_empty() {
                return Err(ConfigError::Reserved("authorization_details"));
            }
            if self.extra.iter().take(index).any(|(known, _)| known == name) {
                return Err(ConfigError::Reserved("extra"));
            }
            form.push((name.clone().into(), Secret::new(value)));
        }
        Ok(form)
    }

    fn ask(&self, attempt: Attempt) -> Result<Ask, Error> {
        let aim = Aim::new(&self.resources, &self.authorization_details);
        Ask::new(attempt, Endpoint::Token, self.form()?).aiming(aim)
    }
}

/// A grant at rest between two attempts, to save and to resume, here or on another node.
///
/// It holds no secret of the client: the node that resumes it has its own [`Client`]. It holds the further parameters
/// of the [`ClientCredentialsRequest`], so keep it from others if one of these is a secret.
///
/// ```
/// use oidc_proto::flow::{ClientCredentialsRequest, SavedClientCredentials, Step};
/// use oidc_testkit::Party;
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let wanted = ClientCredentialsRequest::new(["orders.read"]);
/// let call = party.client.client_credentials(&wanted, party.clock.moment())?;
/// let (_request, _terms, pending) = call.into_parts();
///
/// let busy = http::Response::builder().status(503).header("retry-after", "30").body("")?;
/// let Step::Wait(pause) = pending.receive(busy, party.clock.moment())? else { panic!("it waits") };
/// let saved = serde_json::to_string(&pause.save())?;
///
/// // Here or on another node:
/// let saved: SavedClientCredentials = serde_json::from_str(&saved)?;
/// let pause = party.client.resume_client_credentials(saved, party.clock.now())?;
/// assert_eq!(pause.until(), party.clock.now().plus(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Grant")]
pub struct SavedClientCredentials(Grant);

/// The saved form of a grant, before it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    version: u32,
    issuer: String,
    client_id: String,
    wanted: ClientCredentialsRequest,
    retries: u8,
    until: Timestamp,
}

impl TryFrom<Grant> for SavedClientCredentials {
    type Error = &'static str;

    fn try_from(grant: Grant) -> Result<Self, &'static str> {
        if grant.version != VERSION {
            return Err("the saved grant is of another version");
        }
        if !(1..=MAX_RETRIES).contains(&grant.retries) {
            return Err("the saved grant has been retried too often, or not at all");
        }
        // The request is checked when the grant is resumed, like that of a new grant.
        if !text::is_list(&[&grant.issuer, &grant.client_id]) {
            return Err("the saved grant has a text that is empty, too long or not printable");
        }
        Ok(Self(grant))
    }
}

seal_as_json!(SavedClientCredentials, "client credentials");

impl Pause<ClientCredentialsGrant> {
    /// Returns the grant in its present state, to save it.
    #[must_use]
    pub fn save(&self) -> SavedClientCredentials {
        let Along { state: resting, carried: wanted } = self.state();
        let client = resting.ask().client();
        SavedClientCredentials(Grant {
            version: VERSION,
            issuer: client.metadata().issuer.clone(),
            client_id: client.client_id().to_owned(),
            wanted: wanted.clone(),
            retries: resting.retries(),
            until: self.until(),
        })
    }
}

impl Client {
    /// Asks for an access token for the client itself.
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `token_endpoint`, or if the library sets one of the further
    /// parameters itself; [`Error::Sign`] if the client has a key that fails to sign.
    pub fn client_credentials(
        &self,
        wanted: &ClientCredentialsRequest,
        moment: Moment,
    ) -> Result<Call<ClientCredentialsGrant>, Error> {
        Attempt::from(self).grant_client_credentials(wanted, MAX_RETRIES, moment)
    }

    /// Asks once for an access token for the client itself, and does not wait if the provider is busy. Use it if your
    /// program decides itself when to ask again.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn client_credentials_once(
        &self,
        wanted: &ClientCredentialsRequest,
        moment: Moment,
    ) -> Result<Call<ClientCredentialsGrant>, Error> {
        Attempt::from(self).grant_client_credentials(wanted, 0, moment)
    }

    /// Resumes a saved grant. Its wait ends [`RETRY_AFTER_CAP`] after `now` at the latest, because the clock of the
    /// node that saved it may have been ahead.
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if the grant belongs to another client or provider.
    pub fn resume_client_credentials(
        &self,
        saved: SavedClientCredentials,
        now: Timestamp,
    ) -> Result<Pause<ClientCredentialsGrant>, Error> {
        let SavedClientCredentials(saved) = saved;
        if saved.issuer != self.metadata().issuer || saved.client_id != self.client_id() {
            return Err(ConfigError::SavedState.into());
        }
        let ask = saved.wanted.ask(self.into())?;
        let resting = Resting::resumed(ask, saved.retries);
        let until = saved.until.min(now.after(RETRY_AFTER_CAP));
        Ok(Pause::<Repeated<TokenResponse>>::new(until, resting).carrying(saved.wanted))
    }
}

impl Attempt {
    /// Asks once for an access token for the client itself.
    ///
    /// # Errors
    /// As [`Client::client_credentials`].
    pub fn client_credentials(
        self,
        wanted: &ClientCredentialsRequest,
        moment: Moment,
    ) -> Result<Call<ClientCredentialsGrant>, Error> {
        self.grant_client_credentials(wanted, 0, moment)
    }

    fn grant_client_credentials(
        self,
        wanted: &ClientCredentialsRequest,
        budget: u8,
        moment: Moment,
    ) -> Result<Call<ClientCredentialsGrant>, Error> {
        Ok(wanted.ask(self)?.repeated(budget, moment)?.carrying(wanted.clone()))
    }
}

impl Then for ClientCredentialsGrant {
    type First = Repeated<TokenResponse>;
    /// The request: it is a part of the saved form.
    type Carried = ClientCredentialsRequest;
    type Output = TokenResponse;

    fn then(tokens: TokenResponse, _: ClientCredentialsRequest, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(tokens))
    }
}
