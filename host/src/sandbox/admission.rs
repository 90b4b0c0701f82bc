//! Places for instances, shared by the handlers so that none can take them all.
//!
//! A part of the places is guaranteed, the same to each handler; the rest is for whoever asks first. Where none is free,
//! requests wait: within a handler the first that came goes first, and between handlers it goes in turn.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The places of an engine.
pub(super) struct Places(Mutex<State>);

/// A handler's way to the places, shared by all its versions. Its guarantee ends with it.
pub(super) struct Gate {
    places: Arc<Places>,
    handler: u64,
    /// The most places that the handler may have, as was last said.
    most: AtomicU32,
}

/// A place that is taken, and free again when this is dropped.
pub(super) struct Slot(Arc<Gate>);

/// What a request finds at the gate.
pub(super) enum Entry {
    Free(Slot),
    Wait(Turn),
    /// As many wait as may.
    Full,
}

/// A request's turn, to be waited for. Dropping it gives it up.
pub(super) struct Turn {
    gate: Arc<Gate>,
    /// None once the turn has come.
    ticket: Option<u64>,
}

impl Places {
    pub fn new(total: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::new(total))))
    }

    /// A gate for one more handler, with at most `most` places.
    pub fn gate(self: &Arc<Self>, most: u32) -> Arc<Gate> {
        Arc::new(Gate {
            places: self.clone(),
            handler: self.change(|state| state.add(most)),
            most: most.into(),
        })
    }

    /// Whether all places are free.
    pub fn are_all_free(&self) -> bool {
        let state = self.lock();
        state.free == state.total
    }

    /// Makes a change after which some that wait may have their turn.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let outcome = change(&mut state);
        let called = state.hand_out();
        drop(state);
        called.into_iter().for_each(Waker::wake);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Asks for one of at most `most` places, or for a turn where fewer than `max_queue` requests wait.
    pub fn enter(self: &Arc<Self>, most: u32, max_queue: u32) -> Entry {
        if self.most.load(Ordering::Relaxed) != most {
            self.most.store(most, Ordering::Relaxed);
            self.places.change(|state| state.resize(self.handler, most));
        }
        // Bound first: what comes of it may lock as well, on its drop.
        let asked = self.places.lock().ask(self.handler, max_queue);
        match asked {
            Asked::Taken => Entry::Free(Slot(self.clone())),
            Asked::Waits(ticket) => Entry::Wait(Turn {
                gate: self.clone(),
                ticket: Some(ticket),
            }),
            Asked::Refused => Entry::Full,
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.places.change(|state| state.remove(self.handler));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Gate {
            places, handler, ..
        } = &*self.0;
        places.change(|state| state.release(*handler));
    }
}

impl Future for Turn {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Slot> {
        if let Some(ticket) = self.ticket {
            let mut state = self.gate.places.lock();
            if state.still_waits(self.gate.handler, ticket, context.waker()) {
                return Poll::Pending;
            }
        }
        match self.ticket.take() {
            Some(_) => Poll::Ready(Slot(self.gate.clone())),
            // It had its turn before.
            None => Poll::Pending,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let handler = self.gate.handler;
            self.gate
                .places
                .change(|state| state.give_up(handler, ticket));
        }
    }
}

/// Who has how many places, and who waits.
///
/// After each change but [`ask`](Self::ask), which only takes, [`hand_out`](Self::hand_out) is to be called.
struct State {
    total: u32,
    free: u32,
    /// Places that are guaranteed to nobody.
    shared: u32,
    /// Places that handlers have beyond their guarantees. At most `shared`, except for a while after a handler has come.
    extra: u32,
    handlers: BTreeMap<u64, Account>,
    /// The handlers with requests that wait, the one whose turn is next first.
    waiting: VecDeque<u64>,
    /// The number of the next handler or ticket.
    next: u64,
}

/// A handler's places.
#[derive(Default)]
struct Account {
    most: u32,
    guaranteed: u32,
    taken: u32,
    /// Those that wait, by their tickets.
    queue: BTreeMap<u64, Waker>,
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Taken,
    /// By this ticket.
    Waits(u64),
    Refused,
}

impl State {
    fn new(total: u32) -> Self {
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

    fn add(&mut self, most: u32) -> u64 {
        let handler = self.number();
        let account = Account {
            most,
            ..Account::default()
        };
        self.handlers.insert(handler, account);
        self.guarantee();
        handler
    }

    /// Forgets a handler. Nobody has a place or a turn of it any more.
    fn remove(&mut self, handler: u64) {
        self.handlers.remove(&handler);
        self.guarantee();
    }

    fn resize(&mut self, handler: u64, most: u32) {
        if let Some(account) = self.handlers.get_mut(&handler) {
            account.most = most;
        }
        self.guarantee();
    }

    /// Half of the places in equal parts, but one to each handler where there are enough for that.
    fn guarantee(&mut self) {
        let handlers = u32::try_from(self.handlers.len()).unwrap_or(u32::MAX);
        let least = u32::from(handlers <= self.total);
        let equal = self.total / handlers.saturating_mul(2).max(1);
        (self.shared, self.extra) = (self.total, 0);
        for account in self.handlers.values_mut() {
            account.guaranteed = equal.max(least).min(account.most);
            self.shared -= account.guaranteed;
            self.extra += account.taken.saturating_sub(account.guaranteed);
        }
    }

    fn ask(&mut self, handler: u64, max_queue: u32) -> Asked {
        let Some(account) = self.handlers.get(&handler) else {
            return Asked::Refused;
        };
        let waiting = account.queue.len();
        if waiting == 0 && self.may_take(account) {
            self.take(handler);
            return Asked::Taken;
        }
        if waiting >= usize::try_from(max_queue).unwrap_or(usize::MAX) {
            return Asked::Refused;
        }
        let ticket = self.number();
        if let Some(account) = self.handlers.get_mut(&handler) {
            account.queue.insert(ticket, Waker::noop().clone());
        }
        if waiting == 0 {
            self.waiting.push_back(handler);
        }
        Asked::Waits(ticket)
    }

    fn release(&mut self, handler: u64) {
        if let Some(account) = self.handlers.get_mut(&handler) {
            self.extra -= u32::from(account.taken > account.guaranteed);
            account.taken -= 1;
            self.free += 1;
        }
    }

    /// Whether the turn is yet to come, in which case the waker is told of it.
    fn still_waits(&mut self, handler: u64, ticket: u64, waker: &Waker) -> bool {
        let account = self.handlers.get_mut(&handler);
        let waits = account.and_then(|account| account.queue.get_mut(&ticket));
        match waits {
            Some(known) => {
                known.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Takes a request out of the queue, or takes its place back if its turn has come meanwhile.
    fn give_up(&mut self, handler: u64, ticket: u64) {
        let Some(account) = self.handlers.get_mut(&handler) else {
            return;
        };
        match account.queue.remove(&ticket) {
            None => self.release(handler),
            Some(_) if account.queue.is_empty() => self.waiting.retain(|other| *other != handler),
            Some(_) => {}
        }
    }

    /// Gives what is free to those that wait. They are yet to be woken.
    fn hand_out(&mut self) -> Vec<Waker> {
        let mut called = Vec::new();
        while let Some(next) = self.next_in_turn() {
            let Some(handler) = self.waiting.remove(next) else {
                break;
            };
            self.take(handler);
            if let Some(account) = self.handlers.get_mut(&handler) {
                called.extend(account.queue.pop_first().map(|(_, waker)| waker));
                if !account.queue.is_empty() {
                    self.waiting.push_back(handler);
                }
            }
        }
        called
    }

    fn next_in_turn(&self) -> Option<usize> {
        if self.free == 0 {
            return None;
        }
        self.waiting.iter().position(|handler| {
            let account = self.handlers.get(handler);
            account.is_some_and(|account| self.may_take(account))
        })
    }

    fn may_take(&self, account: &Account) -> bool {
        let is_guaranteed = account.taken < account.guaranteed;
        self.free > 0 && account.taken < account.most && (is_guaranteed || self.extra < self.shared)
    }

    fn take(&mut self, handler: u64) {
        if let Some(account) = self.handlers.get_mut(&handler) {
            self.extra += u32::from(account.taken >= account.guaranteed);
            account.taken += 1;
            self.free -= 1;
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl State {
        /// What must hold between any two changes.
        fn assert_sound(&self) {
            let accounts = || self.handlers.values();
            let taken: u32 = accounts().map(|account| account.taken).sum();
            let guaranteed: u32 = accounts().map(|account| account.guaranteed).sum();
            let extra: u32 = accounts()
                .map(|account| account.taken.saturating_sub(account.guaranteed))
                .sum();
            assert_eq!(taken + self.free, self.total, "a place was lost or made");
            assert_eq!(guaranteed + self.shared, self.total);
            assert_eq!(extra, self.extra);
            assert!(self.next_in_turn().is_none(), "a place for one that waits");
            for (handler, account) in &self.handlers {
                let is_listed = self.waiting.iter().filter(|other| *other == handler);
                assert_eq!(is_listed.count(), usize::from(!account.queue.is_empty()));
                // The guarantee: once the others have no more than they may, it is had at once.
                if self.extra <= self.shared && account.taken < account.guaranteed {
                    assert!(self.free > 0 && account.queue.is_empty());
                }
            }
        }

        fn taken(&self, handler: u64) -> u32 {
            self.handlers[&handler].taken
        }
    }

    /// Takes as many places as there are to be had.
    fn take_all(state: &mut State, handler: u64) -> u32 {
        while state.ask(handler, 0) == Asked::Taken {}
        state.taken(handler)
    }

    #[test]
    fn one_handler_leaves_the_others_their_guarantees() {
        // Places, the most of each handler, and what each gets where they ask for all one after the other.
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
            let mut state = State::new(total);
            let handlers: Vec<u64> = most.iter().map(|most| state.add(*most)).collect();
            let taken: Vec<u32> = handlers
                .iter()
                .map(|handler| take_all(&mut state, *handler))
                .collect();
            assert_eq!(taken, expected, "{total} for {most:?}");
            state.assert_sound();
        }
    }

    #[test]
    fn a_handler_that_comes_gets_what_is_free_next() {
        let mut state = State::new(10);
        let busy = state.add(10);
        assert_eq!(take_all(&mut state, busy), 10);
        assert!(matches!(state.ask(busy, 9), Asked::Waits(_)));
        let other = state.add(10);
        for expected in 1..=2 {
            assert!(matches!(state.ask(other, 9), Asked::Waits(_)));
            state.release(busy);
            assert_eq!(state.hand_out().len(), 1);
            assert_eq!(state.taken(other), expected);
            state.assert_sound();
        }
        // Once it has its guarantee the rest is for both, in turn.
        assert!(matches!(state.ask(other, 9), Asked::Waits(_)));
        state.release(busy);
        assert_eq!(state.hand_out().len(), 1);
        assert_eq!((state.taken(busy), state.taken(other)), (8, 2));
        // It goes, and what it had guaranteed is for all again.
        for _ in 0..2 {
            state.release(other);
            state.hand_out();
        }
        let Some((ticket, _)) = state.handlers.get_mut(&other).unwrap().queue.pop_last() else {
            panic!("nobody waits");
        };
        assert!(ticket > 0);
        state.waiting.retain(|waiting| *waiting != other);
        state.remove(other);
        assert_eq!(take_all(&mut state, busy), 10);
        state.assert_sound();
    }

    #[test]
    fn turns_go_round_and_within_a_handler_by_age() {
        let mut state = State::new(1);
        let holder = state.add(1);
        assert_eq!(state.ask(holder, 0), Asked::Taken);
        let (first, second) = (state.add(1), state.add(1));
        let mut wait = |handler| match state.ask(handler, 9) {
            Asked::Waits(ticket) => (handler, ticket),
            asked => panic!("{asked:?}"),
        };
        let a = [wait(first), wait(first), wait(first)];
        let b = [wait(second), wait(second)];
        let mut last = holder;
        for (handler, ticket) in [a[0], b[0], a[1], b[1], a[2]] {
            let waker = Waker::noop();
            assert!(state.still_waits(handler, ticket, waker));
            state.release(last);
            assert_eq!(state.hand_out().len(), 1);
            assert!(!state.still_waits(handler, ticket, waker));
            last = handler;
            state.assert_sound();
        }
    }

    #[test]
    fn a_queue_has_an_end() {
        for max_queue in 0..3 {
            let mut state = State::new(1);
            let handler = state.add(1);
            assert_eq!(state.ask(handler, max_queue), Asked::Taken);
            for _ in 0..max_queue {
                assert!(matches!(state.ask(handler, max_queue), Asked::Waits(_)));
            }
            assert_eq!(state.ask(handler, max_queue), Asked::Refused);
        }
    }

    #[test]
    fn more_places_for_a_handler_are_handed_out() {
        let places = Places::new(10);
        let gate = places.gate(1);
        let Entry::Free(first) = gate.enter(1, 9) else {
            panic!("no place");
        };
        let Entry::Wait(mut turn) = gate.enter(1, 9) else {
            panic!("no turn");
        };
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut turn).poll(context).is_pending());
        let Entry::Free(third) = gate.enter(3, 9) else {
            panic!("no place");
        };
        let Poll::Ready(second) = Pin::new(&mut turn).poll(context) else {
            panic!("its turn has not come");
        };
        assert!(matches!(gate.enter(3, 0), Entry::Full));
        drop((first, second, third, turn));
        assert!(places.are_all_free());
    }

    #[test]
    fn a_turn_that_is_given_up_loses_no_place() {
        let places = Places::new(1);
        let gate = places.gate(1);
        let turn = || match gate.enter(1, 9) {
            Entry::Wait(turn) => turn,
            _ => panic!("no turn"),
        };
        let Entry::Free(slot) = gate.enter(1, 9) else {
            panic!("no place");
        };
        let (early, called, mut last) = (turn(), turn(), turn());
        drop(early);
        drop(slot);
        // The place is the second's, who never comes for it.
        drop(called);
        let context = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(slot) = Pin::new(&mut last).poll(context) else {
            panic!("its turn has not come");
        };
        assert!(!places.are_all_free());
        drop((slot, last));
        assert!(places.are_all_free());
        drop(gate);
        assert!(places.lock().handlers.is_empty());
    }

    /// Many random steps; after each of them all that must hold does, and at the end nobody was forgotten.
    #[test]
    fn whatever_happens_the_accounts_are_sound() {
        for seed in 1..=200 {
            let mut random = Random(seed);
            let mut state = State::new(random.below(12) as u32);
            // Of each handler the tickets of those that may still wait.
            let mut live: Vec<(u64, Vec<u64>)> = Vec::new();
            for _ in 0..1_000 {
                let pick = random.below(live.len().max(1) as u64) as usize;
                let step = random.below(16);
                match (step, live.get_mut(pick)) {
                    (0, _) | (_, None) => {
                        live.push((state.add(random.below(8) as u32), Vec::new()));
                    }
                    (1, Some((handler, _))) => state.resize(*handler, random.below(8) as u32),
                    (2, Some((handler, tickets))) => {
                        for ticket in tickets.drain(..) {
                            if state.still_waits(*handler, ticket, Waker::noop()) {
                                state.give_up(*handler, ticket);
                                state.hand_out();
                            }
                        }
                        while state.taken(*handler) > 0 {
                            state.release(*handler);
                            state.hand_out();
                        }
                        state.remove(*handler);
                        live.remove(pick);
                    }
                    (3..=8, Some((handler, tickets))) => {
                        let before = state.taken(*handler);
                        let asked = state.ask(*handler, 5);
                        if let Asked::Waits(ticket) = asked {
                            tickets.push(ticket);
                        }
                        let account = &state.handlers[handler];
                        let took = asked == Asked::Taken;
                        assert_eq!(account.taken, before + u32::from(took));
                        assert!(!took || account.taken <= account.most);
                        assert!(account.queue.len() <= 5);
                    }
                    (9, Some((handler, tickets))) if !tickets.is_empty() => {
                        let ticket = tickets.remove(random.below(tickets.len() as u64) as usize);
                        if state.still_waits(*handler, ticket, Waker::noop()) {
                            state.give_up(*handler, ticket);
                        }
                    }
                    (_, Some((handler, _))) => {
                        if state.taken(*handler) > 0 {
                            state.release(*handler);
                        }
                    }
                }
                state.hand_out();
                state.assert_sound();
            }
            // Whoever has a place gives it back: in the end all that could ever have one had it.
            for _ in 0..10_000 {
                let holders: Vec<u64> = live.iter().map(|(handler, _)| *handler).collect();
                for handler in holders {
                    if state.taken(handler) > 0 {
                        state.release(handler);
                        state.hand_out();
                    }
                }
            }
            let starved = state
                .handlers
                .values()
                .filter(|account| account.most > 0 && state.total > 0 && !account.queue.is_empty());
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
