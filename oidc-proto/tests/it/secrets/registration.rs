//! No secret shows in a registration, neither of the client nor of who may register one.

use super::look::Looker;
use oidc_proto::message::ClientMetadata;

pub(super) fn look_at_registration(look: &mut Looker) {
    let statement = "MARK-a-software-statement";
    look.hide("a software statement", statement);
    let wanted = ClientMetadata::web(["https://app.example/callback?key=MARK-a-software-statement"])
        .software_statement(statement)
        .member("of_a_vendor", statement);
    look.at(&wanted);
}
