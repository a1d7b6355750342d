//! [`Seats`]: where threads read the keys of one issuer.
//!
//! **What a handle or a gate holds is gone with it.** Keys are never kept by a thread, which does not know when
//! their owner has gone, but by the owner, in seats that threads take. There are as many as there are threads
//! on most machines; where there are more threads, some share one. A seat is locked for as long as it takes to
//! look; who finds one taken takes the next, so nobody waits.

use crate::flight::SingleFlight;
use oidc_proto::{
    Timestamp,
    jose::KeySet,
    renew::{CLOCK_DISORDER, Published, Reader},
};
use std::sync::{
    Mutex, OnceLock, TryLockError,
    atomic::{AtomicUsize, Ordering},
};

/// How many seats there are at an issuer.
const SEATS: usize = 16;

thread_local! {
    /// Where this thread sits down first.
    static SEAT: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SEATS
    };
}

/// Where threads read the keys of one issuer.
#[derive(Default)]
pub(crate) struct Seats(OnceLock<Box<[Seat]>>);

/// On a line of its own in the processors' caches: what one thread does there is no other's business.
#[repr(align(128))]
#[derive(Default)]
struct Seat(Mutex<Option<Seen>>);

/// What was seen of the keys of one issuer from one seat: between which times they need no question, and the
/// latest time at which they have served so.
struct Seen {
    reader: Reader<Published<KeySet>>,
    times: (Timestamp, Timestamp),
    latest: Timestamp,
}

impl Seats {
    /// The keys of the flight whose seats these are, if nobody need be asked for them. Costs little more than
    /// an atomic load unless they are new.
    pub(super) fn keys(&self, flight: &SingleFlight<KeySet>, now: Timestamp) -> Option<Published<KeySet>> {
        let seats = self.0.get_or_init(|| (0..SEATS).map(|_| Seat::default()).collect());
        let first = SEAT.try_with(|seat| *seat).unwrap_or(0);
        for Seat(seat) in seats.iter().cycle().skip(first).take(SEATS) {
            let mut seen = match seat.try_lock() {
                Ok(seen) => seen,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            return seen.get_or_insert_with(|| Seen::new(flight)).keys(flight, now);
        }
        Seen::new(flight).keys(flight, now)
    }
}

impl Seen {
    fn new(flight: &SingleFlight<KeySet>) -> Self {
        Self { reader: flight.reader(), times: (Timestamp(0), Timestamp(0)), latest: Timestamp(0) }
    }

    fn keys(&mut self, flight: &SingleFlight<KeySet>, now: Timestamp) -> Option<Published<KeySet>> {
        let published = self.reader.get()?;
        if self.times != (published.since, published.renew_at) {
            (self.times, self.latest) = ((published.since, published.renew_at), now);
        } else if now.after(CLOCK_DISORDER) < self.latest {
            // The clock was set back. How old the keys are is known to their renewal, if it is told.
            flight.served_until(published, self.latest);
            self.latest = now;
            return None;
        }
        self.latest = self.latest.max(now);
        published.is_fresh(now).then(|| published.clone())
    }
}
