//! The UserInfo endpoint (OpenID Connect Core 1.0 section 5.3), a protected resource in the terms of RFC
//! 6750.

use super::{TestProvider, form, insert, json, store::Grant};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use oidc_proto::base::Timestamp;
use serde_json::{Map, Value, json};

/// The claims that each scope gives access to (OpenID Connect Core 1.0 section 5.4).
const SCOPES: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

impl TestProvider {
    pub(super) fn userinfo(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Response<Vec<u8>> {
        let params = if *request.method() == Method::POST { form(request) } else { Default::default() };
        self.audit.parameters(&params, &["access_token"]);
        let in_header = match bearer(request.headers()) {
            Ok(token) => token,
            Err(what) => {
                self.audit.note(what);
                return challenge(StatusCode::BAD_REQUEST, "invalid_request", what);
            }
        };
        let in_body = params.get("access_token");
        if in_header.is_some() && in_body.is_some() {
            let what = "the access token was sent in two ways (RFC 6750 section 2)";
            self.audit.note(what);
            return challenge(StatusCode::BAD_REQUEST, "invalid_request", what);
        }
        let Some(token) = in_header.or(in_body) else {
            self.audit.note("UserInfo request without an access token");
            let mut response = json(StatusCode::UNAUTHORIZED, &json!({}), "no-store");
            insert(&mut response, "www-authenticate", "Bearer");
            return response;
        };
        let Some(access) = self.store.access_tokens.get(token).cloned() else {
            return challenge(StatusCode::UNAUTHORIZED, "invalid_token", "this token is not known here");
        };
        let grant = self.store.grant(access.grant).clone();
        if now >= access.expires {
            return challenge(StatusCode::UNAUTHORIZED, "invalid_token", "the token has expired");
        }
        if grant.revoked {
            return challenge(StatusCode::UNAUTHORIZED, "invalid_token", "the token is revoked");
        }
        if !access.scope.iter().any(|scope| scope == "openid") {
            self.audit.note("UserInfo request with a token whose scope has no `openid`");
            return challenge(StatusCode::FORBIDDEN, "insufficient_scope", "the scope has no openid");
        }
        json(StatusCode::OK, &Value::Object(told(&grant, &access.scope)), "no-store")
    }
}

/// The claims that the scope allows, and those that the `claims` parameter asked for.
fn told(grant: &Grant, scope: &[String]) -> Map<String, Value> {
    let Some(user) = &grant.user else { return Map::new() };
    let open = |claim: &String| {
        let asked = grant.claims["userinfo"].as_object().is_some_and(|asked| asked.contains_key(claim));
        let needed = SCOPES.iter().find(|(_, claims)| claims.contains(&claim.as_str()));
        asked || needed.is_none_or(|(needed, _)| scope.iter().any(|scope| scope == needed))
    };
    let mut told: Map<_, _> =
        user.claims.iter().filter(|(name, _)| open(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
    told.insert("sub".to_owned(), user.sub.as_str().into());
    told
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let broken = "the Authorization header is not Bearer (RFC 6750 section 2.1)";
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(broken)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(allowed) {
        return Err(broken);
    }
    Ok(Some(token))
}

/// An error response of a protected resource (RFC 6750 section 3).
fn challenge(status: StatusCode, error: &str, description: &str) -> Response<Vec<u8>> {
    let body = json!({ "error": error, "error_description": description });
    let mut response = json(status, &body, "no-store");
    let value = format!("Bearer error=\"{error}\", error_description=\"{description}\"");
    insert(&mut response, "www-authenticate", &value);
    response
}
