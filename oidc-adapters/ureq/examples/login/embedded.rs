//! The provider on loopback, and a user who agrees to everything.

use super::{Problem, steps};
use oidc_proto::{Secret, UrlPolicy};
use oidc_testkit::{Registration, Socket, TestProvider};
use oidc_ureq::Http;

const RESOURCE: &str = "https://api.example/";
const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";

pub(super) fn run() -> Result<(), Problem> {
    let socket = Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource(RESOURCE);
        provider.register(
            Registration::basic("demo", "demo secret")
                .redirect_uri(REDIRECT_URI)
                .grant_type("client_credentials"),
        );
        provider
    });
    println!("A strict OpenID Provider is listening at {}\n", socket.issuer());
    // The user's browser makes one visit, and the provider sends it back at once.
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
    let visit = |url: &url::Url| {
        let response =
            agent.get(url.as_str()).call().map_err(|error| format!("the browser failed: {error}"))?;
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        location
            .map(str::to_owned)
            .ok_or_else(|| format!("the provider showed a page ({})", response.status()))
    };
    steps::run(&steps::Site {
        issuer: socket.issuer(),
        client_id: "demo",
        secret: Some(Secret::new("demo secret")),
        scope: "profile email",
        redirect_uri: REDIRECT_URI,
        resource: Some(RESOURCE),
        http: Http::new(),
        policy: UrlPolicy::default().for_issuer(socket.issuer()),
        visit: &visit,
        rotate: Some(&|| socket.provider(TestProvider::rotate_keys)),
    })?;
    let findings = socket.provider(|provider| provider.audit().to_vec());
    if findings.is_empty() {
        println!("\nThe provider judged every request, and found nothing to object to.");
        return Ok(());
    }
    Err(format!(
        "the provider objects: {}",
        findings.iter().map(|f| format!("{f}")).collect::<Vec<_>>().join("; ")
    ))
}
