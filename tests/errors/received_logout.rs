//! The errors of a logout that the provider tells of.

use crate::page::{Page, said, show, shows_itself};
use oidc_proto::{
    base::FormError,
    flow::{BackchannelLogoutError, FrontchannelLogoutError},
    token::VerificationError,
};

pub(crate) fn show(page: &mut Page) {
    page.part("A logout that comes by the back channel (`BackchannelLogoutRequest`)");
    let told = |error: BackchannelLogoutError| {
        shows_itself(&error);
        assert_eq!(error.response().status(), 400);
        said!(error)
    };
    show!(page, oidc_proto::BackchannelLogoutError, told;
        Method, MediaType, TooLarge, Form(FormError::Duplicate), Missing, Token(VerificationError::Value("events")),
        Replayed, Failed);

    page.part("A logout that comes by the front channel (`FrontchannelLogoutRequest`)");
    let framed = |error: FrontchannelLogoutError| {
        shows_itself(&error);
        said!(error)
    };
    show!(page, oidc_proto::FrontchannelLogoutError, framed; Form(FormError::NotUtf8), Missing("sid"), Sid, Issuer);
}
