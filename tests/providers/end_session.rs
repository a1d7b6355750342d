//! Logout that an application begins, at a real, OpenID-certified provider (`oidc-provider` from npm), in a browser: a
//! user logs out, and another changes their mind. By its default settings, this provider takes no form here.

use crate::npm::{self, Browser, Npm, Opened, User};
use oidc_drive::moment;
use oidc_proto::{
    flow::{Authenticated, Client, PreparedLogout},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse, LogoutRequest, LogoutResponse, Prompt},
};
use url::Url;

const BACK: &str = "https://app.example/logged-out";

fn client(npm: &Npm, alg: &str) -> Client {
    let algorithm = Algorithm::from_name(alg).expect("an algorithm");
    let builder = npm.client(alg, "client_secret_basic").id_token_signed_response_alg(algorithm);
    builder.build().expect("a client")
}

fn log_in(npm: &Npm, client: &Client, browser: &mut Browser) -> Authenticated {
    let (url, pending) = client.authorize(&AuthorizationRequest::default(), moment()).expect("a request");
    let callback = browser.visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    npm.http.run(pending.callback(client, None, response, moment()).expect("a code")).expect("a login")
}

/// Whether the browser has a session at the provider: what `prompt=none` leads to.
fn error_without_a_prompt(client: &Client, browser: &mut Browser) -> Option<String> {
    let request = AuthorizationRequest::default().prompt([Prompt::None]);
    let (url, _) = client.authorize(&request, moment()).expect("a request");
    let callback = browser.visit(&url, User::Aborts);
    AuthorizationResponse::from_url(&callback).expect("a callback").error.map(|error| error.error)
}

fn prepare(client: &Client, user: &Authenticated) -> PreparedLogout {
    let request = LogoutRequest::new()
        .id_token_hint(user.id_token.token.clone())
        .post_logout_redirect_uri(BACK)
        .ui_locales(["de"]);
    client.logout(&request, moment()).expect("a logout")
}

/// The user decides at the page of the provider. Returns where they land.
fn decide(browser: &mut Browser, page: Opened, logs_out: bool) -> Url {
    let Opened::Page(page) = page else { panic!("the provider asks the user") };
    let value = |before: &str| {
        let (_, after) = page.split_once(before).expect("the page has the field");
        after.split('"').next().expect("an end").to_owned()
    };
    let (action, xsrf) = (value(r#"action=""#), value(r#"name="xsrf" value=""#));
    let body = format!("xsrf={xsrf}{}", if logs_out { "&logout=yes" } else { "" });
    match browser.open(&action.parse().expect("a URL"), Some(&body)) {
        Opened::Elsewhere(url) => url,
        Opened::Page(page) => panic!("the user does not come back: {page}"),
    }
}

#[test]
fn a_user_logs_out_comes_back_and_has_no_session_afterwards() {
    let Some(npm) = npm::npm() else { return };
    for alg in ["ES256", "RS256", "EdDSA"] {
        let (client, mut browser) = (client(npm, alg), Browser::new());
        let user = log_in(npm, &client, &mut browser);
        assert_eq!(error_without_a_prompt(&client, &mut browser), None, "there is a session");

        let (url, pending) = prepare(&client, &user).by_url();
        let page = browser.open(&url, None);
        let landing = decide(&mut browser, page, true);
        assert!(landing.as_str().starts_with(BACK), "{landing}");
        let response = LogoutResponse::from_url(landing.as_str()).expect("a return");
        assert_eq!(pending.expect("the user comes back").returned(&client, &response), Ok(()));
        let error = error_without_a_prompt(&client, &mut browser);
        assert_eq!(error.as_deref(), Some("login_required"), "the session is over");
    }
}

#[test]
fn a_user_who_does_not_want_to_log_out_comes_back_all_the_same() {
    let Some(npm) = npm::npm() else { return };
    let (client, mut browser) = (client(npm, "ES256"), Browser::new());
    let user = log_in(npm, &client, &mut browser);
    let (url, pending) = prepare(&client, &user).by_url();
    let page = browser.open(&url, None);
    let landing = decide(&mut browser, page, false);
    let response = LogoutResponse::from_url(landing.as_str()).expect("a return");
    assert_eq!(pending.expect("the user comes back").returned(&client, &response), Ok(()));
    let error = error_without_a_prompt(&client, &mut browser);
    assert_ne!(error.as_deref(), Some("login_required"), "the user is still logged in there");
}
