//! The bounds of one exchange: its bytes from the network, and its time. Adapters check them before each read.

use oidc_proto::{Remedy, flow::Terms};
use std::{
    fmt, io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The most bytes of one read: 8 KB. Between two reads, the adapter checks its [`Meter`].
pub const PIECE: usize = 8 * 1024;

/// The bytes for everything but the body: heads, interim responses, the handshake of TLS.
const ALLOWANCE: u64 = 512 * 1024;

/// The bytes from the network for each byte of the body. One byte in a chunk of its own takes six.
const FRAMING: u64 = 8;

/// Counts the bytes that one exchange reads from the network, and knows when its time is over.
///
/// [`Terms::max_body`] bounds only the body. A server can still send interim responses, chunk sizes padded with
/// zeros, or empty frames for as long as the client reads. So the network has a bound of its own: 512 KB and 8 bytes
/// for each byte of `max_body`, which is 1 MB if `max_body` is 64 KB. A timer alone does not enforce the
/// [timeout](Terms::timeout) either, because a task that always finds bytes to read never returns to its timer. So
/// each read checks the time.
///
/// Use the meter below TLS, where the bytes come from the socket. Above TLS, empty records are invisible.
///
/// ```
/// use oidc_drive::{meter::{Exceeded, Meter}, oidc_proto::flow::Discovery};
/// use std::io::{Read, Result};
///
/// /// Reads one piece of an exchange. Loop over it, with one meter for each exchange.
/// fn read_piece(socket: &mut impl Read, meter: &Meter, piece: &mut [u8]) -> Result<usize> {
///     let room = meter.room()?.min(piece.len());
///     let bytes = socket.read(&mut piece[..room])?;
///     meter.took(bytes)?;
///     Ok(bytes)
/// }
///
/// // The terms of this request allow a body of 64 KB. The server never stops.
/// let (_, terms, _) = Discovery::start("https://op.example", &Default::default())?.into_parts();
/// let (meter, mut piece) = (Meter::new(terms), [0; 4096]);
/// while read_piece(&mut std::io::repeat(b'0'), &meter, &mut piece).is_ok() {}
/// assert_eq!(meter.exceeded(), Some(Exceeded::Bytes(1024 * 1024)));
/// # Ok::<(), oidc_drive::oidc_proto::Error>(())
/// ```
#[derive(Debug)]
pub struct Meter {
    most: u64,
    read: AtomicU64,
    /// The end of the exchange's time; `None` if no clock can reach it.
    until: Option<Instant>,
    timeout: Duration,
    late: AtomicBool,
}

impl Meter {
    /// Makes the meter of an exchange on these terms. The time runs from now.
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

    /// Returns how many bytes the next read may return: at least one, at most [`PIECE`].
    ///
    /// # Errors
    /// There were too many bytes, or the time is over. The error has an [`Exceeded`] inside.
    pub fn room(&self) -> io::Result<usize> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.late.store(true, Ordering::Relaxed);
        }
        if let Some(exceeded) = self.exceeded() {
            return Err(exceeded.into());
        }
        // One byte more than allowed, to detect that there are too many.
        let left = self.most.saturating_sub(self.read.load(Ordering::Relaxed)).saturating_add(1);
        Ok(usize::try_from(left).unwrap_or(usize::MAX).min(PIECE))
    }

    /// Counts the bytes of a read.
    ///
    /// # Errors
    /// There were too many bytes. The error has an [`Exceeded`] inside.
    pub fn took(&self, bytes: usize) -> io::Result<()> {
        self.read.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.is_full() { Err(Exceeded::Bytes(self.most).into()) } else { Ok(()) }
    }

    /// Returns the bound that was exceeded, if one was. HTTP clients lose the reason of a failed read on its way
    /// through them, so it is kept here.
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

/// The bound that an exchange has exceeded.
///
/// [`Meter`] tells it: each HTTP stack ends an exchange with it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are bytes, and there is time")]
pub enum Exceeded {
    /// The server sent more than this many bytes, headers and framing included.
    Bytes(u64),
    /// The exchange took longer than this.
    Time(Duration),
}

impl Exceeded {
    /// Returns [`TryLater`](Remedy::TryLater) for time, and [`ProviderAtFault`](Remedy::ProviderAtFault) for bytes.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Bytes(_) => Remedy::ProviderAtFault,
            Self::Time(_) => Remedy::TryLater { after: None },
        }
    }
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
    fn the_bound_is_half_a_megabyte_and_eight_bytes_for_each_byte_of_the_body() {
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
    fn bounds_that_no_number_can_hold_are_unlimited() {
        let meter = Meter::new(terms(usize::MAX, Duration::MAX));
        assert_eq!(meter.room().expect("there is room"), PIECE);
        meter.took(usize::MAX).expect("that is not more than the sum");
        assert_eq!(meter.exceeded(), None);
    }

    #[test]
    fn nothing_is_read_after_the_time_is_over() {
        let meter = Meter::new(terms(64 * 1024, Duration::ZERO));
        assert_eq!(meter.exceeded(), None, "nobody has read yet");
        let exceeded = Exceeded::Time(Duration::ZERO);
        assert_eq!(why(meter.room().expect_err("no time")), (io::ErrorKind::TimedOut, exceeded));
        assert_eq!(meter.exceeded(), Some(exceeded));
    }
}
