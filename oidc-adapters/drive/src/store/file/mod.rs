//! [`FileStore`]: a [`Store`] over a directory of files, for the processes of one user on one machine.

mod directory;
mod locked;
mod record;
mod step;
mod time;
mod trouble;

#[cfg(test)]
mod stopped_tests;

pub use locked::MAX_FILES;
pub use record::MAX_FILE_VALUE;

use super::{
    error::StoreError,
    traits::{Found, Store, StoreFuture},
};
use directory::Directory;
use locked::Locked;
use std::{
    fmt,
    future::ready,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long a method waits for another process at most, unless the program says otherwise.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A [`Store`] over a directory of files (feature `file`): for a program of one user on one machine, such as a
/// command-line tool or an agent. It finds its values again when it starts the next time, and may run as several
/// processes at once.
///
/// ```
/// use oidc_drive::{moment, oidc_proto::flow::{AppState, SealingKeys}, store::{FileStore, Store}};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = std::env::temp_dir().join(format!("oidc-drive-doc-{}", std::process::id()));
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes, from the keyring of the system
/// let directory = home.join("my-tool");
/// let name = "tokens:https://op.example";
///
/// let sealed = keys.seal_stored(&AppState("the refresh token".to_owned()), name, moment())?;
/// let month = Duration::from_secs(30 * 86_400);
/// FileStore::open(&directory)?.put(name, sealed.as_bytes(), month).await?;
///
/// // The program ends, and starts again.
/// let sealed = FileStore::open(&directory)?.get(name).await?.value.expect("it is there");
/// let AppState(token) = keys.open_stored::<AppState<String>>(str::from_utf8(&sealed)?, name)?;
/// assert_eq!(token, "the refresh token");
/// # std::fs::remove_dir_all(home)?;
/// # Ok(())
/// # }
/// ```
///
/// [`SharedRefreshes`](super::SharedRefreshes) and [`SavedLogins`](super::SavedLogins) take it as any other store: a
/// refresh token is sent once among all processes, and all get the new tokens.
///
/// # The directory
///
/// Take one that nothing else uses, on a disk of this machine, below the place for the state of programs
/// (`$XDG_STATE_HOME` on Linux, `~/Library/Application Support` on macOS, `%LOCALAPPDATA%` on Windows). Do not take a
/// network drive, because locks may not work there. Do not take a folder that is synchronized, and put back no copy of it:
/// old values come back, such as refresh tokens that are spent, and a provider takes the second use for theft.
///
/// On Unix, the store makes the directory with mode 0700, and each file with 0600. It refuses a directory that other users
/// may use. Elsewhere, the directory has the rights of the one above it.
///
/// Each value has a file of its own, whose name is a hash of its key. A new value is written to a file beside it, and
/// takes its place when the disk has it. So a value is the old one or the new one, wherever a process ends. There may be
/// [`MAX_FILES`] values of [`MAX_FILE_VALUE`] bytes. Values that have ended are removed, a few at each change. The file
/// `lock` has the lock of all processes. If a process ends, the system gives up its lock.
///
/// # Time
///
/// Values end by the clock of the machine. If somebody sets it back, the time of the store goes on from the newest that
/// anybody was told. If it is set ahead, values end early.
///
/// # Where the keys come from
///
/// The store encrypts nothing. Tokens and logins are sealed before they come here, with the [`SealingKeys`] of your
/// program; used messages and revocations are not secret. So the files are worth as much as the key, and the key must be
/// elsewhere. Make 32 random bytes at the first start, and keep them in the keyring of the operating system (Keychain,
/// Credential Manager, Secret Service): the crate `keyring` reaches all of these. A machine without one, such as a server,
/// keeps the key in a file of its own, with mode 0600, in another directory than this one. Whoever can read both has the
/// tokens, as with a private key of SSH without a passphrase. If the key is lost, values no longer open
/// ([`StoreError::Seal`]): remove the directory, and log in again.
///
/// # What fails
///
/// A full disk, missing rights, and a file that is damaged or belongs to another program are [`StoreError::Unusable`],
/// which names the file and says what to do. A damaged file is not taken for a missing one: what is missing may be sent
/// again, such as a spent refresh token. [`put`](Store::put) replaces it. A file of another version of this library is
/// [`StoreError::Value`]. A link is not followed.
///
/// # In async programs
///
/// Its futures are ready when they are polled first, so it also serves a
/// [`blocking::Provider`](crate::blocking::Provider) and [`blocking::store`](crate::blocking::store). The work with files is done on the
/// thread of the caller: a read takes far less than a millisecond; a change waits for the disk, for about a millisecond or
/// a few, and longer on a slow disk. If other processes change values at the same moment, it waits for them
/// ([`with_timeout`](Self::with_timeout)). That is little for a program of one user. A server should take another store.
///
/// [`SealingKeys`]: oidc_proto::flow::SealingKeys
#[derive(Clone)]
pub struct FileStore {
    directory: Directory,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl FileStore {
    /// Opens the store in this directory. If there is no such directory, it is made, with those above it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if other users may use the directory, or if this user may not, or if another program uses
    /// it; [`StoreError::NoAnswer`] if another process does not give up its lock.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let directory = Directory::open(directory.as_ref(), TIMEOUT)?;
        Ok(Self { directory, clock: Arc::new(SystemTime::now) })
    }

    /// Sets how long a method waits at most for other processes and threads to finish theirs; the default is 3 s. Nobody has
    /// the lock for long, unless the system stops a process, or a disk stands still.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.directory.timeout = timeout;
        self
    }

    /// Sets a clock of your own, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Does something in one step.
    fn locked<T>(
        &self,
        key: &str,
        work: impl FnOnce(&mut Locked<'_>, &str) -> Result<T, StoreError>,
    ) -> StoreFuture<T>
    where
        T: Send + 'static,
    {
        let done = Locked::begin(&self.directory, &*self.clock);
        Box::pin(ready(done.and_then(|mut locked| work(&mut locked, &record::name(key)))))
    }
}

impl Store for FileStore {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        self.locked(key, |locked, name| {
            let value = locked.find(name)?;
            Ok(Found::new(value, locked.now()))
        })
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        self.locked(key, |locked, name| {
            let there = locked.find(name)?;
            if there.as_deref() != expected {
                return Ok(Some(Found::new(there, locked.now())));
            }
            match new {
                Some((value, lifetime)) => locked.write(name, value, lifetime)?,
                None if there.is_some() => locked.remove(name)?,
                None => {}
            }
            Ok(None)
        })
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.locked(key, |locked, name| locked.write(name, value, lifetime))
    }

    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.locked(key, |locked, name| {
            let there = locked.find(name)?;
            if there.is_some() {
                locked.remove(name)?;
            }
            Ok(there)
        })
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Directory { path, timeout, .. } = &self.directory;
        f.debug_struct("FileStore").field("directory", path).field("timeout", timeout).finish_non_exhaustive()
    }
}
