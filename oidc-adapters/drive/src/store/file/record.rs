//! The form of a value in its file, and the name of that file.

use ring::digest::{Context, SHA256, digest};
use std::fmt::Write as _;

/// The most bytes of a value in a [`FileStore`](super::FileStore).
pub const MAX_FILE_VALUE: usize = 1024 * 1024;

const MAGIC: [u8; 8] = *b"oidcfile";
const VERSION: u8 = 1;
const SUM: usize = 32;
/// The bytes before the value: the mark of these files, the version, two times, the sum.
const HEAD: usize = MAGIC.len() + 1 + 2 * size_of::<u64>() + SUM;
/// The most bytes of a file.
pub(super) const MAX_FILE: usize = HEAD + MAX_FILE_VALUE;

/// A value, and its times in microseconds of the store's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// When it was written.
    pub(super) at: u64,
    /// When it ends.
    pub(super) end: u64,
    pub(super) value: Vec<u8>,
}

/// Why a file has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is torn, or another program has written it, or it has the name of another value.
    Damaged,
    /// Another version of this library has written it.
    Version,
    TooLarge,
}

/// Returns the name of the file of a key. It is a hash in hexadecimal digits: a key may have any characters and any
/// length, and some file systems do not tell `a` from `A`.
pub(super) fn name(key: &str) -> String {
    let mut name = String::with_capacity(2 * SUM);
    for byte in digest(&SHA256, key.as_bytes()).as_ref() {
        let _written = write!(name, "{byte:02x}");
    }
    name
}

/// Whether a file has the name of a value.
pub(super) fn is_name(name: &str) -> bool {
    name.len() == 2 * SUM && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The sum of all that counts. It finds damage, and stops no attacker: values are sealed by those who keep them.
fn sum(name: &str, at: u64, end: u64, value: &[u8]) -> [u8; SUM] {
    let mut sum = Context::new(&SHA256);
    sum.update(name.as_bytes());
    sum.update(&at.to_be_bytes());
    sum.update(&end.to_be_bytes());
    sum.update(value);
    let mut bytes = [0; SUM];
    bytes.copy_from_slice(sum.finish().as_ref());
    bytes
}

impl Record {
    /// Returns the content of the file with this name.
    pub(super) fn to_bytes(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.value.len());
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        bytes.extend(self.at.to_be_bytes());
        bytes.extend(self.end.to_be_bytes());
        bytes.extend(sum(name, self.at, self.end, &self.value));
        bytes.extend(&self.value);
        bytes
    }

    /// Reads the content of the file with this name.
    pub(super) fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.len() > MAX_FILE {
            return Err(Unreadable::TooLarge);
        }
        Self::version(bytes)?;
        Self::read(name, bytes).ok_or(Unreadable::Damaged)
    }

    fn version(bytes: &[u8]) -> Result<(), Unreadable> {
        match bytes.strip_prefix(&MAGIC).and_then(<[u8]>::first) {
            Some(&VERSION) => Ok(()),
            Some(_) => Err(Unreadable::Version),
            None => Err(Unreadable::Damaged),
        }
    }

    fn read(name: &str, bytes: &[u8]) -> Option<Self> {
        let (_, rest) = bytes.split_at_checked(MAGIC.len() + 1)?;
        let (at, rest) = rest.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (written, value) = rest.split_first_chunk::<SUM>()?;
        let (at, end) = (u64::from_be_bytes(*at), u64::from_be_bytes(*end));
        (sum(name, at, end, value) == *written).then(|| Self { at, end, value: value.to_vec() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a missing value must fail the test")]
mod tests {
    use super::*;

    fn records() -> [Record; 3] {
        let of = |at, end, value: &[u8]| Record { at, end, value: value.to_vec() };
        [of(0, 0, b""), of(1, u64::MAX, b"a value"), of(1_800_000_000_000_000, 7, &[0xFF; 300])]
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for (record, key) in records().into_iter().zip(["", "refresh:a", "../../etc/passwd\0"]) {
            let name = name(key);
            assert!(is_name(&name), "{name}");
            assert_eq!(Record::from_bytes(&name, &record.to_bytes(&name)), Ok(record));
        }
    }

    /// Each byte counts, and so does the name: a file that was renamed is no value of another key.
    #[test]
    fn a_file_that_is_torn_changed_or_renamed_is_damaged() {
        for record in records() {
            let (name, other) = (name("one"), name("another"));
            let bytes = record.to_bytes(&name);
            for end in 0..bytes.len() {
                assert_eq!(Record::from_bytes(&name, &bytes[..end]), Err(Unreadable::Damaged), "{end}");
            }
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                let expected = if at == MAGIC.len() { Unreadable::Version } else { Unreadable::Damaged };
                assert_eq!(Record::from_bytes(&name, &changed), Err(expected), "{at}");
            }
            assert_eq!(Record::from_bytes(&other, &bytes), Err(Unreadable::Damaged));
            assert_eq!(Record::from_bytes(&name, &vec![0; bytes.len()]), Err(Unreadable::Damaged));
            let longer = [&*bytes, b"0"].concat();
            assert_eq!(Record::from_bytes(&name, &longer), Err(Unreadable::Damaged));
        }
        let largest = Record { at: 1, end: 2, value: vec![0; MAX_FILE_VALUE] };
        let mut bytes = largest.to_bytes("n");
        assert_eq!(Record::from_bytes("n", &bytes), Ok(largest));
        bytes.push(0);
        assert_eq!(Record::from_bytes("n", &bytes), Err(Unreadable::TooLarge));
    }

    #[test]
    fn a_name_is_safe_whatever_the_key_is() {
        let keys = ["refresh:a", "refresh:A", "/etc/passwd", "..", "", "CON", "a\0b", "a\nb"];
        let mut names: Vec<_> = keys.iter().map(|key| name(key)).chain([name(&"k".repeat(9_999))]).collect();
        assert!(names.iter().all(|name| is_name(name)), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len() + 1);
        for other in
            ["lock", "new", "", "..", &"A".repeat(64), &"0".repeat(63), &"0".repeat(65), &"é".repeat(32)]
        {
            assert!(!is_name(other), "{other}");
        }
    }
}
