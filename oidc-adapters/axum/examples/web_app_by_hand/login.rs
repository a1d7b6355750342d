//! Begins and ends logins without a handle: discovery, the client, the two halves of the login, the keys, and the
//! loop that sends requests.
//!
//! A handle does more. If two callbacks of one login come at the same time (a double click), a handle sends the code
//! once. Here each callback sends it, and the provider may revoke the tokens of the first. A site that keeps its
//! logins in cookies needs the handle, or a list of the codes that are on their way.

use super::site::{Logins, Registered, Trouble};
use oidc_drive::Clock;
use oidc_hyper::Http;
use oidc_proto::{
    Error, Timestamp,
    flow::{Authenticated, Client, Discovery, Flow, PendingAuthorization, Step},
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
};
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// How long the provider's metadata is used, in seconds.
const FRESH: i64 = 300;

/// Logs users in at one provider.
pub(crate) struct ByHand {
    http: Http,
    at: Registered,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<Known>>,
}

/// The provider's metadata, as a client, and its keys.
#[derive(Clone)]
struct Known {
    client: Client,
    keys: Option<Arc<KeySet>>,
    since: Timestamp,
    keys_since: Option<Timestamp>,
}

impl ByHand {
    /// Sends no request before the first login. But an issuer that is not valid is an error at once.
    pub(crate) fn new(at: Registered, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let _not_sent = Discovery::start(&at.issuer, &at.url_policy())?;
        Ok(Self { http: Http::new(), at, clock, known: Mutex::new(None) })
    }

    /// Returns the client and the keys. Fetches the metadata if it is too old.
    async fn known(&self) -> Result<Known, Trouble> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| now < known.since.plus(FRESH)) {
            return Ok(known);
        }
        let metadata = self.run(Discovery::start(&self.at.issuer, &self.at.url_policy())?).await?;
        let has_userinfo = metadata.userinfo_endpoint.is_some();
        let mut builder = Client::builder(metadata, &*self.at.client_id).redirect_uri(&*self.at.redirect_uri);
        if let Some(secret) = &self.at.secret {
            builder = builder.secret(secret.clone());
        }
        if has_userinfo {
            builder = builder.fetch_userinfo();
        }
        let client = builder.build().map_err(Error::from)?;
        let known = Known { client, keys: None, since: now, keys_since: None };
        self.learn(known.clone());
        Ok(known)
    }

    /// Keeps newer metadata or keys. A login may be slow, so an older value must not replace a newer one.
    fn learn(&self, known: Known) {
        let age = |known: &Known| (known.since, known.keys_since);
        let mut held = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|held| age(held) < age(&known)) {
            *held = Some(known);
        }
    }

    /// Runs a flow to its end. `Http::run` does the same with this machine's own clock.
    async fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, Trouble> {
        let mut step = step.into();
        loop {
            step = match step {
                Step::Send(call) => {
                    let (request, terms, pending) = call.into_parts();
                    match self.http.send(request, terms).await {
                        Ok(response) => pending.receive(response, self.clock.moment())?,
                        Err(lost) => {
                            let why = lost.to_string();
                            let no_answer = || Trouble::NoAnswer { code: "no_response", why };
                            pending.fail(self.clock.moment())?.ok_or_else(no_answer)?
                        }
                    }
                }
                Step::Wait(pause) => {
                    tokio::time::sleep(self.clock.now().until(pause.until())).await;
                    pause.wake(self.clock.moment())?
                }
                Step::Done(output) => return Ok(output),
            }
        }
    }
}

impl Logins for ByHand {
    async fn begin(&self) -> Result<(Url, PendingAuthorization), Trouble> {
        let Known { client, .. } = self.known().await?;
        Ok(client.authorize(&AuthorizationRequest::new(["profile"]), self.clock.moment())?)
    }

    async fn end(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, Trouble> {
        let known = self.known().await?;
        let call = pending.callback(&known.client, known.keys.clone(), response, self.clock.moment())?;
        let user = self.run(call).await?;
        // The flow has fetched keys if the known keys did not verify the ID token.
        if let Some(keys) = user.learned.keys.clone() {
            self.learn(Known { keys: Some(keys), keys_since: user.learned.keys_asked_at, ..known });
        }
        Ok(user)
    }
}
