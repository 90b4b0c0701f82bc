//! The accounts of places: who has how many, and who waits.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

/// Who has how many places, and who waits.
///
/// After each change but [`ask`](Self::ask), which only takes, [`hand_out`](Self::hand_out) is to be called.
pub(super) struct Accounts {
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
pub(super) enum Asked {
    Taken,
    /// By this ticket.
    Waits(u64),
    Refused,
}

impl Accounts {
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

    /// A further handler, by the number that is returned.
    pub fn add(&mut self, most: u32) -> u64 {
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
    pub fn remove(&mut self, handler: u64) {
        self.handlers.remove(&handler);
        self.guarantee();
    }

    /// Lets a handler have at most so many places from now on.
    pub fn resize(&mut self, handler: u64, most: u32) {
        if let Some(account) = self.handlers.get_mut(&handler) {
            account.most = most;
        }
        self.guarantee();
    }

    pub fn free(&self) -> u32 {
        self.free
    }

    pub fn are_all_free(&self) -> bool {
        self.free == self.total
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

    /// Takes a place, or a ticket where fewer than `max_queue` of the handler's requests wait.
    pub fn ask(&mut self, handler: u64, max_queue: u32) -> Asked {
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

    /// A place of the handler's is free again.
    pub fn release(&mut self, handler: u64) {
        if let Some(account) = self.handlers.get_mut(&handler) {
            self.extra -= u32::from(account.taken > account.guaranteed);
            account.taken -= 1;
            self.free += 1;
        }
    }

    /// Whether the turn is yet to come, in which case the waker is told of it.
    pub fn still_waits(&mut self, handler: u64, ticket: u64, waker: &Waker) -> bool {
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
    pub fn give_up(&mut self, handler: u64, ticket: u64) {
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
    pub fn hand_out(&mut self) -> Vec<Waker> {
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

    impl Accounts {
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
    fn take_all(state: &mut Accounts, handler: u64) -> u32 {
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
            let mut state = Accounts::new(total);
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
        let mut state = Accounts::new(10);
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
        while state.taken(other) > 0 {
            state.release(other);
            state.hand_out();
        }
        state.remove(other);
        assert_eq!(take_all(&mut state, busy), 10);
        state.assert_sound();
    }

    #[test]
    fn turns_go_round_and_within_a_handler_by_age() {
        let mut state = Accounts::new(1);
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
            let mut state = Accounts::new(1);
            let handler = state.add(1);
            assert_eq!(state.ask(handler, max_queue), Asked::Taken);
            for _ in 0..max_queue {
                assert!(matches!(state.ask(handler, max_queue), Asked::Waits(_)));
            }
            assert_eq!(state.ask(handler, max_queue), Asked::Refused);
        }
    }

    /// Many random steps; after each of them all that must hold does, and at the end nobody was forgotten.
    #[test]
    fn whatever_happens_the_accounts_are_sound() {
        for seed in 1..=200 {
            let mut random = Random(seed);
            let mut state = Accounts::new(random.below(12) as u32);
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
