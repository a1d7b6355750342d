//! The identity of a client: documents that it publishes, and the choice among what it has.

mod choice;
mod documents;
mod forgotten;
mod logins;
mod property;
mod retrieval;
mod urls;

use oidc_proto::message::ClientIdUrl;

/// Where the client of these tests publishes its document.
pub(crate) const CLIENT_ID: &str = "https://agent.example/client.json";

pub(crate) fn client_id() -> ClientIdUrl {
    ClientIdUrl::parse(CLIENT_ID).unwrap()
}
