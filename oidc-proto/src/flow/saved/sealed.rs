//! [`SealingKeys`] encrypt and authenticate saved states, for cookies and other places that others can read and write.
//!
//! ```text
//! base64url( version ‖ key id ‖ salt ‖ ChaCha20-Poly1305( state ) )
//! key of one sealed text = HMAC-SHA-256(sealing key, salt); associated data: kind of state, audience
//! ```
//!
//! Each sealed text has its own key, derived from 128 fresh bits, so a sealing key may be used as often as you like.

use crate::base::sentence::{Remedy, debug_is_sentence};
use crate::{
    backend::{self, Mac},
    base::{base64url, moment::Moment},
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use zeroize::Zeroizing;

/// The longest sealed text, in bytes. A browser keeps a cookie of 4096 bytes (RFC 6265 section 6.1), with its name and
/// attributes: 256 bytes are left for those.
pub const MAX_SEALED: usize = 3840;

/// The longest text that is sealed for a store of your servers, in bytes. Tokens are longer than a cookie may be.
pub const MAX_STORED: usize = 512 * 1024;

/// The version of the sealed form.
const VERSION: u8 = 1;
const SALT: usize = 16;
/// The length of version, key id and salt.
const HEAD: usize = 2 + SALT;

/// Keys that seal and open states. The first key seals, and all keys open. To rotate, put the new key first, and drop
/// the old key when the states that it sealed have expired.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, flow::{AppState, SealError, SealingKeys}};
///
/// let old = SealingKeys::new(1, &[42; 32]); // a number, and 32 random bytes
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// let cookie = old.seal(&AppState("alice".to_owned()), "session@app.example", moment)?;
///
/// // After a rotation, the old key still opens.
/// let keys = SealingKeys::new(2, &[43; 32]).previous(1, &[42; 32]);
/// let AppState(user): AppState<String> = keys.open(&cookie, "session@app.example")?;
/// assert_eq!(user, "alice");
///
/// // A cookie of another name or host does not open.
/// let moved = keys.open::<AppState<String>>(&cookie, "session@other.example");
/// assert_eq!(moved, Err(SealError::Wrong));
/// # Ok::<(), SealError>(())
/// ```
#[derive(Clone)]
pub struct SealingKeys(Vec<(u8, Mac)>);

/// The reason for which a state cannot be sealed or opened. It holds nothing of the state.
///
/// [`SealingKeys::seal`] and [`SealingKeys::open`] return it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The sealed text would be longer than [`MAX_SEALED`], or for a store than [`MAX_STORED`].
    #[error(
        "the sealed state would be {bytes} bytes long, and {MAX_SEALED} is the most for a cookie, {MAX_STORED} for a store (`SealingKeys::seal_stored` is for a store)"
    )]
    TooLarge {
        /// The length that the sealed text would have, in bytes.
        bytes: usize,
    },
    /// The text is not a sealed state, or is cut off.
    #[error("the text is not a sealed state, or only a piece of one")]
    NotSealed,
    /// Another version of this crate sealed the state.
    #[error("the state was sealed by another version of this library")]
    Version,
    /// No key has the id in the text: the key has been dropped, or was never among these.
    #[error(
        "the state was sealed with a key that is not among these (`SealingKeys::previous` adds an old one)"
    )]
    UnknownKey,
    /// The text has been changed, or was sealed with another key, for another audience, or as another kind of state.
    #[error(
        "the sealed state was changed, or was sealed with another key, for another audience or as another kind of state"
    )]
    Wrong,
    /// The sealed value is no valid state of this kind and version, or the state has no sealed form.
    #[error("the sealed text holds no saved state of this kind and version")]
    State,
}

debug_is_sentence!(SealError);

impl SealError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "seal_too_large",
            Self::NotSealed => "seal_not_sealed",
            Self::Version => "seal_version",
            Self::UnknownKey => "seal_unknown_key",
            Self::Wrong => "seal_wrong",
            Self::State => "seal_state",
        }
    }

    /// Returns [`LogInAgain`](Remedy::LogInAgain), because a state that cannot be opened is lost; but
    /// [`FixConfiguration`](Remedy::FixConfiguration) for a state that is too large to be sealed.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::TooLarge { .. } => Remedy::FixConfiguration,
            Self::NotSealed | Self::Version | Self::UnknownKey | Self::Wrong | Self::State => {
                Remedy::LogInAgain
            }
        }
    }
}

/// A state that can be sealed: each saved state of this crate, and a state of your own in an [`AppState`].
///
/// ```
/// use oidc_proto::{Moment, Timestamp, flow::{AppState, Seal, SealError, SealingKeys}};
///
/// /// The `Set-Cookie` header for a state.
/// fn cookie<S: Seal>(name: &str, state: &S, keys: &SealingKeys, moment: Moment) -> Result<String, SealError> {
///     let sealed = keys.seal(state, name, moment)?;
///     Ok(format!("{name}={sealed}; Path=/; Secure; HttpOnly; SameSite=Lax"))
/// }
///
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// let user = AppState("alice".to_owned());
/// assert!(cookie("__Host-user", &user, &keys, moment)?.starts_with("__Host-user="));
/// # Ok::<(), SealError>(())
/// ```
pub trait Seal: Sized + private::Sealed {}

/// A state of your own, such as a session, to be sealed with the same keys. Its sealed form is JSON, so a later version
/// of your program may add members that have a default.
///
/// All states of your own are of one kind: give each an audience of its own. A sealed state does not expire by itself,
/// so put a time into it. `Debug` shows nothing of it.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, flow::{AppState, SealError, SealingKeys}};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Session {
///     sub: String,
///     until: Timestamp,
/// }
///
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes
/// let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]);
/// let session = AppState(Session { sub: "alice".to_owned(), until: Timestamp(1_800_003_600) });
/// let cookie = keys.seal(&session, "session@app.example", moment)?;
///
/// let AppState(session): AppState<Session> = keys.open(&cookie, "session@app.example")?;
/// let now = Timestamp(1_800_000_060);
/// assert!(session.sub == "alice" && now < session.until);
/// # Ok::<(), SealError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a state, and nothing besides")]
pub struct AppState<T>(pub T);

pub(in crate::flow) mod private {
    /// The sealed form of a state.
    #[allow(unnameable_types, reason = "nobody else may implement it")]
    pub trait Sealed: Sized {
        /// The kind of the state, so that a state of another kind cannot be opened as this one.
        const KIND: &'static str;
        /// Returns the state as bytes; `None` if it has no such form.
        fn to_bytes(&self) -> Option<Vec<u8>>;
        /// Reads the state from these bytes, and validates it.
        fn from_bytes(bytes: &[u8]) -> Option<Self>;
    }
}

use private::Sealed;

/// Seals a state as JSON. The state's own `Deserialize` validates the value that is opened.
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
    /// Takes a key of 32 bytes from a cryptographically secure source, under a number that no other of your keys has.
    #[must_use]
    pub fn new(id: u8, key: &[u8; 32]) -> Self {
        Self(vec![(id, Mac::new(key))])
    }

    /// Adds a key that opens the states that it has sealed, and seals no more. If two keys have the same id, the first
    /// one counts.
    #[must_use]
    pub fn previous(mut self, id: u8, key: &[u8; 32]) -> Self {
        self.0.push((id, Mac::new(key)));
        self
    }

    /// Seals a state for an audience: the place where it is valid, such as the name of the cookie and the host. It
    /// opens only for the same audience.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], with the length that the text would have; [`SealError::State`] if the state has no
    /// sealed form.
    pub fn seal<S: Seal>(&self, state: &S, audience: &str, moment: Moment) -> Result<String, SealError> {
        self.seal_within(MAX_SEALED, state, audience, moment)
    }

    /// Seals a state for a store of your servers, such as a database, as [`seal`](Self::seal) does for a cookie. The
    /// text may have [`MAX_STORED`] bytes. [`open_stored`](Self::open_stored) opens it.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_stored<S: Seal>(
        &self,
        state: &S,
        audience: &str,
        moment: Moment,
    ) -> Result<String, SealError> {
        self.seal_within(MAX_STORED, state, audience, moment)
    }

    fn seal_within<S: Seal>(
        &self,
        most: usize,
        state: &S,
        audience: &str,
        moment: Moment,
    ) -> Result<String, SealError> {
        let (id, key) = self.0.first().ok_or(SealError::UnknownKey)?;
        let mut body = Zeroizing::new(state.to_bytes().ok_or(SealError::State)?);
        let bytes = sealed_length(body.len());
        if bytes > most {
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

    /// Opens a state that was sealed for this audience.
    ///
    /// # Errors
    /// [`SealError`] gives the reason, and shows nothing of the state.
    pub fn open<S: Seal>(&self, sealed: &str, audience: &str) -> Result<S, SealError> {
        self.open_within(MAX_SEALED, sealed, audience)
    }

    /// Opens a state that [`seal_stored`](Self::seal_stored) sealed for this audience.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_stored<S: Seal>(&self, sealed: &str, audience: &str) -> Result<S, SealError> {
        self.open_within(MAX_STORED, sealed, audience)
    }

    fn open_within<S: Seal>(&self, most: usize, sealed: &str, audience: &str) -> Result<S, SealError> {
        if sealed.len() > most {
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

/// Returns the length of the sealed text of a state with this many bytes: 4 characters for 3 bytes, without padding.
const fn sealed_length(bytes: usize) -> usize {
    ((HEAD + bytes + backend::TAG) * 4).div_ceil(3)
}

/// Whether the sealed form of a state has room in a cookie. A state without a sealed form has.
pub(in crate::flow) fn fits_cookie<S: Seal>(state: &S) -> bool {
    state.to_bytes().map(Zeroizing::new).is_none_or(|body| sealed_length(body.len()) <= MAX_SEALED)
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

/// Returns the key of one sealed text.
fn once(key: &Mac, salt: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(key.sign(&[salt]))
}

/// Returns the associated data, which must be the same at sealing and opening: each part with its length.
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
