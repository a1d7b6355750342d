//! The contract between flows and drivers, for flows that a user of the crate writes.

use oidc_proto::{
    Moment, Timestamp,
    flow::{ConfigError, Endpoint, Error, Flow, Never, Pending, Request, Response, Step, Terms},
};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn moment(seed: u8) -> Moment {
    Moment::new(NOW, [seed; 32])
}

fn response(status: u16) -> http::Response<Vec<u8>> {
    http::Response::builder().status(status).body(Vec::new()).unwrap()
}

fn sent<F: Flow>(step: impl Into<Step<F>>) -> (Request, Terms, Pending<F>) {
    match step.into() {
        Step::Send(call) => call.into_parts(),
        other => panic!("it sends: {other:?}"),
    }
}

/// Asks a service of its own, and once more if the answer is lost. It may ask at some addresses only.
#[derive(Debug)]
struct Probe;

impl Probe {
    fn start(address: &'static str) -> Result<Step<Self>, Error> {
        let request = http::Request::get(address).body(Vec::new()).unwrap();
        let mut terms = Terms::new(Endpoint::Other("probe"));
        terms.max_body = 3;
        match address.starts_with("https") {
            true => Ok(oidc_proto::flow::Call::new(terms, request, address).into()),
            false => Err(ConfigError::NoEndpoint("probe").into()),
        }
    }
}

impl Flow for Probe {
    type Awaiting = &'static str;
    type Paused = Never;
    type Output = u16;

    fn on_response(_: &'static str, response: &Response<'_>, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(response.status().as_u16()))
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }

    fn on_failure(address: &'static str, _: Moment) -> Result<Option<Step<Self>>, Error> {
        match address {
            "https://a.example" => Self::start("http://b.example").map(Some),
            _ => Ok(None),
        }
    }
}

#[test]
fn a_flow_that_wants_to_ask_again_and_cannot_says_why() {
    let (_, _, pending) = sent(Probe::start("https://a.example").unwrap());
    assert_eq!(pending.fail(moment(1)).unwrap_err(), ConfigError::NoEndpoint("probe").into());
    let (_, _, pending) = sent(Probe::start("https://c.example").unwrap());
    assert!(pending.fail(moment(1)).unwrap().is_none(), "this one gives up, and the transport knows why");
}

#[test]
fn a_flow_of_ones_own_names_its_endpoint_and_its_terms() {
    let (_, terms, pending) = sent(Probe::start("https://a.example").unwrap());
    assert_eq!((terms.endpoint.name(), terms.max_body), ("probe", 3));
    assert_eq!(terms.timeout, Terms::new(Endpoint::Token).timeout);
    let mut long = response(200);
    *long.body_mut() = b"long".to_vec();
    let refused = pending.receive(long, moment(1)).unwrap_err();
    assert_eq!(refused.to_string(), "the response of probe (status 200) is larger than 3 bytes");
    let (_, _, pending) = sent(Probe::start("https://a.example").unwrap());
    assert!(matches!(pending.receive(response(204), moment(1)), Ok(Step::Done(204))));
}
