//! Runs the code of `docs/mcp.md` against a resource and an authorization server in memory, to the letter, and counts its
//! lines and those of the examples that it names.

use crate::shown::{block, names, shown};
use oidc_drive::{Io, Provider, Task};
use oidc_proto::flow::{Request, Terms};
use serde_json::{Value, json};
use std::{
    fs,
    future::Future,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

const SOURCE: &str = include_str!("mcp.rs");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/mcp.md");

// RECIPE: client
mod client {
    use oidc_drive::{Io, Resource, http::Request, resource::Visit};
    use oidc_proto::{
        flow::ClientIdentities,
        message::{ClientIdUrl, ClientMetadata},
    };

    const CALLBACK: &str = "http://127.0.0.1:8400/callback";

    pub fn connect(io: Io, url: &str) -> Result<Resource, Box<dyn std::error::Error>> {
        let me = ClientIdentities::new()
            .document(ClientIdUrl::parse("https://agent.example/client.json")?)
            .registration(ClientMetadata::native([CALLBACK]).client_name("My Agent"));
        Ok(Resource::builder(url, io).identities(me).redirect_uri(CALLBACK).browser(visit).build()?)
    }

    pub async fn call(server: &Resource, message: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let request = Request::post(server.url())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(message.as_bytes().to_vec())?;
        Ok(server.fetch(request).await?.into_body())
    }

    /// Opens the URL in a browser, and waits at the redirect URI for the answer.
    async fn visit(visit: Visit) -> Result<String, String> {
        super::open(visit.url())?;
        let callbacks = super::requests_at(CALLBACK);
        callbacks.into_iter().find(|url| visit.accepts(url)).ok_or("the user did not come back".to_owned())
    }
}
// RECIPE: end

// RECIPE: service
mod service {
    use oidc_drive::{Io, Resource, resource::AccessError};
    use oidc_proto::flow::{ClientIdentities, PreRegisteredClient};

    pub fn connect(io: Io, url: &str) -> Result<Resource, AccessError> {
        let known = PreRegisteredClient::new("https://as.example", "nightly-job").secret("its secret");
        Resource::builder(url, io)
            .identities(ClientIdentities::new().pre_registered(known))
            .client_credentials()
            .build()
    }
}
// RECIPE: end

// RECIPE: workload
mod workload {
    use oidc_drive::{Io, Resource, resource::AccessError};
    use oidc_proto::flow::{AssertionGrantRequest, ClientIdentities, PreRegisteredClient};

    pub fn connect(io: Io, url: &str) -> Result<Resource, AccessError> {
        let known = PreRegisteredClient::new("https://as.example", "workload");
        Resource::builder(url, io)
            .identities(ClientIdentities::new().pre_registered(known))
            .grant(|wanted| async move {
                // The JWT that the platform has put into a file: Kubernetes, SPIFFE, GitHub Actions.
                let jwt = super::token_of_the_platform();
                let request = AssertionGrantRequest::jwt(jwt).resource(wanted.resource).scopes(wanted.scopes);
                wanted.provider.assertion_grant(request).await
            })
            .build()
    }
}
// RECIPE: end

// RECIPE: enterprise
mod enterprise {
    use oidc_drive::{Io, Provider, Resource, resource::AccessError};
    use oidc_proto::flow::{ClientIdentities, IdJagRequest, PreRegisteredClient, TokenTypeIdentifier};

    /// `company` is a handle for the identity provider of the company. It vouches for its user.
    pub fn connect(io: Io, url: &str, company: Provider, id_token: String) -> Result<Resource, AccessError> {
        let known = PreRegisteredClient::new("https://as.example", "agent").secret("its secret");
        Resource::builder(url, io)
            .identities(ClientIdentities::new().pre_registered(known))
            .grant(move |wanted| {
                let (company, server) = (company.clone(), wanted.provider);
                let asked = IdJagRequest::new(&*id_token, TokenTypeIdentifier::ID_TOKEN, server.issuer());
                let asked = asked.resource(wanted.resource).scopes(wanted.scopes);
                async move { server.redeem_id_jag(company.id_jag(&asked).await?).await }
            })
            .build()
    }
}
// RECIPE: end

/// Where the user of the test is sent.
static SENT: Mutex<Option<url::Url>> = Mutex::new(None);

fn open(url: &url::Url) -> Result<(), String> {
    *SENT.lock().unwrap() = Some(url.clone());
    Ok(())
}

/// First somebody else's request, and then the answer.
fn requests_at(callback: &str) -> Vec<String> {
    let url = SENT.lock().unwrap().take().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    vec![format!("{callback}?code=x&state=another"), format!("{callback}?code=a-code&state={state}")]
}

fn token_of_the_platform() -> String {
    "a.platform.jwt".to_owned()
}

const URL: &str = "https://mcp.example/mcp";

/// The servers of the page. Returns the HTTP client, and the bodies that the token endpoints got.
fn servers() -> (impl Fn() -> Io, Arc<Mutex<Vec<String>>>) {
    let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&bodies);
    let io = move || {
        let bodies = Arc::clone(&bodies);
        let send = move |request: Request, _: Terms| {
            let answer = answer(&request, &bodies);
            async move { Ok::<_, String>(answer) }
        };
        // A task in the background has nothing to wait for.
        Io::new(send, |task: Task| finish(task), |_: Duration| std::future::pending())
    };
    (io, seen)
}

fn answer(request: &Request, bodies: &Mutex<Vec<String>>) -> http::Response<Vec<u8>> {
    let url = request.uri().to_string();
    let json = |value: Value| {
        let response = http::Response::builder().header("content-type", "application/json");
        response.body(value.to_string().into_bytes()).unwrap()
    };
    let server = |issuer: &str| {
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "registration_endpoint": format!("{issuer}/register"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        })
    };
    match &*url {
        "https://mcp.example/.well-known/oauth-protected-resource/mcp" => {
            json(json!({ "resource": URL, "authorization_servers": ["https://as.example"] }))
        }
        "https://as.example/.well-known/oauth-authorization-server" => json(server("https://as.example")),
        "https://company.example/.well-known/oauth-authorization-server" => {
            json(server("https://company.example"))
        }
        "https://as.example/register" => json(json!({ "client_id": "registered" })),
        "https://as.example/token" => {
            bodies.lock().unwrap().push(String::from_utf8(request.body().clone()).unwrap());
            json(json!({ "access_token": "a-token", "token_type": "Bearer", "expires_in": 3600 }))
        }
        "https://company.example/token" => {
            bodies.lock().unwrap().push(String::from_utf8(request.body().clone()).unwrap());
            json(json!({
                "access_token": "an.id.jag", "token_type": "N_A", "expires_in": 300,
                "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
            }))
        }
        URL if request.headers().get("authorization").is_some_and(|value| value == "Bearer a-token") => {
            json(json!({ "result": "3 tools" }))
        }
        URL => {
            let challenge = r#"Bearer scope="tools""#;
            let refused = http::Response::builder().status(401).header("www-authenticate", challenge);
            refused.body(Vec::new()).unwrap()
        }
        _ => http::Response::builder().status(404).body(Vec::new()).unwrap(),
    }
}

fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it waits for something that never comes");
}

fn gets_in(server: &oidc_drive::Resource) {
    let answer = finish(client::call(server, r#"{"method": "tools/list"}"#)).unwrap();
    assert_eq!(answer, br#"{"result":"3 tools"}"#);
}

#[test]
fn the_page_shows_each_recipe_and_no_other_code_of_a_client() {
    let page = fs::read_to_string(PAGE).unwrap();
    let recipes = names(SOURCE, "RECIPE");
    for name in &recipes {
        let block = block(&shown(SOURCE, "RECIPE", name));
        assert!(page.contains(&block), "the page does not show {name}:\n{block}");
    }
    assert_eq!(page.matches("```rust").count(), recipes.len());
}

#[test]
fn a_program_gets_in_from_the_url_alone_and_a_foreign_callback_does_no_harm() {
    let (io, bodies) = servers();
    gets_in(&client::connect(io(), URL).unwrap());
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies.len(), 1);
    assert!(
        bodies[0].contains("code=a-code") && bodies[0].contains("resource=https%3A%2F%2Fmcp.example%2Fmcp")
    );
}

#[test]
fn a_service_a_workload_and_an_agent_of_a_company_get_in_without_a_browser() {
    let (io, bodies) = servers();
    gets_in(&service::connect(io(), URL).unwrap());
    gets_in(&workload::connect(io(), URL).unwrap());
    let company = Provider::builder("https://company.example", io()).client_id("agent").build().unwrap();
    gets_in(&enterprise::connect(io(), URL, company, "an.id.token".to_owned()).unwrap());
    let grants: Vec<String> = bodies.lock().unwrap().iter().map(|body| grant(body)).collect();
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(grants, ["client_credentials", BEARER, EXCHANGE, BEARER]);
}

fn grant(body: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(body.as_bytes());
    pairs.find(|(name, _)| name == "grant_type").unwrap().1.into_owned()
}

/// A client by hand has at most 35 lines, imports included.
#[test]
fn a_client_without_a_library_of_mcp_is_short() {
    let lines = shown(SOURCE, "RECIPE", "client");
    let code = lines.iter().filter(|line| !line.trim().is_empty()).count();
    assert!(code <= 35, "{code} lines");
}

/// A client over rmcp has at most 25 lines, imports included, beside the two files to copy.
#[test]
fn a_client_over_rmcp_is_short() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../oidc-adapters/reqwest/examples/mcp/main.rs");
    let source = fs::read_to_string(path).unwrap();
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines = source.lines().filter(code).count();
    assert!(lines <= 25, "{lines} lines");
}
