//! Kept and shared values hold secrets, too: renewed tokens, and introspection results that callers share.

use super::{
    answers::{look_at_flow_error, provoke},
    look::Looker,
    look_at_call,
    scene::{How, NOW, SECRET, Scene, builder, moment},
};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    base::Bounded,
    flow::{
        AuthorizationDiscovery, ClientCredentialsRequest, Discovery, DiscoveryOptions, Flow, Pending,
        ResourceDiscovery, Step, TokenTypeHint, UserInfoMethod,
    },
    jose::KeySet,
    message::{ClaimAccess, TokenResponse},
    metadata::{IssuerRule, ResourceMetadata},
    renew::{
        Decision, KeyRenewal, MetadataRenewal, Need, Publisher, Renewal, RenewalError, RenewalPolicy,
        Renewed, SharedCache, TokenRenewal,
    },
};
use oidc_testkit::{EndpointName, hostile};
use serde_json::json;
use std::sync::Arc;

/// Answers the request as the provider does.
fn receive<F: Flow>(scene: &mut Scene, call: oidc_proto::flow::Call<F>) -> Result<Step<F>, Error> {
    let (request, _, pending): (_, _, Pending<F>) = call.into_parts();
    pending.receive(scene.provider.handle(&request, NOW), moment(40))
}

fn renewed(look: &mut Looker, scene: &mut Scene) -> Renewed<TokenResponse> {
    let wanted = ClientCredentialsRequest::new(["reports"]);
    let device = "MARK-device-secret-renewed";
    look.hide("a device secret", device);
    look_at_call(look, scene.client.client_credentials_once(&wanted, moment(9)).unwrap());
    look_at_call(look, TokenRenewal::start(&scene.client, &wanted, moment(9)).unwrap());
    scene.provider.alter_response(EndpointName::Token, hostile::set_member("device_secret", device));
    let call = TokenRenewal::start(&scene.client, &wanted, moment(9)).unwrap();
    let step = receive(scene, call).unwrap();
    scene.provider.clear_alterations();
    let Step::Done(renewed) = &step else { panic!("a token") };
    look.hide("a renewed access token", renewed.value.access_token.expose());
    look.at(&step);
    let Step::Done(renewed) = step else { panic!("a token") };
    look.at(&renewed);
    renewed
}

/// A token on its way through a renewal, to many readers, and in a pool.
pub(crate) fn look_at_renewals(look: &mut Looker, scene: &mut Scene) {
    let token = renewed(look, scene);
    let mut renewal: Renewal<TokenResponse> = Renewal::new(RenewalPolicy::TOKENS);
    look.at(&renewal);
    let want = renewal.want(Need::Any, NOW);
    look.at(&want);
    let Decision::Renew(lease) = want else { panic!("there is none yet") };
    look.at(&lease);
    look.at(&renewal.want(Need::Any, NOW));
    assert!(renewal.settle(lease, Ok(token.clone()), moment(41)));
    look.at(&renewal);
    look.at(&renewal.want(Need::Any, NOW));
    let want = renewal.want(Need::Any, NOW.plus(250));
    look.at(&want);
    let Decision::UseAndRenew(_, _, lease) = want else { panic!("it is due: {want:?}") };

    // A failure, with its reason in the words of a hostile provider.
    let refused = hostile::respond(400, "application/json", json!({"error": SECRET}).to_string());
    scene.provider.alter_response(EndpointName::Token, refused);
    let call = TokenRenewal::start(&scene.client, &ClientCredentialsRequest::default(), moment(9)).unwrap();
    let error = receive(scene, call).unwrap_err();
    scene.provider.clear_alterations();
    look_at_flow_error(look, &error);
    let failure = RenewalError::from(error);
    look.at_error(&failure);
    renewal.settle(lease, Err(failure), moment(42).not_before(NOW.plus(250)));
    look.at(&renewal);
    let refused = renewal.want(Need::NewerThan(renewal.epoch()), NOW.plus(251));
    assert!(matches!(&refused, Decision::Refuse { because: Some(_), .. }), "{refused:?}");
    look.at(&refused);

    let published = renewal.published().unwrap();
    look.at(&published);
    let publisher = Publisher::new();
    publisher.publish(published.clone());
    look.at(&publisher);
    let mut reader = publisher.reader();
    look.at(&reader);
    assert!(reader.get().is_some());
    look.at(&reader);

    let wanted = ClientCredentialsRequest::new(["reports"]);
    let mut pool = SharedCache::new(2);
    pool.get_or_insert_with(&wanted, || renewal);
    look.at(&pool);
    let mut bounded = Bounded::new(2);
    bounded.insert(wanted, (published, token, Secret::new(SECRET)), 1);
    look.at(&bounded);

    look_at_call(look, KeyRenewal::start(scene.metadata.jwks_uri.as_ref().unwrap()));
    let profile = oidc_proto::metadata::Profile::OpenIdProvider;
    let policy = UrlPolicy::default();
    look_at_call(look, MetadataRenewal::start("https://op.example", profile, &policy).unwrap());
}

/// The introspection of a token, in the request and in the response.
pub(crate) fn look_at_introspection(look: &mut Looker, scene: &mut Scene) {
    scene.provider.opaque_access_tokens(true);
    let call = scene.client.client_credentials(&ClientCredentialsRequest::default(), moment(9)).unwrap();
    let Ok(Step::Done(tokens)) = receive(scene, call) else { panic!("a token") };
    scene.provider.opaque_access_tokens(false);
    let token = tokens.access_token;
    look.hide("an opaque access token", token.expose());
    let hint = Some(TokenTypeHint::AccessToken);
    look_at_call(look, scene.client.introspect(&token, hint, moment(9)).unwrap());
    look_at_call(look, scene.client.introspect_once(&token, hint, moment(9)).unwrap());
    let (_, _, pending) = scene.client.introspect(&token, hint, moment(9)).unwrap().into_parts();
    let step = pending.fail(moment(50)).unwrap().unwrap();
    look.at(&step);
    let Step::Wait(pause) = step else { panic!("it waits") };
    look.at(&pause);
    let Ok(Step::Send(call)) = pause.wake(moment(51).not_before(NOW.plus(60))) else { panic!("it goes on") };
    // Some endpoints repeat the token: as its own identifier, or beside its claims.
    for member in ["jti", "jwt", "token"] {
        let again = hostile::set_member(member, token.expose());
        scene.provider.alter_response(EndpointName::Introspection, again);
    }
    let shared = json!({"jwk": {"kty": "oct", "k": token.expose()}});
    scene.provider.alter_response(EndpointName::Introspection, hostile::set_member("cnf", shared));
    let step = receive(scene, call).unwrap();
    scene.provider.clear_alterations();
    look.at(&step);
    let Step::Done(said) = step else { panic!("an answer") };
    assert!(
        said.active && said.jti.as_deref() == Some(token.expose()) && said.extra["jwt"] == token.expose()
    );
    look.at(&said);
    // The same for a token that is not active.
    let (_, _, pending) = scene.client.introspect_once(&token, None, moment(9)).unwrap().into_parts();
    let body = json!({"active": false, "token": token.expose()}).to_string().into_bytes();
    let answer = http::Response::builder().header("content-type", "application/json").body(body).unwrap();
    look.at(&pending.receive(answer, moment(52)).unwrap());

    let client = scene.client.clone();
    let sent = ["an opaque access token", "client_secret", "client_secret as it is sent"];
    provoke(look, &sent, || client.introspect(&token, hint, moment(9)).unwrap());
    provoke(look, &sent, || client.introspect_once(&token, hint, moment(9)).unwrap());
    provoke(look, &sent[1..], || {
        TokenRenewal::start(&client, &ClientCredentialsRequest::default(), moment(9)).unwrap()
    });
}

/// UserInfo with the token in the body, and with claims that are elsewhere.
pub(crate) fn look_at_claims_of_others(look: &mut Looker, scene: &mut Scene, how: How, token: &Secret) {
    let (jwt, other) =
        ("eyMARK.aggregated-claims-of-somebody-else-who-signs-them.MARK", "MARK-token-for-claims");
    look.hide("aggregated claims", jwt);
    look.hide("a token for claims", other);
    let sources = json!({"a": {"JWT": jwt}, "b": {"endpoint": "https://b.example", "access_token": other}});
    for method in [UserInfoMethod::Get, UserInfoMethod::Post, UserInfoMethod::PostForm] {
        let client = builder(&scene.metadata, how).userinfo_method(method).build().unwrap();
        look.at(&client);
        look_at_call(look, client.userinfo(token, "alice", moment(9)).unwrap());
        let (name, names) = ("_claim_names", json!({"address": "a", "score": "b"}));
        scene.provider.alter_response(EndpointName::UserInfo, hostile::set_member(name, names));
        let sources = hostile::set_member("_claim_sources", sources.clone());
        scene.provider.alter_response(EndpointName::UserInfo, sources);
        let step = receive(scene, client.userinfo(token, "alice", moment(9)).unwrap()).unwrap();
        scene.provider.clear_alterations();
        look.at(&step);
        let Step::Done(userinfo) = step else { panic!("claims") };
        look.at(&userinfo);
        for source in &userinfo.claim_sources {
            look.at(source);
            look.at(&source.access);
        }
        assert!(matches!(userinfo.claim_sources[0].access, ClaimAccess::Aggregated(_)));
    }
}

/// Documents are public. The keys that verify them and the credentials that fetch them may be secret.
pub(crate) fn look_at_discoveries(look: &mut Looker) {
    let rule = IssuerRule::exact("https://op.example");
    let options = || {
        let options = DiscoveryOptions::new(&UrlPolicy::default()).issuer_rule(rule.clone());
        options.signed_by(Arc::new(KeySet::from_secret(&Secret::new(SECRET)))).or_other_form()
    };
    look.at(&options());
    look_at_call(look, Discovery::with("https://op.example", options()).unwrap());
    look_at_call(look, ResourceDiscovery::start("https://api.example", &UrlPolicy::default()).unwrap());
    look.at(&ResourceMetadata::new("https://api.example"));
    let discovery = AuthorizationDiscovery::new("https://api.example", &UrlPolicy::default());
    look.at(&discovery);
    look_at_call(look, discovery.start().unwrap());
}
