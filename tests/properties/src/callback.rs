//! The property of callbacks: a response at the redirect URI is accepted only if it answers the request.

use crate::{CLIENT, ISSUER, NOW, REDIRECT, check_texts, document, moment, provider_metadata};
use oidc_proto::{
    Error,
    base::{FormError, MAX_PARAMETERS},
    flow::{Client, PENDING_LIFETIME, PendingAuthorization},
    message::{AuthorizationRequest, AuthorizationResponse, MAX_CALLBACK},
};
use std::{collections::BTreeSet, sync::LazyLock};

/// The same provider twice: one that announces that it always sends `iss`, and one that does not.
static CLIENTS: LazyLock<[(Client, PendingAuthorization); 2]> = LazyLock::new(|| {
    [true, false].map(|says_iss| {
        let mut document = document();
        document["authorization_response_iss_parameter_supported"] = says_iss.into();
        let client = Client::builder(provider_metadata(&document), CLIENT).redirect_uri(REDIRECT);
        let client = client.build().expect("the client is good");
        let (_, pending) =
            client.authorize(&AuthorizationRequest::default(), moment(NOW, 7)).expect("the request is good");
        (client, pending)
    })
});

/// Checks a callback. `data` is a query, or a URL with one.
///
/// The callback is accepted exactly if every parameter appears once, its `state` is the one sent, its `iss`
/// matches, it has a code and no error, and the user was not away for too long.
///
/// # Panics
/// If the property does not hold.
pub fn callback(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let of_url = text.split('#').next().unwrap_or_default();
    let of_url = of_url.find('?').map_or("", |at| &of_url[at + 1..]);
    check(AuthorizationResponse::from_query(&text), text.strip_prefix('?').unwrap_or(&text), text.len());
    // A second question mark is part of the first name.
    let bare = of_url.strip_prefix('?').unwrap_or(of_url);
    check(AuthorizationResponse::from_url(&text), bare, of_url.len());
}

fn check(read: Result<AuthorizationResponse, FormError>, query: &str, length: usize) {
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let names: BTreeSet<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let twice = names.len() != pairs.len();
    let broken = pairs.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    match &read {
        Ok(_) => assert!(!twice && pairs.len() <= MAX_PARAMETERS && length <= MAX_CALLBACK, "{query:?}"),
        Err(error) => {
            check_texts(error);
            let right = match error {
                FormError::Duplicate => twice,
                FormError::NotUtf8 => broken,
                FormError::TooMany => pairs.len() > MAX_PARAMETERS,
                FormError::TooLong => length > MAX_CALLBACK,
                _ => false,
            };
            assert!(right, "{error}: {query:?}");
            return;
        }
    }
    let Ok(response) = read else { return };
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(response.code.as_ref().map(|code| code.expose()), value("code"));
    assert_eq!(response.id_token.as_ref().map(|token| token.expose()), value("id_token"));
    assert_eq!(response.state.as_deref(), value("state"));
    assert_eq!(response.iss.as_deref(), value("iss"));
    // An empty error is none. Facebook says `error_code` in a response with nothing else.
    let says = |name: &str| value(name).is_some_and(|value| !value.is_empty());
    let answers = ["error", "code", "id_token", "access_token", "response"];
    let fails_otherwise = !answers.into_iter().any(says) && says("error_code");
    assert_eq!(response.error.is_some(), says("error") || fails_otherwise);
    let response_error = response.error.as_ref();
    assert_eq!(response.session_state.as_deref(), value("session_state"));
    assert_eq!(response.access_token.as_ref().map(|token| token.expose()), value("access_token"));
    assert_eq!(response.response.as_ref().map(|jwt| jwt.expose()), value("response"));
    assert_eq!(response.token_type.as_deref(), value("token_type"));
    assert_eq!(response.expires_in.as_deref(), value("expires_in"));
    assert_eq!(response.scope.as_deref(), value("scope"));
    let known = [
        "code",
        "id_token",
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "response",
        "state",
        "iss",
        "error",
        "error_description",
        "error_uri",
        "session_state",
    ];
    let taken = |name: &str| fails_otherwise && ["error_code", "error_message"].contains(&name);
    let others = pairs.iter().filter(|(name, _)| !known.contains(&name.as_str()) && !taken(name)).count();
    assert_eq!(response.extra.len(), others, "no parameter gets lost: {query:?}");
    assert!(format!("{response:?}").len() < 16 * MAX_CALLBACK);

    for (client, pending) in &*CLIENTS {
        let lifetime = PENDING_LIFETIME.as_secs().cast_signed();
        for away in [0, lifetime, lifetime + 1] {
            let iss_demanded = client.metadata().authorization_response_iss_parameter_supported == Some(true);
            let expected = match (value("iss"), response_error, value("code")) {
                (iss, Some(_), _)
                    if value("state").unwrap_or_default().is_empty()
                        && iss.is_none_or(|iss| iss == ISSUER) =>
                {
                    Err("callback_unattributed")
                }
                _ if value("state") != Some(pending.state()) => Err("callback_state"),
                (Some(iss), ..) if iss != ISSUER => Err("callback_issuer"),
                (None, ..) if iss_demanded => Err("callback_missing_issuer"),
                (_, Some(_), _) => Err("callback_denied"),
                _ if away > lifetime => Err("callback_expired"),
                (_, _, None | Some("")) => Err("callback_missing_code"),
                (_, _, Some(code)) => Ok(code),
            };
            let moment = moment(NOW.plus(away), 8);
            match pending.clone().callback(client, None, response.clone(), moment) {
                Ok(step) => {
                    let (request, ..) = step.into_call().expect("the code is sent").into_parts();
                    let form: Vec<_> = url::form_urlencoded::parse(request.body()).collect();
                    let sent = |name: &str| {
                        let mut found = form.iter().filter(|(known, _)| known == name);
                        let first = found.next().map(|(_, value)| value.as_ref());
                        assert!(found.next().is_none(), "{name} is sent twice");
                        first
                    };
                    assert_eq!(sent("code").ok_or(""), expected);
                    assert_eq!(sent("redirect_uri"), Some(REDIRECT));
                    assert_eq!(sent("grant_type"), Some("authorization_code"));
                    assert_eq!(sent("code_verifier").map(str::len), Some(43));
                }
                Err(error) => {
                    assert!(matches!(error, Error::Callback(_)), "{error}");
                    assert_eq!(Err(error.code()), expected, "{query:?}");
                    check_texts(&error);
                }
            }
        }
    }
}
