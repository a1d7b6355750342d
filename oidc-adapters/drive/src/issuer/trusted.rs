//! [`Issuer`]: a trusted issuer, with the flights that renew its keys and metadata, and the order of their fetches.

use super::{seats::Seats, source::KeySource};
use crate::{
    event::{Clock, Observer},
    flight::{NotAvailableError, SingleFlight},
    io::{Io, Lost},
};
use oidc_proto::{
    EndpointUrl, Timestamp,
    flow::{ConfigError, DiscoveryOptions, Endpoint, Learned, TIMEOUT},
    jose::{KeySet, KeySetReader},
    metadata::ProviderMetadata,
    renew::{
        CLOCK_DISORDER, Counters, Epoch, Freshness, KeyRenewal, MetadataRenewal, Need, Published,
        RenewalError, RenewalPolicy, Renewed,
    },
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// A function that receives the issuer and the error of every failed fetch.
pub(crate) type FailureHook = Arc<dyn Fn(&str, &RenewalError) + Send + Sync>;

pub(crate) struct Issuer {
    name: String,
    source: KeySource,
    keys: Arc<SingleFlight<KeySet>>,
    seats: Seats,
    metadata: Arc<SingleFlight<ProviderMetadata>>,
    /// The metadata, if the program knows it: then it is never fetched.
    known: Option<Arc<ProviderMetadata>>,
    discovery: DiscoveryOptions,
    reader: KeySetReader,
    clock: Arc<dyn Clock>,
    failures: Option<FailureHook>,
    cooldown: Duration,
    /// Of the renewals of keys that have ended, the one that began last.
    ended: Mutex<Ended>,
    /// How many renewals of keys have begun.
    begun: AtomicU64,
    lost: Lost,
    /// How many renewals of keys are under way.
    running: AtomicUsize,
}

/// The outcome of the newest renewal of keys. A renewal that began before it and ends after it does not replace it.
#[derive(Default)]
struct Ended {
    number: u64,
    /// When the newest keys were requested.
    asked: Option<Timestamp>,
    failed: bool,
}

/// The settings that all issuers share.
pub(crate) struct Common {
    pub(crate) keys: RenewalPolicy,
    pub(crate) metadata: RenewalPolicy,
    pub(crate) reader: KeySetReader,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failures: Option<FailureHook>,
    pub(crate) observer: Observer,
}

impl Common {
    pub(crate) fn flight<T>(
        &self,
        what: &'static str,
        policy: RenewalPolicy,
        issuer: &str,
    ) -> Arc<SingleFlight<T>> {
        let flight = SingleFlight::with_clock(policy, Arc::clone(&self.clock));
        Arc::new(flight.with_observer(what, issuer, &self.observer))
    }
}

impl Issuer {
    pub(crate) fn new(name: String, source: KeySource, discovery: DiscoveryOptions, common: &Common) -> Self {
        let keys = common.flight("keys", common.keys, &name);
        let metadata = common.flight("metadata", common.metadata, &name);
        Self {
            name,
            discovery,
            reader: common.reader.clone(),
            source,
            keys,
            seats: Seats::default(),
            metadata,
            known: None,
            clock: Arc::clone(&common.clock),
            failures: common.failures.clone(),
            cooldown: common.keys.cooldown,
            ended: Mutex::default(),
            begun: AtomicU64::new(0),
            lost: Lost::default(),
            running: AtomicUsize::new(0),
        }
    }

    /// Uses this metadata, and fetches none.
    pub(crate) fn with_metadata(self, known: Option<Arc<ProviderMetadata>>) -> Self {
        Self { known, ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The reasons of failed renewals.
    pub(crate) const fn lost(&self) -> &Lost {
        &self.lost
    }

    /// Adds this issuer, and the destination of the failed request, to the error.
    pub(crate) fn says(&self, why: NotAvailableError, what: &'static str) -> NotAvailableError {
        let asked = self.lost.asked(what);
        why.of(&self.name, asked)
    }

    pub(crate) const fn fixed(&self) -> Option<&Arc<KeySet>> {
        match &self.source {
            KeySource::Fixed(keys) => Some(keys),
            KeySource::Discovery(_) | KeySource::Metadata(_) | KeySource::JwksUri(_) => None,
        }
    }

    pub(crate) const fn is_fixed(&self) -> bool {
        self.fixed().is_some()
    }

    /// The keys in memory, if they are fresh.
    pub(crate) fn keys_at_hand(&self, now: Timestamp) -> Option<Published<KeySet>> {
        self.seats.keys(&self.keys, now)
    }

    pub(crate) fn counters(&self) -> Counters {
        self.keys.counters()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.keys.waiting()
    }

    pub(crate) fn wake(&self) {
        self.keys.wake();
    }

    /// Whether the keys in memory are as new as they can be: they were requested within the cooldown, the latest
    /// renewal has not failed, and none is under way.
    pub(crate) fn is_up_to_date(&self, now: Timestamp) -> bool {
        // Keys from the future mean that the clock was set back, so their age is unknown.
        let is_recent =
            |asked: Timestamp| asked <= now.after(CLOCK_DISORDER) && now <= asked.after(self.cooldown);
        let ended = self.ended();
        ended.asked.is_some_and(is_recent) && !ended.failed && self.running.load(SeqCst) == 0
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys. A renewal runs in the background.
    pub(crate) async fn keys<W: Future<Output = ()>>(
        self: &Arc<Self>,
        need: Need,
        io: &Arc<Io>,
        sleep: impl FnMut(Duration) -> W,
    ) -> Result<Published<KeySet>, NotAvailableError> {
        let (issuer, wires) = (Arc::clone(self), Arc::clone(io));
        let renew = move || async move {
            let running = Running::new(&issuer);
            let fetched = issuer.fetch_keys(&wires).await;
            running.end(fetched)
        };
        let keys = self.keys.get_async(need, renew, sleep, |task| io.spawn(task)).await;
        keys.map_err(|why| self.says(why, "keys"))
    }

    async fn fetch_keys(self: &Arc<Self>, io: &Arc<Io>) -> Result<Renewed<KeySet>, RenewalError> {
        match &self.source {
            KeySource::Fixed(keys) => return Ok(Renewed::new(Arc::clone(keys), Freshness::UNKNOWN)),
            KeySource::JwksUri(url) => return self.fetch_set(url, io).await,
            KeySource::Discovery(_) | KeySource::Metadata(_) => {}
        }
        let Published { value: known, epoch, .. } =
            self.metadata_for_renewal(io).await.map_err(|why| failure(why, "keys", &self.lost))?;
        let failed = match &known.jwks_uri {
            Some(url) => match self.fetch_set(url, io).await {
                Ok(renewed) => return Ok(renewed),
                Err(failure) => failure,
            },
            None => RenewalError::Flow(ConfigError::NoEndpoint("jwks_uri").into()),
        };
        // The keys may have moved. Newer metadata would have their new URL.
        let newer = self.metadata_as(Need::NewerThan(epoch), io).await;
        match newer.ok().and_then(|newer| newer.value.jwks_uri.clone()) {
            Some(url) if Some(&url) != known.jwks_uri.as_ref() => self.fetch_set(&url, io).await,
            Some(_) | None => Err(failed),
        }
    }

    async fn fetch_set(&self, url: &EndpointUrl, io: &Arc<Io>) -> Result<Renewed<KeySet>, RenewalError> {
        let call = KeyRenewal::with(url, &self.discovery, self.reader.clone());
        let fetched = io.run(call).await;
        fetched.map_err(|fell| self.lost.failure("keys", fell)).inspect_err(|failure| self.report(failure))
    }

    /// The keys, if they are fresh, without a future.
    pub(crate) fn keys_at_once(&self) -> Option<Published<KeySet>> {
        self.keys.get_at_once()
    }

    /// The metadata, if it is fresh, without a future.
    pub(crate) fn metadata_at_once(&self) -> Option<Arc<ProviderMetadata>> {
        self.metadata.get_at_once().map(|published| published.value)
    }

    /// Reports a failed fetch to the hook.
    pub(crate) fn report(&self, failure: &RenewalError) {
        if let Some(hook) = &self.failures {
            // A panic of the hook must not make the renewal count as given up.
            let _panicked = catch_unwind(AssertUnwindSafe(|| hook(&self.name, failure)));
        }
    }

    /// Keeps keys that a login or a refresh has fetched for itself, unless newer ones are held.
    pub(crate) fn learn(&self, learned: &Learned, known: Epoch) {
        if let Learned { keys: Some(keys), keys_asked_at: Some(asked), .. } = learned {
            self.keys.learn(Renewed::new(Arc::clone(keys), Freshness::UNKNOWN), *asked, known);
        }
    }

    /// The epoch of the keys that are held.
    pub(crate) fn epoch(&self) -> Epoch {
        self.keys.epoch()
    }

    /// The metadata, fetched if need be.
    pub(crate) async fn metadata(
        self: &Arc<Self>,
        io: &Arc<Io>,
    ) -> Result<Arc<ProviderMetadata>, NotAvailableError> {
        self.metadata_as(Need::Any, io).await.map(|published| published.value)
    }

    /// The metadata, for the renewal of another value. A renewal has more patience than a caller: if the metadata is
    /// being fetched, it waits as long as an exchange may take.
    pub(crate) async fn metadata_for_renewal(
        self: &Arc<Self>,
        io: &Arc<Io>,
    ) -> Result<Published<ProviderMetadata>, NotAvailableError> {
        loop {
            let version = self.metadata.version();
            match self.metadata_as(Need::Any, io).await {
                Err(why) if why.because.is_none() => {
                    if !self.metadata.changed_since(version, io.sleep(TIMEOUT)).await {
                        return Err(why);
                    }
                }
                known => return known,
            }
        }
    }

    /// The metadata. If some is in memory, it serves while newer metadata is fetched in the background. Otherwise the
    /// caller fetches it and waits for the end.
    async fn metadata_as(
        self: &Arc<Self>,
        need: Need,
        io: &Arc<Io>,
    ) -> Result<Published<ProviderMetadata>, NotAvailableError> {
        let (issuer, wires) = (Arc::clone(self), Arc::clone(io));
        let renew = move || async move {
            if let Some(known) = &issuer.known {
                return Ok(Renewed::new(Arc::clone(known), Freshness::UNKNOWN));
            }
            let call = MetadataRenewal::with(&issuer.name, issuer.discovery.clone())?;
            let fetched = wires.run(call).await.map_err(|fell| issuer.lost.failure("metadata", fell));
            fetched.inspect_err(|failure| issuer.report(failure))
        };
        let sleep = |span| io.sleep(span);
        let metadata =
            self.metadata.get_async_if(need, renew, sleep, |task| io.spawn(task), |serves| serves).await;
        metadata.map_err(|why| self.says(why, "metadata"))
    }
}

/// The error of a renewal of `what` that needs metadata, if there is none.
pub(crate) fn failure(unavailable: NotAvailableError, what: &'static str, lost: &Lost) -> RenewalError {
    let asked = || format!("{}: it has been asked for, and is not there yet", Endpoint::Discovery);
    let to = unavailable.asked.map(|asked| *asked);
    match unavailable.because {
        Some(RenewalError::NoResponse) => lost.keep(what, to, lost.why("metadata")),
        Some(failure) => {
            lost.keep(what, to, String::new());
            return failure;
        }
        None => lost.keep(what, to, asked()),
    }
    RenewalError::NoResponse
}

/// A renewal of keys that is under way, until it ends or is dropped.
struct Running<'i> {
    issuer: &'i Issuer,
    number: u64,
    asked: Timestamp,
}

impl<'i> Running<'i> {
    fn new(issuer: &'i Issuer) -> Self {
        issuer.running.fetch_add(1, SeqCst);
        let number = issuer.begun.fetch_add(1, SeqCst) + 1;
        Self { issuer, number, asked: issuer.clock.now() }
    }

    fn end<T>(self, fetched: Result<T, RenewalError>) -> Result<T, RenewalError> {
        let mut ended = self.issuer.ended();
        if self.number > ended.number {
            let asked = if fetched.is_ok() { Some(self.asked) } else { ended.asked };
            *ended = Ended { number: self.number, asked, failed: fetched.is_err() };
        }
        fetched
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.issuer.running.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "an invalid URL must fail the test")]
mod tests {
    use super::*;
    use oidc_proto::{Moment, UrlPolicy};

    /// A slow renewal ends after one that began later. Its outcome is out of date.
    #[test]
    fn the_outcome_of_an_older_renewal_that_ends_late_does_not_count() {
        let urls = UrlPolicy::default();
        let source = KeySource::JwksUri(EndpointUrl::parse("https://op.example/jwks", &urls).unwrap());
        let now = Timestamp(1_000);
        let common = Common {
            keys: RenewalPolicy::KEYS,
            metadata: RenewalPolicy::METADATA,
            reader: KeySetReader::new(),
            clock: Arc::new(move || Moment::new(now, [7; 32])),
            failures: None,
            observer: Observer::none(),
        };
        let issuer =
            Issuer::new("https://op.example".to_owned(), source, DiscoveryOptions::new(&urls), &common);
        assert!(!issuer.is_up_to_date(now), "nothing was asked for");
        let (slow, quick) = (Running::new(&issuer), Running::new(&issuer));
        assert!(quick.end(Ok(())).is_ok() && !issuer.is_up_to_date(now), "one is still under way");
        assert!(slow.end::<()>(Err(RenewalError::NoResponse)).is_err());
        assert!(issuer.is_up_to_date(now), "a failure of long ago takes nothing away");
        let (slow, quick) = (Running::new(&issuer), Running::new(&issuer));
        assert!(quick.end::<()>(Err(RenewalError::NoResponse)).is_err() && slow.end(Ok(())).is_ok());
        assert!(!issuer.is_up_to_date(now), "and a success of long ago makes up for nothing");
    }
}
