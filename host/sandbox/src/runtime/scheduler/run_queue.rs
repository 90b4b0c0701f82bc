//! The queue of runnable requests: the next one belongs to the handler that used the least CPU time.
//!
//! CPU time is compared as virtual time: nanoseconds that a handler has used, from a common beginning
//! ([`super::virtual_time`]). Within a handler, the next request belongs to the client that used the least CPU time since the
//! handler's requests began to queue; requests of one client run in their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;

use crate::client_network::ClientNetwork;

/// The runnable requests of all handlers. `P` tells the virtual time of a handler.
pub(super) struct RunQueue<P> {
    backlogs: HashMap<HandlerId, Backlog<P>>,
    /// The handlers with queued requests, by their virtual time as last seen. Virtual times only grow, so none is less.
    order: BTreeSet<(u64, HandlerId)>,
    len: usize,
    tickets: u64,
}

/// Identifies a handler among those with queued requests.
pub(super) type HandlerId = usize;

/// Where a request is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub handler: HandlerId,
    pub client: ClientNetwork,
    number: u64,
}

/// The request that is next.
pub(super) struct Next<P> {
    pub waker: Waker,
    /// The virtual time of its handler.
    pub time: u64,
    pub progress: P,
    /// The number of requests of the handler that are still queued.
    pub left: usize,
}

/// The queued requests of a handler.
struct Backlog<P> {
    progress: P,
    seen: u64,
    clients: HashMap<ClientNetwork, Line>,
    /// All of `clients`, by the CPU time that they used.
    order: BTreeSet<(u64, ClientNetwork)>,
    /// The CPU time that the client of the last request had used. Clients that come later begin with it.
    floor: u64,
    len: usize,
}

/// The queued requests of a client, by the number of their ticket. It may have none, and is kept because of the CPU time that
/// it used.
#[derive(Default)]
struct Line {
    used: u64,
    requests: BTreeMap<u64, Waker>,
}

impl<P: Clone> RunQueue<P> {
    pub fn new() -> Self {
        Self {
            backlogs: HashMap::new(),
            order: BTreeSet::new(),
            len: 0,
            tickets: 0,
        }
    }

    /// The number of queued requests.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Queues a request of a handler whose virtual time is `time`.
    pub fn push(
        &mut self,
        handler: HandlerId,
        progress: &P,
        time: u64,
        client: ClientNetwork,
        waker: &Waker,
    ) -> Ticket {
        self.tickets += 1;
        let number = self.tickets;
        let backlog = self.backlogs.entry(handler).or_insert_with(|| {
            self.order.insert((time, handler));
            Backlog {
                progress: progress.clone(),
                seen: time,
                clients: HashMap::new(),
                order: BTreeSet::new(),
                floor: 0,
                len: 0,
            }
        });
        backlog.push(client, number, waker.clone());
        self.len += 1;
        Ticket {
            handler,
            client,
            number,
        }
    }

    /// Whether the request is still queued. If so, its turn wakes the waker.
    pub fn is_queued(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        let backlog = self.backlogs.get_mut(&ticket.handler);
        let line = backlog.and_then(|backlog| backlog.clients.get_mut(&ticket.client));
        match line.and_then(|line| line.requests.get_mut(&ticket.number)) {
            Some(known) => {
                known.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Removes a request. Returns false if its turn came before.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        let Some(backlog) = self.backlogs.get_mut(&ticket.handler) else {
            return false;
        };
        let line = backlog.clients.get_mut(&ticket.client);
        if line.is_none_or(|line| line.requests.remove(&ticket.number).is_none()) {
            return false;
        }
        backlog.len -= 1;
        self.len -= 1;
        if backlog.len == 0 {
            self.order.remove(&(backlog.seen, ticket.handler));
            self.backlogs.remove(&ticket.handler);
        }
        true
    }

    /// Takes the next request out of the queue. `time` tells the virtual time of a handler.
    pub fn pop(&mut self, time: impl Fn(&P) -> u64) -> Option<Next<P>> {
        loop {
            let (seen, handler) = self.order.pop_first()?;
            let backlog = self.backlogs.get_mut(&handler)?;
            let time = time(&backlog.progress).max(seen);
            backlog.seen = time;
            if self.order.first().is_some_and(|(other, _)| *other < time) {
                self.order.insert((time, handler));
                continue;
            }
            let waker = backlog.pop();
            let (progress, left) = (backlog.progress.clone(), backlog.len);
            if left > 0 {
                // Until the request has run, it counts as little as possible, so that handlers with equal times alternate.
                backlog.seen += 1;
                self.order.insert((backlog.seen, handler));
            } else {
                self.backlogs.remove(&handler);
            }
            self.len -= 1;
            return Some(Next {
                waker: waker?,
                time,
                progress,
                left,
            });
        }
    }

    /// Charges CPU time, in nanoseconds, to a client of a handler.
    pub fn charge(&mut self, handler: HandlerId, client: ClientNetwork, used: u64) {
        if let Some(backlog) = self.backlogs.get_mut(&handler) {
            backlog.charge(client, used);
        }
    }
}

impl<P> Backlog<P> {
    fn push(&mut self, client: ClientNetwork, number: u64, waker: Waker) {
        let floor = self.floor;
        let line = self.clients.entry(client).or_default();
        if line.requests.is_empty() {
            // A client gains nothing by having waited, and what it used long ago is forgotten.
            self.order.remove(&(line.used, client));
            line.used = line.used.clamp(floor, floor.saturating_add(MAX_LEAD));
            self.order.insert((line.used, client));
        }
        line.requests.insert(number, waker);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<Waker> {
        loop {
            let (used, client) = self.order.pop_first()?;
            let line = self.clients.get_mut(&client)?;
            let Some((_, waker)) = line.requests.pop_first() else {
                // It used no more than the others, so there is nothing to remember.
                self.clients.remove(&client);
                continue;
            };
            self.floor = used;
            line.used += 1;
            self.order.insert((line.used, client));
            self.len -= 1;
            return Some(waker);
        }
    }

    fn charge(&mut self, client: ClientNetwork, used: u64) {
        let floor = self.floor;
        let line = self.clients.entry(client).or_insert_with(|| Line {
            used: floor,
            ..Line::default()
        });
        self.order.remove(&(line.used, client));
        line.used = line.used.saturating_add(used);
        self.order.insert((line.used, client));
    }
}

/// How far, in nanoseconds of CPU time, a handler or client can be ahead of the others: what it used before is not recent any
/// more.
pub(super) const MAX_LEAD: u64 = 20_000_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A queue, and the virtual time of each handler.
    struct Run {
        queue: RunQueue<Arc<AtomicU64>>,
        times: Vec<Arc<AtomicU64>>,
    }

    fn client(number: u8) -> ClientNetwork {
        ClientNetwork::of(&format!("192.0.2.{number}:1"))
    }

    impl Run {
        fn new(handlers: usize) -> Self {
            Self {
                queue: RunQueue::new(),
                times: (0..handlers).map(|_| Arc::default()).collect(),
            }
        }

        fn push(&mut self, handler: usize, number: u8) -> Ticket {
            let progress = self.times[handler].clone();
            let time = progress.load(Ordering::Relaxed);
            let (client, waker) = (client(number), Waker::noop());
            self.queue.push(handler, &progress, time, client, waker)
        }

        /// The handler and client of the next request, which uses `used`.
        fn run(&mut self, used: u64) -> Option<usize> {
            let next = self.queue.pop(|time| time.load(Ordering::Relaxed))?;
            let handler = self
                .times
                .iter()
                .position(|time| Arc::ptr_eq(time, &next.progress))?;
            self.times[handler].fetch_add(used, Ordering::Relaxed);
            Some(handler)
        }
    }

    #[test]
    fn handlers_get_equal_cpu_time_and_not_equal_requests() {
        let mut run = Run::new(2);
        for _ in 0..200 {
            run.push(0, 1);
            run.push(1, 1);
        }
        // The requests of the first handler take ten times as long.
        let mut counts = [0, 0];
        for _ in 0..110 {
            let handler = run.run(0).unwrap();
            run.times[handler].fetch_add([1_000, 100][handler], Ordering::Relaxed);
            counts[handler] += 1;
        }
        assert!((9..=11).contains(&counts[0]), "{counts:?}");
        assert_eq!(run.queue.len(), 400 - 110);
    }

    #[test]
    fn a_handler_that_used_little_is_next() {
        let mut run = Run::new(3);
        for _ in 0..100 {
            run.push(0, 1);
        }
        for _ in 0..10 {
            assert_eq!(run.run(1_500), Some(0));
        }
        // Another one comes, with a time in between.
        run.times[1].store(14_000, Ordering::Relaxed);
        run.times[2].store(16_000, Ordering::Relaxed);
        run.push(2, 1);
        run.push(1, 1);
        let order: Vec<_> = (0..4).map_while(|_| run.run(1_500)).collect();
        assert_eq!(order, [1, 0, 2, 0]);
    }

    #[test]
    fn time_used_elsewhere_counts_while_requests_are_queued() {
        let mut run = Run::new(2);
        for _ in 0..3 {
            run.push(0, 1);
            run.push(1, 1);
        }
        // Such as CPU time on other threads.
        run.times[0].store(5_000, Ordering::Relaxed);
        let order: Vec<_> = (0..6).map_while(|_| run.run(1_000)).collect();
        assert_eq!(order, [1, 1, 1, 0, 0, 0]);
        assert!(run.run(0).is_none());
        assert!(run.queue.backlogs.is_empty() && run.queue.order.is_empty());
    }

    #[test]
    fn clients_of_a_handler_share_its_time() {
        let mut run = Run::new(1);
        let dear: Vec<_> = (0..50).map(|_| run.push(0, 1)).collect();
        let cheap: Vec<_> = (0..50).map(|_| run.push(0, 2)).collect();
        let mut counts = [0, 0];
        for _ in 0..44 {
            run.run(0).unwrap();
            let left = |tickets: &[Ticket], queue: &mut RunQueue<_>| {
                let queued = |one: &&Ticket| queue.is_queued(**one, Waker::noop());
                tickets.iter().filter(queued).count()
            };
            let now = [
                50 - left(&dear, &mut run.queue),
                50 - left(&cheap, &mut run.queue),
            ];
            let was_dear = now[0] > counts[0];
            let (number, used) = if was_dear { (1, 1_000) } else { (2, 100) };
            run.queue.charge(0, client(number), used);
            counts = now;
        }
        assert!((3..=5).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn a_new_client_of_a_busy_handler_is_next() {
        let mut run = Run::new(1);
        for _ in 0..100 {
            run.push(0, 1);
        }
        for _ in 0..10 {
            run.run(0).unwrap();
            run.queue.charge(0, client(1), 1_500);
        }
        let new = run.push(0, 2);
        run.run(0).unwrap();
        assert!(!run.queue.is_queued(new, Waker::noop()));
        // It used nothing, so it is also the next again.
        let again = run.push(0, 2);
        run.run(0).unwrap();
        assert!(!run.queue.is_queued(again, Waker::noop()));
    }

    #[test]
    fn requests_of_a_client_run_in_their_order() {
        let mut run = Run::new(1);
        let tickets: Vec<_> = (0..5).map(|_| run.push(0, 1)).collect();
        for ticket in tickets {
            assert!(run.queue.is_queued(ticket, Waker::noop()));
            run.run(100).unwrap();
            assert!(!run.queue.is_queued(ticket, Waker::noop()));
            assert!(!run.queue.withdraw(ticket));
        }
    }

    #[test]
    fn withdrawn_requests_leave_nothing_behind() {
        let mut run = Run::new(2);
        let mut tickets: Vec<_> = (0..10).map(|one| run.push(one % 2, one as u8)).collect();
        let kept = tickets.remove(4);
        for ticket in tickets {
            assert!(run.queue.withdraw(ticket));
            assert!(!run.queue.withdraw(ticket));
        }
        assert_eq!((run.queue.len(), run.queue.backlogs.len()), (1, 1));
        assert_eq!(run.run(0), Some(0));
        assert!(!run.queue.is_queued(kept, Waker::noop()));
        assert!(run.queue.backlogs.is_empty() && run.queue.order.is_empty());
    }
}
