//! Every flow, begun at an honest provider and then left to a random server, for `laws.rs`.

use crate::world::{NOW, Script, Trace, World};
use oidc_proto::{
    Moment, Secret, Timestamp, UrlPolicy,
    flow::{
        Authenticated, Call, Client, ClientCredentials, ClientCredentialsGrant, CodeExchange, Discovery,
        JwksRetrieval, Pause, PendingAuthorization, PreviousLogin, Refreshed, Step,
    },
    jose::{Algorithm, KeySet},
    message::{AuthorizationRequest, AuthorizationResponse, TokenResponse},
    metadata::ProviderMetadata,
};
use oidc_testkit::{Browser, Provider, Registration, Seed};
use std::sync::Arc;

pub(crate) const ISSUER: &str = "https://op.example";
const CALLBACK: &str = "https://app.example/callback";

/// The keys that a client has when it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Keys {
    None,
    Current,
    /// Those before the provider rotated.
    Stale,
}

/// What must not change anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disturbance {
    /// Every state at rest is saved, and resumed by another client.
    pub(crate) saved: bool,
    /// How often each pause is woken too early.
    pub(crate) early: u8,
}

/// A flow, and how it is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Discovery,
    Jwks,
    Code { userinfo: bool, keys: Keys },
    Refresh { keys: Keys },
    ClientCredentials,
    UserInfo,
}

pub(crate) const EVERY: [Kind; 9] = [
    Kind::Discovery,
    Kind::Jwks,
    Kind::Code { userinfo: false, keys: Keys::Current },
    Kind::Code { userinfo: false, keys: Keys::Stale },
    Kind::Code { userinfo: true, keys: Keys::None },
    Kind::Refresh { keys: Keys::Current },
    Kind::Refresh { keys: Keys::Stale },
    Kind::ClientCredentials,
    Kind::UserInfo,
];

impl Kind {
    /// Law 5: after how many requests, and after how many seconds of waiting, it is over at the latest.
    pub(crate) const fn bound(self) -> (usize, i64) {
        match self {
            Self::Discovery | Self::Jwks | Self::UserInfo => (1, 0),
            Self::Code { userinfo: false, .. } | Self::Refresh { .. } => (2, 0),
            Self::Code { userinfo: true, .. } => (3, 0),
            Self::ClientCredentials => (4, 3 * 60),
        }
    }

    /// What may be sent once and never again.
    pub(crate) const fn sent_once(self) -> Option<&'static str> {
        match self {
            Self::Code { .. } => Some("code="),
            Self::Refresh { .. } => Some("refresh_token="),
            Self::Discovery | Self::Jwks | Self::UserInfo | Self::ClientCredentials => None,
        }
    }

    /// Begins the flow and leaves it to the script.
    pub(crate) fn run(self, script: Script, disturbance: Disturbance) -> (Trace, Provider) {
        self.run_at(NOW, script, disturbance)
    }

    /// The same, at a clock that jumps to this time once the flow has begun.
    pub(crate) fn run_at(
        self,
        clock: Timestamp,
        script: Script,
        disturbance: Disturbance,
    ) -> (Trace, Provider) {
        let mut provider = provider();
        let keys = match self {
            Self::Code { keys, .. } | Self::Refresh { keys } => keys,
            Self::Discovery | Self::Jwks | Self::ClientCredentials | Self::UserInfo => Keys::Current,
        };
        let client = client(&mut provider, matches!(self, Self::Code { userinfo: true, .. }));
        let current = Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap());
        let login = match self {
            Self::Refresh { .. } | Self::UserInfo => Some(login(&mut provider, &client, &current)),
            _ => None,
        };
        if keys == Keys::Stale {
            provider.rotate_keys();
        }
        let keys = (keys != Keys::None).then_some(current);
        let mut world = World::new(provider, script);
        world.early = disturbance.early;
        world.clock = clock;
        let trace = match (self, login) {
            (Self::Discovery, _) => {
                let call = Discovery::start(ISSUER, &UrlPolicy::default()).unwrap();
                world.play(call, |pause| pause, |metadata: ProviderMetadata| format!("{metadata:?}"))
            }
            (Self::Jwks, _) => {
                let call: Call<JwksRetrieval> = client.jwks().unwrap();
                world.play(call, |pause| pause, |keys| format!("{keys:?}"))
            }
            (Self::Code { .. }, _) => {
                let call = code(&mut world, &client, keys, disturbance.saved);
                world.play(call, |pause| pause, show_login)
            }
            (Self::Refresh { .. }, Some(login)) => {
                let spent = login.tokens.refresh_token.as_ref().unwrap();
                let previous = Some(PreviousLogin::from(&login.id_token));
                let call = client.refresh(spent, previous, keys).unwrap();
                world.play(call, |pause| pause, show_refreshed)
            }
            (Self::UserInfo, Some(login)) => {
                let call = client.userinfo(&login.tokens.access_token, "alice").unwrap();
                world.play(call, |pause| pause, |userinfo| format!("{userinfo:?}"))
            }
            (Self::ClientCredentials, _) => {
                let wanted = ClientCredentials::new(["reports"]).resource("https://api.example");
                let call = client.client_credentials(&wanted).unwrap();
                let other_node = self::client(&mut self::provider(), false);
                let rest = |pause: Pause<ClientCredentialsGrant>| match disturbance.saved {
                    true => other_node.resume_client_credentials(through_json(&pause.save())).unwrap(),
                    false => pause,
                };
                world.play(call, rest, |tokens| show_tokens(&tokens))
            }
            (Self::Refresh { .. } | Self::UserInfo, None) => unreachable!("these begin with a login"),
        };
        (trace, world.provider)
    }
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn provider() -> Provider {
    let mut provider = Provider::new(ISSUER);
    // Ed25519 is quick, and the same in every run.
    provider.access_token_alg(Algorithm::EdDSA);
    let app = Registration::basic("app", "a client secret").redirect_uri(CALLBACK);
    provider.register(app.grant_type("client_credentials").id_token_alg(Algorithm::EdDSA));
    provider
}

fn client(provider: &mut Provider, userinfo: bool) -> Client {
    let (request, _, pending) = Discovery::start(ISSUER, &UrlPolicy::default()).unwrap().into_parts();
    let response = provider.handle(&request, NOW);
    let Ok(Step::Done(metadata)) = pending.receive(response, Moment::new(NOW, [0; 32])) else {
        panic!("the provider has metadata")
    };
    let builder = Client::builder(metadata, "app").secret("a client secret").redirect_uri(CALLBACK);
    let builder = builder.id_token_signed_response_alg(Algorithm::EdDSA);
    if userinfo { builder.fetch_userinfo() } else { builder }.build().unwrap()
}

/// The user goes away and comes back.
fn code(world: &mut World, client: &Client, keys: Option<Arc<KeySet>>, saved: bool) -> Call<CodeExchange> {
    let mut seed = Seed::new(1);
    let request = AuthorizationRequest::new(["profile", "email", "offline_access"]);
    let (url, pending) = client.authorize(&request, seed.moment(NOW)).unwrap();
    let pending: PendingAuthorization = if saved { through_json(&pending) } else { pending };
    let landing = Browser::new().visit(&mut world.provider, url, NOW);
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    pending.callback(client, keys, response, seed.moment(NOW)).unwrap()
}

fn login(provider: &mut Provider, client: &Client, keys: &Arc<KeySet>) -> Authenticated {
    let mut world = World::new(std::mem::replace(provider, self::provider()), crate::world::honest());
    let call = code(&mut world, client, Some(keys.clone()), false);
    let (request, _, pending) = call.into_parts();
    let response = world.provider.handle(&request, NOW);
    *provider = world.provider;
    match pending.receive(response, Moment::new(NOW, [1; 32])) {
        Ok(Step::Done(login)) => login,
        other => panic!("an honest login ends well: {other:?}"),
    }
}

/// Secrets are redacted in `Debug`, so they are shown one by one: two runs must agree in them, too.
fn show_tokens(tokens: &TokenResponse) -> String {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let TokenResponse { access_token, refresh_token, id_token, .. } = tokens;
    let secrets = (access_token.expose(), secret(refresh_token), secret(id_token));
    format!("{tokens:?} {secrets:?}")
}

fn show_login(login: Authenticated) -> String {
    format!("{login:?} {}", show_tokens(&login.tokens))
}

fn show_refreshed(refreshed: Refreshed) -> String {
    format!("{refreshed:?} {}", show_tokens(&refreshed.tokens))
}
