//! The clients of a handler: how many permits each holds, and which of them gets the next one.
//!
//! The next permit goes to the client that holds the fewest, and in turn between those that hold as many; requests of one
//! client are served in their order. A single client may hold all permits. Those beyond half of them are lent: if another
//! client has none and waits, a request of the first client that takes long has to give its permit back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client_network::ClientNetwork;

/// The clients of a handler that hold or wait for permits.
#[derive(Default)]
pub(super) struct Clients {
    clients: HashMap<ClientNetwork, Client>,
    /// The clients with queued requests: by the permits that they hold, then the next one in turn first.
    order: BTreeSet<(u32, u64, ClientNetwork)>,
    queued: usize,
    /// Permits that all clients hold together.
    taken: u32,
    turns: u64,
}

#[derive(Default)]
struct Client {
    /// Permits that it holds.
    taken: u32,
    /// When its turn is among the clients that hold as many.
    turn: u64,
    /// The queued requests, by ticket.
    queue: BTreeMap<u64, Waker>,
    /// The requests that take long, by ticket.
    long: BTreeMap<u64, Long>,
    /// Whether a permit was recalled for it, and it has not got one yet.
    is_next: bool,
}

/// A request that takes long.
struct Long {
    since: Instant,
    recall: oneshot::Sender<()>,
}

impl Clients {
    /// The number of queued requests.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Queues a request.
    pub fn push(&mut self, client: ClientNetwork, ticket: u64) {
        self.turns += 1;
        let turns = self.turns;
        self.change(client, |known| {
            if known.queue.is_empty() {
                known.turn = turns;
            }
            known.queue.insert(ticket, Waker::noop().clone());
        });
        self.queued += 1;
    }

    /// Whether the request is still queued. If so, its grant wakes the waker.
    pub fn is_queued(&mut self, client: ClientNetwork, ticket: u64, waker: &Waker) -> bool {
        let known = self.clients.get_mut(&client);
        match known.and_then(|known| known.queue.get_mut(&ticket)) {
            Some(known) => {
                known.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Removes a request from the queue. Returns false if it is not there any more.
    pub fn withdraw(&mut self, client: ClientNetwork, ticket: u64) -> bool {
        let withdrawn = self.change(client, |known| known.queue.remove(&ticket).is_some());
        self.queued -= usize::from(withdrawn);
        withdrawn
    }

    /// Takes the next request out of the queue.
    pub fn pop(&mut self) -> Option<(ClientNetwork, Waker)> {
        let (_, _, client) = *self.order.first()?;
        self.turns += 1;
        let turns = self.turns;
        let popped = self.change(client, |known| {
            known.turn = turns;
            known.queue.pop_first()
        });
        let (_, waker) = popped?;
        self.queued -= 1;
        Some((client, waker))
    }

    /// Counts a permit of the client.
    pub fn take(&mut self, client: ClientNetwork) {
        self.taken += 1;
        self.change(client, |known| {
            known.taken += 1;
            known.is_next = false;
        });
    }

    /// Counts a permit that the client gave back.
    pub fn release(&mut self, client: ClientNetwork) {
        self.taken -= 1;
        self.change(client, |known| known.taken -= 1);
    }

    /// Notes that a request of the client takes long from now on. If its permit is recalled, the receiver gets a message.
    pub fn take_long(&mut self, client: ClientNetwork, ticket: u64) -> oneshot::Receiver<()> {
        let (recall, recalled) = oneshot::channel();
        let since = Instant::now();
        self.change(client, |known| {
            known.long.insert(ticket, Long { since, recall })
        });
        recalled
    }

    /// Notes that such a request is over.
    pub fn end_long(&mut self, client: ClientNetwork, ticket: u64) {
        self.change(client, |known| known.long.remove(&ticket));
    }

    /// Recalls a permit for a client that waits and holds none, from a client that holds more than half of all permits. Its
    /// latest request that takes long gives it back, if it has done so for `age`.
    pub fn recall(&mut self, client: ClientNetwork, age: Duration) {
        let waits = self
            .clients
            .get(&client)
            .is_some_and(|known| known.taken == 0 && !known.queue.is_empty() && !known.is_next);
        if !waits {
            return;
        }
        let half = self.taken.div_ceil(2);
        let largest = self.clients.values_mut().find(|other| other.taken > half);
        let Some(largest) = largest else { return };
        let long = largest.long.iter().rev();
        let latest = long
            .filter(|(_, long)| long.since.elapsed() >= age)
            .map(|(ticket, _)| *ticket)
            .next();
        if let Some(long) = latest.and_then(|ticket| largest.long.remove(&ticket)) {
            // The request may have ended just now.
            let _ = long.recall.send(());
            self.change(client, |known| known.is_next = true);
        }
    }

    /// Changes what is known of a client, and puts it where it belongs then.
    fn change<T>(&mut self, client: ClientNetwork, change: impl FnOnce(&mut Client) -> T) -> T {
        let known = self.clients.entry(client).or_default();
        let place =
            |known: &Client| (!known.queue.is_empty()).then_some((known.taken, known.turn, client));
        let before = place(known);
        let changed = change(known);
        let after = place(known);
        if known.taken == 0 && known.queue.is_empty() && known.long.is_empty() {
            self.clients.remove(&client);
        }
        if before != after {
            if let Some(before) = before {
                self.order.remove(&before);
            }
            self.order.extend(after);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Clients {
        /// A client that holds a permit.
        pub fn holder(&self) -> Option<ClientNetwork> {
            let clients = self.clients.iter();
            let holders = clients.filter(|(_, known)| known.taken > 0);
            holders.map(|(client, _)| *client).min()
        }
    }

    fn client(number: u8) -> ClientNetwork {
        ClientNetwork::of(&format!("192.0.2.{number}:1"))
    }

    #[test]
    fn the_next_permit_goes_to_the_client_that_holds_the_fewest() {
        let mut clients = Clients::default();
        for number in [1, 1, 1, 2] {
            clients.take(client(number));
        }
        for (ticket, number) in (0..).zip([1, 1, 2, 2, 3, 3]) {
            clients.push(client(number), ticket);
        }
        let mut order = Vec::new();
        while let Some((next, _)) = clients.pop() {
            clients.take(next);
            order.push(next);
        }
        assert_eq!(order, [3, 2, 3, 2, 1, 1].map(client));
        assert_eq!(clients.queued(), 0);
    }

    #[test]
    fn clients_that_hold_as_many_take_turns() {
        let mut clients = Clients::default();
        for (ticket, number) in (0..).zip([1, 1, 1, 2, 2, 3]) {
            clients.push(client(number), ticket);
        }
        let mut order = Vec::new();
        while let Some((next, _)) = clients.pop() {
            // Each gives its permit back at once.
            clients.take(next);
            clients.release(next);
            order.push(next);
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 1].map(client));
        assert!(clients.clients.is_empty() && clients.order.is_empty());
    }

    /// A client holds some permits for long, and others hold one each. Then yet another one waits.
    #[tokio::test(start_paused = true)]
    async fn recalls_what_a_client_holds_beyond_half() {
        // The permits of the client, those of others, and how many can be recalled from it.
        for (own, others, expected) in [
            (8, 0, 4),
            (2, 0, 1),
            (1, 0, 0),
            (7, 1, 3),
            (4, 4, 0),
            (5, 3, 1),
            (3, 2, 0),
        ] {
            let mut clients = Clients::default();
            let mut held = Vec::new();
            for ticket in 0..own {
                clients.take(client(0));
                held.push(clients.take_long(client(0), ticket));
            }
            for number in 0..others {
                clients.take(client(100 + number));
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            for number in 1..=10 {
                let waiting = client(number);
                clients.push(waiting, 100 + u64::from(number));
                clients.recall(waiting, Duration::from_secs(1));
                // It gets the permit, and keeps it.
                if held.last_mut().is_some_and(|last| last.try_recv().is_ok()) {
                    held.pop();
                    clients.release(client(0));
                    let next = clients.pop().map(|(next, _)| next);
                    assert_eq!(next, Some(waiting));
                    clients.take(waiting);
                }
            }
            assert_eq!(own as usize - held.len(), expected, "{own} and {others}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn recalls_one_permit_for_a_client_and_only_from_a_request_that_took_long() {
        let mut clients = Clients::default();
        let second = Duration::from_secs(1);
        let [old, young] = [1, 2].map(|ticket| {
            clients.take(client(0));
            ticket
        });
        let mut old = clients.take_long(client(0), old);
        tokio::time::advance(second).await;
        let mut young = clients.take_long(client(0), young);
        // One that holds a permit already gets nothing recalled, nor does one that does not wait.
        clients.push(client(0), 3);
        clients.recall(client(0), second);
        clients.recall(client(1), second);
        assert!(old.try_recv().is_err());
        for ticket in [4, 5] {
            clients.push(client(1), ticket);
            clients.recall(client(1), second);
        }
        assert!(old.try_recv().is_ok());
        tokio::time::advance(second).await;
        clients.recall(client(1), second);
        assert!(young.try_recv().is_err());
    }

    #[tokio::test]
    async fn forgets_clients_that_hold_and_wait_for_nothing() {
        let mut clients = Clients::default();
        clients.take(client(1));
        let _recalled = clients.take_long(client(1), 1);
        clients.push(client(2), 2);
        assert!(clients.is_queued(client(2), 2, Waker::noop()));
        assert!(clients.withdraw(client(2), 2));
        assert!(!clients.withdraw(client(2), 2));
        clients.release(client(1));
        clients.end_long(client(1), 1);
        assert!(clients.clients.is_empty() && clients.order.is_empty());
        assert_eq!((clients.queued(), clients.taken), (0, 0));
    }
}
