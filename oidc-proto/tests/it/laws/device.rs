//! The laws for a device: it polls until its user has decided, or the time is up.

use super::{
    flows::Kind,
    world::{Answer, End, Trace, World},
};
use oidc_proto::{
    Error, Moment,
    flow::{Client, DeviceAuthorization, RETRY_AFTER_CAP, Step},
};

pub(crate) const INTERVAL: i64 = 5;
pub(crate) const LIFETIME: i64 = 25;
/// Polls after 5, 10 and 15 seconds, and one as late as possible: no two fit after 15.
pub(crate) const POLLS: usize = 4;

/// A device whose user has agreed before the first poll. (The script plays a user who has not.)
pub(crate) fn begin(world: &mut World, client: &Client) -> DeviceAuthorization {
    let call = client
        .device_authorization_with(&super::target::device(), Moment::new(world.clock, [4; 32]))
        .unwrap();
    let (request, _, pending) = call.into_parts();
    let response = world.provider.handle(&request, super::world::NOW);
    let Ok(Step::Done(device)) = pending.receive(response, Moment::new(world.clock, [3; 32])) else {
        panic!("the provider has a code")
    };
    world.provider.enter_user_code(device.user_code(), true);
    device
}

/// Whether a device polls again after this response. Returns the interval from then on, and the least wait. After a
/// failure, the interval doubles, but not beyond the last poll that can arrive, `left` seconds from now.
fn goes_on(answer: &Answer, interval: i64, left: i64) -> Option<(i64, i64)> {
    let rarer = (2 * interval).min(left.max(interval));
    match answer {
        Answer::Lost { .. } => Some((rarer, rarer)),
        // A failing server has not decided, whatever it writes.
        Answer::Status { status: 500..=502 | 504..=599, body, .. } if body.starts_with(br#"{"error":""#) => {
            Some((rarer, rarer))
        }
        Answer::Status { status: 429 | 500..=599, retry_after, .. } => {
            let asked = retry_after.seconds().unwrap_or(0).min(RETRY_AFTER_CAP.as_secs().cast_signed());
            Some((rarer, asked.max(rarer)))
        }
        Answer::Status { status: 400, body, .. } if body.ends_with(b":\"authorization_pending\"}") => {
            Some((interval, interval))
        }
        Answer::Status { status: 400, body, .. } if body.ends_with(b":\"slow_down\"}") => {
            Some((interval + 5, interval + 5))
        }
        _ => None,
    }
}

/// Laws 2 and 5: each wait is as long as section 3.5 says. The device gives up after a response that ends
/// the grant, or when the time is up. Whatever happens to the clock, it gives up once the lifetime is over.
pub(crate) fn asks_until_the_time_is_up(kind: Kind, trace: &Trace) {
    // A provider may hold a request for backchannel authentication, so the interval counts from when it was sent.
    let held = matches!(kind, Kind::Backchannel { .. });
    let longest = if held { 40 } else { 10 };
    assert_eq!(trace.waits[0].until.0 - trace.waits[0].made.0, INTERVAL);
    let (mut interval, mut expires) = (INTERVAL, trace.waits[0].made.plus(LIFETIME));
    let polls = trace.exchanges.iter().take_while(|exchange| exchange.request.uri.ends_with("/token"));
    for (index, exchange) in polls.enumerate() {
        let next = trace.waits.get(index + 1);
        // A clock that was set back gives no more time.
        expires = expires.min(exchange.at.plus(expires.0 - trace.waits[index].until.0));
        let took = (exchange.at.0 - exchange.sent.0).clamp(0, longest);
        let last = expires.plus(-1 - took);
        let Some((later, wait)) = goes_on(&exchange.answer, interval, last.0 - exchange.at.0) else {
            assert_eq!(next, None, "{trace:?}");
            return;
        };
        let pending = matches!(&exchange.answer, Answer::Status { body, .. } if body.ends_with(b":\"authorization_pending\"}"));
        let soonest = match held && pending && wait == interval {
            true => exchange.sent.min(exchange.at).plus(wait).max(exchange.at.plus(1)),
            false => exchange.at.plus(wait),
        };
        interval = later;
        // If there is no time for one more poll, this poll comes in the last second in which it can arrive.
        let until = if soonest.plus(interval) > last { soonest.max(last) } else { soonest };
        assert_eq!(next.map(|next| next.until), (until < expires).then_some(until), "{trace:?}");
    }
    match &trace.end {
        End::Failed(
            Error::DeviceCodeExpired | Error::AuthenticationRequestExpired | Error::Unavailable(_),
        )
        | End::Lost => {}
        End::Failed(Error::OAuth(last)) if last.status >= 500 => {}
        end => assert!(trace.exchanges.len() > trace.waits.len(), "{end:?}: {trace:?}"),
    }
}

pub(crate) const fn is_device(kind: Kind) -> bool {
    matches!(kind, Kind::Device { .. } | Kind::Backchannel { .. })
}
