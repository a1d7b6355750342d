//! The authorization endpoint (OpenID Connect Core 1.0 section 3.1.2, RFC 6749 section 4.1.1).

use super::{
    TestProvider, form, insert, page,
    params::Params,
    store::{Code, Grant},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, Request, Response, StatusCode};
use oidc_proto::base::Timestamp;
use serde_json::Value;
use url::{Url, form_urlencoded};

const KNOWN: [&str; 20] = [
    "dpop_jkt",
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "display",
    "max_age",
    "ui_locales",
    "claims_locales",
    "claims",
    "acr_values",
    "login_hint",
    "id_token_hint",
    "response_mode",
    "resource",
];

type Refused = (&'static str, String);

impl TestProvider {
    /// The parameters that an authorization request may have.
    pub(super) fn authorization_parameters(&self) -> Vec<&'static str> {
        [&KNOWN[..], self.rar_parameters()].concat()
    }

    pub(super) fn authorize(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        let sent = match *request.method() {
            Method::POST => form(request),
            _ => Params::parse(request.uri().query().unwrap_or_default().as_bytes()),
        };
        let params = match self.requested(sent, now) {
            Ok(params) => params,
            Err(text) => return page(StatusCode::BAD_REQUEST, text),
        };
        let Some(client) = params.get("client_id").and_then(|id| self.clients.get(id)).cloned() else {
            self.audit.note("authorization request of an unknown client");
            return page(StatusCode::BAD_REQUEST, "This client is not known here.");
        };
        let redirect_uri = match params.get("redirect_uri") {
            Some(uri) if client.redirect_uris.iter().any(|known| known == uri) => uri.to_owned(),
            _ => {
                self.audit.note("redirect_uri is not exactly one that is registered (RFC 9700 section 2.1)");
                return page(StatusCode::BAD_REQUEST, "This redirect URI is not registered.");
            }
        };
        let result = if !client.may("authorization_code") {
            self.audit.note("authorization request of a client that is not registered for the code grant");
            Err(("unauthorized_client", "the client may not use the code grant".to_owned()))
        } else {
            self.judge_authorization(&params);
            self.grant_authorization(&params, &client.client_id, &redirect_uri, now)
        };
        let mut answer = match result {
            Ok(code) => vec![("code", code)],
            Err((error, description)) => {
                vec![("error", error.to_owned()), ("error_description", description)]
            }
        };
        if let Some(error) = self.deny_next.take() {
            answer = vec![("error", error)];
        }
        if let Some(state) = params.get("state") {
            answer.push(("state", state.to_owned()));
        }
        if self.settings.issuer_in_callback {
            answer.push(("iss", self.issuer.clone()));
        }
        redirect(&redirect_uri, &answer)
    }

    /// Judges what a client must do although a provider could do without it.
    fn judge_authorization(&mut self, params: &Params) {
        let openid = scope_of(params).iter().any(|scope| scope == "openid");
        match (params.get("nonce"), openid) {
            (None, true) => self.audit.note("no nonce (OpenID Connect Core 1.0 section 3.1.2.1)"),
            (Some(_), false) => self.audit.note("a nonce, but scope has no `openid`"),
            (Some(_), true) | (None, false) => {}
        }
        if params.get("state").is_none() {
            self.audit.note("no state (RFC 6749 section 10.12)");
        }
        for kind in ["state", "nonce", "code_challenge"] {
            if let Some(value) = params.get(kind) {
                self.audit.first_time(kind, value);
                if value.len() < 22 {
                    self.audit
                        .note(format!("{kind} has no room for 128 bits of entropy (RFC 6749 section 10.10)"));
                }
            }
        }
        let values = ["state", "nonce", "code_challenge"].map(|kind| params.get(kind));
        if let [Some(state), Some(nonce), challenge] = values
            && (state == nonce || challenge.is_some_and(|value| value == state || value == nonce))
        {
            self.audit.note("state, nonce and code_challenge are not independent of each other");
        }
    }

    fn grant_authorization(
        &mut self,
        params: &Params,
        client_id: &str,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<String, Refused> {
        let invalid = |text: &str| ("invalid_request", text.to_owned());
        if let Some(name) = params.duplicate() {
            return Err(invalid(&format!("{name} stands there twice")));
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "only code is supported".to_owned())),
            None => return self.refuse_authorization("no response_type"),
        }
        let Some(challenge) = params.get("code_challenge").map(str::to_owned) else {
            return self
                .refuse_authorization("no code_challenge: PKCE is mandatory (RFC 9700 section 2.1.1)");
        };
        if params.get("code_challenge_method") != Some("S256") {
            return self.refuse_authorization("code_challenge_method is not S256 (RFC 7636 section 4.3)");
        }
        if URL_SAFE_NO_PAD.decode(&challenge).map_or(0, |hash| hash.len()) != 32 {
            return self.refuse_authorization("code_challenge is not a SHA-256 hash in base64url");
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return self.refuse_authorization("response_mode is not one that the metadata lists");
        }
        if params.get("max_age").is_some_and(|age| age.parse::<u32>().is_err()) {
            return self.refuse_authorization("max_age is not a number of seconds");
        }
        let prompts: Vec<_> = params.get("prompt").unwrap_or_default().split(' ').collect();
        if prompts.contains(&"none") && prompts.len() > 1 {
            return self.refuse_authorization("prompt has `none` and something else");
        }
        let claims = match params.get("claims").map(serde_json::from_str::<Value>) {
            None => Value::Null,
            Some(Ok(claims)) if claims.is_object() => claims,
            Some(_) => return self.refuse_authorization("claims is not a JSON object"),
        };
        let resources: Vec<_> = params.all("resource").map(str::to_owned).collect();
        if !resources.iter().all(|resource| is_resource(resource)) {
            self.audit.note("resource is not an absolute URI without fragment (RFC 8707 section 2)");
            return Err(("invalid_target", "a resource is not an absolute URI".to_owned()));
        }
        let details = self.read_details(params).map_err(|refusal| (refusal.error, refusal.description))?;
        let scope = scope_of(params);
        if scope.iter().any(String::is_empty) {
            return self.refuse_authorization("scope is not a list of names (RFC 6749 section 3.3)");
        }
        let acr = params.get("acr_values").and_then(|values| values.split(' ').next());
        let grant = self.store.add(Grant {
            client_id: client_id.to_owned(),
            user: Some(self.user.clone()),
            scope,
            resources,
            auth_time: now,
            acr: acr.map(str::to_owned),
            claims,
            revoked: false,
        });
        self.keep_details(grant, details);
        let code = Code {
            grant,
            redirect_uri: redirect_uri.to_owned(),
            challenge,
            nonce: params.get("nonce").map(str::to_owned),
            expires: now.plus(self.settings.code_lifetime),
            used: false,
        };
        let name = self.fresh();
        self.store.codes.insert(name.clone(), code);
        Ok(name)
    }

    fn refuse_authorization(&mut self, what: &str) -> Result<String, Refused> {
        self.audit.note(what);
        Err(("invalid_request", what.to_owned()))
    }
}

pub(super) fn scope_of(params: &Params) -> Vec<String> {
    params.get("scope").map_or_else(Vec::new, |scope| scope.split(' ').map(str::to_owned).collect())
}

pub(super) fn is_resource(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.fragment().is_none())
}

/// Redirects with 303, so that a browser that sent POST goes on with GET (RFC 9700 section 4.12).
fn redirect(redirect_uri: &str, answer: &[(&str, String)]) -> Response<Vec<u8>> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    let mark = if redirect_uri.contains('?') { '&' } else { '?' };
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    insert(&mut response, "location", &format!("{redirect_uri}{mark}{query}"));
    insert(&mut response, "cache-control", "no-store");
    insert(&mut response, "referrer-policy", "no-referrer");
    response
}
