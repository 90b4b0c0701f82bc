//! The limit of outbound connections of an instance. A request beyond the limit waits until a connection closes.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::Error;

use crate::account::ledger::{Account, Held};
use crate::account::resource::Resource;

/// The outbound connections of an instance, charged to its account.
#[derive(Clone)]
pub(super) struct Connections {
    account: Arc<Account>,
    /// Notified when a connection closes.
    closed: Arc<Notify>,
}

/// The charge for one connection. Dropping it releases the charge.
pub(super) struct Opened {
    connections: Connections,
    _file: Held,
}

impl Connections {
    pub fn new(account: Arc<Account>) -> Self {
        Self {
            account,
            closed: Arc::default(),
        }
    }

    /// Charges a connection. If the limit is reached, waits until a connection closes.
    ///
    /// # Errors
    ///
    /// If no connection closes before the deadline, or the handler or the server has too many open files.
    pub async fn open(self, deadline: Instant) -> Result<Opened, Error> {
        loop {
            // Registered before the charge, so that a connection which closes in between is not missed.
            let mut closed = pin!(self.closed.notified());
            closed.as_mut().enable();
            if self
                .account
                .charge(Resource::OutboundConnections, 1)
                .is_ok()
            {
                break;
            }
            let closed = timeout_at(deadline, closed).await;
            closed.map_err(|_| Error::ConnectionLimitReached)?;
        }
        let file = self.account.hold(Resource::OpenFiles, 1);
        let file = file.inspect_err(|_| self.close());
        Ok(Opened {
            _file: file.map_err(|_| Error::ConnectionLimitReached)?,
            connections: self,
        })
    }

    fn close(&self) {
        self.account.release(Resource::OutboundConnections, 1);
        self.closed.notify_one();
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.connections.close();
    }
}
