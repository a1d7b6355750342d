//! What a token is for is saved with the state that waits, and states of earlier versions are still read.

use super::*;
use oidc_proto::flow::{
    ClientCredentialsRequest, DeviceAuthorization, PendingAccess, PendingAuthorizations, SealingKeys, Step,
};
use oidc_proto::message::AccessRequest;
use serde_json::{Value, json};

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile"]).resource(ORDERS).resource(STOCK).authorization_detail(payment())
}

fn chosen(pending: PendingAuthorization) -> PendingAuthorization {
    let status = AuthorizationDetail::new("payment").actions(["status"]);
    pending.for_resources([STOCK]).unwrap().with_authorization_details(of([status])).unwrap()
}

#[test]
fn a_login_is_saved_with_its_resources_and_rights_in_every_form() {
    let keys = SealingKeys::new(1, &[7; 32]);
    for choose in [false, true] {
        let mut party = party();
        let (url, pending) = party.authorize(&request()).unwrap();
        let pending = if choose { chosen(pending) } else { pending };
        let json = serde_json::to_string(&pending).unwrap();
        let plain: PendingAuthorization = serde_json::from_str(&json).unwrap();
        let sealed = keys.seal(&pending, "login", moment(NOW)).unwrap();
        let opened: PendingAuthorization = keys.open(&sealed, "login").unwrap();
        // Beside a login that names nothing.
        let mut open = PendingAuthorizations::default();
        open.add(party.authorize(&AuthorizationRequest::new(["a"])).unwrap().1, NOW);
        open.add(pending.clone(), NOW);
        let cookie = keys.seal(&open, "logins", moment(NOW)).unwrap();
        let mut read: PendingAuthorizations = keys.open(&cookie, "logins").unwrap();
        let together = read.take(pending.state()).unwrap();
        assert_eq!([&plain, &opened, &together], [&pending; 3]);

        let query = party.callback_query(&url);
        let tokens = party.callback(opened, &query, None).unwrap().tokens;
        let expected = if choose { vec![STOCK] } else { vec![ORDERS, STOCK] };
        assert_eq!(last(&party, "resource"), expected);
        assert_eq!(audiences(&mut party, &tokens, &[ORDERS, STOCK]), expected);
        assert_eq!(last(&party, "authorization_details").len(), usize::from(choose));
        party.provider.assert_clean();
    }
}

/// A login of this version, for the versions to come.
#[test]
fn a_login_that_was_saved_with_its_resources_and_rights_is_read() {
    let text = include_str!("../../../../tests/data/saved/pending-rights-v1.json");
    let pending: PendingAuthorization = serde_json::from_str(text).unwrap();
    assert_eq!(pending.resources(), [STOCK]);
    assert_eq!(pending.authorization_details(), &of([payment()]));
    let saved: Value = serde_json::to_value(&pending).unwrap();
    assert_eq!(saved, serde_json::from_str::<Value>(text).unwrap());
    let query = format!("code=c&state={}&iss=https://op.example", pending.state());
    let response = oidc_proto::message::AuthorizationResponse::from_query(&query).unwrap();
    let step = pending.callback(&party().client, None, response, moment(NOW)).unwrap();
    let call = step.into_call().expect("the code is sent");
    let form: Vec<_> = url::form_urlencoded::parse(call.request().body()).into_owned().collect();
    let chosen = r#"[{"type":"payment","actions":["status"]}]"#;
    for (name, value) in [("resource", STOCK), ("authorization_details", chosen)] {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
}

#[test]
fn a_login_that_names_nothing_is_saved_as_before() {
    let party = party();
    let (_, pending) = party.client.authorize(&AuthorizationRequest::new(["a"]), moment(NOW)).unwrap();
    let saved = serde_json::to_value(&pending).unwrap();
    for new in ["q", "g", "e"] {
        assert!(saved.get(new).is_none(), "{new}");
    }
    let service = serde_json::to_value(ClientCredentialsRequest::new(["a"])).unwrap();
    assert!(service.get("authorization_details").is_none());
}

#[test]
fn access_and_a_device_are_saved_with_what_they_asked_for() {
    let mut party = party();
    let asked = AccessRequest::new(["a"]).resource(STOCK).authorization_detail(payment());
    let (_, pending) = party.client.authorize_access(&asked, party.clock.moment()).unwrap();
    let saved = serde_json::to_string(&pending).unwrap();
    let read: PendingAccess = serde_json::from_str(&saved).unwrap();
    assert_eq!((&read, read.resources()), (&pending, &[STOCK.to_owned()][..]));

    let asked = DeviceAuthorizationRequest::new(["a"]).resource(STOCK).authorization_detail(payment());
    let call = party.client.device_authorization_with(&asked, party.clock.moment()).unwrap();
    let device = drive(call, &mut party.provider, &mut party.clock).unwrap();
    party.provider.enter_user_code(device.user_code(), true);
    let read: DeviceAuthorization = serde_json::from_str(&serde_json::to_string(&device).unwrap()).unwrap();
    assert_eq!(read, device);
    let pause = read.poll(&party.client, None, party.clock.now()).unwrap();
    let tokens = drive(pause, &mut party.provider, &mut party.clock).unwrap().tokens;
    assert_eq!(last(&party, "resource"), [STOCK]);
    assert_eq!(tokens.authorization_details, Some(of([payment()])));
}

#[test]
fn a_service_that_waits_is_saved_with_its_rights() {
    let party = party();
    let wanted = ClientCredentialsRequest::new(["a"]).resource(STOCK).authorization_detail(payment());
    let call = party.client.client_credentials(&wanted, moment(NOW)).unwrap();
    let (request, _, pending) = call.into_parts();
    let Ok(Some(Step::Wait(pause))) = pending.fail(moment(NOW)) else { panic!("it waits") };
    let saved = serde_json::from_str(&serde_json::to_string(&pause.save()).unwrap()).unwrap();
    let pause = party.client.resume_client_credentials(saved, NOW).unwrap();
    let Ok(Step::Send(again)) = pause.wake(moment(NOW.plus(1))) else { panic!("it is time") };
    assert_eq!(again.request().body(), request.body());
}

#[test]
fn a_saved_state_with_what_no_request_can_have_is_refused() {
    let party = party();
    let (_, pending) = party.client.authorize(&request(), moment(NOW)).unwrap();
    let good = serde_json::to_value(chosen(pending)).unwrap();
    assert!(serde_json::from_value::<PendingAuthorization>(good.clone()).is_ok());
    for (member, bad) in [
        ("q", json!(["https://a.example/#x"])),
        ("q", json!(["no URI"])),
        ("q", json!([""])),
        ("q", Value::from(vec![STOCK; 65])),
        ("g", json!([{"type": ""}])),
        ("g", json!({"type": "payment"})),
        ("g", json!([])),
        ("e", json!([{"type": "account"}])),
        ("e", json!("payment")),
    ] {
        let mut saved = good.clone();
        saved[member] = bad.clone();
        assert!(serde_json::from_value::<PendingAuthorization>(saved).is_err(), "{member} {bad}");
    }
}
