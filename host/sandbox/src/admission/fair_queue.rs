//! The fair queue: how many permits each handler holds, and which queued request gets the next one.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use super::clients::Clients;
use crate::client_network::ClientNetwork;

/// The permits that handlers hold, and the requests that are queued for one.
///
/// Call [`grant`](Self::grant) after every change but [`request`](Self::request), which frees no permit.
pub(super) struct FairQueue {
    total: u32,
    free: u32,
    /// Permits that are guaranteed to no handler.
    shared: u32,
    /// Permits that handlers hold beyond their guarantees. At most `shared`, except for a while after a handler was added.
    extra: u32,
    handlers: BTreeMap<u64, Share>,
    /// The handlers with queued requests, the next one in turn first.
    waiting: VecDeque<u64>,
    /// The number of the latest handler or ticket.
    next: u64,
}

/// A handler's part of the permits.
#[derive(Default)]
struct Share {
    max: u32,
    guaranteed: u32,
    taken: u32,
    /// What its clients hold and wait for.
    clients: Clients,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Requested {
    Granted,
    /// With this ticket.
    Queued(u64),
    Refused,
}

impl FairQueue {
    pub fn new(total: u32) -> Self {
        Self {
            total,
            free: total,
            shared: total,
            extra: 0,
            handlers: BTreeMap::new(),
            waiting: VecDeque::new(),
            next: 0,
        }
    }

    /// Adds a handler, and returns its number.
    pub fn add(&mut self, max: u32) -> u64 {
        let handler = self.number();
        let share = Share {
            max,
            ..Share::default()
        };
        self.handlers.insert(handler, share);
        self.divide();
        handler
    }

    /// Removes a handler that holds no permit and has no queued request.
    pub fn remove(&mut self, handler: u64) {
        self.handlers.remove(&handler);
        self.divide();
    }

    /// Sets the most permits that a handler may hold.
    pub fn resize(&mut self, handler: u64, max: u32) {
        if let Some(share) = self.handlers.get_mut(&handler) {
            share.max = max;
        }
        self.divide();
    }

    pub fn free(&self) -> u32 {
        self.free
    }

    pub fn are_all_free(&self) -> bool {
        self.free == self.total
    }

    /// Guarantees half of the permits to the handlers in equal parts, and at least one to each if there are enough.
    fn divide(&mut self) {
        let handlers = u32::try_from(self.handlers.len()).unwrap_or(u32::MAX);
        let least = u32::from(handlers <= self.total);
        let equal = self.total / handlers.saturating_mul(2).max(1);
        (self.shared, self.extra) = (self.total, 0);
        for share in self.handlers.values_mut() {
            share.guaranteed = equal.max(least).min(share.max);
            self.shared -= share.guaranteed;
            self.extra += share.taken.saturating_sub(share.guaranteed);
        }
    }

    /// Takes a permit for a request of a client, or a ticket if fewer than `max_queue` requests of the handler are queued.
    pub fn request(&mut self, handler: u64, client: ClientNetwork, max_queue: u32) -> Requested {
        let Some(share) = self.handlers.get(&handler) else {
            return Requested::Refused;
        };
        let waiting = share.clients.queued();
        if waiting == 0 && self.may_take(share) {
            self.take(handler, client);
            return Requested::Granted;
        }
        if waiting >= usize::try_from(max_queue).unwrap_or(usize::MAX) {
            return Requested::Refused;
        }
        let ticket = self.number();
        if let Some(share) = self.handlers.get_mut(&handler) {
            share.clients.push(client, ticket);
        }
        if waiting == 0 {
            self.waiting.push_back(handler);
        }
        Requested::Queued(ticket)
    }

    /// Gives back a permit that the handler held for a request of the client.
    pub fn release(&mut self, handler: u64, client: ClientNetwork) {
        if let Some(share) = self.handlers.get_mut(&handler) {
            self.extra -= u32::from(share.taken > share.guaranteed);
            share.taken -= 1;
            share.clients.release(client);
            self.free += 1;
        }
    }

    /// Whether the request is still queued. If so, its grant wakes the waker.
    pub fn is_queued(
        &mut self,
        handler: u64,
        client: ClientNetwork,
        ticket: u64,
        waker: &Waker,
    ) -> bool {
        let share = self.handlers.get_mut(&handler);
        share.is_some_and(|share| share.clients.is_queued(client, ticket, waker))
    }

    /// Removes a request from the queue, or gives back its permit if that has been granted meanwhile.
    pub fn withdraw(&mut self, handler: u64, client: ClientNetwork, ticket: u64) {
        let Some(share) = self.handlers.get_mut(&handler) else {
            return;
        };
        if !share.clients.withdraw(client, ticket) {
            self.release(handler, client);
        } else if share.clients.queued() == 0 {
            self.waiting.retain(|other| *other != handler);
        }
    }

    /// Grants free permits to queued requests, and returns their wakers.
    pub fn grant(&mut self) -> Vec<Waker> {
        let mut granted = Vec::new();
        while let Some(next) = self.next_in_turn() {
            let Some(handler) = self.waiting.remove(next) else {
                break;
            };
            let share = self.handlers.get_mut(&handler);
            let Some((client, waker)) = share.and_then(|share| share.clients.pop()) else {
                continue;
            };
            granted.push(waker);
            self.take(handler, client);
            let share = self.handlers.get(&handler);
            if share.is_some_and(|share| share.clients.queued() > 0) {
                self.waiting.push_back(handler);
            }
        }
        granted
    }

    /// What the clients of a handler hold and wait for.
    pub fn clients(&mut self, handler: u64) -> Option<&mut Clients> {
        self.handlers
            .get_mut(&handler)
            .map(|share| &mut share.clients)
    }

    fn next_in_turn(&self) -> Option<usize> {
        if self.free == 0 {
            return None;
        }
        self.waiting.iter().position(|handler| {
            let share = self.handlers.get(handler);
            share.is_some_and(|share| self.may_take(share))
        })
    }

    fn may_take(&self, share: &Share) -> bool {
        let is_guaranteed = share.taken < share.guaranteed;
        self.free > 0 && share.taken < share.max && (is_guaranteed || self.extra < self.shared)
    }

    fn take(&mut self, handler: u64, client: ClientNetwork) {
        if let Some(share) = self.handlers.get_mut(&handler) {
            self.extra += u32::from(share.taken >= share.guaranteed);
            share.taken += 1;
            share.clients.take(client);
            self.free -= 1;
        }
    }

    /// A number that was not given out before.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ClientNetwork = ClientNetwork::NONE;

    impl FairQueue {
        /// Checks the invariants that hold between any two changes.
        fn assert_sound(&self) {
            let shares = || self.handlers.values();
            let taken: u32 = shares().map(|share| share.taken).sum();
            let guaranteed: u32 = shares().map(|share| share.guaranteed).sum();
            let extra: u32 = shares()
                .map(|share| share.taken.saturating_sub(share.guaranteed))
                .sum();
            assert_eq!(taken + self.free, self.total, "a permit was lost or made");
            assert_eq!(guaranteed + self.shared, self.total);
            assert_eq!(extra, self.extra);
            assert!(
                self.next_in_turn().is_none(),
                "a free permit and a queued request"
            );
            for (handler, share) in &self.handlers {
                let is_listed = self.waiting.iter().filter(|other| *other == handler);
                assert_eq!(is_listed.count(), usize::from(share.clients.queued() > 0));
                // Once the others hold no more than they may, a guaranteed permit is granted at once.
                if self.extra <= self.shared && share.taken < share.guaranteed {
                    assert!(self.free > 0 && share.clients.queued() == 0);
                }
            }
        }

        fn taken(&self, handler: u64) -> u32 {
            self.handlers[&handler].taken
        }

        /// A client that holds a permit of the handler.
        fn holder(&self, handler: u64) -> Option<ClientNetwork> {
            self.handlers[&handler].clients.holder()
        }
    }

    fn client(number: u64) -> ClientNetwork {
        ClientNetwork::of(&format!("192.0.2.{number}:1"))
    }

    /// Takes as many permits as the handler can get.
    fn take_all(queue: &mut FairQueue, handler: u64) -> u32 {
        while queue.request(handler, ONE, 0) == Requested::Granted {}
        queue.taken(handler)
    }

    #[test]
    fn a_handler_leaves_the_others_their_guaranteed_permits() {
        // The total, the maximum of each handler, and what each gets if one after the other asks for all.
        let table: [(u32, &[u32], &[u32]); 9] = [
            (10, &[10], &[10]),
            (10, &[3], &[3]),
            (10, &[10, 10], &[8, 2]),
            (10, &[10, 10, 10], &[8, 1, 1]),
            (100, &[100, 100], &[75, 25]),
            (100, &[100, 1], &[99, 1]),
            (100, &[1, 100, 100], &[1, 83, 16]),
            (3, &[3, 3, 3], &[1, 1, 1]),
            (2, &[2, 2, 2], &[2, 0, 0]),
        ];
        for (total, most, expected) in table {
            let mut queue = FairQueue::new(total);
            let handlers: Vec<u64> = most.iter().map(|most| queue.add(*most)).collect();
            let taken: Vec<u32> = handlers
                .iter()
                .map(|handler| take_all(&mut queue, *handler))
                .collect();
            assert_eq!(taken, expected, "{total} for {most:?}");
            queue.assert_sound();
        }
    }

    #[test]
    fn a_new_handler_gets_the_next_free_permits() {
        let mut queue = FairQueue::new(10);
        let busy = queue.add(10);
        assert_eq!(take_all(&mut queue, busy), 10);
        assert!(matches!(queue.request(busy, ONE, 9), Requested::Queued(_)));
        let other = queue.add(10);
        for expected in 1..=2 {
            assert!(matches!(queue.request(other, ONE, 9), Requested::Queued(_)));
            queue.release(busy, ONE);
            assert_eq!(queue.grant().len(), 1);
            assert_eq!(queue.taken(other), expected);
            queue.assert_sound();
        }
        // Once it holds its guaranteed permits, both handlers get the rest in turn.
        assert!(matches!(queue.request(other, ONE, 9), Requested::Queued(_)));
        queue.release(busy, ONE);
        assert_eq!(queue.grant().len(), 1);
        assert_eq!((queue.taken(busy), queue.taken(other)), (8, 2));
        // After it is removed, its guaranteed permits are shared again.
        while queue.taken(other) > 0 {
            queue.release(other, ONE);
            queue.grant();
        }
        queue.remove(other);
        assert_eq!(take_all(&mut queue, busy), 10);
        queue.assert_sound();
    }

    #[test]
    fn grants_in_turn_between_handlers_and_in_order_within_one() {
        let mut queue = FairQueue::new(1);
        let holder = queue.add(1);
        assert_eq!(queue.request(holder, ONE, 0), Requested::Granted);
        let (first, second) = (queue.add(1), queue.add(1));
        let mut wait = |handler| match queue.request(handler, ONE, 9) {
            Requested::Queued(ticket) => (handler, ticket),
            requested => panic!("{requested:?}"),
        };
        let a = [wait(first), wait(first), wait(first)];
        let b = [wait(second), wait(second)];
        let mut last = holder;
        for (handler, ticket) in [a[0], b[0], a[1], b[1], a[2]] {
            let waker = Waker::noop();
            assert!(queue.is_queued(handler, ONE, ticket, waker));
            queue.release(last, ONE);
            assert_eq!(queue.grant().len(), 1);
            assert!(!queue.is_queued(handler, ONE, ticket, waker));
            last = handler;
            queue.assert_sound();
        }
    }

    #[test]
    fn refuses_requests_beyond_max_queue() {
        for max_queue in 0..3 {
            let mut queue = FairQueue::new(1);
            let handler = queue.add(1);
            assert_eq!(queue.request(handler, ONE, max_queue), Requested::Granted);
            for _ in 0..max_queue {
                assert!(matches!(
                    queue.request(handler, ONE, max_queue),
                    Requested::Queued(_)
                ));
            }
            assert_eq!(queue.request(handler, ONE, max_queue), Requested::Refused);
        }
    }

    /// Makes many random changes and checks the invariants after each; in the end no queued request was forgotten.
    #[test]
    fn random_changes_keep_the_invariants() {
        for seed in 1..=200 {
            let mut random = Random(seed);
            let mut queue = FairQueue::new(random.below(12) as u32);
            // The tickets of each handler that may still be queued.
            let mut live: Vec<(u64, Vec<(ClientNetwork, u64)>)> = Vec::new();
            for _ in 0..1_000 {
                let pick = random.below(live.len().max(1) as u64) as usize;
                let step = random.below(16);
                match (step, live.get_mut(pick)) {
                    (0, _) | (_, None) => {
                        live.push((queue.add(random.below(8) as u32), Vec::new()));
                    }
                    (1, Some((handler, _))) => queue.resize(*handler, random.below(8) as u32),
                    (2, Some((handler, tickets))) => {
                        for (client, ticket) in tickets.drain(..) {
                            if queue.is_queued(*handler, client, ticket, Waker::noop()) {
                                queue.withdraw(*handler, client, ticket);
                                queue.grant();
                            }
                        }
                        while let Some(holder) = queue.holder(*handler) {
                            queue.release(*handler, holder);
                            queue.grant();
                        }
                        queue.remove(*handler);
                        live.remove(pick);
                    }
                    (3..=8, Some((handler, tickets))) => {
                        let before = queue.taken(*handler);
                        let client = client(random.below(4));
                        let requested = queue.request(*handler, client, 5);
                        if let Requested::Queued(ticket) = requested {
                            tickets.push((client, ticket));
                        }
                        let share = &queue.handlers[handler];
                        let took = requested == Requested::Granted;
                        assert_eq!(share.taken, before + u32::from(took));
                        assert!(!took || share.taken <= share.max);
                        assert!(share.clients.queued() <= 5);
                    }
                    (9, Some((handler, tickets))) if !tickets.is_empty() => {
                        let picked = random.below(tickets.len() as u64) as usize;
                        let (client, ticket) = tickets.remove(picked);
                        if queue.is_queued(*handler, client, ticket, Waker::noop()) {
                            queue.withdraw(*handler, client, ticket);
                        }
                    }
                    (_, Some((handler, _))) => {
                        if let Some(holder) = queue.holder(*handler) {
                            queue.release(*handler, holder);
                        }
                    }
                }
                queue.grant();
                queue.assert_sound();
            }
            // All permits are given back: in the end every request that could be granted one was.
            for _ in 0..10_000 {
                let holders: Vec<u64> = live.iter().map(|(handler, _)| *handler).collect();
                for handler in holders {
                    if let Some(holder) = queue.holder(handler) {
                        queue.release(handler, holder);
                        queue.grant();
                    }
                }
            }
            let starved = queue
                .handlers
                .values()
                .filter(|share| share.max > 0 && queue.total > 0 && (share.clients.queued() > 0));
            assert_eq!(starved.count(), 0, "seed {seed}");
        }
    }

    /// Xorshift: the same steps each time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }
}
