//! The registration of a client is read, changed and deleted (RFC 7592 section 2).
//!
//! ```text
//! RegistrationRead:            it is read, or changed
//! Configuring ──200──▶ Done(RegisteredClient)
//!
//! RegistrationDelete:          only the status counts
//! Configuring ──2xx──▶ Done(())
//! ```
//! Each request is sent once. A read may be repeated by whoever called, and so may a deletion: a client that is gone
//! already answers with `invalid_token`.
//!
//! The URL of the registration comes from the provider, in the same answer as the token for it. So whoever names the URL
//! has the token already, and RFC 7592 lets a provider put the endpoint where it likes: no rule demands the origin of the
//! issuer. The URL policy says where requests may go, and it judges this URL like each other one.

use super::{
    answer::{Asked, registered},
    client::check_redirect_uris,
    exchange::{Ask, Configured, Exchange},
};
use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlPolicy},
        moment::Moment,
        secret::Secret,
    },
    flow::contract::{Call, ConfigError, Endpoint, Error, RegisteredClientError, Step, Then},
    message::{ClientMetadata, RegisteredClient},
    metadata::{ClientAuthentication, ClientAuthenticationSet},
};
use http::Method;
use serde_json::Value;

/// The flow that reads the registration of a client. [`RegisteredClient::read`] starts it.
///
/// [`changes`](RegisteredClient::changes) lists what is otherwise than it was known. The answer may have a new secret and
/// a new token: keep it in place of the old one.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{Registration, RegistrationRequest}, message::ClientMetadata};
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new();
/// party.provider.accept_registrations();
/// let wanted = RegistrationRequest::new(ClientMetadata::web(["https://app.example/callback"]));
/// let call = Registration::start(&party.discover()?, &wanted)?;
/// let registered = drive(call, &mut party.provider, &mut party.clock)?;
///
/// let call = registered.read(&UrlPolicy::default())?;
/// let read = drive(call, &mut party.provider, &mut party.clock)?;
/// assert_eq!(read.client_id, registered.client_id);
/// assert!(read.changes.is_empty(), "nobody has changed it");
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RegistrationRead;

/// The flow that changes the registration of a client. [`RegisteredClient::update`] starts it.
///
/// ```
/// use oidc_proto::{UrlPolicy, flow::{Registration, RegistrationRequest}, message::ClientMetadata};
/// use oidc_testkit::{Party, drive};
///
/// let mut party = Party::new();
/// party.provider.accept_registrations();
/// let wanted = RegistrationRequest::new(ClientMetadata::web(["https://app.example/callback"]));
/// let call = Registration::start(&party.discover()?, &wanted)?;
/// let registered = drive(call, &mut party.provider, &mut party.clock)?;
///
/// let wanted = registered.metadata.clone().client_name("My App");
/// let call = registered.update(&wanted, &UrlPolicy::default())?;
/// let updated = drive(call, &mut party.provider, &mut party.clock)?;
/// assert_eq!(updated.metadata.client_name.as_deref(), Some("My App"));
/// # Ok::<(), oidc_proto::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RegistrationUpdate;

/// The flow that deletes the registration of a client. [`RegisteredClient::delete`] starts it.
///
/// ```
/// use oidc_proto::{Error, UrlPolicy, flow::{Call, RegistrationDelete}};
///
/// /// Begins to delete the client that a failed registration has left behind.
/// fn clean_up(failed: &Error) -> Option<Call<RegistrationDelete>> {
///     failed.registered_client()?.delete(&UrlPolicy::default()).ok()
/// }
/// # let _ = clean_up;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RegistrationDelete;

impl RegisteredClient {
    /// Reads the registration (RFC 7592 section 2.1).
    ///
    /// # Errors
    /// [`Error::Config`] if the provider has given no URL or no token for the registration, or if the policy does not
    /// admit the URL.
    pub fn read(&self, policy: &UrlPolicy) -> Result<Call<RegistrationRead>, Error> {
        Ok(self.ask(Method::GET, None, Vec::new(), policy)?.carrying(Box::new(self.clone())))
    }

    /// Replaces the metadata of the registration by these (RFC 7592 section 2.2). A member that is not set is deleted, so
    /// begin with [`metadata`](Self::metadata). The secret is not sent, and stays as it is unless the answer has a new one.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`Error::Config`] if the metadata contradict themselves or have a redirect URI that no
    /// client can use.
    pub fn update(
        &self,
        metadata: &ClientMetadata,
        policy: &UrlPolicy,
    ) -> Result<Call<RegistrationUpdate>, Error> {
        metadata.check().map_err(ConfigError::from)?;
        check_redirect_uris(metadata)?;
        let mut body = metadata.to_json();
        if let Value::Object(members) = &mut body {
            members.insert("client_id".to_owned(), self.client_id.clone().into());
        }
        let statement = metadata.software_statement.iter().map(|statement| Secret::new(statement.as_str()));
        let call = self.ask(Method::PUT, Some(body.to_string()), statement.collect(), policy)?;
        Ok(call.carrying(Box::new((self.clone(), metadata.clone()))))
    }

    /// Deletes the client (RFC 7592 section 2.3). The provider then refuses it, and revokes its tokens if it can.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn delete(&self, policy: &UrlPolicy) -> Result<Call<RegistrationDelete>, Error> {
        Ok(self.ask(Method::DELETE, None, Vec::new(), policy)?.carrying(()))
    }

    fn ask(
        &self,
        method: Method,
        body: Option<String>,
        mut secrets: Vec<Secret>,
        policy: &UrlPolicy,
    ) -> Result<Call<Exchange>, Error> {
        let unmanaged = ConfigError::from(RegisteredClientError::NotManaged);
        let uri = self.registration_client_uri.as_deref().ok_or(unmanaged)?;
        let token = self.registration_access_token.as_ref().ok_or(unmanaged)?;
        let url = EndpointUrl::parse(uri, policy)
            .map_err(|error| ConfigError::from(RegisteredClientError::Url(error)))?;
        secrets.extend(self.client_secret.clone());
        let token = Some(("registration_access_token", token));
        Ask { endpoint: Endpoint::ClientConfiguration, method, url: &url, token, body, secrets }.call()
    }

    /// Reads the answer about this registration.
    fn again(&self, answer: Configured, metadata: &ClientMetadata, may_differ: bool) -> Result<Self, Error> {
        let asked = metadata.token_endpoint_auth_method.as_deref().and_then(ClientAuthentication::from_name);
        let offered = ClientAuthenticationSet::EMPTY.with(self.authentication);
        let offered = asked.map_or(offered, |asked| offered.with(asked));
        let (issuer, previous) = (self.issuer.clone(), Some(self));
        registered(answer, Asked { issuer, metadata, offered, previous, may_differ })
    }
}

impl Then for RegistrationRead {
    type First = Exchange;
    /// The registration as it is known.
    type Carried = Box<RegisteredClient>;
    type Output = RegisteredClient;

    fn then(answer: Configured, known: Box<RegisteredClient>, _: Moment) -> Result<Step<Self>, Error> {
        known.again(answer, &known.metadata, true).map(Step::Done)
    }
}

impl Then for RegistrationUpdate {
    type First = Exchange;
    /// The registration as it is known, and the new metadata.
    type Carried = Box<(RegisteredClient, ClientMetadata)>;
    type Output = RegisteredClient;

    fn then(answer: Configured, carried: Self::Carried, _: Moment) -> Result<Step<Self>, Error> {
        let (known, wanted) = *carried;
        known.again(answer, &wanted, false).map(Step::Done)
    }
}

impl Then for RegistrationDelete {
    type First = Exchange;
    type Carried = ();
    type Output = ();

    /// Only the status counts.
    fn then(_: Configured, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(()))
    }
}
