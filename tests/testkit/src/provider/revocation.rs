//! The revocation endpoint (RFC 7009), for the client that got the token.

use super::{TestProvider, token::Refusal};
use http::{Request, Response, StatusCode};

impl TestProvider {
    pub(super) fn revocation(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match self.revoke(request) {
            Ok(()) => {
                Response::builder().status(StatusCode::OK).body(Vec::new()).expect("a status and no body")
            }
            Err(refusal) => refusal.into_response(),
        }
    }

    fn revoke(&mut self, request: &Request<Vec<u8>>) -> Result<(), Refusal> {
        let params = self.form(request, |provider, params| {
            let known = [&["token", "token_type_hint"], provider.authentication_parameters(params)].concat();
            provider.audit.parameters(params, &known);
        })?;
        let client = self.authenticate(request, &params)?;
        let Some(token) = params.get("token") else {
            self.audit.note("revocation without a token (RFC 7009 section 2.1)");
            return Err(Refusal::bad("invalid_request", "no token"));
        };
        let refresh = self.store.refresh_tokens.get(token).map(|refresh| refresh.grant);
        let grant = refresh.or_else(|| self.store.access_tokens.get(token).map(|access| access.grant));
        // An unknown token counts as revoked (section 2.2).
        let Some(grant) = grant else { return Ok(()) };
        if self.store.grant(grant).client_id != client.client_id {
            self.audit.note("revocation of another client's token (RFC 7009 section 2.1)");
            return Err(Refusal::bad("invalid_grant", "the token was given to another client"));
        }
        match refresh {
            // A refresh token takes its grant with it, and every token of that grant.
            Some(grant) => self.store.revoke(grant),
            None => drop(self.store.access_tokens.remove(token)),
        }
        Ok(())
    }
}
