//! Backchannel authentication (OpenID Connect CIBA Core 1.0): the provider asks a user on a device of theirs, and the
//! client polls, is pinged, or gets the tokens pushed.

mod audit;
mod notifications;
mod polling;
mod pushes;
mod requests;
mod saved;

use oidc_proto::{
    Error, Secret, Timestamp,
    flow::{
        BackchannelAuthentication, BackchannelAuthenticationRequest, BackchannelGrant, BackchannelTokens,
        Client, ClientNotification, DeliveryMode, Pause, Step,
    },
    jose::Algorithm,
};
use oidc_testkit::{Clock, EndpointName, Party, Registration, Seed, TestProvider, drive, hostile};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
const ISSUER: &str = "https://op.example";

/// A provider, a client in one delivery mode, and a clock.
pub(crate) struct Scene {
    pub(crate) provider: TestProvider,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    mode: DeliveryMode,
}

impl Scene {
    pub(crate) fn new(mode: DeliveryMode) -> Self {
        Self::with(mode, |provider| {
            provider.register(
                Registration::basic("shop", "its secret")
                    .grant_types(["refresh_token"])
                    .id_token_alg(Algorithm::ES256),
            );
        })
    }

    fn with(mode: DeliveryMode, register: impl FnOnce(&mut TestProvider)) -> Self {
        let mut provider = TestProvider::new(ISSUER);
        register(&mut provider);
        provider.allow_backchannel("shop", mode.name());
        let mut clock = Clock::new(NOW, Seed::new(3));
        let discovery = oidc_proto::flow::Discovery::start(ISSUER, &Default::default()).unwrap();
        let metadata = drive(discovery, &mut provider, &mut clock).unwrap();
        let client = Client::builder(metadata, "shop")
            .id_token_signed_response_alg(Algorithm::ES256)
            .secret("its secret")
            .build()
            .unwrap();
        Self { provider, client, clock, mode }
    }

    fn wanted(&self) -> BackchannelAuthenticationRequest {
        BackchannelAuthenticationRequest::login_hint("alice").delivery_mode(self.mode)
    }

    fn ask(
        &mut self,
        request: &BackchannelAuthenticationRequest,
    ) -> Result<BackchannelAuthentication, Error> {
        let call = self.client.backchannel_authentication(request, self.clock.moment())?;
        drive(call, &mut self.provider, &mut self.clock)
    }

    pub(crate) fn begin(&mut self) -> BackchannelAuthentication {
        self.ask(&self.wanted()).unwrap()
    }

    /// Waits once and sends one request.
    fn poll_once(&mut self, pause: Pause<BackchannelGrant>) -> Result<Step<BackchannelGrant>, Error> {
        self.clock.advance(pause.until().0 - self.clock.now().0);
        let Step::Send(call) = pause.wake(self.clock.moment())? else { panic!("it is time to ask") };
        let (request, _, pending) = call.into_parts();
        let response = self.provider.handle(&request, self.clock.now());
        pending.receive(response, self.clock.moment())
    }

    fn finish(&mut self, step: impl Into<Step<BackchannelGrant>>) -> Result<BackchannelTokens, Error> {
        drive(step, &mut self.provider, &mut self.clock)
    }

    /// The only notification that the provider has sent.
    fn notification(&mut self) -> ClientNotification {
        let [request] = &self.provider.take_notifications()[..] else { panic!("one notification") };
        ClientNotification::read(request).unwrap()
    }
}

fn waiting(step: Step<BackchannelGrant>) -> Pause<BackchannelGrant> {
    let Step::Wait(pause) = step else { panic!("it waits: {step:?}") };
    pause
}

/// The seconds until the next request.
fn gap(scene: &Scene, pause: &Pause<BackchannelGrant>) -> i64 {
    pause.until().0 - scene.clock.now().0
}
