//! [`Spent`]: refresh tokens and authorization codes that are being sent, and the outcomes of those that were sent
//! within the last minute.
//!
//! Both are valid once, so each is sent once. A caller that brings the same one again gets the outcome of the first.
//! Here they are known by their hash.

use crate::{
    event::{Clock, Watched},
    flight::SingleFlight,
    issuer::{TokenHash, hash},
};
use oidc_proto::{
    Secret, Timestamp,
    renew::{Freshness, RenewalPolicy, Renewed},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

/// The policy for a code or a refresh token. Its outcome is kept for a minute, for a caller that comes at the same
/// time or was interrupted and asks again. The lease is far longer than both exchanges may take, and than most clocks
/// jump, so nobody sends a token while another caller may still be sending it. The lease ends with its holder,
/// however often holders are interrupted.
const ONCE: RenewalPolicy = {
    let mut policy = RenewalPolicy::KEYS;
    policy.default_ttl = MINUTE;
    policy.min_ttl = MINUTE;
    policy.max_ttl = Duration::MAX;
    policy.refresh_ahead = Duration::ZERO;
    policy.stale_if_error = Duration::ZERO;
    policy.first_retry = Duration::from_secs(1);
    policy.urgent_retry = Duration::from_secs(1);
    policy.longest_retry = Duration::from_secs(1);
    policy.cooldown = Duration::from_secs(1);
    policy.burst = u8::MAX;
    policy.lease = HOUR;
    policy.patience = Duration::from_secs(30);
    policy
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The most outcomes that are kept, besides those of codes and tokens in use.
const MAX_SPENT: usize = 4096;

pub(crate) struct Spent<T> {
    known: Mutex<Known<T>>,
    /// Whether there is anything to forget, and the time of the latest sweep. Both are read without the lock.
    holds: AtomicBool,
    swept: AtomicI64,
    clock: Arc<dyn Clock>,
    watched: Watched,
    patience: Duration,
}

struct Known<T> {
    flights: BTreeMap<TokenHash, Kept<T>>,
}

struct Kept<T> {
    one: One<T>,
    asked: Timestamp,
}

/// The one exchange of a code or a refresh token.
pub(crate) struct One<T> {
    pub(crate) flight: Arc<SingleFlight<T>>,
    marks: Arc<Marks>,
}

/// Whose turn it is with a refresh token.
pub(crate) enum Turn<T> {
    /// The caller's own. The flight is not forgotten while anybody holds it.
    Mine(TokenHash, One<T>),
    /// Somebody else sends the token for something else, or has sent it.
    Others(One<T>),
}

struct Marks {
    /// The login that the code belongs to, or what the refresh token is asked for. A caller with another one gets nothing.
    owner: TokenHash,
    /// The key that the refresh token is sent with.
    key: TokenHash,
    sent: AtomicBool,
}

impl<T> One<T> {
    /// Marks the code as sent, and says whether this is the first time.
    pub(crate) fn is_first(&self) -> bool {
        !self.marks.sent.swap(true, SeqCst)
    }
}

impl<T> Clone for One<T> {
    fn clone(&self) -> Self {
        Self { flight: Arc::clone(&self.flight), marks: Arc::clone(&self.marks) }
    }
}

impl<T> Spent<T> {
    /// Keeps nothing yet. `patience` is how long a caller waits while another caller sends.
    pub(in crate::provider) const fn new(
        patience: Duration,
        clock: Arc<dyn Clock>,
        watched: Watched,
    ) -> Self {
        let known = Mutex::new(Known { flights: BTreeMap::new() });
        let (holds, swept) = (AtomicBool::new(false), AtomicI64::new(i64::MIN));
        Self { known, holds, swept, clock, watched, patience }
    }

    /// The one exchange of this refresh token, if it is for what this owner asks for. `None` if it is sent with another key:
    /// its outcome is bound to that key.
    pub(crate) fn turn(&self, spent: &Secret, owner: TokenHash, key: TokenHash) -> Option<Turn<T>> {
        let hash = hash(spent);
        let one = self.one(hash, owner, key);
        if one.marks.key != key {
            return None;
        }
        Some(if one.marks.owner == owner { Turn::Mine(hash, one) } else { Turn::Others(one) })
    }

    /// Forgets an exchange that has no outcome, so that another one can have the token. Whoever waits for it or carries it
    /// out keeps it. Returns whether the token is free: as long as anybody else holds this exchange, it is not.
    pub(crate) fn give_way(&self, spent: &Secret, other: One<T>) -> bool {
        let (hash, mut known) = (hash(spent), self.known());
        let is_this = |kept: &Kept<T>| Arc::ptr_eq(&kept.one.flight, &other.flight);
        let same = known.flights.get(&hash).is_some_and(is_this);
        drop(other);
        if !same {
            return true;
        }
        let idle = known.flights.get(&hash).is_some_and(|kept| !kept.is_in_hand());
        if idle {
            known.flights.remove(&hash);
        }
        idle
    }

    /// The one exchange of this code or refresh token. `None` if it belongs to another owner. It is not forgotten while
    /// anybody holds its flight.
    pub(crate) fn one_of(&self, spent: &Secret, owner: TokenHash) -> Option<One<T>> {
        let one = self.one(hash(spent), owner, owner);
        (one.marks.owner == owner).then_some(one)
    }

    fn one(&self, hash: TokenHash, owner: TokenHash, key: TokenHash) -> One<T> {
        let now = self.clock.now();
        self.sweep(now);
        let mut known = self.known();
        if let Some(kept) = known.flights.get(&hash) {
            return kept.one.clone();
        }
        known.make_room();
        let mut policy = ONCE;
        policy.patience = self.patience;
        let flight = SingleFlight::with_clock(policy, Arc::clone(&self.clock)).watched(self.watched.clone());
        let marks = Arc::new(Marks { owner, key, sent: AtomicBool::new(false) });
        let one = One { flight: Arc::new(flight.once()), marks };
        known.flights.insert(hash, Kept { one: one.clone(), asked: now });
        self.holds.store(true, SeqCst);
        one
    }

    /// Keeps the outcome of an exchange that began at this time for a minute from now. The time of the exchange is
    /// added, because freshness counts from its beginning and the clock may have been set meanwhile.
    pub(crate) fn kept(&self, came: T, began: Timestamp) -> Renewed<T> {
        let took = began.until(self.clock.now());
        Renewed::new(Arc::new(came), Freshness::lasting(MINUTE.saturating_add(took)))
    }

    /// Forgets a token that may be sent again. Callers that hold its flight keep it.
    pub(in crate::provider) fn remove(&self, hash: &TokenHash) {
        self.known().flights.remove(hash);
    }

    /// Forgets outcomes that are more than a minute old. Does so once a second, and takes no lock if there are none.
    pub(crate) fn sweep(&self, now: Timestamp) {
        if self.holds.load(SeqCst) && self.swept.swap(now.0, SeqCst) != now.0 {
            let mut known = self.known();
            known.sweep(now);
            self.holds.store(!known.flights.is_empty(), SeqCst);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Known<T> {
    fn sweep(&mut self, now: Timestamp) {
        self.flights.retain(|_, kept| {
            // A failure is kept for a minute too, so that its token is not sent again and again.
            let until = |kept: &Kept<T>| kept.one.flight.fresh_until(now).unwrap_or(kept.asked.after(MINUTE));
            kept.is_in_hand() || now < until(kept)
        });
    }

    /// Removes the older half when all room is taken. One at a time would mean a search for each.
    fn make_room(&mut self) {
        if self.flights.len() < MAX_SPENT {
            return;
        }
        let idle = self.flights.iter().filter(|(_, kept)| !kept.is_in_hand());
        let mut idle: Vec<_> = idle.map(|(hash, kept)| (kept.asked, *hash)).collect();
        if idle.len() < MAX_SPENT {
            return;
        }
        idle.sort_unstable();
        for (_, hash) in idle.iter().take(idle.len().div_ceil(2)) {
            self.flights.remove(hash);
        }
    }
}

impl<T> Kept<T> {
    /// Whether a caller waits for the exchange or carries it out. Only [`Spent::one`] gives flights to callers, and
    /// the caller of this method has the lock.
    fn is_in_hand(&self) -> bool {
        Arc::strong_count(&self.one.flight) > 1
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a missing value must fail the test"
)]
mod tests {
    use super::*;
    use oidc_proto::{
        Moment,
        renew::{Need, RenewalError},
    };
    use std::thread;

    impl<T> Spent<T> {
        /// The exchange of this token for everything.
        fn flight(&self, spent: &Secret) -> (TokenHash, Arc<SingleFlight<T>>) {
            match self.turn(spent, hash(spent), hash(spent)).expect("the same key") {
                Turn::Mine(hash, one) => (hash, one.flight),
                Turn::Others(_) => panic!("the token is sent for something else"),
            }
        }
    }

    fn refreshes(now: &Arc<AtomicI64>) -> Spent<()> {
        let now = Arc::clone(now);
        let clock = move || Moment::new(Timestamp(now.load(SeqCst)), [7; 32]);
        Spent::new(Duration::from_secs(30), Arc::new(clock), Watched::default())
    }

    #[test]
    fn room_is_bounded_and_a_flight_in_use_is_kept() {
        let now = Arc::new(AtomicI64::new(1_000));
        let refreshes = refreshes(&now);
        let mine: Secret = "mine".into();
        let (_, in_hand) = refreshes.flight(&mine);
        now.store(1_010, SeqCst);
        for other in 0..3 * MAX_SPENT {
            // Two thirds come within this second, the rest in the next.
            now.store(if other < 2 * MAX_SPENT { 1_010 } else { 1_011 }, SeqCst);
            drop(refreshes.flight(&Secret::new(format!("another one {other}"))));
            assert!(refreshes.known().flights.len() <= MAX_SPENT + 1);
        }
        assert!(Arc::ptr_eq(&in_hand, &refreshes.flight(&mine).1));
        drop(in_hand);
        now.store(1_059, SeqCst);
        refreshes.sweep(Timestamp(now.load(SeqCst)));
        let kept = refreshes.known().flights.len();
        assert!((MAX_SPENT / 2..=MAX_SPENT + 1).contains(&kept), "{kept}");
        now.store(1_060, SeqCst);
        refreshes.sweep(Timestamp(now.load(SeqCst)));
        assert_eq!(refreshes.known().flights.len(), kept - 1, "the first one is a minute old");
        now.store(1_071, SeqCst);
        refreshes.sweep(Timestamp(now.load(SeqCst)));
        assert!(refreshes.known().flights.is_empty());
    }

    #[test]
    fn the_older_half_gives_way() {
        let now = Arc::new(AtomicI64::new(1_000));
        let refreshes = refreshes(&now);
        for other in 0..=MAX_SPENT {
            now.store(if other < MAX_SPENT / 2 { 1_000 } else { 1_001 }, SeqCst);
            drop(refreshes.flight(&Secret::new(format!("another one {other}"))));
        }
        let known = refreshes.known();
        assert_eq!(known.flights.len(), MAX_SPENT / 2 + 1);
        assert!(known.flights.values().all(|kept| kept.asked == Timestamp(1_001)));
    }

    /// A clock that advances by a second whenever a renewal is settled.
    struct Turning(AtomicI64);

    impl Clock for Turning {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(SeqCst))
        }

        fn moment(&self) -> Moment {
            Moment::new(Timestamp(self.0.fetch_add(1, SeqCst)), [7; 32])
        }
    }

    #[test]
    fn a_thread_that_waits_for_a_token_on_its_way_does_not_send_it_too() {
        for breaks in [false, true] {
            let refreshes = Spent::<()>::new(
                Duration::from_secs(30),
                Arc::new(Turning(AtomicI64::new(1_000))),
                Watched::default(),
            );
            let (_, flight) = refreshes.flight(&"mine".into());
            let answer = thread::scope(|scope| {
                let leader = scope.spawn(|| {
                    flight.get(Need::Any, || {
                        while flight.counters().joined == 0 {
                            thread::yield_now();
                        }
                        if breaks { panic!("after it was sent") } else { Err(RenewalError::NoResponse) }
                    })
                });
                while flight.counters().leases == 0 {
                    thread::yield_now();
                }
                let answer = flight.get(Need::Any, || panic!("it is sent a second time"));
                assert_eq!(leader.join().is_err(), breaks);
                answer
            });
            let because = (!breaks).then_some(RenewalError::NoResponse);
            assert_eq!(answer.map(drop).unwrap_err().because, because);
            // A new call has decided to send it again.
            assert!(flight.get(Need::Any, || Err(RenewalError::Expired)).is_err());
            assert_eq!(flight.counters().leases, 2);
        }
    }
}
