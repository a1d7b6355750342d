//! Secrets in a logout at the provider, and in a login that somebody else begins: no ID token, no state and no hint at a
//! user shows.

use super::super::{look::Looker, scene::moment};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    flow::{Client, SealingKeys, ThirdPartyLogins},
    message::{AuthorizationRequest, LogoutRequest, LogoutResponse, ThirdPartyLoginRequest},
};

const HINT: &str = "MARK-hint-at-a-user";
const QUERY: &str = "MARK-query-of-an-address";
const EXTRA: &str = "MARK-further-parameter";

pub(super) fn look_at_a_logout(look: &mut Looker, client: &Client) {
    let mut metadata = client.metadata().clone();
    let endpoint = format!("https://op.example/out?a={QUERY}");
    metadata.end_session_endpoint = EndpointUrl::parse(&endpoint, &UrlPolicy::default()).ok();
    let client = Client::builder(metadata, "app").build().unwrap();
    let id_token = look.secret("id_token").unwrap();
    for (name, secret) in [("a hint", HINT), ("a query", QUERY), ("a further parameter", EXTRA)] {
        look.hide(name, secret);
    }
    let request = LogoutRequest::new()
        .id_token_hint(id_token.as_str())
        .logout_hint(HINT)
        .post_logout_redirect_uri(format!("https://app.example/out?a={QUERY}"))
        .parameter("more", EXTRA);
    look.at(&request);
    let logout = client.logout(&request, moment(71)).unwrap();
    let pending = logout.clone().by_url().1.unwrap();
    look.hide("the state of a logout", pending.state());
    look.at(&logout);
    let (form, _) = logout.by_form();
    look.at(&form);
    look.at(&pending);
    let keys = SealingKeys::new(1, &[7; 32]);
    look.text(&keys.seal(&pending, "here", moment(72)).unwrap());
    let back = format!("state={}&more={EXTRA}", pending.state());
    let response = LogoutResponse::from_query(&back).unwrap();
    look.at(&response);
    assert_eq!(pending.clone().returned(&client, &response), Ok(()));
    look.at_error(&pending.returned(&client, &LogoutResponse::default()).unwrap_err());

    let (claims, other) = (id_token.rsplit_once('.').unwrap().0, id_token.replace('.', "~"));
    for wrong in
        [claims.to_owned(), other, format!("{id_token}.{id_token}"), format!("{id_token}~"), HINT.to_owned()]
    {
        let request = LogoutRequest::new().id_token_hint(wrong);
        look.at_error(&client.logout(&request, moment(73)).unwrap_err());
    }
    let other = Client::builder(client.metadata().clone(), "other").build().unwrap();
    look.at_error(&other.logout(&request, moment(74)).unwrap_err());
    for uri in [format!("http://app.example/{QUERY}"), QUERY.to_owned()] {
        let request = LogoutRequest::new().post_logout_redirect_uri(uri);
        look.at_error(&client.logout(&request, moment(75)).unwrap_err());
    }
    look_at_a_login_of_a_third_party(look);
}

fn look_at_a_login_of_a_third_party(look: &mut Looker) {
    let logins = ThirdPartyLogins::new("https://app.example").unwrap().issuer("https://op.example");
    look.at(&logins);
    let query = |iss: &str, target: &str| {
        format!("iss={iss}&login_hint={HINT}&target_link_uri={target}?a={QUERY}&more={EXTRA}")
    };
    let request =
        ThirdPartyLoginRequest::from_query(&query("https://op.example", "https://app.example/a")).unwrap();
    look.at(&request);
    look.at(&logins.accept(&request, AuthorizationRequest::default()).unwrap());
    for (iss, target) in
        [("https://other.example", "https://app.example/"), ("https://op.example", "https://x.example/")]
    {
        let request = ThirdPartyLoginRequest::from_query(&query(iss, target)).unwrap();
        look.at_error(&logins.accept(&request, AuthorizationRequest::default()).unwrap_err());
    }
}
