//! The registration of a client (RFC 7591 section 3).
//!
//! ```text
//! Configuring ──201, 200──▶ Done(RegisteredClient)
//! ```
//! The request is sent once, because each one that arrives makes a client. Nobody knows whether a lost one has arrived.

use super::{
    answer::{Asked, registered},
    client::check_redirect_uris,
    exchange::{Ask, Configured, Exchange},
};
use crate::{
    base::{moment::Moment, secret::Secret},
    flow::contract::{Call, ConfigError, Endpoint, Error, Step, Then},
    message::{ClientMetadata, RegisteredClient},
    metadata::{ClientAuthenticationSet, ProviderMetadata},
};
use http::Method;

/// The request to register a client: its metadata, and the token that lets somebody register one (RFC 7591 section 3.1).
///
/// ```
/// use oidc_proto::{flow::RegistrationRequest, message::ClientMetadata};
///
/// let metadata = ClientMetadata::web(["https://app.example/callback"]).client_name("My App");
/// let request = RegistrationRequest::new(metadata).initial_access_token("a-token-from-the-page-for-developers");
/// assert!(!format!("{request:?}").contains("a-token-from"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRequest {
    metadata: ClientMetadata,
    initial_access_token: Option<Secret>,
}

impl RegistrationRequest {
    /// Returns a request to register a client with these metadata.
    #[must_use]
    pub const fn new(metadata: ClientMetadata) -> Self {
        Self { metadata, initial_access_token: None }
    }

    /// Sets the token that lets somebody register a client, for a provider that demands one.
    #[must_use]
    pub fn initial_access_token(mut self, token: impl Into<Secret>) -> Self {
        self.initial_access_token = Some(token.into());
        self
    }
}

impl From<ClientMetadata> for RegistrationRequest {
    fn from(metadata: ClientMetadata) -> Self {
        Self::new(metadata)
    }
}

/// The flow that registers a client. [`start`](Self::start) starts it.
///
/// The request is sent once. If its response is lost, the provider may have a client that nobody knows of; that does no
/// harm, and your program may register once more.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{Registration, RegistrationRequest}, message::ClientMetadata};
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new(); // a provider without a network, and a clock
/// party.provider.accept_registrations();
/// let provider = party.discover()?;
///
/// let metadata = ClientMetadata::native(["http://127.0.0.1/callback"]).client_name("My Agent");
/// let call = Registration::start(&provider, &RegistrationRequest::new(metadata))?;
/// let registered = drive(call, &mut party.provider, &mut party.clock)?;
///
/// // Keep it, and make a client of it.
/// let client = registered.builder(provider, party.clock.now())?.build()?;
/// assert_eq!(client.client_id(), registered.client_id);
///
/// // It is not needed any more.
/// let call = registered.delete(&UrlPolicy::default())?;
/// drive(call, &mut party.provider, &mut party.clock)?;
/// # Ok::<(), oidc_proto::Error>(())
/// ```
///
/// # The answer
///
/// A provider may register something else than it was asked for (RFC 7591 section 3.2.1).
/// [`changes`](RegisteredClient::changes) lists it. The flow fails if a client cannot work with it, or if it lets others
/// in: with a redirect URI that nobody asked for, with none of those that were asked for, with a method of authentication
/// for which the client has nothing, with a secret that cannot be read. The client exists by then, so the error has it:
/// [`Error::registered_client`].
///
/// Only `client_id` must be there. A provider that repeats nothing has registered what was asked for, as far as anybody
/// knows.
///
/// # The authentication method
///
/// The method that the answer names counts. If it names none and issues no secret, it is the method that was asked for,
/// or else none. If it names none and issues a secret, it is the first of these that the metadata of the provider list:
/// the method that was asked for, `client_secret_basic` (the default of RFC 7591 section 2), `client_secret_post`,
/// `client_secret_jwt`, `none`; and `client_secret_basic` if they list none of these.
#[derive(Debug)]
#[non_exhaustive]
pub struct Registration;

/// What a registration needs to understand the answer.
#[derive(Debug)]
pub struct RegistrationContext {
    issuer: String,
    metadata: ClientMetadata,
    offered: ClientAuthenticationSet,
}

impl Registration {
    /// Asks the provider with this metadata to register a client.
    ///
    /// # Errors
    /// [`Error::Config`] if the provider has no usable `registration_endpoint`, if the metadata of the client contradict
    /// themselves ([`ClientMetadata::check`]) or have a redirect URI that no client can use, or if the token cannot stand
    /// in a header.
    pub fn start(provider: &ProviderMetadata, request: &RegistrationRequest) -> Result<Call<Self>, Error> {
        let RegistrationRequest { metadata, initial_access_token } = request;
        let endpoint = Endpoint::Registration;
        let url = endpoint.of(provider, false).ok_or(ConfigError::NoEndpoint(endpoint.name()))?;
        metadata.check().map_err(ConfigError::from)?;
        check_redirect_uris(metadata)?;
        let token = initial_access_token.as_ref().map(|token| ("initial_access_token", token));
        let body = Some(metadata.to_json().to_string());
        let secrets = metadata.software_statement.iter().map(|statement| Secret::new(statement.as_str()));
        let secrets = secrets.collect();
        let call = Ask { endpoint, method: Method::POST, url, token, body, secrets }.call()?;
        let offered = provider.client_authentication_methods();
        let (issuer, metadata) = (provider.issuer.clone(), metadata.clone());
        Ok(call.carrying(RegistrationContext { issuer, metadata, offered }))
    }
}

impl Then for Registration {
    type First = Exchange;
    type Carried = RegistrationContext;
    type Output = RegisteredClient;

    fn then(answer: Configured, context: RegistrationContext, _: Moment) -> Result<Step<Self>, Error> {
        let RegistrationContext { issuer, metadata, offered } = context;
        let asked = Asked { issuer, metadata: &metadata, offered, previous: None, may_differ: false };
        registered(answer, asked).map(Step::Done)
    }
}
