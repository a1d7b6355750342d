//! Values that the application supplies: they show nowhere, and neither do a provider's copies of them.

use super::{
    answers::look_at_flow_error,
    look::Looker,
    scene::{How, Scene, moment, scene},
};
use http::{Response, header};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    flow::{
        AuthorizationDiscovery, Call, CallbackError, Client, ClientCredentialsRequest, Flow,
        SavedClientCredentials, Step,
    },
    message::{AuthorizationRequest, AuthorizationResponse, IntrospectionResponse},
    metadata::{Profile, ProviderMetadata},
    token::{Expected, IdTokenVerifier},
};
use serde_json::{Value, json};

/// The parameters of an application are its own business: a ticket, an API key, a person.
#[test]
fn values_of_the_application_do_not_show() {
    let mut look = Looker::default();
    let secrets = [
        ("a parameter", "a ticket worth something"),
        ("a hint of who it is", "alice@people.example"),
        ("an ID token", "header.of an earlier token.x"),
        ("a claim asked for", "the claims that are wanted"),
        ("a claim of the user", "what the user is called"),
        ("a user name", "jdoe, as people know them"),
        ("a query", "what+stands+in+the+query"),
    ];
    for (name, value) in secrets {
        look.hide(name, value);
    }
    let given = |name: &str| secrets.iter().find(|(known, _)| *known == name).unwrap().1;
    let mut request = AuthorizationRequest::new(["profile"])
        .parameter("ticket", given("a parameter"))
        .login_hint(given("a hint of who it is"));
    request.id_token_hint = Some(Secret::new(given("an ID token")));
    request.claims = json!({"userinfo": {"sub": {"value": given("a claim asked for")}}}).as_object().cloned();
    let wanted = ClientCredentialsRequest::new(["read"]).parameter("api_key", given("a parameter"));
    let user = json!({"active": true, "username": given("a user name"), "client_id": "app"});
    let introspected = IntrospectionResponse::from_members(user.as_object().unwrap().clone()).unwrap();
    let redirect_uri = format!("https://app.example/cb?key={}", given("a query"));

    let resource = format!("https://api.example/mcp?key={}", given("a query"));
    look.at(&AuthorizationDiscovery::new(&resource, &Default::default()));
    look.at(&request);
    look.at(&wanted);
    look.at(&introspected);
    let scene = scene(How::Header);
    let call = scene.client.client_credentials(&wanted, super::scene::moment(9)).unwrap();
    look.at(&call);
    let (_, _, pending) = call.into_parts();
    look.at(&pending);
    let busy = Response::builder().status(503).body(Vec::new()).unwrap();
    let Ok(Step::Wait(pause)) = pending.receive(busy, moment(2)) else { panic!("it waits") };
    look.at(&pause);
    let saved: SavedClientCredentials = pause.save();
    look.at(&saved);
    assert!(
        serde_json::to_string(&saved).unwrap().contains("a ticket worth something"),
        "the parameter is in the request"
    );

    let builder = Client::builder(scene.metadata.clone(), "app").redirect_uri(&redirect_uri);
    look.at(&builder);
    look.at(&builder.build().unwrap());
    let mut document = scene.provider.metadata();
    document["token_endpoint"] = format!("https://op.example/t?key={}", given("a query")).into();
    let text = document.to_string();
    let policy = UrlPolicy::default();
    let metadata =
        ProviderMetadata::parse(text.as_bytes(), "https://op.example", Profile::OpenIdProvider, &policy)
            .unwrap();
    look.at(&metadata);
    look.at(metadata.token_endpoint.as_ref().unwrap());

    let mut scene = self::scene(How::Header);
    let login = scene.login(|_| {});
    let mut named = login.userinfo.clone().unwrap();
    named.claims.insert("name".to_owned(), given("a claim of the user").into());
    look.at(&named);
    let mut id_token = login.id_token.clone();
    id_token.claims.insert("name".to_owned(), given("a claim of the user").into());
    look.at(&id_token);
    let verifier = IdTokenVerifier::new("https://op.example", "app");
    look.at(&(verifier, Expected::default()));
}

/// Every spelling in which a provider may repeat a value.
fn spellings(secret: &str) -> Vec<String> {
    let percent = |upper: bool| -> String {
        let one = |byte: u8| match (byte.is_ascii_alphanumeric(), upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        };
        secret.bytes().map(one).collect()
    };
    let html = |one: &dyn Fn(u32) -> String| -> String {
        secret.chars().map(|c| if c.is_alphanumeric() { c.to_string() } else { one(u32::from(c)) }).collect()
    };
    let end = secret.len();
    vec![
        secret.to_owned(),
        percent(true),
        percent(false),
        percent(false).replace("%20", "+"),
        html(&|code| format!("&#{code};")),
        html(&|code| format!("&#x{code:X};")),
        html(&|code| format!("&#{code} ")),
        html(&|code| format!("\\u{code:04x}")),
        secret.replace([' ', '+'], ""),
        secret.to_uppercase(),
        format!("{}...", &secret[..end - 4]),
        format!("'{}'", &secret[..end - 4]),
        secret[4..].to_owned(),
        secret[3..end - 3].to_owned(),
    ]
}

/// Whether a text has six consecutive letters or digits of a secret, whatever stands between them.
fn repeats(text: &str, secret: &str) -> bool {
    let plain = |text: &str| -> String {
        text.replace("[secret]", " ").to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
    };
    let (text, secret) = (plain(text), plain(secret));
    (0..secret.len().saturating_sub(8)).any(|at| text.contains(&secret[at..at + 8]))
}

/// The error of a flow for a response that repeats a secret.
fn told<F: Flow>(call: Call<F>, status: u16, body: &Value, challenge: Option<&str>) -> Error {
    let (_, _, pending) = call.into_parts();
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    if let Some(challenge) = challenge.and_then(|text| http::HeaderValue::from_str(text).ok()) {
        response = response.header(header::WWW_AUTHENTICATE, challenge);
    }
    match pending.receive(response.body(body.to_string().into_bytes()).unwrap(), moment(3)) {
        Err(error) => error,
        Ok(_) => panic!("a refusal is accepted"),
    }
}

#[test]
fn a_secret_is_not_repeated_in_any_spelling_by_any_flow() {
    let mut world: Scene = scene(How::Body);
    let mut document = world.provider.metadata();
    document["introspection_endpoint"] = "https://op.example/introspect".into();
    let policy = UrlPolicy::default();
    let text = document.to_string();
    let metadata =
        ProviderMetadata::parse(text.as_bytes(), "https://op.example", Profile::OpenIdProvider, &policy)
            .unwrap();
    let secret = "s3cr+t/of=the client";
    let builder = Client::builder(metadata, "app").secret(secret);
    let client = builder.redirect_uri("https://app.example/callback").build().unwrap();
    let token = "0paque-t0ken/of+a=user.and~more";
    let ticket = "tick3t/of+the=application";
    for told_as in [secret, token, ticket].map(|secret| (secret, spellings(secret))) {
        let (sent, spellings) = told_as;
        for spelling in spellings {
            let text = format!("wrong secret {spelling}");
            let body = json!({"error": "invalid_client", "error_description": text, "error_uri": text});
            let code = json!({"error": spelling});
            let quoted = text.replace(['"', '\\'], "");
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{quoted}\"");
            let mut errors = Vec::new();
            if sent != token {
                let wanted = ClientCredentialsRequest::default().parameter("ticket", ticket);
                let again = || client.client_credentials_once(&wanted, super::scene::moment(9)).unwrap();
                errors.extend([told(again(), 400, &body, None), told(again(), 401, &code, None)]);
            }
            if sent == token {
                let ask =
                    || client.introspect_once(&Secret::new(token), None, super::scene::moment(9)).unwrap();
                errors.push(told(ask(), 400, &body, None));
                errors.push(told(ask(), 401, &Value::Null, Some(&challenge)));
                let token = Secret::new(token);
                errors.push(told(
                    client.userinfo(&token, "alice", super::scene::moment(9)).unwrap(),
                    401,
                    &Value::Null,
                    Some(&challenge),
                ));
                errors.push(told(
                    client.userinfo(&token, "alice", super::scene::moment(9)).unwrap(),
                    400,
                    &body,
                    None,
                ));
                errors.push(told(
                    client.refresh(&token, None, None, super::scene::moment(9)).unwrap(),
                    400,
                    &body,
                    None,
                ));
            }
            if sent == secret {
                errors.push(told(
                    client.device_authorization(["read"], super::scene::moment(9)).unwrap(),
                    400,
                    &body,
                    None,
                ));
            }
            for error in errors {
                let shown = format!("{error} {error:?}");
                assert!(shown.contains("[secret]") && !repeats(&shown, sent), "{spelling}: {shown}");
                look_at_flow_error(&mut Looker::default(), &error);
            }
        }
    }
    // The callback repeats what was sent through the browser.
    let (url, pending) = world.begin();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for spelling in spellings(&state) {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("error", "access_denied").append_pair("state", &state);
        query
            .append_pair("iss", "https://op.example")
            .append_pair("error_description", &format!("no {spelling}"));
        let response = AuthorizationResponse::from_query(&query.finish()).unwrap();
        let ended = pending.clone().callback(&world.client, None, response, moment(2)).map(drop);
        let Err(Error::Callback(CallbackError::Denied(error))) = ended else { panic!("{ended:?}") };
        assert!(!repeats(&error.to_string(), &state), "{error}");
    }
}

#[test]
fn every_text_of_a_provider_is_shown_in_one_line() {
    let world = scene(How::Header);
    let odd = "one\u{2028}two\u{2029}three\u{85}four\u{202e}evif\u{200b}\u{feff}\u{ad}\u{e0041}\u{2066}\r\n\t\u{1b}[2J";
    let body = json!({"error": odd, "error_description": odd, "error_uri": odd});
    let call = world
        .client
        .client_credentials_once(&ClientCredentialsRequest::default(), super::scene::moment(9))
        .unwrap();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let callback = query.append_pair("error", odd).append_pair("error_description", odd).finish();
    let callback = AuthorizationResponse::from_query(&callback).unwrap().error.unwrap();
    let document = json!({"issuer": odd}).to_string();
    let policy = UrlPolicy::default();
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), "https://op.example", Profile::TokenIssuer, &policy)
            .unwrap_err();
    for text in [told(call, 400, &body, None).to_string(), callback.to_string(), metadata.to_string()] {
        assert!(text.contains("one\u{fffd}two\u{fffd}three\u{fffd}four"), "{text:?}");
        let hidden = |c: char| {
            c.is_control() || "\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}\u{ad}\u{e0041}\u{2066}".contains(c)
        };
        assert!(!text.contains(hidden), "{text:?}");
    }
}
