//! A directory of files for one test: what several processes of one machine share without a Redis.

use oidc_redis::oidc_drive::store::FileStore;
use std::{
    path::PathBuf,
    process::id,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

/// A directory. It goes when this is dropped.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oidc-redis-files-{}-{}", id(), COUNT.fetch_add(1, SeqCst));
        Self(std::env::temp_dir().join(name))
    }

    /// The directory, in the form of a URL.
    pub(crate) fn url(&self) -> String {
        format!("file:{}", self.0.display())
    }

    pub(crate) fn store(&self) -> FileStore {
        FileStore::open(&self.0).expect("a directory")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}
