//! Flows that a user of the crate writes.

use super::{NOW, sent};
use oidc_proto::{
    EndpointUrl, Moment, UrlPolicy,
    flow::{ConfigError, Endpoint, Error, Flow, JwksRetrieval, Pause, Response, Step, Terms, Then},
};
use std::convert::Infallible;

fn moment(seed: u8) -> Moment {
    super::moment(0, seed)
}

fn response(status: u16) -> http::Response<Vec<u8>> {
    super::response(status, "")
}

/// A flow that asks a service of its own, and repeats the request once if the response is lost. It may only
/// ask at certain addresses.
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
    type Paused = Infallible;
    type Output = u16;

    fn on_response(_: &'static str, response: &Response<'_>, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(response.status().as_u16()))
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
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
fn a_flow_that_cannot_repeat_its_request_says_why() {
    let (_, _, pending) = sent(Probe::start("https://a.example").unwrap());
    assert_eq!(pending.fail(moment(1)).unwrap_err(), ConfigError::NoEndpoint("probe").into());
    let (_, _, pending) = sent(Probe::start("https://c.example").unwrap());
    assert!(pending.fail(moment(1)).unwrap().is_none(), "this flow gives up, and the transport knows why");
}

#[test]
fn a_custom_flow_names_its_endpoint_and_its_terms() {
    let (_, terms, pending) = sent(Probe::start("https://a.example").unwrap());
    assert_eq!((terms.endpoint.name(), terms.max_body), ("probe", 3));
    assert_eq!(terms.timeout, Terms::new(Endpoint::Token).timeout);
    let mut long = response(200);
    *long.body_mut() = b"long".to_vec();
    let refused = pending.receive(long, moment(1)).unwrap_err();
    let text = "the response of probe (status 200) is larger than 3 bytes (`Call::max_body` sets the limit)";
    assert_eq!(refused.to_string(), text);
    let (_, _, pending) = sent(Probe::start("https://a.example").unwrap());
    assert!(matches!(pending.receive(response(204), moment(1)), Ok(Step::Done(204))));
}

/// A flow that reports how each response came, and asks once more if the first status is 404.
struct Twice;

impl Then for Twice {
    type First = Probe;
    type Carried = Option<&'static str>;
    type Output = String;

    fn then(status: u16, other: Self::Carried, moment: Moment) -> Result<Step<Self>, Error> {
        match other {
            Some(address) if status == 404 => Probe::start(address)?.carrying(None, moment),
            _ => Ok(Step::Done(format!("{status} {}", moment.now().0 - NOW.0))),
        }
    }
}

/// Any flow, with its output in a tuple.
struct Wrapped<F>(std::marker::PhantomData<F>);

impl<F: Flow> Then for Wrapped<F> {
    type First = F;
    type Carried = ();
    type Output = (F::Output,);

    fn then(output: F::Output, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done((output,)))
    }
}

/// A flow that rests once, and then is done.
struct Nap;

impl Flow for Nap {
    type Awaiting = Infallible;
    type Paused = u8;
    type Output = u8;

    fn on_response(never: Infallible, _: &Response<'_>, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }

    fn on_wake(number: u8, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(number))
    }
}

#[test]
fn a_custom_flow_goes_on_where_another_ends() {
    let begin =
        |other| Probe::start("https://a.example").unwrap().carrying::<Twice>(other, moment(1)).unwrap();
    let (request, _, pending) = sent(begin(Some("https://c.example")));
    assert_eq!(request.uri(), "https://a.example");
    let (request, _, pending) = sent(pending.receive(response(404), moment(2)).unwrap());
    assert_eq!(request.uri(), "https://c.example", "the second flow may send, too");
    let done = pending.receive(response(404), moment(3)).unwrap();
    assert!(matches!(done, Step::Done(said) if said == "404 0"), "one repetition, and no more");

    let (_, _, pending) = sent(begin(None));
    assert!(
        matches!(pending.receive(response(200), moment(2)).unwrap(), Step::Done(said) if said == "200 0")
    );
    // A lost response is the business of the first flow.
    let (_, _, pending) = sent(begin(None));
    assert_eq!(pending.fail(moment(2)).unwrap_err(), ConfigError::NoEndpoint("probe").into());
}

#[test]
fn any_flow_of_the_library_can_begin_a_larger_one() {
    let pause = Pause::<Nap>::new(NOW, 7).carrying::<Wrapped<Nap>>(());
    assert!(matches!(pause.wake(moment(1)), Ok(Step::Done((7,)))));
    let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).unwrap();
    let call = JwksRetrieval::start(&jwks_uri).carrying::<Wrapped<JwksRetrieval>>(());
    let (request, terms, pending) = sent(call);
    assert_eq!((request.uri().path(), terms.endpoint), ("/jwks", Endpoint::Jwks));
    let refused = pending.receive(response(302), moment(1)).unwrap_err();
    assert_eq!(refused.code(), "response_redirect");
}

/// A flow that waits for an hour, or for a message.
struct Ping;

impl Flow for Ping {
    type Awaiting = Infallible;
    type Paused = ();
    type Output = &'static str;

    fn on_response(never: Infallible, _: &Response<'_>, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }

    fn on_wake((): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done("in time"))
    }

    fn on_notified(pause: Pause<Self>, moment: Moment) -> Result<Step<Self>, Error> {
        let early = moment.now() < pause.until();
        Ok(Step::Done(if early { "by a message" } else { "by a late message" }))
    }
}

#[test]
fn a_pause_ends_at_its_time_or_with_a_message() {
    let pause = || Pause::<Ping>::new(NOW.plus(3_600), ());
    assert!(matches!(pause().notified(moment(1)), Ok(Step::Done("by a message"))));
    assert!(matches!(pause().wake(super::moment(3_600, 1)), Ok(Step::Done("in time"))));
    let Ok(Step::Wait(same)) = pause().wake(moment(1)) else { panic!("it is too early") };
    assert_eq!(same.until(), NOW.plus(3_600));
    // The message reaches the flow inside a larger one.
    let larger = pause().carrying::<Wrapped<Ping>>(());
    assert!(matches!(larger.notified(moment(1)), Ok(Step::Done(("by a message",)))));
}

#[test]
fn a_flow_that_awaits_no_message_goes_on_waiting() {
    let pause = Pause::<Nap>::new(NOW.plus(60), 7).carrying::<Wrapped<Nap>>(());
    let Ok(Step::Wait(same)) = pause.notified(moment(1)) else { panic!("it waits on") };
    assert_eq!(same.until(), NOW.plus(60));
    assert!(matches!(same.wake(super::moment(60, 1)), Ok(Step::Done((7,)))));
}
