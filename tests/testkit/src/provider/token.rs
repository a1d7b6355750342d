//! The token endpoint (RFC 6749 sections 4.1.3, 4.4 and 6; RFC 7636 section 4.6).

use super::{
    ClientAuthentication, Registration, TestProvider,
    audit::is_form,
    authorize::{is_resource, scope_of},
    ciba::BACKCHANNEL_GRANT,
    device::DEVICE_GRANT,
    grants::{JWT_BEARER_GRANT, SAML_BEARER_GRANT, TOKEN_EXCHANGE_GRANT},
    insert, json,
    params::Params,
    store::{Code, Grant, Refresh},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode};
use oidc_proto::base::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

/// An error response (RFC 6749 section 5.2).
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) description: String,
    /// Whether the client used the `Authorization` header, so that the response must name the scheme.
    pub(super) basic: bool,
}

impl Refusal {
    pub(super) fn bad(error: &'static str, description: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.to_owned(), basic: false }
    }

    pub(super) fn into_response(self) -> Response<Vec<u8>> {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = json(self.status, &body, "no-store");
        insert(&mut response, "pragma", "no-cache");
        if self.basic {
            insert(&mut response, "www-authenticate", "Basic realm=\"token\"");
        }
        response
    }
}

/// The response of the token endpoint. No cache may store it (RFC 6749 section 5.1).
pub(super) fn granted(result: Result<Map<String, Value>, Refusal>) -> Response<Vec<u8>> {
    match result {
        Ok(members) => {
            let mut response = json(StatusCode::OK, &Value::Object(members), "no-store");
            insert(&mut response, "pragma", "no-cache");
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl TestProvider {
    pub(super) fn token(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        granted(self.exchange(request, now))
    }

    /// The parameters of a form, after the audit has judged them.
    pub(super) fn form(
        &mut self,
        request: &Request<Vec<u8>>,
        judge: impl FnOnce(&mut Self, &Params),
    ) -> Result<Params, Refusal> {
        if !is_form(request.headers()) {
            return Err(Refusal::bad("invalid_request", "the body is not a form"));
        }
        let params = Params::parse(request.body());
        judge(self, &params);
        match params.duplicate() {
            Some(name) => Err(Refusal::bad("invalid_request", &format!("{name} stands there twice"))),
            None => Ok(params),
        }
    }

    fn exchange(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        self.store.next_actor = None;
        let params = self.form(request, |provider, params| {
            provider.judge_parameters(params, params.get("grant_type").unwrap_or_default());
        })?;
        let grant_type = params.get("grant_type").unwrap_or_default().to_owned();
        // This comes before authentication: a code that is sent again after a refusal counts as sent twice.
        if let Some(code) = params.get("code") {
            self.audit.first_time("code", code);
        }
        let client = self.authenticate(request, &params)?;
        self.ask_details(&params)?;
        match grant_type.as_str() {
            "authorization_code" | "refresh_token" | "client_credentials" | DEVICE_GRANT
            | TOKEN_EXCHANGE_GRANT | JWT_BEARER_GRANT | SAML_BEARER_GRANT | BACKCHANNEL_GRANT
                if !client.may(&grant_type) =>
            {
                self.audit.note(format!("the client is not registered for the grant {grant_type}"));
                Err(Refusal::bad("unauthorized_client", "the client may not use this grant"))
            }
            "authorization_code" => self.code_grant(&client, &params, now),
            "refresh_token" => self.refresh_grant(&client, &params, now),
            "client_credentials" => self.client_grant(&client, &params, now),
            DEVICE_GRANT => self.device_grant(&client, &params, now),
            BACKCHANNEL_GRANT => self.backchannel_grant(&client, &params, now),
            TOKEN_EXCHANGE_GRANT => self.token_exchange(&client, &params, now),
            JWT_BEARER_GRANT => self.jwt_grant(&client, &params, now),
            SAML_BEARER_GRANT => self.saml_grant(&client, &params, now),
            "" => Err(self.invalid("no grant_type")),
            made_up if client.may(made_up) && self.made_up(made_up).is_some() => {
                let parameters = self.made_up(made_up).unwrap_or_default().to_vec();
                self.made_up_grant(&client, &params, &parameters, now)
            }
            _ => Err(Refusal::bad("unsupported_grant_type", "this grant is not supported")),
        }
    }

    /// Judges which parameters a token request may have. A client that authenticates in the header need not
    /// send `client_id`; a client that is identified by the body must.
    fn judge_parameters(&mut self, params: &Params, grant_type: &str) {
        let mut known = vec!["grant_type", "resource"];
        known.extend_from_slice(self.rar_parameters());
        known.extend_from_slice(match grant_type {
            "authorization_code" => &["code", "redirect_uri", "code_verifier"][..],
            "refresh_token" => &["refresh_token", "scope"],
            DEVICE_GRANT => &["device_code"],
            BACKCHANNEL_GRANT => &["auth_req_id"],
            TOKEN_EXCHANGE_GRANT => &[
                "subject_token",
                "subject_token_type",
                "actor_token",
                "actor_token_type",
                "requested_token_type",
                "scope",
                "audience",
            ],
            JWT_BEARER_GRANT | SAML_BEARER_GRANT => &["assertion", "scope"],
            made_up if self.made_up(made_up).is_some() => &["scope", "audience"],
            _ => &["scope"],
        });
        let made_up = self.made_up(grant_type).unwrap_or_default().to_vec();
        known.extend(made_up.iter().map(String::as_str));
        known.extend_from_slice(self.authentication_parameters(params));
        self.audit.parameters(params, &known);
    }

    fn code_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(name) = params.get("code") else { return Err(self.invalid("no code")) };
        let Some(code) = self.store.codes.get(name).cloned() else {
            return Err(self.refused("the code is not known here"));
        };
        if let Some(code) = self.store.codes.get_mut(name) {
            code.used = true;
        }
        if code.used {
            self.store.revoke(code.grant);
            return Err(
                self.refused("the code has been used; its tokens are revoked (RFC 6749 section 4.1.2)")
            );
        }
        let grant = self.store.grant(code.grant).clone();
        if grant.client_id != client.client_id {
            return Err(self.refused("the code was issued to another client (RFC 6749 section 4.1.3)"));
        }
        if now >= code.expires {
            return Err(Refusal::bad("invalid_grant", "the code has expired"));
        }
        if params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
            return Err(self
                .refused("redirect_uri is not that of the authorization request (RFC 6749 section 4.1.3)"));
        }
        self.judge_verifier(params.get("code_verifier"), &code)?;
        let resources = self.resources(params, &grant)?;
        self.issue(client, code.grant, &grant.scope, &resources, code.nonce.as_deref(), now)
    }

    fn judge_verifier(&mut self, verifier: Option<&str>, code: &Code) -> Result<(), Refusal> {
        let Some(verifier) = verifier else {
            return Err(self.refused("no code_verifier (RFC 7636 section 4.5)"));
        };
        self.audit.first_time("code_verifier", verifier);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(allowed) {
            return Err(
                self.refused("code_verifier is not 43 to 128 unreserved characters (RFC 7636 section 4.1)")
            );
        }
        if URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) != code.challenge {
            return Err(self.refused("code_verifier does not match code_challenge (RFC 7636 section 4.6)"));
        }
        Ok(())
    }

    fn refresh_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let Some(name) = params.get("refresh_token") else { return Err(self.invalid("no refresh_token")) };
        let Some(token) = self.store.refresh_tokens.get(name).copied() else {
            return Err(self.refused("the refresh token is not known here"));
        };
        let grant = self.store.grant(token.grant).clone();
        if grant.client_id != client.client_id {
            return Err(self.refused("the refresh token was issued to another client (RFC 6749 section 6)"));
        }
        if token.used {
            self.store.revoke(token.grant);
            return Err(self.refused(
                "the refresh token has been used; its family is revoked (RFC 9700 section 4.14.2)",
            ));
        }
        if grant.revoked {
            return Err(Refusal::bad("invalid_grant", "the grant is revoked"));
        }
        let scope = match scope_of(params) {
            asked if asked.is_empty() => grant.scope.clone(),
            asked if asked.iter().all(|scope| grant.allows(scope)) => asked,
            _ => {
                self.audit.note("scope is wider than what was granted (RFC 6749 section 6)");
                return Err(Refusal::bad("invalid_scope", "scope is wider than what was granted"));
            }
        };
        let resources = self.resources(params, &grant)?;
        self.judge_details(token.grant)?;
        if self.settings.rotate_refresh_tokens {
            self.store.refresh_tokens.insert(name.to_owned(), Refresh { used: true, ..token });
        }
        self.issue(client, token.grant, &scope, &resources, None, now)
    }

    fn client_grant(
        &mut self,
        client: &Registration,
        params: &Params,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        if client.authentication == ClientAuthentication::None {
            self.audit.note("client credentials of a public client (RFC 6749 section 4.4)");
            return Err(Refusal::bad("unauthorized_client", "a public client has no credentials"));
        }
        let scope = scope_of(params);
        if scope.iter().any(|scope| scope == "openid" || scope == "offline_access" || scope.is_empty()) {
            self.audit.note("client credentials with a scope that needs a user");
            return Err(Refusal::bad("invalid_scope", "no user is here"));
        }
        let mut grant = Grant {
            client_id: client.client_id.clone(),
            user: None,
            scope: scope.clone(),
            resources: Vec::new(),
            auth_time: now,
            acr: None,
            claims: Value::Null,
            revoked: false,
        };
        let resources = self.resources(params, &grant)?;
        grant.resources.clone_from(&resources);
        let grant = self.store.add(grant);
        self.issue(client, grant, &scope, &resources, None, now)
    }

    /// The audience of the token: the resources that the request names, if they were granted, or else all
    /// resources granted (RFC 8707 section 2.2).
    pub(super) fn resources(&mut self, params: &Params, grant: &Grant) -> Result<Vec<String>, Refusal> {
        let asked: Vec<String> = params.all("resource").map(str::to_owned).collect();
        if asked.is_empty() {
            return Ok(grant.resources.clone());
        }
        if asked.len() > 1 && self.rar.one_audience {
            return Err(Refusal::bad("invalid_target", "a token is for one resource only"));
        }
        let granted = |resource: &String| grant.resources.is_empty() || grant.resources.contains(resource);
        if asked.iter().all(|resource| is_resource(resource) && granted(resource)) {
            return Ok(asked);
        }
        self.audit.note("resource is not an absolute URI that was granted (RFC 8707 section 2.2)");
        Err(Refusal::bad("invalid_target", "this resource was not granted"))
    }

    pub(super) fn issue(
        &mut self,
        client: &Registration,
        index: usize,
        scope: &[String],
        resources: &[String],
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let grant = self.store.grant(index).clone();
        self.judge_details(index)?;
        let mut members = Map::new();
        let access_token = self.mint_access_token(client, index, scope, resources, now);
        if grant.user.is_some() && scope.iter().any(|scope| scope == "openid") {
            let id_token = self.mint_id_token(client, &grant, nonce, &access_token, now);
            members.insert("id_token".to_owned(), id_token.into());
        }
        members.insert("access_token".to_owned(), access_token.into());
        members.insert("token_type".to_owned(), "Bearer".into());
        members.insert("expires_in".to_owned(), self.settings.access_token_lifetime.into());
        if !scope.is_empty() {
            members.insert("scope".to_owned(), scope.join(" ").into());
        }
        if let Some(details) = self.rar.minted.take() {
            members.insert(super::rar::PARAMETER.to_owned(), details.into());
        }
        let old_stays = !self.settings.rotate_refresh_tokens && self.has_refresh_token(index);
        if grant.user.is_some() && client.may("refresh_token") && !old_stays {
            let token = self.fresh();
            self.store.refresh_tokens.insert(token.clone(), Refresh { grant: index, used: false });
            members.insert("refresh_token".to_owned(), token.into());
        }
        Ok(members)
    }

    fn has_refresh_token(&self, grant: usize) -> bool {
        self.store.refresh_tokens.values().any(|token| token.grant == grant && !token.used)
    }

    /// Refuses a request that lacks a required parameter.
    pub(super) fn invalid(&mut self, what: &str) -> Refusal {
        self.audit.note(what);
        Refusal::bad("invalid_request", what)
    }

    /// Refuses a code or token that an honest client would not send.
    pub(super) fn refused(&mut self, what: &str) -> Refusal {
        self.audit.note(what);
        Refusal::bad("invalid_grant", what)
    }
}
