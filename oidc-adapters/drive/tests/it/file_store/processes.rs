//! Several processes that use one directory at once.
//!
//! A process is this test program, started again for the test `a_process`. Without the variables that
//! [`Process::start`] sets, that test does nothing.

use super::{Home, LONG, at_once, get, put};
use oidc_drive::store::{FileStore, Store};
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _, stdin},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How long a process waits for the others: longer than they take on a slow machine.
const PATIENT: Duration = Duration::from_secs(120);
const KEYS: usize = 12;

fn key(number: usize) -> String {
    format!("login:{number}")
}

/// A process that has opened the directory, and waits.
struct Process(Child);

impl Process {
    fn start(home: &Path, work: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "file_store::processes::a_process", "--nocapture"])
            .env("OIDC_FILE_STORE_HOME", home)
            .env("OIDC_FILE_STORE_WORK", work)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The harness of the test says something, too.
        let ready = lines(&mut child).next();
        assert_eq!(ready.as_deref(), Some("ready"));
        Self(child)
    }

    fn go(&mut self) {
        writeln!(self.0.stdin.as_mut().unwrap(), "go").unwrap();
    }

    /// What the process says until it ends.
    fn end(mut self) -> Vec<String> {
        let said = lines(&mut self.0).collect();
        assert!(self.0.wait().unwrap().success(), "{said:?}");
        said
    }
}

/// What a process says after a mark. It reads no more than a line at a time, so it can be called again.
fn lines(child: &mut Child) -> impl Iterator<Item = String> {
    let output = child.stdout.as_mut().unwrap();
    let mut output = BufReader::with_capacity(1, output);
    std::iter::from_fn(move || {
        let mut line = String::new();
        (output.read_line(&mut line).unwrap() > 0).then_some(line)
    })
    .filter_map(|line| line.split_once('@').map(|(_, said)| said.trim_end().to_owned()))
}

/// Starts four processes, lets all of them go at once, and returns what they say.
fn four(home: &Home, work: &str) -> [Vec<String>; 4] {
    let mut all = [0; 4].map(|_| Process::start(&home.0, work));
    all.iter_mut().for_each(Process::go);
    all.map(Process::end)
}

/// The life of a process. Does nothing unless it is started as one.
#[test]
fn a_process() {
    let Some(home) = env::var_os("OIDC_FILE_STORE_HOME") else { return };
    let store = FileStore::open(home).unwrap().with_timeout(PATIENT);
    println!("@ready");
    stdin().read_line(&mut String::new()).unwrap();
    match env::var("OIDC_FILE_STORE_WORK").unwrap().as_str() {
        "takes" => {
            for number in 0..KEYS {
                if at_once(store.take(&key(number))).unwrap().is_some() {
                    println!("@{number}");
                }
            }
        }
        "sets" => {
            let mine = std::process::id().to_string();
            for number in 0..KEYS {
                let set = Some((mine.as_bytes(), LONG));
                if at_once(store.compare_and_set(&key(number), None, set)).unwrap().is_none() {
                    println!("@{number}");
                }
            }
        }
        "counts" => (0..KEYS).for_each(|_| count_up(&store)),
        "writes" => {
            for number in 0..KEYS {
                let value = vec![u8::try_from(std::process::id() % 251).unwrap(); 40_000 + number];
                put(&store, "key", &value, LONG);
                let read = get(&store, "key").value.unwrap();
                assert!(read.len() >= 40_000 && read.iter().all(|byte| *byte == read[0]), "it is whole");
            }
        }
        other => panic!("{other}"),
    }
}

/// Adds one to the number that is there, whoever else does.
fn count_up(store: &FileStore) {
    let mut there = get(store, "count").value;
    loop {
        let number: u32 = there.as_deref().map_or(0, |text| str::from_utf8(text).unwrap().parse().unwrap());
        let next = (number + 1).to_string();
        let set = at_once(store.compare_and_set("count", there.as_deref(), Some((next.as_bytes(), LONG))));
        match set.unwrap() {
            None => return,
            Some(found) => there = found.value,
        }
    }
}

#[test]
fn of_four_processes_one_takes_each_value_and_one_sets_it() {
    let home = Home::new();
    for _ in 0..2 {
        // Nothing is there: one of them is first with each.
        let mut first: Vec<usize> = four(&home, "sets").concat().iter().map(|n| n.parse().unwrap()).collect();
        first.sort_unstable();
        assert_eq!(first, (0..KEYS).collect::<Vec<_>>());
        let mut taken: Vec<usize> =
            four(&home, "takes").concat().iter().map(|n| n.parse().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..KEYS).collect::<Vec<_>>());
        assert_eq!(home.files().len(), 0);
    }
}

#[test]
fn four_processes_that_count_up_one_number_lose_no_step() {
    let home = Home::new();
    four(&home, "counts");
    // Threads of one process, with one store and with stores of their own.
    let shared = home.store().with_timeout(PATIENT);
    let own = [(); 2].map(|()| home.store().with_timeout(PATIENT));
    thread::scope(|scope| {
        for store in own.into_iter().chain([shared.clone(), shared]) {
            scope.spawn(move || (0..KEYS).for_each(|_| count_up(&store)));
        }
    });
    assert_eq!(get(&home.store(), "count").value, Some((8 * KEYS).to_string().into_bytes()));
}

#[test]
fn a_reader_sees_a_whole_value_while_others_write() {
    let home = Home::new();
    put(&home.store(), "key", &[0; 40_000], LONG);
    four(&home, "writes");
    let last = get(&home.store(), "key").value.unwrap();
    assert!(last.len() == 40_000 + KEYS - 1 && last.iter().all(|byte| *byte == last[0]));
    assert_eq!(home.files().len(), 1);
}
