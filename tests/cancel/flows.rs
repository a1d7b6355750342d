//! `run_async`: a login from discovery to UserInfo, and a grant that waits.

use crate::stage::{Lost, Net, dropped_at, lock, points, whole};
use oidc_drive::{DriveError, moment, now, run_async};
use oidc_proto::{
    Error, UrlPolicy,
    flow::{Authenticated, Client, ClientCredentialsRequest, Discovery, PendingAuthorization},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse, TokenResponse},
};
use oidc_testkit::{Browser, EndpointName, Registration, TestProvider, hostile};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

pub const ISSUER: &str = "https://op.example";
pub const CALLBACK: &str = "https://app.example/callback";

pub fn provider(issuer: &str) -> TestProvider {
    let mut provider = TestProvider::new(issuer);
    // Ed25519 is quick.
    provider.access_token_alg(Algorithm::EdDSA);
    let app = Registration::basic("app", "a client secret").redirect_uri(CALLBACK);
    provider.register(app.grant_type("client_credentials").id_token_alg(Algorithm::EdDSA));
    provider
}

pub fn make_client(metadata: oidc_proto::metadata::ProviderMetadata) -> Client {
    let builder = Client::builder(metadata, "app").secret("a client secret").redirect_uri(CALLBACK);
    builder.id_token_signed_response_alg(Algorithm::EdDSA).fetch_userinfo().build().expect("it goes together")
}

/// The state that an application keeps while its user is away, and the callback that the user brings.
#[derive(Clone, Default)]
pub struct Session(Arc<Mutex<Option<(String, String)>>>);

impl Session {
    /// Sends the user to the provider and back.
    pub fn visit(&self, provider: &mut TestProvider, client: &Client) -> Returned {
        let request = AuthorizationRequest::new(["profile", "offline_access"]);
        let (url, pending) = client.authorize(&request, moment()).expect("the request can be made");
        let saved = serde_json::to_string(&pending).expect("it can be saved");
        let landing = Browser::new().visit(provider, url, now());
        *lock(&self.0) = Some((saved, landing.url().to_owned()));
        self.returned().expect("just saved")
    }

    /// The login as it was saved, and the callback.
    pub fn returned(&self) -> Option<Returned> {
        let (saved, url) = lock(&self.0).clone()?;
        let pending = serde_json::from_str(&saved).expect("what is saved is whole");
        Some((pending, AuthorizationResponse::from_url(&url).expect("a callback")))
    }
}

pub type Returned = (PendingAuthorization, AuthorizationResponse);

async fn no_sleep(_: Duration) {
    panic!("a login does not wait")
}

async fn discover(net: &Net) -> Result<Client, DriveError<Lost>> {
    let call = Discovery::start(ISSUER, &UrlPolicy::default())?;
    let send = |request, terms| net.clone().send(request, terms);
    Ok(make_client(run_async(call, send, no_sleep).await?))
}

async fn exchange(net: &Net, client: &Client, returned: Returned) -> Result<Authenticated, DriveError<Lost>> {
    let call = returned.0.callback(client, None, returned.1, moment())?;
    run_async(call, |request, terms| net.clone().send(request, terms), no_sleep).await
}

/// Discovery, the user's visit, the token, the keys, and UserInfo.
pub async fn log_in(net: &Net, session: &Session) -> Result<Authenticated, DriveError<Lost>> {
    let client = discover(net).await?;
    let returned = session.visit(&mut lock(&net.provider), &client);
    exchange(net, &client, returned).await
}

/// A login that is dropped at any point leaves nothing running, and has sent its code once or not at all.
/// If the code was not sent, the saved login goes on on another node. A new login can always begin.
#[test]
fn a_login_dropped_at_any_point_sent_its_code_at_most_once_and_can_begin_again() {
    for number in 0..4 {
        let net = || Net::new(provider(ISSUER), number);
        let (login, all) = whole(log_in(&net(), &Session::default()));
        assert_eq!(login.expect("a login").id_token.sub, "alice");
        let (mut seen, mut resumed, mut spent) = (BTreeSet::new(), 0, 0);
        for point in 0..=all {
            let (net, session) = (net(), Session::default());
            dropped_at(point, log_in(&net, &session));
            seen.insert(net.requests());
            // Before a new login begins, the old one is resumed from its saved state.
            let other_node = whole(discover(&net)).0.expect("metadata");
            if let Some(returned) = session.returned() {
                let code = returned.1.code.clone().expect("a code");
                let sent = net.times_sent("code", code.expose());
                assert!(sent <= 1, "sent {sent} times by point {point}");
                lock(&net.provider).assert_clean();
                match whole(exchange(&net, &other_node, returned)).0 {
                    Ok(login) => {
                        assert_eq!((login.id_token.sub.as_str(), sent), ("alice", 0));
                        resumed += 1;
                        lock(&net.provider).assert_clean();
                    }
                    // A caller that kept the login after its use chose to send the used code again.
                    Err(error) => {
                        let DriveError::Protocol(Error::OAuth(refused)) = error else { panic!("{error:?}") };
                        assert_eq!((refused.response.error.as_str(), sent), ("invalid_grant", 1));
                        spent += 1;
                        assert_eq!(net.times_sent("code", code.expose()), 2);
                        lock(&net.provider).clear_audit();
                    }
                }
            }
            let again = whole(log_in(&net, &Session::default())).0;
            assert_eq!(again.expect("a login").id_token.sub, "alice", "begun again after point {point}");
            lock(&net.provider).assert_clean();
        }
        // The cases: nothing sent; metadata; user back and code sent; keys; UserInfo.
        let visits = 1;
        assert!(seen.is_superset(&BTreeSet::from([0, 1, 2 + visits, 3 + visits, 4 + visits])), "{seen:?}");
        assert!(resumed > 0 && spent > 0, "{resumed} resumed, {spent} spent");
    }
}

async fn grant(net: &Net, client: &Client) -> Result<TokenResponse, DriveError<Lost>> {
    let call =
        client.client_credentials(&ClientCredentialsRequest::new(["reports"]), oidc_drive::moment())?;
    let send = |request, terms| net.clone().send(request, terms);
    let sleep = |span: Duration| {
        assert!(span <= Duration::from_secs(5), "as long as the provider asked for: {span:?}");
        points(net.few())
    };
    run_async(call, send, sleep).await
}

/// A grant uses nothing up, so it simply begins again wherever it was dropped: during a request, during a
/// response, or asleep.
#[test]
fn a_grant_dropped_at_any_point_even_asleep_can_begin_again() {
    for number in 0..8 {
        let scene = || {
            let mut provider = provider(ISSUER);
            provider.alter_response(EndpointName::Token, hostile::times(1, hostile::retry_after(5)));
            let net = Net::new(provider, number);
            let client = whole(discover(&net)).0.expect("metadata");
            (net, client)
        };
        let (net, client) = scene();
        let (tokens, all) = whole(grant(&net, &client));
        assert!(tokens.is_ok() && net.requests() == 3, "busy, then granted");
        let mut seen = BTreeSet::new();
        for point in 0..=all {
            let (net, client) = scene();
            dropped_at(point, grant(&net, &client));
            let before = net.requests();
            seen.insert(before);
            whole(grant(&net, &client)).0.expect("tokens");
            let most = if before == 1 { 2 } else { 1 };
            assert_eq!(net.requests(), before + most, "the dropped flow sends no more requests");
            lock(&net.provider).assert_clean();
        }
        assert_eq!(seen, BTreeSet::from([1, 2, 3]), "dropped before, between and after both requests");
    }
}
