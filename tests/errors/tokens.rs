//! The errors of an ID token, and of an access token at a handle.

use crate::{
    page::{Page, Said, said, show, shows_itself},
    settings::in_flow,
};
use oidc_drive::ProviderError;
use oidc_proto::{
    base::JsonError,
    jose::{JwsError, KeyError},
    token::VerificationError,
};
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// At a handle, of an access token; in a flow, of an ID token.
fn access_token(error: VerificationError) -> Said {
    let handle = ProviderError::from(error);
    shows_itself(&handle);
    assert_eq!(handle.code(), error.code());
    said!(handle)
}

pub(crate) fn show(page: &mut Page) {
    page.part("An ID token (every login), and in the same words any other token");
    let leeway = seconds(30);
    show!(page, oidc_proto::VerificationError, in_flow;
        TooLarge, Jws(JwsError::Signature), Claims(JsonError::WrongType { member: "exp", expected: "a date in seconds" }),
        Type, Missing("sub"), Value("acr"), Issuer, KeyIssuer, Audience, UntrustedAudience, AuthorizedParty,
        Expired { ago: seconds(31), leeway: leeway }, NotYetValid { ahead: seconds(60), leeway: leeway },
        IssuedInFuture { ahead: seconds(86_400), leeway: leeway },
        TooOld { ago: seconds(100), allowed: seconds(90) }, TooManyActors { limit: oidc_proto::token::MAX_ACTORS }, Nonce,
        AuthenticationTooOld { ago: seconds(3_700), allowed: seconds(3_630) }, AuthenticationContext,
        AccessTokenHash, CodeHash, StateHash, RefreshTokenHash, AuthenticationRequest, OtherUser, Changed("sub"), FrontChannel("sub"), IdTokenAsAccessToken,
        SenderConstrained, WrongSender, ConfirmationMethod, NotBound);

    page.part("An access token at a handle (`Provider::verify`)");
    show!(page, oidc_drive::ProviderError, |error: ProviderError| said!(error);
        AccessToken(VerificationError::Expired { ago: seconds(31), leeway }), Protocol(oidc_proto::flow::ConfigError::NoEndpoint("jwks_uri").into()),
        CodeSpent, RefreshTokenSpent { next: None });
    show!(page, oidc_proto::JwsError, |error| access_token(VerificationError::Jws(error));
        NotCompact, Encrypted, Base64, Header(JsonError::NotJson), MissingAlgorithm, Unsigned, UnknownAlgorithm,
        AlgorithmNotAllowed, Critical, UnknownKey, KeySetAside(KeyError::RsaTooShort),
        KeySetAside(KeyError::UnknownCurve), KeySetAside(KeyError::NeedsBackend(oidc_proto::jose::Algorithm::ES512)),
        KeyMismatch, TooManyCandidates,
        Signature);
}
