//! Pushed authorization requests (RFC 9126), and the choice among the forms of an authorization request.

use super::{Registration, TestProvider, json, params::Params, token::Refusal};
use http::{Request, Response, StatusCode};
use oidc_proto::{base::Timestamp, jose::Algorithm};
use serde_json::json;
use std::collections::BTreeMap;

/// The first part of every reference (RFC 9126 section 2.2).
const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:";

/// A request that was pushed, until it is used.
struct Reference {
    client_id: String,
    params: Params,
    expires: Timestamp,
    used: bool,
}

/// The settings for the forms of an authorization request, and the requests that wait for their user.
pub(super) struct Forms {
    /// Whether requests must be pushed.
    pub(super) pushed: bool,
    /// Whether requests must be signed.
    pub(super) signed: bool,
    /// The lifetime of a reference in seconds.
    pub(super) lifetime: i64,
    /// The algorithms of request objects.
    pub(super) algorithms: Vec<Algorithm>,
    /// The request objects that clients host, by their URLs.
    pub(super) hosted: BTreeMap<String, String>,
    references: BTreeMap<String, Reference>,
}

impl Default for Forms {
    fn default() -> Self {
        Self {
            pushed: false,
            signed: false,
            lifetime: 60,
            algorithms: Algorithm::RING.to_vec(),
            hosted: BTreeMap::new(),
            references: BTreeMap::new(),
        }
    }
}

impl TestProvider {
    /// Whether authorization requests must be pushed (RFC 9126 section 5). They need not by default.
    pub fn require_pushed_requests(&mut self, on: bool) {
        self.forms.pushed = on;
    }

    /// Whether authorization requests must be signed (RFC 9101 section 10.5). They need not by default.
    pub fn require_signed_requests(&mut self, on: bool) {
        self.forms.signed = on;
    }

    /// Sets the lifetime of pushed requests in seconds. 60 by default.
    pub fn pushed_request_lifetime(&mut self, seconds: i64) {
        self.forms.lifetime = seconds;
    }

    /// Answers a pushed authorization request (RFC 9126 section 2).
    pub(super) fn pushed(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        match self.push(request, now) {
            Ok(request_uri) => {
                let members = json!({"request_uri": request_uri, "expires_in": self.forms.lifetime});
                json(StatusCode::CREATED, &members, "no-cache, no-store")
            }
            Err(refusal) => refusal.into_response(),
        }
    }

    fn push(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Result<String, Refusal> {
        let sent = self.form(request, |provider, params| {
            let authentication = provider.authentication_parameters(params);
            let signed = params.get("request").is_some();
            let whole = provider.authorization_parameters();
            let known = if signed { &["request", "client_id"][..] } else { &whole[..] };
            provider.audit.parameters(params, &[known, authentication].concat());
        })?;
        if sent.get("client_id").is_none() {
            return Err(self.invalid("no client_id in a pushed request (RFC 9126 section 2.1)"));
        }
        let client = self.authenticate(request, &sent)?;
        if sent.get("request_uri").is_some() {
            return Err(self.invalid("a pushed request with `request_uri` (RFC 9126 section 2.1)"));
        }
        let params = match sent.get("request") {
            Some(object) => self.request_object(&client, object, now).map_err(|why| {
                self.audit.note(format!("a request object is refused: {why}"));
                Refusal::bad("invalid_request_object", &why)
            })?,
            None if self.forms.signed => {
                return Err(self.invalid("a request that is not signed (RFC 9101 section 10.5)"));
            }
            None => sent.without(client.authentication.parameters()),
        };
        if !params
            .get("redirect_uri")
            .is_some_and(|uri| client.redirect_uris.iter().any(|known| known == uri))
        {
            return Err(self.invalid("redirect_uri is not exactly one that is registered"));
        }
        let request_uri = format!("{REFERENCE}{}", self.fresh());
        let reference = Reference {
            client_id: client.client_id,
            params,
            expires: now.plus(self.forms.lifetime),
            used: false,
        };
        self.forms.references.insert(request_uri.clone(), reference);
        Ok(request_uri)
    }

    /// Returns the parameters of an authorization request, whatever form it has. The error is for a page for the user.
    pub(super) fn requested(&mut self, sent: Params, now: Timestamp) -> Result<Params, &'static str> {
        let client = sent.get("client_id").and_then(|id| self.clients.get(id)).cloned();
        let (by_value, by_reference) = (sent.get("request"), sent.get("request_uri"));
        let whole = self.authorization_parameters();
        let outside = match (by_value, by_reference) {
            (None, None) => &whole[..],
            (None, Some(uri)) if uri.starts_with(REFERENCE) => &["client_id", "request_uri"],
            (Some(_), None) => &["client_id", "response_type", "scope", "request"],
            (None, Some(_)) => &["client_id", "response_type", "scope", "request_uri"],
            (Some(_), Some(_)) => &[],
        };
        self.audit.parameters(&sent, outside);
        let Some(client) = client else {
            self.note_unknown_client(sent.get("client_id"));
            return Err("This client is not known here.");
        };
        let read = match (by_value, by_reference) {
            (None, Some(uri)) if uri.starts_with(REFERENCE) => self.dereference(&client, uri, now),
            _ if self.forms.pushed => Err("the request was not pushed (RFC 9126 section 5)".to_owned()),
            (None, None) if self.forms.signed => {
                Err("the request is not signed (RFC 9101 section 10.5)".to_owned())
            }
            (None, None) => return Ok(sent),
            (Some(_), Some(_)) => Err("`request` and `request_uri` at once (RFC 9101 section 5)".to_owned()),
            (Some(object), None) => self.request_object(&client, object, now),
            (None, Some(uri)) => match self.forms.hosted.get(uri).cloned() {
                Some(object) => self.request_object(&client, &object, now),
                None => Err("nobody serves a request object at this `request_uri`".to_owned()),
            },
        };
        let agreed = read.and_then(|read| agree(&sent, &read).map(|()| read));
        agreed.map_err(|why| {
            self.audit.note(format!("an authorization request is refused: {why}"));
            "This request is not valid."
        })
    }

    /// Uses a reference, once (RFC 9126 section 4).
    fn dereference(&mut self, client: &Registration, uri: &str, now: Timestamp) -> Result<Params, String> {
        let Some(reference) = self.forms.references.get_mut(uri) else {
            return Err("this reference is not known here".into());
        };
        if reference.client_id != client.client_id {
            return Err("this reference is of another client".into());
        }
        if std::mem::replace(&mut reference.used, true) {
            return Err("this reference was used".into());
        }
        if now >= reference.expires {
            return Err("this reference has expired".into());
        }
        Ok(reference.params.clone())
    }
}

/// Checks that the parameters outside of a request object, or beside a reference, do not contradict it (OpenID Connect
/// Core 1.0 section 6.1).
fn agree(outside: &Params, inside: &Params) -> Result<(), String> {
    for name in ["client_id", "response_type"] {
        if outside.get(name).is_some_and(|value| inside.get(name) != Some(value)) {
            return Err(format!("`{name}` differs inside and outside"));
        }
    }
    let openid =
        |params: &Params| params.get("scope").map(|scope| scope.split(' ').any(|one| one == "openid"));
    match (openid(outside), openid(inside)) {
        (Some(outside), inside) if Some(outside) != inside => {
            Err("`scope` differs inside and outside".into())
        }
        _ => Ok(()),
    }
}
