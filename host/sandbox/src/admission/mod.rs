//! Admission: which request gets an instance, and when.
//!
//! An engine has a number of permits, and each running instance holds one. Half of the permits are guaranteed to the
//! handlers in equal parts; the rest go to whichever handler asks first, so that no handler can take them all. If no permit
//! is free, requests queue: in turn between handlers ([`fair_queue`]), and within a handler in turn between its clients
//! ([`clients`]).
//!
//! [`rates`] refuses requests that exceed `rate` or `client-rate` before they ask for a permit.

mod clients;
mod fair_queue;
pub(crate) mod rates;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::client_network::ClientNetwork;
use fair_queue::{FairQueue, Requested};

/// The permits of an engine.
pub(crate) struct Permits(Mutex<FairQueue>);

/// A handler's access to the permits, shared by all its versions. Dropping it frees the handler's guaranteed part.
pub(crate) struct Limiter {
    permits: Arc<Permits>,
    handler: u64,
    /// The most permits that the handler may hold, as set last.
    max: AtomicU32,
}

/// The permission to run one instance, for a request of a client. Dropping it frees the permit.
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    client: ClientNetwork,
}

/// The outcome of a request for a permit.
pub(crate) enum Admission {
    Granted(Permit),
    Queued(Queued),
}

/// A request in the queue: a future that resolves to its permit. Dropping it leaves the queue.
pub(crate) struct Queued {
    limiter: Arc<Limiter>,
    client: ClientNetwork,
    /// None once the permit has been granted.
    ticket: Option<u64>,
}

/// A request that takes long. Its permit can be recalled, so that another client gets it.
pub(crate) struct LongRequest {
    limiter: Arc<Limiter>,
    client: ClientNetwork,
    ticket: u64,
    recalled: Option<oneshot::Receiver<()>>,
}

impl Permits {
    pub fn new(total: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(FairQueue::new(total))))
    }

    /// The access of one more handler, which may hold at most `max` permits.
    pub fn limiter(self: &Arc<Self>, max: u32) -> Arc<Limiter> {
        Arc::new(Limiter {
            permits: self.clone(),
            handler: self.change(|queue| queue.add(max)),
            max: max.into(),
        })
    }

    /// The number of free permits.
    pub fn free(&self) -> usize {
        self.lock().free() as usize
    }

    /// Whether all permits are free, so that no instance runs.
    pub fn are_all_free(&self) -> bool {
        self.lock().are_all_free()
    }

    /// Makes a change, then grants free permits to queued requests.
    fn change<T>(&self, change: impl FnOnce(&mut FairQueue) -> T) -> T {
        let mut queue = self.lock();
        let outcome = change(&mut queue);
        let granted = queue.grant();
        drop(queue);
        granted.into_iter().for_each(Waker::wake);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, FairQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limiter {
    /// Requests a permit for a request of `client`. The handler may hold at most `max`, and at most `max_queue` of its
    /// requests may be queued; None if the queue is full.
    pub fn admit(
        self: &Arc<Self>,
        client: ClientNetwork,
        max: u32,
        max_queue: u32,
    ) -> Option<Admission> {
        if self.max.load(Ordering::Relaxed) != max {
            self.max.store(max, Ordering::Relaxed);
            self.permits.change(|queue| queue.resize(self.handler, max));
        }
        let mut queue = self.permits.lock();
        let limiter = self.clone();
        match queue.request(self.handler, client, max_queue) {
            Requested::Granted => Some(Admission::Granted(Permit { limiter, client })),
            Requested::Queued(ticket) => {
                if let Some(clients) = queue.clients(self.handler) {
                    clients.recall(client, LONG);
                }
                Some(Admission::Queued(Queued {
                    limiter,
                    client,
                    ticket: Some(ticket),
                }))
            }
            Requested::Refused => None,
        }
    }

    /// Notes that a request of `client` takes long from now on.
    pub fn long_request(self: &Arc<Self>, client: ClientNetwork) -> LongRequest {
        let mut queue = self.permits.lock();
        let ticket = queue.number();
        let clients = queue.clients(self.handler);
        LongRequest {
            limiter: self.clone(),
            client,
            ticket,
            recalled: clients.map(|clients| clients.take_long(client, ticket)),
        }
    }
}

impl LongRequest {
    /// Waits until the permit of the request is recalled.
    pub fn poll_recalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(recalled) = &mut self.recalled {
            let message = ready!(Pin::new(recalled).poll(context));
            self.recalled = None;
            if message.is_ok() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Drop for LongRequest {
    fn drop(&mut self) {
        let mut queue = self.limiter.permits.lock();
        if let Some(clients) = queue.clients(self.limiter.handler) {
            clients.end_long(self.client, self.ticket);
        }
    }
}

impl Queued {
    /// Waits for the permit, for up to `timeout`. Returns None if it was not granted.
    pub async fn granted(mut self, timeout: Duration) -> Option<Permit> {
        let first = LONG.min(timeout / 2);
        if let Ok(permit) = tokio::time::timeout(first, &mut self).await {
            return Some(permit);
        }
        // What had its permit when the request queued, has by now had it for this time.
        if let Some(clients) = self.limiter.permits.lock().clients(self.limiter.handler) {
            clients.recall(self.client, first);
        }
        tokio::time::timeout(timeout - first, self).await.ok()
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.permits.change(|queue| queue.remove(self.handler));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Limiter {
            permits, handler, ..
        } = &*self.limiter;
        permits.change(|queue| queue.release(*handler, self.client));
    }
}

impl Future for Queued {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        let client = self.client;
        if let Some(ticket) = self.ticket {
            let mut queue = self.limiter.permits.lock();
            if queue.is_queued(self.limiter.handler, client, ticket, context.waker()) {
                return Poll::Pending;
            }
        }
        match self.ticket.take() {
            Some(_) => Poll::Ready(Permit {
                limiter: self.limiter.clone(),
                client,
            }),
            // The future resolved before.
            None => Poll::Pending,
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let (handler, client) = (self.limiter.handler, self.client);
            self.limiter
                .permits
                .change(|queue| queue.withdraw(handler, client, ticket));
        }
    }
}

/// The time after which a request takes long: its permit can be recalled from then on.
const LONG: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ClientNetwork = ClientNetwork::NONE;

    #[test]
    fn a_raised_limit_grants_permits_to_queued_requests() {
        let permits = Permits::new(10);
        let limiter = permits.limiter(1);
        let Some(Admission::Granted(first)) = limiter.admit(ONE, 1, 9) else {
            panic!("no permit");
        };
        let Some(Admission::Queued(mut queued)) = limiter.admit(ONE, 1, 9) else {
            panic!("not queued");
        };
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut queued).poll(context).is_pending());
        let Some(Admission::Granted(third)) = limiter.admit(ONE, 3, 9) else {
            panic!("no permit");
        };
        let Poll::Ready(second) = Pin::new(&mut queued).poll(context) else {
            panic!("no permit was granted");
        };
        assert!(limiter.admit(ONE, 3, 0).is_none());
        drop((first, second, third, queued));
        assert!(permits.are_all_free());
    }

    #[test]
    fn a_withdrawn_request_loses_no_permit() {
        let permits = Permits::new(1);
        let limiter = permits.limiter(1);
        let queued = || match limiter.admit(ONE, 1, 9) {
            Some(Admission::Queued(queued)) => queued,
            _ => panic!("not queued"),
        };
        let Some(Admission::Granted(permit)) = limiter.admit(ONE, 1, 9) else {
            panic!("no permit");
        };
        let (early, granted, mut last) = (queued(), queued(), queued());
        drop(early);
        drop(permit);
        // The permit goes to the second request, which is dropped before it takes it.
        drop(granted);
        let context = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(permit) = Pin::new(&mut last).poll(context) else {
            panic!("no permit was granted");
        };
        assert!(!permits.are_all_free());
        drop((permit, last));
        assert!(permits.are_all_free());
    }
}
