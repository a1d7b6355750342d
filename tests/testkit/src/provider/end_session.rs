//! Logout that a client begins (RP-Initiated Logout 1.0): the request and its ID token hint are judged, the session of
//! the user ends, and the user goes back.

use super::{
    EndpointName, Registration, TestProvider,
    assertion::{mac, verify},
    form, insert, page,
    params::Params,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, Request, Response, StatusCode};
use oidc_proto::jose::Algorithm;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::Url;

const KNOWN: [&str; 6] =
    ["client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "state", "ui_locales"];

/// What the provider knows of logouts. It offers none by default.
#[derive(Default)]
pub(super) struct EndSession {
    offered: bool,
    /// Where users of each client may go afterwards.
    redirect_uris: BTreeMap<String, Vec<String>>,
    ended: usize,
}

impl TestProvider {
    /// Offers logout, and registers a `post_logout_redirect_uri` of a client. Requests must repeat it exactly.
    ///
    /// ```
    /// use oidc_testkit::{EndpointName, TestProvider};
    ///
    /// let mut provider = TestProvider::new("https://op.example");
    /// provider.offer_logout("app", "https://app.example/logged-out");
    /// assert_eq!(provider.metadata()["end_session_endpoint"], provider.url(EndpointName::EndSession));
    /// assert_eq!(provider.sessions_ended(), 0);
    /// ```
    pub fn offer_logout(&mut self, client_id: impl Into<String>, redirect_uri: impl Into<String>) {
        self.end_session.offered = true;
        self.end_session.redirect_uris.entry(client_id.into()).or_default().push(redirect_uri.into());
    }

    /// The number of sessions that users have ended at the provider.
    #[must_use]
    pub const fn sessions_ended(&self) -> usize {
        self.end_session.ended
    }

    pub(super) fn end_session_metadata(&self, metadata: &mut Value) {
        if self.end_session.offered {
            metadata["end_session_endpoint"] = self.url(EndpointName::EndSession).into();
        }
    }

    pub(super) fn end_session(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if !self.end_session.offered {
            return page(StatusCode::NOT_FOUND, "There is nothing here.");
        }
        let params = match *request.method() {
            Method::POST => form(request),
            _ => Params::parse(request.uri().query().unwrap_or_default().as_bytes()),
        };
        self.audit.parameters(&params, &KNOWN);
        match self.log_out(&params) {
            Ok(Some(back)) => {
                let mut response = Response::new(Vec::new());
                *response.status_mut() = StatusCode::SEE_OTHER;
                insert(&mut response, "location", &back);
                insert(&mut response, "cache-control", "no-store");
                response
            }
            Ok(None) => page(StatusCode::OK, "You have logged out."),
            Err(why) => {
                self.audit.note(why.clone());
                page(StatusCode::BAD_REQUEST, &why)
            }
        }
    }

    /// Ends the session, and returns where the user goes.
    fn log_out(&mut self, params: &Params) -> Result<Option<String>, String> {
        if let Some(name) = params.duplicate() {
            return Err(format!("{name} stands there twice"));
        }
        let named = match params.get("client_id") {
            Some(id) => Some(self.clients.get(id).cloned().ok_or("logout of an unknown client")?),
            None => None,
        };
        let client = match params.get("id_token_hint") {
            Some(hint) => Some(self.read_hint(hint, named.as_ref())?),
            None => named,
        };
        let back = match params.get("post_logout_redirect_uri") {
            None => {
                if params.get("state").is_some() {
                    self.audit.note("a state, but no post_logout_redirect_uri");
                }
                None
            }
            Some(uri) => {
                let client = client.ok_or("a post_logout_redirect_uri of nobody knows whom")?;
                let known = self.end_session.redirect_uris.get(&client.client_id);
                if !known.is_some_and(|known| known.iter().any(|known| known == uri)) {
                    return Err("post_logout_redirect_uri is not exactly one that is registered".into());
                }
                Some(self.return_to(uri, params.get("state"))?)
            }
        };
        self.end_session.ended += 1;
        Ok(back)
    }

    fn return_to(&mut self, uri: &str, state: Option<&str>) -> Result<String, String> {
        let mut url = Url::parse(uri).map_err(|_| "a registered URI that is no URL")?;
        match state {
            None => self.audit.note("no state, though the user goes back"),
            Some(state) => {
                self.audit.first_time("state of a logout", state);
                if state.len() < 22 {
                    self.audit.note("state has no room for 128 bits of entropy");
                }
                url.query_pairs_mut().append_pair("state", state);
            }
        }
        Ok(url.into())
    }

    /// Reads an ID token hint. It may have expired (section 4).
    fn read_hint(&self, hint: &str, named: Option<&Registration>) -> Result<Registration, String> {
        let parts: Vec<&str> = hint.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err("the hint is no signed JWT: an encrypted one must be decrypted (section 2)".into());
        };
        let read = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let header = read(header).ok_or("the header of the hint is not JSON")?;
        let claims = read(claims).ok_or("the claims of the hint are not JSON")?;
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err("the hint is of another issuer".into());
        }
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(one) => one.as_str().into_iter().collect(),
            None => Vec::new(),
        };
        let client = match named {
            Some(named) if audiences.contains(&named.client_id.as_str()) => named.clone(),
            Some(_) => return Err("the hint is of another client than client_id".into()),
            None => {
                let known = audiences.iter().find_map(|audience| self.clients.get(*audience));
                known.cloned().ok_or("the hint is of no client")?
            }
        };
        let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let known = Algorithm::RING.iter().find(|known| known.name() == name);
        let algorithm = *known.ok_or("the hint has an unknown algorithm")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is not base64url")?;
        let input = hint.rsplit_once('.').map_or("", |(input, _)| input).as_bytes();
        let verified = match client.authentication.secret() {
            Some(secret) if algorithm.is_symmetric() => mac(algorithm, secret, input, &signature),
            _ if algorithm.is_symmetric() => false,
            _ => {
                let keys = self.keys.document();
                let key = keys["keys"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|key| key.get("kid") == header.get("kid"));
                key.and_then(|key| verify(algorithm, key, input, &signature)).unwrap_or(false)
            }
        };
        if verified { Ok(client) } else { Err("the signature of the hint is not ours".into()) }
    }
}
