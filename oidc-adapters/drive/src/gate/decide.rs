//! [`Gate`] and its methods: they decide whether a request may pass.

use super::{asked::Said, introspect::Introspector};
use crate::{
    event::{Clock, Event, Observer, Started},
    flight::NotAvailableError,
    io::Io,
    issuer::{Issuer, with_scratch},
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
    token::{RememberedToken, Scratch, SignatureCache, SignatureMemory},
};
use std::{
    fmt,
    future::{Future, poll_fn},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

/// The largest `Retry-After`, in seconds.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The shortest time after which a client is told to try again.
const SOON: Duration = Duration::from_secs(1);

/// Protects an API: a [`ResourceServer`] with keys that renew themselves, a replay window for DPoP proofs and, if
/// set, introspection and a cache. Cheap to clone; clones share everything.
///
/// ```
/// use oidc_drive::{Gate, Io, gate::KeySource, http::{HeaderMap, Method, Response, Uri}, oidc_proto::{
///     Moment, Timestamp, jose::KeySet, resource::{Requirement, RequestView, ResourceServer, TrustedIssuer},
/// }};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server =
///     ResourceServer::builder("https://api.example").trust(TrustedIssuer::new("https://op.example")).build()?;
/// let keys = KeySet::parse(br#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// // `send` is your HTTP client. With fixed keys it is never called.
/// let send = |_, _| async { Err::<Response<Vec<u8>>, _>("no network") };
/// let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
/// let gate = Gate::builder(server, io)
///     .keys_of("https://op.example", KeySource::Fixed(keys.into()))
///     .clock(|| Moment::new(Timestamp(1_800_000_100), [7; 32])) // the time of the token below
///     .build()?;
///
/// let (method, uri, mut headers) = (Method::GET, Uri::from_static("/reports"), HeaderMap::new());
/// let denied = gate.check(&RequestView::new(&method, &uri, &headers)).await.unwrap_err();
/// assert_eq!(denied.status(), 401);
/// assert_eq!(denied.headers()["www-authenticate"], r#"Bearer realm="https://api.example""#);
///
/// headers.insert("authorization", "Bearer eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.\
///     eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQi\
///     OiJhcHAiLCJzY29wZSI6InJlYWQiLCJqdGkiOiIxIiwiaWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwMDAzMDB9.\
///     GcENlqCchH47x3Jd90ZeEK5g9DMVEZWPJ3qAZwbbsfioMSJywrx9CJh0IJWWBEBHZdw4hYQ4YRpQZAPoiJ7ICw".parse()?);
/// let access = gate.check(&RequestView::new(&method, &uri, &headers)).await?;
/// assert_eq!(access.subject(), Some("alice"));
///
/// let denied = gate.require(&access, &Requirement::new().scope("write")).unwrap_err();
/// assert_eq!(denied.status(), 403);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gate(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) server: ResourceServer,
    pub(super) io: Arc<Io>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) patience: Duration,
    /// The issuers, in the order of the settings of the server. Those settings bound their number.
    pub(super) issuers: Vec<Arc<Issuer>>,
    pub(super) introspector: Option<Introspector>,
    pub(super) replay: Mutex<ReplayWindow>,
    pub(super) cache: Option<Mutex<SignatureCache>>,
    pub(super) observer: Observer,
}

impl Gate {
    /// Decides whether a request may pass. Waits only if it must: for the first keys, for newer keys, or for the
    /// introspection of an opaque token. It waits no longer than the patience of the
    /// [policy](super::GateBuilder::key_policy) in all.
    ///
    /// # Errors
    /// [`Denied`] has the status and the headers of the answer.
    pub async fn check(&self, request: &RequestView<'_>) -> Result<Arc<Access>, Denied> {
        match self.begin(request) {
            Ok(verdict) => verdict,
            Err(undecided) => self.go_on(undecided, request).await,
        }
    }

    /// Decides on a request as [`check`](Self::check) does, for a route that does not require a token. Returns
    /// `Ok(None)` for a request without one. An invalid token is still refused.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_optional(&self, request: &RequestView<'_>) -> Result<Option<Arc<Access>>, Denied> {
        match self.begin_optional(request) {
            Ok(verdict) => verdict,
            Err(undecided) => self.go_on(undecided, request).await.map(Some),
        }
    }

    /// Decides on a request if nothing must be awaited, which is the usual case. Returns `None` if only
    /// [`check`](Self::check) can decide. A call of `check` would then inspect the request a second time; to avoid
    /// that, use [`begin`](Self::begin).
    pub fn try_check(&self, request: &RequestView<'_>) -> Option<Result<Arc<Access>, Denied>> {
        self.begin(request).ok()
    }

    /// Decides on a request as [`check_optional`](Self::check_optional) does, if nothing must be awaited. Otherwise
    /// returns `None`.
    pub fn try_check_optional(
        &self,
        request: &RequestView<'_>,
    ) -> Option<Result<Option<Arc<Access>>, Denied>> {
        self.begin_optional(request).ok()
    }

    /// Decides on a request if nothing must be awaited, which is the usual case. This is the first step of
    /// [`check`](Self::check), for a caller that must know whether the second step will wait.
    ///
    /// # Errors
    /// Something must be awaited: call [`go_on`](Self::go_on) with the error.
    pub fn begin(&self, request: &RequestView<'_>) -> Result<Result<Arc<Access>, Denied>, Undecided> {
        let started = self.0.observer.start();
        match self.decide_now(request) {
            Ok(verdict) => Ok(self.observed(verdict, started)),
            Err(found) => Err(Undecided { started, found }),
        }
    }

    /// Decides as [`begin`](Self::begin) does, for a route that does not require a token. Returns `None` as the access
    /// of a request without one.
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

    /// Waits, and decides on a request that [`begin`](Self::begin) left undecided. Pass the same request; another
    /// request is inspected from the start.
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

    /// Whether both are the same gate, which clones are.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Checks an accepted request against the further requirements of a route.
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

    /// Makes the refusal (401) for a request that came without a token to a route that requires one after all.
    pub fn demand_credentials(&self) -> Denied {
        let (uri, headers) = (Uri::default(), HeaderMap::new());
        let request = RequestView::new(&Method::GET, &uri, &headers);
        let denied = match self.0.server.inspect(&request, &mut Scratch::new()) {
            Err(denied) => denied,
            // An empty request has no token, so this is never reached.
            Ok(_) => self.0.server.unavailable(SOON),
        };
        self.observe(denied.record(), self.0.observer.start());
        denied
    }

    /// Fetches the keys of all issuers, so that the first requests need not wait. Optional.
    ///
    /// # Errors
    /// The keys of an issuer are not available. Those of the other issuers have been fetched.
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

    /// Returns the resource server.
    #[must_use]
    pub fn server(&self) -> &ResourceServer {
        &self.0.server
    }

    /// Returns the counters of the renewals of an issuer's keys; `None` for an unknown issuer.
    #[must_use]
    pub fn key_counters(&self, issuer: &str) -> Option<Counters> {
        self.0.issuers.iter().find(|known| known.name() == issuer).map(|known| known.counters())
    }

    /// Returns how many requests are waiting for the keys of an issuer; `None` for an unknown issuer.
    #[must_use]
    pub fn waiting(&self, issuer: &str) -> Option<usize> {
        self.0.issuers.iter().find(|known| known.name() == issuer).map(|known| known.waiting())
    }

    /// Wakes all waiting requests, so that they look at the clock again. For tests that set the clock.
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
        verdict: Result<Arc<Access>, Denied>,
        started: Started,
    ) -> Result<Arc<Access>, Denied> {
        self.observe(verdict.as_ref().map_or_else(Denied::record, |access| access.record()), started);
        verdict
    }

    fn observe(&self, record: &VerdictRecord, started: Started) {
        let observer = &self.0.observer;
        if !observer.is_none() {
            observer.tell(&Event::Verdict { record: record.clone(), took: observer.since(started) });
        }
    }

    /// The verdict, or the findings so far if the verdict needs more than is in memory.
    fn decide_now(&self, request: &RequestView<'_>) -> Result<Result<Arc<Access>, Denied>, Box<Found>> {
        let Inner { server, cache, .. } = &*self.0;
        with_scratch(|scratch| {
            let inspected = match cache {
                None => server.inspect(request, scratch),
                Some(cache) => server.inspect_cached(request, &mut Locked(cache), scratch),
            };
            match inspected {
                Ok(inspected) => self
                    .judge_at_hand(&inspected, scratch, self.now())
                    .map_err(|refused| Box::new(Found { findings: inspected.into_findings(), refused })),
                Err(denied) => Ok(Err(denied)),
            }
        })
    }

    /// The verdict by the keys and responses in memory. `Err(None)` if there are none. `Err(Some(..))` has the refusal
    /// if newer keys could lead to another verdict.
    fn judge_at_hand(
        &self,
        inspected: &Inspected<'_>,
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Result<Result<Arc<Access>, Denied>, Option<Refused>> {
        if inspected.is_opaque() {
            let introspector = self.0.introspector.as_ref().ok_or(None)?;
            let said = introspector.at_hand(&inspected.token(), now).ok_or(None)?;
            return Ok(self.finish(self.judge_introspected(inspected, &said, now), now));
        }
        let issuer = self.0.issuers.get(inspected.issuer_index()).ok_or(None)?;
        if let Some(keys) = issuer.fixed() {
            return Ok(self.finish(self.judge(inspected, keys, scratch, now), now));
        }
        let Published { value: keys, epoch, .. } = issuer.keys_at_hand(now).ok_or(None)?;
        let verdict = self.judge(inspected, &keys, scratch, now);
        let Verdict::NewerKeys(denied) = verdict else { return Ok(self.finish(verdict, now)) };
        Err(Some(Refused { issuer: inspected.issuer_index(), epoch, denied }))
    }

    async fn decide(&self, found: Box<Found>, request: &RequestView<'_>) -> Result<Arc<Access>, Denied> {
        let (inner, since) = (&*self.0, self.now());
        // Both waits share the patience of one.
        let sleep = |span: Duration| {
            let left = since.after(inner.patience).0.saturating_sub(self.now().0);
            inner.io.sleep(span.min(Duration::from_secs(u64::try_from(left).unwrap_or(0))))
        };
        let Found { findings, refused } = *found;
        let inspected = with_scratch(|scratch| inner.server.resume(findings, request, scratch))?;
        let index = inspected.issuer_index();
        let issuer = inner.issuers.get(index).ok_or_else(|| inner.server.unavailable(SOON))?;
        let Refused { epoch, denied, .. } = match refused {
            // The refusal of another request does not apply to this one.
            Some(refused) if refused.issuer != index => return Err(refused.denied),
            Some(refused) => refused,
            None if inspected.is_opaque() => {
                let introspector =
                    inner.introspector.as_ref().ok_or_else(|| inner.server.unavailable(SOON))?;
                let said = introspector.ask(&inspected.token(), issuer, &inner.io, sleep).await;
                let said = said.map_err(|unavailable| self.unavailable(&unavailable))?;
                let now = self.now();
                return self.finish(self.judge_introspected(&inspected, &said, now), now);
            }
            None => {
                let keys = issuer.keys(Need::Any, &inner.io, sleep).await;
                let keys = keys.map_err(|unavailable| self.unavailable(&unavailable))?;
                let now = self.now();
                let verdict = with_scratch(|scratch| self.judge(&inspected, &keys.value, scratch, now));
                let Verdict::NewerKeys(denied) = verdict else { return self.finish(verdict, now) };
                Refused { issuer: index, epoch: keys.epoch, denied }
            }
        };
        match issuer.keys(Need::NewerThan(epoch), &inner.io, sleep).await {
            Ok(newer) => {
                let now = self.now();
                let verdict = with_scratch(|scratch| self.judge(&inspected, &newer.value, scratch, now));
                self.finish(verdict, now)
            }
            Err(unavailable) if unavailable.because.is_some() || !issuer.is_up_to_date(self.now()) => {
                Err(self.unavailable(&unavailable))
            }
            Err(_) => Err(denied),
        }
    }

    fn judge(
        &self,
        inspected: &Inspected<'_>,
        keys: &KeySet,
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Verdict {
        let server = &self.0.server;
        match &self.0.cache {
            None => server.judge(inspected, keys, scratch, now),
            Some(cache) => server.judge_cached(inspected, keys, &mut Locked(cache), scratch, now),
        }
    }

    fn judge_introspected(&self, inspected: &Inspected<'_>, said: &Said, now: Timestamp) -> Verdict {
        match said {
            Ok(said) => self.0.server.judge_introspected(inspected, said, now),
            Err(why) => Verdict::Denied(self.0.server.unreadable(inspected, *why)),
        }
    }

    fn finish(&self, verdict: Verdict, now: Timestamp) -> Result<Arc<Access>, Denied> {
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
            _ => Err(self.0.server.unavailable(SOON)),
        }
    }

    fn unavailable(&self, unavailable: &NotAvailableError) -> Denied {
        let retry_after = self.now().until(unavailable.until).clamp(SOON, MAX_RETRY_AFTER);
        let asked = unavailable.asked.as_ref().map(|asked| (&*asked.host, asked.port));
        self.0.server.unavailable_of(unavailable.issuer.as_deref(), asked, retry_after)
    }
}

/// A request on which a gate could not decide at once, with the findings so far: see [`Gate::begin`]. It holds the
/// token of the request, which it never shows, and gives access only through [`Gate::go_on`].
///
/// ```
/// use oidc_drive::{Gate, http::StatusCode, oidc_proto::resource::RequestView};
///
/// async fn status(gate: &Gate, request: &RequestView<'_>) -> StatusCode {
///     let verdict = match gate.begin(request) {
///         Ok(verdict) => verdict, // at once, which is the usual case
///         Err(undecided) => gate.go_on(undecided, request).await, // waits for keys, for example
///     };
///     verdict.map_or_else(|denied| denied.status(), |_| StatusCode::OK)
/// }
/// ```
#[derive(Debug)]
#[must_use = "the request is not decided: call `Gate::go_on`"]
pub struct Undecided {
    started: Started,
    found: Box<Found>,
}

/// The findings of a request, and its refusal by the keys in memory, if there were any.
#[derive(Debug)]
struct Found {
    findings: Findings,
    refused: Option<Refused>,
}

/// The refusal of a request by the keys of this epoch. Newer keys could lead to another verdict.
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

/// The cache of verified tokens, locked separately for each of its two calls.
struct Locked<'c>(&'c Mutex<SignatureCache>);

impl SignatureMemory for Locked<'_> {
    fn recall(&mut self, token: &str) -> Option<RememberedToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recall(token)
    }

    fn remember(&mut self, token: RememberedToken) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(token);
    }
}

/// Returns the JSON body of a refusal: the error code of its challenge (RFC 6750 section 3.1). Empty for a request
/// without a token.
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
        None if denied.status().as_u16() == 500 => r#"{"error":"server_error"}"#,
        None => r#"{"error":"temporarily_unavailable"}"#,
    }
}
