//! Runs the suite, each group of scenarios once at each revision, and keeps what it found.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// How long the suite waits for the client, in milliseconds.
const PATIENCE: &str = "60000";

/// The end of the name of a folder of results: when it was made, such as `-2026-11-30T17-33-32-294Z`.
const TIME: usize = 25;

/// What one run of a scenario has left.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The checks of the suite. It leaves none if it could not run the scenario.
    pub checks: Vec<Value>,
    /// What the client has printed.
    pub stdout: String,
    pub stderr: String,
}

/// The runs of a group at a revision, by the names of their scenarios.
type Group = BTreeMap<String, Ran>;

/// Returns the run of a scenario of this group at this revision. `None` if there is no Node.js and it is not required
/// (`OIDC_REQUIRE_PROVIDERS=1` requires it).
pub fn ran(group: &str, revision: &str, scenario: &str) -> Option<Ran> {
    type Cell = &'static OnceLock<Option<Group>>;
    static GROUPS: Mutex<BTreeMap<Vec<String>, Cell>> = Mutex::new(BTreeMap::new());
    let chosen = chosen(group, revision);
    let cell = {
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        *groups.entry(chosen.clone()).or_insert_with(|| Box::leak(Box::default()))
    };
    let group = cell.get_or_init(|| run(&chosen)).as_ref()?;
    Some(group.get(scenario).cloned().unwrap_or_default())
}

/// The options of the suite that run a group at a revision, perhaps with other groups.
fn chosen(group: &str, revision: &str) -> Vec<String> {
    let options: &[&str] = match (group, revision) {
        // All that this revision requires, and with it the extensions, which belong to no revision.
        (_, "2026-07-28") => &["--requirements", revision],
        // The suite runs them at the revision before.
        ("extensions", _) => &["--suite", group],
        _ => &["--suite", group, "--spec-version", revision],
    };
    options.iter().map(|option| (*option).to_owned()).collect()
}

/// The scenarios about authorization that the suite has for clients, each with the revisions that it is for. The rest of
/// its scenarios are about the messages of MCP, which are not ours.
pub fn listed() -> Option<BTreeMap<String, Vec<String>>> {
    let listed = output(&["list", "--client"])?;
    let text = String::from_utf8(listed.stdout).expect("text");
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let split = lines.map(|line| line.split_once(" [").expect("a name and its revisions"));
    let scenarios = split.filter(|(name, _)| name.starts_with("auth/")).map(|(name, revisions)| {
        let revisions = revisions.trim_end_matches(']').split(',');
        (name.to_owned(), revisions.map(str::to_owned).collect())
    });
    Some(scenarios.collect())
}

/// Runs a group. The suite runs its scenarios at the same time.
fn run(chosen: &[String]) -> Option<Group> {
    let folder = Folder::new(&chosen.concat());
    // The suite gives this to a shell.
    let client = format!("'{}'", client().display());
    let place = folder.0.to_str().expect("text");
    let mut arguments = vec!["client", "-o", place, "--timeout", PATIENCE, "--command", &client];
    arguments.extend(chosen.iter().map(String::as_str));
    let ended = output(&arguments)?;
    let runs = folder.runs();
    assert!(!runs.is_empty(), "no scenario ran: {}", String::from_utf8_lossy(&ended.stderr));
    Some(runs)
}

/// Runs the command line of the suite.
fn output(arguments: &[&str]) -> Option<Output> {
    let start = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/mcp-conformance/start");
    let ended = Command::new(start).args(arguments).stdin(Stdio::null()).output();
    let ended = ended.expect("the start script runs");
    if ended.status.code() == Some(3) {
        let required = env::var_os("OIDC_REQUIRE_PROVIDERS").is_some_and(|value| value == "1");
        assert!(!required, "{}", String::from_utf8_lossy(&ended.stderr));
        eprintln!("skipped: the conformance suite of MCP needs Node.js");
        return None;
    }
    assert_ne!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    Some(ended)
}

/// The example that the suite judges, built once.
fn client() -> &'static Path {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--package", "oidc-reqwest", "--example", "mcp_client"]);
        cargo.args(["--quiet", "--message-format", "json"]);
        // Cargo has set these for this test. With them, ring and all that needs it would be built anew.
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let built = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(built.status.success(), "the example does not build");
        let messages = String::from_utf8(built.stdout).expect("text");
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut programs = messages.filter(|message| message["target"]["name"] == "mcp_client");
        let program = programs.next_back().expect("cargo names the example");
        program["executable"].as_str().expect("a path").into()
    })
}

/// The folder that the suite writes to. It goes away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(chosen: &str) -> Self {
        let folder = env::temp_dir().join(format!("oidc-mcp-{}{chosen}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    /// Reads what the suite has written: a folder for each scenario, named after it and the time.
    fn runs(&self) -> Group {
        let Ok(folders) = fs::read_dir(self.0.join("auth")) else { return Group::new() };
        let runs = folders.map(|folder| {
            let folder = folder.expect("an entry");
            let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap_or_default();
            let name = folder.file_name().into_string().expect("text");
            let (name, _time) = name.split_at(name.len() - TIME);
            let checks = serde_json::from_str(&read("checks.json")).unwrap_or_default();
            (format!("auth/{name}"), Ran { checks, stdout: read("stdout.txt"), stderr: read("stderr.txt") })
        });
        runs.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}
