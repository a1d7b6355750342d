//! Authorization requests that are pushed ahead (RFC 9126) or signed (RFC 9101).

mod answers;
mod contract;
mod keys;
mod signed;
mod stories;

use crate::support::*;
use oidc_proto::{
    UrlPolicy,
    flow::{
        Authenticated, Client, ClientAuthentication, ClientBuilder, Flow, PendingAuthorization, Pushed, Step,
    },
    message::AuthorizationResponse,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{
    Algorithm, Browser, Clock, EndpointName, KeyRing, Landing, Registration, Seed, TestProvider, drive,
};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

const CALLBACK: &str = "https://app.example/callback";

/// A provider, its client `app`, and a clock.
struct Place {
    provider: TestProvider,
    client: Client,
    clock: Clock,
}

/// How a client authenticates in a test.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Public,
    Basic,
    Post,
    SecretJwt,
    KeyJwt,
}

impl How {
    const ALL: [Self; 5] = [Self::Public, Self::Basic, Self::Post, Self::SecretJwt, Self::KeyJwt];

    fn registration(self) -> Registration {
        match self {
            Self::Public => Registration::public("app"),
            Self::Basic => Registration::basic("app", SECRET),
            Self::Post => Registration::post("app", SECRET),
            Self::SecretJwt => Registration::secret_jwt("app", SECRET),
            Self::KeyJwt => Registration::private_key_jwt("app", KeyRing::client_key(Algorithm::EdDSA).1),
        }
    }

    fn shape(self, builder: ClientBuilder) -> ClientBuilder {
        match self {
            Self::Public => builder,
            Self::Basic => builder.secret(SECRET),
            Self::Post => builder.secret(SECRET).authentication(ClientAuthentication::ClientSecretPost),
            Self::SecretJwt => builder.secret(SECRET).authentication(ClientAuthentication::ClientSecretJwt),
            Self::KeyJwt => builder.signer(KeyRing::client_key(Algorithm::EdDSA).0),
        }
    }
}

impl Place {
    /// `demand` changes the provider before the client reads its metadata.
    fn new(how: How, demand: impl FnOnce(&mut TestProvider)) -> Self {
        Self::with(how.registration(), demand, |builder| how.shape(builder))
    }

    fn with(
        registration: Registration,
        demand: impl FnOnce(&mut TestProvider),
        shape: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        provider.register(registration.redirect_uri(CALLBACK).id_token_alg(Algorithm::EdDSA));
        demand(&mut provider);
        let client = shape(builder(&provider)).build().unwrap();
        Self { provider, client, clock: Clock::new(NOW, Seed::new(1)) }
    }

    fn run<F: Flow>(&mut self, step: impl Into<Step<F>>) -> Result<F::Output, oidc_proto::Error> {
        drive(step, &mut self.provider, &mut self.clock)
    }

    /// Sends the user to a URL and back, and ends the login.
    #[track_caller]
    fn log_in(&mut self, url: &Url, pending: PendingAuthorization) -> Authenticated {
        let Landing::Callback(callback) = self.visit(url) else { panic!("the user comes back") };
        let response = AuthorizationResponse::from_url(&callback).unwrap();
        let step = pending.callback(&self.client, None, response, self.clock.moment()).unwrap();
        self.run(step).unwrap()
    }

    fn visit(&mut self, url: &Url) -> Landing {
        Browser::new().visit(&mut self.provider, url, self.clock.now())
    }

    #[track_caller]
    fn log_in_pushed(&mut self, pushed: Pushed) -> Authenticated {
        self.log_in(&pushed.url, pushed.pending)
    }

    /// The form of the newest pushed request.
    fn form(&self) -> BTreeMap<String, String> {
        let pushed = |seen: &&oidc_testkit::Seen| seen.endpoint == EndpointName::PushedAuthorizationRequest;
        let form = self.provider.requests().iter().rev().find(pushed).unwrap().form();
        let pairs = form.len();
        let form: BTreeMap<_, _> = form.into_iter().collect();
        assert_eq!(form.len(), pairs, "no parameter is there twice");
        form
    }
}

/// A client that has read the metadata of this provider.
fn builder(provider: &TestProvider) -> ClientBuilder {
    of(&provider.metadata())
}

fn of(metadata: &Value) -> ClientBuilder {
    let (text, policy) = (metadata.to_string(), UrlPolicy::default());
    let metadata = ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy);
    Client::builder(metadata.unwrap(), "app")
        .redirect_uri(CALLBACK)
        .id_token_signed_response_alg(Algorithm::EdDSA)
}

/// The parameters of a URL.
fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn names(pairs: &BTreeMap<String, String>) -> Vec<&str> {
    pairs.keys().map(String::as_str).collect()
}

/// The header and the claims of a JWS.
fn read(jws: &str) -> (Value, Value) {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    let part = |at| BASE64_URL_SAFE_NO_PAD.decode(jws.split('.').nth(at).unwrap()).unwrap();
    (serde_json::from_slice(&part(0)).unwrap(), serde_json::from_slice(&part(1)).unwrap())
}
