//! The log lines about connections of a guest that its grants do not allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::account::ledger::Account;
use crate::account::resource::Resource;

/// Logs what was denied to an instance, up to [`Resource::DeniedLines`].
#[derive(Clone)]
pub(crate) struct DenialLog {
    handler: Arc<str>,
    account: Arc<Account>,
    request: Arc<AtomicU64>,
}

impl DenialLog {
    /// `handler` is the name of the handler, `account` the account of the instance, and `request` holds the number of the
    /// current request.
    pub fn new(handler: &Arc<str>, account: &Arc<Account>, request: &Arc<AtomicU64>) -> Self {
        Self {
            handler: handler.clone(),
            account: account.clone(),
            request: request.clone(),
        }
    }

    pub fn denied(&self, message: &str) {
        if self.account.charge(Resource::DeniedLines, 1).is_ok() {
            let request = self.request.load(Ordering::Relaxed);
            tracing::warn!(target: "guest", handler = %self.handler, request, "{message}");
        }
    }
}
