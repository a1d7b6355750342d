//! Starts the real provider from npm, and plays its users' browser over sockets.

use oidc_proto::{
    Error, UrlPolicy,
    flow::{Client, ClientBuilder, Discovery},
    jose::Algorithm,
    metadata::ProviderMetadata,
};
use oidc_testkit::{Attester, KeyRing};
use oidc_ureq::{DriveError, Http};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
};
use url::Url;

/// The secret of every confidential client. It has characters that form encoding changes.
pub const SECRET: &str = "s3cret:/?&=+ %~";
/// The redirect URI of every client. No server listens there: the browser stops before it.
pub const REDIRECT_URI: &str = "https://app.example/callback";

/// The algorithms of the clients with `private_key_jwt`. [`KeyRing::client_key`] has their keys.
pub const SIGNERS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::Ed25519,
];

/// A running provider. It ends with this process, because its standard input closes then.
pub struct Npm {
    pub issuer: String,
    pub metadata: Arc<ProviderMetadata>,
    pub http: Http,
    child: Mutex<(Child, BufReader<ChildStdout>)>,
}

/// The provider, started once for all tests that leave its keys alone. `None` if there is no Node.js and it
/// is not required (`OIDC_REQUIRE_PROVIDERS=1` requires it).
pub fn npm() -> Option<&'static Npm> {
    static NPM: OnceLock<Option<Npm>> = OnceLock::new();
    NPM.get_or_init(start).as_ref()
}

/// Starts another provider.
pub fn start() -> Option<Npm> {
    let mut keys: serde_json::Map<_, _> =
        SIGNERS.iter().map(|alg| (alg.name().to_owned(), KeyRing::client_key(*alg).1)).collect();
    keys.insert("attester".to_owned(), Attester::new(Algorithm::ES256).jwk());
    let keys = ("OIDC_CLIENT_KEYS", serde_json::Value::Object(keys).to_string());
    let (child, issuer) = spawn("provider.mjs", keys)?;
    let http = Http::new();
    let discovery = Discovery::start(&issuer, &UrlPolicy::default().with_loopback()).expect("an issuer");
    let metadata = Arc::new(http.run(discovery).expect("metadata"));
    Some(Npm { issuer, metadata, http, child: Mutex::new(child) })
}

/// Runs a script of the package with this variable. Returns the process, and the issuer that it names when it is ready.
pub fn spawn(
    script: &str,
    (name, value): (&str, String),
) -> Option<((Child, BufReader<ChildStdout>), String)> {
    let start = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/oidc-provider/start");
    let mut child = Command::new(start)
        .arg(script)
        .env(name, value)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the start script runs");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
    stdout.read_line(&mut line).expect("stdout is text");
    if line.is_empty() {
        let status = child.wait().expect("the script ends");
        let required = std::env::var_os("OIDC_REQUIRE_PROVIDERS").is_some_and(|value| value == "1");
        assert!(!required && status.code() == Some(3), "the provider from npm did not start: {status}");
        eprintln!("skipped: the provider from npm needs Node.js");
        return None;
    }
    let ready: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
    Some(((child, stdout), ready["issuer"].as_str().expect("an issuer").to_owned()))
}

impl Npm {
    /// Replaces the signing keys, and returns when the new ones sign.
    pub fn rotate(&self, rotation: usize) {
        let mut child = self.child.lock().expect("whole");
        let (child, stdout) = &mut *child;
        child.stdin.as_mut().expect("stdin is piped").write_all(b"rotate\n").expect("the provider lives");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("stdout is text");
        let done: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
        assert_eq!(done["rotated"], rotation);
    }

    /// The client that is registered for this algorithm and this authentication method.
    pub fn client(&self, alg: &str, method: &str) -> ClientBuilder {
        let builder =
            Client::builder(self.metadata.clone(), format!("{alg}-{method}")).redirect_uri(REDIRECT_URI);
        match method {
            "client_secret_basic" => builder
                .secret(SECRET)
                .authentication(oidc_proto::flow::ClientAuthentication::ClientSecretBasic),
            "client_secret_post" => builder
                .secret(SECRET)
                .authentication(oidc_proto::flow::ClientAuthentication::ClientSecretPost),
            "client_secret_jwt" => builder
                .secret(SECRET.repeat(5))
                .authentication(oidc_proto::flow::ClientAuthentication::ClientSecretJwt)
                .token_endpoint_auth_signing_alg(Algorithm::from_name(alg).expect("an algorithm")),
            "private_key_jwt" => {
                builder.signer(KeyRing::client_key(Algorithm::from_name(alg).expect("an algorithm")).0)
            }
            _ => builder,
        }
    }
}

/// The error of a failed flow. A transport error fails the test.
pub fn protocol(failed: DriveError<ureq::Error>) -> Error {
    match failed {
        DriveError::Protocol(error) => error,
        DriveError::Transport(error) => panic!("no response: {error}"),
    }
}

/// A browser with a cookie jar. It follows redirects until one leaves the provider.
pub struct Browser {
    agent: ureq::Agent,
    cookies: BTreeMap<String, String>,
}

/// The user's acts on the pages.
#[derive(Clone, Copy, PartialEq)]
pub enum User {
    /// The user logs in and agrees.
    Agrees(&'static str),
    /// The user goes back to the application without logging in.
    Aborts,
}

impl Browser {
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Self { agent: config.into(), cookies: BTreeMap::new() }
    }

    /// Visits the authorization URL. Returns the URL that the provider sends the user back to.
    pub fn visit(&mut self, url: &Url, user: User) -> String {
        let (home, mut url) = (url.origin(), url.clone());
        let mut body: Option<String> = None;
        for _ in 0..20 {
            let page = match self.open(&url, body.as_deref()) {
                Opened::Elsewhere(location) if location.origin() != home => return location.into(),
                Opened::Elsewhere(location) => {
                    (url, body) = (location, None);
                    continue;
                }
                Opened::Page(page) => page,
            };
            (url, body) = match user {
                User::Aborts => (url.join(&format!("{}/abort", url.path())).expect("a URL"), None),
                User::Agrees(name) => (url, Some(answer(&page, name))),
            };
        }
        panic!("the provider's pages lead in circles at {url}");
    }

    /// Visits the page for device codes, enters the code, logs the user in, and agrees.
    pub fn enter_code(&mut self, url: &Url, user_code: &str, name: &str) {
        let (device, mut url) = (url.join("/device").expect("a URL"), url.clone());
        let mut body: Option<String> = None;
        for _ in 0..20 {
            let page = match self.open(&url, body.as_deref()) {
                Opened::Elsewhere(location) => {
                    (url, body) = (location, None);
                    continue;
                }
                Opened::Page(page) => page,
            };
            (url, body) = match field(&page, "xsrf") {
                Some(xsrf) => {
                    // The first form sends the code, and the second confirms that it is the one on the
                    // device.
                    let confirmed = if page.contains("confirm") { "&confirm=yes" } else { "" };
                    (device.clone(), Some(format!("xsrf={xsrf}&user_code={user_code}{confirmed}")))
                }
                None if page.contains(r#"name="prompt""#) => (url, Some(answer(&page, name))),
                None => return,
            };
        }
        panic!("the provider's pages lead in circles at {url}");
    }

    pub fn open(&mut self, url: &Url, body: Option<&str>) -> Opened {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut response = match body {
            None => self.agent.get(url.as_str()).header("cookie", &cookies).call(),
            Some(form) => self
                .agent
                .post(url.as_str())
                .header("cookie", &cookies)
                .content_type("application/x-www-form-urlencoded")
                .send(form),
        }
        .expect("the provider answers");
        for cookie in response.headers().get_all("set-cookie") {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a name and a value");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some(location) = response.headers().get("location") {
            return Opened::Elsewhere(url.join(location.to_str().expect("text")).expect("a URL"));
        }
        assert_eq!(response.status(), 200, "{url}");
        Opened::Page(response.body_mut().read_to_string().expect("a page"))
    }
}

pub enum Opened {
    Elsewhere(Url),
    Page(String),
}

/// The form fields of a user who agrees.
fn answer(page: &str, name: &str) -> String {
    match page.contains(r#"value="login""#) {
        true => format!("prompt=login&login={name}&password=x"),
        false => "prompt=consent".to_owned(),
    }
}

/// The value of a hidden field.
fn field(page: &str, name: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!(r#"name="{name}" value=""#))?;
    Some(after.split('"').next()?.to_owned())
}
