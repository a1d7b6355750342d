//! No secret shows in a token exchange, an assertion, an ID-JAG or a grant of one's own.

use super::{
    answers::provoke,
    look::Looker,
    look_at_call,
    scene::{How, NOW, SECRET, Scene, moment, scene},
};
use oidc_proto::{
    flow::{
        AssertionGrantRequest, Call, Flow, GrantRequest, IdJagRequest, JwtAssertion, Step,
        TokenExchangeRequest, TokenTypeIdentifier,
    },
    jose::{Algorithm, KeySet},
    token::IdJagVerifier,
};
use oidc_testkit::{JWT_BEARER_GRANT, KeyRing, Registration, SAML_BEARER_GRANT, TOKEN_EXCHANGE_GRANT};

const BADGE: &str = "urn:example:grant:badge";
const OURS: &str = "https://ours.example";

/// Sends a request to the provider of the scene.
fn done<F: Flow<Output: std::fmt::Debug>>(look: &mut Looker, scene: &mut Scene, call: Call<F>) -> F::Output {
    let (request, _, pending) = call.into_parts();
    match pending.receive(scene.provider.handle(&request, NOW), moment(8)) {
        Ok(Step::Done(output)) => output,
        Ok(_) => panic!("one request is enough"),
        Err(error) => {
            look.at_error(&error);
            panic!("an honest provider: {error}")
        }
    }
}

pub(super) fn look_at_grants(look: &mut Looker, how: How) {
    let mut scene = scene(how);
    let registration = match how {
        How::Header => Registration::basic("app", SECRET),
        How::Body => Registration::post("app", SECRET),
        How::Assertion => Registration::secret_jwt("app", SECRET),
    };
    let registration = registration.redirect_uri("https://app.example/callback");
    let grants = [TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT, SAML_BEARER_GRANT, BADGE];
    scene.provider.register(grants.into_iter().fold(registration, Registration::grant_type));
    scene.provider.accept_grant(BADGE, &["badge"]);
    scene.provider.trust_assertions(OURS, KeyRing::new().document());

    let user = scene.login(|_| ());
    look_at_exchanges(look, &mut scene, &user.tokens.access_token, &user.id_token.token);
    look_at_given(look, &mut scene);

    let subject = "MARK-the-subject-of-an-assertion";
    look.hide("the subject of an assertion", subject);
    let claim = "MARK-a-claim-of-an-assertion";
    look.hide("a claim of an assertion", claim);
    let assertion = JwtAssertion::new(OURS, subject).claim("email", claim);
    look.at(&assertion);
    let to_sign = scene.client.jwt_assertion_to_sign(&assertion, Algorithm::ES256, None, moment(3)).unwrap();
    look.hide("an assertion to sign", std::str::from_utf8(to_sign.signing_input()).unwrap());
    look.at(&to_sign);
    look.at(&to_sign.with_signature(&[7; 64]));
    let signed = || {
        let (key, _) = KeyRing::new().signer(Algorithm::EdDSA, 1, None);
        AssertionGrantRequest::signed(assertion.clone(), key.into())
    };
    look.at(&signed());
    look_at_call(look, scene.client.assertion_grant(signed(), moment(4)).unwrap());
    let call = scene.client.assertion_grant(signed(), moment(4)).unwrap();
    let (request, _, pending) = call.into_parts();
    let body = String::from_utf8(request.body().clone()).unwrap();
    let (_, sent) = body.split_once("assertion=").unwrap();
    look.hide("a signed assertion", sent.split('&').next().unwrap());
    let Ok(Some(step)) = pending.fail(moment(5)) else { panic!("it waits") };
    look.at(&step);
    let Step::Wait(pause) = step else { panic!("it waits") };
    look.at(&pause);
}

fn look_at_exchanges(
    look: &mut Looker,
    scene: &mut Scene,
    access_token: &oidc_proto::Secret,
    id_token: &oidc_proto::Secret,
) {
    look.hide("the subject token", access_token.expose());
    look.hide("the ID token to exchange", id_token.expose());
    let access = TokenTypeIdentifier::ACCESS_TOKEN;
    look.at(&access);
    let wanted = TokenExchangeRequest::new(access_token.clone(), access.clone())
        .actor(access_token.clone(), access)
        .requesting(TokenTypeIdentifier::ACCESS_TOKEN);
    look.at(&wanted);
    look_at_call(look, scene.client.exchange(&wanted, moment(3)).unwrap());
    let call = scene.client.exchange(&wanted, moment(3)).unwrap();
    let exchanged = done(look, scene, call);
    look.hide("an exchanged token", exchanged.tokens.access_token.expose());
    look.at(&exchanged);

    let wanted = IdJagRequest::new(id_token.clone(), TokenTypeIdentifier::ID_TOKEN, "https://as.example");
    look.at(&wanted);
    let call = scene.client.id_jag(&wanted, moment(3)).unwrap();
    let id_jag = done(look, scene, call);
    let text = id_jag.assertion.expose().to_owned();
    look.hide("an ID-JAG", &text);
    look.at(&id_jag);
    let verifier = IdJagVerifier::new("https://op.example", "https://as.example");
    look.at(&verifier);
    let keys = KeySet::parse(scene.provider.key_set().to_string().as_bytes()).unwrap();
    let verified = verifier.verify(&text, "app", &keys, NOW).unwrap();
    look.hide("the identifier of an ID-JAG", &verified.jti);
    look.at(&verified);
    look.at_error(&verifier.verify(&text, "another", &keys, NOW).unwrap_err());
    look.at_error(&scene.client.redeem_id_jag(id_jag, moment(4)).unwrap_err());
}

fn look_at_given(look: &mut Looker, scene: &mut Scene) {
    let badge = "MARK-the-number-of-a-badge";
    look.hide("a parameter of a grant of one's own", badge);
    let wanted = GrantRequest::new(BADGE).parameter("badge", badge);
    look.at(&wanted);
    look_at_call(look, scene.client.grant(&wanted, moment(3)).unwrap());
    let call = scene.client.grant(&wanted, moment(3)).unwrap();
    let tokens = done(look, scene, call);
    look.hide("a token of a grant of one's own", tokens.access_token.expose());
    look.at(&tokens);
    let client = &scene.client;
    provoke(look, &["a parameter of a grant of one's own"], || client.grant(&wanted, moment(9)).unwrap());

    let given = "MARK-an-assertion-that-is-given";
    look.hide("an assertion that is given", given);
    for wanted in [AssertionGrantRequest::jwt(given), AssertionGrantRequest::saml(given)] {
        look.at(&wanted);
        look_at_call(look, client.assertion_grant(wanted, moment(3)).unwrap());
    }
    let begin = || client.assertion_grant(AssertionGrantRequest::jwt(given), moment(9)).unwrap();
    provoke(look, &["an assertion that is given"], begin);
}
