//! From the answer of a provider to a [`RegisteredClient`]: what is unusable, what is dangerous, and what has changed.

use super::{
    authentication::Choice,
    comparison::{changes, is_same_place},
    exchange::Configured,
};
use crate::{
    flow::contract::{Error, ResponseError, ResponseRule},
    message::{ClientInformationResponse, ClientMetadata, RegisteredClient, is_token},
    metadata::{ClientAuthentication, ClientAuthenticationSet},
};

/// What was asked for.
pub(super) struct Asked<'a> {
    pub(super) issuer: String,
    pub(super) metadata: &'a ClientMetadata,
    /// The methods with which a client may authenticate.
    pub(super) offered: ClientAuthenticationSet,
    /// The registration that there was before.
    pub(super) previous: Option<&'a RegisteredClient>,
    /// Whether the redirect URIs may be others than those that are known: somebody only looks at the registration.
    pub(super) may_differ: bool,
}

/// Reads an answer.
pub(super) fn registered(answer: Configured, asked: Asked<'_>) -> Result<RegisteredClient, Error> {
    let Configured { members, endpoint, status } = answer;
    let broken = |rule| Error::from(ResponseError::new(endpoint, status, rule));
    let read = members.and_then(ClientInformationResponse::from_members);
    let told = read.map_err(|error| broken(error.into()))?;
    let told = told.ok_or_else(|| broken(ResponseRule::Missing("client_id")))?;
    // Another client has other credentials, which are not ours to keep.
    if asked.previous.is_some_and(|previous| previous.client_id != told.client_id) {
        return Err(broken(ResponseRule::Value("client_id")));
    }
    let (client, fault) = judge(told, &asked);
    match fault {
        None => Ok(client),
        Some(rule) => Err(Error::Registration { cause: Box::new(broken(rule)), client: Box::new(client) }),
    }
}

/// Makes the client, whatever is wrong with it, and says what is.
fn judge(told: ClientInformationResponse, asked: &Asked<'_>) -> (RegisteredClient, Option<ResponseRule>) {
    let Asked { issuer, metadata: wanted, offered, previous, may_differ } = asked;
    let mut fault = (!is_token(&told.client_id)).then_some(ResponseRule::Value("client_id"));
    let mut blame = |rule| fault = fault.take().or(Some(rule));
    let secret = told.client_secret.unwrap_or_else(|error| {
        blame(error.into());
        None
    });
    let secret = secret.filter(|secret| {
        let usable = is_token(secret.expose());
        if !usable {
            blame(ResponseRule::Value("client_secret"));
        }
        usable
    });
    // A provider need not repeat what it has not changed.
    let new_secret = secret.is_some();
    let client_secret = secret.or_else(|| previous.and_then(|previous| previous.client_secret.clone()));
    let client_secret_expires_at = match previous {
        Some(previous) if !new_secret => told.client_secret_expires_at.or(previous.client_secret_expires_at),
        Some(_) | None => told.client_secret_expires_at,
    };
    let known_token = || previous.and_then(|previous| previous.registration_access_token.clone());
    let known_uri = || previous.and_then(|previous| previous.registration_client_uri.clone());
    let issued_at = || previous.and_then(|previous| previous.client_id_issued_at);

    let has_secret = client_secret.is_some();
    let method = told.metadata.token_endpoint_auth_method.as_deref();
    let choice = Choice { asked: wanted, told: method, has_secret, offered: *offered };
    let authentication = choice.method().unwrap_or_else(|| {
        blame(ResponseRule::Registered("token_endpoint_auth_method"));
        previous.map_or(ClientAuthentication::None, |previous| previous.authentication)
    });
    if !may_differ && !redirect_uris_are_ours(wanted, &told.metadata) {
        blame(ResponseRule::Registered("redirect_uris"));
    }
    let mut metadata = wanted.overlaid(&told.metadata);
    if method.is_none_or(|told| told != authentication.name()) && fault.is_none() {
        metadata.token_endpoint_auth_method = Some(authentication.name().to_owned());
    }
    let client = RegisteredClient {
        issuer: issuer.clone(),
        client_id: told.client_id,
        client_id_issued_at: told.client_id_issued_at.or_else(issued_at),
        client_secret,
        client_secret_expires_at,
        authentication,
        registration_access_token: told.registration_access_token.or_else(known_token),
        registration_client_uri: told.registration_client_uri.or_else(known_uri),
        changes: changes(wanted, &told.metadata),
        metadata,
    };
    (client, fault)
}

/// Whether the registered redirect URIs are some of those that were asked for, and no others. Through another one, somebody
/// else would get the codes of users. What a software statement names is unknown here.
fn redirect_uris_are_ours(wanted: &ClientMetadata, told: &ClientMetadata) -> bool {
    let Some(registered) = &told.redirect_uris else { return true };
    let asked = wanted.redirect_uris.as_deref().unwrap_or_default();
    let is_ours = |uri: &String| asked.iter().any(|asked| is_same_place(asked, uri));
    let foreign = !registered.iter().all(is_ours);
    let none_left = registered.is_empty() && !asked.is_empty();
    wanted.software_statement.is_some() || !foreign && !none_left
}
