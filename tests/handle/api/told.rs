//! What an observer hears of a request to an API, and the client of the handle as its stack.

use super::*;
use oidc_drive::{Event, Observer};
use oidc_proto::flow::ResourceOutcome;

type Told = Arc<Mutex<Vec<String>>>;

/// A world that writes down each event.
fn observed() -> (World, Told) {
    let told = Told::default();
    let kept = Arc::clone(&told);
    let observer = Observer::new(move |event| {
        let line = match event {
            Event::Sent { to, .. } => format!("sent {} {to}", to.method),
            Event::Answered { status, bytes, to, .. } if to.endpoint.name() == "resource" => {
                format!("{} {bytes} bytes", status.as_u16())
            }
            Event::Answered { status, .. } => status.as_u16().to_string(),
            Event::Lost { why, .. } => format!("lost {why}"),
            Event::Cancelled { .. } => "cancelled".to_owned(),
            Event::Ended { flow, outcome, .. } => format!("{flow} {outcome:?}"),
            Event::Renewed { what, outcome, .. } => format!("renewed {what} {outcome:?}"),
            other => format!("{other:?}"),
        };
        lock(&kept).push(line);
        assert!(!format!("{event:?}").contains("ey"), "no token: {event:?}");
    });
    (World { observer, ..World::new() }, told)
}

fn each_observed(story: impl Fn(&World, &Shop, &Caller, &Told)) {
    let (world, told) = observed();
    let api = async_api(&world).client_credentials(read()).unwrap();
    story(&world, &Shop::default(), &Caller::Async(api, world.clone()), &told);
    let (world, told) = observed();
    let api = threads_api(&world).client_credentials(read()).unwrap();
    story(&world, &Shop::default(), &Caller::Threads(api), &told);
}

#[test]
fn an_observer_hears_of_each_request_its_end_and_no_token() {
    each_observed(|_, shop, caller, told| {
        caller.fine(shop);
        let metadata = "sent GET openid-configuration at op.example:443";
        let token = "sent POST token_endpoint at op.example:443";
        let resource = "sent POST resource at api.example:443";
        let sent: Vec<String> = std::mem::take(&mut *lock(told));
        assert_eq!(
            sent,
            [
                metadata,
                "200",
                "renewed metadata Ok(())",
                token,
                "200",
                "renewed token Ok(())",
                resource,
                "200 0 bytes",
                "ResourceRequest Ok(())"
            ]
        );
        shop.revoke_seen();
        caller.fine(shop);
        let sent: Vec<String> = std::mem::take(&mut *lock(told));
        assert_eq!(
            sent,
            [
                resource,
                "401 0 bytes",
                token,
                "200",
                "renewed token Ok(())",
                resource,
                "200 0 bytes",
                "ResourceRequest Ok(())"
            ]
        );
        shop.answers(403, &[("www-authenticate", r#"Bearer error="insufficient_scope""#)]);
        caller.send(orders(), shop).unwrap();
        let sent: Vec<String> = std::mem::take(&mut *lock(told));
        assert_eq!(sent, [resource, "403 0 bytes", "ResourceRequest Err(\"insufficient_scope\")"]);
        shop.change(|shop| shop.lost = true);
        caller.send(orders(), shop).unwrap_err();
        let sent: Vec<String> = std::mem::take(&mut *lock(told));
        assert_eq!(sent, [resource, "lost no_response", "ResourceRequest Err(\"no_response\")"]);
        caller.send(Request::get("https://evil.example/").body(String::new()).unwrap(), shop).unwrap_err();
        assert_eq!(*lock(told), ["ResourceRequest Err(\"config_other_origin\")"]);
    });
}

/// The provider of these worlds is also the API: its UserInfo endpoint answers 401 to a token without `openid`.
#[test]
fn a_request_goes_over_the_client_of_the_handle_and_its_body_has_a_limit() {
    for (limit, fits) in [(8, false), (1 << 20, true)] {
        let (world, told) = observed();
        let url = format!("{ISSUER}/.well-known/openid-configuration");
        let request = || Request::get(&url).header("accept", "application/json").body(Vec::new()).unwrap();
        let provider = world.asynchronous().build().unwrap();
        let api = provider.api(ISSUER).max_body(limit).client_credentials(read()).unwrap();
        let asynchronous = world.finish(api.fetch(request()));
        let api =
            world.blocking().build().unwrap().api(ISSUER).max_body(limit).client_credentials(read()).unwrap();
        for answer in [asynchronous, api.fetch(request())] {
            match answer {
                Ok(answer) => {
                    assert!(fits && answer.response.body().starts_with(b"{"));
                    assert_eq!(answer.outcome, ResourceOutcome::Answered);
                }
                Err(error) => {
                    assert_eq!(error, ApiError::TooLarge { limit });
                    assert!(!fits);
                }
            }
        }
        let told = lock(&told).iter().filter(|line| line.contains("sent GET resource")).count();
        assert_eq!(told, 2, "each request is reported once");
        world.down(true);
        let lost = api.fetch(request()).unwrap_err();
        assert_eq!(lost, ApiError::Transport("resource at op.example:443: no route to host".to_owned()));
    }
}
