//! A store over a directory of files.

mod clock;
mod directory;
mod kept;
mod model;
mod processes;

use oidc_drive::store::{FileStore, Found, Store, StoreError};
use std::{
    fs,
    future::Future,
    path::PathBuf,
    pin::pin,
    process::id,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

const LONG: Duration = Duration::from_secs(3_600);

/// A store over files has its answer at once.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

/// A directory for one test, which does not exist yet.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oidc-drive-file-{}-{}", id(), COUNT.fetch_add(1, SeqCst));
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> Result<FileStore, StoreError> {
        FileStore::open(&self.0)
    }

    /// A program that starts with this directory.
    fn store(&self) -> FileStore {
        self.open().expect("a directory")
    }

    /// The files of values.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("a directory").map(|entry| entry.expect("a file").path());
        entries.filter(|path| !path.ends_with("lock")).collect()
    }

    /// The file of the only value.
    fn file(&self) -> PathBuf {
        let mut files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// The clock of a simulated machine, in microseconds.
#[derive(Clone)]
struct Machine(Arc<AtomicU64>);

impl Machine {
    fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds * 1_000_000)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds * 1_000_000, SeqCst);
    }

    fn set_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds * 1_000_000, SeqCst);
    }

    fn goes_on(&self, microseconds: u64) {
        self.0.fetch_add(microseconds, SeqCst);
    }

    fn store(&self, home: &Home) -> FileStore {
        let clock = Arc::clone(&self.0);
        home.store().with_clock(move || SystemTime::UNIX_EPOCH + Duration::from_micros(clock.load(SeqCst)))
    }
}

fn get(store: &impl Store, key: &str) -> Found {
    at_once(store.get(key)).expect("an answer")
}

fn put(store: &impl Store, key: &str, value: &[u8], lifetime: Duration) {
    at_once(store.put(key, value, lifetime)).expect("an answer");
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}
