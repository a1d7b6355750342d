//! Logout at the provider, and logins that somebody else begins.

mod hints;
mod returned;
mod rp_initiated;
mod third_party;

use oidc_proto::{
    Secret,
    base::base64url,
    flow::{Client, PendingLogout},
    message::LogoutRequest,
};
use oidc_testkit::Party;
use serde_json::Value;

pub(crate) const BACK: &str = "https://app.example/logged-out";

/// A user who has logged in, at a provider that offers logout.
struct Scene {
    party: Party,
    client: Client,
    id_token: Secret,
}

impl Scene {
    fn new() -> Self {
        let mut party = Party::new();
        let id_token = party.login().unwrap().id_token.token;
        party.provider.offer_logout("app", BACK);
        let metadata = party.discover().unwrap();
        let client = Client::builder(metadata, "app").build().unwrap();
        Self { party, client, id_token }
    }

    fn request(&self) -> LogoutRequest {
        LogoutRequest::new().id_token_hint(self.id_token.clone()).post_logout_redirect_uri(BACK)
    }

    /// Sends the user to the provider by URL: where they land, and what was kept.
    fn go(&mut self, request: &LogoutRequest) -> (String, PendingLogout) {
        let logout = self.client.logout(request, self.party.clock.moment()).unwrap();
        let (url, pending) = logout.by_url();
        let landing =
            oidc_testkit::Browser::new().visit(&mut self.party.provider, &url, self.party.clock.now());
        (landing.url().to_owned(), pending.unwrap())
    }
}

/// A JWT with these claims, which nobody has signed.
fn token(claims: &Value) -> String {
    let part = |bytes: &[u8]| base64url::encode(bytes);
    let header = part(br#"{"alg":"RS256"}"#);
    format!("{header}.{}.{}", part(claims.to_string().as_bytes()), part(b"signature"))
}
