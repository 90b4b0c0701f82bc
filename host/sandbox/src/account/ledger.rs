//! Accounts: what their owners use, their limits, and their parents.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::resource::{Resource, Scope, UNLIMITED};
use super::share::Share;

/// What a request, an instance, a handler or the server uses, and may use at most.
///
/// Dropping an account gives back to its parents what it still holds.
#[derive(Debug)]
pub(crate) struct Account {
    scope: Scope,
    entries: [Entry; Resource::ALL.len()],
    /// Counts the memory of an account that its parent guarantees a part to, instead of the entry.
    share: Option<Share>,
    parent: Option<Arc<Account>>,
}

#[derive(Debug)]
struct Entry {
    used: AtomicU64,
    limit: AtomicU64,
}

/// A charge was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The owner of the account whose limit it would have exceeded.
    pub scope: Scope,
    pub limit: u64,
}

impl Account {
    /// The account of the server.
    pub fn server() -> Arc<Self> {
        Arc::new(Self::new(Scope::Server, None))
    }

    /// An account below this one. It has no limits of its own yet.
    pub fn child(self: &Arc<Self>, scope: Scope) -> Self {
        Self::new(scope, Some(self.clone()))
    }

    /// An account below this one whose memory is partly guaranteed, see [`guarantee`](Self::guarantee).
    pub fn sharing_child(self: &Arc<Self>, scope: Scope) -> Self {
        let mut account = self.child(scope);
        account.share = Some(Share::default());
        account
    }

    fn new(scope: Scope, parent: Option<Arc<Self>>) -> Self {
        Self {
            share: None,
            scope,
            entries: [const {
                Entry {
                    used: AtomicU64::new(0),
                    limit: AtomicU64::new(UNLIMITED),
                }
            }; Resource::ALL.len()],
            parent,
        }
    }

    /// Sets a limit. It holds for the charges that follow; what is used already stays.
    pub fn limited(self, resource: Resource, limit: u64) -> Self {
        self.limit(resource, limit);
        self
    }

    /// As [`limited`](Self::limited), for an account that is in use.
    pub fn limit(&self, resource: Resource, limit: u64) {
        let entry = self.entry(resource);
        // Requests set the same limit again and again, and the processors share this entry.
        if entry.limit.load(Ordering::Relaxed) != limit {
            entry.limit.store(limit, Ordering::Relaxed);
        }
    }

    /// Charges an amount to this account and its parents.
    ///
    /// # Errors
    ///
    /// If that exceeds the limit of one of them. Nothing is charged then.
    pub fn charge(&self, resource: Resource, amount: u64) -> Result<(), Exceeded> {
        let Some(more) = self.add(resource, amount) else {
            return Err(Exceeded {
                scope: self.scope,
                limit: self.limit_of(resource),
            });
        };
        if let Some(parent) = &self.parent
            && more > 0
            && let Err(exceeded) = parent.charge(resource, more)
        {
            let less = self.subtract(resource, amount);
            // They differ if the guaranteed part, or what the account uses, changed in between.
            parent.adjust(resource, less, more);
            return Err(exceeded);
        }
        Ok(())
    }

    /// Charges an amount until the result is dropped.
    ///
    /// # Errors
    ///
    /// As for [`charge`](Self::charge).
    pub fn hold(self: &Arc<Self>, resource: Resource, amount: u64) -> Result<Held, Exceeded> {
        self.charge(resource, amount)?;
        Ok(Held {
            account: self.clone(),
            resource,
            amount,
        })
    }

    /// Guarantees a part of the parent's memory to a [sharing](Self::sharing_child) account. The parent counts that part as
    /// used from now on, so that it is free when the account needs it.
    pub fn guarantee(&self, amount: u64) {
        if let (Some(share), Some(parent)) = (&self.share, &self.parent) {
            let (before, after) = share.guarantee(amount);
            parent.adjust(Resource::Memory, before, after);
        }
    }

    /// The limit of this account.
    pub fn limit_of(&self, resource: Resource) -> u64 {
        self.entry(resource).limit.load(Ordering::Relaxed)
    }

    pub fn parent(&self) -> Option<&Arc<Self>> {
        self.parent.as_ref()
    }

    /// Records an amount that has been used already, whatever the limits are.
    pub fn record(&self, resource: Resource, amount: u64) {
        let mut account = Some(self);
        while let Some(this) = account {
            this.entry(resource)
                .used
                .fetch_add(amount, Ordering::Relaxed);
            account = this.parent.as_deref();
        }
    }

    /// Gives back an amount that was charged to this account and its parents.
    pub fn release(&self, resource: Resource, amount: u64) {
        let (mut account, mut amount) = (Some(self), amount);
        while let Some(this) = account
            && amount > 0
        {
            amount = this.subtract(resource, amount);
            account = this.parent.as_deref();
        }
    }

    /// Replaces a part of what is used, whatever the limits are.
    fn adjust(&self, resource: Resource, before: u64, after: u64) {
        match after.checked_sub(before) {
            Some(more) => self.record(resource, more),
            None => self.release(resource, before - after),
        }
    }

    /// Adds an amount, unless that exceeds the limit. Returns the amount to charge to the parent.
    fn add(&self, resource: Resource, amount: u64) -> Option<u64> {
        let entry = self.entry(resource);
        match self.share_of(resource) {
            Some(share) => share.add(amount, entry.limit.load(Ordering::Relaxed)),
            None => entry.add(amount).then_some(amount),
        }
    }

    /// Subtracts an amount. Returns the amount to give back to the parent.
    fn subtract(&self, resource: Resource, amount: u64) -> u64 {
        match self.share_of(resource) {
            Some(share) => share.subtract(amount),
            None => {
                self.entry(resource).subtract(amount);
                amount
            }
        }
    }

    fn share_of(&self, resource: Resource) -> Option<&Share> {
        self.share.as_ref().filter(|_| resource == Resource::Memory)
    }

    /// The amount used now, or consumed so far.
    pub fn used(&self, resource: Resource) -> u64 {
        match self.share_of(resource) {
            Some(share) => share.used(),
            None => self.entry(resource).used.load(Ordering::Relaxed),
        }
    }

    fn entry(&self, resource: Resource) -> &Entry {
        &self.entries[resource as usize]
    }
}

impl Entry {
    /// Adds an amount, unless that exceeds the limit.
    fn add(&self, amount: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let sum = |used: u64| used.checked_add(amount).filter(|used| *used <= limit);
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.used.fetch_update(set, read, sum).is_ok()
    }

    fn subtract(&self, amount: u64) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// A charge that is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    account: Arc<Account>,
    resource: Resource,
    amount: u64,
}

impl Held {
    /// Leaves the amount charged. It is to be [released](Account::release), or given back with the account.
    pub fn keep(mut self) {
        self.amount = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.release(self.resource, self.amount);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let Some(parent) = &self.parent else { return };
        if let Some(share) = &self.share {
            parent.release(Resource::Memory, share.counted());
        }
        for resource in Resource::ALL.into_iter().filter(|one| one.is_held()) {
            let held = *self.entries[resource as usize].used.get_mut();
            if held > 0 {
                parent.release(resource, held);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(limit: u64) -> Arc<Account> {
        let server = Account::server();
        let handler = server.child(Scope::Handler);
        Arc::new(handler.limited(Resource::Memory, limit))
    }

    #[test]
    fn charges_every_parent() {
        let handler = handler(UNLIMITED);
        let instance = handler.child(Scope::Instance);
        instance.charge(Resource::Memory, 7).unwrap();
        instance.record(Resource::Cpu, 5);
        let server = handler.parent.as_ref().unwrap();
        for account in [&instance, &handler, server] {
            assert_eq!(account.used(Resource::Memory), 7);
            assert_eq!(account.used(Resource::Cpu), 5);
        }
    }

    #[test]
    fn names_the_scope_of_the_exceeded_limit_and_charges_nothing() {
        let handler = handler(100);
        let limited = |limit| {
            handler
                .child(Scope::Instance)
                .limited(Resource::Memory, limit)
        };
        let first = limited(80);
        let second = limited(80);
        for (account, amount, expected) in [
            (&first, 81, Some(Scope::Instance)),
            (&first, 80, None),
            (&first, u64::MAX, Some(Scope::Instance)),
            (&second, 21, Some(Scope::Handler)),
            (&second, 20, None),
        ] {
            let charged = account.charge(Resource::Memory, amount);
            assert_eq!(charged.err().map(|exceeded| exceeded.scope), expected);
        }
        assert_eq!(handler.used(Resource::Memory), 100);
    }

    #[test]
    fn a_dropped_account_gives_back_what_it_held_and_not_what_it_consumed() {
        let handler = handler(100);
        let instance = handler.child(Scope::Instance);
        instance.charge(Resource::Memory, 60).unwrap();
        instance.release(Resource::Memory, 10);
        instance.record(Resource::Cpu, 5);
        drop(instance);
        assert_eq!(handler.used(Resource::Memory), 0);
        assert_eq!(handler.used(Resource::Cpu), 5);
    }

    #[test]
    fn a_lower_limit_holds_for_later_charges() {
        let handler = handler(100);
        let instance = handler.child(Scope::Instance);
        instance.charge(Resource::Memory, 60).unwrap();
        handler.limit(Resource::Memory, 50);
        assert!(instance.charge(Resource::Memory, 1).is_err());
        instance.release(Resource::Memory, 20);
        assert!(instance.charge(Resource::Memory, 10).is_ok());
    }
}
