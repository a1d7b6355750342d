//! [`Fault`] and [`Weather`]: what a network does to an exchange, and when.

use crate::Seed;
use oidc_proto::base::Timestamp;

/// A fault of the network during one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The request is lost. The site never sees it.
    DropRequest,
    /// The response is lost. The site has handled the request.
    DropResponse,
    /// The request takes this many seconds to arrive.
    Delay(u32),
    /// The response takes this many seconds from its first byte to its last.
    Slow(u32),
    /// The request arrives twice. The client gets the first response.
    Duplicate,
    /// The body ends in the middle.
    Truncate,
    /// A response with this status and a useless body. The site never sees the request.
    Status(u16),
    /// A redirect with 307 to another host. The site never sees the request.
    Redirect,
    /// A body that starts with this many bytes of white space, with the real body at its end.
    Huge(u32),
    /// The right body with the media type `text/html`.
    WrongMediaType,
}

impl Fault {
    /// At least one fault of each kind.
    pub const ALL: [Self; 11] = [
        Self::DropRequest,
        Self::DropResponse,
        Self::Delay(2),
        Self::Delay(60),
        Self::Slow(60),
        Self::Duplicate,
        Self::Truncate,
        Self::Status(503),
        Self::Redirect,
        Self::Huge(1 << 20),
        Self::WrongMediaType,
    ];

    /// Whether a client can do nothing with the response.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        !matches!(self, Self::Delay(..10) | Self::Slow(..10) | Self::Duplicate)
    }
}

/// The faults of a network, each limited to a time, and optionally to a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weather(Vec<Spell>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Spell {
    from: Timestamp,
    to: Timestamp,
    host: Option<String>,
    fault: Fault,
    percent: u8,
}

impl Weather {
    /// Weather without faults.
    #[must_use]
    pub const fn fair() -> Self {
        Self(Vec::new())
    }

    /// Adds a fault from one time until before another, for this percentage of the exchanges. If several
    /// spells apply to an exchange, the one that was added first wins.
    #[must_use]
    pub fn spell(mut self, from: Timestamp, to: Timestamp, fault: Fault, percent: u8) -> Self {
        self.0.push(Spell { from, to, host: None, fault, percent });
        self
    }

    /// Adds a fault as [`spell`](Self::spell) does, but for one host only.
    #[must_use]
    pub fn spell_at(mut self, host: &str, from: Timestamp, to: Timestamp, fault: Fault, percent: u8) -> Self {
        self.0.push(Spell { from, to, host: Some(host.to_owned()), fault, percent });
        self
    }

    /// Random weather: this many spells within this many seconds, for all hosts.
    #[must_use]
    pub fn random(seed: &mut Seed, from: Timestamp, seconds: u32, spells: usize) -> Self {
        let mut weather = Self::fair();
        for _ in 0..spells {
            let start = i64::try_from(seed.below(u64::from(seconds))).unwrap_or(0);
            let length = 1 + i64::try_from(seed.below(u64::from(seconds / 4 + 1))).unwrap_or(0);
            let fault = pick(seed, &Fault::ALL);
            let percent = pick(seed, &[5, 30, 100]);
            weather = weather.spell(from.plus(start), from.plus(start + length), fault, percent);
        }
        weather
    }

    pub(super) fn fault(&self, seed: &mut Seed, host: &str, now: Timestamp) -> Option<Fault> {
        let here = self.0.iter().filter(|spell| spell.from <= now && now < spell.to);
        let here = here.filter(|spell| spell.host.as_deref().is_none_or(|named| named == host));
        // Each spell draws a number, so that one more spell does not change what the others do.
        here.fold(None, |first, spell| {
            let hit = seed.below(100) < u64::from(spell.percent);
            first.or(hit.then_some(spell.fault))
        })
    }
}

fn pick<T: Copy>(seed: &mut Seed, of: &[T]) -> T {
    let at = seed.below(of.len() as u64);
    of[usize::try_from(at).expect("an index")]
}
