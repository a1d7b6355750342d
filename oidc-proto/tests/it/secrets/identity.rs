//! No secret shows in the identities of a client, neither a credential nor what its author has put into a document.

use super::look::Looker;
use oidc_proto::{
    Moment, Timestamp, UrlPolicy,
    flow::{ClientIdMetadataRetrieval, Step},
    message::{ClientIdMetadataDocument, ClientIdUrl},
};
use std::time::Duration;

const QUERY: &str = "MARK-a-query-of-a-client-identifier";
const MEMBER: &str = "MARK-a-member-of-a-vendor";

pub(super) fn look_at_identities(look: &mut Looker) {
    look.hide("a query of a client identifier", QUERY);
    look.hide("a member of a document", MEMBER);
    let client_id = ClientIdUrl::parse_with_query(&format!("https://agent.example/client.json?key={QUERY}"));
    let client_id = client_id.unwrap();
    look.at(&client_id);
    let builder = ClientIdMetadataDocument::builder(client_id.clone(), "My Agent")
        .loopback_redirects("/callback")
        .metadata(|other| other.member("of_a_vendor", MEMBER));
    look.at(&builder);
    let document = builder.build().unwrap();
    look.at(&document);
    let call = ClientIdMetadataRetrieval::start(&client_id, &UrlPolicy::default()).unwrap();
    look.at(&call);
    let (_, _, pending) = call.into_parts();
    look.at(&pending);
    let response = document.response(Duration::from_secs(60));
    let step = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32])).unwrap();
    let Step::Done(client) = step else { panic!("one response is enough") };
    look.at(&client);
}
