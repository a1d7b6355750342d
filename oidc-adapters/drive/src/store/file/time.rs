//! The clock of a store: the content of its lock file.

use ring::digest::{SHA256, digest};

const MAGIC: [u8; 8] = *b"oidclock";
const VERSION: u8 = 1;
const SUM: usize = 8;
/// The bytes of the lock file: its mark, the version, the three numbers, the sum.
pub(super) const BYTES: usize = MAGIC.len() + 1 + 3 * size_of::<u64>() + SUM;

/// The time of a store, and where it looks next for values that have ended. All times are microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time {
    /// The newest time that anybody was told.
    newest: u64,
    /// How far the store is ahead of the clock of the machine, because that was set back.
    ahead: u64,
    /// The name, in its first 16 digits, after which the next look begins.
    pub(super) turn: u64,
}

/// Why a lock file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Another version of this library has written it, and may lock in another way.
    Version,
    /// Another program has written it.
    Program,
}

impl Time {
    /// Reads the clock of the machine, and returns the time of the store. If the clock was set back, the store goes on
    /// from the newest time, as fast as the clock: a lease must end although a clock that was wrong was put right.
    pub(super) fn tick(&mut self, clock: u64) -> u64 {
        let now = clock.saturating_add(self.ahead);
        self.raise(now);
        self.ahead = self.ahead.saturating_add(self.newest - now);
        self.newest
    }

    /// Goes on from this time, if it is newer. Returns whether it is.
    pub(super) fn raise(&mut self, to: u64) -> bool {
        let newer = to > self.newest;
        self.newest = self.newest.max(to);
        newer
    }

    pub(super) fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        for number in [self.newest, self.ahead, self.turn] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(sum(&bytes));
        let mut all = [0; BYTES];
        all.copy_from_slice(&bytes);
        all
    }

    /// Reads the first bytes of the lock file. A new file is empty. A file that is damaged says nothing: the clock of the
    /// machine counts then, and the times of the values.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Foreign> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Self::default());
        }
        let rest = match bytes.strip_prefix(&MAGIC).map(<[u8]>::split_first) {
            Some(Some((&VERSION, rest))) => rest,
            Some(Some(_)) => return Err(Foreign::Version),
            Some(None) => return Ok(Self::default()),
            None if MAGIC.starts_with(bytes) => return Ok(Self::default()),
            None => return Err(Foreign::Program),
        };
        Ok(Self::read(bytes, rest).unwrap_or_default())
    }

    fn read(bytes: &[u8], rest: &[u8]) -> Option<Self> {
        let (counted, written) = bytes.split_at_checked(BYTES - SUM)?;
        let (newest, rest) = rest.split_first_chunk()?;
        let (ahead, rest) = rest.split_first_chunk()?;
        let (turn, _) = rest.split_first_chunk()?;
        let [newest, ahead, turn] = [newest, ahead, turn].map(|number| u64::from_be_bytes(*number));
        (sum(counted) == written).then_some(Self { newest, ahead, turn })
    }
}

fn sum(bytes: &[u8]) -> [u8; SUM] {
    let mut sum = [0; SUM];
    sum.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    sum
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a missing value must fail the test")]
mod tests {
    use super::*;

    #[test]
    fn the_time_never_goes_back_and_always_goes_on() {
        for back in [1, 40, 1_000] {
            let mut time = Time::default();
            assert_eq!([1_000, 1_010].map(|clock| time.tick(clock)), [1_000, 1_010]);
            let after = 1_010 - back;
            assert_eq!(
                [after, after, after + 7].map(|clock| time.tick(clock)),
                [1_010, 1_010, 1_017],
                "{back}"
            );
            // A value was written later than anybody remembers.
            assert!(time.raise(5_000) && !time.raise(4_000));
            assert_eq!([after + 7, after + 9].map(|clock| time.tick(clock)), [5_000, 5_002]);
            // Set back a second time.
            assert_eq!([0, 3].map(|clock| time.tick(clock)), [5_002, 5_005]);
        }
        let mut time = Time::default();
        assert_eq!([u64::MAX, 0, 1].map(|clock| time.tick(clock)), [u64::MAX; 3]);
    }

    #[test]
    fn the_time_is_read_as_it_was_written_and_a_damaged_one_says_nothing() {
        for time in [
            Time { newest: 7, ahead: 0, turn: 0 },
            Time { newest: u64::MAX, ahead: 9, turn: 3 },
            Time { newest: 1_800_000_000_000_000, ahead: 1, turn: u64::MAX },
        ] {
            let bytes = time.to_bytes();
            assert_eq!(Time::from_bytes(&bytes), Ok(time));
            for end in 0..BYTES {
                assert_eq!(Time::from_bytes(&bytes[..end]), Ok(Time::default()), "{end}");
            }
            for at in 0..BYTES {
                let mut changed = bytes;
                changed[at] ^= 1;
                let expected = match at {
                    0..8 => Err(Foreign::Program),
                    8 => Err(Foreign::Version),
                    _ => Ok(Time::default()),
                };
                assert_eq!(Time::from_bytes(&changed), expected, "{at}");
            }
        }
        assert_eq!(Time::from_bytes(&[0; BYTES]), Ok(Time::default()));
        assert_eq!(Time::from_bytes(b"4711\n"), Err(Foreign::Program));
    }
}
