//! How a handle gets a token: which of refresh, discovery and authorization comes next. One caller at a time is here; all
//! others wait for its result.
//!
//! ```text
//! expired ─▶ refresh ─▶ token             over: the request goes without a token, so that the resource says what it wants
//! 401, no token ─▶ discovery ─▶ authorization ─▶ token
//! 401, a token ─▶ discovery ─▶ the same server ─▶ refresh ─▶ token
//!                                                over, or refused again ─▶ authorization ─▶ token
//!                           ─▶ another server ─▶ authorization there ─▶ token
//! 403, a scope is missing ─▶ authorization for the union of the scopes ─▶ token    never a refresh
//! ```
//! Each authorization counts ([`ScopeStepUp`](oidc_proto::flow::ScopeStepUp)), and each refresh leads to a request or to an
//! authorization, so every call ends.

use super::{
    challenge::Challenge,
    error::AccessError,
    grant::{Grant, Visit, Wanted, lost},
    inner::{Connected, Inner},
    state::{Kept, Token, Tokens},
};
use crate::provider::ProviderError;
use oidc_proto::{
    Error, Secret,
    flow::{CallbackError, ClientCredentialsRequest, DiscoveredAuthorization, Endpoint, RefreshRequest},
    message::{AccessRequest, AuthorizationResponse, TokenResponse},
    renew::{Freshness, Renewed},
};
use std::{sync::Arc, time::Duration};

/// How long a result counts that is for the callers who wait for it now.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Why a caller wants a token, or another one.
#[derive(Clone)]
pub(super) enum Reason {
    /// The token has expired. Nobody is asked for a new authorization.
    Expired,
    /// The resource demands a token, and the request had none.
    Missing(Challenge),
    /// The resource has refused the token.
    Refused {
        token: Secret,
        challenge: Challenge,
        /// Whether it had come from a refresh in the same call.
        refreshed: bool,
    },
    /// The resource demands more scopes.
    Scope { token: Secret, challenge: Challenge, demanded: Vec<String> },
    /// The resource demands that the user authenticate again, or in another way (RFC 9470).
    Authentication { token: Secret, challenge: Challenge, acr_values: Vec<String>, max_age: Option<Duration> },
}

/// A token, and whether it came from a refresh.
pub(super) struct Obtained {
    pub(super) token: Renewed<Option<Token>>,
    pub(super) refreshed: bool,
}

/// What an authorization asks for besides the first scopes.
#[derive(Default)]
struct Demand {
    scopes: Vec<String>,
    parameters: Vec<(String, String)>,
}

impl Inner {
    /// Gets a token for this reason.
    pub(super) async fn obtain(&self, reason: Reason) -> Result<Obtained, AccessError> {
        let kept = self.reload().await?;
        let refused = match &reason {
            Reason::Refused { token, .. }
            | Reason::Scope { token, .. }
            | Reason::Authentication { token, .. } => Some(token),
            Reason::Expired | Reason::Missing(_) => None,
        };
        // Another process may have got a newer token meanwhile.
        if let Some(kept) = &kept
            && let Some(token) = kept.usable(self.now())
            && refused.is_none_or(|refused| {
                token.value.as_ref().as_ref().is_some_and(|token| !refused.equals(token.token.expose()))
            })
        {
            return Ok(Obtained { token, refreshed: false });
        }
        match reason {
            Reason::Expired => {
                let refreshed = match kept {
                    Some(kept) => self.refresh(kept).await?,
                    None => None,
                };
                // Nobody is asked now: the resource says first what it wants.
                let over = || Renewed::new(Arc::new(None), Freshness::lasting(A_MOMENT));
                Ok(refreshed.unwrap_or_else(|| Obtained { token: over(), refreshed: false }))
            }
            Reason::Missing(challenge) => {
                let found = self.discover(&challenge).await?;
                self.authorize(kept, found, Demand::default()).await
            }
            Reason::Refused { challenge, refreshed, .. } => {
                // The resource may have moved to another server, which its metadata says.
                let found = self.discover(&challenge).await?;
                let stays = kept.clone().filter(|kept| kept.is_of(&found));
                match stays {
                    Some(own) if !refreshed && own.refresh_token().is_some() => {
                        if let Some(obtained) = self.refresh(own).await? {
                            return Ok(obtained);
                        }
                        let kept = self.live().kept.clone();
                        self.authorize(kept, found, Demand::default()).await
                    }
                    _ => self.authorize(kept, found, Demand::default()).await,
                }
            }
            Reason::Scope { challenge, demanded, .. } => {
                let found = self.discover(&challenge).await?;
                let demand = Demand { scopes: demanded, ..Demand::default() };
                self.authorize(kept, found, demand).await
            }
            Reason::Authentication { challenge, acr_values, max_age, .. } => {
                let found = self.discover(&challenge).await?;
                let mut parameters = Vec::new();
                if !acr_values.is_empty() {
                    parameters.push(("acr_values".to_owned(), acr_values.join(" ")));
                }
                parameters.extend(max_age.map(|age| ("max_age".to_owned(), age.as_secs().to_string())));
                self.authorize(kept, found, Demand { parameters, ..Demand::default() }).await
            }
        }
    }

    /// Refreshes. `None` if the login is over: what is kept then has no tokens any more. Any other failure leaves them: a
    /// server that is down has not ended anything.
    async fn refresh(&self, mut kept: Kept) -> Result<Option<Obtained>, AccessError> {
        let Some(refresh_token) = kept.refresh_token().cloned() else { return Ok(None) };
        let Some(connected) = self.connected(&kept).await? else {
            // The program has become another client, which the token was not issued to.
            kept.tokens = None;
            self.save(kept).await;
            return Ok(None);
        };
        let mut request = RefreshRequest::new(refresh_token.clone());
        if self.resource_on_refresh {
            request = request.resource(&kept.resource);
        }
        match connected.provider.refresh_with(&request, None).await {
            Ok(refreshed) => {
                let tokens = Tokens::of(&refreshed.tokens, Some(&refresh_token), self.now());
                Ok(Some(Obtained { token: self.keep(kept, tokens).await, refreshed: true }))
            }
            Err(error) => {
                if let Some(next) = error.new_refresh_token() {
                    if let Some(tokens) = &mut kept.tokens {
                        tokens.refresh_token = Some(next.clone());
                    }
                    self.save(kept).await;
                    return Err(error.into());
                }
                if !is_over(&error) {
                    return Err(error.into());
                }
                if is_forgotten(&error) && kept.registered.is_some() {
                    self.forget_registration(&kept.issuer).await?;
                }
                kept.tokens = None;
                self.save(kept).await;
                Ok(None)
            }
        }
    }

    /// Gets new tokens from the server that was found, and asks the user if there is one.
    async fn authorize(
        &self,
        before: Option<Kept>,
        found: DiscoveredAuthorization,
        demand: Demand,
    ) -> Result<Obtained, AccessError> {
        let stays = before.clone().filter(|kept| kept.is_of(&found));
        let mut scopes = match &stays {
            Some(kept) => kept.scopes.clone(),
            None => self.counted(),
        };
        let wanted = match demand.scopes.is_empty() {
            true => scopes.ask(&self.first_scopes(&found))?,
            false => scopes.demand(&demand.scopes)?,
        };
        let mut again = true;
        loop {
            let connected = self.connect(&found).await?;
            let mut kept = match &stays {
                Some(kept) if kept.client_id == connected.client_id => kept.clone(),
                _ => Kept::new(
                    &found,
                    (connected.client_id.clone(), connected.registered.clone()),
                    scopes.clone(),
                ),
            };
            // It counts even if the user never comes back.
            kept.scopes.clone_from(&scopes);
            self.live().kept = Some(kept.left_of(before.clone()));
            let granted = self.grant(&connected, &found, &wanted, &demand).await;
            if granted.as_ref().map_or_else(is_decision, |_| true) {
                kept.scopes.decided(&wanted);
            }
            match granted {
                Ok(response) => {
                    let tokens = Tokens::of(&response, None, self.now());
                    return Ok(Obtained { token: self.keep(kept, tokens).await, refreshed: false });
                }
                Err(AccessError::Provider(error))
                    if again && is_forgotten(&error) && kept.registered.is_some() =>
                {
                    again = false;
                    let _wanted = scopes.ask(&[])?;
                    self.forget_registration(&kept.issuer).await?;
                }
                Err(error) => {
                    self.save(kept.left_of(before)).await;
                    return Err(error);
                }
            }
        }
    }

    async fn grant(
        &self,
        connected: &Connected,
        found: &DiscoveredAuthorization,
        scopes: &[String],
        demand: &Demand,
    ) -> Result<TokenResponse, AccessError> {
        let resource = &found.resource.resource;
        match &self.grant {
            Grant::User(browser) => {
                let mut request =
                    AccessRequest::new(self.with_offline_access(found, scopes)).resource(resource);
                for (name, value) in &demand.parameters {
                    request = request.parameter(name, value);
                }
                let (url, pending) = connected.provider.authorize_access(&request).await?;
                let client = connected.provider.client().await?;
                let clock = Arc::clone(&self.clock);
                let visit = Visit { url, client: client.clone(), pending: pending.clone(), clock };
                let callback = browser(visit).await.map_err(lost)?;
                let response = AuthorizationResponse::from_url(&callback).map_err(CallbackError::from);
                let step = pending.callback(&client, response.map_err(Error::from)?, self.clock.moment())?;
                Ok(connected.provider.run(step).await?.tokens)
            }
            Grant::ClientCredentials => {
                let wanted = ClientCredentialsRequest::new(scopes.to_vec()).resource(resource);
                let client = connected.provider.client().await?;
                Ok(connected.provider.run(client.client_credentials(&wanted, self.clock.moment())?).await?)
            }
            Grant::Own(fetch) => {
                let wanted = Wanted {
                    provider: connected.provider.clone(),
                    resource: resource.clone(),
                    scopes: scopes.to_vec(),
                    metadata: Arc::new(found.resource.clone()),
                };
                Ok(fetch(wanted).await?)
            }
            Grant::None => Err(AccessError::NoGrant),
        }
    }

    /// Keeps new tokens. They count even if the store has no answer: the old ones may be spent.
    async fn keep(&self, mut kept: Kept, tokens: Tokens) -> Renewed<Option<Token>> {
        let issued = tokens.token();
        kept.tokens = Some(tokens);
        // A token without a life of its own is for one request.
        let token = kept.usable(self.now());
        self.save(kept).await;
        token.unwrap_or_else(|| Renewed::new(Arc::new(Some(issued)), Freshness::lasting(A_MOMENT)))
    }
}

/// Whether a refresh has failed because the login is over.
fn is_over(error: &ProviderError) -> bool {
    refusal(error)
        .is_some_and(|code| matches!(code, "invalid_grant" | "invalid_client" | "unauthorized_client"))
}

/// Whether the server does not know this client.
fn is_forgotten(error: &ProviderError) -> bool {
    refusal(error) == Some("invalid_client")
}

/// Whether the user, or the server for them, has refused what was asked for.
fn is_decision(error: &AccessError) -> bool {
    let AccessError::Provider(ProviderError::Protocol(Error::Callback(CallbackError::Denied(said)))) = error
    else {
        return false;
    };
    matches!(&*said.error, "access_denied" | "invalid_scope" | "consent_required")
}

/// The error code of a refusal at the token endpoint.
fn refusal(error: &ProviderError) -> Option<&str> {
    let ProviderError::Protocol(Error::OAuth(refused)) = error else { return None };
    (refused.endpoint == Endpoint::Token).then_some(&*refused.response.error)
}
