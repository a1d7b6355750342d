//! The introspection endpoint (RFC 7662 section 2), for clients that can authenticate.

use super::{ClientAuthentication, Registration, TestProvider, insert, json, token::Refusal};
use http::{Request, Response, StatusCode};
use oidc_proto::base::Timestamp;
use serde_json::{Map, Value, json};

impl TestProvider {
    pub(super) fn introspection(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        match self.introspect(request, now) {
            Ok((client, said)) => self
                .signed_introspection(request, &client, &said, now)
                .unwrap_or_else(|| json(StatusCode::OK, &Value::Object(said), "no-store")),
            // The status is 401 whatever the authentication method is (section 2.3).
            Err(refusal) if refusal.error == "invalid_client" => {
                let mut response = Refusal { status: StatusCode::UNAUTHORIZED, ..refusal }.into_response();
                insert(&mut response, "www-authenticate", "Basic realm=\"introspection\"");
                response
            }
            Err(refusal) => refusal.into_response(),
        }
    }

    fn introspect(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<(Registration, Map<String, Value>), Refusal> {
        let params = self.form(request, |provider, params| {
            let known = [&["token", "token_type_hint"], provider.authentication_parameters(params)].concat();
            provider.audit.parameters(params, &known);
        })?;
        let client = self.authenticate(request, &params)?;
        if client.authentication == ClientAuthentication::None {
            self.audit.note("introspection by a public client (RFC 7662 section 2.1)");
            return Err(Refusal::bad("invalid_client", "a public client may not ask"));
        }
        if params.get("token_type_hint").is_some_and(|hint| hint != "access_token" && hint != "refresh_token")
        {
            self.audit.note("token_type_hint is not one that is registered (RFC 7009 section 4.1.2)");
        }
        let Some(token) = params.get("token") else {
            self.audit.note("introspection without a token");
            return Err(Refusal::bad("invalid_request", "no token"));
        };
        let said = self.said_of(token, now);
        Ok((client, said))
    }

    /// The members of the response. All kinds of token are searched, whatever the hint says. For an
    /// inactive token, `active` is the only member.
    fn said_of(&self, token: &str, now: Timestamp) -> Map<String, Value> {
        let access = self
            .store
            .access_tokens
            .get(token)
            .filter(|access| now < access.expires && !self.store.grant(access.grant).revoked);
        let refresh = self
            .store
            .refresh_tokens
            .get(token)
            .filter(|refresh| !refresh.used && !self.store.grant(refresh.grant).revoked);
        let mut said = Map::from_iter([("active".to_owned(), Value::Bool(true))]);
        match (access, refresh) {
            (Some(access), _) => {
                said.extend(access.claims.clone());
                said.insert("token_type".to_owned(), "Bearer".into());
            }
            (None, Some(refresh)) => {
                let grant = self.store.grant(refresh.grant);
                said.insert("client_id".to_owned(), grant.client_id.as_str().into());
                said.insert("sub".to_owned(), grant.subject().into());
            }
            (None, None) => return Map::from_iter([("active".to_owned(), json!(false))]),
        }
        said
    }
}
