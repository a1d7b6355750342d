//! Processes that end, and disks that fail, at each step of a store over files.
//!
//! The process is this test program, started again for the test `a_process`. Without the variables that
//! [`Process::start`] sets, that test does nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a missing value must fail the test"
)]

use super::{
    FileStore,
    directory::LOCK,
    record::name,
    step::Step::{self, *},
};
use crate::{
    drive::block_on,
    store::{Store, StoreError},
};
use std::{
    env, fs, io,
    io::{BufRead as _, BufReader, ErrorKind, Write as _, stdin},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio, id},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

const LONG: Duration = Duration::from_secs(3_600);
const KEY: &str = "refresh:the key";

/// What a process does with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Put,
    Replace,
    Clear,
    Take,
    Get,
}

const WORKS: [Work; 5] = [Work::Put, Work::Replace, Work::Clear, Work::Take, Work::Get];

impl Work {
    /// The steps, if `old` is there and nobody else is.
    fn steps(self) -> &'static [Step] {
        const WRITES: [Step; 8] =
            [WriteTime, Work, WriteTime, WriteNew, SyncNew, Rename, SyncDirectory, Unlock];
        match self {
            Self::Put | Self::Replace => &WRITES,
            Self::Clear | Self::Take => &[WriteTime, Work, Remove, SyncDirectory, Unlock],
            Self::Get => &[WriteTime, Work, Unlock],
        }
    }

    /// What is there in the end.
    fn leaves(self) -> Option<&'static [u8]> {
        match self {
            Self::Put | Self::Replace => Some(b"new"),
            Self::Clear | Self::Take => None,
            Self::Get => Some(b"old"),
        }
    }

    /// What is there if the process stops before a step.
    fn leaves_before(self, step: usize) -> Option<&'static [u8]> {
        let steps = self.steps();
        let change = steps.iter().position(|step| matches!(step, Rename | Remove));
        if change.is_some_and(|change| step > change) { self.leaves() } else { Some(b"old") }
    }

    fn run(self, store: &FileStore) -> Result<(), StoreError> {
        let set = |new| block_on(store.compare_and_set(KEY, Some(b"old"), new)).map(drop);
        match self {
            Self::Put => block_on(store.put(KEY, b"new", LONG)),
            Self::Replace => set(Some((b"new", LONG))),
            Self::Clear => set(None),
            Self::Take => block_on(store.take(KEY)).map(drop),
            Self::Get => block_on(store.get(KEY)).map(drop),
        }
    }
}

/// A directory for one test.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oidc-drive-stopped-{}-{}", id(), COUNT.fetch_add(1, SeqCst));
        Self(env::temp_dir().join(name))
    }

    fn store(&self) -> FileStore {
        FileStore::open(&self.0).expect("a directory")
    }

    /// With the old value, if there is one.
    fn with(old: Option<&[u8]>) -> Self {
        let home = Self::new();
        if let Some(old) = old {
            block_on(home.store().put(KEY, old, LONG)).unwrap();
        }
        home
    }

    /// The names of the files, without the lock.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != LOCK).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.0);
    }
}

/// A process that does one thing, and asks before each step.
struct Process {
    child: Child,
    lines: io::Lines<BufReader<ChildStdout>>,
    answers: ChildStdin,
}

impl Process {
    fn start(home: &Path, work: Work) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::file::stopped_tests::a_process", "--nocapture"])
            .env("OIDC_FILE_STORE_HOME", home)
            .env("OIDC_FILE_STORE_WORK", format!("{work:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let answers = child.stdin.take().unwrap();
        Self { child, lines, answers }
    }

    /// The step before which the process waits.
    fn says(&mut self) -> String {
        let said = self.lines.by_ref().map(Result::unwrap);
        // The harness of the test says something, too.
        let mut ours = said.filter_map(|line| line.split_once('@').map(|(_, said)| said.to_owned()));
        ours.next().expect("it ends without a word")
    }

    /// Lets the process go on until it waits before this step.
    fn go_to(&mut self, work: Work, step: usize) {
        for (number, next) in work.steps()[..=step].iter().enumerate() {
            if number > 0 {
                writeln!(self.answers, "go on").unwrap();
            }
            assert_eq!(self.says(), format!("{next:?}"), "{work:?}");
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn watched(
    mut store: FileStore,
    watch: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static,
) -> FileStore {
    store.directory.steps.watch = Some(Arc::new(watch));
    store
}

/// The life of a process. Does nothing unless it is started as one.
#[test]
fn a_process() {
    let Some(home) = env::var_os("OIDC_FILE_STORE_HOME") else { return };
    let work = env::var("OIDC_FILE_STORE_WORK").unwrap();
    let work = WORKS.into_iter().find(|known| format!("{known:?}") == work).unwrap();
    let store = watched(FileStore::open(home).unwrap(), |step| {
        if step == Lock {
            return Ok(());
        }
        println!("@{step:?}");
        stdin().read_line(&mut String::new()).map(drop)
    });
    work.run(&store).unwrap();
}

/// Others go on from what is there.
fn goes_on(home: &Home, there: Option<&[u8]>, context: &str) {
    let store = home.store();
    let found = block_on(store.get(KEY)).expect(context);
    assert_eq!(found.value.as_deref(), there, "{context}");
    let next = Some((&b"next"[..], LONG));
    assert_eq!(block_on(store.compare_and_set(KEY, there, next)), Ok(None), "{context}");
    assert_eq!(home.names(), [name(KEY)], "nothing else is left: {context}");
    assert!(block_on(store.get(KEY)).unwrap().now >= found.now, "{context}");
    assert_eq!(block_on(store.take(KEY)).as_ref().map(Option::as_deref), Ok(Some(&b"next"[..])));
    assert_eq!(home.names(), [""; 0], "{context}");
}

#[test]
fn a_process_that_is_killed_at_any_step_leaves_a_directory_from_which_the_others_go_on() {
    for work in WORKS {
        for step in 0..work.steps().len() {
            let home = Home::with(Some(b"old"));
            let mut process = Process::start(&home.0, work);
            process.go_to(work, step);
            let context = format!("{work:?} before {:?}", work.steps()[step]);
            // Nobody else does anything in between.
            let other = home_without_waiting(&home);
            let error = block_on(other.take(KEY)).unwrap_err();
            assert_eq!(error.code(), "store_no_answer", "{context}: {error}");
            assert!(error.to_string().contains("another process has had the lock on `lock`"), "{error}");
            process.kill();
            goes_on(&home, work.leaves_before(step), &context);
        }
    }
}

/// A store that finds the lock taken has an error at once. It is opened with the time to wait, so it is made before.
fn home_without_waiting(home: &Home) -> FileStore {
    let directory = super::Directory {
        path: home.0.canonicalize().unwrap(),
        timeout: Duration::ZERO,
        steps: super::step::Steps::default(),
    };
    FileStore { directory, clock: Arc::new(std::time::SystemTime::now) }
}

/// In a new directory, the lock file is still empty then.
#[test]
fn the_first_process_is_killed_before_it_has_written_anything() {
    for work in [Work::Put, Work::Take, Work::Get] {
        let home = Home::with(None);
        let mut process = Process::start(&home.0, work);
        process.go_to(work, 0);
        assert_eq!(fs::read(home.0.join(LOCK)).unwrap(), b"");
        process.kill();
        goes_on(&home, None, &format!("{work:?}"));
    }
}

/// Somebody removes the lock file while a store waits for the lock on it. Others lock a new one, so the old one is worth
/// nothing.
#[cfg(unix)]
#[test]
fn a_lock_on_a_file_that_is_gone_is_no_lock() {
    for work in WORKS {
        let home = Home::with(Some(b"old"));
        let (lock, asked) = (home.0.join(LOCK), Arc::new(AtomicU32::new(0)));
        let times = Arc::clone(&asked);
        let store = watched(home.store(), move |step| {
            if step == Lock && times.fetch_add(1, SeqCst) < 2 {
                fs::remove_file(&lock).unwrap();
            }
            Ok(())
        });
        work.run(&store).unwrap();
        assert_eq!(asked.load(SeqCst), 3, "{work:?}");
        goes_on(&home, work.leaves(), &format!("{work:?}"));
    }
}

/// A process was killed while it wrote: half of a value, a whole one, more than a value, or something that is no file.
#[test]
fn the_rest_of_a_killed_process_is_no_value_and_goes_with_the_next_change() {
    for rest in [&b""[..], b"oidcf", &[0xFF; 3_000_000]] {
        let home = Home::with(Some(b"old"));
        fs::write(home.0.join("new"), rest).unwrap();
        goes_on(&home, Some(b"old"), &format!("{} bytes", rest.len()));
    }
    let home = Home::with(Some(b"old"));
    fs::create_dir(home.0.join("new")).unwrap();
    let error = block_on(home.store().put(KEY, b"new", LONG)).unwrap_err();
    assert!(error.to_string().contains("`new`"), "{error}");
    fs::remove_dir(home.0.join("new")).unwrap();
    goes_on(&home, Some(b"old"), "a directory");
}

/// The texts that say what to do.
const FAILURES: [(ErrorKind, &str, &str); 5] = [
    (ErrorKind::StorageFull, "store_unusable", "the disk is full; free some space"),
    (ErrorKind::QuotaExceeded, "store_unusable", "the disk is full; free some space"),
    (ErrorKind::PermissionDenied, "store_unusable", "must belong to the user who runs the program"),
    (ErrorKind::ReadOnlyFilesystem, "store_unusable", "choose another directory"),
    (ErrorKind::Interrupted, "store_no_answer", "operation interrupted"),
];

#[test]
fn a_disk_that_fails_at_any_step_is_an_error_that_names_the_file_and_says_what_to_do() {
    for work in WORKS {
        for (at, (kind, code, advice)) in (0..work.steps().len() - 1).flat_map(|at| FAILURES.map(|f| (at, f)))
        {
            let home = Home::with(Some(b"old"));
            let left = Mutex::new(at);
            let store = watched(home.store(), move |step| {
                let mut left = left.lock().unwrap();
                if matches!(step, Lock | Unlock) {
                    return Ok(());
                }
                if *left > 0 {
                    *left -= 1;
                    return Ok(());
                }
                Err(kind.into())
            });
            let error = work.run(&store).expect_err("it fails");
            let context = format!("{work:?} before {:?}: {error}", work.steps()[at]);
            assert_eq!(error.code(), code, "{context}");
            let text = error.to_string();
            let file = match work.steps()[at] {
                WriteTime | Work => LOCK.to_owned(),
                WriteNew | SyncNew => "new".to_owned(),
                Rename | Remove => name(KEY),
                SyncDirectory => home.0.file_name().unwrap().to_str().unwrap().to_owned(),
                Lock | Unlock => unreachable!("they are left out"),
            };
            assert!(text.contains(advice) && text.contains(&format!("`{file}`")), "{context}");
            assert!(!text.contains("the key") && !text.contains("/"), "{context}");
            assert!(home.names().len() <= 1, "no half of a value is left: {:?}", home.names());
            goes_on(&home, work.leaves_before(at), &context);
        }
    }
}
