//! The directory of a store, its rights, and the lock on it.

use super::{
    step::{Step, Steps},
    time::{BYTES, Foreign, Time},
    trouble,
};
use crate::store::error::StoreError;
use fs4::{FileExt, TryLockError};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// The file with the lock and the time.
pub(super) const LOCK: &str = "lock";

/// The longest pause before the next attempt to get the lock.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) timeout: Duration,
    pub(super) steps: Steps,
}

impl Directory {
    /// Opens a directory, or makes it with rights for nobody else.
    pub(super) fn open(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let name = trouble::last(path);
        builder().create(path).map_err(|error| trouble::failed("make the directory", &name, &error))?;
        // The program may go to another directory later.
        let found = path.canonicalize().and_then(|path| Ok((path.metadata()?, path)));
        let (there, path) = found.map_err(|error| trouble::failed("open the directory", &name, &error))?;
        for_nobody_else(&name, &there)?;
        let directory = Self { path, timeout, steps: Steps::default() };
        // A program should learn at its start that it may not write here.
        drop(directory.lock()?);
        Ok(directory)
    }

    /// Gets the lock, and the time that its file has. No other process and no other thread has it until the file is
    /// closed, or this process ends.
    pub(super) fn lock(&self) -> Result<(File, Time), StoreError> {
        let failed = |error: io::Error| trouble::failed("lock", LOCK, &error);
        let (path, began, mut pause) = (self.path.join(LOCK), Instant::now(), Duration::from_micros(100));
        loop {
            if let Some(mut file) = lock_file(&path)? {
                self.steps.next(Step::Lock).map_err(failed)?;
                match FileExt::try_lock(&file) {
                    // Somebody may have removed the file meanwhile. Others then lock a new one.
                    Ok(()) if is_at(&file, &path).map_err(failed)? => {
                        let time = read_time(&mut file)?;
                        return Ok((file, time));
                    }
                    Ok(()) | Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(failed(error)),
                }
            }
            let waited = began.elapsed();
            if waited >= self.timeout {
                return Err(trouble::locked(LOCK, waited));
            }
            thread::sleep(pause.min(self.timeout.saturating_sub(waited)));
            pause = (2 * pause).min(PAUSE);
        }
    }

    /// Opens the file of a value to read it. `None` if there is none.
    pub(super) fn value(&self, name: &str) -> Result<Option<File>, StoreError> {
        let failed = |error: io::Error| trouble::failed("read", name, &error);
        let path = self.path.join(name);
        let there = match fs::symlink_metadata(&path) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !there.is_file() {
            return Err(trouble::no_file(name));
        }
        let file = File::open(&path).map_err(failed)?;
        // Nobody who keeps to the lock changes it between these lines.
        if is_same(&there, &file.metadata().map_err(failed)?) {
            Ok(Some(file))
        } else {
            Err(trouble::no_file(name))
        }
    }

    /// Makes a new file for nobody else.
    pub(super) fn new_file(&self, name: &str) -> io::Result<File> {
        options().create_new(true).open(self.path.join(name))
    }

    /// Waits until the disk has the names of the directory. Some systems and file systems cannot.
    pub(super) fn sync(&self) -> io::Result<()> {
        if cfg!(not(unix)) {
            return Ok(());
        }
        match File::open(&self.path).and_then(|directory| directory.sync_all()) {
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            other => other,
        }
    }
}

/// Opens the lock file, or makes it. `None` if others were in between.
fn lock_file(path: &Path) -> Result<Option<File>, StoreError> {
    let opened = match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => options().open(path),
        Ok(_) => return Err(trouble::no_file(LOCK)),
        Err(error) if error.kind() == ErrorKind::NotFound => match options().create_new(true).open(path) {
            // The directory is gone.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(trouble::failed("make", LOCK, &error));
            }
            other => other,
        },
        Err(error) => Err(error),
    };
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => Ok(None),
        Err(error) => Err(trouble::failed("open", LOCK, &error)),
    }
}

fn read_time(lock: &mut File) -> Result<Time, StoreError> {
    let mut bytes = Vec::with_capacity(BYTES);
    let read = lock.take(BYTES as u64).read_to_end(&mut bytes);
    read.map_err(|error| trouble::failed("read", LOCK, &error))?;
    Time::from_bytes(&bytes).map_err(|foreign| match foreign {
        Foreign::Version => StoreError::Value,
        Foreign::Program => trouble::not_ours(LOCK),
    })
}

/// Whether this is the file at this path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) => Ok(is_same(&there, &file.metadata()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The standard library does not say it elsewhere.
#[cfg(not(unix))]
fn is_same(one: &Metadata, _: &Metadata) -> bool {
    one.is_file()
}

fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// To read and to write; a file that they make is for nobody else.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn for_nobody_else(name: &str, there: &Metadata) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = there.mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(trouble::open_to_others(name, mode)) }
}

/// Elsewhere, a directory has the rights of the one above it.
#[cfg(not(unix))]
fn for_nobody_else(_: &str, _: &Metadata) -> Result<(), StoreError> {
    Ok(())
}
