//! What goes wrong with files, in words that say what to do. They name a file, and no value, key or folder above it.

use super::record::{MAX_FILE_VALUE, Unreadable};
use crate::store::error::StoreError;
use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

/// The error of an operation on a file.
#[allow(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds")]
pub(super) fn failed(doing: &str, name: &str, error: &io::Error) -> StoreError {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full; free some space",
        ErrorKind::PermissionDenied => {
            "this user lacks the right; the directory of the store and its files must belong to the user who runs the program"
        }
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; choose another directory",
        ErrorKind::NotFound => {
            "the directory of the store is gone; start the program again, which makes it anew"
        }
        ErrorKind::AlreadyExists | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => {
            "something else has this name; remove it"
        }
        ErrorKind::NotADirectory => "a file is where a directory must be; choose another directory",
        // Others may pass, such as an interruption, or a file that a scanner of viruses holds.
        _ => return StoreError::NoAnswer(format!("cannot {doing} `{name}`: {error}")),
    };
    StoreError::Unusable(format!("cannot {doing} `{name}`: {advice}"))
}

/// The error of a file that cannot be read.
pub(super) fn unreadable(name: &str, why: Unreadable) -> StoreError {
    match why {
        Unreadable::Version => StoreError::Value,
        Unreadable::Damaged => StoreError::Unusable(format!(
            "`{name}` is damaged, or another program has written it; remove it, and do again what it was kept for (such \
             as a login)"
        )),
        Unreadable::TooLarge => StoreError::Unusable(format!(
            "`{name}` is larger than any value of this store, so another program has written it; remove it"
        )),
    }
}

/// The error of something that has the name of a file, and is none.
pub(super) fn no_file(name: &str) -> StoreError {
    StoreError::Unusable(format!(
        "`{name}` is no file, but a link or something else; remove it (links are not followed)"
    ))
}

/// The error of a lock file that another program has written.
pub(super) fn not_ours(name: &str) -> StoreError {
    StoreError::Unusable(format!(
        "another program has written `{name}`; give the store a directory that nothing else uses"
    ))
}

/// The error of a lock that another process does not give up.
pub(super) fn locked(name: &str, waited: Duration) -> StoreError {
    StoreError::NoAnswer(format!(
        "another process has had the lock on `{name}` for {} ms; is it stopped, or the disk slow?",
        waited.as_millis()
    ))
}

/// The error of a directory that others may use.
#[cfg(unix)]
pub(super) fn open_to_others(name: &str, mode: u32) -> StoreError {
    StoreError::Unusable(format!(
        "other users may use the directory `{name}` (mode {mode:03o}); take their rights away (`chmod 700`), or choose \
         another directory"
    ))
}

/// The error of a value that is too large.
pub(super) fn too_large(bytes: usize) -> StoreError {
    StoreError::Unusable(format!(
        "a value of {bytes} bytes is larger than {MAX_FILE_VALUE} bytes (`MAX_FILE_VALUE`); keep less in it"
    ))
}

/// The error of a directory with as many values as it may have.
pub(super) fn full(most: usize) -> StoreError {
    StoreError::NoAnswer(format!("the store is full: {most} values (`MAX_FILES`), and none has ended"))
}

/// The last part of a path.
pub(super) fn last(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().escape_debug().to_string()
}
