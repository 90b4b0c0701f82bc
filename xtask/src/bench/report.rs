//! Everything that was measured, and its text.

use super::endless::Endless;
use super::goals;
use super::machine;
use super::markdown::Table;
use super::memory::{self, Memory};
use super::options::Options;
use super::peer::Peer;
use super::rounds::Rates;
use super::scratch::Scratch;
use super::start::Start;
use super::statistics::{time, whole};
use super::syscalls::Calls;
use super::works::Task;

pub struct Report {
    facts: Vec<(&'static str, String)>,
    /// Peers that were not measured, and why.
    missing: Vec<(Peer, String)>,
    no_strace: bool,
    pub rates: Vec<Rates>,
    pub syscalls: Vec<Calls>,
    pub endless: Vec<Endless>,
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
            false => "server and load share the processors: there is one alone, or no taskset",
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
            // To compare builds is the exception.
            (peer != Peer::Against).then_some((peer, why))
        });
        Self {
            facts,
            missing: missing.collect(),
            no_strace: scratch.strace.is_none(),
            rates: Vec::new(),
            syscalls: Vec::new(),
            endless: Vec::new(),
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

    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "# Results\n\nWritten by `cargo xtask bench`; [README.md](README.md) says what is measured and how. \
             Figures are medians of\nthe rounds, ratios are medians of each round's ratio.\n",
        );
        let sections = [
            ("The figures to reach", self.goals()),
            ("Requests per second", self.all_rates()),
            ("From 1 to 256 connections", self.growth()),
            ("Processors", self.processors()),
            ("System calls for each request", self.system_calls()),
            ("A hello while eight handlers loop for ever", self.endless()),
            ("Resident memory", self.memory_table()),
            ("From start to first answer", self.start()),
            ("Not measured", self.not_measured()),
            ("Machine, versions and settings", self.machine()),
        ];
        for (title, content) in sections {
            if !content.is_empty() {
                text.push_str(&format!("\n## {title}\n\n{content}"));
            }
        }
        text
    }

    fn goals(&self) -> String {
        let mut table = Table::new(&["", "measured", "at least", "aim", "", "by CPU time"]);
        for goal in &goals::ALL {
            let measured = goal.measured(self);
            table.row([
                goal.what.to_owned(),
                measured.map_or("-".into(), |measured| goal.unit.text(measured)),
                goal.unit.text(goal.at_least),
                goal.unit.text(goal.aim),
                goal.verdict(measured).text().to_owned(),
                goal.by_processor(self)
                    .map_or("-".into(), |ratio| goal.unit.text(ratio)),
            ]);
        }
        format!(
            "The last column is the same ratio by the CPU time of a request: it holds too where the load generator, or \
             another\nprogram on the machine, was the limit.\n\n{}",
            table.text()
        )
    }

    fn system_calls(&self) -> String {
        let mut table = Table::new(&["", "work", "calls a request", "which"]).with_text(&[1, 3]);
        for calls in &self.syscalls {
            let kinds = calls
                .kinds
                .iter()
                .map(|(name, number)| format!("{name} {number:.1}"));
            table.row([
                calls.peer.title().to_owned(),
                calls.work.to_owned(),
                format!("{:.1}", calls.each),
                kinds.collect::<Vec<_>>().join(", "),
            ]);
        }
        if table.is_empty() {
            String::new()
        } else {
            table.text()
        }
    }

    fn endless(&self) -> String {
        let mut table = Table::new(&[
            "",
            "endless handlers",
            "p50",
            "p99",
            "p99.9",
            "requests",
            "failed",
        ]);
        for endless in &self.endless {
            table.row([
                endless.peer.title().to_owned(),
                endless.loops.to_string(),
                time(endless.p50),
                time(endless.p99),
                time(endless.p999),
                endless.requests.to_string(),
                endless.failed.to_string(),
            ]);
        }
        if table.is_empty() {
            String::new()
        } else {
            table.text()
        }
    }

    fn memory_table(&self) -> String {
        let states = [memory::IDLE, memory::SOME, memory::MANY, memory::CROWD];
        let mut table = Table::new(&[&["MB"], states.as_slice()].concat());
        for peer in Peer::ALL {
            if self.memory(peer, memory::IDLE).is_none() {
                continue;
            }
            let cells = states.map(|state| {
                let found = self
                    .memory
                    .iter()
                    .find(|memory| memory.peer == peer && memory.state == state);
                found.map_or("-".into(), |memory| {
                    let short = memory.reached.filter(|(reached, of)| reached < of);
                    let short =
                        short.map(|(reached, _)| format!(" ({} reached)", whole(reached as f64)));
                    format!("{:.1}{}", memory.resident / 1e6, short.unwrap_or_default())
                })
            });
            table.row([peer.title().to_owned()].into_iter().chain(cells));
        }
        if table.is_empty() {
            String::new()
        } else {
            table.text()
        }
    }

    fn start(&self) -> String {
        let mut table =
            Table::new(&["", "what it serves", "cache empty", "cache warm"]).with_text(&[1]);
        for start in &self.start {
            table.row([
                start.peer.title().to_owned(),
                if start.task == Task::Files {
                    "files"
                } else {
                    "hello"
                }
                .to_owned(),
                start.cold.map_or("-".into(), time),
                start.warm.map_or("-".into(), time),
            ]);
        }
        if table.is_empty() {
            String::new()
        } else {
            table.text()
        }
    }

    fn not_measured(&self) -> String {
        let peers = self
            .missing
            .iter()
            .map(|(peer, why)| format!("- {}: {why}\n", peer.title()));
        let strace = self
            .no_strace
            .then(|| "- system calls: strace is not installed\n".to_owned());
        peers.chain(strace).collect()
    }

    fn machine(&self) -> String {
        self.facts
            .iter()
            .map(|(name, text)| format!("- {name}: {text}\n"))
            .collect()
    }
}
