//! Places for instances, shared by the handlers so that none can take them all.
//!
//! A part of the places is guaranteed, the same to each handler; the rest is for whoever asks first. Where none is free,
//! requests wait: within a handler the first that came goes first, and between handlers it goes in turn.

mod fair_queue;
pub(crate) mod rates;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use fair_queue::{Accounts, Asked};

/// The places of an engine.
pub(crate) struct Places(Mutex<Accounts>);

/// A handler's way to the places, shared by all its versions. Its guarantee ends with it.
pub(crate) struct Gate {
    places: Arc<Places>,
    handler: u64,
    /// The most places that the handler may have, as was last said.
    most: AtomicU32,
}

/// A place that is taken, and free again when this is dropped.
pub(crate) struct Slot(Arc<Gate>);

/// What a request finds at the gate.
pub(crate) enum Entry {
    Free(Slot),
    Wait(Turn),
}

/// A request's turn, to be waited for. Dropping it gives it up.
pub(crate) struct Turn {
    gate: Arc<Gate>,
    /// None once the turn has come.
    ticket: Option<u64>,
}

impl Places {
    pub fn new(total: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Accounts::new(total))))
    }

    /// A gate for one more handler, with at most `most` places.
    pub fn gate(self: &Arc<Self>, most: u32) -> Arc<Gate> {
        Arc::new(Gate {
            places: self.clone(),
            handler: self.change(|accounts| accounts.add(most)),
            most: most.into(),
        })
    }

    /// Places that nobody has.
    pub fn free(&self) -> usize {
        self.lock().free() as usize
    }

    /// Whether nobody has a place.
    pub fn are_all_free(&self) -> bool {
        self.lock().are_all_free()
    }

    /// Makes a change after which some that wait may have their turn.
    fn change<T>(&self, change: impl FnOnce(&mut Accounts) -> T) -> T {
        let mut accounts = self.lock();
        let outcome = change(&mut accounts);
        let called = accounts.hand_out();
        drop(accounts);
        called.into_iter().for_each(Waker::wake);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Asks for one of at most `most` places, or for a turn. None where `max_queue` requests wait already.
    pub fn enter(self: &Arc<Self>, most: u32, max_queue: u32) -> Option<Entry> {
        if self.most.load(Ordering::Relaxed) != most {
            self.most.store(most, Ordering::Relaxed);
            self.places
                .change(|accounts| accounts.resize(self.handler, most));
        }
        let asked = self.places.lock().ask(self.handler, max_queue);
        match asked {
            Asked::Taken => Some(Entry::Free(Slot(self.clone()))),
            Asked::Waits(ticket) => Some(Entry::Wait(Turn {
                gate: self.clone(),
                ticket: Some(ticket),
            })),
            Asked::Refused => None,
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.places.change(|accounts| accounts.remove(self.handler));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Gate {
            places, handler, ..
        } = &*self.0;
        places.change(|accounts| accounts.release(*handler));
    }
}

impl Future for Turn {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Slot> {
        if let Some(ticket) = self.ticket {
            let mut accounts = self.gate.places.lock();
            if accounts.still_waits(self.gate.handler, ticket, context.waker()) {
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
                .change(|accounts| accounts.give_up(handler, ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_places_for_a_handler_are_handed_out() {
        let places = Places::new(10);
        let gate = places.gate(1);
        let Some(Entry::Free(first)) = gate.enter(1, 9) else {
            panic!("no place");
        };
        let Some(Entry::Wait(mut turn)) = gate.enter(1, 9) else {
            panic!("no turn");
        };
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut turn).poll(context).is_pending());
        let Some(Entry::Free(third)) = gate.enter(3, 9) else {
            panic!("no place");
        };
        let Poll::Ready(second) = Pin::new(&mut turn).poll(context) else {
            panic!("its turn has not come");
        };
        assert!(gate.enter(3, 0).is_none());
        drop((first, second, third, turn));
        assert!(places.are_all_free());
    }

    #[test]
    fn a_turn_that_is_given_up_loses_no_place() {
        let places = Places::new(1);
        let gate = places.gate(1);
        let turn = || match gate.enter(1, 9) {
            Some(Entry::Wait(turn)) => turn,
            _ => panic!("no turn"),
        };
        let Some(Entry::Free(slot)) = gate.enter(1, 9) else {
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
    }
}
