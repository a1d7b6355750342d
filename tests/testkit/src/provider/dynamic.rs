//! Dynamic client registration (RFC 7591) and its management (RFC 7592), with an audit of each request.

mod metadata;

use super::{
    ClientAuthentication, EndpointName, Registration, TestProvider, insert, json, page, token::Refusal,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use metadata::{OF_PROVIDER, registration};
use oidc_proto::base::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The settings of registrations, and the clients that have registered.
#[derive(Default)]
pub(super) struct Dynamic {
    on: bool,
    /// The tokens that let somebody register. Without any, everybody may.
    initial: BTreeSet<String>,
    /// The metadata in the software statements of somebody whom the provider trusts.
    statements: BTreeMap<String, Map<String, Value>>,
    minimal: bool,
    unmanaged: bool,
    rotate: bool,
    secret_lifetime: Option<i64>,
    clients: BTreeMap<String, Entry>,
    /// The tokens that a newer one has replaced.
    replaced: BTreeSet<String>,
    /// The clients that the provider has forgotten, and whether they have been told.
    forgotten: BTreeMap<String, bool>,
}

struct Entry {
    token: String,
    secret: Option<String>,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    metadata: Map<String, Value>,
}

impl TestProvider {
    /// Lets clients register, read, change and delete themselves, and publishes the endpoint for it. It does not by
    /// default.
    ///
    /// ```
    /// use oidc_testkit::{Party, TestProvider, drive};
    /// use oidc_proto::{flow::{Registration, RegistrationRequest}, message::ClientMetadata};
    ///
    /// let mut party = Party::new();
    /// party.provider.accept_registrations();
    /// let metadata = ClientMetadata::web(["https://app.example/callback"]);
    /// let call = Registration::start(&party.discover()?, &RegistrationRequest::new(metadata))?;
    /// let registered = drive(call, &mut party.provider, &mut party.clock)?;
    /// assert_eq!(party.provider.registered_clients(), [registered.client_id.as_str()]);
    /// # Ok::<(), oidc_proto::Error>(())
    /// ```
    pub fn accept_registrations(&mut self) {
        self.dynamic.on = true;
    }

    /// Lets only those register who have this token, or another one that was given before (RFC 7591 section 3).
    pub fn demand_initial_access_token(&mut self, token: impl Into<String>) {
        self.dynamic.initial.insert(token.into());
    }

    /// Accepts this software statement, whose metadata count before those beside it (RFC 7591 section 2.3). Any other
    /// statement is refused.
    pub fn accept_software_statement(&mut self, statement: impl Into<String>, metadata: Value) {
        let Value::Object(metadata) = metadata else { panic!("metadata are an object") };
        self.dynamic.statements.insert(statement.into(), metadata);
    }

    /// Whether answers have no more than `client_id`, `client_secret`, `client_name` and `redirect_uris`, as those of
    /// many small servers. Off by default.
    pub fn answer_registrations_minimally(&mut self, on: bool) {
        self.dynamic.minimal = on;
    }

    /// Whether answers leave out the URL and the token for the management of the registration. Off by default.
    pub fn leave_registrations_unmanaged(&mut self, on: bool) {
        self.dynamic.unmanaged = on;
    }

    /// Whether each read and each update replaces the token of the registration (RFC 7592 section 3). Off by default.
    pub fn rotate_registration_access_tokens(&mut self, on: bool) {
        self.dynamic.rotate = on;
    }

    /// Sets the lifetime of the secrets of clients that register, in seconds. `None`, the default, means for ever.
    pub const fn client_secret_lifetime(&mut self, seconds: Option<i64>) {
        self.dynamic.secret_lifetime = seconds;
    }

    /// Forgets a client, as a server does that loses its store. Each later request of it gets `invalid_client`, and after
    /// the first of them, the audit finds each.
    pub fn forget_client(&mut self, client_id: &str) {
        self.clients.remove(client_id);
        self.dynamic.clients.remove(client_id);
        self.dynamic.forgotten.insert(client_id.to_owned(), false);
    }

    /// The identifiers of the clients that have registered.
    #[must_use]
    pub fn registered_clients(&self) -> Vec<&str> {
        self.dynamic.clients.keys().map(String::as_str).collect()
    }

    /// Publishes the endpoint for registrations.
    pub(super) fn registration_metadata(&self, metadata: &mut Value) {
        if self.dynamic.on {
            metadata["registration_endpoint"] = self.url(EndpointName::Registration).into();
        }
    }

    /// Whether a path belongs to a registration.
    pub(super) fn is_client_configuration(&self, path: &str) -> bool {
        let endpoint = url::Url::parse(&self.url(EndpointName::ClientConfiguration));
        endpoint.is_ok_and(|url| path.starts_with(url.path()))
    }

    /// Notes a request of an unknown client, unless the provider has forgotten it and says so for the first time.
    pub(super) fn note_unknown_client(&mut self, client_id: Option<&str>) {
        let forgotten = client_id.and_then(|id| self.dynamic.forgotten.get_mut(id));
        match forgotten.map(|told| std::mem::replace(told, true)) {
            Some(false) => {}
            Some(true) => self.audit.note("a client that is gone was used again, although it was told"),
            None => self.audit.note("request of an unknown client"),
        }
    }

    /// Whether the secret of a client has expired.
    pub(super) fn secret_has_expired(&mut self, client: &Registration) -> bool {
        let entry = self.dynamic.clients.get(&client.client_id);
        let end =
            entry.and_then(|entry| entry.expires_at).filter(|_| client.authentication.secret().is_some());
        let expired = end.is_some_and(|end| end <= self.audit.now());
        if expired {
            self.audit.note("a client secret that has expired (RFC 7591 section 3.2.1)");
        }
        expired
    }

    /// Answers a registration request (RFC 7591 section 3).
    pub(super) fn register_dynamically(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        if !self.dynamic.on {
            self.audit.note("a registration at a provider that takes none");
            return page(StatusCode::NOT_FOUND, "There is nothing here.");
        }
        if !self.dynamic.initial.is_empty() {
            let token = bearer(request.headers());
            if !token.is_some_and(|token| self.dynamic.initial.contains(token)) {
                return unauthorized(token.is_some());
            }
        } else if request.headers().contains_key(header::AUTHORIZATION) {
            self.audit.note("credentials in a registration that needs none");
        }
        let made = self.body(request).and_then(|asked| {
            self.judge_members(&asked, &[]);
            let asked = self.with_statement(asked)?;
            let fresh = self.fresh();
            let client_id = format!("client-{}", &fresh[..12]);
            registration(&client_id, &self.fresh(), asked).map_err(|refusal| self.blamed(refusal))
        });
        let (client, metadata) = match made {
            Ok(made) => made,
            Err(refusal) => return refusal.into_response(),
        };
        let client_id = client.client_id.clone();
        let entry = Entry {
            token: self.fresh(),
            secret: client.authentication.secret().map(str::to_owned),
            issued_at: now,
            expires_at: self.dynamic.secret_lifetime.map(|seconds| now.plus(seconds)),
            metadata,
        };
        self.dynamic.clients.insert(client_id.clone(), entry);
        self.clients.insert(client_id.clone(), client);
        json(StatusCode::CREATED, &self.information(&client_id), "no-store")
    }

    /// Answers a request of a client about its registration (RFC 7592 section 2).
    pub(super) fn configure(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let path = request.uri().path();
        let client_id = path.rsplit('/').next().unwrap_or_default().to_owned();
        let token = bearer(request.headers()).unwrap_or_default().to_owned();
        if self.dynamic.replaced.contains(&token) {
            self.audit.note("a registration access token that was replaced (RFC 7592 section 3)");
        }
        let known = self.dynamic.clients.get(&client_id).is_some_and(|entry| entry.token == token);
        if !known {
            return unauthorized(!token.is_empty());
        }
        match *request.method() {
            Method::GET => {}
            Method::PUT => {
                if let Err(refusal) = self.replace(&client_id, request) {
                    return refusal.into_response();
                }
            }
            Method::DELETE => {
                self.clients.remove(&client_id);
                self.dynamic.clients.remove(&client_id);
                self.store.revoke_client(&client_id);
                self.dynamic.forgotten.insert(client_id, false);
                let mut response = Response::new(Vec::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                insert(&mut response, "cache-control", "no-store");
                return response;
            }
            _ => return self.method_not_allowed("GET, PUT, DELETE"),
        }
        if self.dynamic.rotate {
            let fresh = self.fresh();
            if let Some(entry) = self.dynamic.clients.get_mut(&client_id) {
                self.dynamic.replaced.insert(std::mem::replace(&mut entry.token, fresh));
            }
        }
        json(StatusCode::OK, &self.information(&client_id), "no-store")
    }

    fn replace(&mut self, client_id: &str, request: &Request<Vec<u8>>) -> Result<(), Refusal> {
        let mut asked = self.body(request)?;
        self.judge_members(&asked, &["client_id", "client_secret"]);
        let of_client = asked.remove("client_id");
        if of_client != Some(client_id.into()) {
            return Err(
                self.blamed(bad("an update without the `client_id` of the client (RFC 7592 section 2.2)"))
            );
        }
        let secret = self.dynamic.clients.get(client_id).and_then(|entry| entry.secret.clone());
        if asked.remove("client_secret").is_some_and(|sent| sent.as_str() != secret.as_deref()) {
            return Err(self.blamed(bad("an update with another `client_secret` (RFC 7592 section 2.2)")));
        }
        let asked = self.with_statement(asked)?;
        let fresh = secret.unwrap_or_else(|| self.fresh());
        let made = registration(client_id, &fresh, asked);
        let (client, metadata) = made.map_err(|refusal| self.blamed(refusal))?;
        if let Some(entry) = self.dynamic.clients.get_mut(client_id) {
            entry.secret = client.authentication.secret().map(str::to_owned);
            entry.metadata = metadata;
        }
        self.clients.insert(client_id.to_owned(), client);
        Ok(())
    }

    /// The body, as a JSON object.
    fn body(&mut self, request: &Request<Vec<u8>>) -> Result<Map<String, Value>, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if kind.trim() != "application/json" {
            return Err(self.blamed(bad("the body is not application/json (RFC 7591 section 3.1)")));
        }
        match serde_json::from_slice(request.body()) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(self.blamed(bad("the body is no JSON object (RFC 7591 section 3.1)"))),
        }
    }

    /// Notes members that only a provider sets.
    fn judge_members(&mut self, asked: &Map<String, Value>, allowed: &[&str]) {
        for name in OF_PROVIDER.iter().filter(|name| !allowed.contains(name) && asked.contains_key(**name)) {
            self.audit
                .note(format!("a client sets `{name}`, which its provider sets (RFC 7592 section 2.2)"));
        }
    }

    /// Replaces members by those of the software statement.
    fn with_statement(&mut self, mut asked: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        let Some(statement) = asked.get("software_statement") else { return Ok(asked) };
        let text = statement.as_str().unwrap_or_default();
        if text.split('.').count() != 3 {
            return Err(Refusal::bad("invalid_software_statement", "it is no JWT"));
        }
        let Some(said) = self.dynamic.statements.get(text) else {
            return Err(Refusal::bad("unapproved_software_statement", "nobody here knows who has signed it"));
        };
        asked.extend(said.clone());
        Ok(asked)
    }

    /// Notes what a client could have known before it asked.
    fn blamed(&mut self, refusal: Refusal) -> Refusal {
        self.audit.note(format!("{}: {}", refusal.error, refusal.description));
        refusal
    }

    /// The client information response (RFC 7591 section 3.2.1).
    fn information(&self, client_id: &str) -> Value {
        let Some(entry) = self.dynamic.clients.get(client_id) else { return json!({}) };
        let mut members = entry.metadata.clone();
        if self.dynamic.minimal {
            members.retain(|name, _| ["client_name", "redirect_uris"].contains(&name.as_str()));
        }
        members.insert("client_id".into(), client_id.into());
        // A small server issues a secret to everybody.
        let unused = self.dynamic.minimal.then_some("a secret that nobody needs");
        if let Some(secret) = entry.secret.as_deref().or(unused) {
            members.insert("client_secret".into(), secret.into());
        }
        if self.dynamic.minimal {
            return Value::Object(members);
        }
        if entry.secret.is_some() {
            let expires = entry.expires_at.map_or(0, |time| time.0);
            members.insert("client_secret_expires_at".into(), expires.into());
        }
        members.insert("client_id_issued_at".into(), entry.issued_at.0.into());
        if !self.dynamic.unmanaged {
            let place = format!("{}{client_id}", self.url(EndpointName::ClientConfiguration));
            members.insert("registration_client_uri".into(), place.into());
            members.insert("registration_access_token".into(), entry.token.clone().into());
        }
        Value::Object(members)
    }
}

fn bad(description: &str) -> Refusal {
    Refusal::bad("invalid_client_metadata", description)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The refusal of a token (RFC 6750 section 3.1). Who has sent none gets no error.
fn unauthorized(sent: bool) -> Response<Vec<u8>> {
    let body = json!({"error": "invalid_token", "error_description": "this token opens nothing here"});
    let body = if sent { body } else { json!({}) };
    let mut response = json(StatusCode::UNAUTHORIZED, &body, "no-store");
    let challenge = if sent { "Bearer error=\"invalid_token\"" } else { "Bearer realm=\"registration\"" };
    insert(&mut response, "www-authenticate", challenge);
    response
}

/// How a client with this method authenticates.
fn authentication(method: &str, secret: &str, jwk: Option<Value>) -> Option<ClientAuthentication> {
    let secret = secret.to_owned();
    Some(match method {
        "none" => ClientAuthentication::None,
        "client_secret_basic" => ClientAuthentication::ClientSecretBasic(secret),
        "client_secret_post" => ClientAuthentication::ClientSecretPost(secret),
        "client_secret_jwt" => ClientAuthentication::ClientSecretJwt(secret),
        "private_key_jwt" => ClientAuthentication::PrivateKeyJwt(jwk?),
        _ => return None,
    })
}
