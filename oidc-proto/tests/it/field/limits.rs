//! Users with hundreds of groups: every size that a provider's data can reach is a setting, and the error names it.

use oidc_proto::{
    Error, Secret,
    base::FormError,
    flow::{Call, Client, ClientBuilder, ClientCredentialsRequest, ConfigError, Flow, MAX_RESPONSE},
    message::{AuthorizationRequest, AuthorizationResponse, MAX_CALLBACK, ResponseMode},
    metadata::ProviderMetadata,
    token::MAX_TOKEN,
};
use oidc_testkit::Party;
use serde_json::{Value, json};

/// Groups of about this many bytes together.
fn groups(bytes: usize) -> Value {
    json!((0..bytes / 36).map(|n| format!("group-{n:05}-of-some-large-company")).collect::<Vec<_>>())
}

fn answered<F: Flow>(call: Call<F>, party: &mut Party, body: &Value) -> Result<(), Error> {
    let (_, terms, pending) = call.into_parts();
    let mut body = body.to_string().into_bytes();
    body.truncate(terms.max_body + 1); // as every driver does
    let response = http::Response::builder().header("content-type", "application/json").body(body).unwrap();
    pending.receive(response, party.clock.moment()).map(drop)
}

/// Gives a large response to each flow of a client that is set in this way.
fn at_every_endpoint(
    bytes: usize,
    set: &dyn Fn(ClientBuilder) -> ClientBuilder,
) -> Vec<(&'static str, Result<(), Error>)> {
    let mut party = Party::new();
    let mut metadata: ProviderMetadata = party.client.metadata().clone();
    let url = metadata.token_endpoint.clone();
    metadata.device_authorization_endpoint.clone_from(&url);
    metadata.introspection_endpoint = url;
    let client = set(Client::builder(metadata, "app").secret("its secret of the client")).build().unwrap();
    let (token, large) = (Secret::new("a-token"), groups(bytes));
    let (p, now) = (&mut party, |party: &mut Party| party.clock.moment());
    let wanted = ClientCredentialsRequest::new(["read"]);
    let tokens = json!({"access_token": "a", "token_type": "Bearer", "groups": large});
    let codes = json!({"device_code": "d", "user_code": "u", "verification_uri": "https://op.example/d",
                       "expires_in": 600, "groups": large});
    let said = json!({"active": true, "groups": large});
    let of_user = json!({"sub": "alice", "groups": large});
    let moment = now(p);
    let token_response = answered(client.client_credentials(&wanted, moment).unwrap(), p, &tokens);
    let moment = now(p);
    let device = answered(client.device_authorization(["openid"], moment).unwrap(), p, &codes);
    let moment = now(p);
    let introspection = answered(client.introspect(&token, None, moment).unwrap(), p, &said);
    let moment = now(p);
    let userinfo = answered(client.userinfo(&token, "alice", moment).unwrap(), p, &of_user);
    vec![
        ("token", token_response),
        ("device", device),
        ("introspection", introspection),
        ("userinfo", userinfo),
    ]
}

#[test]
fn the_limit_of_responses_is_a_setting_at_every_endpoint_and_its_error_names_it() {
    for (limit, bytes, is_read) in [
        (None, MAX_RESPONSE / 2, true),
        (None, MAX_RESPONSE * 2, false),
        (Some(MAX_RESPONSE * 4), MAX_RESPONSE * 2, true),
        (Some(1_000), 2_000, false),
    ] {
        for (endpoint, outcome) in at_every_endpoint(bytes, &|client| match limit {
            Some(limit) => client.max_document(limit),
            None => client,
        }) {
            assert_eq!(outcome.is_ok(), is_read, "{endpoint} {limit:?} {bytes}: {outcome:?}");
            if let Err(error) = outcome {
                assert_eq!(error.code(), "response_too_large", "{endpoint}: {error}");
                assert!(error.to_string().contains("`max_document`"), "{endpoint}: {error}");
            }
        }
    }
}

#[test]
fn a_long_token_is_introspected_and_revoked_by_one_setting() {
    let token = Secret::new("t".repeat(20_000));
    for (limit, fits) in [(None, false), (Some(19_999), false), (Some(20_000), true)] {
        let mut party = Party::new();
        let mut metadata = party.client.metadata().clone();
        let url = metadata.token_endpoint.clone();
        metadata.introspection_endpoint.clone_from(&url);
        metadata.revocation_endpoint = url;
        let builder = Client::builder(metadata, "app").secret("its secret of the client");
        let client = limit.map_or(builder.clone(), |bytes| builder.max_token(bytes)).build().unwrap();
        let moment = party.clock.moment();
        let asked = client.introspect(&token, None, moment).map(drop);
        let moment = party.clock.moment();
        for outcome in [asked, client.revoke(&token, None, moment).map(drop)] {
            assert_eq!(outcome.is_ok(), fits, "{limit:?}");
            let Err(error) = outcome else { continue };
            assert!(matches!(error, Error::Config(ConfigError::TokenTooLong { .. })), "{error}");
            assert!(error.to_string().contains("`ClientBuilder::max_token`"), "{error}");
        }
        // An API that takes such a token from its requests asks about it, too, and never loses a longer limit.
        let moment = party.clock.moment();
        assert!(client.with_max_introspected(20_000).introspect(&token, None, moment).is_ok());
        let moment = party.clock.moment();
        assert_eq!(client.with_max_introspected(10).introspect(&token, None, moment).is_ok(), fits);
    }
}

#[test]
fn a_callback_with_a_long_id_token_is_read_by_a_limit_of_its_own() {
    for (bytes, fits) in [(1_000, true), (MAX_CALLBACK, false), (50_000, false)] {
        let form = format!("code=c&state=s&id_token={}", "a".repeat(bytes));
        let posted = AuthorizationResponse::from_form(form.as_bytes());
        assert_eq!(posted.as_ref().err(), (!fits).then_some(&FormError::TooLong));
        if let Err(error) = posted {
            assert!(error.to_string().contains("`AuthorizationResponse::from_form_up_to`"), "{error}");
        }
        let read = AuthorizationResponse::from_form_up_to(form.as_bytes(), form.len()).unwrap();
        assert_eq!(read.id_token.unwrap().expose().len(), bytes);
        let refused = AuthorizationResponse::from_form_up_to(form.as_bytes(), form.len() - 1);
        assert_eq!(refused, Err(FormError::TooLong));
    }
}

#[test]
fn a_signed_response_follows_the_limit_of_tokens() {
    let long = "a".repeat(MAX_TOKEN + 1);
    for (limit, fits) in [(None, false), (Some(MAX_TOKEN), false), (Some(MAX_TOKEN + 1), true)] {
        let set = move |client: ClientBuilder| match limit {
            Some(bytes) => client.max_token(bytes),
            None => client,
        };
        let mut party = Party::builder().client(set).build();
        let mut metadata = party.client.metadata().clone();
        metadata.response_modes_supported = Some(vec!["query.jwt".into()]);
        let builder = Client::builder(metadata, "app").redirect_uri("https://app.example/callback");
        let client = set(builder).build().unwrap();
        let request = AuthorizationRequest::default().response_mode(ResponseMode::QueryJwt);
        let (_, pending) = client.authorize(&request, party.clock.moment()).unwrap();
        let form = format!("response={long}");
        let response = AuthorizationResponse::from_form_up_to(form.as_bytes(), 100_000).unwrap();
        let refused =
            pending.callback(&client, party.keys().ok(), response, party.clock.moment()).unwrap_err();
        // The text is no JWT, but only a text that is short enough is looked at.
        assert_eq!(refused.code() == "token_too_large", !fits, "{refused}");
        assert_eq!(refused.to_string().contains("`max_token`"), !fits, "{refused}");
    }
}
