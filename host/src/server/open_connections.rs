//! The open connections of each client, and which of them are idle.
//!
//! An idle connection closes when its place is needed: for a new connection of the same client beyond the client's bound,
//! or for a new connection of any client when no permit is free. The one that has been idle longest goes first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::idle_list::{IdleList, LinkTable, Links};

/// All open connections.
pub(super) struct OpenConnections {
    state: Mutex<State>,
    max_per_client: usize,
}

/// One open connection.
pub(super) struct OpenConnection {
    all: Arc<OpenConnections>,
    number: usize,
    /// Whether it waits for a request.
    is_idle: AtomicBool,
}

/// A connection is idle once this waits. It completes when the connection must close.
pub(super) struct Idle<'a>(&'a OpenConnection);

#[derive(Default)]
struct State {
    connections: Vec<Slot>,
    unused: Vec<usize>,
    clients: Vec<Client>,
    unused_clients: Vec<usize>,
    /// The number of each client.
    numbers: HashMap<IpAddr, usize>,
    idle: IdleList,
    /// Listeners that wait for a connection to close.
    waiting: usize,
    /// Evicted connections that are still open.
    evicted: usize,
}

#[derive(Default)]
struct Slot {
    client: usize,
    phase: Phase,
    /// Woken by an eviction.
    waker: Option<Waker>,
    among_all: Links,
    among_own: Links,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Busy,
    Idle,
    Evicted,
}

#[derive(Default)]
struct Client {
    address: Option<IpAddr>,
    /// Connections, without the evicted ones.
    open: usize,
    evicted: usize,
    idle: IdleList,
}

impl OpenConnections {
    pub fn new(max_per_client: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            max_per_client,
        })
    }

    /// Adds a connection of `client`. If the client has too many, its connection that has been idle longest closes.
    /// Returns none if none of them is idle.
    pub fn open(self: &Arc<Self>, client: IpAddr) -> Option<OpenConnection> {
        let number = self.lock().open(client, self.max_per_client)?;
        Some(OpenConnection {
            all: self.clone(),
            number,
            is_idle: AtomicBool::new(false),
        })
    }

    /// Asks for an idle connection to close. The listener calls [`Self::finish`] when it needs no more room.
    pub fn request_room(&self) {
        let mut state = self.lock();
        state.waiting += 1;
        state.make_room();
    }

    /// Ends a [`request`](Self::request_room), whichever connection made the room.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenConnection {
    /// The connection is idle from now on, although nothing waits for its first request yet.
    pub fn begin_idle(&self) {
        self.is_idle.store(true, Ordering::Relaxed);
        self.all.lock().idle(self.number);
    }

    /// Waits, while the connection is idle, until it must close for another one.
    pub fn idle(&self) -> Idle<'_> {
        Idle(self)
    }

    /// A request arrived. Returns false if the connection must close instead, because another one has its place.
    pub fn begin_request(&self) -> bool {
        // A request that was there when the last one ended costs no lock.
        !self.is_idle.swap(false, Ordering::Relaxed) || self.all.lock().busy(self.number)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.all.lock().close(self.number);
    }
}

impl Future for Idle<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let OpenConnection {
            all,
            number,
            is_idle,
        } = self.0;
        is_idle.store(true, Ordering::Relaxed);
        match all.lock().poll_evicted(*number, cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl State {
    fn open(&mut self, address: IpAddr, max: usize) -> Option<usize> {
        let client = match self.numbers.entry(address) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let number = unused(&mut self.unused_clients, &mut self.clients);
                *new.insert(number)
            }
        };
        let of_client = self.clients.get_mut(client)?;
        of_client.address = Some(address);
        if of_client.open >= max {
            let oldest = of_client.idle.first()?;
            self.evict(oldest);
        }
        self.clients.get_mut(client)?.open += 1;
        let number = unused(&mut self.unused, &mut self.connections);
        self.connections.get_mut(number)?.client = client;
        Some(number)
    }

    fn close(&mut self, number: usize) {
        self.unlink(number);
        let Some(slot) = self.connections.get_mut(number) else {
            return;
        };
        let Slot { client, phase, .. } = std::mem::take(slot);
        self.unused.push(number);
        let Some(of_client) = self.clients.get_mut(client) else {
            return;
        };
        match phase {
            Phase::Evicted => {
                of_client.evicted -= 1;
                self.evicted -= 1;
            }
            Phase::Busy | Phase::Idle => of_client.open -= 1,
        }
        if of_client.open + of_client.evicted == 0 {
            if let Some(address) = std::mem::take(of_client).address {
                self.numbers.remove(&address);
            }
            self.unused_clients.push(client);
        }
    }

    /// Whether the connection must close. If not, it is idle from now on.
    fn poll_evicted(&mut self, number: usize, cx: &mut Context<'_>) -> bool {
        let Some(slot) = self.connections.get_mut(number) else {
            return false;
        };
        if slot.phase == Phase::Evicted {
            return true;
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        if slot.phase == Phase::Busy {
            self.idle(number);
        }
        self.make_room();
        let slot = self.connections.get(number);
        slot.is_some_and(|slot| slot.phase == Phase::Evicted)
    }

    /// Appends a connection to both lists.
    fn idle(&mut self, number: usize) {
        let Some(slot) = self.connections.get_mut(number) else {
            return;
        };
        slot.phase = Phase::Idle;
        let client = slot.client;
        self.lists(client, |all, own, connections| {
            all.push(number, &mut AmongAll(connections));
            own.push(number, &mut AmongOwn(connections));
        });
    }

    /// A request arrived. Returns false if the connection was evicted before.
    fn busy(&mut self, number: usize) -> bool {
        self.unlink(number);
        match self.connections.get_mut(number) {
            Some(slot) if slot.phase != Phase::Evicted => {
                slot.phase = Phase::Busy;
                true
            }
            _ => false,
        }
    }

    /// Evicts connections until as many close as listeners wait for.
    fn make_room(&mut self) {
        while self.evicted < self.waiting
            && let Some(oldest) = self.idle.first()
        {
            self.evict(oldest);
        }
    }

    fn evict(&mut self, number: usize) {
        self.unlink(number);
        let Some(slot) = self.connections.get_mut(number) else {
            return;
        };
        slot.phase = Phase::Evicted;
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
        self.evicted += 1;
        if let Some(client) = self.clients.get_mut(slot.client) {
            client.open -= 1;
            client.evicted += 1;
        }
    }

    /// Takes an idle connection off both lists.
    fn unlink(&mut self, number: usize) {
        let Some(slot) = self.connections.get(number) else {
            return;
        };
        if slot.phase == Phase::Idle {
            self.lists(slot.client, |all, own, connections| {
                all.remove(number, &mut AmongAll(connections));
                own.remove(number, &mut AmongOwn(connections));
            });
        }
    }

    fn lists(
        &mut self,
        client: usize,
        change: impl FnOnce(&mut IdleList, &mut IdleList, &mut [Slot]),
    ) {
        if let Some(client) = self.clients.get_mut(client) {
            change(&mut self.idle, &mut client.idle, &mut self.connections);
        }
    }
}

/// The number of an unused entry, which is added if there is none.
fn unused<T: Default>(unused: &mut Vec<usize>, entries: &mut Vec<T>) -> usize {
    unused.pop().unwrap_or_else(|| {
        entries.push(T::default());
        entries.len() - 1
    })
}

struct AmongAll<'a>(&'a mut [Slot]);

impl LinkTable for AmongAll<'_> {
    fn links(&mut self, number: usize) -> Option<&mut Links> {
        self.0.get_mut(number).map(|slot| &mut slot.among_all)
    }
}

struct AmongOwn<'a>(&'a mut [Slot]);

impl LinkTable for AmongOwn<'_> {
    fn links(&mut self, number: usize) -> Option<&mut Links> {
        self.0.get_mut(number).map(|slot| &mut slot.among_own)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn is_evicted(idle: &mut Idle<'_>) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        Pin::new(idle).poll(cx).is_ready()
    }

    #[test]
    fn a_client_beyond_its_bound_evicts_its_own_idle_connection() {
        let all = OpenConnections::new(2);
        let others: Vec<_> = (0..2).filter_map(|_| all.open(OTHER)).collect();
        let mut idle_others: Vec<_> = others.iter().map(OpenConnection::idle).collect();
        assert!(!idle_others.iter_mut().any(is_evicted));
        let [first, second] = [ONE; 2].map(|client| all.open(client).unwrap());
        for busy in [&first, &second] {
            assert!(busy.begin_request());
        }
        assert!(all.open(ONE).is_none(), "both are busy");
        let mut idle = second.idle();
        assert!(!is_evicted(&mut idle));
        let third = all.open(ONE).expect("one is idle");
        assert!(is_evicted(&mut idle) && !is_evicted(&mut first.idle()));
        assert!(!idle_others.iter_mut().any(is_evicted));
        assert!(first.begin_request() && third.begin_request());
        assert!(all.open(ONE).is_none());
        drop((second, third));
        assert!(all.open(ONE).is_some());
    }

    #[test]
    fn a_listener_evicts_the_connection_that_has_been_idle_longest() {
        let all = OpenConnections::new(9);
        let connections = [ONE, OTHER, ONE].map(|client| all.open(client).unwrap());
        for busy in &connections {
            assert!(busy.begin_request());
        }
        let [mut first, mut second, mut third] = connections.each_ref().map(OpenConnection::idle);
        for idle in [&mut second, &mut third, &mut first] {
            assert!(!is_evicted(idle));
        }
        all.request_room();
        assert_eq!(
            [&mut first, &mut second, &mut third].map(is_evicted),
            [false, true, false]
        );
        // It is closing, so that no other one must close for the same listener.
        all.request_room();
        assert_eq!([&mut first, &mut third].map(is_evicted), [false, true]);
        all.finish();
        all.finish();
        assert!(!is_evicted(&mut first));
    }

    #[test]
    fn a_listener_waits_for_the_next_connection_that_becomes_idle() {
        let all = OpenConnections::new(9);
        let [first, second] = [ONE; 2].map(|client| all.open(client).unwrap());
        assert!(first.begin_request() && second.begin_request());
        all.request_room();
        assert!(is_evicted(&mut first.idle()) && !is_evicted(&mut second.idle()));
        drop(first);
        all.finish();
        assert!(second.begin_request());
    }

    /// Otherwise a client could exceed its bound with requests that arrive at the right moment.
    #[test]
    fn an_evicted_connection_takes_no_request() {
        let all = OpenConnections::new(1);
        let first = all.open(ONE).unwrap();
        first.begin_idle();
        let second = all.open(ONE).expect("the first one is idle");
        assert!(!first.begin_request());
        assert!(is_evicted(&mut first.idle()));
        assert!(second.begin_request() && second.begin_request());
        assert!(all.open(ONE).is_none());
        drop((first, second));
        assert!(all.lock().numbers.is_empty());
    }

    #[test]
    fn forgets_clients_without_connections() {
        let all = OpenConnections::new(2);
        for round in 0..3 {
            let connections: Vec<_> = (0..100)
                .filter_map(|last| all.open(Ipv4Addr::new(192, 0, 2, last).into()))
                .collect();
            let idle: Vec<_> = connections.iter().map(OpenConnection::idle).collect();
            assert_eq!(idle.len(), 100, "round {round}");
            drop(idle);
            drop(connections);
            let state = all.lock();
            assert!(state.numbers.is_empty());
            assert_eq!((state.connections.len(), state.clients.len()), (100, 100));
            assert_eq!(state.unused.len(), 100);
        }
    }
}
