//! All results of a run.

use super::attacks::Attacked;
use super::endless::Endless;
use super::machine;
use super::memory::Memory;
use super::options::Options;
use super::peer::Peer;
use super::rounds::Rates;
use super::scratch::Scratch;
use super::start::Start;
use super::syscalls::Calls;

pub struct Report {
    /// The machine, the versions and the settings, as pairs of a name and a text.
    pub facts: Vec<(&'static str, String)>,
    /// Peers that were not measured, and why.
    pub missing: Vec<(Peer, String)>,
    pub no_strace: bool,
    pub rates: Vec<Rates>,
    pub syscalls: Vec<Calls>,
    pub endless: Vec<Endless>,
    pub attacks: Vec<Attacked>,
    pub memory: Vec<Memory>,
    pub start: Vec<Start>,
}

impl Report {
    pub fn new(options: &Options, scratch: &Scratch) -> Self {
        let mut facts = machine::describe();
        for peer in Peer::ALL {
            if let Some(version) = peer.version(scratch)
                && peer != Peer::WasmtimeKept
                && peer.missing(scratch).is_none()
            {
                facts.push((peer.program(), version));
            }
        }
        let place = match machine::pins() {
            true => "server on processor 0, load on processor 1",
            false => {
                "server and load share the processors, because the machine has only one or taskset is not installed"
            }
        };
        facts.push((
            "Settings",
            format!(
                "{place}; {} rounds of {} s for each peer in turn, after {} s of warm-up; wrk with one thread",
                options.rounds(),
                options.duration().as_secs(),
                options.warm_up().as_secs()
            ),
        ));
        let missing = Peer::ALL.into_iter().filter_map(|peer| {
            let why = match options.wants_peer(peer.name()) {
                true => peer.missing(scratch)?.to_owned(),
                false => "left out by `--peers`".to_owned(),
            };
            // Most runs do not compare two builds, so the report does not mention a missing build.
            (peer != Peer::Against).then_some((peer, why))
        });
        Self {
            facts,
            missing: missing.collect(),
            no_strace: scratch.strace.is_none(),
            rates: Vec::new(),
            syscalls: Vec::new(),
            endless: Vec::new(),
            attacks: Vec::new(),
            memory: Vec::new(),
            start: Vec::new(),
        }
    }

    pub fn rates(&self, work: &str) -> Option<&Rates> {
        self.rates.iter().find(|rates| rates.work.name == work)
    }

    /// Resident memory in bytes.
    pub fn memory(&self, peer: Peer, state: &str) -> Option<f64> {
        let mut all = self.memory.iter();
        Some(
            all.find(|memory| memory.peer == peer && memory.state == state)?
                .resident,
        )
    }

    pub fn fact(&self, name: &str) -> Option<&str> {
        let mut facts = self.facts.iter();
        Some(&facts.find(|(known, _)| *known == name)?.1)
    }
}
