//! [`Gate`]: how a request is decided on.

use super::{asked::Said, introspect::Introspector};
use crate::{
    event::{Clock, Event, Observer, Started},
    flight::NotAvailableError,
    io::Io,
    issuer::{Issuer, give_back, take_scratch},
};
use http::{HeaderMap, Method, Uri};
use oidc_proto::{
    Timestamp,
    jose::KeySet,
    renew::{Counters, Epoch, Need, Published},
    resource::{
        Access, Denied, Findings, Inspected, RequestView, Requirement, ResourceServer, Verdict, VerdictRecord,
    },
    sender::ReplayWindow,
    token::{CacheKey, SignatureCache, SignatureMemory},
};
use std::{
    fmt,
    future::{Future, poll_fn},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

/// The longest time, in seconds, that a client is told to wait.
const MAX_RETRY_AFTER: i64 = 300;

/// A [`ResourceServer`] with everything that it needs: keys that renew themselves, a replay window,
/// and, if set, introspection and a cache. Cheap to clone; clones are the same gate.
#[derive(Clone)]
pub struct Gate(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) server: ResourceServer,
    pub(super) io: Arc<Io>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) patience: Duration,
    /// By their place in the settings of the server, which is also the bound.
    pub(super) issuers: Vec<Arc<Issuer>>,
    pub(super) introspector: Option<Introspector>,
    pub(super) replay: Mutex<ReplayWindow>,
    pub(super) cache: Option<Mutex<SignatureCache>>,
    pub(super) observer: Observer,
}

impl Gate {
    /// Decides on a request. Waits only if it must: for the first keys, for newer ones, for what the
    /// issuer says of an opaque token; and never longer than the policy's patience in all.
    ///
    /// # Errors
    /// [`Denied`] has status and headers of the response.
    pub async fn check(&self, request: &RequestView<'_>) -> Result<Arc<Access>, Denied> {
        match self.begin(request) {
            Ok(verdict) => verdict,
            Err(undecided) => self.go_on(undecided, request).await,
        }
    }

    /// The same for a route that does not demand a token: without one, `Ok(None)`. One that is no good
    /// is refused all the same.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_optional(&self, request: &RequestView<'_>) -> Result<Option<Arc<Access>>, Denied> {
        match self.begin_optional(request) {
            Ok(verdict) => verdict,
            Err(undecided) => self.go_on(undecided, request).await.map(Some),
        }
    }

    /// Decides on a request if nothing has to be awaited, as is nearly always so; `None` if only
    /// [`check`](Self::check) can. To call that then is to begin anew: see [`begin`](Self::begin).
    pub fn try_check(&self, request: &RequestView<'_>) -> Option<Result<Arc<Access>, Denied>> {
        self.begin(request).ok()
    }

    /// As [`check_optional`](Self::check_optional), if nothing has to be awaited.
    pub fn try_check_optional(
        &self,
        request: &RequestView<'_>,
    ) -> Option<Result<Option<Arc<Access>>, Denied>> {
        self.begin_optional(request).ok()
    }

    /// Decides on a request if nothing has to be awaited, as is nearly always so. The two steps of
    /// [`check`](Self::check), for who must know whether to wait.
    ///
    /// # Errors
    /// Something has to be awaited: what there is to [`go_on`](Self::go_on) with.
    pub fn begin(&self, request: &RequestView<'_>) -> Result<Result<Arc<Access>, Denied>, Undecided> {
        let started = self.0.observer.start();
        match self.decide_now(request) {
            Ok(verdict) => Ok(self.observed(verdict, started)),
            Err(found) => Err(Undecided { started, found }),
        }
    }

    /// The same for a route that does not demand a token: without one, `None`.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_optional(
        &self,
        request: &RequestView<'_>,
    ) -> Result<Result<Option<Arc<Access>>, Denied>, Undecided> {
        let started = self.0.observer.start();
        match self.decide_now(request) {
            Ok(Err(denied)) if denied.is_missing_credentials() => Ok(Ok(None)),
            Ok(verdict) => Ok(self.observed(verdict, started).map(Some)),
            Err(found) => Err(Undecided { started, found }),
        }
    }

    /// Goes on with a request where [`begin`](Self::begin) could not: waits, and decides. Give it the request
    /// that it began with; another is inspected for its own sake.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn go_on(
        &self,
        undecided: Undecided,
        request: &RequestView<'_>,
    ) -> Result<Arc<Access>, Denied> {
        let Undecided { started, found } = undecided;
        let verdict = self.decide(found, request).await;
        self.observed(verdict, started)
    }

    /// Whether this is the same gate: a clone, or what it was cloned from.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Holds an accepted request against what a route needs besides.
    ///
    /// # Errors
    /// As [`Access::require`].
    pub fn require(&self, access: &Access, requirement: &Requirement) -> Result<(), Denied> {
        let required = access.require(requirement, self.now());
        if let Err(denied) = &required {
            self.observe(denied.record(), self.0.observer.start());
        }
        required
    }

    /// Refuses a request that came without a token, and needs one after all.
    pub fn demand_credentials(&self) -> Denied {
        let (uri, headers) = (Uri::default(), HeaderMap::new());
        let inspected = self.0.server.inspect(&RequestView::new(&Method::GET, &uri, &headers));
        let denied = match inspected {
            Err(denied) => denied,
            // There is no token in an empty request.
            Ok(_) => self.0.server.unavailable(1),
        };
        self.observe(denied.record(), self.0.observer.start());
        denied
    }

    /// Fetches the keys of all issuers, so that the first requests need not wait. Never needed.
    ///
    /// # Errors
    /// The keys of an issuer cannot be had now; those of the others are there.
    pub async fn warm_up(&self) -> Result<(), NotAvailableError> {
        let all = self.0.issuers.iter();
        let mut fetching: Vec<_> = all
            .map(|issuer| Some(Box::pin(issuer.keys(Need::Any, &self.0.io, |span| self.0.io.sleep(span)))))
            .collect();
        let mut outcome = Ok(());
        poll_fn(|context| {
            for slot in &mut fetching {
                if let Some(Poll::Ready(fetched)) = slot.as_mut().map(|future| future.as_mut().poll(context))
                {
                    *slot = None;
                    if let Err(unavailable) = fetched {
                        outcome = Err(unavailable);
                    }
                }
            }
            if fetching.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        outcome
    }

    /// The resource server.
    #[must_use]
    pub fn server(&self) -> &ResourceServer {
        &self.0.server
    }

    /// What has happened to the keys of an issuer so far.
    #[must_use]
    pub fn key_counters(&self, issuer: &str) -> Option<Counters> {
        self.0.issuers.iter().find(|known| known.name() == issuer).map(|known| known.counters())
    }

    /// How many requests wait now for the keys of an issuer.
    #[must_use]
    pub fn waiting(&self, issuer: &str) -> Option<usize> {
        self.0.issuers.iter().find(|known| known.name() == issuer).map(|known| known.waiting())
    }

    /// Has everybody who waits ask again: for a clock that was moved by hand.
    pub fn wake(&self) {
        self.0.issuers.iter().for_each(|issuer| issuer.wake());
        if let Some(introspector) = &self.0.introspector {
            introspector.wake();
        }
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn observed(
        &self,
        verdict: Result<Box<Access>, Denied>,
        started: Started,
    ) -> Result<Arc<Access>, Denied> {
        self.observe(verdict.as_ref().map_or_else(Denied::record, |access| access.record()), started);
        verdict.map(Arc::from)
    }

    fn observe(&self, record: &VerdictRecord, started: Started) {
        let observer = &self.0.observer;
        if !observer.is_none() {
            observer.tell(&Event::Verdict { record: record.clone(), took: observer.since(started) });
        }
    }

    /// The verdict; or what was found on the way to one that needs more than is at hand.
    fn decide_now(&self, request: &RequestView<'_>) -> Result<Result<Box<Access>, Denied>, Box<Found>> {
        let inspected = match self.0.server.inspect(request) {
            Ok(inspected) => inspected,
            Err(denied) => return Ok(Err(denied)),
        };
        match self.judge_at_hand(&inspected, self.now()) {
            Ok(verdict) => Ok(verdict),
            Err(refused) => Err(Box::new(Found { findings: inspected.into_findings(), refused })),
        }
    }

    /// The verdict by what is at hand. If that is nothing, none; if newer keys could lead to another verdict, the
    /// refusal.
    fn judge_at_hand(
        &self,
        inspected: &Inspected<'_>,
        now: Timestamp,
    ) -> Result<Result<Box<Access>, Denied>, Option<Refused>> {
        if inspected.is_opaque() {
            let introspector = self.0.introspector.as_ref().ok_or(None)?;
            let said = introspector.at_hand(inspected.token(), now).ok_or(None)?;
            return Ok(self.finish(self.judge_introspected(inspected, &said, now), now));
        }
        let issuer = self.0.issuers.get(inspected.issuer_index()).ok_or(None)?;
        if let Some(keys) = issuer.fixed() {
            return Ok(self.finish(self.judge(inspected, keys, now), now));
        }
        let Published { value: keys, epoch, .. } = issuer.keys_at_hand(now).ok_or(None)?;
        let verdict = self.judge(inspected, &keys, now);
        let Verdict::NewerKeys(denied) = verdict else { return Ok(self.finish(verdict, now)) };
        Err(Some(Refused { issuer: inspected.issuer_index(), epoch, denied }))
    }

    async fn decide(&self, found: Box<Found>, request: &RequestView<'_>) -> Result<Box<Access>, Denied> {
        let (inner, since) = (&*self.0, self.now());
        // Two waits take no more time than one may.
        let sleep = |span: Duration| {
            let left = since.after(inner.patience).0.saturating_sub(self.now().0);
            inner.io.sleep(span.min(Duration::from_secs(u64::try_from(left).unwrap_or(0))))
        };
        let Found { findings, refused } = *found;
        let inspected = inner.server.resume(findings, request)?;
        let index = inspected.issuer_index();
        let issuer = inner.issuers.get(index).ok_or_else(|| inner.server.unavailable(1))?;
        let Refused { epoch, denied, .. } = match refused {
            // What was found of another request says nothing of this one.
            Some(refused) if refused.issuer != index => return Err(refused.denied),
            Some(refused) => refused,
            None if inspected.is_opaque() => {
                let introspector = inner.introspector.as_ref().ok_or_else(|| inner.server.unavailable(1))?;
                let said = introspector.ask(inspected.token(), issuer, &inner.io, sleep).await;
                let said = said.map_err(|unavailable| self.unavailable(&unavailable))?;
                let now = self.now();
                return self.finish(self.judge_introspected(&inspected, &said, now), now);
            }
            None => {
                let keys = issuer.keys(Need::Any, &inner.io, sleep).await;
                let keys = keys.map_err(|unavailable| self.unavailable(&unavailable))?;
                let now = self.now();
                let verdict = self.judge(&inspected, &keys.value, now);
                let Verdict::NewerKeys(denied) = verdict else { return self.finish(verdict, now) };
                Refused { issuer: index, epoch: keys.epoch, denied }
            }
        };
        match issuer.keys(Need::NewerThan(epoch), &inner.io, sleep).await {
            Ok(newer) => {
                let now = self.now();
                self.finish(self.judge(&inspected, &newer.value, now), now)
            }
            Err(unavailable) if unavailable.because.is_some() || !issuer.is_up_to_date(self.now()) => {
                Err(self.unavailable(&unavailable))
            }
            Err(_) => Err(denied),
        }
    }

    fn judge(&self, inspected: &Inspected<'_>, keys: &KeySet, now: Timestamp) -> Verdict {
        let (server, mut scratch) = (&self.0.server, take_scratch());
        let verdict = match &self.0.cache {
            None => server.judge(inspected, keys, &mut scratch, now),
            Some(cache) => server.judge_cached(inspected, keys, &mut Locked(cache), &mut scratch, now),
        };
        give_back(scratch);
        verdict
    }

    fn judge_introspected(&self, inspected: &Inspected<'_>, said: &Said, now: Timestamp) -> Verdict {
        match said {
            Ok(said) => self.0.server.judge_introspected(inspected, said, now),
            Err(why) => Verdict::Denied(self.0.server.unreadable(inspected, *why)),
        }
    }

    fn finish(&self, verdict: Verdict, now: Timestamp) -> Result<Box<Access>, Denied> {
        match verdict {
            Verdict::Accepted(access) => Ok(access),
            Verdict::CheckReplay(check) => {
                let key = check.replay_key();
                let mut window = self.0.replay.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = window.first_use(key, now);
                drop(window);
                check.finish(answer)
            }
            Verdict::Denied(denied) | Verdict::NewerKeys(denied) => Err(denied),
            _ => Err(self.0.server.unavailable(1)),
        }
    }

    fn unavailable(&self, unavailable: &NotAvailableError) -> Denied {
        let seconds = unavailable.until.0.saturating_sub(self.now().0).clamp(1, MAX_RETRY_AFTER);
        let seconds = u32::try_from(seconds).unwrap_or(1);
        let asked = unavailable.asked.as_ref().map(|asked| (&*asked.host, asked.port));
        self.0.server.unavailable_of(unavailable.issuer.as_deref(), asked, seconds)
    }
}

/// A request on which a gate could not decide at once, and what it has found out so far: see [`Gate::begin`]. It
/// holds the token of the request, which it shows to nobody, and leads to no access but through [`Gate::go_on`].
#[derive(Debug)]
#[must_use]
pub struct Undecided {
    started: Started,
    found: Box<Found>,
}

/// What was found in a request; and with the keys at hand, if there are some.
#[derive(Debug)]
struct Found {
    findings: Findings,
    refused: Option<Refused>,
}

/// With the keys of this epoch a request is refused. Newer ones could lead to another verdict.
#[derive(Debug)]
struct Refused {
    issuer: usize,
    epoch: Epoch,
    denied: Denied,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("server", &self.0.server).finish_non_exhaustive()
    }
}

/// The cache of verified tokens, locked for each of its two calls.
struct Locked<'c>(&'c Mutex<SignatureCache>);

impl SignatureMemory for Locked<'_> {
    fn knows(&mut self, key: &CacheKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).knows(key)
    }

    fn remember(&mut self, key: CacheKey, expires: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(key, expires);
    }
}

/// What a response says in its body: the error code of its challenge in JSON, as RFC 6750 names it;
/// nothing for who has not tried yet.
#[must_use]
pub fn error_body(denied: &Denied) -> &'static str {
    match denied.record().error {
        Some("invalid_request") => r#"{"error":"invalid_request"}"#,
        Some("invalid_token") => r#"{"error":"invalid_token"}"#,
        Some("invalid_dpop_proof") => r#"{"error":"invalid_dpop_proof"}"#,
        Some("use_dpop_nonce") => r#"{"error":"use_dpop_nonce"}"#,
        Some("insufficient_scope") => r#"{"error":"insufficient_scope"}"#,
        Some("insufficient_user_authentication") => r#"{"error":"insufficient_user_authentication"}"#,
        Some(_) => r#"{"error":"access_denied"}"#,
        None if denied.is_missing_credentials() => "",
        None => r#"{"error":"temporarily_unavailable"}"#,
    }
}
