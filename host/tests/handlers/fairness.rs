//! Several handlers in one engine, through the library: each gets its share, and a newer version of a handler takes over
//! the share of the older one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::support::component;
use belljar_http::{self as http, Connection, Request};
use belljar_sandbox::{
    Answer, Engine, Failed, Failure, Grants, Handler, HandlerBuilder, Limits, Rate,
};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{self, sleep, timeout};

/// One handler takes as many instances as it can. The other still gets its guaranteed share at once.
#[tokio::test]
async fn a_busy_handler_cannot_take_the_share_of_another() {
    let engine = engine(8);
    let busy = handler(&engine, &unqueued(8));
    let other = handler(&engine, &unqueued(8));
    let held = hold_all(&busy).await;
    assert_eq!(
        held.len(),
        6,
        "its guarantee of 2, and the 4 that are not guaranteed to any handler"
    );
    let mut others = hold_all(&other).await;
    assert_eq!(others.len(), 2);
    // Freed instances go to both handlers.
    drop(held);
    others.extend(hold_all(&other).await);
    assert_eq!(others.len(), 6);
    assert_eq!(hold_all(&busy).await.len(), 2);
    // The share of a dropped handler goes to the others.
    drop(others);
    drop(other);
    assert_eq!(hold_all(&busy).await.len(), 8);
}

/// A late request does not wait behind all requests of another handler.
#[tokio::test]
async fn queued_handlers_take_turns() {
    let engine = engine(2);
    let busy = handler(&engine, &limits(2));
    let mut held = vec![ask(&busy).await.unwrap(), ask(&busy).await.unwrap()];
    let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(owned(&busy))).collect();
    until_all_wait().await;
    let other = handler(&engine, &limits(2));
    let late = tokio::spawn(owned(&other));
    until_all_wait().await;
    assert!(!late.is_finished(), "no instance is free yet");
    drop(held.pop());
    within(late).await.unwrap().unwrap();
    // All requests of the first handler are answered too.
    drop(held);
    for one in waiting {
        within(one).await.unwrap().unwrap();
    }
}

/// A request that is cancelled in the queue must not keep its permit.
#[tokio::test]
async fn cancelled_requests_leak_no_permit() {
    let engine = engine(1);
    let only = handler(&engine, &limits(1));
    for round in 0..50 {
        let held = ask(&only).await.unwrap();
        let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(owned(&only))).collect();
        tokio::task::yield_now().await;
        if round % 2 == 0 {
            drop(held);
        }
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
    within(ask(&only)).await.unwrap();
}

/// A full queue has room again when a queued request is cancelled.
#[tokio::test]
async fn a_full_queue_refuses_until_a_request_leaves_it() {
    let engine = engine(1);
    let limits = Limits {
        max_queue: 2,
        ..limits(1)
    };
    let only = handler(&engine, &limits);
    let held = ask(&only).await.unwrap();
    let mut waiting: Vec<_> = (0..2).map(|_| tokio::spawn(owned(&only))).collect();
    until_all_wait().await;
    for _ in 0..3 {
        let failed = ask(&only).await.err().unwrap();
        assert!(
            matches!(failed.failure, Failure::QueueFull(2)),
            "{failed:?}"
        );
    }
    waiting[0].abort();
    waiting.remove(0).await.unwrap_err();
    waiting.push(tokio::spawn(owned(&only)));
    until_all_wait().await;
    assert!(waiting.iter().all(|one| !one.is_finished()));
    drop(held);
    for one in waiting {
        within(one).await.unwrap().unwrap();
    }
}

/// Two versions have together what one may have.
#[tokio::test]
async fn a_newer_version_shares_the_limits_of_the_older() {
    let engine = engine(10);
    let per_hour = |requests| {
        Some(Rate {
            requests,
            per: Duration::from_secs(60 * 60),
            burst: requests,
        })
    };
    let two = Limits {
        rate: per_hour(5),
        ..unqueued(2)
    };
    let old = handler(&engine, &two);
    let held = ask(&old).await.unwrap();
    let new = Arc::new(
        loaded(&engine, &two, "untrusted")
            .successor_of(&old)
            .build(),
    );
    let further = ask(&new).await.unwrap();
    for version in [&old, &new] {
        let failed = ask(version).await.err().unwrap();
        assert!(
            matches!(failed.failure, Failure::QueueFull(0)),
            "{failed:?}"
        );
    }
    drop((held, old));
    drop(ask(&new).await.unwrap());
    // That was the fifth request, which uses up the rate of the hour.
    let failed = ask(&new).await.err().unwrap();
    assert!(
        matches!(failed.failure, Failure::RateExceeded { .. }),
        "{failed:?}"
    );
    // A newer version may have other limits.
    let newest = loaded(&engine, &unqueued(4), "untrusted").successor_of(&new);
    let newest = Arc::new(newest.build());
    let mut all = hold_all(&newest).await;
    assert_eq!(all.len(), 3);
    drop(further);
    all.extend(hold_all(&newest).await);
    assert_eq!(all.len(), 4);
}

/// A new version can be probed while the old one uses all instances.
#[tokio::test]
async fn a_probe_needs_no_free_instance() {
    let engine = engine(2);
    let limits = Limits {
        total_memory: 4 << 20,
        ..unqueued(2)
    };
    let busy = handler(&engine, &limits);
    let held = hold_all(&busy).await;
    assert!(!held.is_empty());
    let new = loaded(&engine, &limits, "untrusted").successor_of(&busy);
    within(new.build().probe()).await.unwrap();
}

#[tokio::test]
async fn a_probe_fails_for_a_component_that_does_not_start() {
    let engine = engine(2);
    let limits = Limits {
        cpu: Duration::from_millis(50),
        memory: 1 << 20,
        total_memory: 1 << 20,
        ..limits(2)
    };
    let starts: fn(&Result<(), Failure>) -> bool = |probed| probed.is_ok();
    let traps = |probed: &Result<_, _>| matches!(probed, Err(Failure::Trap(_)));
    let exceeds_cpu = |probed: &Result<_, _>| matches!(probed, Err(Failure::Cpu(_)));
    for (pages, start, is_expected) in [
        (1, "(nop)", starts),
        (1, "(unreachable)", traps),
        (1, "(loop $for_ever (br $for_ever))", exceeds_cpu),
        (17, "(nop)", traps),
    ] {
        let module = format!(
            r#"(core module $main
                (memory (export "memory") {pages})
                (func $begin {start})
                (start $begin)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "handle") (param i32) (result i32) unreachable))
            (core instance $main (instantiate $main))"#
        );
        let bytes = crate::support::handler_of(&module);
        let grants = Grants::new("starting".into(), Vec::new(), &[]).unwrap();
        let handler = Handler::load(engine.clone(), &bytes, grants, limits.clone()).unwrap();
        let probed = within(handler.build().probe()).await;
        assert!(is_expected(&probed), "{start}, {pages} pages: {probed:?}");
    }
}

/// Idle instances of one handler must make room for new instances of another.
#[tokio::test]
async fn idle_instances_make_room() {
    let engine = engine(100);
    let keeping = Arc::new(
        loaded(&engine, &unqueued(100), "untrusted")
            .reuse(1_000)
            .build(),
    );
    drop(hold_all(&keeping).await);
    let other = handler(&engine, &unqueued(100));
    let held = hold_all(&other).await;
    assert_eq!(held.len(), 75);
    let further = hold_all(&keeping).await;
    assert_eq!(further.len(), 25);
}

/// In development a failure carries the output of the request that failed, and of no other request.
#[tokio::test]
async fn a_failure_carries_the_output_in_development() {
    let engine = engine(10);
    for reuse in [1, 100] {
        for developing in [false, true] {
            let handler = loaded(&engine, &limits(10), "untrusted").reuse(reuse);
            let handler = Arc::new(handler.developing(developing).build());
            let printed = call(&handler, "/print").await;
            assert!(printed.is_ok());
            drop(printed);
            let failed = call(&handler, "/panic").await.err().unwrap();
            let output = failed.output;
            assert_eq!(output.is_some(), developing);
            if let Some(output) = output {
                assert!(output.contains("as it was asked to"), "{output}");
                assert!(!output.contains("a line on the standard"), "{output}");
            }
        }
    }
}

fn engine(max_instances: u32) -> Arc<Engine> {
    Arc::new(Engine::new(max_instances, 1).unwrap())
}

fn limits(max_instances: u32) -> Limits {
    Limits {
        max_instances,
        queue_timeout: crate::support::WAIT_LIMIT,
        ..Limits::default()
    }
}

/// Limits without a queue: a request that finds no free instance is refused at once.
fn unqueued(max_instances: u32) -> Limits {
    Limits {
        max_queue: 0,
        ..limits(max_instances)
    }
}

fn handler(engine: &Arc<Engine>, limits: &Limits) -> Arc<Handler> {
    Arc::new(loaded(engine, limits, "untrusted").build())
}

fn loaded(engine: &Arc<Engine>, limits: &Limits, name: &str) -> HandlerBuilder<'static> {
    let bytes = std::fs::read(component(name)).unwrap();
    let grants = Grants::new(name.into(), Vec::new(), &[]).unwrap();
    Handler::load(engine.clone(), &bytes, grants, limits.clone()).unwrap()
}

/// Returns an answer that is not sent yet. It holds its instance until it is dropped.
async fn ask(handler: &Arc<Handler>) -> Result<Answer, Failed> {
    call(handler, "/hello").await
}

async fn call(handler: &Arc<Handler>, target: &str) -> Result<Answer, Failed> {
    let (_connection, request) = request(target).await;
    handler.call(request, "192.0.2.1:1".into()).await
}

fn owned(handler: &Arc<Handler>) -> impl Future<Output = Result<(), Failed>> + use<> {
    let handler = handler.clone();
    async move { ask(&handler).await.map(drop) }
}

/// Takes answers until no instance is free.
async fn hold_all(handler: &Arc<Handler>) -> Vec<Answer> {
    let mut held = Vec::new();
    while let Ok(answer) = ask(handler).await {
        held.push(answer);
    }
    held
}

async fn request(target: &str) -> (Connection<DuplexStream>, Request) {
    let (mut client, server) = duplex(1 << 10);
    let mut connection = Connection::new(server, Arc::new(http::Limits::default()));
    let head = crate::support::head("GET", target, &[]);
    client.write_all(head.as_bytes()).await.unwrap();
    assert!(connection.idle().await);
    let request = connection.next_request().await.unwrap().unwrap();
    (connection, request)
}

/// Returns when every task of the test waits for something: tokio advances a paused clock only then.
async fn until_all_wait() {
    time::pause();
    sleep(Duration::from_millis(1)).await;
    time::resume();
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    let came = timeout(crate::support::WAIT_LIMIT, future).await;
    came.expect("the future completes in time")
}
