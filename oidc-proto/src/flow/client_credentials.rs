//! Client credentials (RFC 6749 section 4.4): a token for the client itself.
//!
//! ```text
//! Token ──granted──▶ Done(TokenResponse)
//!   ▲   ──429, 503, lost──▶ Wait ──┐
//!   └──────────────────────────────┘
//! ```

use super::{
    Call, Client, ConfigError, Endpoint, Error, Flow, Never, Pause, Response, Step,
    post::{Form, MAX_RETRIES, Post, Posting, RETRY_AFTER_CAP, Repeated, Repeating},
    saved,
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    message::TokenResponse,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the saved form.
const VERSION: u32 = 1;

/// The flow from a client to a token of its own. Nothing is spent by asking twice, so it waits and
/// asks again if the provider is busy or the answer is lost.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientCredentialsGrant;

/// What to ask for. Whole, it is the key under which a token is cached: two requests that differ in a
/// scope or a resource never share one.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientCredentials {
    /// Scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The resources the token is for (RFC 8707).
    #[serde(default)]
    pub resources: Vec<String>,
    /// Further parameters. One that the library sets itself is refused.
    #[serde(default)]
    pub extra: Vec<(String, String)>,
}

/// Of further parameters the names alone.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("extra", &self.extra.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

impl ClientCredentials {
    /// Asks for these scopes.
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
        form.extend(self.resources.iter().map(|resource| ("resource".into(), Secret::new(resource))));
        for (index, (name, value)) in self.extra.iter().enumerate() {
            if let Some(reserved) = RESERVED.iter().find(|reserved| **reserved == name) {
                return Err(ConfigError::Reserved(reserved));
            }
            if self.extra.iter().take(index).any(|(known, _)| known == name) {
                return Err(ConfigError::Reserved("extra"));
            }
            form.push((name.clone().into(), Secret::new(value)));
        }
        Ok(form)
    }
}

/// A request is in flight.
pub struct InFlight {
    wanted: ClientCredentials,
    repeating: Repeating,
}

/// Nothing is in flight, until it is time to ask again.
pub struct Waiting {
    wanted: ClientCredentials,
    repeating: Repeating,
}

/// A grant at rest between two attempts, to be saved and resumed, here or on another node. There is no
/// secret of the client in it: the node that resumes it brings its own [`Client`]. The further parameters of
/// [`ClientCredentials`] are in it, so keep it from others if one of them is worth something to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Grant")]
pub struct SavedClientCredentials(Grant);

/// It, before it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    version: u32,
    issuer: String,
    client_id: String,
    wanted: ClientCredentials,
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
        // What is wanted is held to the rules of a new grant when this one is resumed.
        if !saved::is_list(&[&grant.issuer, &grant.client_id]) {
            return Err("the saved grant has a text that is empty, too long or not printable");
        }
        Ok(Self(grant))
    }
}

impl Pause<ClientCredentialsGrant> {
    /// The grant as it rests, to be saved.
    #[must_use]
    pub fn save(&self) -> SavedClientCredentials {
        let Waiting { wanted, repeating } = self.state();
        SavedClientCredentials(Grant {
            version: VERSION,
            issuer: repeating.client.metadata().issuer.clone(),
            client_id: repeating.client.client_id().to_owned(),
            wanted: wanted.clone(),
            retries: repeating.retries,
            until: self.until(),
        })
    }
}

impl Client {
    /// Asks for a token for the client itself.
    ///
    /// # Errors
    /// [`Error::Config`] if the metadata has no usable `token_endpoint`, or an extra parameter is one
    /// that the library sets.
    pub fn client_credentials(
        &self,
        wanted: &ClientCredentials,
    ) -> Result<Call<ClientCredentialsGrant>, Error> {
        let call = Repeated::start(self.clone(), wanted.form()?)?;
        Ok(call.map(|repeating| InFlight { wanted: wanted.clone(), repeating }))
    }

    /// Goes on with a grant that was saved. It may come from a node whose clock was ahead, or from somebody
    /// else, so its wait is held to `now`: it ends [`RETRY_AFTER_CAP`] from now at the latest.
    ///
    /// # Errors
    /// [`ConfigError::SavedState`] if it belongs to another client or provider.
    pub fn resume_client_credentials(
        &self,
        saved: SavedClientCredentials,
        now: Timestamp,
    ) -> Result<Pause<ClientCredentialsGrant>, Error> {
        let SavedClientCredentials(saved) = saved;
        if saved.issuer != self.metadata().issuer || saved.client_id != self.client_id() {
            return Err(ConfigError::SavedState.into());
        }
        let form = saved.wanted.form()?;
        let (client, endpoint) = (self.clone(), Endpoint::Token);
        let repeating = Repeating { client, endpoint, form, retries: saved.retries };
        let until = saved.until.min(now.plus(RETRY_AFTER_CAP));
        Ok(Pause::new(until, Waiting { wanted: saved.wanted, repeating }))
    }
}

fn carry(
    step: Step<Repeated>,
    wanted: ClientCredentials,
    client: &Client,
) -> Result<Step<ClientCredentialsGrant>, Error> {
    step.within(
        wanted,
        |repeating, wanted| InFlight { wanted, repeating },
        |repeating, wanted| Waiting { wanted, repeating },
        |answer, _| answer.tokens(client).map(Step::Done),
    )
}

impl Flow for ClientCredentialsGrant {
    type Awaiting = InFlight;
    type Paused = Waiting;
    type Output = TokenResponse;

    fn on_response(state: InFlight, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let client = state.repeating.client.clone();
        carry(Repeated::on_response(state.repeating, response, moment)?, state.wanted, &client)
    }

    fn on_wake(state: Waiting, moment: Moment) -> Result<Step<Self>, Error> {
        let client = state.repeating.client.clone();
        carry(Repeated::on_wake(state.repeating, moment)?, state.wanted, &client)
    }

    fn on_failure(state: InFlight, moment: Moment) -> Result<Option<Step<Self>>, Error> {
        let client = state.repeating.client.clone();
        let step = Repeated::on_failure(state.repeating, moment)?;
        step.map(|step| carry(step, state.wanted, &client)).transpose()
    }
}

/// The same grant, asked for once: for whoever has a policy of their own for trying again.
#[derive(Debug)]
#[non_exhaustive]
pub struct OneTry;

/// The one request is in flight.
pub struct Trying {
    post: Posting,
    client: Client,
}

impl Client {
    /// Asks once for a token for the client itself, and does not wait if the provider is busy.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn client_credentials_once(&self, wanted: &ClientCredentials) -> Result<Call<OneTry>, Error> {
        let call = Post::start(self, wanted.form()?, &[])?;
        Ok(call.map(|post| Trying { post, client: self.clone() }))
    }
}

impl Flow for OneTry {
    type Awaiting = Trying;
    type Paused = Never;
    type Output = TokenResponse;

    fn on_response(state: Trying, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Trying { post, client } = state;
        Post::on_response(post, response, moment)?.within(
            client,
            |post, client| Trying { post, client },
            |never, _| never,
            |answer, client| answer.tokens(&client).map(Step::Done),
        )
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
