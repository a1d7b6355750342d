//! Logout tokens, and the requests that bring them to a client (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and
//! 2.5).

use super::TestProvider;
use http::Request;
use oidc_proto::base::Timestamp;
use serde_json::{Map, Value, json};

/// How long a logout token counts, in seconds.
const LIFETIME: i64 = 120;

/// Logout tokens.
///
/// ```
/// use oidc_proto::{Timestamp, flow::BackchannelLogoutRequest};
/// use oidc_testkit::{Registration, TestProvider};
///
/// let mut provider = TestProvider::new("https://op.example");
/// provider.register(Registration::public("app"));
/// let token = provider.logout_token("app", Some("alice"), None, Timestamp(1_800_000_000));
/// let request = TestProvider::logout_request("https://app.example/backchannel-logout", &token);
/// assert_eq!(BackchannelLogoutRequest::read(&request)?.logout_token().expose(), token);
/// # Ok::<(), oidc_proto::flow::BackchannelLogoutError>(())
/// ```
impl TestProvider {
    /// Signs a logout token for this client, with the key of its ID tokens.
    ///
    /// # Panics
    /// If there is no such client.
    pub fn logout_token(
        &mut self,
        client_id: &str,
        sub: Option<&str>,
        sid: Option<&str>,
        now: Timestamp,
    ) -> String {
        self.logout_token_with(client_id, sub, sid, now, |_, _| ())
    }

    /// Signs a logout token whose header and claims are changed before.
    ///
    /// # Panics
    /// If there is no such client.
    pub fn logout_token_with(
        &mut self,
        client_id: &str,
        sub: Option<&str>,
        sid: Option<&str>,
        now: Timestamp,
        alteration: impl FnMut(&mut Map<String, Value>, &mut Map<String, Value>) + Send + 'static,
    ) -> String {
        let client = self.clients.get(client_id).cloned().expect("the client is registered");
        let mut claims = Map::from_iter([
            ("iss".to_owned(), self.issuer.as_str().into()),
            ("aud".to_owned(), client_id.into()),
            ("iat".to_owned(), now.0.into()),
            ("exp".to_owned(), now.plus(LIFETIME).0.into()),
            ("jti".to_owned(), self.fresh().into()),
            ("events".to_owned(), json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ]);
        claims.extend(sub.map(|sub| ("sub".to_owned(), sub.into())));
        claims.extend(sid.map(|sid| ("sid".to_owned(), sid.into())));
        let header = Map::from_iter([("typ".to_owned(), "logout+jwt".into())]);
        let algorithm = self.forgery.algorithm.unwrap_or(client.id_token_alg);
        self.sign(&client, algorithm, header, claims, &mut [Box::new(alteration)])
    }

    /// The request that brings a logout token to the `backchannel_logout_uri` of a client.
    ///
    /// # Panics
    /// If this is no URI.
    #[must_use]
    pub fn logout_request(uri: &str, logout_token: &str) -> Request<Vec<u8>> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", logout_token)
            .finish();
        Request::post(uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into_bytes())
            .expect("it is a URI")
    }
}
