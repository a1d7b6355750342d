//! What one exchange may cost: bytes from the wire, and time. Adapters ask it ahead of each read.

use oidc_proto::flow::Terms;
use std::{
    fmt, io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// No read brings more bytes than this: whoever reads looks at the meter between two pieces.
pub const PIECE: usize = 8 * 1024;

/// Bytes for all that is no body: heads, interim responses, the handshake of TLS.
const ALLOWANCE: u64 = 512 * 1024;

/// Bytes from the wire for each byte of the body. One byte in a chunk of its own takes six.
const FRAMING: u64 = 8;

/// Counts the bytes that one exchange takes from the wire, and knows when its time is over.
///
/// [`Terms::max_body`] bounds the body, and no more than that: a server can send interim responses, the
/// size of a chunk in zeros, or frames of nothing for as long as somebody reads. So the wire has a bound
/// of its own, 512 KB and 8 bytes for each byte of `max_body`: 1 MB if that is 64 KB. A timer alone does
/// not keep the [timeout](Terms::timeout) either: a task that always finds something to read never comes
/// back to it. So each read looks at the time.
///
/// Put it under TLS, where the bytes come from the socket. Above it, records without content do not show.
#[derive(Debug)]
pub struct Meter {
    most: u64,
    read: AtomicU64,
    /// `None` is a time that no clock can reach.
    until: Option<Instant>,
    timeout: Duration,
    late: AtomicBool,
}

impl Meter {
    /// Begins an exchange on these terms: its time runs from now.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        let body = u64::try_from(terms.max_body).unwrap_or(u64::MAX);
        Self {
            most: body.saturating_mul(FRAMING).saturating_add(ALLOWANCE),
            read: AtomicU64::new(0),
            until: Instant::now().checked_add(terms.timeout),
            timeout: terms.timeout,
            late: AtomicBool::new(false),
        }
    }

    /// How many bytes the next read may bring: at least one, [`PIECE`] at most.
    ///
    /// # Errors
    /// There were too many bytes, or the time is over; [`Exceeded`] is in the error.
    pub fn room(&self) -> io::Result<usize> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.late.store(true, Ordering::Relaxed);
        }
        if let Some(exceeded) = self.exceeded() {
            return Err(exceeded.into());
        }
        // The one byte too many shows that there are too many.
        let left = self.most.saturating_sub(self.read.load(Ordering::Relaxed)).saturating_add(1);
        Ok(usize::try_from(left).unwrap_or(usize::MAX).min(PIECE))
    }

    /// A read has brought so many bytes.
    ///
    /// # Errors
    /// They are too many; [`Exceeded`] is in the error.
    pub fn took(&self, bytes: usize) -> io::Result<()> {
        self.read.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.is_full() { Err(Exceeded::Bytes(self.most).into()) } else { Ok(()) }
    }

    /// Why reading was stopped, if it was. Stacks lose the reason of an error of a connection on its way
    /// through them; here it stays.
    #[must_use]
    pub fn exceeded(&self) -> Option<Exceeded> {
        if self.is_full() {
            Some(Exceeded::Bytes(self.most))
        } else if self.late.load(Ordering::Relaxed) {
            Some(Exceeded::Time(self.timeout))
        } else {
            None
        }
    }

    fn is_full(&self) -> bool {
        self.read.load(Ordering::Relaxed) > self.most
    }
}

/// An exchange has taken more than its terms allow.
///
/// [`Meter`] tells it: each HTTP stack ends an exchange with it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are bytes, and there is time")]
pub enum Exceeded {
    /// The server sent more than this many bytes, whatever they were.
    Bytes(u64),
    /// The exchange was not over within this time.
    Time(Duration),
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(most) => write!(f, "the server sent more than {most} bytes in one exchange"),
            Self::Time(most) => {
                write!(f, "the server or the network took longer than {most:?} for the exchange")
            }
        }
    }
}

crate::sentence::debug_is_sentence!(Exceeded);

impl std::error::Error for Exceeded {}

impl From<Exceeded> for io::Error {
    fn from(exceeded: Exceeded) -> Self {
        let kind = match exceeded {
            Exceeded::Bytes(_) => io::ErrorKind::QuotaExceeded,
            Exceeded::Time(_) => io::ErrorKind::TimedOut,
        };
        Self::new(kind, exceeded)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use super::{Exceeded, Meter, PIECE};
    use oidc_proto::flow::{Discovery, Terms};
    use std::{io, time::Duration};

    fn terms(max_body: usize, timeout: Duration) -> Terms {
        let call = Discovery::start("https://op.example", &Default::default()).expect("an issuer");
        let (_, mut terms, _) = call.into_parts();
        (terms.max_body, terms.timeout) = (max_body, timeout);
        terms
    }

    fn why(error: io::Error) -> (io::ErrorKind, Exceeded) {
        (error.kind(), error.downcast().expect("it says why"))
    }

    #[test]
    fn the_sum_is_half_a_megabyte_and_eight_bytes_for_each_of_the_body() {
        for (max_body, most) in [(0, 512 * 1024), (64 * 1024, 1024 * 1024), (1 << 20, 8_912_896)] {
            let meter = Meter::new(terms(max_body, Duration::MAX));
            let mut read = 0;
            let error = loop {
                let room = meter.room().expect("there is room");
                assert!((1..=PIECE).contains(&room), "{room}");
                read += room;
                if let Err(error) = meter.took(room) {
                    break error;
                }
                assert_eq!(meter.exceeded(), None, "{read}");
            };
            assert_eq!(read, most + 1, "the one byte too many, and no other");
            let exceeded = Exceeded::Bytes(most as u64);
            assert_eq!(why(error), (io::ErrorKind::QuotaExceeded, exceeded));
            assert_eq!(why(meter.room().expect_err("for good")).1, exceeded);
            assert_eq!(meter.exceeded(), Some(exceeded));
            let says = format!("the server sent more than {most} bytes in one exchange");
            assert_eq!(exceeded.to_string(), says);
        }
    }

    #[test]
    fn sums_and_times_that_no_number_can_hold_are_none() {
        let meter = Meter::new(terms(usize::MAX, Duration::MAX));
        assert_eq!(meter.room().expect("there is room"), PIECE);
        meter.took(usize::MAX).expect("that is not more than the sum");
        assert_eq!(meter.exceeded(), None);
    }

    #[test]
    fn what_is_read_when_the_time_is_over_is_read_no_more() {
        let meter = Meter::new(terms(64 * 1024, Duration::ZERO));
        assert_eq!(meter.exceeded(), None, "nobody has read yet");
        let exceeded = Exceeded::Time(Duration::ZERO);
        assert_eq!(why(meter.room().expect_err("no time")), (io::ErrorKind::TimedOut, exceeded));
        assert_eq!(meter.exceeded(), Some(exceeded));
    }
}
