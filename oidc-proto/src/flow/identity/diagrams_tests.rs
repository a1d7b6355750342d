//! Walks through the diagram of the retrieval of a client's document.

use super::ClientIdMetadataRetrieval;
use crate::{
    base::endpoint_url::UrlPolicy,
    flow::diagrams_tests::{Turn, Walk, json, refusals},
    message::ClientIdUrl,
};
use serde_json::json as value;

#[test]
fn the_diagram_of_the_retrieval_of_a_document_is_walked() {
    let client_id = ClientIdUrl::parse("https://agent.example/client.json").unwrap();
    let server = |_, _: &_| -> Vec<Turn> {
        let document = |id: &str| value!({"client_id": id, "redirect_uris": ["http://127.0.0.1/callback"]});
        let mut turns = refusals();
        turns.push(json("document", 200, &document("https://agent.example/client.json")));
        turns.push(json("document of another client", 200, &document("https://evil.example/client.json")));
        turns
    };
    let begin = || ClientIdMetadataRetrieval::start(&client_id, &UrlPolicy::default());
    Walk::of("flow/identity/retrieval.rs").from("asked", begin, server).holds();
}
