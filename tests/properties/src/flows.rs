//! The property of flows against a provider with scripted responses: each flow ends, sends no code or
//! refresh token twice, and accepts only the provider's word.

mod ciba;
mod device;
mod discovery;
mod endpoints;
mod grants;
mod proven;
mod pushed;
mod target;

use crate::{CLIENT, ISSUER, NOW, REDIRECT, SECRET, Script, check_texts, moment};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    flow::{
        Authenticated, Client, ClientCredentialsGrant, Discovery, Flow, JwksRetrieval, Login, MAX_RETRIES,
        Pause, PreviousLogin, RETRY_AFTER_CAP, RefreshGrant, Step, UserInfoRetrieval,
    },
    jose::KeySet,
    message::AuthorizationResponse,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{
    Algorithm, Browser, DEVICE_GRANT, EndpointName, JWT_BEARER_GRANT, KeyRing, Registration, Seed,
    TOKEN_EXCHANGE_GRANT, TestProvider, Timestamp, hostile,
};
use serde_json::Value;
use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc, time::Duration};

/// Checks a flow. `data` is a script. It names a flow and, for each request, a response (none, an honest
/// one, a changed one, or any bytes) and a jump in time.
///
/// The flow makes no more requests and waits than it may. It sends each code, refresh token or assertion once. A user
/// who logs in is the provider's user, or the one that the provider's own key names. The ID token is for
/// this login, and the access token is the one that came with it.
///
/// # Panics
/// If the property does not hold.
pub fn flows(data: &[u8]) {
    let mut script = Script(data);
    let flow = script.byte() % 12;
    // A public client has no credentials, so it gets no client credentials grant.
    let flags = script.byte() | u8::from(flow == 2);
    let mut world = World::new(script, flags);
    match flow {
        0 => login(&mut world, flags),
        1 => refresh(&mut world, flags),
        2 => service(&mut world, flags),
        3 if flags & 64 != 0 => discovery::authorization(&mut world, flags),
        3 => discovery(&mut world),
        4 => keys(&mut world),
        5 if flags & 64 != 0 => endpoints::introspection(&mut world, flags),
        5 => userinfo(&mut world),
        6 => device::device(&mut world, flags),
        7 => grants::exchange(&mut world, flags),
        8 => grants::assertion(&mut world, flags),
        9 => grants::own(&mut world, flags),
        10 => pushed::pushed(&mut world, flags),
        _ => ciba::backchannel(&mut world, flags),
    }
}

/// The time in seconds that the user of a device may take. It limits the polls, so that the flow ends soon.
const DEVICE_LIFETIME: i64 = 60;

struct World<'a> {
    script: Script<'a>,
    provider: TestProvider,
    client: Client,
    now: Timestamp,
    seed: Seed,
    /// Codes, refresh tokens and assertions that have been sent.
    spent: BTreeSet<String>,
    /// Access tokens that the provider has issued.
    issued: BTreeSet<String>,
    requests: usize,
    waits: usize,
    /// Whether the user agrees, once the user has decided.
    agrees: Option<bool>,
    /// Whether every response was honest and in time.
    honest: bool,
    /// Claims to which the provider itself has signed another value.
    signed_otherwise: BTreeSet<&'static str>,
}

impl<'a> World<'a> {
    fn new(script: Script<'a>, flags: u8) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        let registration = match flags & 3 {
            0 => Registration::public(CLIENT),
            1 => Registration::basic(CLIENT, SECRET),
            _ => Registration::post(CLIENT, SECRET),
        };
        let secret = if flags & 3 == 0 { None } else { Some(SECRET) };
        provider.register(
            registration
                .redirect_uri(REDIRECT)
                .grant_type("client_credentials")
                .grant_type(DEVICE_GRANT)
                .grant_type(TOKEN_EXCHANGE_GRANT)
                .grant_type(JWT_BEARER_GRANT)
                .grant_type(grants::BADGE)
                .request_object_key(KeyRing::client_key(Algorithm::EdDSA).1)
                .id_token_alg(Algorithm::EdDSA),
        );
        provider.access_token_alg(Algorithm::EdDSA);
        provider.device_times(5, DEVICE_LIFETIME);
        grants::accept(&mut provider);
        proven::accept(&mut provider, flags);
        ciba::accept(&mut provider, flags);
        let document = provider.metadata().to_string();
        let policy = UrlPolicy::default();
        let metadata = ProviderMetadata::parse(document.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy)
            .expect("the provider's metadata is good");
        let mut client = Client::builder(metadata, CLIENT).redirect_uri(REDIRECT);
        if let Some(secret) = secret {
            client = client.secret(secret);
        }
        if flags & 3 > 1 {
            client = client.authentication(oidc_proto::flow::ClientAuthentication::ClientSecretPost);
        }
        if flags & 4 != 0 {
            client = client.fetch_userinfo();
        }
        Self {
            script,
            provider,
            client: proven::keyed(client.build().expect("the client is good"), flags, NOW),
            now: NOW,
            seed: Seed::silent(1),
            spent: BTreeSet::new(),
            issued: BTreeSet::new(),
            requests: 0,
            waits: 0,
            agrees: Some(true),
            honest: true,
            signed_otherwise: BTreeSet::new(),
        }
    }

    fn known_keys(&self, flags: u8) -> Option<Arc<KeySet>> {
        let document = self.provider.key_set().to_string();
        (flags & 8 != 0).then(|| Arc::new(KeySet::parse(document.as_bytes()).expect("the keys are good")))
    }

    /// Drives a flow to its end. Returns `None` if the flow gave up or ended in an error.
    fn drive<F: Flow>(
        &mut self,
        step: impl Into<Step<F>>,
        rest: fn(&mut Self, Pause<F>) -> Pause<F>,
    ) -> Option<F::Output> {
        let mut step = step.into();
        loop {
            assert!(self.requests + self.waits <= 64, "the flow does not end");
            step = match self.carry_out(step, rest) {
                ControlFlow::Continue(step) => step,
                ControlFlow::Break(Ok(output)) => return output,
                ControlFlow::Break(Err(error)) => {
                    check_texts(&error);
                    assert!(
                        !self.honest || self.is_deserved(&error),
                        "an error with an honest provider: {error}"
                    );
                    return None;
                }
            };
        }
    }

    fn carry_out<F: Flow>(
        &mut self,
        step: Step<F>,
        rest: fn(&mut Self, Pause<F>) -> Pause<F>,
    ) -> ControlFlow<Result<Option<F::Output>, Error>, Step<F>> {
        match step {
            Step::Done(output) => ControlFlow::Break(Ok(Some(output))),
            Step::Send(call) => {
                self.requests += 1;
                let (request, terms, pending) = call.into_parts();
                let answer = self.answer(&request);
                self.jump();
                let moment = self.seed.moment(self.now);
                match answer {
                    Some(mut response) => {
                        response.body_mut().truncate(terms.max_body + 1);
                        match pending.receive(response, moment) {
                            Ok(step) => ControlFlow::Continue(step),
                            Err(error) => ControlFlow::Break(Err(error)),
                        }
                    }
                    None => match pending.fail(moment) {
                        Ok(Some(step)) => ControlFlow::Continue(step),
                        Ok(None) => ControlFlow::Break(Ok(None)),
                        Err(error) => ControlFlow::Break(Err(error)),
                    },
                }
            }
            Step::Wait(pause) => {
                self.waits += 1;
                let until = pause.until();
                assert!(until > self.now || self.now.0 == i64::MAX, "a wait ends in the future");
                assert!(
                    until <= self.now.after(2 * RETRY_AFTER_CAP),
                    "a wait that is too long: {:?}",
                    self.now.until(until)
                );
                let mut pause = rest(self, pause);
                if until > self.now {
                    pause = match pause.wake(self.seed.moment(self.now)) {
                        Ok(Step::Wait(same)) if same.until() == until => same,
                        other => panic!("woken early: {other:?}"),
                    };
                }
                self.now = until;
                match pause.wake(self.seed.moment(self.now)) {
                    Ok(step) => ControlFlow::Continue(step),
                    Err(error) => ControlFlow::Break(Err(error)),
                }
            }
        }
    }

    /// Whether an honest provider returns this error: to an unknown access token, or to a device whose user
    /// refuses.
    fn is_deserved(&self, error: &Error) -> bool {
        match error {
            Error::DeviceCodeExpired | Error::AuthenticationRequestExpired => self.agrees.is_none(),
            Error::OAuth(refused) if refused.response.error == "access_denied" => self.agrees == Some(false),
            _ => {
                matches!(error, Error::OAuth(_))
                    && self.provider.count(EndpointName::UserInfo) == self.requests
            }
        }
    }

    fn jump(&mut self) {
        let before = self.now;
        self.now = match self.script.byte() {
            0..=199 => self.now,
            200..=229 => self.now.plus(i64::from(self.script.number())),
            230..=253 => self.now.plus(-i64::from(self.script.number())),
            254 => Timestamp(i64::MAX),
            255 => Timestamp(i64::MIN),
        };
        self.honest &= self.now == before;
    }

    fn honest(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        proven::judge(request, &mut self.spent);
        for (name, value) in url::form_urlencoded::parse(request.body()) {
            if name == "code" || name == "refresh_token" || name == "assertion" {
                assert!(self.spent.insert(value.into_owned()), "{name} is sent twice");
            }
        }
        // The provider counts in times of this century.
        let now = Timestamp(self.now.0.clamp(0, 1 << 40));
        let response = discovery::document(request).unwrap_or_else(|| self.provider.handle(request, now));
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        self.issued.extend(body["access_token"].as_str().map(str::to_owned));
        response
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let kind = self.script.byte();
        self.honest &= kind == 0;
        match kind {
            1 => self.provider.rotate_keys(),
            11 => self.sign_otherwise(),
            _ => {}
        }
        let mut response = self.honest(request);
        match kind {
            // The honest response. Time may pass before the next one.
            0 | 1 | 11 => {}
            2 => return None,
            3 => *response.status_mut() = self.status(),
            4 => {
                let length = response.body().len().max(1);
                for _ in 0..=self.script.byte() % 4 {
                    let (at, bit) = (self.script.below(length), self.script.byte() % 8);
                    if let Some(byte) = response.body_mut().get_mut(at) {
                        *byte ^= 1 << bit;
                    }
                }
            }
            5 => {
                let length = response.body().len().max(1);
                let at = self.script.below(length);
                response.body_mut().truncate(at);
            }
            6 | 7 => {
                let (name, value) = (self.script.bytes(), self.script.bytes());
                let value = serde_json::from_slice(value).unwrap_or(Value::Null);
                if let Ok(Value::Object(mut members)) = serde_json::from_slice(response.body()) {
                    members.insert(String::from_utf8_lossy(name).into_owned(), value);
                    *response.body_mut() = Value::Object(members).to_string().into_bytes();
                }
            }
            8 => {
                let more = usize::from(self.script.number()) * 2;
                let length = response.body().len();
                response.body_mut().resize(length + more, b' ');
            }
            9 => self.headers(&mut response),
            _ => {
                *response.status_mut() = self.status();
                response.headers_mut().clear();
                self.headers(&mut response);
                *response.body_mut() = self.script.bytes().to_vec();
            }
        }
        Some(response)
    }

    /// Signs another claim into the ID tokens from now on, with the provider's own key.
    fn sign_otherwise(&mut self) {
        const CLAIMS: [&str; 12] = [
            "iss",
            "sub",
            "aud",
            "nonce",
            "exp",
            "iat",
            "nbf",
            "azp",
            "auth_time",
            "at_hash",
            "c_hash",
            "s_hash",
        ];
        let (name, value) = (self.script.pick(&CLAIMS), self.script.bytes());
        let value: Value = serde_json::from_slice(value).unwrap_or(Value::Null);
        self.signed_otherwise.insert(name);
        self.provider.alter_id_token(hostile::set_claim(name, value));
    }

    fn status(&mut self) -> StatusCode {
        const USUAL: [u16; 10] = [200, 201, 204, 302, 400, 401, 403, 429, 500, 503];
        let usual = self.script.pick(&USUAL);
        let any = self.script.number();
        StatusCode::from_u16(if any == 0 { usual } else { any }).unwrap_or(StatusCode::OK)
    }

    fn headers(&mut self, response: &mut Response<Vec<u8>>) {
        const NAMES: [HeaderName; 4] =
            [header::CONTENT_TYPE, header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::LOCATION];
        for _ in 0..self.script.byte() % 4 {
            let name = NAMES[usize::from(self.script.byte()) % NAMES.len()].clone();
            if let Ok(value) = HeaderValue::from_bytes(self.script.bytes()) {
                response.headers_mut().append(name, value);
            }
        }
    }

    /// Begins a login up to the callback, with an honest provider.
    fn begin(&mut self, flags: u8) -> (oidc_proto::flow::Step<Login>, String) {
        let mut request = target::login(flags);
        request.max_age = (flags & 16 != 0).then_some(Duration::from_secs(600));
        let moment = self.seed.moment(self.now);
        let (url, pending) = self.client.authorize(&request, moment).expect("the request is good");
        let nonce = url.query_pairs().find(|(name, _)| name == "nonce").expect("a nonce").1.into_owned();
        let landing = Browser::new().visit(&mut self.provider, url, self.now);
        let response = AuthorizationResponse::from_url(landing.url()).expect("a callback");
        let moment = self.seed.moment(self.now);
        let call = pending.callback(&self.client, self.known_keys(flags), response, moment);
        (call.expect("the callback is good"), nonce)
    }

    /// Checks a result that only an honest provider can bring about.
    fn judge(&self, done: &Authenticated, nonce: &str) {
        let id_token = &done.id_token;
        assert_eq!((id_token.iss.as_str(), id_token.nonce.as_deref()), (ISSUER, Some(nonce)));
        assert!(
            id_token.sub == "alice" || self.signed_otherwise.contains("sub"),
            "the login is of another user"
        );
        assert!(!id_token.aud.is_empty() && id_token.aud.iter().all(|one| one == CLIENT));
        assert!(
            id_token.azp.as_deref().is_none_or(|azp| azp == CLIENT),
            "the ID token is for another client"
        );
        assert!(self.issued.contains(done.tokens.access_token.expose()), "the access token is another one");
        assert!(done.userinfo.as_ref().is_none_or(|userinfo| userinfo.sub == id_token.sub));
        assert_eq!(done.userinfo.is_some(), self.provider.count(EndpointName::UserInfo) > 0);
    }
}

fn as_it_is<F: Flow>(_: &mut World<'_>, pause: Pause<F>) -> Pause<F> {
    pause
}

fn login(world: &mut World<'_>, flags: u8) {
    let (call, nonce) = world.begin(flags);
    let done = world.drive::<Login>(call, as_it_is);
    assert!(world.requests <= 3 && world.waits == 0);
    if let Some(done) = done {
        world.judge(&done, &nonce);
        target::judge(&done.tokens, flags);
    }
}

fn refresh(world: &mut World<'_>, flags: u8) {
    world.provider.rotate_refresh_tokens(flags & 32 != 0);
    let (call, nonce) = world.begin(flags);
    let script = std::mem::replace(&mut world.script, Script(&[]));
    let first = world.drive::<Login>(call, as_it_is).expect("an honest provider logs in");
    world.judge(&first, &nonce);
    (world.script, world.requests) = (script, 0);

    let used = first.tokens.refresh_token.expect("the provider refreshes");
    let keys = world.known_keys(flags);
    let (wanted, previous) = (target::narrow(&used, flags), PreviousLogin::from(&first.id_token));
    let call = world.client.refresh_with(&wanted, Some(previous), keys, moment(NOW, 7));
    let done = world.drive::<RefreshGrant>(call.expect("the request is good"), as_it_is);
    assert!(world.requests <= 2 && world.waits == 0);
    let Some(done) = done else { return };
    target::judge(&done.tokens, flags);
    let next = done.tokens.refresh_token.expect("the old one, if no other");
    assert!(done.rotated || next == used, "the old token stays unless a new one came");
    if let Some(id_token) = done.id_token {
        assert_eq!((id_token.iss.as_str(), id_token.sub.as_str()), (ISSUER, "alice"));
        assert!(world.issued.contains(done.tokens.access_token.expose()), "the access token is another one");
    }
}

fn service(world: &mut World<'_>, flags: u8) {
    let wanted = target::service(flags);
    let call = world.client.client_credentials(&wanted, moment(NOW, 7)).expect("the request is good");
    let done = world.drive::<ClientCredentialsGrant>(call, |world, pause| {
        if world.script.byte() % 2 == 0 {
            return pause;
        }
        let saved = serde_json::to_vec(&pause.save()).expect("a grant at rest can be saved");
        let saved = serde_json::from_slice(&saved).expect("what is saved loads");
        world.client.resume_client_credentials(saved, world.now).expect("it is of this client")
    });
    assert!(world.requests <= 1 + usize::from(MAX_RETRIES) && world.waits <= usize::from(MAX_RETRIES));
    done.iter().for_each(|tokens| target::judge(tokens, flags));
}

fn discovery(world: &mut World<'_>) {
    let call = Discovery::start(ISSUER, &UrlPolicy::default()).expect("the issuer is good");
    if let Some(metadata) = world.drive::<Discovery>(call, as_it_is) {
        assert_eq!(metadata.issuer, ISSUER);
    }
    assert!(world.requests == 1 && world.waits == 0);
}

fn keys(world: &mut World<'_>) {
    let call = world.client.jwks().expect("the metadata says where");
    world.drive::<JwksRetrieval>(call, as_it_is);
    assert!(world.requests == 1 && world.waits == 0);
}

fn userinfo(world: &mut World<'_>) {
    let call =
        world.client.userinfo(&Secret::new("token"), "alice", moment(NOW, 7)).expect("the request is good");
    if let Some(userinfo) = world.drive::<UserInfoRetrieval>(call, as_it_is) {
        assert_eq!(userinfo.sub, "alice");
    }
    assert!(world.requests == 1 && world.waits == 0);
}
