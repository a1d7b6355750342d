//! The main jobs, as a newcomer runs them: the example `login` and its error messages, the examples that
//! run to their end on their own, and the web applications, which serve.

mod mcp_server;
mod worker;
mod workload;

use oidc_testkit::{EndpointName, Registration, Socket, TestProvider};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

fn example(package: &str, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", package, "--example", name, "--"]).args(arguments);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    // Cargo has set these for this test. With them, ring and all that needs it would be built anew.
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        command.env_remove(name);
    }
    command
}

fn login(arguments: &[&str]) -> Command {
    example("oidc-ureq", "login", arguments)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// Checks that the example failed with one line on standard error, which contains all of these texts.
fn assert_one_line(output: &Output, says: &[&str]) {
    let stderr = text(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one line: {stderr}");
    for part in says {
        assert!(stderr.contains(part), "`{part}` is not in: {stderr}");
    }
}

#[test]
fn without_arguments_the_example_shows_every_step_against_its_own_provider() {
    let output = login(&[]).output().expect("cargo runs");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", text(&output.stderr));
    for step in [
        "the issuer in the metadata is the one asked for",
        "the ID token is verified: sub=alice",
        "the user's name is Alice Example",
        "UserInfo is about the same user",
        "new tokens, and a new refresh token to use from now on",
        "a Bearer token for demo",
        "newer keys were fetched, and vouch for it",
        r#"verified: sub=alice scopes=["openid", "profile", "email"]"#,
        "refused, jws_signature: the signature of the JWT is wrong",
        "The provider judged every request, and found nothing to object to.",
    ] {
        assert!(stdout.contains(step), "`{step}` is not in:\n{stdout}");
    }
    for secret in ["demo secret", "demo+secret", "eyJ"] {
        assert!(!stdout.contains(secret), "`{secret}` is shown:\n{stdout}");
    }
}

fn provider(port: u16, build: impl FnOnce(&mut TestProvider)) -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        let redirect_uri = format!("http://127.0.0.1:{port}/callback");
        provider.register(Registration::basic("app", "its secret").redirect_uri(redirect_uri));
        build(&mut provider);
        provider
    })
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Runs the example against a provider, and plays the user: visits the printed URL, and follows to the end.
fn with_browser(socket: &Socket, port: u16) -> Output {
    let port = port.to_string();
    let arguments = [
        "--issuer",
        socket.issuer(),
        "--client-id",
        "app",
        "--client-secret-env",
        "APP_SECRET",
        "--port",
        &port,
    ];
    let mut child = login(&arguments)
        .env("APP_SECRET", "its secret")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let authorization = format!("{}/authorize?", socket.issuer());
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).expect("text") == 0 {
            break;
        }
        if line.starts_with(&authorization) {
            // Follows the redirect to the port where the example waits.
            let page = ureq::get(line.trim()).call().expect("a page").body_mut().read_to_string();
            assert_eq!(page.expect("text"), "You may close this window and go back to the terminal.");
        }
        seen.push_str(&line);
    }
    let mut stderr = Vec::new();
    child.stderr.take().expect("stderr is piped").read_to_end(&mut stderr).expect("text");
    Output { status: child.wait().expect("it ends"), stdout: seen.into_bytes(), stderr }
}

#[test]
fn with_an_issuer_the_example_logs_in_through_the_browser_of_the_user() {
    let port = free_port();
    let socket = provider(port, |_| {});
    let output = with_browser(&socket, port);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", text(&output.stderr));
    assert!(stdout.contains("the ID token is verified: sub=alice"), "{stdout}");
    assert!(stdout.contains("skipped: token_endpoint answered 400: `unauthorized_client`"), "{stdout}");
    let findings = socket.provider(|provider| provider.audit().to_vec());
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(finding.what, "the client is not registered for the grant client_credentials");
}

#[test]
fn a_refusal_by_the_user_is_one_clear_line() {
    let port = free_port();
    let socket = provider(port, |provider| provider.deny_next("access_denied"));
    let output = with_browser(&socket, port);
    assert_one_line(&output, &["error: the provider or the user refused the login", "`access_denied`"]);
}

#[test]
fn every_other_failure_is_one_clear_line_too() {
    let port = free_port().to_string();
    let run = |arguments: &[&str]| login(arguments).output().expect("cargo runs");
    let unreachable = format!("http://127.0.0.1:{}", free_port());
    let nobody = run(&["--issuer", &unreachable, "--client-id", "app", "--port", &port]);
    assert_one_line(&nobody, &["no answer from openid-configuration at", &unreachable, "check the issuer"]);

    let socket = provider(1, |provider| {
        let other = oidc_testkit::hostile::set_member("issuer", "https://other.example");
        provider.alter_response(oidc_testkit::EndpointName::Discovery, other);
    });
    let mismatch = run(&["--issuer", socket.issuer(), "--client-id", "app", "--port", &port]);
    assert_one_line(&mismatch, &["`https://other.example`", socket.issuer(), "equal to the letter"]);

    let plain = run(&["--issuer", "http://op.example", "--client-id", "app", "--port", &port]);
    assert_one_line(&plain, &["the issuer is plain http"]);

    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("an address").port().to_string();
    let wrong_port = run(&["--issuer", socket.issuer(), "--client-id", "app", "--port", &taken]);
    assert_one_line(&wrong_port, &["cannot listen on 127.0.0.1", &taken, "choose another --port"]);

    let unset =
        run(&["--issuer", "https://op.example", "--client-id", "app", "--client-secret-env", "NO_SUCH_VAR"]);
    assert_one_line(&unset, &["the environment variable NO_SUCH_VAR is not set"]);

    let honest = provider(1, |_| {});
    let late = run(&["--issuer", honest.issuer(), "--client-id", "app", "--port", &port, "--wait", "0"]);
    assert_one_line(&late, &["nobody came back within 0 s", "--wait"]);
}

#[test]
fn an_api_is_protected_against_bad_tokens_and_through_a_rotation_and_an_outage() {
    let output = example("oidc-axum", "protect_api", &[]).output().expect("cargo runs");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", text(&output.stderr));
    for line in [
        "200 of 200 accepted",
        "1 fetch of keys at the provider",
        "clause=proof_replayed",
        "503  retry-after",
        "Everything was as expected.",
    ] {
        assert!(stdout.contains(line), "`{line}` is not in:\n{stdout}");
    }
    assert!(!stdout.contains("eyJ"), "a token is shown:\n{stdout}");
    // An example that users copy must be short.
    let source = include_str!("../../oidc-adapters/axum/examples/protect_api/main.rs");
    let (_, api) = source.split_once("what to copy").expect("the API is marked");
    let (api, _) = api.split_once("// To here.").expect("its end, too");
    assert!(api.lines().count() <= 26, "{} lines", api.lines().count() - 1);
}

/// A token of the client `robot`. `change` alters it before it is signed.
fn service_token(
    socket: &Socket,
    change: impl FnMut(&mut serde_json::Map<String, Value>) + Send + 'static,
) -> String {
    let mut change = change;
    socket.provider(|provider| {
        provider.alter_access_token(move |_, claims| change(claims));
        let request = http::Request::post(provider.url(EndpointName::Token))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", "Basic cm9ib3Q6c2VjcmV0")
            .body(b"grant_type=client_credentials".to_vec())
            .expect("a request");
        let response = provider.handle(&request, oidc_drive::now());
        provider.clear_alterations();
        let body: Value = serde_json::from_slice(response.body()).expect("JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    })
}

#[test]
fn an_api_explains_each_pasted_token_claim_by_claim() {
    let socket = provider(1, |provider| {
        provider.register(Registration::basic("robot", "secret").grant_types(["client_credentials"]));
    });
    let token = |changes: Value| {
        service_token(&socket, move |claims| {
            for (name, value) in changes.as_object().expect("claims") {
                match value {
                    Value::Null => drop(claims.remove(name)),
                    value => drop(claims.insert(name.clone(), value.clone())),
                }
            }
        })
    };
    let tokens = [
        token(json!({})),
        token(json!({"aud": "https://b.example"})),
        token(json!({"exp": 1_000})),
        // As Keycloak writes them: an access token, and others.
        token(json!({"client_id": null, "azp": "robot", "typ": "Bearer", "nonce": "n"})),
        token(json!({"typ": "Refresh", "aud": socket.issuer()})),
        token(json!({"typ": "ID", "aud": "robot"})),
        "opaque".to_owned(),
        token(json!({"aud": "https://b.example", "\u{1b}[2J": "\u{9b}2J\u{202e}"})),
    ];
    let explained = |more: &[&str]| {
        let arguments = [&["--issuer", socket.issuer(), "--audience", "https://api.example"], more].concat();
        let mut child = example("oidc-axum", "protect_api", &arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo runs");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        for token in &tokens {
            writeln!(stdin, "{token}").expect("the example reads");
        }
        drop(stdin);
        let output = child.wait_with_output().expect("the example ends");
        assert!(output.status.success());
        text(&output.stdout).to_owned()
    };
    let keycloak = explained(&["--preset", "keycloak"]);
    assert_eq!(keycloak.matches("ACCEPTED: subject robot, client robot").count(), 2, "{keycloak}");
    assert!(
        keycloak.contains("✓ unusual, and allowed: the token says that it is an access token"),
        "{keycloak}"
    );
    // What is pasted may be of anybody, and it can write nothing over the verdict.
    assert!(!keycloak.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{keycloak:?}");
    let stdout = explained(&[]);
    assert_eq!(stdout.matches("ACCEPTED").count(), 1, "{stdout}");
    for line in [
        "✓ an access token",
        "✗ it is missing",
        "✗ an ID token: it is for the client, and not for an API",
        "✗ a refresh token: only the client may send it, and only to the issuer",
        "REFUSED with 401 Unauthorized, token_missing_claim",
        "✓ the issuer that is trusted",
        "✓ this API is named",
        "ACCEPTED: subject robot, client robot",
        "✗ this API is not named: `--audience` says which it is",
        "REFUSED with 401 Unauthorized, token_audience",
        "REFUSED with 401 Unauthorized, token_expired",
        "Not a JWT",
        "REFUSED with 401 Unauthorized, token_not_jwt",
    ] {
        assert!(stdout.contains(line), "`{line}` is not in:\n{stdout}");
    }
}

/// Runs an example that needs nothing else. It prints each of these texts, and shows no token and no
/// secret.
fn assert_says(package: &str, name: &str, says: &[&str]) {
    let output = example(package, name, &[]).output().expect("cargo runs");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}\n{}", text(&output.stderr));
    for line in says {
        assert!(stdout.contains(line), "`{line}` is not in:\n{stdout}");
    }
    for secret in ["eyJ", "the secret of", "?code=", "&code=", "device_code", "state="] {
        assert!(!stdout.contains(secret), "`{secret}` is shown:\n{stdout}");
    }
}

#[test]
fn an_async_login_from_the_first_click_to_fresh_tokens() {
    assert_says(
        "oidc-hyper",
        "async_login",
        &[
            "They are alice: the ID token is verified.",
            "The same callback once more: no such login was begun here.",
            "Ten more users came back at once.",
            r#"UserInfo has their address: Some("alice@example.com")"#,
            "There is another refresh token to use from now on: true",
            "Requests: 1 for metadata, 1 for keys, 12 for tokens.",
        ],
    );
}

#[test]
fn many_providers_get_one_request_each_and_an_outage_of_one_affects_no_other() {
    assert_says(
        "oidc-hyper",
        "many_providers",
        &[
            "980 tasks got a token and had it verified",
            "20 tasks of the provider that is down got an error",
            "49 providers were asked 1 x metadata, 1 x keys, 1 x token",
        ],
    );
}

#[test]
fn a_login_that_a_thread_begins_is_completed_by_a_task() {
    assert_says(
        "oidc-ureq",
        "mixed",
        &[
            "A thread has begun a login",
            "A task has ended it: alice.",
            "A task has run a flow of the thread's client: UserInfo of alice.",
            "A thread has run the same: true.",
            "2 requests for metadata, 2 for keys",
        ],
    );
}

#[test]
fn a_grant_of_ones_own_takes_at_most_forty_lines() {
    let source = include_str!("../../oidc-adapters/ureq/examples/own_grant.rs");
    let (_, rest) = source.split_once("// This is what to copy.\n").expect("the grant begins");
    let (grant, _) = rest.split_once("// To here.\n").expect("the grant ends");
    let lines = grant.lines().filter(|line| !line.trim().is_empty()).count();
    assert!((20..=40).contains(&lines), "{lines} lines");
    assert!(grant.contains("impl Then for BadgeGrant"), "the grant has a check of its own");
    assert_says(
        "oidc-ureq",
        "own_grant",
        &[
            r#"The door opens: Some("doors.open")"#,
            "The provider was busy once, and was asked again: 3 requests for 2 tokens.",
            "A token for another floor is refused: response_value",
        ],
    );
}

#[test]
fn a_session_with_a_key_of_its_own_outlives_a_node_and_resists_a_thief() {
    assert_says(
        "oidc-axum",
        "dpop",
        &[
            "The request names its key: true",
            "It has ended at the second node, with the key out of the cookie.",
            "The API answers 200, at attempt 2: the first one had no nonce.",
            "A thief sends the token alone: 401",
            "A thief proves another key: 401",
            "A refresh with another key is not sent: the saved login or the refresh token is bound to another DPoP key",
            "The first node refreshes with the key of the session.\nThe API answers 200.",
        ],
    );
}

#[test]
fn a_service_token_is_shared_renewed_and_replaced_after_a_401() {
    assert_says(
        "oidc-ureq",
        "service",
        &[
            "200 the orders of billing\n  tokens fetched: 1\n",
            "nobody waits for it:\n  tokens fetched: 2\n",
            "401 jws_unknown_key\n  the API answers 200 the orders of billing\n  tokens fetched: 3\n",
        ],
    );
}

#[test]
fn a_device_in_a_terminal_shows_a_code_and_is_logged_in() {
    assert_says("oidc-ureq", "device", &["/device\nand enter the code ", "Waiting …\nLogged in as alice.\n"]);
    // A provider on this machine may speak http.
    let socket = provider(8765, |_| {});
    let refused =
        example("oidc-ureq", "device", &["--issuer", socket.issuer(), "--client-id", "app"]).output();
    let why = "error: device_authorization_endpoint answered 400: `invalid_client`";
    assert_one_line(&refused.expect("the example runs"), &[why]);
}

#[test]
fn login_and_device_take_the_same_options_and_the_same_permissions() {
    let run = |name: &str, arguments: &[&str]| {
        let client = ["--client-id", "app"];
        example("oidc-ureq", name, &[arguments, &client].concat()).output().expect("the example runs")
    };
    for name in ["login", "device"] {
        let help = example("oidc-ureq", name, &["--help"]).output().expect("the example runs");
        for option in [
            "--issuer",
            "--client-id",
            "--client-secret-env",
            "--scope",
            "--plain-http-host",
            "--private-networks",
        ] {
            assert!(text(&help.stdout).contains(option), "{name} {option}");
        }
        for (arguments, why) in [
            (&["--issuer", "http://op.example"][..], "the issuer is plain http"),
            (&["--issuer", "http://op.example", "--plain-http-host", "other"], "the issuer is plain http"),
            (&["--issuer", "http://op.example", "--private-networks"], "the issuer is plain http"),
            (&["--issuer", "http://10.0.0.1", "--plain-http-host", "10.0.0.1"], "a private network"),
            (&["--issuer", "https://10.0.0.1"], "a private network"),
            (
                &["--issuer", "https://127.0.0.1:9", "--client-secret-env", "NO_SUCH_VAR"],
                "NO_SUCH_VAR is not set",
            ),
        ] {
            assert_one_line(&run(name, arguments), &["error: ", why]);
        }
    }
}

/// The web applications. `web_app.rs` tests them in full.
const WEB_APPS: [&str; 2] = ["web_app", "web_app_by_hand"];

#[test]
fn the_web_applications_start_and_print_their_address() {
    let socket = provider(8080, |_| {});
    let own: &[&str] = &["--port", "0"];
    let yours = ["--issuer", socket.issuer(), "--client-id", "app", "--client-secret-env", "APP_SECRET"];
    let yours = [own, &yours].concat();
    for (name, arguments, issuer) in WEB_APPS
        .into_iter()
        .flat_map(|name| [(name, own, "http://localhost:"), (name, &yours, socket.issuer())])
    {
        let mut child = example("oidc-axum", name, arguments)
            .env("APP_SECRET", "its secret")
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo runs");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let lines: Vec<String> = stdout.lines().take(2).map(|line| line.expect("text")).collect();
        let [at, open] = lines.as_slice() else { panic!("{name} says {lines:?}") };
        assert!(at.starts_with(&format!("Users log in at {issuer}")), "{at}");
        let url = open.strip_prefix("Open this in your browser: ").expect("where to go");
        let page = |path: &str| {
            let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
            let mut response = agent.get(format!("{url}{path}")).call().expect("a page");
            let location = response.headers().get("location").map(|to| to.to_str().expect("text").to_owned());
            (location, response.body_mut().read_to_string().expect("text"))
        };
        assert!(page("").1.contains("You are not logged in."), "{name}");
        let (location, _) = page("login?next=/private");
        assert!(location.expect("a redirect").starts_with(issuer), "{name}");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
}

#[test]
fn a_web_application_that_cannot_start_names_the_reason_in_one_line() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("an address").port().to_string();
    for name in WEB_APPS {
        let run = |arguments: &[&str]| example("oidc-axum", name, arguments).output().expect("cargo runs");
        let wrong_port = run(&["--port", &taken]);
        assert_one_line(&wrong_port, &["cannot listen on 127.0.0.1", &taken, "choose another --port"]);
        let issuer = ["--port", "0", "--issuer", "https://op.example", "--client-id", "app"];
        let unset = run(&[&issuer[..], &["--client-secret-env", "NO_SUCH_VAR"]].concat());
        assert_one_line(&unset, &["the environment variable NO_SUCH_VAR is not set"]);
        let path = run(&[&issuer[..], &["--public-url", "https://app.example/app"]].concat());
        assert_one_line(&path, &["--public-url https://app.example/app", "a scheme and a host alone"]);
    }
}
