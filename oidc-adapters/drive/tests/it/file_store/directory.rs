//! The directory of a store over files: its rights, its files, and what others put there.

use super::{Home, LONG, Machine, at_once, get, put, seconds};
use oidc_drive::store::{FileStore, MAX_FILE_VALUE, MAX_FILES, Store, StoreError};
use std::{fs, path::Path};

/// The text of an error that says what to do.
fn unusable<T>(answer: Result<T, StoreError>) -> String {
    match answer.map(drop).expect_err("it is of no use") {
        StoreError::Unusable(why) => why,
        other => panic!("{other}"),
    }
}

/// The store refuses the value in every method but `put`.
fn refuses(store: &FileStore, key: &str) -> Vec<String> {
    vec![
        unusable(at_once(store.get(key))),
        unusable(at_once(store.take(key))),
        unusable(at_once(store.compare_and_set(key, None, Some((b"new", LONG))))),
        unusable(at_once(store.compare_and_set(key, Some(b"old"), None))),
    ]
}

#[test]
fn a_program_finds_its_values_again_after_a_restart() {
    let home = Home::new();
    for (key, value) in [("refresh:a", &b"a token"[..]), ("refresh:A", b""), ("../../\0:💥", &[0xFF; 3_000])]
    {
        put(&home.store(), key, value, LONG);
        assert_eq!(get(&home.store(), key).value.as_deref(), Some(value), "{key}");
    }
    assert_eq!(home.files().len(), 3);
    // Whoever comes by another path finds them, too.
    let around = home.0.join("..").join(home.0.file_name().unwrap());
    let store = FileStore::open(around).unwrap();
    assert_eq!(get(&store, "refresh:a").value.as_deref(), Some(&b"a token"[..]));
    assert!(format!("{store:?}").starts_with("FileStore { directory: \"/"), "{store:?}");
}

#[test]
fn directories_that_are_missing_are_made_and_no_name_shows_a_key() {
    let home = Home::new();
    let deep = home.0.join("state").join("my-tool");
    put(&FileStore::open(&deep).unwrap(), "tokens:https://op.example", b"secret", LONG);
    let names = fs::read_dir(&deep).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names {
        let hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(hash || name == "lock", "{name}");
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_the_store_makes_is_for_its_user_alone() {
        let home = Home::new();
        let deep = home.0.join("state");
        let store = FileStore::open(&deep).unwrap();
        put(&store, "key", b"value", LONG);
        at_once(store.compare_and_set("another", None, Some((b"value", LONG)))).unwrap();
        assert_eq!([&home.0, &deep].map(|directory| mode(directory)), [0o700; 2]);
        for entry in fs::read_dir(&deep).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn a_directory_that_other_users_may_use_is_refused() {
        for wide in [0o755, 0o770, 0o701] {
            let home = Home::new();
            fs::DirBuilder::new().mode(0o700).create(&home.0).unwrap();
            fs::set_permissions(&home.0, fs::Permissions::from_mode(wide)).unwrap();
            let why = unusable(home.open());
            let name = home.0.file_name().unwrap().to_str().unwrap();
            assert!(
                why.contains(&format!("`{name}` (mode {wide:03o})")) && why.contains("`chmod 700`"),
                "{why}"
            );
            assert_eq!(fs::read_dir(&home.0).unwrap().count(), 0, "nothing was written there");
            fs::set_permissions(&home.0, fs::Permissions::from_mode(0o700)).unwrap();
            put(&home.store(), "key", b"value", LONG);
        }
    }

    /// A link to the directory is the choice of the user. A link in it is not.
    #[test]
    fn a_link_in_the_directory_is_not_followed() {
        let (home, other) = (Home::new(), Home::new());
        put(&home.store(), "key", b"value", LONG);
        put(&other.store(), "key", b"of another", LONG);
        let file = home.file();
        for target in [other.file(), other.0.clone(), other.0.join("nothing")] {
            fs::remove_file(&file).unwrap();
            symlink(&target, &file).unwrap();
            for why in refuses(&home.store(), "key") {
                assert!(why.contains("is no file, but a link"), "{why}");
            }
            put(&home.store(), "key", b"value", LONG);
            assert!(
                fs::symlink_metadata(&file).unwrap().is_file(),
                "a new value takes the place of the link"
            );
            // A link in place of a half value.
            symlink(&target, home.0.join("new")).unwrap();
            put(&home.store(), "key", b"value", LONG);
            assert_eq!(get(&home.store(), "key").value.as_deref(), Some(&b"value"[..]));
        }
        assert_eq!(get(&other.store(), "key").value.as_deref(), Some(&b"of another"[..]));
        fs::remove_file(home.0.join("lock")).unwrap();
        symlink(other.0.join("lock"), home.0.join("lock")).unwrap();
        assert!(unusable(home.open()).contains("`lock` is no file"));
        symlink(&other.0, home.0.join("link")).unwrap();
        let store = FileStore::open(home.0.join("link")).unwrap();
        assert_eq!(get(&store, "key").value.as_deref(), Some(&b"of another"[..]));
    }

    /// The lock is on a file that nobody finds any more.
    #[test]
    fn a_lock_file_that_is_removed_is_made_anew() {
        let home = Home::new();
        let (one, other) = (home.store(), home.store());
        for number in 0..3_u8 {
            put(&one, "key", &[number], LONG);
            fs::remove_file(home.0.join("lock")).unwrap();
            assert_eq!(get(&other, "key").value, Some(vec![number]));
            assert!(home.0.join("lock").exists());
        }
    }
}

#[test]
fn a_damaged_file_is_an_error_that_names_it_and_a_new_value_replaces_it() {
    let home = Home::new();
    put(&home.store(), "another", b"value", LONG);
    let another = fs::read(home.file()).unwrap();
    at_once(home.store().take("another")).unwrap();
    put(&home.store(), "key", b"old", LONG);
    let (file, whole) = (home.file(), fs::read(home.file()).unwrap());
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    let damaged =
        [Vec::new(), vec![0; 80], b"{\"token\":1}".to_vec(), whole[..40].to_vec(), changed, another];
    for (number, content) in damaged.into_iter().enumerate() {
        fs::write(&file, &content).unwrap();
        let store = home.store();
        for why in refuses(&store, "key") {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(
                why.contains(&format!("`{name}` is damaged")) && why.contains("remove it"),
                "{number}: {why}"
            );
        }
        assert_eq!(fs::read(&file).unwrap(), content, "nothing is lost by looking");
        put(&store, "key", b"old", LONG);
        assert_eq!(get(&store, "key").value.as_deref(), Some(&b"old"[..]));
    }
    // The user does what the text says.
    fs::write(&file, "").unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(get(&home.store(), "key").value, None);
}

#[test]
fn a_file_of_another_version_is_an_error_of_its_own_and_stays() {
    let home = Home::new();
    put(&home.store(), "key", b"old", LONG);
    let file = home.file();
    for version in [0, 2, 255] {
        let mut content = fs::read(&file).unwrap();
        content[8] = version;
        fs::write(&file, &content).unwrap();
        let store = home.store();
        assert_eq!(at_once(store.get("key")), Err(StoreError::Value));
        assert_eq!(at_once(store.take("key")), Err(StoreError::Value));
        assert_eq!(at_once(store.compare_and_set("key", None, None)), Err(StoreError::Value));
        assert_eq!(fs::read(&file).unwrap(), content);
        // Another version may lock in another way, so nothing is done without knowing its lock.
        let (lock, kept) = (home.0.join("lock"), fs::read(home.0.join("lock")).unwrap());
        let mut other = kept.clone();
        other[8] = version;
        fs::write(&lock, &other).unwrap();
        assert_eq!(home.open().map(drop), Err(StoreError::Value));
        assert_eq!(at_once(store.put("key", b"new", LONG)), Err(StoreError::Value));
        assert_eq!(fs::read(&lock).unwrap(), other);
        fs::write(&lock, kept).unwrap();
    }
}

#[test]
fn a_value_and_a_file_have_a_largest_size() {
    let home = Home::new();
    let store = home.store();
    let largest = vec![7; MAX_FILE_VALUE];
    put(&store, "key", &largest, LONG);
    assert_eq!(get(&store, "key").value.as_ref(), Some(&largest));
    for more in [1, 2, 1_000_000] {
        let value = vec![7; MAX_FILE_VALUE + more];
        assert!(unusable(at_once(store.put("key", &value, LONG))).contains("`MAX_FILE_VALUE`"));
        let set = at_once(store.compare_and_set("other", None, Some((&value, LONG))));
        assert!(unusable(set).contains("`MAX_FILE_VALUE`"));
        let file = fs::File::options().append(true).open(home.file()).unwrap();
        file.set_len(1 << (30 + more.min(3))).unwrap();
        for why in refuses(&store, "key") {
            assert!(why.contains("larger than any value"), "{why}");
        }
        put(&store, "key", &largest, LONG);
    }
}

#[test]
fn a_directory_of_another_program_is_refused_and_left_alone() {
    for content in ["4711\n", "oidclocal", "{}"] {
        let home = Home::new();
        drop(home.store());
        fs::write(home.0.join("lock"), content).unwrap();
        let why = unusable(home.open());
        assert!(why.contains("another program has written `lock`"), "{why}");
        assert_eq!(fs::read(home.0.join("lock")).unwrap(), content.as_bytes());
    }
    let home = Home::new();
    drop(home.store());
    fs::remove_file(home.0.join("lock")).unwrap();
    fs::create_dir(home.0.join("lock")).unwrap();
    assert!(unusable(home.open()).contains("`lock` is no file"));
    // A file where the directory, or one above it, should be.
    let home = Home::new();
    fs::write(&home.0, "").unwrap();
    for path in [home.0.clone(), home.0.join("deeper"), home.0.join("deeper").join("still")] {
        let error = FileStore::open(path).expect_err("a file is in the way");
        assert_eq!(error.code(), "store_unusable", "{error}");
    }
    fs::remove_file(&home.0).unwrap();
}

#[test]
fn a_directory_that_is_gone_is_an_error_until_the_program_starts_again() {
    let home = Home::new();
    for _ in 0..3 {
        let store = home.store();
        put(&store, "key", b"value", LONG);
        fs::remove_dir_all(&home.0).unwrap();
        let why = unusable(at_once(store.get("key")));
        assert!(why.contains("is gone; start the program again"), "{why}");
        assert!(unusable(at_once(store.put("key", b"value", LONG))).contains("is gone"));
        assert_eq!(get(&home.store(), "key").value, None);
    }
}

#[test]
fn a_full_directory_refuses_what_is_new_and_keeps_what_is_alive() {
    let home = Home::new();
    let machine = Machine::at(1_800_000_000);
    let store = machine.store(&home);
    for key in ["one", "two", "three"] {
        put(&store, key, b"value", seconds(60));
    }
    for number in 3..MAX_FILES {
        fs::write(home.0.join(format!("{number:064x}")), "").unwrap();
    }
    for key in ["four", "five", "six"] {
        let full = at_once(store.put(key, b"value", LONG)).unwrap_err();
        assert_eq!(full.code(), "store_no_answer");
        assert!(full.to_string().contains("the store is full"), "{full}");
        assert_eq!(at_once(store.compare_and_set(key, None, Some((b"value", LONG)))).map(drop), Err(full));
        assert_eq!(get(&store, key).value, None);
    }
    put(&store, "one", b"new", LONG);
    assert_eq!(get(&store, "one").value.as_deref(), Some(&b"new"[..]));
    // What has ended makes room, wherever it is.
    machine.goes_on(60_000_000);
    put(&store, "four", b"value", LONG);
    put(&store, "five", b"value", LONG);
    at_once(store.put("six", b"value", LONG)).expect_err("there was room for two");
    assert!(get(&store, "one").value.is_some());
}
