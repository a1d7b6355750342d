//! A property: whatever the servers say, and whatever the user does, no secret reaches a server that it does not belong to,
//! no request goes to a URL that the policy does not admit, nobody is asked for ever, and every request ends.

use super::{
    super::colour::{START, lock},
    *,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, Response};
use oidc_drive::blocking::{Io, Resource};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    flow::{ClientIdentities, PreRegisteredClient},
    message::{ClientIdUrl, ClientMetadata},
};
use oidc_testkit::{
    Seed,
    world::{SimClock, check},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const SERVERS: [&str; 3] = ["https://one.example", "https://two.example", "https://evil.example"];
const ELSEWHERE: [&str; 5] = [
    "https://10.0.0.1",
    "http://one.example",
    "https://169.254.169.254/latest",
    "https://localhost:9",
    "https://one.example/tenant",
];

/// The most requests that one request of the program may cause.
const MOST: usize = 80;

struct Liars {
    seed: Seed,
    policy: UrlPolicy,
    issued: usize,
    /// Requests for the current request of the program.
    requests: usize,
    /// Visits of the user since the resource has accepted a request.
    visits: usize,
    seen: [usize; 4],
}

type Answer = Result<Response<Vec<u8>>, String>;

fn respond(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(body.as_bytes().to_vec()).unwrap())
}

fn document(value: &Value) -> Answer {
    respond(200, &[("content-type", "application/json")], &value.to_string())
}

impl Liars {
    fn one_in(&mut self, bound: u64) -> bool {
        self.seed.below(bound) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.seed.below(from.len() as u64)).unwrap()]
    }

    fn number(&mut self) -> usize {
        self.issued += 1;
        self.issued
    }

    fn nonsense(&mut self) -> Answer {
        match self.seed.below(7) {
            0 => respond(404, &[], "no"),
            1 => respond(500, &[], "no"),
            2 => respond(302, &[("location", "https://evil.example/steal")], ""),
            3 => respond(200, &[("content-type", "text/html")], "<html>"),
            4 => {
                respond(200, &[("content-type", "application/json")], &format!("\"{}\"", "x".repeat(200_000)))
            }
            5 => respond(200, &[("content-type", "application/json")], "{}"),
            _ => Err("no response".to_owned()),
        }
    }

    fn send(&mut self, request: &Request<Vec<u8>>) -> Answer {
        self.requests += 1;
        assert!(self.requests <= MOST, "too many requests");
        let url = request.uri().to_string();
        let parsed = EndpointUrl::parse(&url, &self.policy).expect("a URL that the policy admits");
        let origin = parsed.as_url().origin().ascii_serialization();
        self.holds_only_its_own(&origin, request);
        let path = parsed.as_url().path().to_owned();
        match &*path {
            "/mcp" if origin == "https://mcp.example" => self.resource(request),
            path if path.starts_with("/.well-known/oauth-protected-resource") => self.resource_metadata(),
            path if path.contains("/.well-known/") => self.server_metadata(&origin, path),
            "/register" => self.register(&origin),
            "/token" => self.token(&origin),
            _ => respond(404, &[], ""),
        }
    }

    /// The secrets of each server end in its name, and those of the resource are access tokens.
    fn holds_only_its_own(&self, origin: &str, request: &Request<Vec<u8>>) {
        let mut text = format!("{} {}", request.uri(), String::from_utf8_lossy(request.body()));
        for value in request.headers().values() {
            let value = value.to_str().unwrap();
            text.push_str(value);
            if let Some(basic) = value.strip_prefix("Basic ") {
                text.push_str(&String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap());
            }
        }
        for server in SERVERS {
            let name = server.strip_prefix("https://").unwrap();
            for kind in ["client", "secret", "code", "refresh"] {
                let is_there = text.contains(&format!("{kind}-of-{name}"));
                assert!(!is_there || origin == server, "the {kind} of {server} went to {origin}");
            }
            let is_there = text.contains(&format!("access-of-{name}"));
            assert!(!is_there || origin == "https://mcp.example", "an access token went to {origin}");
        }
    }

    fn resource(&mut self, request: &Request<Vec<u8>>) -> Answer {
        self.seen[0] += 1;
        if request.headers().get("authorization").is_none() {
            if self.one_in(20) {
                return respond(200, &[], "open");
            }
            let place = self.pick(&[
                r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp""#,
                r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", scope="s1""#,
                r#"DPoP resource_metadata="https://evil.example/.well-known/oauth-protected-resource/mcp""#,
                r#"Bearer resource_metadata="https://10.0.0.1/.well-known/oauth-protected-resource""#,
                r#"Bearer resource_metadata="nothing""#,
                "Bearer",
            ]);
            return respond(401, &[("www-authenticate", place)], "");
        }
        let answer = match self.seed.below(20) {
            0 | 1 => respond(401, &[("www-authenticate", r#"Bearer error="invalid_token""#)], ""),
            2 => respond(401, &[], ""),
            3 | 4 => {
                let scope = self.seed.below(9);
                let challenge = format!(r#"Bearer error="insufficient_scope", scope="s{scope}""#);
                respond(403, &[("www-authenticate", &challenge)], "")
            }
            5 => respond(
                401,
                &[("www-authenticate", r#"Bearer error="insufficient_user_authentication", acr_values="a""#)],
                "",
            ),
            6 => respond(
                401,
                &[("www-authenticate", r#"DPoP error="use_dpop_nonce""#), ("dpop-nonce", "n")],
                "",
            ),
            7 => respond(302, &[("location", "https://evil.example/steal")], ""),
            8 => respond(403, &[], ""),
            9 => Err("no response".to_owned()),
            _ => respond(200, &[], "did it"),
        };
        let is_refusal = answer.as_ref().is_ok_and(|answer| {
            answer.status() == 401
                || answer.status() == 403 && answer.headers().contains_key("www-authenticate")
        });
        if answer.is_ok() && !is_refusal {
            self.visits = 0;
        }
        answer
    }

    fn resource_metadata(&mut self) -> Answer {
        self.seen[1] += 1;
        if self.one_in(15) {
            return self.nonsense();
        }
        let resource = self.pick(&[
            RESOURCE,
            RESOURCE,
            RESOURCE,
            RESOURCE,
            RESOURCE,
            RESOURCE,
            RESOURCE,
            RESOURCE,
            "https://mcp.example",
            "https://victim.example/mcp",
            "https://mcp.example/",
        ]);
        let mut servers: Vec<&str> = Vec::new();
        for _ in 0..=self.seed.below(2) {
            servers.push(if self.one_in(12) { self.pick(&ELSEWHERE) } else { self.pick(&SERVERS) });
        }
        document(
            &json!({ "resource": resource, "authorization_servers": servers, "scopes_supported": ["s1", "s2"] }),
        )
    }

    fn server_metadata(&mut self, origin: &str, path: &str) -> Answer {
        self.seen[2] += 1;
        if self.one_in(15) {
            return self.nonsense();
        }
        let tenant = if path.ends_with("/tenant") { "/tenant" } else { "" };
        let issuer = format!("{origin}{tenant}");
        let said = if self.one_in(20) { "https://victim.example" } else { &issuer };
        let mut metadata = json!({
            "issuer": said,
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": self.one_in(2),
        });
        if !self.one_in(20) {
            metadata["code_challenge_methods_supported"] = json!(["S256"]);
        }
        if !self.one_in(4) {
            metadata["registration_endpoint"] = json!(format!("{origin}/register"));
        }
        if self.one_in(4) {
            metadata["client_id_metadata_document_supported"] = json!(true);
        }
        document(&metadata)
    }

    fn register(&mut self, origin: &str) -> Answer {
        self.seen[3] += 1;
        if self.one_in(10) {
            return self.nonsense();
        }
        let (number, name) = (self.number(), origin.strip_prefix("https://").unwrap());
        document(&json!({
            "client_id": format!("client-of-{name}-{number}"),
            "client_secret": format!("secret-of-{name}-{number}"),
            "client_secret_expires_at": self.pick(&[0_i64, 0, START.0 + 3_000]),
        }))
    }

    fn token(&mut self, origin: &str) -> Answer {
        let refuse = |error: &str| {
            respond(400, &[("content-type", "application/json")], &json!({ "error": error }).to_string())
        };
        match self.seed.below(20) {
            0 => refuse("invalid_grant"),
            1 => refuse("invalid_client"),
            2 => self.nonsense(),
            _ => {
                let (number, name) = (self.number(), origin.strip_prefix("https://").unwrap());
                let mut tokens = json!({
                    "access_token": format!("access-of-{name}-{number}"),
                    "token_type": "Bearer",
                });
                if !self.one_in(4) {
                    tokens["expires_in"] = json!(self.pick(&[0, 1, 5, 3_600]));
                }
                if !self.one_in(3) {
                    tokens["refresh_token"] = json!(format!("refresh-of-{name}-{number}"));
                }
                document(&tokens)
            }
        }
    }

    fn visit(&mut self, url: &url::Url) -> Result<String, String> {
        self.visits += 1;
        assert!(self.visits <= 3, "the user was asked {} times", self.visits);
        let origin = url.origin().ascii_serialization();
        assert!(EndpointUrl::parse(url.as_str(), &self.policy).is_ok());
        for server in SERVERS {
            let client = format!("client-of-{}", server.strip_prefix("https://").unwrap());
            assert!(!url.as_str().contains(&client) || origin == server, "{client} went to {origin}");
        }
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let number = self.number();
        let iss = match self.seed.below(16) {
            0 => String::new(),
            1 => "&iss=https://victim.example".to_owned(),
            _ => format!("&iss={origin}"),
        };
        match self.seed.below(16) {
            0 => Err("the window was closed".to_owned()),
            1 => Ok(format!("{CALLBACK}?error=access_denied&state={state}{iss}")),
            2 => Ok(format!("{CALLBACK}?code=x&state=another")),
            _ => {
                let name = origin.strip_prefix("https://").unwrap();
                Ok(format!("{CALLBACK}?code=code-of-{name}-{number}&state={state}{iss}"))
            }
        }
    }
}

fn identities(kinds: u64) -> ClientIdentities {
    let mut identities = ClientIdentities::new();
    if kinds & 1 != 0 {
        identities = identities.registration(ClientMetadata::native([CALLBACK]).client_name("A test"));
    }
    if kinds & 2 != 0 {
        for server in SERVERS {
            let name = server.strip_prefix("https://").unwrap();
            let client = PreRegisteredClient::new(server, format!("client-of-{name}"))
                .secret(format!("secret-of-{name}"));
            identities = identities.pre_registered(client);
        }
    }
    if kinds & 4 != 0 {
        identities = identities.document(ClientIdUrl::parse("https://agent.example/client.json").unwrap());
    }
    identities
}

#[test]
fn no_server_gets_what_is_not_its_own_and_every_request_ends() {
    let (mut did, mut seen) = (0, [0; 4]);
    let counts = Mutex::new((&mut did, &mut seen));
    check(300, |seed| {
        let clock = SimClock::new(START, seed.below(u64::MAX));
        let kinds = 1 + seed.below(7);
        let liars = Arc::new(Mutex::new(Liars {
            seed: Seed::new(seed.below(u64::MAX)),
            policy: UrlPolicy::default(),
            issued: 0,
            requests: 0,
            visits: 0,
            seen: [0; 4],
        }));
        let (network, browser, time) = (Arc::clone(&liars), Arc::clone(&liars), clock.clone());
        let io = Io::new(move |request: Request<Vec<u8>>, _| lock(&network).send(&request));
        let resource = Resource::builder(RESOURCE, io)
            .identities(identities(kinds))
            .redirect_uri(CALLBACK)
            .clock(move || time.moment())
            .browser(move |visit| lock(&browser).visit(visit.url()))
            .build()
            .unwrap();
        for _ in 0..8 {
            lock(&liars).requests = 0;
            let request = Request::post(RESOURCE).body(b"do".to_vec()).unwrap();
            let answer = resource.send(request, |request| lock(&liars).send(&request));
            if answer.is_ok_and(|answer| answer.body() == b"did it") {
                *lock(&counts).0 += 1;
            }
            clock.advance(i64::try_from(lock(&liars).seed.below(3)).unwrap() * 2_000 + 2);
        }
        let more = lock(&liars).seen;
        lock(&counts).1.iter_mut().zip(more).for_each(|(all, more)| *all += more);
    });
    // The worlds are not all so hostile that nothing is tried.
    assert!(did > 200, "{did} requests had access");
    assert!(seen.iter().all(|seen| *seen > 50), "{seen:?}");
}
