//! Tests the status, the error code and the challenges of every refusal.

use super::{
    super::{requirement::Requirement, testdata::*},
    *,
};
use crate::{base::header::challenges as parse, base::json::JsonError, jose::JwsError};
use std::time::Duration;

const EXPIRED: VerificationError =
    VerificationError::Expired { ago: Duration::from_secs(31), leeway: Duration::from_secs(30) };

fn about(bearer: bool, dpop: bool) -> Arc<Challenges> {
    Arc::new(Challenges {
        realm: r#"a "b" \c"#.to_owned(),
        resource_metadata: Some("https://api.example/.well-known/oauth-protected-resource".to_owned()),
        bearer,
        dpop: dpop.then(|| "ES256 PS256".to_owned()),
        ..Challenges::default()
    })
}

fn denied(reason: DenialReason, scheme: Option<AuthenticationScheme>) -> Denied {
    Denied::new(reason, &about(true, true), VerdictRecord { scheme, ..VerdictRecord::default() })
}

#[test]
fn every_reason_has_the_status_and_error_that_the_specifications_name() {
    for (reason, status, error) in [
        (DenialReason::NoCredentials, 401, None),
        (DenialReason::BadRequest(CredentialsError::Several), 400, Some("invalid_request")),
        (DenialReason::BadRequest(CredentialsError::Syntax), 400, Some("invalid_request")),
        (DenialReason::BadRequest(CredentialsError::TooLarge), 400, Some("invalid_request")),
        (DenialReason::Token(EXPIRED), 401, Some("invalid_token")),
        (DenialReason::Token(VerificationError::Claims(JsonError::TooDeep)), 401, Some("invalid_token")),
        (DenialReason::UntrustedIssuer, 401, Some("invalid_token")),
        (DenialReason::NotJwt, 401, Some("invalid_token")),
        (DenialReason::Inactive, 401, Some("invalid_token")),
        (DenialReason::ProofRequired, 401, Some("invalid_token")),
        (DenialReason::Proof(ProofError::Missing), 401, Some("invalid_dpop_proof")),
        (DenialReason::Proof(ProofError::Jws(JwsError::Signature)), 401, Some("invalid_dpop_proof")),
        (DenialReason::Proof(ProofError::Replayed), 401, Some("invalid_dpop_proof")),
        (DenialReason::Proof(ProofError::Nonce), 401, Some("use_dpop_nonce")),
        (DenialReason::Scope, 403, Some("insufficient_scope")),
        (DenialReason::Privilege, 403, Some("insufficient_scope")),
        (DenialReason::Authentication, 401, Some("insufficient_user_authentication")),
        (DenialReason::Unavailable, 503, None),
    ] {
        let denied = denied(reason, Some(AuthenticationScheme::Bearer));
        assert_eq!((denied.status().as_u16(), reason.error()), (status, error), "{reason}");
        let found = parse(&denied.headers(), &header::WWW_AUTHENTICATE);
        assert_eq!(found.len(), if status == 503 { 0 } else { 2 }, "{reason}");
        assert_eq!(found.first().and_then(|challenge| challenge.parameter("error")), error);
        for challenge in &found {
            assert_eq!(challenge.parameter("realm"), Some(r#"a "b" \c"#));
            let metadata = challenge.parameter("resource_metadata");
            assert_eq!(metadata, Some("https://api.example/.well-known/oauth-protected-resource"));
            // RFC 6750 section 3: no quote and no backslash, even escaped.
            let described = challenge.parameter("error_description").unwrap_or_default();
            assert!(described.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte)));
            assert_eq!(challenge.parameter("algs").is_some(), challenge.scheme == "dpop");
        }
        assert_eq!(denied.record().clause, reason.code());
        assert_eq!(denied.is_missing_credentials(), reason == DenialReason::NoCredentials);
    }
}

#[test]
fn the_error_goes_to_the_scheme_that_was_used() {
    let errors = |about: &Arc<Challenges>, scheme| {
        let record = VerdictRecord { scheme, ..VerdictRecord::default() };
        let denied = Denied::new(DenialReason::Token(EXPIRED), about, record);
        let found = parse(&denied.headers(), &header::WWW_AUTHENTICATE);
        found.iter().map(|c| (c.scheme.clone(), c.parameter("error").is_some())).collect::<Vec<_>>()
    };
    let list = |all: &[(&str, bool)]| all.iter().map(|(s, e)| ((*s).to_owned(), *e)).collect::<Vec<_>>();
    let both = about(true, true);
    assert_eq!(errors(&both, Some(AuthenticationScheme::Bearer)), list(&[("bearer", true), ("dpop", false)]));
    assert_eq!(errors(&both, Some(AuthenticationScheme::Dpop)), list(&[("dpop", true), ("bearer", false)]));
    assert_eq!(errors(&both, None), list(&[("bearer", true), ("dpop", true)]), "ambiguous");
    assert_eq!(errors(&about(false, true), Some(AuthenticationScheme::Bearer)), list(&[("dpop", true)]));
    assert_eq!(errors(&about(true, false), Some(AuthenticationScheme::Bearer)), list(&[("bearer", true)]));
}

#[test]
fn details_are_named_and_a_value_that_cannot_be_quoted_is_left_out() {
    let details = Details {
        scope: Some("read \"x\"".to_owned()),
        acr_values: Some("h\u{f6}ch\r\nSet-Cookie: a=b".to_owned()),
        max_age: Some(5),
        nonce: Some("n".to_owned()),
        retry_after: Some(7),
    };
    let denied = denied(DenialReason::Authentication, None).detailed(details.clone());
    let headers = denied.headers();
    let found = parse(&headers, &header::WWW_AUTHENTICATE);
    assert_eq!(found[0].parameter("scope"), Some("read \"x\""));
    assert_eq!((found[0].parameter("acr_values"), found[0].parameter("max_age")), (None, Some("5")));
    assert_eq!(headers.get("dpop-nonce").unwrap(), "n");
    assert_eq!(headers.get("cache-control").unwrap(), "no-store");
    assert_eq!(headers.get("retry-after").unwrap(), "7");
    let outage = super::Denied::new(DenialReason::Unavailable, &about(true, true), VerdictRecord::default())
        .detailed(details);
    assert_eq!(outage.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["retry-after"]);
}

#[test]
fn a_client_without_a_token_learns_which_scopes_to_ask_for() {
    let server = server().build().unwrap();
    let denied = outcome(judge(&server, &HeaderMap::new())).unwrap_err();
    assert_eq!(challenges(&denied), [r#"Bearer realm="https://api.example""#]);
    let named = denied.naming_scope(&Requirement::new().scope("read"));
    assert_eq!(challenges(&named), [r#"Bearer realm="https://api.example", scope="read""#]);
}
