//! Logout tokens, and what a front-channel logout brings: neither shows, nor does a `sid`.

use super::super::{
    look::Looker,
    scene::{How, NOW, scene},
};
use oidc_proto::{
    Secret,
    flow::{BackchannelLogoutError, BackchannelLogoutRequest, FrontchannelLogoutRequest},
    jose::KeySet,
    sender::ReplayAnswer,
};
use oidc_testkit::TestProvider;

const SID: &str = "MARK-the-session-of-alice";

pub(super) fn look_at_received_logouts(look: &mut Looker, how: How) {
    let mut scene = scene(how);
    look.hide("the sid of a logout", SID);
    let keys = KeySet::parse(scene.provider.key_set().to_string().as_bytes()).unwrap();
    let verifier = scene.client.logout_token_verifier();
    look.at(&verifier);
    for sub in [Some("alice"), None] {
        let text = scene.provider.logout_token("app", sub, Some(SID), NOW);
        look.hide("a logout token", &text);
        let request = TestProvider::logout_request("https://app.example/logout", &text);
        let request = BackchannelLogoutRequest::read(&request).unwrap();
        look.at(&request);
        let token = request.verify(&scene.client, &keys, NOW).unwrap();
        look.hide("the identifier of a logout token", &token.jti);
        look.at(&token);
        look.at(&token.ends);
        look.at(&token.replay_key());
        look.at_error(&token.first_use(ReplayAnswer::Replayed).unwrap_err());
        let error = request.verify(&scene.client, &KeySet::default(), NOW).unwrap_err();
        look.text(&String::from_utf8_lossy(error.response().body()));
        look.at_error(&error);
        let mut forged = text;
        forged.push('A');
        look.at_error(&verifier.verify(&Secret::new(forged), &keys, NOW).unwrap_err());
    }
    look.at_error(&BackchannelLogoutError::Failed);

    let query = format!("iss=https%3A%2F%2Fop.example&sid={SID}");
    let request = FrontchannelLogoutRequest::from_query(&query).unwrap();
    look.at(&request);
    look.at(&request.session(&scene.client).unwrap());
    look.at_error(&FrontchannelLogoutRequest::from_query(&format!("sid={SID}")).unwrap_err());
    let foreign = FrontchannelLogoutRequest::from_query(&format!("iss=x&sid={SID}")).unwrap();
    look.at_error(&foreign.session(&scene.client).unwrap_err());
}
