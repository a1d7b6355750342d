//! No secret shows: neither in `Debug` of any public type at any stage of any flow, nor in an error for a
//! hostile response, whatever the response repeats.

mod access;
mod answers;
mod ciba;
mod device;
mod excused;
mod given;
mod grants;
mod identity;
mod introspected;
mod look;
mod pushed;
mod registration;
mod renewal;
mod requests;
mod resource;
mod scene;
mod target;

use crate::{backends::Keeping, resource::world};
use answers::{look_at_flow_error, provoke};
use excused::EXCUSED;
use http::header;
use look::{Looker, public_types, types_in};
use oidc_proto::{
    Secret, UrlPolicy,
    base::FormError,
    flow::{
        AppState, Call, Client, ClientAuthentication, ClientCredentialsGrant, ClientCredentialsRequest,
        Discovery, Flow, PendingAuthorization, PendingAuthorizations, PreviousLogin, SealingKeys, Step,
    },
    jose::{
        Algorithm, AlgorithmSet, BackendSigner, Jwk, KeySet, RingSigner, Sign, sign_compact, verify_compact,
    },
    message::AuthorizationResponse,
    token::{AccessTokenVerifier, Expected, IdTokenVerifier, Scratch},
};
use oidc_testkit::{EndpointName, hostile};
use scene::{How, NOW, SECRET, Scene, builder, moment, scene};
use serde_json::{Value, json};

/// The secrets of client authentication, in every form.
const CLIENT: [&str; 4] =
    ["client_secret", "client_secret as it is sent", "the credentials in the header", "client_assertion"];

/// Looks at a call, at its parts, and at the request as HTTP stacks would print it.
fn look_at_call<F: Flow>(look: &mut Looker, call: Call<F>) {
    look.at(&call);
    look_at_request(look, call.request());
    let (request, terms, pending) = call.into_parts();
    look_at_request(look, &request);
    look.at(&terms);
    look.at(&pending);
}

fn look_at_request(look: &Looker, request: &http::Request<Vec<u8>>) {
    look.text(&format!("{request:?} {:?}", request.headers()));
    look.text(&request.uri().to_string());
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        assert!(value.is_sensitive(), "credentials are marked as sensitive");
    }
}

/// Every secret of the login of this scene.
fn secrets(how: How) -> Looker {
    let mut look = Looker::default();
    let mut scene = scene(how);
    let (url, pending) = scene.begin();
    let saved: Value = serde_json::to_value(&pending).unwrap();
    for (name, member) in [("state", "s"), ("nonce", "n"), ("code_verifier", "p")] {
        look.hide(name, saved[member].as_str().unwrap());
    }
    look.hide("code", scene.respond(&url).code.unwrap().expose());
    look.hide("client_secret", SECRET);
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    look.hide("client_secret as it is sent", &encoded);
    let (mut credentials, mut assertion) = (None, None);
    let mut scene = self::scene(how);
    let login = scene.login(|step| {
        if let Step::Send(call) = step
            && let Some(value) = call.request().headers().get(header::AUTHORIZATION)
            && let Some(basic) = value.to_str().unwrap().strip_prefix("Basic ")
        {
            credentials = Some(basic.to_owned());
        }
        if let Step::Send(call) = step {
            let mut form = url::form_urlencoded::parse(call.request().body());
            let found = form.find(|(name, _)| name == "client_assertion");
            assertion = assertion.take().or(found.map(|(_, assertion)| assertion.into_owned()));
        }
    });
    if let Some(assertion) = assertion {
        look.hide("client_assertion", &assertion);
    }
    if let Some(basic) = credentials {
        look.hide("the credentials in the header", &basic);
    }
    look.hide("access_token", login.tokens.access_token.expose());
    look.hide("refresh_token", login.tokens.refresh_token.as_ref().unwrap().expose());
    look.hide("id_token", login.id_token.token.expose());
    look
}

fn look_at_a_login(look: &mut Looker, how: How) {
    let mut scene = scene(how);
    look.at(&builder(&scene.metadata, how));
    look.at(&scene.metadata);
    look.at(&scene.client);
    let (url, pending) = scene.begin();
    look.at(&pending);
    look_at_what_is_sealed(look, &pending);
    look.at(&scene.respond(&url));
    let mut scene = self::scene(how);
    let mut first = Some(self::scene(how).exchange());
    let login = scene.login(|step| {
        look.at(step);
        if let Step::Send(call) = step {
            look.at(call);
            look_at_request(look, call.request());
        }
        first.take().into_iter().for_each(|call| look_at_call(look, call));
    });
    look.at(&login);
    look.at(&login.tokens);
    look.at(&login.id_token);
    look.at(login.userinfo.as_ref().unwrap());
    look.at(&login.learned);
    look_at_assertions(look, &scene.client);
    let previous = PreviousLogin::from(&login.id_token);
    look.at(&previous);

    let spent = login.tokens.refresh_token.clone().unwrap();
    let refresh = || scene.client.refresh(&spent, Some(previous.clone()), None, moment(9)).unwrap();
    look_at_call(look, refresh());
    let (request, _, pending) = refresh().into_parts();
    let step = pending.receive(scene.provider.handle(&request, NOW), moment(4)).unwrap();
    look.at(&step);
    let Step::Send(call) = step else { panic!("the keys are needed") };
    let (request, _, pending) = call.into_parts();
    let step = pending.receive(scene.provider.handle(&request, NOW), moment(5)).unwrap();
    let Step::Done(refreshed) = step else { panic!("refreshed") };
    look.hide("the new access token", refreshed.tokens.access_token.expose());
    look.at(&refreshed);
    look.hide("the new refresh token", refreshed.tokens.refresh_token.as_ref().unwrap().expose());
    look.at(&oidc_proto::flow::RefreshOutcome::of(Ok(&refreshed)).unwrap());
    let mut other = serde_json::to_value(&previous).unwrap();
    other["sub"] = "mallory".into();
    let other: PreviousLogin = serde_json::from_value(other).unwrap();
    let error = refreshed.check(&other, Default::default()).unwrap_err();
    look_at_flow_error(look, &error);
    let oidc_proto::Error::Refresh { tokens, .. } = &error else { panic!("the new tokens are kept") };
    look.at(tokens.as_ref());

    look_at_call(look, scene.client.userinfo(&login.tokens.access_token, "alice", moment(9)).unwrap());
    look_at_call(look, scene.client.jwks().unwrap());
    look_at_call(look, Discovery::start("https://op.example", &UrlPolicy::default()).unwrap());
    look_at_client_credentials(look, &mut scene);
    look_at_verifiers(look, &mut scene, login.id_token.token.expose(), login.tokens.access_token.expose());
    renewal::look_at_claims_of_others(look, &mut scene, how, &login.tokens.access_token);
    renewal::look_at_renewals(look, &mut scene);
    introspected::look_at_signed_introspection(look, &mut scene, how, &login.tokens.access_token);
    renewal::look_at_introspection(look, &mut scene);
}

/// Sealed states: the browser keeps them and cannot read them.
fn look_at_what_is_sealed(look: &mut Looker, pending: &PendingAuthorization) {
    let key = b"MARK-sealing-key-of-32-bytes-....";
    let key: &[u8; 32] = key.first_chunk().unwrap();
    look.hide("a sealing key", std::str::from_utf8(key).unwrap());
    let keys = SealingKeys::new(1, key);
    look.at(&keys);
    let mut open = PendingAuthorizations::new();
    open.add(pending.clone(), NOW);
    look.at(&open);
    let sealed = keys.seal(&open, "here", moment(172)).unwrap();
    look.text(&sealed);
    look.at_error(&keys.open::<PendingAuthorizations>(&sealed, "elsewhere").unwrap_err());
    let own = AppState("MARK-what-an-application-keeps".to_owned());
    look.hide("a state of the application's own", &own.0);
    look.at(&own);
    let sealed = keys.seal(&own, "here", moment(173)).unwrap();
    look.text(&sealed);
    look.at_error(&keys.open::<AppState<u8>>(&sealed, "here").unwrap_err());
}

fn look_at_client_credentials(look: &mut Looker, scene: &mut Scene) {
    let wanted = ClientCredentialsRequest::new(["reports"]);
    look.at(&wanted);
    let begin = |client: &Client| client.client_credentials(&wanted, moment(9)).unwrap();
    look_at_call(look, begin(&scene.client));
    let (_, _, pending) = begin(&scene.client).into_parts();
    let step: Step<ClientCredentialsGrant> = pending.fail(moment(6)).unwrap().unwrap();
    look.at(&step);
    let Step::Wait(pause) = step else { panic!("it waits") };
    look.at(&pause);
    let saved = pause.save();
    look.at(&saved);
    look.text(&serde_json::to_string(&saved).unwrap());
    look.at(&scene.client.resume_client_credentials(saved, NOW).unwrap());
    // A member that no field knows may be a secret, too (Native SSO has one).
    let device = "MARK-device-secret";
    look.hide("a device secret", device);
    scene.provider.alter_response(EndpointName::Token, hostile::set_member("device_secret", device));
    let Ok(Step::Send(call)) = pause.wake(moment(7).not_before(NOW.plus(60))) else { panic!("it goes on") };
    let (request, _, pending) = call.into_parts();
    let Ok(Step::Done(tokens)) = pending.receive(scene.provider.handle(&request, NOW), moment(8)) else {
        panic!("a token")
    };
    look.hide("a token of the client's own", tokens.access_token.expose());
    assert_eq!(tokens.extra["device_secret"], device);
    look.at(&tokens);
    scene.provider.clear_alterations();
}

fn look_at_verifiers(look: &mut Looker, scene: &mut Scene, id_token: &str, access_token: &str) {
    let [nonce, state] = ["nonce", "state"].map(|name| look.secret(name).unwrap());
    let (code, access) = (Secret::new(look.secret("code").unwrap()), Secret::new(access_token));
    let mut expected = Expected::default();
    expected.nonce = Some(&nonce);
    expected.state = Some(&state);
    expected.code = Some(&code);
    expected.access_token = Some(&access);
    look.at(&expected);
    look.at(&code);
    let verifier = IdTokenVerifier::new("https://op.example", "app");
    look.at(&verifier);
    let id_token = Secret::new(id_token);
    look.at(&verifier.verify(&id_token, &scene.keys, &expected, NOW).unwrap());
    let mut buffers = Scratch::new();
    look.at(&verifier.verify_borrowed(&id_token, &scene.keys, &expected, &mut buffers, NOW).unwrap());
    // An access token may have a nonce, too: no specification forbids it.
    scene.provider.alter_access_token(hostile::set_claim("nonce", nonce.as_str()));
    let call = scene.client.client_credentials(&ClientCredentialsRequest::default(), moment(9)).unwrap();
    let (request, _, pending) = call.into_parts();
    let Ok(Step::Done(tokens)) = pending.receive(scene.provider.handle(&request, NOW), moment(9)) else {
        panic!("a token")
    };
    let (api, mut scratch) =
        (AccessTokenVerifier::new("https://op.example", "https://api.example"), Scratch::new());
    look.at(&api);
    let verified = api.verify(tokens.access_token.expose(), &scene.keys, &mut scratch, NOW).unwrap();
    assert_eq!(verified.claims().nonce.as_deref(), Some(nonce.as_str()));
    look.at(&verified);
    look.at(verified.claims());
    look.at(&verified.claims().aud.unwrap());
    look.at(&scratch);
    // The claims of an ID token. A resource server may meet their nonce, too.
    let mut buffers = Scratch::default();
    let jws = verify_compact(id_token.expose(), &scene.keys, AlgorithmSet::ALL, &mut buffers).unwrap();
    look.at(&jws);
    look.at(jws.header());
    look.at(&buffers);
    look.at(scene.keys.as_ref());
    look.at(scene.keys.keys().next().unwrap());
    look.at(&moment(171));
    // All 32 bytes of its entropy are 171.
    look.text(&format!("{:?}", moment(171)).replace("171", SECRET));
}

fn look_at_keys(look: &mut Looker) {
    let hmac = "MARK-hmac-key-that-is-long-enough-for-HS512-and-a-little-longer-still";
    let k = oidc_proto::base::base64url::encode(hmac.as_bytes());
    look.hide("an HMAC key", hmac);
    look.hide("an HMAC key in a JWK", &k);
    let jwk = json!({"kty": "oct", "k": k, "kid": "one", "alg": "HS256"}).to_string();
    let key = Jwk::parse(jwk.as_bytes()).unwrap();
    look.at(&key);
    look.text(&key.to_json().to_string());
    let keys = KeySet::parse(format!("{{\"keys\":[{jwk}]}}").as_bytes()).unwrap();
    look.at(&keys);
    look.at(keys.keys().next().unwrap());
    look.at(&KeySet::from_secret(&Secret::new(hmac)));
    let signer = RingSigner::from_jwk(jwk.as_bytes(), None).unwrap();
    look.at(&signer);
    look.at(&RingSigner::from_secret(Algorithm::HS256, &Secret::new(hmac), None).unwrap());
    assert!(signer.public_jwk().is_none());

    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/testkit/data/test-only-keys.json")).unwrap();
    for private in file["keys"].as_array().unwrap() {
        look.hide("a private key", private["d"].as_str().unwrap());
        let algorithm = match private["crv"].as_str() {
            None => Algorithm::RS256,
            Some("P-256") => Algorithm::ES256,
            Some("P-384") => Algorithm::ES384,
            Some(_) => Algorithm::EdDSA,
        };
        let signer = RingSigner::from_jwk(private.to_string().as_bytes(), Some(algorithm)).unwrap();
        look.at(&signer);
        let kept =
            BackendSigner::from_jwk(&Keeping, private.to_string().as_bytes(), Some(algorithm)).unwrap();
        look.at(&kept);
        look.at(&kept.sign(b"message").unwrap_err());
        let public = signer.public_jwk().unwrap();
        look.at(&public);
        look.text(&public.to_json().to_string());
        look.at(&Jwk::parse(private.to_string().as_bytes()).unwrap());
        look.at(&KeySet::parse(json!({ "keys": [private] }).to_string().as_bytes()).unwrap());
        // Errors of damaged keys.
        for member in ["d", "x", "n", "kty"] {
            let mut damaged = private.clone();
            damaged[member] = json!(format!("{}~", private["d"].as_str().unwrap()));
            if let Err(error) = RingSigner::from_jwk(damaged.to_string().as_bytes(), Some(algorithm)) {
                look.at_error(&error);
            }
            damaged[member] = json!([private["d"]]);
            if let Err(error) = RingSigner::from_jwk(damaged.to_string().as_bytes(), Some(algorithm)) {
                look.at_error(&error);
            }
            if let Err(error) = Jwk::parse(damaged.to_string().as_bytes()) {
                look.at_error(&error);
            }
        }
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n", private["d"].as_str().unwrap());
        look.at_error(&RingSigner::from_pkcs8_pem(algorithm, &pem, None).unwrap_err());
    }
    let header = serde_json::Map::from_iter([("alg".to_owned(), json!(hmac))]);
    look.at_error(&sign_compact(&signer, header, b"{}").unwrap_err());
}

#[test]
fn no_secret_shows_in_any_public_type_at_any_stage() {
    let mut seen = std::collections::BTreeSet::new();
    for how in [How::Header, How::Body] {
        let mut look = secrets(how);
        look_at_a_login(&mut look, how);
        look_at_keys(&mut look);
        look_at_callbacks(&mut look, how);
        device::look_at_a_device(&mut look, how);
        ciba::look_at_backchannel_authentication(&mut look, how);
        grants::look_at_grants(&mut look, how);
        access::look_at_access(&mut look, how);
        access::look_at_a_front_login(&mut look, how);
        pushed::look_at_a_pushed_request(&mut look, how);
        seen.append(&mut look.seen);
    }
    let mut look = secrets(How::Body);
    let scene = self::scene(How::Body);
    let begin = || scene.client.client_credentials(&ClientCredentialsRequest::default(), moment(9)).unwrap();
    provoke(&mut look, &CLIENT, begin);
    seen.append(&mut look.seen);
    requests::look_at_requests(&mut look, &scene.client);
    look.at(&oidc_proto::message::AuthorizationRequest::new(["a"]));
    target::look_at_targets(&mut look);
    registration::look_at_registration(&mut look);
    identity::look_at_identities(&mut look);
    renewal::look_at_discoveries(&mut look);
    resource::look_at_a_resource_server(&mut look);
    seen.append(&mut look.seen);

    // No type is forgotten: each is looked at above, or excused with a reason.
    let excused: Vec<&str> = EXCUSED.iter().flat_map(|(_, types)| types.iter().copied()).collect();
    let types = public_types();
    assert!(types.len() > 80, "the sources are read: {}", types.len());
    let forgotten: Vec<_> =
        types.iter().filter(|name| !seen.contains(*name) && !excused.contains(&name.as_str())).collect();
    assert!(forgotten.is_empty(), "look at these, or excuse them: {forgotten:#?}");
    let gone: Vec<_> = excused.iter().filter(|name| !types.contains(**name)).collect();
    assert!(gone.is_empty(), "excused, and there is no such type: {gone:?}");
}

/// A signed assertion shows neither before nor after it is signed.
fn look_at_assertions(look: &mut Looker, client: &Client) {
    let builder = Client::builder(client.metadata().clone(), "app");
    let shared = builder.clone().secret(SECRET).authentication(ClientAuthentication::ClientSecretJwt);
    look.at(&shared);
    let shared = shared.build().unwrap();
    look.at(&shared);
    look_at_call(look, shared.client_credentials(&ClientCredentialsRequest::default(), moment(13)).unwrap());
    let client = builder.authentication(ClientAuthentication::PrivateKeyJwt).build().unwrap();
    let to_sign = client
        .assertion_to_sign(oidc_proto::flow::Endpoint::Token, Algorithm::ES256, Some("k"), moment(11))
        .unwrap();
    let unsigned = std::str::from_utf8(to_sign.signing_input()).unwrap().to_owned();
    look.hide("an assertion that is not signed", &unsigned);
    look.at(&to_sign);
    let public = json!({"kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let public = Jwk::parse(public.to_string().as_bytes()).unwrap();
    let builder = Client::builder(client.metadata().clone(), "app").dpop_public_key(public, Algorithm::EdDSA);
    let proof =
        builder.build().unwrap().proof_to_sign(oidc_proto::flow::Endpoint::Token, None, moment(12)).unwrap();
    let unsigned = std::str::from_utf8(proof.signing_input()).unwrap().to_owned();
    look.hide("a proof that is not signed", &unsigned);
    look.at(&proof);
    look.at(&proof.with_signature(b"a signature of nobody"));
    let assertion = to_sign.with_signature(&[1; 64]);
    look.at(&assertion);
    look.at(&client.attempt(assertion));
}

fn look_at_callbacks(look: &mut Looker, how: How) {
    let [state, nonce, code] = ["state", "nonce", "code"].map(|name| look.secret(name).unwrap());
    let encode = |pairs: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    let denied = format!("denied {state} {nonce}");
    let iss = ("iss", "https://op.example");
    for pairs in [
        vec![("error", "access_denied"), ("error_description", &*denied), ("state", &*state), iss],
        vec![("error", &*state), ("error_uri", &*denied), ("state", &*state), iss],
        vec![("code", &*code), ("state", &*nonce)],
        vec![("code", &*code), ("state", &*state), ("iss", &*nonce)],
        vec![("code", ""), ("state", &*state), ("x", &*code)],
        vec![("code", &*code)],
    ] {
        // A repeated secret can be recognized only once the pending authorization is known.
        let response = AuthorizationResponse::from_query(&encode(&pairs)).unwrap();
        if response.error.is_none() && response.iss.is_none() {
            look.at(&response);
        }
        let mut scene = scene(how);
        let (_, pending) = scene.begin();
        let said_no = response.error.is_some();
        let error = pending.callback(&scene.client, None, response, moment(9)).unwrap_err();
        assert_eq!(said_no, error.code() == "callback_denied", "{error}");
        look_at_flow_error(look, &error);
    }
    for query in [encode(&[("code", &code), ("code", &code)]), format!("code=%ff{code}")] {
        let error: FormError = AuthorizationResponse::from_query(&query).unwrap_err();
        look.at_error(&error);
    }
    let metadata = scene(how).metadata;
    for error in [
        builder(&metadata, how).secret(format!("{SECRET}\n")).build().unwrap_err(),
        builder(&metadata, how).redirect_uri(format!("https://a.example/#{code}")).build().unwrap_err(),
        Client::builder(metadata.clone(), format!("{code}\0")).build().unwrap_err(),
    ] {
        look.at_error(&error);
    }
}

#[test]
fn no_hostile_response_makes_an_exchange_leak() {
    let sent = ["code", "code_verifier", "state", "nonce"];
    for how in [How::Header, How::Body, How::Assertion] {
        provoke(&mut secrets(how), &[&sent[..], &CLIENT].concat(), || scene(how).exchange());
    }
}

#[test]
fn no_hostile_response_makes_a_refresh_leak() {
    for how in [How::Header, How::Body] {
        let mut look = secrets(how);
        let mut scene = scene(how);
        let login = scene.login(|_| {});
        let spent = login.tokens.refresh_token.unwrap();
        let previous = PreviousLogin::from(&login.id_token);
        let begin = || scene.client.refresh(&spent, Some(previous.clone()), None, moment(9)).unwrap();
        provoke(&mut look, &[&["refresh_token"], &CLIENT[..]].concat(), begin);
    }
}

#[test]
fn no_hostile_response_makes_userinfo_or_keys_leak() {
    let mut scene = scene(How::Header);
    let login = scene.login(|_| {});
    let mut look = secrets(How::Header);
    let client = scene.client.clone();
    let begin = || client.userinfo(&login.tokens.access_token, "alice", moment(9)).unwrap();
    provoke(&mut look, &["access_token"], begin);
    provoke(&mut look, &["access_token", "nonce"], || client.jwks().unwrap());
}

#[test]
fn no_hostile_response_makes_a_device_leak() {
    for how in [How::Header, How::Body] {
        device::refuse_hostile_answers(&mut secrets(how), how, &CLIENT);
    }
}

#[test]
fn no_hostile_response_makes_backchannel_authentication_leak() {
    for how in [How::Header, How::Body] {
        ciba::refuse_hostile_answers(&mut secrets(how), how, &CLIENT);
    }
}

#[test]
fn no_hostile_request_makes_a_resource_server_leak() {
    resource::refuse_hostile_requests(&mut Looker::default());
}

/// The looker proves something only if it finds a secret that shows.
#[test]
fn a_secret_that_shows_is_found() {
    let mut look = Looker::default();
    look.hide("a secret", "0123456789abcdef");
    look.at(&"nothing");
    for text in ["0123456789abcdef", "x0123456789abcdefx"] {
        assert!(std::panic::catch_unwind(|| look.text(text)).is_err());
    }
    let declared =
        "pub struct A;\n    pub enum B<T> {\npub(crate) struct C;\nstruct D;\npub struct E(\npub fn f() {}";
    assert_eq!(types_in(declared).collect::<Vec<_>>(), ["A", "B", "E"]);
}
