//! No secret shows in the identities of a client, neither a credential nor what its author has put into a document.

use super::look::Looker;
use oidc_proto::{
    Moment, Timestamp, UrlPolicy,
    flow::{ClientIdMetadataRetrieval, ClientIdentities, IdentityChoice, PreRegisteredClient, Step},
    message::{ClientIdMetadataDocument, ClientIdUrl, ClientMetadata},
    metadata::{Profile, ProviderMetadata},
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
    look_at_the_choice(look);
}

fn look_at_the_choice(look: &mut Looker) {
    const SECRET: &str = "MARK-a-secret-of-a-pre-registered-client";
    look.hide("a secret of a pre-registered client", SECRET);
    let pre_registered = PreRegisteredClient::new("https://as.example", "app").secret(SECRET);
    look.at(&pre_registered);
    let identities = ClientIdentities::new()
        .pre_registered(pre_registered)
        .document(ClientIdUrl::parse("https://agent.example/client.json").unwrap())
        .registration(ClientMetadata::native(["http://127.0.0.1/callback"]).member("of_a_vendor", MEMBER));
    look.at(&identities);
    let now = Timestamp(1_800_000_000);
    for (issuer, more) in [
        ("https://as.example", ""),
        ("https://two.example", r#","client_id_metadata_document_supported":true"#),
        ("https://three.example", r#","registration_endpoint":"https://three.example/register""#),
        ("https://four.example", ""),
    ] {
        let document = format!(r#"{{"issuer":"{issuer}","response_types_supported":["code"]{more}}}"#);
        let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
        let metadata = ProviderMetadata::parse(document.as_bytes(), issuer, profile, &policy).unwrap();
        match identities.choose(&metadata, None, now) {
            Ok(choice) => {
                look.at(&choice);
                if let IdentityChoice::Client(identity) = choice {
                    look.at(&identity);
                    look.at(&identity.client(metadata, now).unwrap());
                }
            }
            Err(error) => look.at_error(&error),
        }
    }
}
