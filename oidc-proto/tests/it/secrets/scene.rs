//! One login, the same in every run, so that its secrets are known before the test looks for them.

use oidc_proto::{
    Moment, Timestamp, UrlPolicy,
    flow::{Authenticated, Call, Client, ClientBuilder, Discovery, Login, PendingAuthorization, Step},
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::ProviderMetadata,
};
use oidc_testkit::{Browser, DEVICE_GRANT, Registration, TestProvider};
use std::sync::Arc;

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const SECRET: &str = "MARK/client+secret=of 48 characters, and some more";
const CALLBACK: &str = "https://app.example/callback";

pub(crate) struct Scene {
    pub(crate) provider: TestProvider,
    pub(crate) metadata: ProviderMetadata,
    pub(crate) client: Client,
    pub(crate) keys: Arc<KeySet>,
}

/// The way in which the client sends its secret.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum How {
    Header,
    Body,
    /// Nowhere: the secret signs an assertion.
    Assertion,
}

pub(crate) fn moment(number: u8) -> Moment {
    Moment::new(NOW, [number; 32])
}

pub(crate) fn scene(how: How) -> Scene {
    let mut provider = TestProvider::new("https://op.example");
    let registration = match how {
        How::Header => Registration::basic("app", SECRET),
        How::Body => Registration::post("app", SECRET),
        How::Assertion => Registration::secret_jwt("app", SECRET),
    };
    provider.register(
        registration.redirect_uri(CALLBACK).grant_type("client_credentials").grant_type(DEVICE_GRANT),
    );
    let (request, _, pending) =
        Discovery::start("https://op.example", &UrlPolicy::default()).unwrap().into_parts();
    let metadata = match pending.receive(provider.handle(&request, NOW), moment(0)) {
        Ok(Step::Done(metadata)) => metadata,
        other => panic!("the provider has metadata: {other:?}"),
    };
    let client = builder(&metadata, how).build().unwrap();
    let keys = Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap());
    Scene { provider, metadata, client, keys }
}

pub(crate) fn builder(metadata: &ProviderMetadata, how: How) -> ClientBuilder {
    use oidc_proto::flow::ClientAuthentication;
    let method = match how {
        How::Header => ClientAuthentication::ClientSecretBasic,
        How::Body => ClientAuthentication::ClientSecretPost,
        How::Assertion => ClientAuthentication::ClientSecretJwt,
    };
    let builder = Client::builder(metadata.clone(), "app").secret(SECRET).authentication(method);
    builder.redirect_uri(CALLBACK).fetch_userinfo()
}

impl Scene {
    pub(crate) fn begin(&mut self) -> (url::Url, PendingAuthorization) {
        self.client.authorize(&AuthorizationRequest::new(["profile", "offline_access"]), moment(1)).unwrap()
    }

    pub(crate) fn respond(&mut self, url: &url::Url) -> AuthorizationResponse {
        let landing = Browser::new().visit(&mut self.provider, url, NOW);
        AuthorizationResponse::from_url(landing.url()).unwrap()
    }

    /// A login whose code is about to be sent. The keys are not known.
    pub(crate) fn exchange(&mut self) -> Call<Login> {
        let (url, pending) = self.begin();
        let response = self.respond(&url);
        pending
            .callback(&self.client, None, response, moment(2))
            .unwrap()
            .into_call()
            .expect("the code is sent")
    }

    /// The whole login, with each step shown on the way.
    pub(crate) fn login(&mut self, mut shown: impl FnMut(&Step<Login>)) -> Authenticated {
        let mut step = Step::Send(self.exchange());
        loop {
            shown(&step);
            step = match step {
                Step::Send(call) => {
                    let (request, _, pending) = call.into_parts();
                    pending.receive(self.provider.handle(&request, NOW), moment(3)).unwrap()
                }
                Step::Done(login) => return login,
                Step::Wait(_) => panic!("a login does not wait"),
            };
        }
    }
}
