//! A real Keycloak on loopback: started with a realm of its own, and stopped when these tests end.

mod api;
mod devices;
mod logins;
mod outage;
mod tokens;

use crate::npm::{Browser, Opened, REDIRECT_URI, SECRET};
use oidc_proto::{
    UrlPolicy,
    flow::{Client, ClientBuilder, Discovery},
    metadata::ProviderMetadata,
};
use oidc_ureq::Http;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
};
use url::Url;

/// Where Keycloak publishes keys, below its realm.
const CERTS: &str = "/protocol/openid-connect/certs";

/// A running Keycloak. It ends when this is dropped, or when this process ends: its standard input closes then.
struct Server {
    child: Child,
    base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("the script ends");
    }
}

/// A folder for the database of one server; a server that is started again there has the same keys and users.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oidc-keycloak-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a port").port()
}

/// Starts Keycloak; `once` has the script remove the folder at the end. `None` where there is no JDK or no Maven, unless `OIDC_REQUIRE_PROVIDERS=1` demands it.
fn start(folder: &Path, port: u16, once: Option<&str>) -> Option<Server> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/keycloak/start");
    let mut child = Command::new(script)
        .arg(port.to_string())
        .arg(folder)
        .args(once)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the start script runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line).expect("text");
    if line.is_empty() {
        let status = child.wait().expect("the script ends");
        let required = std::env::var_os("OIDC_REQUIRE_PROVIDERS").is_some_and(|value| value == "1");
        assert!(!required && status.code() == Some(3), "Keycloak did not start: {status}");
        eprintln!("skipped: Keycloak needs a JDK, Maven and unzip");
        return None;
    }
    let ready: Value = serde_json::from_str(&line).expect("one line of JSON");
    Some(Server { child, base: ready["ready"].as_str().expect("a URL").to_owned() })
}

/// One realm of a Keycloak.
#[derive(Clone)]
struct Realm {
    base: String,
    name: String,
    issuer: String,
    metadata: Arc<ProviderMetadata>,
    http: Http,
}

/// The realm `lab` of the server that most tests share.
fn lab() -> Option<&'static Realm> {
    static LAB: OnceLock<Option<(Folder, Server, Realm)>> = OnceLock::new();
    let shared = LAB.get_or_init(|| {
        let folder = Folder::new("shared");
        // What is static is never dropped, so the script removes the folder.
        let server = start(&folder.0, free_port(), Some("once"))?;
        let realm = Realm::at(&server.base, "lab");
        Some((folder, server, realm))
    });
    shared.as_ref().map(|(_, _, realm)| realm)
}

impl Realm {
    fn at(base: &str, name: &str) -> Self {
        let (http, issuer) = (Http::new(), format!("{base}/realms/{name}"));
        let discovery = Discovery::start(&issuer, &policy()).expect("an issuer");
        let metadata = Arc::new(http.run(discovery).expect("metadata"));
        Self { base: base.to_owned(), name: name.to_owned(), issuer, metadata, http }
    }

    /// Another realm of the same server, with the clients and users of `lab` and keys of its own.
    fn another(&self, name: &str) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/keycloak/realm.json");
        let realm = std::fs::read_to_string(file).expect("the realm file");
        let realm = realm.replace("\"lab\"", &format!("\"{name}\"")).replace("-lab\"", &format!("-{name}\""));
        self.admin("", &serde_json::from_str(&realm).expect("JSON"));
        Self::at(&self.base, name)
    }

    /// A client of this realm: confidential if the realm file gives it a secret.
    fn client(&self, id: &str) -> ClientBuilder {
        let client = Client::builder(self.metadata.clone(), id).redirect_uri(REDIRECT_URI);
        match id {
            "confidential" | "service" | "api" => client.secret(SECRET),
            _ => client,
        }
    }

    /// Adds a key that signs from now on; those before stay published.
    fn add_key(&self, priority: u32) {
        let key = json!({
            "name": format!("key-{priority}"),
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": [priority.to_string()], "keySize": ["2048"]},
        });
        self.admin(&format!("/{}/components", self.name), &key);
    }

    /// Changes the realm.
    fn change(&self, changes: &Value) {
        self.administer("PUT", &format!("/{}", self.name), changes);
    }

    /// Leaves the claim `name` out of ID tokens, so that only UserInfo has it.
    fn keep_names_out_of_id_tokens(&self) {
        let scopes = format!("/{}/client-scopes", self.name);
        let found = |list: &Value, name: &str| {
            let mut all = list.as_array().expect("a list").iter();
            all.find(|one| one["name"] == name).cloned().expect("Keycloak makes one")
        };
        let profile = found(&self.administer("GET", &scopes, &Value::Null), "profile");
        let mut mapper = found(&profile["protocolMappers"], "full name");
        mapper["config"]["id.token.claim"] = "false".into();
        let id = |of: &Value| of["id"].as_str().expect("an id").to_owned();
        let path = format!("{scopes}/{}/protocol-mappers/models/{}", id(&profile), id(&mapper));
        self.administer("PUT", &path, &mapper);
    }

    fn admin(&self, path: &str, body: &Value) {
        self.administer("POST", path, body);
    }

    /// Sends a request to the administration of all realms. Returns the response, `Null` if it is empty.
    fn administer(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/admin/realms{path}", self.base))
            .header("authorization", format!("Bearer {}", self.admin_token()))
            .header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = ureq::run(request.body(body).expect("a request"));
        let mut response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let said = response.body_mut().read_to_string().expect("text");
        serde_json::from_str(&said).unwrap_or(Value::Null)
    }

    fn admin_token(&self) -> String {
        let url = format!("{}/realms/master/protocol/openid-connect/token", self.base);
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        let mut response = ureq::post(&url).send_form(form).expect("Keycloak answers");
        let body = response.body_mut().read_to_string().expect("text");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    }
}

/// Keycloak is on this machine, and speaks http.
fn policy() -> UrlPolicy {
    UrlPolicy::default().with_loopback()
}

/// Logs this user in on Keycloak's pages; returns the URL that leads back to the application.
fn visit(url: &Url, user: &str) -> String {
    let (mut browser, home, mut url) = (Browser::new(), url.origin(), url.clone());
    let mut body: Option<String> = None;
    for _ in 0..20 {
        (url, body) = match browser.open(&url, body.as_deref()) {
            Opened::Elsewhere(location) if location.origin() != home => return location.into(),
            Opened::Elsewhere(location) => (location, None),
            Opened::Page(page) => match action(&page, &url) {
                Some(action) => (action, Some(fill(&page, user))),
                // A page without a form: the user is done.
                None => return url.into(),
            },
        };
    }
    panic!("Keycloak's pages lead in circles at {url}");
}

/// Where the form of a page goes.
fn action(page: &str, at: &Url) -> Option<Url> {
    let (_, form) = page.split_once("<form")?;
    let (_, after) = form.split_once("action=\"")?;
    let action = after.split('"').next()?.replace("&amp;", "&");
    // The form of a consent names a path only.
    at.join(&action).ok()
}

/// The fields of Keycloak's login page, or of its consent page.
fn fill(page: &str, user: &str) -> String {
    if page.contains("name=\"password\"") {
        return format!("username={user}&password=password&credentialId=");
    }
    let code = page
        .split_once("name=\"code\" value=\"")
        .map_or("", |(_, after)| after.split('"').next().unwrap_or(""));
    format!("code={code}&accept=Yes")
}
