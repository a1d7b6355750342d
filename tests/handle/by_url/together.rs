//! Several requests at once: one login, one step-up, one refresh.

use super::{town::ONE, *};
use http::Request;
use oidc_drive::Resource;
use oidc_testkit::EndpointName;
use std::{future::Future, pin::Pin, task::Poll};

type Sent = Pin<Box<dyn Future<Output = String>>>;

fn send(resource: &Resource, town: &Town, operation: &'static str) -> Sent {
    let (resource, town) = (resource.clone(), town.clone());
    Box::pin(async move {
        let request = Request::post(RESOURCE).body(operation.as_bytes().to_vec()).unwrap();
        let send = |request| {
            let answer = town.send(&request);
            async move { answer }
        };
        let answer = resource.send(request, send).await;
        String::from_utf8(answer.unwrap().into_body()).unwrap()
    })
}

/// Polls all of them in turn until each has its answer.
fn all(town: &Town, mut sent: Vec<Sent>) -> Vec<String> {
    let mut answers = Vec::new();
    for _ in 0..1_000 {
        sent.retain_mut(|one| match super::super::colour::poll(one.as_mut()) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        if sent.is_empty() {
            return answers;
        }
        town.step();
    }
    panic!("{} requests wait for ever", sent.len());
}

/// M22: parallel requests, one token.
#[test]
fn parallel_requests_share_each_authorization_and_each_refresh() {
    let town = Town::new();
    let resource = town.asynchronous().build().unwrap();
    let many = |operation| (0..10).map(|_| send(&resource, &town, operation)).collect::<Vec<_>>();
    assert_eq!(all(&town, many("read")), vec!["did read"; 10]);
    assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (1, 1));
    assert_eq!(all(&town, many("write")), vec!["did write"; 10]);
    assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (2, 2));
    town.clock.advance(86_400);
    assert_eq!(all(&town, many("write")), vec!["did write"; 10]);
    assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (2, 3));
    town.assert_clean();
}

/// A caller that goes away while the user is at the server: the login goes on, and the next caller has its token.
#[test]
fn a_login_goes_on_when_its_caller_goes_away() {
    for steps in 1..12 {
        let town = Town::new();
        let resource = town.asynchronous().build().unwrap();
        {
            let mut caller = send(&resource, &town, "read");
            for _ in 0..steps {
                if super::super::colour::poll(caller.as_mut()).is_ready() {
                    break;
                }
                town.step();
            }
        }
        for _ in 0..50 {
            town.step();
        }
        assert_eq!(all(&town, vec![send(&resource, &town, "read")]), ["did read"]);
        assert_eq!(town.visits(), 1, "{steps} steps");
        town.assert_clean();
    }
}

/// M23: two processes with one store refresh once, and neither loses the tokens of the other.
#[test]
fn two_processes_share_one_refresh() {
    use oidc_drive::store::MemoryStore;
    use oidc_proto::flow::SealingKeys;
    let (town, store) = (Town::new(), MemoryStore::new());
    let process = || {
        let builder = town.asynchronous().store(store.clone(), SealingKeys::new(1, &[42; 32]));
        builder.build().unwrap()
    };
    let (one, two) = (process(), process());
    assert_eq!(all(&town, vec![send(&one, &town, "read")]), ["did read"]);
    assert_eq!(all(&town, vec![send(&two, &town, "read")]), ["did read"]);
    for turn in 1..4 {
        town.clock.advance(86_400);
        let both = vec![send(&one, &town, "read"), send(&two, &town, "read"), send(&one, &town, "read")];
        assert_eq!(all(&town, both), vec!["did read"; 3]);
        assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (1, 1 + turn));
    }
    town.assert_clean();
}
