//! [`Record`]: what a store knows of one refresh token, and its form as bytes.

/// What the store knows of one refresh token. No record: nobody has sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    /// A node may send the token.
    Leased(Lease),
    /// A node has sent the token, and knows that it will not learn what came of it.
    Lost { fence: u64 },
    /// The tokens that came of it.
    Done(Done),
}

/// The right of one node to send the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    /// Greater than that of each earlier lease of the token.
    pub(crate) fence: u64,
    /// Random: the call that has the lease.
    pub(crate) owner: [u8; 16],
    /// The end, in milliseconds of the store's clock.
    pub(crate) until: u64,
    /// Whether an earlier node may have sent the token, and nobody knows what came of it.
    pub(crate) after_loss: bool,
    /// The tokens of a node whose lease ended before its answer came.
    pub(crate) late: Option<Done>,
}

/// The outcome of a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Done {
    /// That of the lease under which the token was sent.
    pub(crate) fence: u64,
    /// When it was stored, in milliseconds of the store's clock.
    pub(crate) at: u64,
    /// Whether the provider replaced the refresh token.
    pub(crate) rotated: bool,
    /// The tokens, sealed.
    pub(crate) sealed: Vec<u8>,
}

const VERSION: u8 = 1;
const LEASED: u8 = 1;
const LOST: u8 = 2;
const DONE: u8 = 3;

impl Record {
    pub(crate) const fn fence(&self) -> u64 {
        match self {
            Self::Leased(lease) => lease.fence,
            Self::Lost { fence } => *fence,
            Self::Done(done) => done.fence,
        }
    }

    /// Returns the record as bytes: version, kind, and the members in order, each number with eight bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match self {
            Self::Leased(lease) => {
                bytes.push(LEASED);
                bytes.extend(lease.fence.to_be_bytes());
                bytes.extend(lease.owner);
                bytes.extend(lease.until.to_be_bytes());
                bytes.push(lease.after_loss.into());
                if let Some(late) = &lease.late {
                    late.write(&mut bytes);
                }
            }
            Self::Lost { fence } => {
                bytes.push(LOST);
                bytes.extend(fence.to_be_bytes());
            }
            Self::Done(done) => {
                bytes.push(DONE);
                done.write(&mut bytes);
            }
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        if rest.byte()? != VERSION {
            return None;
        }
        let record = match rest.byte()? {
            LEASED => {
                let (fence, owner, until) = (rest.number()?, rest.array()?, rest.number()?);
                let after_loss = rest.flag()?;
                let late = if rest.0.is_empty() { None } else { Some(rest.done()?) };
                Self::Leased(Lease { fence, owner, until, after_loss, late })
            }
            LOST => Self::Lost { fence: rest.number()? },
            DONE => Self::Done(rest.done()?),
            _ => return None,
        };
        rest.0.is_empty().then_some(record)
    }
}

impl Done {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.fence.to_be_bytes());
        bytes.extend(self.at.to_be_bytes());
        bytes.push(self.rotated.into());
        bytes.extend(&self.sealed);
    }
}

/// The bytes that are not read yet.
struct Rest<'b>(&'b [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The outcome, which is the last member of a record.
    fn done(&mut self) -> Option<Done> {
        let (fence, at, rotated) = (self.number()?, self.number()?, self.flag()?);
        let sealed = std::mem::take(&mut self.0).to_vec();
        Some(Done { fence, at, rotated, sealed })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a missing value must fail the test")]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let done = Done { fence: 7, at: u64::MAX, rotated: true, sealed: b"sealed".to_vec() };
        let lease = Lease { fence: 1 << 40, owner: [3; 16], until: 99, after_loss: true, late: None };
        vec![
            Record::Leased(lease.clone()),
            Record::Leased(Lease { late: Some(done.clone()), after_loss: false, ..lease }),
            Record::Lost { fence: 5 },
            Record::Done(Done { rotated: false, sealed: Vec::new(), ..done.clone() }),
            Record::Done(done),
        ]
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for record in records() {
            assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
        }
    }

    /// What another version or another program wrote is not taken for a record.
    #[test]
    fn another_text_is_no_record() {
        for record in records() {
            let bytes = record.to_bytes();
            for end in 0..bytes.len() {
                // A sealed text has no length of its own, so a shorter one is another record. It then does not open.
                let shorter = Record::from_bytes(&bytes[..end]);
                assert!(shorter.is_none_or(|read| read != record && read.to_bytes() == bytes[..end]));
            }
            for (at, value) in [(0, 0), (0, 2), (1, 0), (1, 4)] {
                let mut other = bytes.clone();
                other[at] = value;
                assert_eq!(Record::from_bytes(&other), None);
            }
        }
        for text in [&b""[..], b"1", b"\x01", b"{}", b"\x01\x02short"] {
            assert_eq!(Record::from_bytes(text), None);
        }
        let mut lost = Record::Lost { fence: 5 }.to_bytes();
        lost.push(0);
        assert_eq!(Record::from_bytes(&lost), None);
    }
}
