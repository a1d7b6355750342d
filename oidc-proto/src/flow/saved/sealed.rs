//! [`SealingKeys`]: saved states, encrypted and authenticated, for cookies and other places that
//! somebody else can read and write.
//!
//! ```text
//! base64url( version ‖ key id ‖ salt ‖ ChaCha20-Poly1305( state ) )
//! key of one sealing = HMAC-SHA-256(sealing key, salt); associated data: kind of state, and for whom
//! ```
//!
//! Each sealing has a key of its own, made from 128 fresh bits, so a sealing key may be used as often
//! as you like.

use crate::base::sentence::debug_is_sentence;
use crate::{
    backend::{self, Mac},
    base::{base64url, moment::Moment},
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use zeroize::Zeroizing;

/// The longest sealed text, in bytes. A browser keeps 4096 bytes of one cookie (RFC 6265 section 6.1), its
/// name and attributes among them; 256 are left for those.
pub const MAX_SEALED: usize = 3840;

/// The version of the sealed form.
const VERSION: u8 = 1;
const SALT: usize = 16;
/// Version, key id, salt.
const HEAD: usize = 2 + SALT;

/// Keys that seal and open. The first seals; all of them open, so that keys can be rotated: put the
/// new one first, and drop the old one when what it sealed has expired.
#[derive(Clone)]
pub struct SealingKeys(Vec<(u8, Mac)>);

/// Why something cannot be sealed or opened. Carries nothing of it.
///
/// [`SealingKeys::seal`] and [`SealingKeys::open`] return it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The sealed text would be longer than [`MAX_SEALED`].
    #[error("the sealed state would be {bytes} bytes long, and {MAX_SEALED} is the most")]
    TooLarge {
        /// How long it would be.
        bytes: usize,
    },
    /// The text was not made by sealing, or is cut off.
    #[error("the text is not a sealed state, or only a piece of one")]
    NotSealed,
    /// It was sealed by another version.
    #[error("the state was sealed by another version of this library")]
    Version,
    /// None of the keys has its id: the key has been dropped, or was never here.
    #[error(
        "the state was sealed with a key that is not among these (`SealingKeys::previous` adds an old one)"
    )]
    UnknownKey,
    /// It has been changed, or was sealed with another key, for somebody else, or as another kind of
    /// state.
    #[error(
        "the sealed state was changed, or was sealed with another key, for another audience or as another kind of state"
    )]
    Wrong,
    /// What was sealed is no state of this kind: saved by another version, or not valid.
    #[error("the sealed text holds no saved state of this kind and version")]
    State,
}

debug_is_sentence!(SealError);

/// A state that can be sealed: those of this library can, and yours inside of [`AppState`].
pub trait Seal: Sized + private::Sealed {}

/// A state of your own, to be sealed with the same keys: a session, say. Its sealed form is that of
/// JSON, so a later version may add members that have a default.
///
/// All of them are of one kind: tell yours apart by their audience. Sealing does not make it expire;
/// put a time in it. `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a state, and nothing besides")]
pub struct AppState<T>(pub T);

pub(in crate::flow) mod private {
    /// What sealing needs to know of a state.
    pub trait Sealed: Sized {
        /// The kind of state, so that one cannot be opened as another.
        const KIND: &'static str;
        /// The state as bytes; `None` if it has no such form.
        fn to_bytes(&self) -> Option<Vec<u8>>;
        /// The state of these bytes, validated.
        fn from_bytes(bytes: &[u8]) -> Option<Self>;
    }
}

use private::Sealed;

/// Seals a state as JSON. What comes back is held to the state's own `Deserialize`.
macro_rules! seal_as_json {
    ($state:ty, $kind:literal) => {
        impl $crate::flow::saved::Seal for $state {}

        impl $crate::flow::saved::Sealed for $state {
            const KIND: &'static str = $kind;
            fn to_bytes(&self) -> Option<Vec<u8>> {
                serde_json::to_vec(self).ok()
            }
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                serde_json::from_slice(bytes).ok()
            }
        }
    };
}
pub(in crate::flow) use seal_as_json;

impl SealingKeys {
    /// A key of 32 bytes from a cryptographically secure source, under a number that nothing else
    /// sealed for the same place has.
    #[must_use]
    pub fn new(id: u8, key: &[u8; 32]) -> Self {
        Self(vec![(id, Mac::new(key))])
    }

    /// Opens what this key has sealed, too; it seals nothing any more. Of two keys with one id the
    /// first counts.
    #[must_use]
    pub fn previous(mut self, id: u8, key: &[u8; 32]) -> Self {
        self.0.push((id, Mac::new(key)));
        self
    }

    /// Seals a state for an audience: who may hand it back and where it counts, such as the name of
    /// the cookie and the host. It opens for the same audience only.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], with the size it would have; [`SealError::State`] if it has no sealed
    /// form.
    pub fn seal<S: Seal>(&self, state: &S, audience: &str, moment: Moment) -> Result<String, SealError> {
        let (id, key) = self.0.first().ok_or(SealError::UnknownKey)?;
        let mut body = Zeroizing::new(state.to_bytes().ok_or(SealError::State)?);
        // 4 characters for 3 bytes, without padding.
        let bytes = ((HEAD + body.len() + backend::TAG) * 4).div_ceil(3);
        if bytes > MAX_SEALED {
            return Err(SealError::TooLarge { bytes });
        }
        let salt = moment.split().1.salt();
        let aad = associated::<S>(*id, audience);
        backend::seal(&once(key, &salt), &aad, &mut body).ok_or(SealError::State)?;
        let mut sealed = vec![VERSION, *id];
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&body);
        Ok(base64url::encode(&sealed))
    }

    /// Opens what was sealed for this audience.
    ///
    /// # Errors
    /// [`SealError`] says why not, and no more.
    pub fn open<S: Seal>(&self, sealed: &str, audience: &str) -> Result<S, SealError> {
        if sealed.len() > MAX_SEALED {
            return Err(SealError::NotSealed);
        }
        let bytes = base64url::decode(sealed).ok_or(SealError::NotSealed)?;
        let (head, body) = bytes.split_at_checked(HEAD).ok_or(SealError::NotSealed)?;
        let [version, id, salt @ ..] = head else { return Err(SealError::NotSealed) };
        if *version != VERSION {
            return Err(SealError::Version);
        }
        let (_, key) = self.0.iter().find(|(known, _)| known == id).ok_or(SealError::UnknownKey)?;
        let mut body = Zeroizing::new(body.to_vec());
        let aad = associated::<S>(*id, audience);
        let opened = backend::open(&once(key, salt), &aad, &mut body).ok_or(SealError::Wrong)?;
        S::from_bytes(opened).ok_or(SealError::State)
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

/// The key of one sealing.
fn once(key: &Mac, salt: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(key.sign(&[salt]))
}

/// What must be the same at both ends, each part with its length.
fn associated<S: Sealed>(id: u8, audience: &str) -> Vec<u8> {
    let mut data = vec![VERSION, id];
    for part in [S::KIND, audience] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}

impl<T> fmt::Debug for AppState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppState(..)")
    }
}

impl<T: Serialize + DeserializeOwned> Seal for AppState<T> {}

impl<T: Serialize + DeserializeOwned> Sealed for AppState<T> {
    const KIND: &'static str = "custom";
    fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.0).ok()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }
}
