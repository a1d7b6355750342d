//! [`Introspector`]: introspects opaque tokens (RFC 7662), and keeps the responses for a short time.
//!
//! Each token has one [`SingleFlight`](crate::SingleFlight), in [bounded room](super::asked), so a token that comes a
//! thousand times at once is introspected once. A response is stored under a hash of the token:
//!
//! | response | kept for |
//! |---|---|
//! | active | 30 s (the `max_ttl` of [`INTROSPECTION`]), less if `exp` is sooner |
//! | not active, or a limit of the token is unreadable | 5 s |
//! | none, or an error | no time: the request is answered 503, and a new introspection is possible after 1 s |
//!
//! A client that demands signed responses (RFC 9701) gets the keys in memory with each request. The keys that it must
//! fetch all the same go into the memory of the gate.
//!
//! A revoked token is accepted until its response is dropped. Five seconds are long enough for a client that retries
//! without end, and too short to matter if the token becomes active.

use super::asked::{Said, Tokens};
use crate::{
    event::{Clock, Observer, Watched},
    flight::NotAvailableError,
    io::Io,
    issuer::{Issuer, failure, hash},
};
use oidc_proto::{
    Secret, Timestamp,
    base::JsonError,
    flow::{Client, ConfigError, Error, ResponseRule, TokenTypeHint},
    metadata::ProviderMetadata,
    renew::{Freshness, Need, RenewalError, RenewalPolicy, Renewed},
};
use std::{future::Future, sync::Arc, time::Duration};

/// How long the response that a token is not active is kept.
const INACTIVE: Duration = Duration::from_secs(5);

/// The policy for introspection responses: they are kept for 30 seconds at most, and never used after that.
pub const INTROSPECTION: RenewalPolicy = {
    let mut policy = RenewalPolicy::KEYS;
    policy.default_ttl = Duration::from_secs(30);
    policy.min_ttl = Duration::from_secs(1);
    policy.max_ttl = Duration::from_secs(30);
    policy.refresh_ahead = Duration::ZERO;
    policy.stale_if_error = Duration::ZERO;
    policy.first_retry = Duration::from_secs(1);
    policy.cooldown = Duration::from_secs(1);
    policy.longest_retry = Duration::from_secs(5);
    policy
};

/// Makes the client that introspects tokens.
pub(super) type ClientMaker = Arc<dyn Fn(Arc<ProviderMetadata>) -> Result<Client, ConfigError> + Send + Sync>;

pub(super) struct Introspector {
    tokens: Arc<Tokens>,
    client: ClientMaker,
    clock: Arc<dyn Clock>,
    ceiling: Duration,
    limits: Limits,
}

/// The limits of the gate, which the client for introspection follows.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The longest token, in bytes.
    pub(super) token: usize,
    /// The largest introspection response, in bytes, if the gate has a limit for documents.
    pub(super) response: Option<usize>,
}

impl Introspector {
    pub(super) fn new(
        client: ClientMaker,
        (entries, mut policy): (usize, RenewalPolicy),
        clock: Arc<dyn Clock>,
        limits: Limits,
        issuer: &str,
        observer: &Observer,
    ) -> Self {
        // A policy may shorten the life of a response, but never prolong it.
        (policy.min_ttl, policy.stale_if_error) = (Duration::from_secs(1), Duration::ZERO);
        let watched = Watched::new("introspection", issuer, observer);
        let tokens = Tokens::new(entries, policy, Arc::clone(&clock), watched);
        Self { tokens, client, clock, ceiling: policy.max_ttl, limits }
    }

    pub(super) fn wake(&self) {
        self.tokens.all().iter().for_each(|answer| answer.wake());
    }

    /// The introspection response of a token, if one is in memory.
    pub(super) fn at_hand(&self, token: &Secret, now: Timestamp) -> Option<Arc<Said>> {
        self.tokens.remembered(&hash(token))?.at_hand(now).map(|published| published.value)
    }

    /// The introspection response of a token, fetched if need be.
    pub(super) async fn ask<W: Future<Output = ()>>(
        &self,
        token: &Secret,
        issuer: &Arc<Issuer>,
        io: &Arc<Io>,
        sleep: impl FnMut(Duration) -> W,
    ) -> Result<Arc<Said>, NotAvailableError> {
        let busy = || NotAvailableError::new(self.clock.now().plus(1), None).of(issuer.name(), None);
        let (answer, permit) = self.tokens.permit(&hash(token)).ok_or_else(busy)?;
        let of = Arc::clone(issuer);
        let (issuer, wires, token) = (Arc::clone(issuer), Arc::clone(io), token.clone());
        let (client, clock, ceiling) = (Arc::clone(&self.client), Arc::clone(&self.clock), self.ceiling);
        let limits = self.limits;
        let renew = move || async move {
            let Some(sent) = permit.send() else {
                let why = "introspection_endpoint: it has been asked for, and is not there yet";
                issuer.lost().keep("introspection", None, why.to_owned());
                return Err(RenewalError::NoResponse);
            };
            let said = fetch(&client, &token, limits, &issuer, &wires).await?;
            let active = said.as_ref().ok().filter(|said| said.active);
            sent.said(active.is_some());
            let lasting = match active.map(|said| said.exp) {
                None => INACTIVE.min(ceiling),
                // At least 5 s, even past `exp`: the judge checks `exp` with each request.
                Some(Some(exp)) => clock.now().until(exp).clamp(INACTIVE.min(ceiling), ceiling),
                Some(None) => ceiling,
            };
            Ok(Renewed::new(Arc::new(said), Freshness::lasting(lasting)))
        };
        let said = answer.get_async(Need::Any, renew, sleep, |task| io.spawn(task)).await;
        said.map(|said| said.value).map_err(|why| of.says(why, "introspection"))
    }
}

async fn fetch(
    client: &ClientMaker,
    token: &Secret,
    limits: Limits,
    issuer: &Arc<Issuer>,
    io: &Arc<Io>,
) -> Result<Said, RenewalError> {
    let metadata = issuer.metadata_for_renewal(io).await;
    let metadata = metadata.map_err(|why| failure(why, "introspection", issuer.lost()))?.value;
    let asked = async {
        let client = client(metadata).map_err(oidc_proto::Error::from)?.with_max_introspected(limits.token);
        // Only a signed response needs keys, and the flow fetches them if there are none in memory.
        let keys = issuer.fixed().cloned().or_else(|| issuer.keys_at_once().map(|keys| keys.value));
        let (keys, known) = (keys.filter(|_| client.demands_signed_introspection()), issuer.epoch());
        let (hint, moment) = (Some(TokenTypeHint::AccessToken), io.clock().moment());
        let call = client.introspect_once_with_keys(token, hint, keys, moment)?;
        let call = match limits.response {
            Some(bytes) => call.max_body(bytes),
            None => call,
        };
        let asked = io.run(call).await;
        let said = asked.map_err(|fell| issuer.lost().failure("introspection", fell))?;
        issuer.learn(&said.learned, known);
        Ok(said.response)
    };
    let said = asked.await.inspect_err(|failure| issuer.report(failure));
    if let Err(RenewalError::Flow(Error::Response(answer))) = &said
        && let ResponseRule::Json(why @ JsonError::WrongType { member, .. }) = answer.rule
        && member != "active"
    {
        // A limit of this token is unreadable. The issuer has answered, so this is a verdict and not an outage.
        return Ok(Err(why));
    }
    said.map(Ok)
}
