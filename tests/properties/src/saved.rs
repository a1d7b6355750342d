//! The property of saved states: a state from a cookie or a store is checked before it is used.

use crate::{CLIENT, ISSUER, NOW, REDIRECT, SECRET, check_texts, document, moment, provider_metadata};
use oidc_proto::{
    UrlPolicy,
    flow::{
        BACKCHANNEL_LIFETIME_CAP, BackchannelAuthentication, Client, DEVICE_LIFETIME_CAP,
        DeviceAuthorization, DpopKey, Error, PendingAuthorization, PreviousLogin, RETRY_AFTER_CAP,
        RegisteredClient, SavedClientCredentials, Step,
    },
    message::AuthorizationResponse,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, sync::LazyLock};

static APP: LazyLock<Client> = LazyLock::new(|| {
    let client = Client::builder(provider_metadata(&document()), CLIENT).redirect_uri(REDIRECT);
    client.secret(SECRET).build().expect("the client is good")
});

/// Checks saved states. `data` is the JSON of any saved state.
///
/// A state that loads can be saved again and loads as the same. It shows no secret. A flow goes on from it,
/// or refuses it because it belongs to another client or provider.
///
/// # Panics
/// If the property does not hold.
pub fn saved(data: &[u8]) {
    if let Some(pending) = load::<PendingAuthorization>(data) {
        let shown = format!("{pending:?}");
        for secret in ["n", "p"] {
            let saved: serde_json::Value = serde_json::from_slice(data).expect("it has been loaded");
            let secret = saved[secret].as_str().expect("it has been loaded");
            assert!(secret.len() >= 43 && !shown.contains(secret) || pending.issuer().contains(secret));
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("state", pending.state())
            .append_pair("code", "c")
            .append_pair("iss", pending.issuer())
            .finish();
        let response = AuthorizationResponse::from_query(&query).expect("the query is good");
        let foreign = pending.issuer() != ISSUER;
        match pending.callback(&APP, None, response, moment(NOW, 1)) {
            Ok(step) => assert!(
                !foreign
                    && step
                        .into_call()
                        .expect("the code is sent")
                        .request()
                        .body()
                        .starts_with(b"grant_type=")
            ),
            Err(error) => {
                assert!(!foreign || error.code() == "config_saved_state", "{error}");
                check_texts(&error);
            }
        }
    }
    if let Some(previous) = load::<PreviousLogin>(data)
        && let Err(error) = APP.refresh(&"r".into(), Some(previous), None, moment(NOW, 7))
    {
        assert_eq!(error.code(), "config_saved_state");
    }
    if let Some(key) = load::<DpopKey>(data) {
        assert_eq!(format!("{key:?}"), "DpopKey(..)");
        let client = APP.with_dpop_key(&key).expect("the provider lists no algorithms");
        assert_eq!(client.dpop_thumbprint(), Some(key.thumbprint()));
    }
    if let Some(device) = load::<DeviceAuthorization>(data) {
        let shown = format!("{device:?}");
        match device.clone().poll(&APP, None, NOW) {
            Ok(pause) => {
                let resumed = pause.save();
                let until = pause.until();
                assert!(
                    until <= resumed.expires_at() && resumed.expires_at() <= device.expires_at(),
                    "{shown}"
                );
                let ends = resumed.expires_at();
                assert!(
                    ends <= NOW.after(DEVICE_LIFETIME_CAP),
                    "a grant ends no later than a provider may set: {shown}"
                );
                let by_now = device.expires_at() <= ends;
                assert!(!by_now || resumed == device, "the resumed state is the saved one: {shown}");
                match pause.wake(moment(until, 3)) {
                    Ok(Step::Send(call)) => {
                        assert_eq!(call.request().uri().path(), "/token");
                        let body = String::from_utf8_lossy(call.request().body()).into_owned();
                        assert_eq!(body.matches("device_code=").count(), 1, "{shown}");
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => assert!(error == Error::DeviceCodeExpired && until == resumed.expires_at()),
                }
            }
            Err(error) => assert_eq!(error.code(), "config_saved_state"),
        }
    }
    if let Some(asked) = load::<BackchannelAuthentication>(data) {
        let shown = format!("{asked:?}");
        match asked.clone().poll(&APP, None, NOW) {
            Ok(pause) => {
                let (resumed, until) = (pause.save(), pause.until());
                let ends = resumed.expires_at();
                assert!(until <= ends && ends <= asked.expires_at(), "{shown}");
                assert!(ends <= NOW.after(BACKCHANNEL_LIFETIME_CAP), "{shown}");
                match pause.wake(moment(until, 3)) {
                    Ok(Step::Send(call)) => {
                        let body = String::from_utf8_lossy(call.request().body()).into_owned();
                        assert_eq!(body.matches("auth_req_id=").count(), 1, "{shown}");
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => assert!(error == Error::AuthenticationRequestExpired && until == ends),
                }
            }
            Err(error) => {
                let code = error.code();
                assert!(matches!(code, "config_saved_state" | "config_delivery_mode"), "{error}");
            }
        }
    }
    if let Some(registered) = load::<RegisteredClient>(data) {
        let shown = format!("{registered:?}");
        let mut other = registered.clone();
        for secret in [&mut other.client_secret, &mut other.registration_access_token] {
            *secret = secret.as_ref().map(|_| "another one".into());
        }
        assert_eq!(format!("{other:?}"), shown, "neither secret shows");
        match registered.builder(provider_metadata(&document()), NOW).and_then(|builder| builder.build()) {
            Ok(client) => {
                assert!(registered.issuer == ISSUER && !registered.is_expired(NOW), "{shown}");
                assert_eq!(client.client_id(), registered.client_id);
            }
            Err(error) => check_texts(&error),
        }
        if let Err(error) = registered.read(&UrlPolicy::default()) {
            assert_eq!(error.code(), "registration_not_managed", "{error}");
        }
    }
    if let Some(grant) = load::<SavedClientCredentials>(data) {
        match APP.resume_client_credentials(grant.clone(), NOW) {
            Ok(pause) => {
                let until = pause.until();
                assert!(until <= NOW.after(RETRY_AFTER_CAP), "no wait is longer than a flow may ask for");
                let is_held_back = until == NOW.after(RETRY_AFTER_CAP);
                assert!(is_held_back || pause.save() == grant, "the resumed state is the saved one");
                match pause.wake(moment(until, 2)).expect("what is resumed goes on") {
                    Step::Send(call) => {
                        let body = String::from_utf8_lossy(call.request().body()).into_owned();
                        assert_eq!(body.matches("grant_type=client_credentials").count(), 1, "{body}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            Err(error) => {
                assert!(error.code().starts_with("config_"), "{error}");
                check_texts(&error);
            }
        }
    }
}

fn load<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let loaded: T = serde_json::from_slice(data).ok()?;
    let again = serde_json::to_vec(&loaded).expect("what loads can be saved");
    assert_eq!(serde_json::from_slice::<T>(&again).ok().as_ref(), Some(&loaded));
    Some(loaded)
}
