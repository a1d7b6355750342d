//! Every flow, begun at an honest provider and then left to a random server, for `laws.rs`.

pub(crate) use super::forms::{Form, on, through};
pub(crate) use super::show::show_tokens;
use super::{
    ciba,
    device::{self, LIFETIME, POLLS},
    endpoints,
    forms::among_others,
    grants, pushed, registration,
    show::{show_login, show_refreshed},
    world::{NOW, Script, Trace, World},
};
use oidc_proto::{
    Moment, Secret, Timestamp, UrlPolicy,
    flow::{
        Authenticated, Call, Client, ClientBuilder, ClientCredentialsGrant, ClientCredentialsRequest,
        ClientIdMetadataRetrieval, DeviceGrant, Discovery, JwksRetrieval, Login, Pause, PreviousLogin, Step,
    },
    jose::{Algorithm, KeySet, Sign},
    message::AuthorizationResponse,
    renew::{KeyRenewal, TokenRenewal},
};
use oidc_testkit::{Browser, DEVICE_GRANT, KeyRing, Registration, Seed, TestProvider};
use serde_json::json;
use std::sync::Arc;

pub(crate) const ISSUER: &str = "https://op.example";
/// A resource at the same host, so that one server answers everything.
pub(crate) const RESOURCE: &str = "https://op.example/api";
const SECRET: &str = "a client secret";
const CALLBACK: &str = "https://app.example/callback";

/// The keys that a client has when it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Keys {
    None,
    Current,
    /// The keys from before the rotation.
    Stale,
}

/// The disturbances that must not change anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disturbance {
    /// What happens to each state at rest, in order: it is saved in this form, and another node resumes it.
    pub(crate) saved: [Form; 3],
    /// The number of times that each pause is woken too early.
    pub(crate) early: u8,
}

/// A flow, and its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Discovery,
    /// Discovery at the form that is missing, and then at the other.
    EitherForm,
    SignedMetadata,
    ResourceDiscovery,
    AuthorizationDiscovery,
    ClientDocument,
    Jwks,
    Code {
        userinfo: bool,
        keys: Keys,
    },
    Refresh {
        keys: Keys,
    },
    ClientCredentials,
    /// The same, of a client that signs an assertion for each request.
    Asserted,
    ClientCredentialsOnce,
    UserInfo,
    Introspection {
        once: bool,
    },
    /// Signed. It is repeated with current keys only.
    SignedIntrospection {
        keys: Keys,
    },
    Revocation,
    DeviceAuthorization,
    Device {
        keys: Keys,
    },
    BackchannelAuthentication,
    Backchannel {
        keys: Keys,
    },
    MetadataRenewal,
    KeyRenewal,
    TokenRenewal,
    Exchange {
        repeatable: bool,
    },
    Assertion {
        signed: bool,
    },
    IdJag,
    OwnGrant,
    Pushed {
        signed: bool,
    },
    Registration(registration::About),
}

pub(crate) const EVERY: [Kind; 42] = [
    Kind::Discovery,
    Kind::EitherForm,
    Kind::SignedMetadata,
    Kind::ResourceDiscovery,
    Kind::AuthorizationDiscovery,
    Kind::ClientDocument,
    Kind::Jwks,
    Kind::Code { userinfo: false, keys: Keys::Current },
    Kind::Code { userinfo: false, keys: Keys::Stale },
    Kind::Code { userinfo: true, keys: Keys::None },
    Kind::Refresh { keys: Keys::Current },
    Kind::Refresh { keys: Keys::Stale },
    Kind::ClientCredentials,
    Kind::Asserted,
    Kind::ClientCredentialsOnce,
    Kind::UserInfo,
    Kind::Introspection { once: false },
    Kind::Introspection { once: true },
    Kind::SignedIntrospection { keys: Keys::Current },
    Kind::SignedIntrospection { keys: Keys::Stale },
    Kind::Revocation,
    Kind::DeviceAuthorization,
    Kind::Device { keys: Keys::Current },
    Kind::Device { keys: Keys::Stale },
    Kind::BackchannelAuthentication,
    Kind::Backchannel { keys: Keys::Current },
    Kind::Backchannel { keys: Keys::Stale },
    Kind::MetadataRenewal,
    Kind::KeyRenewal,
    Kind::TokenRenewal,
    Kind::Exchange { repeatable: false },
    Kind::Exchange { repeatable: true },
    Kind::Assertion { signed: false },
    Kind::Assertion { signed: true },
    Kind::IdJag,
    Kind::OwnGrant,
    Kind::Pushed { signed: false },
    Kind::Pushed { signed: true },
    Kind::Registration(registration::About::New),
    Kind::Registration(registration::About::Read),
    Kind::Registration(registration::About::Update),
    Kind::Registration(registration::About::Delete),
];

impl Kind {
    /// Law 5: the largest number of requests, and the longest wait in seconds, after which the flow has
    /// ended.
    pub(crate) const fn bound(self) -> (usize, i64) {
        match self {
            Self::Discovery | Self::SignedMetadata | Self::ResourceDiscovery | Self::Jwks => (1, 0),
            Self::ClientDocument => (1, 0),
            Self::UserInfo | Self::ClientCredentialsOnce | Self::Introspection { once: true } => (1, 0),
            Self::MetadataRenewal | Self::KeyRenewal | Self::TokenRenewal | Self::Registration(_) => (1, 0),
            Self::DeviceAuthorization
            | Self::BackchannelAuthentication
            | Self::IdJag
            | Self::Pushed { .. } => (1, 0),
            Self::Exchange { repeatable: false } | Self::Assertion { signed: false } => (1, 0),
            // Two places of the resource, and two of its issuer.
            Self::AuthorizationDiscovery => (4, 0),
            // One request after each interval of the lifetime, and one for the keys.
            Self::Device { .. } | Self::Backchannel { .. } => (POLLS + 1, LIFETIME),
            Self::EitherForm | Self::Code { userinfo: false, .. } | Self::Refresh { .. } => (2, 0),
            // The keys come last.
            Self::SignedIntrospection { keys: Keys::Current } => (5, 3 * 60),
            Self::SignedIntrospection { .. } => (2, 0),
            Self::Code { userinfo: true, .. } => (3, 0),
            Self::ClientCredentials
            | Self::Asserted
            | Self::Introspection { once: false }
            | Self::Revocation
            | Self::Exchange { .. }
            | Self::Assertion { .. }
            | Self::OwnGrant => (4, 3 * 60),
        }
    }

    /// Whether the flow waits, and then repeats its request.
    pub(crate) const fn repeats(self) -> bool {
        matches!(
            self,
            Self::ClientCredentials
                | Self::Asserted
                | Self::Introspection { once: false }
                | Self::SignedIntrospection { keys: Keys::Current }
                | Self::Revocation
                | Self::Exchange { repeatable: true }
                | Self::Assertion { signed: true }
                | Self::OwnGrant
        )
    }

    /// The parameter that may be sent only once.
    pub(crate) const fn sent_once(self) -> Option<&'static str> {
        match self {
            Self::Code { .. } => Some("code="),
            Self::Refresh { .. } => Some("refresh_token="),
            Self::DeviceAuthorization | Self::BackchannelAuthentication => Some("scope="),
            Self::Exchange { repeatable: false } | Self::IdJag => Some("subject_token="),
            Self::Assertion { signed: false } => Some("assertion="),
            Self::Pushed { signed: false } => Some("code_challenge="),
            Self::Pushed { signed: true } => Some("request="),
            Self::Registration(registration::About::New) => Some("\"redirect_uris\""),
            _ => None,
        }
    }

    /// Begins the flow and leaves it to the script.
    pub(crate) fn run(self, script: Script, disturbance: Disturbance) -> (Trace, TestProvider) {
        self.run_at(NOW, script, disturbance)
    }

    /// Begins the flow, and then sets the clock to this time before the script goes on.
    pub(crate) fn run_at(
        self,
        clock: Timestamp,
        script: Script,
        disturbance: Disturbance,
    ) -> (Trace, TestProvider) {
        let mut provider = provider();
        let keys = match self {
            Self::Code { keys, .. }
            | Self::Refresh { keys }
            | Self::Device { keys }
            | Self::Backchannel { keys } => keys,
            Self::SignedIntrospection { keys } => keys,
            _ => Keys::Current,
        };
        let userinfo = matches!(self, Self::Code { userinfo: true, .. });
        // Two nodes with the same settings. Each has fetched the metadata itself.
        let node = |provider: &mut TestProvider| match self {
            Self::Asserted | Self::Pushed { signed: true } => {
                client(provider, "signer", |builder| builder.signer(signer().0))
            }
            Self::SignedIntrospection { .. } => {
                client(provider, "app", |builder| builder.secret(SECRET).signed_introspection())
            }
            _ if userinfo => client(provider, "app", |builder| builder.secret(SECRET).fetch_userinfo()),
            _ => client(provider, "app", |builder| builder.secret(SECRET)),
        };
        let (client, other_node) = (node(&mut provider), node(&mut self::provider()));
        let current = Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap());
        let login = match self {
            Self::Refresh { .. } | Self::UserInfo => Some(login(&mut provider, &client, &current)),
            _ => None,
        };
        let asks = matches!(self, Self::Introspection { .. } | Self::SignedIntrospection { .. });
        let token = (asks || matches!(self, Self::Revocation | Self::Exchange { .. }))
            .then(|| token(&mut provider, &client));
        match self {
            Self::EitherForm => provider.metadata_forms(true, false),
            Self::SignedMetadata => {
                provider.sign_metadata(json!({ "iss": ISSUER, "issuer": ISSUER, "signed": true }))
            }
            _ if keys == Keys::Stale => provider.rotate_keys(),
            _ => {}
        }
        let signers = current.clone();
        let keys = (keys != Keys::None).then_some(current);
        let mut world = World::new(provider, script);
        world.early = disturbance.early;
        world.clock = clock;
        let wanted = super::target::service();
        let trace = match (self, login) {
            (
                Self::Discovery
                | Self::EitherForm
                | Self::SignedMetadata
                | Self::ResourceDiscovery
                | Self::AuthorizationDiscovery
                | Self::MetadataRenewal,
                _,
            ) => endpoints::discover(self, &mut world, signers),
            (Self::ClientDocument, _) => {
                let document = super::world::client_document();
                let policy = UrlPolicy::default();
                let call = ClientIdMetadataRetrieval::start(document.client_id(), &policy).unwrap();
                world.play(call, |pause, _| pause, |found| format!("{found:?}"))
            }
            (Self::Jwks, _) => {
                let call: Call<JwksRetrieval> = client.jwks().unwrap();
                world.play(call, |pause, _| pause, |keys| format!("{keys:?}"))
            }
            (Self::KeyRenewal, _) => {
                let call = KeyRenewal::start(client.metadata().jwks_uri.as_ref().unwrap());
                world.play(
                    call,
                    |pause, _| pause,
                    |renewed| {
                        assert!(!renewed.value.is_empty(), "an empty key set is an error");
                        format!("{renewed:?}")
                    },
                )
            }
            (Self::ClientCredentialsOnce, _) => {
                let call = client.client_credentials_once(&wanted, Moment::new(NOW, [7; 32])).unwrap();
                world.play(call, |pause, _| pause, |tokens| show_tokens(&tokens))
            }
            (Self::TokenRenewal, _) => {
                let call = TokenRenewal::start(&client, &wanted, Moment::new(NOW, [7; 32])).unwrap();
                world.play(
                    call,
                    |pause, _| pause,
                    |renewed| format!("{:?} {}", renewed.freshness, show_tokens(&renewed.value)),
                )
            }
            (Self::Introspection { .. } | Self::SignedIntrospection { .. } | Self::Revocation, _) => {
                endpoints::play(self, &mut world, &client, (token, keys), disturbance.saved)
            }
            (Self::DeviceAuthorization, _) => {
                let (wanted, moment) = (super::target::device(), Moment::new(NOW, [7; 32]));
                let call = client.device_authorization_with(&wanted, moment).unwrap();
                world.play(call, |pause, _| pause, |device| serde_json::to_string(&device).unwrap())
            }
            (Self::Device { .. }, _) => {
                let device = device::begin(&mut world, &client);
                let form = disturbance.saved[0];
                let device = through(form, device);
                let node = on(form, [&client, &other_node]);
                let pause = device.poll(node, keys.clone(), world.clock).unwrap();
                let mut forms = disturbance.saved.into_iter().skip(1).cycle();
                let rest = |pause: Pause<DeviceGrant>, now| match forms.next().unwrap_or_default() {
                    Form::Kept => pause,
                    form => {
                        let saved = through(form, pause.save());
                        saved.poll(on(form, [&client, &other_node]), keys.clone(), now).unwrap()
                    }
                };
                world.play(pause, rest, |tokens| format!("{tokens:?} {}", show_tokens(&tokens.tokens)))
            }
            (Self::BackchannelAuthentication | Self::Backchannel { .. }, _) => {
                ciba::play(self, &mut world, [&client, &other_node], keys, disturbance.saved)
            }
            (Self::Code { .. }, _) => {
                let call = code(&mut world, [&client, &other_node], keys, disturbance.saved[0]);
                world.play(call, |pause, _| pause, show_login)
            }
            (Self::Refresh { .. }, Some(login)) => {
                let form = disturbance.saved[0];
                let spent = super::target::narrow(login.tokens.refresh_token.as_ref().unwrap());
                let previous = through(form, PreviousLogin::from(&login.id_token));
                let call = on(form, [&client, &other_node])
                    .refresh_with(&spent, Some(previous), keys, Moment::new(NOW, [7; 32]))
                    .unwrap();
                world.play(call, |pause, _| pause, show_refreshed)
            }
            (Self::UserInfo, Some(login)) => {
                let call =
                    client.userinfo(&login.tokens.access_token, "alice", Moment::new(NOW, [7; 32])).unwrap();
                world.play(call, |pause, _| pause, |userinfo| format!("{userinfo:?}"))
            }
            (Self::ClientCredentials | Self::Asserted, _) => {
                let call = client.client_credentials(&wanted, Moment::new(NOW, [7; 32])).unwrap();
                let mut forms = disturbance.saved.into_iter();
                let rest = |pause: Pause<ClientCredentialsGrant>, now| match forms.next().unwrap_or_default()
                {
                    Form::Kept => pause,
                    form => {
                        let saved = through(form, pause.save());
                        on(form, [&client, &other_node]).resume_client_credentials(saved, now).unwrap()
                    }
                };
                world.play(call, rest, |tokens| show_tokens(&tokens))
            }
            (Self::Exchange { .. } | Self::Assertion { .. } | Self::IdJag | Self::OwnGrant, _) => {
                grants::play(self, &mut world, &client, token, disturbance.saved)
            }
            (Self::Pushed { signed }, _) => pushed::play(&mut world, &client, signed),
            (Self::Registration(about), _) => registration::play(about, &mut world, disturbance.saved[0]),
            (Self::Refresh { .. } | Self::UserInfo, None) => unreachable!("these begin with a login"),
        };
        (trace, world.provider)
    }
}

fn provider() -> TestProvider {
    let mut provider = TestProvider::new(ISSUER);
    // Ed25519 is quick, and the same in every run.
    provider.access_token_alg(Algorithm::EdDSA);
    provider.sign_introspection(Algorithm::EdDSA);
    let app = Registration::basic("app", SECRET).redirect_uri(CALLBACK).grant_type(DEVICE_GRANT);
    let app = grants::allowed(app);
    grants::accept(&mut provider);
    provider.device_times(device::INTERVAL, LIFETIME);
    provider.register(app.grant_type("client_credentials").id_token_alg(Algorithm::EdDSA));
    ciba::accept(&mut provider);
    let signer = Registration::private_key_jwt("signer", signer().1).redirect_uri(CALLBACK);
    provider.register(signer.grant_type("client_credentials"));
    provider
}

/// The key of a client, and its public half. Ed25519 is the same in every run.
fn signer() -> (Arc<dyn Sign>, serde_json::Value) {
    KeyRing::client_key(Algorithm::EdDSA)
}

fn client(provider: &mut TestProvider, id: &str, set: fn(ClientBuilder) -> ClientBuilder) -> Client {
    let (request, _, pending) = Discovery::start(ISSUER, &UrlPolicy::default()).unwrap().into_parts();
    let response = provider.handle(&request, NOW);
    let Ok(Step::Done(metadata)) = pending.receive(response, Moment::new(NOW, [0; 32])) else {
        panic!("the provider has metadata")
    };
    let builder = Client::builder(metadata, id).redirect_uri(CALLBACK);
    set(builder.id_token_signed_response_alg(Algorithm::EdDSA)).build().unwrap()
}

/// The user leaves and comes back.
fn code(world: &mut World, nodes: [&Client; 2], keys: Option<Arc<KeySet>>, form: Form) -> Call<Login> {
    let client = nodes[0];
    let mut seed = Seed::new(1);
    let request = super::target::login();
    let (url, pending) = client.authorize(&request, seed.moment(NOW)).unwrap();
    let pending = match form {
        Form::Cookie => among_others(client, pending),
        _ => through(form, pending),
    };
    let landing = Browser::new().visit(&mut world.provider, url, NOW);
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let step = pending.callback(on(form, nodes), keys, response, seed.moment(NOW)).unwrap();
    step.into_call().expect("the code is sent")
}

fn login(provider: &mut TestProvider, client: &Client, keys: &Arc<KeySet>) -> Authenticated {
    let mut world = World::new(std::mem::replace(provider, self::provider()), super::world::honest());
    let call = code(&mut world, [client; 2], Some(keys.clone()), Form::Kept);
    let (request, _, pending) = call.into_parts();
    let response = world.provider.handle(&request, NOW);
    *provider = world.provider;
    match pending.receive(response, Moment::new(NOW, [1; 32])) {
        Ok(Step::Done(login)) => login,
        other => panic!("an honest login ends well: {other:?}"),
    }
}

fn token(provider: &mut TestProvider, client: &Client) -> Secret {
    let call = client
        .client_credentials_once(&ClientCredentialsRequest::default(), Moment::new(NOW, [7; 32]))
        .unwrap();
    let (request, _, pending) = call.into_parts();
    match pending.receive(provider.handle(&request, NOW), Moment::new(NOW, [2; 32])) {
        Ok(Step::Done(tokens)) => tokens.access_token,
        other => panic!("an honest grant: {other:?}"),
    }
}
