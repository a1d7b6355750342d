//! The gate's surroundings, in memory: providers that can go down or fall silent, a clock that the test
//! moves, and tokens.

use super::*;

pub const START: Timestamp = Timestamp(1_800_000_000);
pub const RESOURCE: &str = "https://api.example";
const ISSUERS: [&str; 2] = ["https://op.example", "https://other.example"];

/// The behaviour of the network.
#[derive(Clone, Debug, PartialEq)]
pub enum Net {
    Up,
    /// No response.
    Down,
    /// Neither a response nor an error, until the behaviour changes.
    Silent,
    /// A useless response.
    Broken(u16, &'static str),
}

#[derive(Clone)]
pub struct World {
    pub clock: SimClock,
    pub providers: Arc<Vec<Mutex<TestProvider>>>,
    pub net: Arc<watch::Sender<Net>>,
    /// The URL of every request that was sent, whether or not it was answered.
    pub sent: Arc<Mutex<Vec<String>>>,
    /// The durations of the callers' sleeps, and the means to wake them.
    pub slept: Arc<Mutex<Vec<Duration>>>,
    pub records: Arc<Mutex<Vec<VerdictRecord>>>,
    /// The response of the introspection endpoint for each token.
    pub said: Arc<Mutex<BTreeMap<String, Value>>>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub fn new() -> Self {
        let provider = |issuer| {
            let mut provider = TestProvider::new(issuer);
            provider.access_token_lifetime(24 * 3_600);
            provider.register(Registration::basic("robot", "secret").grant_types(["client_credentials"]));
            let introspect = format!("{issuer}/introspect");
            let endpoint = hostile::set_member("introspection_endpoint", introspect.as_str());
            provider.alter_response(EndpointName::Discovery, endpoint);
            Mutex::new(provider)
        };
        Self {
            clock: SimClock::new(START, 1),
            providers: Arc::new(ISSUERS.map(provider).into()),
            net: Arc::new(watch::Sender::new(Net::Up)),
            sent: Arc::default(),
            slept: Arc::default(),
            records: Arc::default(),
            said: Arc::default(),
        }
    }

    pub fn server() -> oidc_proto::resource::ResourceServerBuilder {
        ResourceServer::builder(RESOURCE)
            .trust(TrustedIssuer::new(ISSUERS[0]))
            .trust(TrustedIssuer::new(ISSUERS[1]))
            .accept_dpop(DpopVerifier::new())
            .accept_certificate_bound()
            .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
    }

    /// A server that also introspects opaque tokens.
    pub fn introspecting() -> oidc_proto::resource::ResourceServerBuilder {
        ResourceServer::builder(RESOURCE)
            .trust(TrustedIssuer::new(ISSUERS[0]).introspects_opaque_tokens())
            .accept_dpop(DpopVerifier::new())
    }

    pub fn gate(&self) -> Gate {
        self.builder(Self::server()).build().unwrap()
    }

    pub fn builder(&self, server: oidc_proto::resource::ResourceServerBuilder) -> GateBuilder {
        self.builder_on(server, |task| drop(tokio::spawn(task)))
    }

    pub fn builder_on(
        &self,
        server: oidc_proto::resource::ResourceServerBuilder,
        spawn: impl Fn(Task) + Send + Sync + 'static,
    ) -> GateBuilder {
        let (world, slept) = (self.clone(), self.slept.clone());
        let sleep = move |span| {
            lock(&slept).push(span);
            // Only the clock, which the test moves, ends a wait.
            async move {
                if !span.is_zero() {
                    std::future::pending().await
                }
            }
        };
        let io = Io::new(move |request, _| world.clone().answer(request), spawn, sleep);
        let (clock, records) = (self.clock.clone(), self.records.clone());
        let observer = oidc_drive::Observer::new(move |event| {
            if let oidc_drive::Event::Verdict { record, .. } = event {
                lock(&records).push(record.clone());
            }
        });
        let gate = Gate::builder(server.build().unwrap(), io).clock(move || clock.moment());
        gate.with_observer(observer)
    }

    async fn answer(self, request: Request) -> Result<http::Response<Vec<u8>>, String> {
        let url = request.uri().to_string();
        lock(&self.sent).push(url.clone());
        tokio::task::yield_now().await;
        let mut net = self.net.subscribe();
        let mode = net.wait_for(|net| *net != Net::Silent).await.expect("the world lives").clone();
        match mode {
            Net::Up => {}
            Net::Down | Net::Silent => return Err("no route to host".to_owned()),
            Net::Broken(status, body) => {
                let response =
                    http::Response::builder().status(status).header("content-type", "application/json");
                return Ok(response.body(body.into()).unwrap());
            }
        }
        let issuer = ISSUERS.iter().position(|issuer| url.starts_with(issuer)).expect("a known host");
        let asks_json = request.headers()["accept"] == "application/json";
        if url.ends_with("/introspect") && asks_json {
            assert!(request.headers().contains_key("authorization"), "the API identifies itself");
            let form: BTreeMap<_, _> = url::form_urlencoded::parse(request.body()).into_owned().collect();
            let said = lock(&self.said).get(&form["token"]).cloned().unwrap_or(json!({"active": false}));
            let response = http::Response::builder().header("content-type", "application/json");
            return Ok(response.body(said.to_string().into()).unwrap());
        }
        Ok(lock(&self.providers[issuer]).handle(&request, self.clock.now()))
    }

    pub fn set(&self, net: Net) {
        self.net.send_replace(net);
    }

    /// The number of requests to URLs with this end.
    pub fn count(&self, end: &str) -> usize {
        lock(&self.sent).iter().filter(|url| url.ends_with(end)).count()
    }

    pub fn provider<T>(&self, look: impl FnOnce(&mut TestProvider) -> T) -> T {
        look(&mut lock(&self.providers[0]))
    }

    /// A valid token of the first issuer, for `reports:read`.
    pub fn token(&self) -> String {
        self.token_with(|_, _| {})
    }

    /// A token that was changed before it was signed.
    pub fn token_with(
        &self,
        change: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) -> String {
        mint(&mut lock(&self.providers[0]), self.clock.now(), change)
    }

    pub fn token_of_the_other(&self) -> String {
        mint(&mut lock(&self.providers[1]), self.clock.now(), |_, _| {})
    }

    /// A token with an unknown key.
    pub fn forged(&self, kid: impl Into<String>) -> String {
        let kid = kid.into();
        self.token_with(move |header, _| drop(header.insert("kid".into(), kid.as_str().into())))
    }

    /// The clauses of the verdicts since the last call.
    pub fn clauses(&self) -> Vec<&'static str> {
        lock(&self.records).drain(..).map(|record| record.clause).collect()
    }
}

pub fn mint(
    provider: &mut TestProvider,
    now: Timestamp,
    change: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
) -> String {
    let metadata = hostile::set_member("introspection_endpoint", format!("{}/introspect", provider.issuer()));
    provider.alter_access_token(change);
    let token = mint_plain(provider, now);
    provider.alter_response(EndpointName::Discovery, metadata);
    token
}

/// A token as the provider makes it. Afterwards the provider behaves again.
pub fn mint_plain(provider: &mut TestProvider, now: Timestamp) -> String {
    let body = "grant_type=client_credentials&scope=reports%3Aread";
    let request = http::Request::post(provider.url(EndpointName::Token))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .header("authorization", "Basic cm9ib3Q6c2VjcmV0")
        .body(body.into())
        .unwrap();
    let response = provider.handle(&request, now);
    provider.clear_alterations();
    let members: Value = serde_json::from_slice(response.body()).unwrap();
    members["access_token"].as_str().unwrap().to_owned()
}

/// A client's own key, and proofs of possession.
pub struct Holder(RingSigner);

impl Holder {
    pub fn new() -> Self {
        let (algorithm, random) = (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(RingSigner::from_pkcs8(Algorithm::ES256, pkcs8.as_ref(), None).unwrap())
    }

    pub fn thumbprint(&self) -> String {
        self.0.public_jwk().unwrap().thumbprint().unwrap()
    }

    /// A token that is bound to this key.
    pub fn token(&self, world: &World) -> String {
        let jkt = self.thumbprint();
        world.token_with(move |_, claims| drop(claims.insert("cnf".into(), json!({ "jkt": jkt }))))
    }

    pub fn proof(&self, url: &str, token: &str, jti: &str, nonce: Option<&str>, now: Timestamp) -> String {
        let jwk = self.0.public_jwk().unwrap().to_json();
        let header = Map::from_iter([("typ".to_owned(), "dpop+jwt".into()), ("jwk".to_owned(), jwk)]);
        let ath = base64url::encode(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let mut claims = json!({ "jti": jti, "htm": "GET", "htu": url, "iat": now.0, "ath": ath });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        sign_compact(&self.0, header, claims.to_string().as_bytes()).unwrap()
    }
}
