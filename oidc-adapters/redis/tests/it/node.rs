//! A node as a process of its own: it refreshes one token, and tells each step before it takes it.
//!
//! The process is this test program, started again for the test below. Without the variables that
//! [`Node::start`] sets, that test does nothing.

use oidc_proto::{Secret, UrlPolicy, flow::SealingKeys};
use oidc_redis::{
    blocking::RedisStore,
    oidc_drive::{
        blocking::{Io, Provider},
        store::{FileStore, Found, SharedRefreshes, Store, StoreFuture},
    },
};
use std::{
    env,
    future::ready,
    io::{BufRead as _, BufReader, Write as _, stdin},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

/// What a node does, in this order, if nobody is faster.
pub(crate) const STEPS: [&str; 8] = [
    "reads",
    "has read",
    "takes the lease",
    "has the lease",
    "sends",
    "has tokens",
    "stores them",
    "has stored them",
];

/// A running node.
pub(crate) struct Node {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    answers: ChildStdin,
}

/// The settings of a node.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'s> {
    /// The URL of a Redis, or `file:` and a directory.
    pub(crate) store: &'s str,
    pub(crate) issuer: &'s str,
    pub(crate) token: &'s Secret,
    /// How many seconds later it is for this node, by the clock of the store.
    pub(crate) later: u64,
    /// How many seconds it waits for others.
    pub(crate) patience: u64,
}

impl Node {
    pub(crate) fn start(settings: Settings<'_>) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "node::a_node", "--nocapture"])
            .env("OIDC_NODE_STORE", settings.store)
            .env("OIDC_NODE_ISSUER", settings.issuer)
            .env("OIDC_NODE_TOKEN", settings.token.expose())
            .env("OIDC_NODE_LATER", settings.later.to_string())
            .env("OIDC_NODE_PATIENCE", settings.patience.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let answers = child.stdin.take().expect("its input");
        Self { child, lines, answers }
    }

    /// The next thing that the node says: a step that it is about to take, or its end.
    pub(crate) fn says(&mut self) -> String {
        let said = self.lines.by_ref().map(|line| line.expect("text"));
        // The harness of the test says something, too.
        let mut ours = said.filter_map(|line| line.split_once('@').map(|(_, said)| said.to_owned()));
        ours.next().expect("the node ends without a word")
    }

    pub(crate) fn go_on(&mut self) {
        writeln!(self.answers, "go on").expect("it listens");
    }

    /// Lets the node go on to its end, and returns that.
    pub(crate) fn end(mut self) -> String {
        loop {
            let said = self.says();
            if let Some(end) = said.strip_prefix("end: ") {
                self.child.wait().expect("it ends");
                return end.to_owned();
            }
            self.go_on();
        }
    }

    /// Kills the process.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

/// Tells the other process what comes next, and waits for its word.
fn step(name: &str) {
    println!("@{name}");
    let mut word = String::new();
    stdin().read_line(&mut word).expect("the other process");
}

/// A store that tells its steps, at a time that may be later.
struct Told(Arc<dyn Store>, Duration);

impl Told {
    fn later(&self, found: Found) -> Found {
        Found::new(found.value, found.now + self.1)
    }
}

/// A store that blocks is ready at once.
fn now<T>(answer: StoreFuture<T>) -> Result<T, oidc_redis::oidc_drive::store::StoreError> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match { answer }.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

impl Store for Told {
    fn get(&self, key: &str) -> StoreFuture<Found> {
        step("reads");
        let found = now(self.0.get(key));
        step("has read");
        Box::pin(ready(found.map(|found| self.later(found))))
    }
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> StoreFuture<Option<Found>> {
        // A record of this library begins with its version and its kind: 1 is a lease, 3 are tokens.
        let kind = new.and_then(|(value, _)| value.get(1).copied());
        let (before, after) = match kind {
            Some(1) => ("takes the lease", "has the lease"),
            Some(3) => ("stores them", "has stored them"),
            _ => ("returns the lease", "has returned the lease"),
        };
        step(before);
        let found = now(self.0.compare_and_set(key, expected, new));
        step(after);
        Box::pin(ready(found.map(|found| found.map(|found| self.later(found)))))
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> StoreFuture<()> {
        self.0.put(key, value, lifetime)
    }
    fn take(&self, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.0.take(key)
    }
}

/// The life of a node. Does nothing unless it is started as one.
#[test]
fn a_node() {
    let Ok(store) = env::var("OIDC_NODE_STORE") else { return };
    let of = |name: &str| env::var(name).expect("a variable");
    let seconds = |name: &str| Duration::from_secs(of(name).parse().expect("a number"));
    let issuer = of("OIDC_NODE_ISSUER");
    let http = oidc_ureq::Http::new();
    let io = Io::new(move |request, terms| {
        let spends = request.uri().path() == "/token";
        if spends {
            step("sends");
        }
        let answer = http.send(request, terms);
        if spends {
            step("has tokens");
        }
        answer
    });
    let store: Arc<dyn Store> = match store.strip_prefix("file:") {
        Some(directory) => Arc::new(FileStore::open(directory).expect("a directory")),
        None => Arc::new(RedisStore::open(&store).expect("a URL")),
    };
    let store = Told(store, seconds("OIDC_NODE_LATER"));
    let shared = SharedRefreshes::new(store, SealingKeys::new(1, &[0x5A; 32]));
    let provider = Provider::builder(issuer, io)
        .client_id("app")
        .secret("its secret")
        .url_policy(UrlPolicy::default().with_loopback())
        .shared_refreshes(shared.patience(seconds("OIDC_NODE_PATIENCE")))
        .build()
        .expect("settings that fit");
    let token = Secret::new(of("OIDC_NODE_TOKEN"));
    match provider.refresh(&token, None) {
        Ok(refreshed) => {
            let next = refreshed.tokens.refresh_token.as_ref().expect("a refresh token");
            println!("@end: {}", next.expose());
        }
        Err(error) => println!("@end: {}", error.code()),
    }
}
