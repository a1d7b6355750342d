//! Users log in at Keycloak, and their tokens are refreshed.

use super::{Realm, lab, visit};
use crate::npm::protocol;
use oidc_drive::moment;
use oidc_proto::{
    Error,
    flow::{Authenticated, Client, PreviousLogin, TokenTypeHint},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use serde_json::json;

pub(super) fn log_in(realm: &Realm, client: &Client, user: &str) -> Authenticated {
    log_in_for(realm, client, user, &["profile", "email"])
}

/// Logs this user in, with these scopes.
pub(super) fn log_in_for(realm: &Realm, client: &Client, user: &str, scopes: &[&str]) -> Authenticated {
    let request = AuthorizationRequest::new(scopes.iter().copied());
    let (url, pending) = client.authorize(&request, moment()).expect("a request");
    let response = AuthorizationResponse::from_url(&visit(&url, user)).expect("a callback");
    let call = pending.callback(client, None, response, moment()).expect("a code");
    realm.http.run(call).expect("a login")
}

#[test]
fn users_log_in_as_a_public_and_as_a_confidential_client() {
    let Some(realm) = lab() else { return };
    for id in ["public", "confidential"] {
        let client = realm.client(id).fetch_userinfo().build().unwrap();
        let login = log_in(realm, &client, "alice");
        assert_eq!(
            (login.id_token.iss.as_str(), &*login.id_token.aud),
            (&*realm.issuer, &[id.to_owned()][..])
        );
        let userinfo = login.userinfo.expect("UserInfo was asked for");
        assert_eq!(userinfo.sub, login.id_token.sub, "{id}");
        assert_eq!(userinfo.claim::<String>("preferred_username").as_deref(), Some("alice"), "{id}");
    }
}

#[test]
fn the_login_of_the_readme_says_who_the_user_is() {
    let Some(realm) = lab() else { return };
    let visit = |url: &str| visit(&url.parse().expect("a URL"), "alice");
    let user = crate::readme::log_in(&realm.issuer, visit).expect("a login");
    assert_eq!(user.name(), Some("Alice Example"));
}

/// A realm where the name is at UserInfo alone: the mapper of the scope `profile` leaves it out of ID tokens.
#[test]
fn the_name_is_that_of_userinfo_where_the_id_token_has_none() {
    let Some(lab) = lab() else { return };
    let realm = lab.another("nameless");
    realm.keep_names_out_of_id_tokens();
    for (fetched, name) in [(true, Some("Bob Example")), (false, None)] {
        let client = realm.client("confidential");
        let client = if fetched { client.fetch_userinfo() } else { client }.build().unwrap();
        let login = log_in(&realm, &client, "bob");
        assert_eq!((login.id_token.claim::<String>("name"), login.name()), (None, name));
    }
}

/// Keycloak's default sends a new refresh token and keeps the old one; with `revokeRefreshToken` the old one
/// is spent.
#[test]
fn refresh_works_with_rotation_on_and_off() {
    let Some(lab) = lab() else { return };
    let rotating = lab.another("rotating");
    rotating.change(&json!({"revokeRefreshToken": true, "refreshTokenMaxReuse": 0}));
    for (realm, spent) in [(lab, false), (&rotating, true)] {
        let client = realm.client("public").build().unwrap();
        let login = log_in(realm, &client, "alice");
        let previous = || Some(PreviousLogin::from(&login.id_token));
        let first = login.tokens.refresh_token.clone().expect("a refresh token");
        let refreshed = realm.http.run(client.refresh(&first, previous(), None, moment()).unwrap()).unwrap();
        assert_eq!(refreshed.id_token.expect("a new ID token").sub, login.id_token.sub);
        let again = realm.http.run(client.refresh(&first, previous(), None, moment()).unwrap());
        match again.map_err(protocol) {
            Ok(_) => assert!(!spent, "the old refresh token is spent"),
            Err(Error::OAuth(error)) => {
                assert!(spent && error.response.error == "invalid_grant", "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_refresh_token_that_is_revoked_is_worth_nothing() {
    let Some(realm) = lab() else { return };
    let client = realm.client("confidential").build().unwrap();
    let login = log_in(realm, &client, "bob");
    let token = login.tokens.refresh_token.clone().expect("a refresh token");
    let revoke = client.revoke(&token, Some(TokenTypeHint::RefreshToken), moment()).unwrap();
    realm.http.run(revoke).unwrap();
    let call = client.refresh(&token, Some((&login.id_token).into()), None, moment()).unwrap();
    let Err(Error::OAuth(refused)) = realm.http.run(call).map_err(protocol) else { panic!() };
    assert_eq!(refused.response.error, "invalid_grant");
}
