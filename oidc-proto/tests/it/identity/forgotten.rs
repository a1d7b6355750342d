//! A server that has forgotten a client: it registers anew, once.

use super::{
    choice::{AS, REDIRECT, registered, server},
    client_id,
};
use crate::support::{NOW, policy};
use oidc_proto::{
    Error,
    flow::{
        Client, ClientIdentities, ClientIdentity, Discovery, ForgottenClient, IdentityChoice,
        PreRegisteredClient, RegisteredClient, Registration, RegistrationRequest,
    },
    message::{AuthorizationRequest, AuthorizationResponse, ClientMetadata},
    metadata::ProviderMetadata,
};
use oidc_testkit::{Browser, Clock, EndpointName, Landing, Seed, TestProvider, drive, hostile};

/// An agent at one server, with what it keeps.
struct Agent {
    provider: TestProvider,
    metadata: ProviderMetadata,
    clock: Clock,
    kept: Option<RegisteredClient>,
    registrations: usize,
}

impl Agent {
    fn new() -> Self {
        let mut provider = TestProvider::new(AS);
        provider.accept_registrations();
        let mut clock = Clock::new(NOW, Seed::new(1));
        let call = Discovery::start(AS, &policy()).unwrap();
        let metadata = drive(call, &mut provider, &mut clock).unwrap();
        Self { provider, metadata, clock, kept: None, registrations: 0 }
    }

    /// The identity at the server. It registers if it must.
    fn identity(&mut self) -> ClientIdentity {
        let identities = ClientIdentities::new().registration(ClientMetadata::native([REDIRECT]));
        loop {
            match identities.choose(&self.metadata, self.kept.as_ref(), self.clock.now()).unwrap() {
                IdentityChoice::Client(identity) => return identity,
                IdentityChoice::Register(metadata) => {
                    self.registrations += 1;
                    let call = Registration::start(&self.metadata, &RegistrationRequest::new(*metadata));
                    let client = drive(call.unwrap(), &mut self.provider, &mut self.clock).unwrap();
                    self.kept = Some(client);
                }
                _ => unreachable!("there are two"),
            }
        }
    }

    fn client(&self, identity: &ClientIdentity) -> Client {
        let builder = identity.client(self.metadata.clone(), self.clock.now()).unwrap();
        builder.redirect_uri(REDIRECT).build().unwrap()
    }

    /// What the user does in the browser, and then the code. `None` if the server shows a page.
    fn log_in(&mut self, client: &Client, lost_store: bool) -> Option<Result<(), Error>> {
        let (url, pending) = client.authorize(&AuthorizationRequest::default(), self.clock.moment()).unwrap();
        let landing = Browser::new().visit(&mut self.provider, url, self.clock.now());
        let Landing::Callback(back) = landing else { return None };
        if lost_store {
            self.provider.forget_client(client.client_id());
        }
        let response = AuthorizationResponse::from_url(&back).unwrap();
        let step = match pending.callback(client, None, response, self.clock.moment()) {
            Ok(step) => step,
            Err(error) => return Some(Err(error)),
        };
        Some(drive(step, &mut self.provider, &mut self.clock).map(drop))
    }

    /// One attempt of a user: it ends with access, or with an error. `loses` says whether the server loses its store after
    /// each visit of the browser.
    fn attempt(&mut self, loses: bool) -> Result<(), Option<Error>> {
        let mut forgotten = ForgottenClient::new();
        for _ in 0..10 {
            let identity = self.identity();
            let client = self.client(&identity);
            let anew = match self.log_in(&client, loses) {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) if !forgotten.learn(&identity, &error) => return Err(Some(error)),
                None if !forgotten.told(&identity) => return Err(None),
                Some(Err(_)) | None => true,
            };
            if anew {
                self.kept = None;
            }
        }
        panic!("it never ends")
    }
}

/// Defect M19: the server had lost its dynamic clients, and the old `client_id` was sent to it for ever.
#[test]
fn a_client_that_the_server_has_forgotten_registers_anew_once() {
    let mut agent = Agent::new();
    assert!(agent.attempt(false).is_ok());
    assert!(agent.attempt(false).is_ok());
    assert_eq!(agent.registrations, 1, "it is kept");
    let old = agent.kept.clone().unwrap();

    // The server restarts: the user sees a page.
    agent.provider.forget_client(&old.client_id);
    assert!(agent.attempt(false).is_ok());
    assert_eq!(agent.registrations, 2);
    assert_ne!(agent.kept.as_ref().unwrap().client_id, old.client_id);
    agent.provider.clear_audit();

    // And each attempt of a user has one of its own.
    let old = agent.kept.clone().unwrap();
    agent.provider.forget_client(&old.client_id);
    assert!(agent.attempt(false).is_ok());
    assert_eq!(agent.registrations, 3);
}

/// Defect M19, the other way round: a server that forgets each client at once must not get a hundred registrations.
#[test]
fn a_server_that_forgets_every_client_gets_two_registrations_and_the_user_an_error() {
    let mut agent = Agent::new();
    let error = agent.attempt(true).unwrap_err().unwrap();
    assert_eq!(error.provider_code(), Some("invalid_client"), "{error}");
    assert_eq!(agent.registrations, 2);

    let mut agent = Agent::new();
    agent
        .provider
        .alter_response(EndpointName::Authorize, hostile::respond(400, "text/html", "who are you?"));
    assert_eq!(agent.attempt(false).unwrap_err(), None);
    assert_eq!(agent.registrations, 2);

    let mut agent = Agent::new();
    agent.provider.alter_response(EndpointName::Token, hostile::oauth_error(401, "invalid_client"));
    let error = agent.attempt(false).unwrap_err().unwrap();
    assert_eq!((error.provider_code(), agent.registrations), (Some("invalid_client"), 2));
}

#[test]
fn only_an_unknown_client_registers_anew_and_only_one_that_had_registered_itself() {
    let kept = registered(AS);
    let there = server(AS, true, true);
    let choose = |identities: ClientIdentities, kept: Option<&RegisteredClient>| {
        let Ok(IdentityChoice::Client(identity)) = identities.choose(&there, kept, NOW) else { panic!() };
        identity
    };
    let dynamic = choose(ClientIdentities::new(), Some(&kept));
    let refused = |status: u16, error: &str| {
        let mut agent = Agent::new();
        agent.provider.alter_response(EndpointName::Token, hostile::oauth_error(status, error));
        agent.attempt(false).unwrap_err().unwrap()
    };
    for (status, error) in
        [(400, "invalid_grant"), (400, "invalid_scope"), (401, "invalid_token"), (400, "access_denied")]
    {
        let error = refused(status, error);
        assert!(!ForgottenClient::new().learn(&dynamic, &error), "{error}");
    }
    let busy = {
        let mut agent = Agent::new();
        agent.provider.alter_response(EndpointName::Token, hostile::retry_after(5));
        agent.attempt(false).unwrap_err().unwrap()
    };
    assert!(!ForgottenClient::new().learn(&dynamic, &busy), "{busy}");

    let unknown = refused(401, "invalid_client");
    let mut forgotten = ForgottenClient::new();
    for others in [
        choose(ClientIdentities::new().pre_registered(PreRegisteredClient::new(AS, "by-hand")), None),
        choose(ClientIdentities::new().document(client_id()), None),
    ] {
        assert!(!forgotten.learn(&others, &unknown) && !forgotten.told(&others), "{others:?}");
    }
    assert!(forgotten.learn(&dynamic, &unknown), "those before did not count");
    for _ in 0..3 {
        assert!(!forgotten.learn(&dynamic, &unknown) && !forgotten.told(&dynamic));
    }
}

/// Some servers send the user back with the error.
#[test]
fn an_error_that_comes_with_the_user_counts_as_well() {
    let dynamic = {
        let kept = registered(AS);
        let Ok(IdentityChoice::Client(identity)) =
            ClientIdentities::new().choose(&server(AS, true, true), Some(&kept), NOW)
        else {
            panic!("it is kept")
        };
        identity
    };
    for (code, counts) in [
        ("invalid_client", true),
        ("unauthorized_client", true),
        ("access_denied", false),
        ("server_error", false),
    ] {
        let mut agent = Agent::new();
        let identity = agent.identity();
        let client = agent.client(&identity);
        agent.provider.deny_next(code);
        let error = agent.log_in(&client, false).expect("it sends the user back").unwrap_err();
        assert_eq!(ForgottenClient::new().learn(&dynamic, &error), counts, "{error}");
    }
}
