//! Grants without a browser and without a code: token exchange, assertions, and grants of one's own.

mod assertion;
mod exchange;
mod extension;
mod id_jag;

use crate::support::*;
use http::Response;
use oidc_proto::flow::{Call, Flow, Step};
use oidc_testkit::Seen;
use serde_json::Value;

/// The response of a token endpoint with these members.
fn response(status: u16, members: &Value) -> Response<Vec<u8>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(members.to_string().into_bytes()).unwrap()
}

/// What a flow makes of one response.
fn told<F: Flow>(call: Call<F>, status: u16, members: &Value) -> Result<Step<F>, oidc_proto::Error> {
    let (_, _, pending) = call.into_parts();
    pending.receive(response(status, members), moment(NOW))
}

/// The values of a parameter of a request.
fn all(seen: &Seen, name: &str) -> Vec<String> {
    seen.form().into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}
