//! A store over files while it has the lock: one step, which nobody else sees half done.

use super::{
    directory::{Directory, LOCK},
    record::{MAX_FILE, MAX_FILE_VALUE, Record, is_name},
    step::Step,
    time::Time,
    trouble,
};
use crate::store::error::StoreError;
use fs4::FileExt;
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The most values in a [`FileStore`](super::FileStore). If none of them has ended, a new one is refused.
pub const MAX_FILES: usize = 10_000;

/// The file of a value that is not whole yet. One is enough: whoever writes it has the lock. If a process ends too early,
/// the next one removes it.
const NEW: &str = "new";

/// How many values each change looks at, to remove those that have ended.
const LOOKS: usize = 16;
/// How many ended values a store removes at once if it is full.
const REMOVES: usize = 64;

pub(super) struct Locked<'d> {
    directory: &'d Directory,
    lock: File,
    time: Time,
    /// In microseconds.
    now: u64,
}

impl<'d> Locked<'d> {
    /// Gets the lock, and then reads the clock.
    pub(super) fn begin(
        directory: &'d Directory,
        clock: &dyn Fn() -> SystemTime,
    ) -> Result<Self, StoreError> {
        let (lock, time) = directory.lock()?;
        let mut locked = Self { directory, lock, time, now: 0 };
        let since = clock().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        locked.now = locked.time.tick(microseconds(since));
        locked.write_time()?;
        locked.step(Step::Work, "use", LOCK)?;
        Ok(locked)
    }

    pub(super) const fn now(&self) -> Duration {
        Duration::from_micros(self.now)
    }

    /// Reads the value in a file. If it has ended, the file goes.
    pub(super) fn find(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(record) = self.read(name)? else { return Ok(None) };
        // The lock file was lost or damaged. What was written has a time that its writer was told.
        if self.time.raise(record.at) {
            self.now = record.at;
            self.write_time()?;
        }
        if record.end > self.now {
            return Ok(Some(record.value));
        }
        // What has ended may stay.
        let _removed = fs::remove_file(self.directory.path.join(name));
        Ok(None)
    }

    /// Sets the value in a file, whatever was there.
    pub(super) fn write(&mut self, name: &str, value: &[u8], lifetime: Duration) -> Result<(), StoreError> {
        if value.len() > MAX_FILE_VALUE {
            return Err(trouble::too_large(value.len()));
        }
        self.make_room(name)?;
        let end = self.now.saturating_add(microseconds(lifetime));
        let content = Record { at: self.now, end, value: value.to_vec() }.to_bytes(name);
        let written = self.write_new(&content).and_then(|()| self.rename(name));
        if written.is_err() {
            let _removed = fs::remove_file(self.directory.path.join(NEW));
        }
        written?;
        self.sync()
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.step(Step::Remove, "remove", name)?;
        match fs::remove_file(self.directory.path.join(name)) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(trouble::failed("remove", name, &error)),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Record>, StoreError> {
        let Some(file) = self.directory.value(name)? else { return Ok(None) };
        let mut content = Vec::new();
        let read = file.take(MAX_FILE as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| trouble::failed("read", name, &error))?;
        Record::from_bytes(name, &content).map(Some).map_err(|why| trouble::unreadable(name, why))
    }

    fn write_new(&self, content: &[u8]) -> Result<(), StoreError> {
        let write = || {
            // A process may have ended in the middle of this.
            match fs::remove_file(self.directory.path.join(NEW)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = self.directory.new_file(NEW)?;
            self.directory.steps.next(Step::WriteNew)?;
            file.write_all(content)?;
            self.directory.steps.next(Step::SyncNew)?;
            file.sync_all()
        };
        write().map_err(|error| trouble::failed("write", NEW, &error))
    }

    fn rename(&self, name: &str) -> Result<(), StoreError> {
        self.step(Step::Rename, "write", name)?;
        let path = &self.directory.path;
        fs::rename(path.join(NEW), path.join(name)).map_err(|error| trouble::failed("write", name, &error))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let synced = self.directory.steps.next(Step::SyncDirectory).and_then(|()| self.directory.sync());
        let name = || trouble::last(&self.directory.path);
        synced.map_err(|error| trouble::failed("sync the directory", &name(), &error))
    }

    /// Writes the time over the old one. It need not be on the disk: after a crash of the machine, the times of the values
    /// count, too.
    fn write_time(&mut self) -> Result<(), StoreError> {
        let mut write = || {
            self.directory.steps.next(Step::WriteTime)?;
            self.lock.rewind()?;
            self.lock.write_all(&self.time.to_bytes())
        };
        write().map_err(|error| trouble::failed("write", LOCK, &error))
    }

    /// Removes some values that have ended, and finds out whether there is room for this one.
    fn make_room(&mut self, name: &str) -> Result<(), StoreError> {
        let values = self.sweep(LOOKS, REMOVES);
        self.write_time()?;
        let full = values >= MAX_FILES
            && fs::symlink_metadata(self.directory.path.join(name)).is_err()
            && self.sweep(usize::MAX, REMOVES) >= MAX_FILES;
        if full { Err(trouble::full(MAX_FILES)) } else { Ok(()) }
    }

    /// Looks at some values, in turn, and removes those that have ended. Returns how many there are. It touches no file that
    /// it does not understand, and a failure is no reason to keep no value.
    fn sweep(&mut self, looks: usize, removes: usize) -> usize {
        let entries = fs::read_dir(&self.directory.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_name(name)).collect();
        names.sort_unstable();
        let next = names.partition_point(|name| turn(name) <= self.time.turn);
        let mut removed = 0;
        for name in names.iter().cycle().skip(next).take(looks.min(names.len())) {
            self.time.turn = turn(name);
            let ended = self.read(name).ok().flatten().is_some_and(|record| record.end <= self.now);
            if ended && fs::remove_file(self.directory.path.join(name)).is_ok() {
                removed += 1;
            }
            if removed == removes {
                break;
            }
        }
        names.len() - removed
    }

    fn step(&self, step: Step, doing: &str, name: &str) -> Result<(), StoreError> {
        let next: io::Result<()> = self.directory.steps.next(step);
        next.map_err(|error| trouble::failed(doing, name, &error))
    }
}

impl Drop for Locked<'_> {
    /// A process that another thread starts at this moment may have a copy of the file, which would keep the lock.
    fn drop(&mut self) {
        let _told = self.directory.steps.next(Step::Unlock);
        let _unlocked = FileExt::unlock(&self.lock);
    }
}

/// The place of a value among those that are looked at in turn.
fn turn(name: &str) -> u64 {
    name.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
