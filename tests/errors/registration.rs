//! The errors of a registration: of the metadata of a client, and of the answers of a provider.

use crate::{
    page::{Page, show},
    settings::{alone, in_flow},
};
use oidc_proto::{flow::ConfigError, message::ClientMetadataError, metadata::MemberError};

pub(crate) fn show(page: &mut Page) {
    page.part("The metadata of a client (`ClientMetadata::check`, and every flow that sends them)");
    show!(page, oidc_proto::ClientMetadataError, |error| in_flow(ConfigError::ClientMetadata(error));
        KeysTwice, NoKeys("private_key_jwt"), SymmetricKey, NoRedirectUri("authorization_code"),
        NoGrant("authorization_code"), Misplaced("scope"), OfProvider("client_id"));
    page.mark("oidc_proto::ConfigError::ClientMetadata");
    show!(page, oidc_proto::MemberError, alone; PrivateKey);
}
