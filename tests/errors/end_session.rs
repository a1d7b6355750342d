//! The errors of a logout at the provider, and of a login that somebody else begins.

use crate::page::{Page, said, show};
use oidc_proto::{
    base::JsonError,
    flow::{LogoutError, ThirdPartyLoginError},
    jose::JwsError,
};

pub(crate) fn show(page: &mut Page) {
    page.part("A logout at the provider (`Client::logout`, `PendingLogout::returned`)");
    show!(page, oidc_proto::LogoutError, |error: LogoutError| said!(error);
        NoEndpoint, Hint(JwsError::Encrypted), Hint(JwsError::NotCompact), HintClaims(JsonError::NotJson),
        OtherHint("aud"), RedirectUri("is plain http and not on this machine"),
        RedirectUri("has a `state` of its own in its query"), Reserved("state"), Parameter("ui_locales"), State,
        SavedState);

    page.part("A login that somebody else begins (`ThirdPartyLogins::new`, `ThirdPartyLogins::accept`)");
    show!(page, oidc_proto::ThirdPartyLoginError, |error: ThirdPartyLoginError| said!(error);
        Application("is not https"), MissingIssuer, Issuer, LoginHint, Target);
}
