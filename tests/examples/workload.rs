//! The examples `exchange`, `mtls` and `workload`: at the provider that each starts, and as a job of GitHub Actions.

use super::{assert_one_line, assert_says, example, provider, text};
use oidc_proto::jose::{Algorithm, sign_compact};
use oidc_testkit::{ClientAuthentication, FederatedCredential, KeyRing, Registration};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
};

#[test]
fn the_token_of_a_user_is_exchanged_for_one_at_the_next_api() {
    assert_says(
        "oidc-ureq",
        "exchange",
        &[
            "The shop has logged in alice",
            "the orders API accepts the token: it is for alice",
            "the stock API would refuse it: token_audience",
            "the stock API accepts the new token: it is for alice\n  scopes: stock.read\n",
            "exchanged for nothing:\n  invalid_request\n",
            "Requests for tokens: 4\n",
        ],
    );
}

#[test]
fn a_certificate_gets_a_token_that_is_of_no_use_to_a_thief() {
    assert_says(
        "oidc-hyper",
        "mtls",
        &[
            "The certificate of billing gets a token, and no secret was sent.\n",
            "With the same certificate, the API answers 200 the orders of billing\n",
            "With the certificate of a thief, 401 token_wrong_sender\n",
            "Without a certificate, 401 token_sender_constrained\n",
            "The thief asks for a token of billing: invalid_client\n",
            "the HTTP client has none: call `Http::with_client_certificate`\n",
        ],
    );
}

#[test]
fn a_workload_gets_a_token_with_the_word_of_its_platform_and_no_secret() {
    assert_says(
        "oidc-ureq",
        "workload",
        &[
            "no token yet:\n  source_file: the file cannot be read",
            "a Bearer token, and the program has no secret",
            "nothing was restarted:\n  a Bearer token for another scope",
            "another workload opens nothing:\n  invalid_client",
            "Requests for tokens: 3\n",
        ],
    );
}

/// A job of GitHub Actions, played by the test: its environment names a server that gives ID tokens, once for each request.
#[test]
fn a_job_of_github_actions_authenticates_with_its_id_token() {
    let (platform, subject) =
        ("https://token.actions.githubusercontent.com", "repo:shop/orders:ref:refs/heads/main");
    let socket = provider(0, |provider| {
        let job = FederatedCredential::new(platform, subject).audience("api://AzureADTokenExchange").once();
        let client = Registration::new("deploy", ClientAuthentication::Federated(job));
        provider.register(client.grant_types(["client_credentials"]));
    });
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/token?api-version=2", server.local_addr().expect("an address"));
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("a request");
        let mut head = String::new();
        let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
        while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).expect("a line") > 0 {}
        let now = oidc_drive::now().0;
        let claims = json!({"iss": platform, "sub": subject, "aud": "api://AzureADTokenExchange", "iat": now,
                            "exp": now + 300, "jti": "the token of a job"});
        let (key, _) = KeyRing::new().signer(Algorithm::RS256, 1, None);
        let token = sign_compact(&*key, Default::default(), claims.to_string().as_bytes()).expect("a token");
        let body = json!({"count": 1, "value": token.as_str()}).to_string();
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .expect("a response");
        head
    });
    let arguments = ["--issuer", socket.issuer(), "--client-id", "deploy"];
    let run = |more: &[&str]| {
        let mut command = example("oidc-ureq", "workload", &[&arguments[..], more].concat());
        command
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", &url)
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the token of the runner");
        command.output().expect("the example runs")
    };
    let output = run(&["--github-actions", "api://AzureADTokenExchange"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "A Bearer token for deploy, valid for 300 seconds.\n");
    let asked = serving.join().expect("a request").to_lowercase();
    assert!(
        asked.starts_with("get /token?api-version=2&audience=api%3a%2f%2fazureadtokenexchange "),
        "{asked}"
    );
    assert!(asked.contains("\r\nauthorization: bearer the token of the runner\r\n"), "{asked}");
    socket.provider(|provider| provider.assert_clean());
    // No platform, and one that gives nothing.
    assert_one_line(&run(&[]), &["--token-file, --token-env or --github-actions"]);
    let gone = run(&["--token-file", "/nothing/is/here"]);
    assert_one_line(&gone, &["no credential from the file /nothing/is/here"]);
}
