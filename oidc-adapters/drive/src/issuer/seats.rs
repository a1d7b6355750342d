//! [`Seats`]: the places from which threads read the keys of one issuer.
//!
//! **Keys are dropped with their handle or gate.** A thread does not know when that owner is dropped, so the thread
//! never keeps keys itself. The owner keeps them, in seats that threads take. There are as many seats as most machines
//! have threads; if there are more threads, some share a seat. A seat is locked only while a thread reads the keys. A
//! thread that finds a seat taken tries the next one, so no thread waits.

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

/// The number of seats of an issuer.
const SEATS: usize = 16;

thread_local! {
    /// The seat that this thread tries first.
    static SEAT: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SEATS
    };
}

/// The places from which threads read the keys of one issuer.
#[derive(Default)]
pub(crate) struct Seats(OnceLock<Box<[Seat]>>);

/// One seat, on a cache line of its own, so that threads in different seats do not slow each other down.
#[repr(align(128))]
#[derive(Default)]
struct Seat(Mutex<Option<Seen>>);

/// The view of the keys from one seat: the times between which they are fresh, and the latest time at which they were
/// read as fresh.
struct Seen {
    reader: Reader<Published<KeySet>>,
    times: (Timestamp, Timestamp),
    latest: Timestamp,
}

impl Seats {
    /// The keys of the flight that owns these seats, if they are fresh. Costs little more than an atomic load, unless
    /// the keys are new.
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
            // The clock was set back. The renewal knows the age of the keys once it gets the latest time.
            flight.served_until(published, self.latest);
            self.latest = now;
            return None;
        }
        self.latest = self.latest.max(now);
        published.is_fresh(now).then(|| published.clone())
    }
}
