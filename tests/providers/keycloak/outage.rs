//! Keycloak stops, and starts again with the same keys and users.

use super::{
    Folder, Realm,
    api::{ask, gate},
    free_port,
    logins::log_in,
    start,
};
use crate::npm::protocol;
use oidc_drive::{DriveError, moment};
use oidc_proto::flow::PreviousLogin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_serves_through_an_outage_and_sessions_survive_it() {
    let (folder, port) = (Folder::new("outage"), free_port());
    let begin = || tokio::task::block_in_place(|| start(&folder.0, port, None));
    let Some(server) = begin() else { return };
    let realm = tokio::task::block_in_place(|| Realm::at(&server.base, "lab"));
    let client = realm.client("audience").build().unwrap();
    let login = tokio::task::block_in_place(|| log_in(&realm, &client, "alice"));
    let token = &login.tokens.access_token;
    let trust = |issuer: oidc_proto::resource::TrustedIssuer| {
        issuer.access_tokens(|tokens| tokens.accept_plain_jwt())
    };
    let (warm, fetched) = gate(&realm, trust);
    ask(&warm, token).await.expect("a valid token");

    tokio::task::block_in_place(|| drop(server));
    for _ in 0..100 {
        ask(&warm, token).await.expect("the keys are at hand");
    }
    let (cold, _) = gate(&realm, trust);
    assert_eq!(ask(&cold, token).await.unwrap_err().status(), 503, "an outage is never the token's fault");
    let refresh = || {
        let previous = Some(PreviousLogin::from(&login.id_token));
        let token = login.tokens.refresh_token.as_ref().expect("a refresh token");
        tokio::task::block_in_place(|| {
            realm.http.run(client.refresh(token, previous, None, moment()).unwrap())
        })
    };
    assert!(refresh().is_err());

    let Some(_server) = begin() else { panic!("it started before") };
    // The first answers of a server that has just started may take longer than a request waits. The realm does not rotate
    // refresh tokens, so the token may be sent again.
    let answers = |refreshed: &Result<_, _>| !matches!(refreshed, Err(DriveError::Transport(_)));
    let refreshed = std::iter::repeat_with(refresh).take(10).find(answers).expect("it answers");
    let refreshed = refreshed.map_err(protocol).expect("the session is in the database");
    ask(&warm, &refreshed.tokens.access_token).await.expect("the keys are the same");
    assert_eq!(fetched.load(std::sync::atomic::Ordering::SeqCst), 1);
}
