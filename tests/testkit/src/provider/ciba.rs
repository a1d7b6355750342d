//! The backchannel authentication endpoint, its grant, and the notifications to clients (OpenID Connect CIBA Core 1.0).

use super::{
    Registration, TestProvider,
    authorize::{is_resource, scope_of},
    mint::left_half_hash,
    params::Params,
    store::{Grant, Refresh},
    token::{Refusal, granted},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use oidc_proto::{base::Timestamp, jose::Algorithm};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The grant type of backchannel authentication (CIBA section 10.1).
pub const BACKCHANNEL_GRANT: &str = "urn:openid:params:grant-type:ciba";

/// The parameters of an authentication request (section 7.1), and those of the extensions that the tests use.
const PARAMETERS: [&str; 11] = [
    "scope",
    "client_notification_token",
    "acr_values",
    "login_hint_token",
    "id_token_hint",
    "login_hint",
    "binding_message",
    "user_code",
    "requested_expiry",
    "resource",
    "request_context",
];

const HINTS: [&str; 3] = ["login_hint", "login_hint_token", "id_token_hint"];

/// What the provider knows of backchannel authentication.
pub(super) struct Ciba {
    /// The delivery mode of each client that may use it.
    modes: BTreeMap<String, String>,
    /// The public key of each client that must sign its requests.
    keys: BTreeMap<String, Value>,
    user_code: Option<String>,
    interval: i64,
    lifetime: i64,
    asked: BTreeMap<String, Asked>,
    /// The identifiers that have led to tokens.
    redeemed: Vec<String>,
    notifications: Vec<Request<Vec<u8>>>,
}

impl Default for Ciba {
    fn default() -> Self {
        Self {
            modes: BTreeMap::new(),
            keys: BTreeMap::new(),
            user_code: None,
            interval: 5,
            lifetime: 600,
            asked: BTreeMap::new(),
            redeemed: Vec::new(),
            notifications: Vec::new(),
        }
    }
}

/// A user who is asked, before or after the decision.
#[derive(Clone)]
struct Asked {
    client_id: String,
    mode: String,
    token: Option<String>,
    scope: Vec<String>,
    resources: Vec<String>,
    acr: Option<String>,
    interval: i64,
    polled: Option<Timestamp>,
    expires: Timestamp,
    decision: Option<bool>,
}

impl TestProvider {
    /// Lets a client use backchannel authentication, in this delivery mode: `poll`, `ping` or `push`. Its notification
    /// endpoint is `https://app.example/ciba`.
    ///
    /// # Panics
    /// If the client is not registered, or the mode is another.
    pub fn allow_backchannel(&mut self, client_id: &str, mode: &str) {
        assert!(["poll", "ping", "push"].contains(&mode), "{mode} is no delivery mode");
        self.allow_grant(client_id, BACKCHANNEL_GRANT);
        self.ciba.modes.insert(client_id.to_owned(), mode.to_owned());
    }

    /// Demands that the client sign its authentication requests, with the key of this public JWK.
    pub fn require_signed_backchannel(&mut self, client_id: &str, jwk: Value) {
        self.ciba.keys.insert(client_id.to_owned(), jwk);
    }

    /// Demands this `user_code` in authentication requests.
    pub fn require_user_code(&mut self, code: &str) {
        self.ciba.user_code = Some(code.to_owned());
    }

    /// Sets the interval between polls (5 seconds by default), and the lifetime of an authentication request (600
    /// seconds), unless the client asks for another.
    pub fn backchannel_times(&mut self, interval: i64, lifetime: i64) {
        (self.ciba.interval, self.ciba.lifetime) = (interval, lifetime);
    }

    /// Lets the user answer this authentication request: agree or refuse. A client that awaits a notification gets one.
    ///
    /// # Panics
    /// If nobody has made such a request.
    pub fn decide(&mut self, auth_req_id: &str, agrees: bool) {
        let asked = self.ciba.asked.get_mut(auth_req_id).expect("a client has made this request");
        asked.decision = Some(agrees);
        let asked = asked.clone();
        let body = match asked.mode.as_str() {
            "poll" => return,
            "ping" => json!({ "auth_req_id": auth_req_id }),
            _ if agrees => self.pushed_tokens(auth_req_id, &asked),
            _ => json!({ "auth_req_id": auth_req_id, "error": "access_denied", "error_description": "no" }),
        };
        self.notify(&asked, &body);
    }

    /// Tells a client of the push mode that its request has failed with this error (section 12).
    ///
    /// # Panics
    /// If nobody has made such a request.
    pub fn fail_push(&mut self, auth_req_id: &str, error: &str) {
        let asked = self.ciba.asked.remove(auth_req_id).expect("a client has made this request");
        self.notify(&asked, &json!({ "auth_req_id": auth_req_id, "error": error }));
    }

    /// Returns the notifications that the provider has sent since the last call, in their order.
    pub fn take_notifications(&mut self) -> Vec<Request<Vec<u8>>> {
        std::mem::take(&mut self.ciba.notifications)
    }

    fn notify(&mut self, asked: &Asked, body: &Value) {
        let token = asked.token.as_deref().unwrap_or_default();
        let request = Request::post("https://app.example/ciba")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes());
        self.ciba.notifications.push(request.expect("the provider writes only visible ASCII"));
    }

    /// The tokens of a push callback (section 10.3.1).
    fn pushed_tokens(&mut self, auth_req_id: &str, asked: &Asked) -> Value {
        let now = self.audit.now();
        let client = self.clients.get(&asked.client_id).expect("a client that asks is registered").clone();
        let grant = self.backchannel_grant_of(asked, now);
        let index = self.store.add(grant.clone());
        let access_token = self.mint_access_token(&client, index, &asked.scope, &asked.resources, now);
        let algorithm = self.forgery.algorithm.unwrap_or(client.id_token_alg);
        let mut more = Map::new();
        more.insert("urn:openid:params:jwt:claim:auth_req_id".to_owned(), auth_req_id.into());
        let mut body = json!({
            "auth_req_id": auth_req_id,
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.settings.access_token_lifetime,
        });
        if client.may("refresh_token") {
            let token = self.fresh();
            let hash = left_half_hash(algorithm, &token);
            more.insert("urn:openid:params:jwt:claim:rt_hash".to_owned(), hash.into());
            self.store.refresh_tokens.insert(token.clone(), Refresh { grant: index, used: false });
            body["refresh_token"] = token.into();
        }
        body["id_token"] = self.mint_id_token_with(&client, &grant, None, &access_token, more, now).into();
        self.ciba.asked.remove(auth_req_id);
        body
    }

    fn backchannel_grant_of(&self, asked: &Asked, now: Timestamp) -> Grant {
        Grant {
            client_id: asked.client_id.clone(),
            user: Some(self.user.clone()),
            scope: asked.scope.clone(),
            resources: asked.resources.clone(),
            auth_time: now,
            acr: asked.acr.clone(),
            claims: Value::Null,
            revoked: false,
        }
    }

    /// The members of the metadata (section 4).
    pub(super) fn backchannel_metadata(&self, metadata: &mut Value) {
        let endpoint = self.url(super::EndpointName::BackchannelAuthentication);
        metadata["backchannel_authentication_endpoint"] = endpoint.into();
        metadata["backchannel_token_delivery_modes_supported"] = json!(["poll", "ping", "push"]);
        let algorithms = Algorithm::RING.iter().filter(|one| !one.is_symmetric()).map(|one| one.name());
        metadata["backchannel_authentication_request_signing_alg_values_supported"] =
            algorithms.collect::<Vec<_>>().into();
        metadata["backchannel_user_code_parameter_supported"] = self.ciba.user_code.is_some().into();
    }

    pub(super) fn backchannel(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        granted(self.ask_user(request, now))
    }

    fn ask_user(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let params = self.form(request, |provider, params| {
            let known: &[&str] = if params.get("request").is_some() { &["request"] } else { &PARAMETERS };
            let known = [known, provider.authentication_parameters(params)].concat();
            provider.audit.parameters(params, &known);
        })?;
        let client = self.authenticate(request, &params)?;
        let Some(mode) = self.ciba.modes.get(&client.client_id).cloned() else {
            self.audit.note("the client is not registered for backchannel authentication");
            return Err(Refusal::bad("unauthorized_client", "the client may not use this flow"));
        };
        let params = match (params.get("request"), self.ciba.keys.get(&client.client_id).cloned()) {
            (Some(jwt), Some(jwk)) => self.signed_parameters(&client, jwt, &jwk, now)?,
            (None, None) => params,
            (Some(_), None) => return Err(self.invalid("a signed request of a client without a key")),
            (None, Some(_)) => return Err(self.invalid("the request is not signed (CIBA section 7.1.1)")),
        };
        let scope = scope_of(&params);
        if !scope.iter().any(|scope| scope == "openid") {
            return Err(self.invalid("no `openid` among the scopes (CIBA section 7.1)"));
        }
        let token = params.get("client_notification_token").map(str::to_owned);
        self.judge_notification_token(&mode, token.as_deref())?;
        self.judge_hint(&client, &params)?;
        match (self.ciba.user_code.as_deref(), params.get("user_code")) {
            (Some(_), None) => return Err(Refusal::bad("missing_user_code", "the user has a code")),
            (Some(code), Some(given)) if code != given => {
                return Err(Refusal::bad("invalid_user_code", "the user has another code"));
            }
            (None, Some(_)) => self.audit.note("a `user_code` that the metadata do not offer"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if params.get("binding_message").is_some_and(|message| message.chars().count() > 40) {
            return Err(Refusal::bad("invalid_binding_message", "it fits on no screen"));
        }
        let lifetime = match params.get("requested_expiry").map(str::parse::<i64>) {
            None => self.ciba.lifetime,
            Some(Ok(seconds)) if seconds > 0 => seconds.min(self.ciba.lifetime),
            Some(_) => return Err(self.invalid("requested_expiry is no positive integer (CIBA section 7.1)")),
        };
        let resources: Vec<String> = params.all("resource").map(str::to_owned).collect();
        if !resources.iter().all(|resource| is_resource(resource)) {
            return Err(self.invalid("resource is no absolute URI (RFC 8707 section 2)"));
        }
        let (auth_req_id, interval) = (self.fresh(), self.ciba.interval);
        let asked = Asked {
            client_id: client.client_id,
            mode: mode.clone(),
            token,
            scope,
            resources,
            acr: params.get("acr_values").and_then(|list| list.split(' ').next()).map(str::to_owned),
            interval,
            polled: None,
            expires: now.plus(lifetime),
            decision: None,
        };
        self.ciba.asked.insert(auth_req_id.clone(), asked);
        let mut members = json!({ "auth_req_id": auth_req_id, "expires_in": lifetime });
        if mode != "push" {
            members["interval"] = interval.into();
        }
        Ok(members.as_object().cloned().unwrap_or_default())
    }

    /// 128 bits are 22 characters of base64url, and each request has a token of its own (section 7.1).
    fn judge_notification_token(&mut self, mode: &str, token: Option<&str>) -> Result<(), Refusal> {
        match token {
            None if mode == "poll" => Ok(()),
            None => Err(self.invalid("no client_notification_token (CIBA section 7.1)")),
            Some(_) if mode == "poll" => {
                self.audit.note("a client_notification_token of a client that polls");
                Ok(())
            }
            Some(token) => {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
                if !(22..=1024).contains(&token.len()) || !token.bytes().all(allowed) {
                    return Err(
                        self.invalid("client_notification_token can be guessed, or is no bearer token")
                    );
                }
                self.audit.first_time("client_notification_token", token);
                Ok(())
            }
        }
    }

    /// Exactly one hint names the user (section 7.1).
    fn judge_hint(&mut self, client: &Registration, params: &Params) -> Result<(), Refusal> {
        let hints: Vec<(&str, &str)> =
            HINTS.into_iter().filter_map(|name| Some((name, params.get(name)?))).collect();
        let [(name, hint)] = hints[..] else {
            return Err(self.invalid("not exactly one hint at the user (CIBA section 7.1)"));
        };
        let email = self.user.claims.get("email").and_then(Value::as_str);
        let known = match name {
            "login_hint" => hint == self.user.sub || Some(hint) == email,
            "login_hint_token" if hint.ends_with(".old") => {
                return Err(Refusal::bad("expired_login_hint_token", "it has expired"));
            }
            "login_hint_token" => hint.strip_prefix("token-of-") == Some(&self.user.sub),
            _ => {
                let claims = hint.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
                let claims = claims.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
                let claims = claims.unwrap_or_default();
                if claims["iss"] != self.issuer.as_str() || claims["aud"] != client.client_id.as_str() {
                    return Err(self.invalid("id_token_hint is no ID token of this provider for this client"));
                }
                claims["sub"] == self.user.sub.as_str()
            }
        };
        if known { Ok(()) } else { Err(Refusal::bad("unknown_user_id", "nobody has this name")) }
    }

    /// Verifies a signed authentication request, and returns its parameters (section 7.1.1).
    fn signed_parameters(
        &mut self,
        client: &Registration,
        jwt: &str,
        jwk: &Value,
        now: Timestamp,
    ) -> Result<Params, Refusal> {
        let signer =
            Registration::private_key_jwt(&client.client_id, jwk.clone()).id_token_alg(client.id_token_alg);
        let claims = match self.signed_by(&signer, jwt) {
            Ok([_, claims]) => claims,
            Err(why) => return Err(self.invalid(&format!("the signed request: {why}"))),
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        if text("iss") != Some(&client.client_id) || text("aud") != Some(&self.issuer) {
            return Err(self.invalid("the signed request has another `iss` or `aud` (CIBA section 7.1.1)"));
        }
        match (time("exp"), time("iat"), time("nbf")) {
            (Some(exp), Some(iat), Some(nbf))
                if exp > now.0 && exp - nbf <= 3600 && iat <= now.0 + 5 && nbf <= now.0 + 5 => {}
            _ => return Err(self.invalid("the signed request has wrong times (CIBA section 7.1.1)")),
        }
        match text("jti").map(str::to_owned) {
            Some(jti) if jti.len() >= 22 => {
                if !self.audit.first_time("the `jti` of a signed request", &jti) {
                    return Err(Refusal::bad("invalid_request", "the signed request was used"));
                }
            }
            _ => return Err(self.invalid("the signed request has no good `jti` (CIBA section 7.1.1)")),
        }
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &claims {
            if ["iss", "aud", "exp", "iat", "nbf", "jti"].contains(&name.as_str()) {
                continue;
            }
            let texts = match value {
                Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Value::String(value) => vec![value.clone()],
                other => vec![other.to_string()],
            };
            pairs.extend_pairs(texts.iter().map(|text| (name, text)));
        }
        let params = Params::parse(pairs.finish().as_bytes());
        self.audit.parameters(&params, &PARAMETERS);
        Ok(params)
    }

    /// Answers a poll at the token endpoint (sections 10.1 and 11).
    pub(super) fn backchannel_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(id) = params.get("auth_req_id") else { return Err(self.invalid("no auth_req_id")) };
        if self.ciba.redeemed.iter().any(|redeemed| redeemed == id) {
            return Err(self.refused("the auth_req_id has led to tokens (CIBA section 10.1.1)"));
        }
        let Some(asked) = self.ciba.asked.get_mut(id) else {
            return Err(self.refused("the auth_req_id is not known here"));
        };
        if asked.client_id != client.client_id {
            return Err(self.refused("the auth_req_id was issued to another client (CIBA section 10.1)"));
        }
        if asked.mode == "push" {
            self.audit.note("a client of the push mode asks for its tokens (CIBA section 11)");
            return Err(Refusal::bad("unauthorized_client", "the tokens are pushed"));
        }
        // After a ping, the client asks at once.
        let told = asked.mode == "ping" && asked.decision.is_some();
        let early = !told && asked.polled.is_some_and(|polled| now < polled.plus(asked.interval));
        asked.polled = Some(now);
        if early {
            asked.interval += 5;
            self.audit.note("the client asks more often than its interval allows (CIBA section 10.1)");
            return Err(Refusal::bad("slow_down", "not so often"));
        }
        if now >= asked.expires {
            return Err(Refusal::bad("expired_token", "the user did not decide in time"));
        }
        match asked.decision {
            None => Err(Refusal::bad("authorization_pending", "the user has yet to decide")),
            Some(false) => Err(Refusal::bad("access_denied", "the user said no")),
            Some(true) => {
                let asked = asked.clone();
                self.ciba.asked.remove(id);
                self.ciba.redeemed.push(id.to_owned());
                let grant = self.backchannel_grant_of(&asked, now);
                let grant = self.store.add(grant);
                self.issue(client, grant, &asked.scope, &asked.resources, None, now)
            }
        }
    }
}
