//! A simulated provider in the shape of a real one: it has the recorded metadata of the real one, and the endpoints that
//! the metadata names answer.

use http::{Request, Response};
use oidc_drive::{Gate, Io, Provider, ProviderError, now};
use oidc_proto::{
    flow::Authenticated,
    jose::{Algorithm, sign_compact},
    message::{AuthorizationRequest, AuthorizationResponse},
    resource::{Access, Denied, RequestView},
};
use oidc_testkit::{Browser, EndpointName, KeyRing, Registration, TestProvider, hostile};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use url::Url;

pub(crate) const CALLBACK: &str = "https://app.example/callback";

/// The endpoints that metadata names.
const PLACES: [(&str, EndpointName); 7] = [
    ("authorization_endpoint", EndpointName::Authorize),
    ("token_endpoint", EndpointName::Token),
    ("userinfo_endpoint", EndpointName::UserInfo),
    ("jwks_uri", EndpointName::Jwks),
    ("introspection_endpoint", EndpointName::Introspection),
    ("revocation_endpoint", EndpointName::Revocation),
    ("device_authorization_endpoint", EndpointName::DeviceAuthorization),
];

/// The metadata of a provider, as it was recorded.
pub(crate) fn recorded(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/realworld");
    std::fs::read_to_string(format!("{folder}/{file}.discovery.json")).expect("a recorded document")
}

#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    provider: Mutex<TestProvider>,
    document: Value,
    /// The URL of the document.
    at: String,
}

impl World {
    /// A provider with its own metadata, because there is no record of the real one.
    pub(crate) fn unrecorded(issuer: &str) -> Self {
        let mut provider = TestProvider::new(issuer);
        provider.issuer_in_callback(false);
        let document = provider.metadata();
        Self::with(provider, document, issuer)
    }

    /// A provider with this recorded metadata, in which these words are replaced.
    pub(crate) fn recorded(file: &str, words: &[(&str, &str)]) -> Self {
        let text = words.iter().fold(recorded(file), |text, (from, to)| text.replace(from, to));
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let issuer = document["issuer"].as_str().expect("an issuer").to_owned();
        Self::with(TestProvider::new(&issuer), document, &issuer)
    }

    /// A provider for tokens of `issuer`, whose metadata is asked for under the name `common`.
    pub(crate) fn shared(file: &str, issuer: &str, common: &str) -> Self {
        let document = serde_json::from_str(&recorded(file)).expect("JSON");
        Self::with(TestProvider::new(issuer), document, common)
    }

    /// A provider that publishes no metadata: a program knows these endpoints.
    pub(crate) fn described(document: Value) -> Self {
        let issuer = document["issuer"].as_str().expect("an issuer").to_owned();
        Self::with(TestProvider::new(&issuer), document, "https://nowhere.example")
    }

    fn with(mut provider: TestProvider, document: Value, name: &str) -> Self {
        let announced = document["authorization_response_iss_parameter_supported"] == true;
        provider.issuer_in_callback(announced);
        let at = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
        let methods = document["token_endpoint_auth_methods_supported"].as_array();
        let basic = methods.is_none_or(|methods| methods.contains(&json!("client_secret_basic")));
        let make = if basic { Registration::basic } else { Registration::post };
        provider.register(make("my-client", "my secret").redirect_uri(CALLBACK));
        provider.register(make("my-api", "its secret"));
        Self(Arc::new(Inner { provider: Mutex::new(provider), document, at }))
    }

    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut TestProvider) -> T) -> T {
        change(&mut self.0.provider.lock().expect("no panic"))
    }

    /// Adds these claims to every ID token.
    pub(crate) fn id_tokens_have(&self, more: Value) {
        self.set(|provider| {
            provider.alter_id_token(move |_, claims| {
                for (name, value) in more.as_object().expect("claims") {
                    claims.insert(name.clone(), value.clone());
                }
            });
        });
    }

    /// The HTTP client of a program that is in this world.
    pub(crate) fn io(&self) -> Io {
        let world = self.clone();
        let send = move |request: Request<Vec<u8>>, _| {
            let response = world.answer(request);
            async move { Ok::<_, Infallible>(response) }
        };
        Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep)
    }

    /// Answers a request to one of the URLs in the metadata.
    pub(crate) fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let (mut parts, body) = request.into_parts();
        let asked = parts.uri.to_string();
        if asked == self.0.at {
            let answer = Response::builder().header("content-type", "application/json");
            return answer.body(self.0.document.to_string().into_bytes()).expect("a response");
        }
        let Some(url) = self.behind(&asked) else {
            return Response::builder().status(404).body(Vec::new()).expect("a response");
        };
        parts.uri = url.parse().expect("a URL");
        self.set(|provider| provider.handle(&Request::from_parts(parts, body), now()))
    }

    /// The URL of the simulated endpoint for a URL in the metadata.
    fn behind(&self, asked: &str) -> Option<String> {
        let (place, query) =
            asked.split_once('?').map_or((asked, None), |(place, query)| (place, Some(query)));
        let (_, endpoint) = PLACES.iter().find(|(member, _)| self.0.document[*member] == place)?;
        let url = self.set(|provider| provider.url(*endpoint));
        Some(query.map_or(url.clone(), |query| format!("{url}?{query}")))
    }

    /// The user visits the URL and agrees: what comes to the redirect URI, and whether it comes as a form.
    pub(crate) fn visit(&self, url: &Url) -> (String, bool) {
        let mut simulated = Url::parse(&self.behind(url.as_str()).expect("the endpoint")).expect("a URL");
        let posted = simulated.query_pairs().any(|pair| pair == ("response_mode".into(), "form_post".into()));
        // The simulated provider knows queries only.
        let pairs: Vec<_> = simulated.query_pairs().into_owned().collect();
        let pairs = pairs.into_iter().filter(|(name, _)| name != "response_mode");
        let kept: Vec<_> = pairs.collect();
        simulated.query_pairs_mut().clear().extend_pairs(kept);
        let landing = self.set(|provider| Browser::new().visit(provider, simulated, now()));
        (landing.query().to_owned(), posted)
    }

    /// Logs the user in with a handle, as the index says.
    pub(crate) async fn log_in(&self, provider: &Provider, request: &AuthorizationRequest) -> Authenticated {
        self.try_log_in(provider, request).await.expect("a login")
    }

    pub(crate) async fn try_log_in(
        &self,
        provider: &Provider,
        request: &AuthorizationRequest,
    ) -> Result<Authenticated, ProviderError> {
        let (url, pending) = provider.authorize(request).await?;
        let (query, posted) = self.visit(&url);
        assert!(!posted, "the page says how to read a form");
        let response = AuthorizationResponse::from_query(&query).expect("a response");
        provider.callback(pending, response).await
    }

    /// What the provider says of every token from now on (RFC 7662).
    pub(crate) fn introspection_says(&self, said: &Value) {
        let said = hostile::respond(200, "application/json", said.to_string());
        self.set(|provider| provider.alter_response(EndpointName::Introspection, said));
    }

    /// A token of this provider: its header `typ`, and claims that are added to the times and the issuer.
    pub(crate) fn token(&self, typ: Option<&str>, more: &Value) -> String {
        let (signer, _) = KeyRing::new().signer(Algorithm::RS256, 1, None);
        let issuer = self.set(|provider| provider.issuer().to_owned());
        let mut claims = json!({"iss": issuer, "iat": now().0, "exp": now().0 + 300});
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        let header = typ.map(|typ| ("typ".to_owned(), typ.into())).into_iter().collect();
        sign_compact(&*signer, header, claims.to_string().as_bytes()).expect("a token")
    }

    /// What the gate says of a token with these claims: the access, or the code of the refusal.
    pub(crate) async fn ask(
        &self,
        gate: &Gate,
        typ: Option<&str>,
        claims: &Value,
    ) -> Result<Arc<Access>, &'static str> {
        ask(gate, &self.token(typ, claims)).await.map_err(|denied| denied.code())
    }
}

/// Sends a request with this token to an API behind the gate.
pub(crate) async fn ask(gate: &Gate, token: &str) -> Result<Arc<Access>, Denied> {
    let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    gate.check(&RequestView::of(&parts)).await
}
