//! One scenario over every stack: the provider gets the same requests, byte for byte, and the results are
//! the same.

use crate::own;
use oidc_proto::{
    Error, Timestamp, UrlPolicy,
    flow::{Client, ClientCredentialsRequest, Discovery, Flow, PreviousLogin, Request, Step, Terms},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::{Browser, Clock, Registration, Seed, Socket, TestProvider, drive_with};
use std::sync::LazyLock;
use tokio::runtime::Runtime;

const NOW: Timestamp = Timestamp(1_800_000_000);

/// The headers that depend on the stack and the connection. All other headers come from the flow.
const OF_THE_STACK: [&str; 4] = ["accept-encoding", "connection", "host", "user-agent"];

type Send = fn(Request, Terms) -> Option<http::Response<Vec<u8>>>;

const STACKS: [(&str, Send); 4] = [
    ("ureq", |request, terms| oidc_ureq::Http::new().send(request, terms).ok()),
    ("hyper", |request, terms| runtime().block_on(oidc_hyper::Http::new().send(request, terms)).ok()),
    ("reqwest", |request, terms| runtime().block_on(oidc_reqwest::Http::new().send(request, terms)).ok()),
    ("own", |request, terms| own::send(request, terms).ok()),
];

fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    &RUNTIME
}

/// Everything that two runs must have in common.
#[derive(Debug, PartialEq)]
struct Run {
    requests: Vec<String>,
    outcomes: Vec<String>,
}

struct Scene {
    socket: Socket,
    clock: Clock,
    send: Send,
    outcomes: Vec<String>,
}

impl Scene {
    fn new(send: Send) -> Self {
        let build = |issuer: &str| {
            let mut provider = TestProvider::new(format!("{issuer}/tenant/a%20b"));
            provider.rotate_refresh_tokens(true);
            // A signed token would contain the port, which differs in each run.
            provider.opaque_access_tokens(true);
            let registration = Registration::basic("my client", "a secret: 100% + more/~").grant_types([
                "authorization_code",
                "refresh_token",
                "client_credentials",
            ]);
            provider.register(registration.redirect_uri("https://app.example/callback"));
            provider
        };
        let socket = Socket::start_with_clock(build, || NOW);
        Self { socket, clock: Clock::new(NOW, Seed::new(42)), send, outcomes: Vec::new() }
    }

    /// Runs a flow. Its moments come from the seed, so that only the stack differs.
    fn run<F: Flow>(&mut self, step: impl Into<Step<F>>) -> Result<F::Output, Error> {
        let send = self.send;
        let result = drive_with(step, &mut self.clock, |request, terms, _| send(request.clone(), *terms));
        result.map(|output| output.expect("every request is answered"))
    }

    fn log_in(&mut self, client: &Client) -> Result<oidc_proto::flow::Authenticated, Error> {
        let request = AuthorizationRequest::new(["profile", "email", "offline_access"]);
        let (url, pending) = client.authorize(&request, self.clock.moment())?;
        let landing = self.socket.provider(|provider| Browser::new().visit(provider, &url, NOW));
        let response = AuthorizationResponse::from_url(landing.url())?;
        let call = pending.callback(client, None, response, self.clock.moment())?;
        let login = self.run(call)?;
        let userinfo = login.userinfo.as_ref().map(|userinfo| userinfo.sub.clone());
        self.outcomes.push(format!("{} {:?} {userinfo:?}", login.id_token.sub, login.tokens.scope));
        Ok(login)
    }

    fn play(mut self) -> Result<Run, Error> {
        let discovery = Discovery::start(self.socket.issuer(), &UrlPolicy::default().with_loopback())?;
        let metadata = self.run(discovery)?;
        let client = Client::builder(metadata, "my client")
            .secret("a secret: 100% + more/~")
            .redirect_uri("https://app.example/callback")
            .fetch_userinfo()
            .build()?;
        let login = self.log_in(&client)?;
        self.socket.provider(TestProvider::rotate_keys);
        let rotated = self.log_in(&client)?;
        assert!(rotated.learned.keys.is_some(), "other keys");

        let refresh_token = login.tokens.refresh_token.clone().expect("a refresh token");
        let previous = PreviousLogin::from(&login.id_token);
        for _ in 0..2 {
            // The token is used for the second time.
            let call = client.refresh(
                &refresh_token,
                Some(previous.clone()),
                login.learned.keys.clone(),
                oidc_drive::moment(),
            )?;
            let outcome = self.run(call).map(|refreshed| refreshed.rotated);
            self.outcomes.push(format!("{outcome:?}"));
        }
        for scopes in [&["api:read", "api:write"][..], &["no such scope"]] {
            let wanted = ClientCredentialsRequest::new(scopes.iter().copied());
            let outcome =
                client.client_credentials(&wanted, oidc_drive::moment()).and_then(|call| self.run(call));
            let outcome =
                outcome.map(|tokens| (tokens.scope.clone(), tokens.access_token.expose().to_owned()));
            self.outcomes.push(format!("{outcome:?}"));
        }
        Ok(self.end())
    }

    fn end(self) -> Run {
        let (_, port) = self.socket.issuer().split_once("127.0.0.1:").expect("loopback");
        let port = port.split('/').next().expect("a port").to_owned();
        let alike = |text: String| text.replace(&port, "<port>");
        let requests = self.socket.provider(|provider| {
            let [spent] = provider.audit() else { panic!("{:?}", provider.audit()) };
            assert!(spent.to_string().contains("the refresh token has been used"), "{spent}");
            let seen = provider.requests().iter().filter(|seen| !seen.path.ends_with("/authorize"));
            seen.map(|seen| {
                let mut headers: Vec<_> = seen.headers.iter().collect();
                headers.retain(|(name, _)| !OF_THE_STACK.contains(&name.as_str()));
                // The order of different names has no meaning (RFC 9110 section 5.3).
                headers.sort_by_key(|(name, _)| name.as_str());
                let headers: Vec<_> = headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")))
                    .collect();
                let (query, body) =
                    (seen.query.as_deref().unwrap_or("-"), String::from_utf8_lossy(&seen.body));
                alike(format!("{} {} {query}\n{}\n\n{body}", seen.method, seen.path, headers.join("\n")))
            })
            .collect()
        });
        Run { requests, outcomes: self.outcomes.into_iter().map(alike).collect() }
    }
}

#[test]
fn every_stack_sends_the_same_bytes_and_gets_the_same_results() {
    let runs: Vec<_> =
        STACKS.map(|(name, send)| (name, Scene::new(send).play().expect("the scenario"))).into();
    let (_, first) = &runs[0];
    for (name, run) in &runs {
        assert_eq!(run.requests.len(), first.requests.len(), "{name}");
        for (one, other) in run.requests.iter().zip(&first.requests) {
            assert_eq!(one, other, "{name}");
        }
        assert_eq!(run.outcomes, first.outcomes, "{name}");
    }
    let all = first.requests.join("\n");
    assert!(first.requests.len() >= 10, "{all}");
    for part in
        ["GET /tenant/a%20b/.well-known/openid-configuration", "authorization: Basic ", "code_verifier="]
    {
        assert!(all.contains(part), "`{part}` is not in:\n{all}");
    }
    for part in ["invalid_grant", "alice"] {
        assert!(first.outcomes.iter().any(|outcome| outcome.contains(part)), "{:?}", first.outcomes);
    }
}
