//! A refresh, in the caller's own future and in the background.

use crate::{
    flows::{ISSUER, Session, log_in, make_client, provider},
    stage::{Held, Lost, Net, dropped_at, lock, whole},
};
use oidc_drive::{DriveError, SingleFlight, Task, run_async};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    flow::{Client, Discovery, PreviousLogin, Refreshed},
    renew::{Freshness, Need, RenewalPolicy, Renewed},
};
use std::{
    collections::BTreeSet,
    future::{Future, pending},
    sync::{Arc, Mutex},
    time::Duration,
};

/// The data of a logged-in user that the application holds.
#[derive(Clone)]
struct Kept {
    refresh_token: Secret,
    previous: PreviousLogin,
}

fn scene(number: u64, rotates: bool) -> (Net, Client, Kept) {
    let mut provider = provider(ISSUER);
    provider.rotate_refresh_tokens(rotates);
    let net = Net::new(provider, number);
    let login = whole(log_in(&net, &Session::default())).0.expect("a login");
    let refresh_token = login.tokens.refresh_token.expect("the user allowed it");
    let call = Discovery::start(ISSUER, &UrlPolicy::default()).expect("a URL");
    let send = |request, terms| net.clone().send(request, terms);
    let metadata = whole(run_async(call, send, never)).0.expect("metadata");
    (net, make_client(metadata), Kept { refresh_token, previous: (&login.id_token).into() })
}

fn never(_: Duration) -> impl Future<Output = ()> + Send {
    pending()
}

/// A refresh: the token request, and the keys that verify the new ID token.
async fn refresh(net: Net, client: Client, kept: Kept) -> Result<Refreshed, DriveError<Lost>> {
    let call = client.refresh(&kept.refresh_token, Some(kept.previous), None, oidc_drive::moment())?;
    run_async(call, |request, terms| net.clone().send(request, terms), never).await
}

/// The caller keeps its refresh token, and the library never sends it twice on its own. If the token did
/// not arrive, it is still valid. If it did and the provider rotates, the new one is lost with the future.
/// A caller that wants to keep it refreshes in the background, as in the next test.
#[test]
fn a_refresh_dropped_at_any_point_sent_its_token_at_most_once_and_the_caller_keeps_it() {
    for (number, rotates) in [(0, true), (1, true), (2, false), (3, false)] {
        let (net, client, kept) = scene(number, rotates);
        let before = net.requests();
        let (refreshed, all) = whole(refresh(net.clone(), client, kept));
        let refreshed = refreshed.expect("new tokens");
        assert_eq!((refreshed.rotated, net.requests() - before), (rotates, 2), "token and keys");
        assert_eq!(refreshed.id_token.expect("an ID token").sub, "alice");
        let mut seen = BTreeSet::new();
        for point in 0..=all {
            let (net, client, kept) = scene(number, rotates);
            dropped_at(point, refresh(net.clone(), client.clone(), kept.clone()));
            let sent = net.times_sent("refresh_token", kept.refresh_token.expose());
            assert!(sent <= 1, "sent {sent} times by point {point}");
            seen.insert(sent);
            lock(&net.provider).assert_clean();
            match whole(refresh(net.clone(), client, kept)).0 {
                Ok(again) => {
                    assert!(sent == 0 || !rotates);
                    assert_eq!(again.id_token.expect("an ID token").sub, "alice");
                }
                Err(DriveError::Protocol(Error::OAuth(refused))) => {
                    assert_eq!((refused.response.error.as_str(), sent, rotates), ("invalid_grant", 1, true));
                    lock(&net.provider).clear_audit();
                }
                Err(other) => panic!("{other:?}"),
            }
            whole(log_in(&net, &Session::default())).0.expect("the user can log in again");
            lock(&net.provider).assert_clean();
        }
        assert_eq!(seen, BTreeSet::from([0, 1]));
    }
}

type Tasks = Arc<Mutex<Vec<Task>>>;

/// A caller that needs fresh tokens, and has them refreshed in the background. It keeps the new refresh
/// token before anything else happens.
async fn tokens(
    flight: Arc<SingleFlight<Refreshed>>,
    (net, client, kept): (Net, Client, Arc<Mutex<Kept>>),
    need: Need,
    tasks: Tasks,
) -> Option<oidc_proto::renew::Published<Refreshed>> {
    let renew = move || async move {
        let now = lock(&kept).clone();
        let refreshed = refresh(net, client, now).await?;
        if let Some(next) = &refreshed.tokens.refresh_token {
            lock(&kept).refresh_token = next.clone();
        }
        Ok(Renewed::new(Arc::new(refreshed), Freshness::UNKNOWN))
    };
    flight.get_async(need, renew, never, |task| lock(&tasks).push(task)).await.ok()
}

/// The caller may be dropped anywhere: the refresh goes on, no token is used twice and none is lost.
#[test]
fn a_refresh_in_the_background_loses_no_token_wherever_its_caller_is_dropped() {
    let scene = || {
        let (net, client, kept) = scene(5, true);
        (
            Arc::new(SingleFlight::new(RenewalPolicy::TOKENS)),
            (net, client, Arc::new(Mutex::new(kept))),
            Tasks::default(),
        )
    };
    // The number of polls before the caller is dropped.
    for polled in 0..12 {
        let (flight, parts, tasks) = scene();
        let old = lock(&parts.2).refresh_token.clone();
        let mut caller = Held::new(tokens(flight.clone(), parts.clone(), Need::Any, tasks.clone()));
        assert!(caller.poll().is_none());
        let mut task = Held::new(lock(&tasks).pop().expect("a task"));
        let mut done = (0..polled).any(|_| task.poll().is_some());
        drop(caller);
        assert_eq!(flight.waiting(), 0);
        done = done || task.run().is_some();
        assert!(done, "the refresh does not need its caller");
        let first = whole(tokens(flight.clone(), parts.clone(), Need::Any, tasks.clone())).0.expect("tokens");
        assert_eq!(flight.counters().leases, 1, "the result of the running refresh is used");
        // The next refresh uses the new token.
        let mut newer =
            Held::new(tokens(flight.clone(), parts.clone(), Need::NewerThan(first.epoch), tasks.clone()));
        assert!(newer.poll().is_none());
        Held::new(lock(&tasks).pop().expect("a task")).run().expect("it ends");
        let newer = newer.run().flatten().expect("newer tokens");
        assert!(newer.value.rotated && newer.epoch > first.epoch);
        assert_eq!(parts.0.times_sent("refresh_token", old.expose()), 1);
        lock(&parts.0.provider).assert_clean();
    }
}
