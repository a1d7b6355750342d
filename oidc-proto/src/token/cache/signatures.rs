//! [`SignatureCache`]: a bounded memory of tokens with a valid signature.

use super::RememberedToken;
use crate::base::moment::{Moment, Timestamp};
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasherDefault, DefaultHasher, Hasher},
    mem::{replace, take},
};

/// The most entries that get a second chance before one is forgotten. So no call takes long.
const CHANCES: usize = 64;

/// How many bytes at the end of a token tell its place. They belong to its signature, or are the whole signature and the
/// end of the payload. A token that is not the same has other ones, unless its issuer wants to disturb its own tokens.
const END: usize = 64;

/// A store of tokens with a valid signature. [`SignatureCache`] is one.
///
/// To share a cache between threads, wrap it in a lock. Hold the lock during each of the two calls and no longer: the
/// signature is checked between them.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, token::{RememberedToken, SignatureCache, SignatureMemory}};
/// use std::sync::{Mutex, PoisonError};
///
/// struct Shared(Mutex<SignatureCache>);
///
/// impl SignatureMemory for &Shared {
///     fn recall(&mut self, token: &str) -> Option<RememberedToken> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).recall(token)
///     }
///     fn remember(&mut self, token: RememberedToken) {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).remember(token);
///     }
/// }
///
/// # let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// // `moment` has the time, and bytes of the random generator of the system.
/// let shared = Shared(Mutex::new(SignatureCache::new(1024 * 1024, moment)));
/// let mut memory = &shared; // Each thread takes one and passes it to `verify_cached`.
/// # let _: &mut dyn SignatureMemory = &mut memory;
/// ```
pub trait SignatureMemory {
    /// Returns what is remembered of this token. It may be another token: the verifier compares the bytes.
    fn recall(&mut self, token: &str) -> Option<RememberedToken>;
    /// Remembers a token, instead of what was remembered of it before.
    fn remember(&mut self, token: RememberedToken);
}

/// A cache of tokens with a valid signature, bounded in bytes. To make room, it forgets the oldest entry that was not used
/// for a while. A hit allocates nothing.
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp,
///     jose::KeySet,
///     token::{AccessTokenVerifier, Scratch, SignatureCache},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let token = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzd\
///     WIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJhcHAiLCJqdGkiOiJ0MSIsImlhd\
///     CI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwLCJzY29wZSI6Im9yZGVycy5yZWFkIiwidGVuYW50IjoiYWNtZSJ9.e4ag\
///     dvWd_RxjIiy9mCE6CcvyIUPHNG6Jq7FevhRbv2igvkkptfNKMj5DLlsO6HNElVoOcUSW4nPfDSTSNyPVCw";
/// # let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// // `moment` has the time, and bytes of the random generator of the system.
/// let (mut cache, mut scratch) = (SignatureCache::new(1024 * 1024, moment), Scratch::new());
///
/// // The second request does not check the signature again:
/// for now in [1_800_000_060, 1_800_000_061] {
///     verifier.verify_cached(token, &keys, &mut cache, &mut scratch, Timestamp(now))?;
/// }
/// assert_eq!(cache.len(), 1);
///
/// // The cache does not help an expired token:
/// let late = Timestamp(1_800_009_999);
/// assert!(verifier.verify_cached(token, &keys, &mut cache, &mut scratch, late).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SignatureCache {
    /// The secret of the hash, so that nobody outside can choose tokens of one place.
    secret: [u8; 16],
    entries: HashMap<u64, Entry, BuildHasherDefault<Placed>>,
    /// The places of the entries, from the oldest to the newest. One that was used is sent to the end once.
    order: VecDeque<u64>,
    bytes: usize,
    max_bytes: usize,
}

/// The hash of a place in the table: the place, which is a hash already.
#[derive(Default)]
struct Placed(u64);

impl Hasher for Placed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, place: u64) {
        self.0 = place;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Clone)]
struct Entry {
    token: RememberedToken,
    used: bool,
}

impl SignatureCache {
    /// Makes a cache that takes about `max_bytes` of memory at most. A token costs [`ENTRY_BYTES`](super::ENTRY_BYTES), its
    /// length, and the length of its payload. One that alone costs more than the bound is not remembered.
    ///
    /// The entropy of the moment becomes the secret of the hash by which tokens are found.
    #[must_use]
    pub fn new(max_bytes: usize, moment: Moment) -> Self {
        let (_, mut entropy) = moment.split();
        let (entries, order) = (HashMap::default(), VecDeque::new());
        Self { secret: entropy.salt(), entries, order, bytes: 0, max_bytes }
    }

    /// Returns how many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no token is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the memory reckoned for the remembered tokens, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets the expired entries. Neither safety nor the bound needs this. It takes linear time.
    pub fn purge(&mut self, now: Timestamp) {
        let Self { entries, order, bytes, .. } = self;
        entries.retain(|_, entry| {
            let kept = entry.token.expires() > now;
            *bytes -= if kept { 0 } else { entry.token.bytes() };
            kept
        });
        order.retain(|place| entries.contains_key(place));
    }

    /// Forgets every entry.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.bytes = 0;
    }

    /// Returns the place of a token: a hash of its end with the secret. Tokens of one place replace each other.
    fn place(&self, token: &str) -> u64 {
        let token = token.as_bytes();
        let mut hash = DefaultHasher::new();
        hash.write(&self.secret);
        hash.write(token.last_chunk::<END>().map_or(token, |end| end));
        hash.finish()
    }

    /// Forgets one entry: the oldest that was not used since its last chance.
    fn forget_one(&mut self) {
        for chance in 0..=CHANCES {
            let Some(place) = self.order.pop_front() else { return };
            let used = self.entries.get_mut(&place).is_some_and(|entry| take(&mut entry.used));
            if used && chance < CHANCES {
                self.order.push_back(place);
                continue;
            }
            self.bytes -= self.entries.remove(&place).map_or(0, |entry| entry.token.bytes());
            return;
        }
    }
}

impl SignatureMemory for SignatureCache {
    fn recall(&mut self, token: &str) -> Option<RememberedToken> {
        let entry = self.entries.get_mut(&self.place(token))?;
        entry.used = true;
        Some(entry.token.clone())
    }

    fn remember(&mut self, token: RememberedToken) {
        let (place, bytes) = (self.place(token.token()), token.bytes());
        if bytes > self.max_bytes {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&place) {
            self.bytes -= replace(&mut entry.token, token).bytes();
        } else {
            // Make room first, so that the tables do not grow for an entry too many.
            while self.bytes > self.max_bytes - bytes {
                self.forget_one();
            }
            self.entries.insert(place, Entry { token, used: false });
            self.order.push_back(place);
        }
        self.bytes += bytes;
        while self.bytes > self.max_bytes {
            self.forget_one();
        }
    }
}

impl<R: SignatureMemory + ?Sized> SignatureMemory for &mut R {
    fn recall(&mut self, token: &str) -> Option<RememberedToken> {
        (**self).recall(token)
    }

    fn remember(&mut self, token: RememberedToken) {
        (**self).remember(token);
    }
}

impl fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCache").field("tokens", &self.len()).field("bytes", &self.bytes()).finish()
    }
}
