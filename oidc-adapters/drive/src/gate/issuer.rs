//! A trusted issuer: where its keys come from, and the flights that renew keys and metadata.

use super::{
    Boxed,
    builder::{FailureHook, Io, KeySource},
};
use crate::{Clock, Flight, Unavailable, run_async};
use oidc_proto::{
    EndpointUrl, Timestamp, UrlPolicy,
    flow::{ConfigError, Flow, Step},
    jose::KeySet,
    metadata::{Profile, ProviderMetadata},
    renew::{
        Counters, Epoch, Failure, Freshness, KeyRenewal, MetadataRenewal, Need, Policy, Published, Reader,
        Renewed,
    },
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

pub(super) struct Issuer {
    name: String,
    source: KeySource,
    keys: Arc<Flight<KeySet>>,
    metadata: Arc<Flight<ProviderMetadata>>,
    urls: UrlPolicy,
    clock: Arc<dyn Clock>,
    failures: Option<FailureHook>,
    cooldown: i64,
    /// When the newest keys were asked for, whether the last attempt failed, how many are under way.
    asked: AtomicI64,
    failed: AtomicBool,
    running: AtomicUsize,
}

/// What issuers have in common.
pub(super) struct Common {
    pub(super) keys: Policy,
    pub(super) metadata: Policy,
    pub(super) urls: UrlPolicy,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) failures: Option<FailureHook>,
}

impl Issuer {
    pub(super) fn new(name: String, source: KeySource, common: &Common) -> Self {
        Self {
            name,
            source,
            keys: Arc::new(Flight::with_clock(common.keys, Arc::clone(&common.clock))),
            metadata: Arc::new(Flight::with_clock(common.metadata, Arc::clone(&common.clock))),
            urls: common.urls,
            clock: Arc::clone(&common.clock),
            failures: common.failures.clone(),
            cooldown: common.keys.cooldown,
            asked: AtomicI64::new(i64::MIN),
            failed: AtomicBool::new(false),
            running: AtomicUsize::new(0),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn fixed(&self) -> Option<&Arc<KeySet>> {
        match &self.source {
            KeySource::Fixed(keys) => Some(keys),
            KeySource::Discovery(_) | KeySource::JwksUri(_) => None,
        }
    }

    pub(super) const fn is_fixed(&self) -> bool {
        self.fixed().is_some()
    }

    pub(super) fn reader(&self) -> Reader<Published<KeySet>> {
        self.keys.reader()
    }

    pub(super) fn counters(&self) -> Counters {
        self.keys.counters()
    }

    pub(super) fn waiting(&self) -> usize {
        self.keys.waiting()
    }

    pub(super) fn wake(&self) {
        self.keys.wake();
    }

    /// Whether the keys at hand are as new as makes sense: asked for within the cooldown, and nothing
    /// says that there could be newer ones.
    pub(super) fn is_up_to_date(&self, now: Timestamp) -> bool {
        let recent = now.0.saturating_sub(self.asked.load(SeqCst)) <= self.cooldown;
        recent && !self.failed.load(SeqCst) && self.running.load(SeqCst) == 0
    }

    /// The keys; renewed in the background if need be.
    pub(super) async fn keys<W: Future<Output = ()>>(
        self: &Arc<Self>,
        need: Need,
        io: &Arc<Io>,
        sleep: impl FnMut(Duration) -> W,
    ) -> Result<Published<KeySet>, Unavailable> {
        let (issuer, wires) = (Arc::clone(self), Arc::clone(io));
        let renew = move || async move {
            let running = Running::new(&issuer);
            let asked = issuer.clock.now();
            let fetched = issuer.fetch_keys(&wires).await;
            if fetched.is_ok() {
                issuer.asked.fetch_max(asked.0, SeqCst);
            }
            issuer.failed.store(fetched.is_err(), SeqCst);
            drop(running);
            fetched
        };
        self.keys.get_async(need, renew, sleep, |task| io.spawn(task)).await
    }

    async fn fetch_keys(self: &Arc<Self>, io: &Arc<Io>) -> Result<Renewed<KeySet>, Failure> {
        let profile = match &self.source {
            KeySource::Fixed(keys) => return Ok(Renewed::new(Arc::clone(keys), Freshness::UNKNOWN)),
            KeySource::JwksUri(url) => return self.fetch_set(url, io).await,
            KeySource::Discovery(profile) => *profile,
        };
        let (known, epoch) = self.metadata_by(profile, Need::Any, io).await?;
        let failure = match &known.jwks_uri {
            Some(url) => match self.fetch_set(url, io).await {
                Ok(renewed) => return Ok(renewed),
                Err(failure) => failure,
            },
            None => Failure::Flow(ConfigError::NoEndpoint("jwks_uri").into()),
        };
        // Keys that have moved: the metadata may know where to.
        let newer = self.metadata_by(profile, Need::NewerThan(epoch), io).await;
        match newer.ok().and_then(|(newer, _)| newer.jwks_uri.clone()) {
            Some(url) if Some(&url) != known.jwks_uri.as_ref() => self.fetch_set(&url, io).await,
            Some(_) | None => Err(failure),
        }
    }

    async fn fetch_set(&self, url: &EndpointUrl, io: &Arc<Io>) -> Result<Renewed<KeySet>, Failure> {
        io.run(KeyRenewal::start(url)).await.inspect_err(|failure| self.report(failure))
    }

    /// Tells of a fetch that failed.
    pub(super) fn report(&self, failure: &Failure) {
        if let Some(hook) = &self.failures {
            hook(&self.name, failure);
        }
    }

    /// The metadata, for introspection.
    pub(super) async fn metadata(self: &Arc<Self>, io: &Arc<Io>) -> Result<Arc<ProviderMetadata>, Failure> {
        let profile = match &self.source {
            KeySource::Discovery(profile) => *profile,
            KeySource::JwksUri(_) | KeySource::Fixed(_) => Profile::TokenIssuer,
        };
        self.metadata_by(profile, Need::Any, io).await.map(|(metadata, _)| metadata)
    }

    /// What is at hand serves while it is renewed. Without any, whoever renews waits for the end of it:
    /// this is in the background already.
    async fn metadata_by(
        self: &Arc<Self>,
        profile: Profile,
        need: Need,
        io: &Arc<Io>,
    ) -> Result<(Arc<ProviderMetadata>, Epoch), Failure> {
        let (issuer, wires) = (Arc::clone(self), Arc::clone(io));
        let renew = move || async move {
            let call = MetadataRenewal::start(&issuer.name, profile, &issuer.urls)?;
            let fetched = wires.run(call).await;
            fetched.inspect_err(|failure| issuer.report(failure))
        };
        let sleep = |span| io.sleep(span);
        let published = match self.metadata.reader().get() {
            Some(_) => self.metadata.get_async(need, renew, sleep, |task| io.spawn(task)).await,
            None => self.metadata.get_async_inline(need, renew, sleep).await,
        };
        match published {
            Ok(published) => Ok((published.value, published.epoch)),
            Err(unavailable) => Err(unavailable.because.unwrap_or(Failure::NoResponse)),
        }
    }
}

impl Io {
    /// Runs a flow to its end.
    pub(super) fn run<F>(self: &Arc<Self>, step: impl Into<Step<F>>) -> Boxed<Result<F::Output, Failure>>
    where
        F: Flow<Output: Send, Awaiting: Send, Paused: Send> + Send + 'static,
    {
        let (step, io) = (step.into(), Arc::clone(self));
        Box::pin(async move {
            let ran = run_async(step, |request, terms| io.send(request, terms), |span| io.sleep(span));
            ran.await.map_err(Failure::from)
        })
    }
}

/// A renewal that is under way, until it ends or is dropped.
struct Running<'i>(&'i Issuer);

impl<'i> Running<'i> {
    fn new(issuer: &'i Issuer) -> Self {
        issuer.running.fetch_add(1, SeqCst);
        Self(issuer)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}
