//! The table of resources that accounts count.

/// A resource. Its amounts are whole numbers of the unit given here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Bytes of linear memories and tables, and of what the host holds for a guest. Limits: `memory` for an instance,
    /// `total-memory` for a handler and for the server.
    Memory,
    /// Nanoseconds of CPU time. Limit: `cpu` for a request. Consumed: it is never given back.
    Cpu,
    /// Connections to other servers. Limit: `outbound-connections` for an instance.
    OutboundConnections,
    /// Open files and sockets of guests, and their connections to other servers. Limits: `max-open-files` for a handler, and
    /// what the process may open for the server.
    OpenFiles,
    /// Lines of the log about denied requests to other servers. Limit: [`DENIED_LINES`] for an instance. Consumed.
    DeniedLines,
}

impl Resource {
    /// Every resource, in the order of the accounts' entries.
    pub const ALL: [Self; 5] = [
        Self::Memory,
        Self::Cpu,
        Self::OutboundConnections,
        Self::OpenFiles,
        Self::DeniedLines,
    ];

    /// Whether the amount is given back when its owner ends. What is consumed stays in the accounts of the parents.
    pub fn is_held(self) -> bool {
        matches!(
            self,
            Self::Memory | Self::OutboundConnections | Self::OpenFiles
        )
    }
}

/// The owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Request,
    Instance,
    Handler,
    Server,
}

/// No limit.
pub(crate) const UNLIMITED: u64 = u64::MAX;

/// Log lines about denied requests to other servers, for each instance.
pub(crate) const DENIED_LINES: u64 = 8;
