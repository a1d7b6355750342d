//! No secret shows in a registration, neither of the client nor of who may register one.

use super::{
    answers::{look_at_flow_error, provoke},
    look::Looker,
    look_at_call,
    scene::moment,
};
use oidc_proto::{
    UrlPolicy,
    flow::{Registration, RegistrationRequest, SealingKeys, Step},
    message::ClientMetadata,
    metadata::{Profile, ProviderMetadata},
};
use serde_json::{Value, json};

fn response(status: u16, body: &Value) -> http::Response<Vec<u8>> {
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    response.body(body.to_string().into_bytes()).unwrap()
}

pub(super) fn look_at_registration(look: &mut Looker) {
    let statement = "MARK-a-software-statement";
    look.hide("a software statement", statement);
    let metadata = ClientMetadata::web(["https://app.example/callback?key=MARK-a-software-statement"])
        .software_statement(statement)
        .member("of_a_vendor", statement);
    look.at(&metadata);
    let initial = "MARK-an-initial-access-token";
    look.hide("an initial access token", initial);
    let wanted = RegistrationRequest::new(metadata.clone()).initial_access_token(initial);
    look.at(&wanted);

    let document = r#"{"issuer":"https://op.example","registration_endpoint":"https://op.example/register",
        "response_types_supported":["code"]}"#;
    let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    let provider =
        ProviderMetadata::parse(document.as_bytes(), "https://op.example", profile, &policy).unwrap();
    let begin = || Registration::start(&provider, &wanted).unwrap();
    look_at_call(look, begin());
    provoke(look, &["a software statement", "an initial access token"], begin);

    let (secret, token) = ("MARK-the-secret-of-a-client", "MARK-the-token-of-a-registration");
    look.hide("the secret of a registered client", secret);
    look.hide("the token of a registration", token);
    let mut told = json!({
        "client_id": "1",
        "client_secret": secret,
        "registration_access_token": token,
        "registration_client_uri": "https://op.example/register/1",
        "of_a_vendor": secret,
    });
    let (_, _, pending) = begin().into_parts();
    let Ok(Step::Done(registered)) = pending.receive(response(201, &told), moment(5)) else {
        panic!("registered")
    };
    look.at(&registered);
    look.at(&registered.metadata);
    registered.changes.iter().for_each(|change| look.at(change));
    let sealed = SealingKeys::new(1, &[7; 32]).seal_stored(&registered, "here", moment(6)).unwrap();
    look.text(&sealed);

    told["token_endpoint_auth_method"] = token.into();
    told["application_type"] = secret.into();
    told["redirect_uris"] = json!([format!("https://op.example/{secret}")]);
    told[token] = true.into();
    let (_, _, pending) = begin().into_parts();
    let error = pending.receive(response(201, &told), moment(5)).unwrap_err();
    look_at_flow_error(look, &error);
    look.at(error.registered_client().unwrap());

    let names = ["the secret of a registered client", "the token of a registration"];
    let policy = UrlPolicy::default();
    look_at_call(look, registered.read(&policy).unwrap());
    look_at_call(look, registered.delete(&policy).unwrap());
    let update =
        || registered.update(&ClientMetadata::web(["https://app.example/callback"]), &policy).unwrap();
    look_at_call(look, update());
    provoke(look, &names, update);
}
