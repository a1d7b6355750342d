//! [`Refusal`]: why an application must not add a parameter, and what sets it.

use std::fmt;

/// The sentence about a parameter that the library sets itself, or that is given twice (`extra`).
pub(super) struct Refusal(pub(super) &'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        if *name == "extra" {
            return f
                .write_str("the request has an extra parameter twice, and only `resource` and `audience` may be repeated");
        }
        write!(f, "the extra parameter `{name}` {}", why(name))?;
        setter(name).map_or(Ok(()), |setter| write!(f, ": {setter}"))
    }
}

fn why(parameter: &str) -> &'static str {
    match parameter {
        "request" | "request_uri" => {
            "would replace all others: call `Client::push_authorize` or `Client::prepare_authorization`"
        }
        "dpop_jkt" => "is one that the library sets itself, to the key that the client has",
        "state" | "nonce" | "code_challenge" | "code_challenge_method" => {
            "is one that the library sets itself, anew for each request, and nothing may choose it"
        }
        "grant_type" => "is one that the library sets itself: it says which flow this is",
        _ => "is one that the library sets itself",
    }
}

/// Returns what a program does instead.
fn setter(parameter: &str) -> Option<&'static str> {
    Some(match parameter {
        "response_type" => "call `AuthorizationRequest::response_type`",
        "response_mode" => "call `AuthorizationRequest::response_mode` or `AccessRequest::response_mode`",
        "client_id" => "give it to `Client::builder`",
        "redirect_uri" => "call `ClientBuilder::redirect_uri`",
        "scope" => "give the scopes to the request's `new`",
        "resource" => {
            "call `ClientCredentialsRequest::resource`, `GrantRequest::resource` or `AuthorizationRequest::resource`"
        }
        "authorization_details" => {
            "set it by `authorization_detail` of the request, and not by a further parameter as well"
        }
        "audience" => "call `GrantRequest::audience` or `TokenExchangeRequest::audience`",
        "actor_token" | "actor_token_type" => "call `TokenExchangeRequest::actor`",
        "requested_token_type" => "call `TokenExchangeRequest::requesting`",
        "prompt" => "call `AuthorizationRequest::prompt`",
        "display" => "set the field `AuthorizationRequest::display`",
        "max_age" => "call `AuthorizationRequest::max_age`",
        "ui_locales" => "set the field `AuthorizationRequest::ui_locales`",
        "claims_locales" => "set the field `AuthorizationRequest::claims_locales`",
        "id_token_hint" => "set the field `AuthorizationRequest::id_token_hint`",
        "login_hint" => "call `AuthorizationRequest::login_hint`",
        "acr_values" => {
            "set the field `AuthorizationRequest::acr_values`, or call `AuthorizationRequest::essential_acr`"
        }
        "claims" => "set the field `AuthorizationRequest::claims`",
        "client_secret" => "call `ClientBuilder::secret`",
        "client_assertion" => "call `ClientBuilder::signer`",
        "dpop_jkt" => "call `Client::with_dpop_key` or `ClientBuilder::dpop_key`",
        _ => return None,
    })
}
